"""Foreign TLS stacks with good and bad certificates: the right status, and a record that tshark confirms."""

import collections
import subprocess

import pytest
from interop import capture, clients, matrix
from interop.matrix import OWN

from support.server import Server, firstring, json_lines, make_state

pytestmark = pytest.mark.takes_long

RECORDED = {"1.0": "TLSv1", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3"}
NUMBERS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# TLS 1.1 with one client: nothing chooses by it that 1.0 does not.
KINDS = [(name, version) for name, kind in clients.ALL.items() for version in kind.versions if version != "1.1" or name == "java"]
CELLS = matrix.cells(KINDS)
RESUMING = [(name, version) for name, kind in clients.ALL.items() for version in kind.resumes]


# `got`: the client's answer, of a client that came twice the statuses; `rows` and `seen`: the ledger and what tshark saw, of
# one or two connections.
Outcome = collections.namedtuple("Outcome", "got rows seen")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, certificates):
    """{cell or (client, version) that resumes: Outcome}; one after the other."""
    missing = clients.missing_programs()
    if missing:
        pytest.fail(f"these programs are missing, see scripts/packages.txt: {missing}")
    folder = tmp_path_factory.mktemp("interop")
    made = {}
    for name, kind in clients.ALL.items():
        (folder / name).mkdir()
        made[name] = kind(folder / name, certificates)
    # With one worker, a client that comes back at once cannot meet a second one before the first has kept its session.
    state = make_state(folder / "state", certificates, workers=1)

    with Server(state) as server:
        with capture.Capture(folder, server.port) if capture.possible() else capture.Nothing() as seen:
            got = {
                cell: made[cell.client].run(server.port, certificates.by_name(cell.identity), cell.file, cell.version).stdout
                for cell in CELLS
            }
            for name, version in RESUMING:
                got[name, version] = made[name].get_twice(server.port, certificates.own, OWN, version)
            rows = server.all_rows()
            assert len(rows) == len(CELLS) + 2 * len(RESUMING), "one row a connection"
            handshakes = seen.handshakes(sum(row["version"] != "" for row in rows)) if seen else {}
    # Rows and captured connections are both in the order of time.
    seen_by_row = [handshakes[row["port"]].pop(0) if handshakes.get(row["port"]) else None for row in rows]
    found = {}
    for key, answer in got.items():
        count = 2 if key in RESUMING else 1
        found[key] = Outcome(answer, rows[:count], seen_by_row[:count])
        del rows[:count], seen_by_row[:count]
    return found


@pytest.fixture(scope="module")
def results(outcomes):
    """{cell: (answer, row, what tshark saw or None)}"""
    return {cell: (outcomes[cell].got, outcomes[cell].rows[0], outcomes[cell].seen[0]) for cell in CELLS}


@pytest.mark.parametrize("cell", CELLS, ids=matrix.name_of)
def test_matrix(results, cell):
    answer, row, _ = results[cell]
    matrix.check(cell, answer, row)
    assert row["version"] == RECORDED[cell.version]


@pytest.fixture(scope="module")
def suite_names():
    """{number: OpenSSL's name}"""
    listing = subprocess.run(["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True, check=True)
    names = {}
    for line in listing.stdout.splitlines():
        number, _, name = line.split()[:3]
        high, low = number.split(",")
        names[int(high, 16) * 256 + int(low, 16)] = name
    return names


def test_tshark_confirms_version_and_cipher_of_every_connection(results, suite_names):
    if not capture.possible():
        pytest.skip("capturing on the loopback interface needs root")
    for cell, (_, row, seen) in results.items():
        assert seen is not None, cell
        assert (NUMBERS[row["version"]], row["cipher"]) == (seen.version, suite_names[seen.suite]), cell


@pytest.mark.parametrize("client, version", RESUMING, ids=lambda value: value)
def test_a_resumed_session_keeps_the_phones_identity(outcomes, client, version):
    statuses, (first, second), _ = outcomes[client, version]
    assert (first["resumed"], second["resumed"]) == (False, True)
    for name in ("version", "cipher", "certificate", "verdict", "device", "personality"):
        assert first[name] == second[name], name
    assert (second["outcome"], second["status"], second["reason"], second["assurance"]) == ("ok", 200, "bound", "certificate")
    assert statuses[-1] == 200


def test_fingerprints_equal_those_of_tshark_in_resumed_sessions_too(outcomes):
    if not capture.possible():
        pytest.skip("capturing on the loopback interface needs root")
    for key, outcome in outcomes.items():
        for row, seen in zip(outcome.rows, outcome.seen):
            assert seen is not None, key
            # tshark defines none for a hello in the format of SSL 2.0.
            assert seen.ja3 == (None if row["hello_format"] == "sslv2" else row["ja3"]), key


def test_old_clients_meet_the_old_personality(results):
    for cell, (_, row, _) in results.items():
        expected_one = "legacy-2026-11" if cell.version in ("1.0", "1.1") else "modern-2026-11"
        assert row["personality"] == expected_one, cell


def test_the_sslv2_format_hello_is_recorded_as_such(results):
    for cell, (_, row, _) in results.items():
        assert row["hello_format"] == ("sslv2" if cell.client == "java-sslv2-hello" else "tls"), cell


def test_explain_knows_the_reason_of_every_refusal(results, certificates, tmp_path):
    del results
    state = make_state(tmp_path / "state", certificates)
    with Server(state) as server:
        answer = server.get(OWN, certificates.forged)
        server.row_of(answer.source)
    (row,) = json_lines(firstring("explain", answer.source, "--json", folder=state).stdout)
    assert row["cause"] == "bad_signature" and row["remedy"]

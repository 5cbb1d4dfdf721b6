"""Foreign TLS stacks with good and bad certificates: the right status, and a record that tshark confirms."""

import collections
import subprocess

import pytest
from interop import capture, clients

from support import pki
from support.server import Server, firstring, json_lines, make_state

OWN, OTHER, BOOTSTRAP = f"/{pki.OWN_MAC}.xml", f"/{pki.OTHER_MAC}.xml", "/spa504G.cfg"
IDENTITIES = ["own", "other", "none", "generic", "expired", "unknown_ca", "forged"]
RECORDED = {"1.0": "TLSv1", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3"}
NUMBERS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

Cell = collections.namedtuple("Cell", "client version identity file")


def all_cells():
    for name, kind in clients.ALL.items():
        for version in kind.versions:
            if version == "1.1" and name != "java":
                continue  # nothing chooses by it that 1.0 does not
            for identity in IDENTITIES:
                yield from (Cell(name, version, identity, file) for file in (OWN, OTHER, BOOTSTRAP))


CELLS = list(all_cells())
RESUMING = [(name, version) for name, kind in clients.ALL.items() for version in kind.resumes]


def expected(identity, file):
    """(status, reasons that will do)"""
    if file == BOOTSTRAP:
        return 200, {"public"}
    if (identity, file) in (("own", OWN), ("other", OTHER)):
        return 200, {"bound"}
    reasons = {
        "own": {"other_device"},
        "other": {"other_device"},
        "none": {"no_certificate"},
        "generic": {"generic_certificate"},
        "expired": {"expired"},
        # GnuTLS keeps its certificate to itself when the server does not list its CA.
        "unknown_ca": {"unknown_ca", "no_certificate"},
        "forged": {"bad_signature"},
    }
    return 403, reasons[identity]


# `statuses`: what the client got; `rows` and `seen`: the ledger and what tshark saw, of one or two connections.
Outcome = collections.namedtuple("Outcome", "statuses rows seen")


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
    state = make_state(folder / "state", certificates)

    with Server(state) as server:
        with capture.Capture(folder, server.port) if capture.possible() else Nothing() as seen:
            statuses = {
                cell: [made[cell.client].get(server.port, certificates.by_name(cell.identity), cell.file, cell.version)]
                for cell in CELLS
            }
            for name, version in RESUMING:
                statuses[name, version] = made[name].get_twice(server.port, certificates.own, OWN, version)
            server.row_of(server.get_plain("/the-end").source)  # the rows before it are written
            rows = [row for row in server.ledger() if row["listener"].startswith("phone")]
            assert len(rows) == len(CELLS) + 2 * len(RESUMING), "one row a connection"
            handshakes = seen.handshakes(sum(row["version"] != "" for row in rows)) if seen else {}
    # Rows and captured connections are both in the order of time.
    seen_by_row = [handshakes[row["port"]].pop(0) if handshakes.get(row["port"]) else None for row in rows]
    found = {}
    for key, got in statuses.items():
        count = 1 if key in CELLS else 2
        found[key] = Outcome(got, rows[:count], seen_by_row[:count])
        del rows[:count], seen_by_row[:count]
    return found


@pytest.fixture(scope="module")
def results(outcomes):
    """{cell: (status, row, what tshark saw or None)}"""
    return {cell: (outcomes[cell].statuses[0], outcomes[cell].rows[0], outcomes[cell].seen[0]) for cell in CELLS}


class Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(cell).replace("/", ""))
def test_matrix(results, cell):
    status, row, _ = results[cell]
    wanted, reasons = expected(cell.identity, cell.file)
    assert (row["outcome"], row["version"]) == ("ok", RECORDED[cell.version]), row
    assert (row["status"], row["decision"]) == (wanted, "allow" if wanted == 200 else "deny")
    assert row["reason"] in reasons
    assert status == wanted
    assert (row["certificate"] != "") == (row["verdict"] != "none")


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

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


@pytest.fixture(scope="module")
def results(tmp_path_factory, certificates):
    """{cell: (status, row, what tshark saw or None)}; the cells run one after the other, one connection each."""
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
            statuses = [
                made[cell.client].get(server.port, certificates.by_name(cell.identity), cell.file, cell.version) for cell in CELLS
            ]
            server.row_of(server.get_plain("/the-end").source)  # the rows before it are written
            rows = [row for row in server.ledger() if row["listener"].startswith("phone")]
            assert len(rows) == len(CELLS), "one row a connection"
            hellos = seen.server_hellos(sum(row["version"] != "" for row in rows)) if seen else {}
    # Rows and captured connections are both in the order of time.
    seen_by_row = [hellos[row["port"]].pop(0) if hellos.get(row["port"]) else None for row in rows]
    return {cell: results for cell, *results in zip(CELLS, statuses, rows, seen_by_row)}


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
        version, suite = seen
        assert (NUMBERS[row["version"]], row["cipher"]) == (version, suite_names[suite]), cell


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

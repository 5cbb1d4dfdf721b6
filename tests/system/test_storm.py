"""A whole fleet that comes back at once, played by `firstring storm` against the real server."""

import signal
import socket
import subprocess
import time

import pytest

from support.server import BINARY, DEADLINE, Server, environment, firstring, json_lines

pytestmark = pytest.mark.takes_long

PHONES = 60
TLS = ["tls1.0-dhe", "tls1.0-rsa", "tls1.0-ecdhe", "tls1.2-ecdhe", "tls1.3", "modern"]


def first_mac(block):
    """Phones of their own for a test: a server remembers what TLS a phone has spoken."""
    return f"02f1f5{block:02x}0000"


def enter(folder, count, first):
    """Enters the phones of a storm as an operator would."""
    devices = folder / "phones.csv"
    devices.write_text(firstring("storm", "--phones", count, "--first-mac", first, "--print-devices").stdout)
    firstring("device", "import", devices, folder=folder)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A running demonstration that knows the phones of every storm here."""
    folder = tmp_path_factory.mktemp("storm") / "demo"
    firstring("init", folder, "--demo", "--port", 0, "--bootstrap-port", 0)
    for block in range(1, 1 + len(TLS)):
        enter(folder, 3, first_mac(block))
    enter(folder, PHONES, first_mac(0))
    with Server(folder) as running:
        yield running


def storm(server, *arguments, status=0):
    result = firstring(
        "storm", "--server", f"127.0.0.1:{server.port}", *arguments, "--json", folder=server.folder, status=status
    )
    assert result.stderr == ""  # progress is for terminals
    (report,) = json_lines(result.stdout)
    return report


def connections_of(server):
    """The connections that were there, once all of them have ended."""
    server.all_rows()
    return {row["connection"] for row in server.rows()}


def rows_beside(server, before, count):
    """The ledger's rows that are not in `before`, once there are `count` and a later connection's row beside them."""
    sentinel = server.get_plain("/sentinel").source
    server.rows_of(sentinel)
    until = time.monotonic() + DEADLINE
    while True:
        rows = [row for row in server.rows() if row["connection"] not in before and row["address"] != sentinel]
        if len(rows) >= count or time.monotonic() > until:
            return rows
        time.sleep(0.05)


def test_all_phones_are_served_beside_peers_that_misbehave(demo):
    before = connections_of(demo)
    # Longer than phones wait for the server to close: nothing may come of that once it has closed.
    window = ["--over", "3s", "--deadline", "2m"]
    report = storm(demo, "--phones", PHONES, "--think", "200ms", *window, "--misbehaving", 10, "--sources", 20)
    assert report["served"] == report["phones"] == PHONES
    assert report["failures"] == {}
    came = {role: peers["came"] for role, peers in report["misbehaving"].items()}
    assert came == {"half_hello": 2, "silent": 2, "renegotiation": 1, "flood": 1}
    assert report["connections"] == PHONES + 6

    rows = rows_beside(demo, before, report["connections"])
    assert len(rows) == report["connections"]
    served = [row for row in rows if row["address"].startswith("127.1.")]
    assert len(served) == PHONES and {row["outcome"] for row in served} == {"ok"}
    assert len({row["address"] for row in served}) == 20
    assert len({row["device"] for row in served}) == PHONES


def test_phones_think_between_the_flight_of_the_server_and_their_own(demo):
    before = connections_of(demo)
    report = storm(demo, "--phones", 2, "--think", "1s", "--over", "1ms")
    assert report["until_served_us"] >= 1_000_000
    assert report["added"]["max_us"] < report["until_served_us"]
    rows = rows_beside(demo, before, 2)
    assert len(rows) == 2 and all(row["phone_cpu_us"] >= 900_000 for row in rows)


def test_phones_come_again_with_their_session(demo):
    report = storm(demo, "--phones", 10, "--think", "0s", "--over", "1ms", "--resume", 2)
    assert (report["served"], report["resumed"], report["connections"]) == (10, 20, 30)
    assert report["added_resumed"]["count"] == 20


@pytest.mark.parametrize("tls", TLS)
def test_phones_speak_any_tls(demo, tls):
    first = first_mac(1 + TLS.index(tls))
    report = storm(demo, "--phones", 3, "--first-mac", first, "--think", "10ms", "--over", "1ms", "--tls", tls)
    assert report["served"] == 3, report


def test_entered_phones_keep_the_tls_of_their_models(demo):
    # Three of the demonstration's phones come first by their MAC addresses, one with a modern TLS.
    before = connections_of(demo)
    report = storm(demo, "--entered", "--phones", 5, "--think", "0s", "--over", "1ms")
    assert report["served"] == 5, report
    versions = {row["device"]: row["version"] for row in rows_beside(demo, before, 5)}
    assert len(set(versions.values())) == 2, versions


def test_phones_that_the_server_does_not_know_fail_and_say_how(demo):
    report = storm(demo, "--phones", 4, "--first-mac", "02f1f5f00000", "--think", "0s", "--over", "1ms", status=1)
    assert (report["served"], report["other_status"]) == (0, 4)
    assert sum(report["failures"].values()) == 4 and all(text.startswith("other_status: 4") for text in report["failures"])
    asked = ["storm", "--server", f"127.0.0.1:{demo.port}", "--phones", 2, "--first-mac", "02f1f5f00000", "--think", "0s", "--over", "1ms"]
    assert "firstring device import phones.csv" in firstring(*asked, folder=demo.folder, status=1).stdout


def test_a_server_that_is_not_there_refuses_every_phone(demo):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        result = firstring(
            "storm", "--server", address, "--phones", 3, "--over", "1ms", "--json", folder=demo.folder, status=1
        )
    (report,) = json_lines(result.stdout)
    assert report["refused"] == 3 and report["failures"] == {"refused: connection refused": 3}


def test_a_storm_ends_at_its_deadline(demo):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        result = firstring(
            "storm", "--server", address, "--phones", 3, "--over", "1ms", "--deadline", "500ms", folder=demo.folder, status=1
        )
    assert "FAILED 3: timed_out: in the handshake" in result.stdout


def test_a_storm_that_is_interrupted_tells_what_it_has(demo):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        command = [BINARY, "storm", "--server", address, "--phones", "1", "--over", "1ms", "--dir", demo.folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            mute.settimeout(DEADLINE)
            peer, _ = mute.accept()
            with peer:  # it has come, and nobody answers
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and "FAILED 1: abandoned: in the handshake" in out

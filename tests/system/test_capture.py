"""`firstring capture`: what is written, when, and what never is."""

import subprocess

import pytest

from support import client, pki
from support.captures import files, order, until
from support.server import BINARY, DEADLINE, Server, environment, firstring, json_lines, make_state

OWN = f"/{pki.OWN_MAC}.xml"
OTHER = f"/{pki.OTHER_MAC}.xml"


def captures(server):
    return json_lines(firstring("capture", "--list", "--json", folder=server.folder).stdout)


@pytest.fixture
def running(state):
    with Server(state) as server:
        yield server


def test_nothing_is_captured_unless_asked_for(running, certificates):
    row = running.row_of(running.get(OWN, certificates.own).source)
    assert row["capture"] == ""
    assert not (running.folder / "evidence").exists()


def test_the_next_connection_is_written_and_named_in_the_ledger(running, certificates):
    order(running, "next")
    source = running.get(OWN, certificates.own).source
    row = running.row_of(source)
    (name,) = files(running)
    assert row["capture"] == name and pki.OWN_MAC in name
    file = running.folder / "evidence" / name
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    assert file.read_bytes().startswith(b"\x0a\x0d\x0d\x0a")
    # The order is over with the one connection that it wanted.
    assert running.row_of(running.get(OWN, certificates.own).source)["capture"] == ""
    (listed,) = captures(running)
    assert (listed["who"], listed["state"], listed["files"]) == ("next", "over", [name])
    until(lambda: "capture of next is over: 1 of 1 connections were captured" in running.log_text(), running.log_text)


def test_an_address_is_captured_as_often_as_was_asked(running, certificates):
    source = running.get(OWN, certificates.own).source
    order(running, source, "--count", "2")
    assert running.get(OTHER, certificates.other).status == 200  # from elsewhere
    for _ in range(3):
        client.get(running.port, OWN, certificates.own, source=source)
    running.row_of(running.get_plain("/the-end").source)
    assert [row["capture"] != "" for row in running.rows_of(source)] == [False, True, True, False]
    assert len(files(running)) == 2


@pytest.mark.parametrize("known", [True, False], ids=["seen-before", "never-seen"])
def test_a_phone_is_captured_and_nobody_else(running, certificates, known):
    source = running.get(OWN, certificates.own).source if known else None
    order(running, pki.OWN_MAC, "--count", "5")
    for path in (OWN, OTHER):  # another phone, at the same address, and asking for the first one's file
        assert client.get(running.port, path, certificates.other, source=source).status == (200 if path == OTHER else 403)
    client.get(running.port, "/spa504G.cfg", source=source)
    row = running.row_of(running.get_plain("/the-end").source)
    assert row["capture"] == "" and files(running) == []

    client.get(running.port, OWN, certificates.own, source=source)
    until(lambda: files(running), running.log_text)
    (name,) = files(running)
    assert pki.OWN_MAC in name
    assert pki.OTHER_MAC.encode() not in (running.folder / "evidence" / name).read_bytes()


def test_a_failed_handshake_is_captured_by_where_the_phone_was(running, certificates):
    source = running.get(OWN, certificates.own).source
    order(running, pki.OWN_MAC)
    with client.open_tcp(running.port, source=source) as plain:
        # The same hello, and then nothing: the client leaves after our flight.
        hello = bytes.fromhex(running.rows_of(source)[0]["hello"])
        plain.sendall(hello)
        plain.recv(1)
    until(lambda: files(running), running.log_text)
    rows = [row for row in running.rows_of(source) if row["outcome"] != "ok"]
    until(lambda: [row for row in running.rows_of(source) if row["capture"]], lambda: str(rows))
    (row,) = [row for row in running.rows_of(source) if row["capture"]]
    assert (row["device"], row["likely_device"], row["outcome"]) == ("", pki.OWN_MAC, "handshake_failed")


def test_wait_prints_the_file(running, certificates):
    with subprocess.Popen(
        [BINARY, "capture", "next", "--wait"], stdout=subprocess.PIPE, text=True, env=environment(FIRSTRING_DIR=running.folder)
    ) as waiting:
        until(lambda: " is on until " in running.log_text(), running.log_text)
        running.get(OWN, certificates.own)
        printed, _ = waiting.communicate(timeout=DEADLINE)
    (name,) = files(running)
    assert (printed, waiting.returncode) == (f"{running.folder}/evidence/{name}\n", 0)


def test_wait_ends_with_the_time(running):
    assert firstring("capture", "next", "--for", "50ms", "--wait", folder=running.folder, status=1).stdout == ""


def test_stop_ends_it(running, certificates):
    order(running, pki.OWN_MAC)
    order(running, "192.0.2.7")
    assert firstring("capture", "192.0.2.7", "--stop", folder=running.folder).stdout == "ended 1 capture\n"
    assert firstring("capture", "--stop", folder=running.folder).stdout == "ended 1 capture\n"
    assert [one["state"] for one in captures(running)] == ["over", "over"]
    until(lambda: running.log_text().count(" is over: 0 of 1 ") == 2, running.log_text)
    running.row_of(running.get(OWN, certificates.own).source)
    assert files(running) == []


def test_it_is_limited_in_time_and_number(state):
    for arguments in (["--for", "25h"], ["--for", "0s"], ["--count", "0"], ["--count", "100000"]):
        assert firstring("capture", "next", *arguments, folder=state, status=2).stdout == ""
    assert "neither a MAC address" in firstring("capture", "nonsense", folder=state, status=2).stderr
    assert "name what to capture" in firstring("capture", folder=state, status=2).stderr
    assert firstring("capture", "--list", folder=state).stdout == "no captures\n"
    for _ in range(20):
        firstring("capture", "next", folder=state)
    assert "20 captures are on already" in firstring("capture", "next", folder=state, status=1).stderr


def test_a_full_folder_costs_the_capture_and_not_the_row(tmp_path, certificates):
    state = make_state(tmp_path / "state", certificates, limits='evidence_size = "1MiB"\n')
    (state / "evidence").mkdir(mode=0o700)
    (state / "evidence" / "old.pcapng").write_bytes(bytes(1 << 20))
    with Server(state) as server:
        order(server, "next")
        row = server.row_of(server.get(OWN, certificates.own).source)
        assert (row["status"], row["capture"]) == (200, "")
        assert files(server) == ["old.pcapng"]
        until(lambda: "remove what is no longer needed there" in server.log_text(), server.log_text)
        until(lambda: "capture of next is over" in server.log_text(), server.log_text)


def test_a_connection_that_ends_with_the_server_is_still_written(state, certificates):
    with Server(state) as server:
        order(server, "next")
        with client.connect(server.port, certificates.own) as sock:
            sock.sendall(client.request_bytes(OWN))
            client.read_answer(sock)
            source = client.source_of(sock)
            server.stop()
        rows = [row for row in server.rows() if row["address"] == source]
    assert [row["capture"] for row in rows] == files(server) and len(rows) == 1


def test_strangers_cannot_make_it_keep_more_than_a_bounded_number(running, certificates):
    order(running, pki.OWN_MAC)  # never seen: everybody is taped
    before = running.open_descriptors()
    held = [client.open_tcp(running.port) for _ in range(100)]
    for sock in held:
        sock.sendall(b"\x16\x03\x01")
    # Each worker takes its own strangers, and the phone's may be ahead of the others.
    until(lambda: running.open_descriptors() >= before + len(held), running.log_text)
    source = running.get(OWN, certificates.own).source
    assert running.row_of(source)["capture"] == ""
    for sock in held:
        sock.close()
    # With their places given back, the phone is captured again.
    until(lambda: sum(row["outcome"] == "closed" for row in running.rows()) == 100, running.log_text)
    client.get(running.port, OWN, certificates.own, source=source)
    until(lambda: files(running), running.log_text)

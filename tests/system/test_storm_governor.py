"""Many at once: everybody who says what he wants is served, whoever says nothing makes room, and each leaves one row."""

import concurrent.futures
import contextlib
import datetime
import signal
import socket
import ssl

import pytest

from support import client, pki
from support.server import Server, firstring, json_lines, make_state

ATTACKER = "127.0.0.2"
PATIENT = 'hello_timeout = "120s"\nhandshake_timeout = "60s"\nidle_timeout = "60s"\n'


def start(tmp_path, certificates, limits=""):
    """One worker, so that the order is one."""
    return Server(
        make_state(tmp_path / "state", certificates, workers=1, drain_timeout="25s", listener_extra=PATIENT, limits=limits)
    )


@contextlib.contextmanager
def stopped(server):
    """Whoever connects in the meantime is there all at once when the server goes on."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def hello_bytes():
    outgoing = ssl.MemoryBIO()
    handshake = client.context(version="1.0").wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()


def served(server, certificates, count):
    """So many phones at once; a refusal or a reset would raise. Gives their addresses."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: server.get(f"/{pki.OWN_MAC}.xml", certificates.own), range(count)))
    assert [answer.status for answer in answers] == [200] * count
    return [answer.source for answer in answers]


def test_silent_and_half_hellos_of_one_address_do_not_keep_phones_out(tmp_path, certificates):
    half = hello_bytes()[:50]
    with start(tmp_path, certificates, limits="max_connections = 40\n") as server:
        with contextlib.ExitStack() as stack:
            flood = [stack.enter_context(client.open_tcp(server.port, source=ATTACKER)) for _ in range(60)]
            for sock in flood[::2]:
                sock.sendall(half)
            # Two minutes may pass until the first of them times out; a phone gives up after half of one.
            sources = served(server, certificates, 10)
            ports = {sock.getsockname()[1] for sock in flood}
        rows = server.rows_by_source(sources)
        assert {row["outcome"] for row in rows.values()} == {"ok"}
        served(server, certificates, 1)
    rows = [row for row in server.rows() if row["address"] == ATTACKER]
    assert sorted(row["port"] for row in rows) == sorted(ports), "one row each"
    evicted = [row for row in rows if row["outcome"] == "limit"]
    assert len(evicted) >= 10
    assert {row["cause"] for row in evicted} == {"evicted"} and {row["stage"] for row in evicted} == {"tcp", "hello"}
    assert all("make room" in row["detail"] and row["queued_us"] is None for row in evicted)


def test_silent_ones_on_the_plain_port_do_not_either(tmp_path, certificates):
    with start(tmp_path, certificates, limits="max_connections = 40\n") as server, contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(client.open_tcp(server.plain_port, source=ATTACKER)).sendall(b"GET / HT")
        served(server, certificates, 5)
        assert server.get_plain("/spa504G.cfg").status == 200


def test_who_has_sent_its_hello_is_not_closed_while_silent_ones_can_go(tmp_path, certificates):
    with start(tmp_path, certificates, limits="max_connections = 40\n") as server:
        with contextlib.ExitStack() as stack:
            for _ in range(10):
                stack.enter_context(client.open_tcp(server.port, source="127.0.0.3"))
            slow = [stack.enter_context(client.open_tcp(server.port, source=ATTACKER)) for _ in range(25)]
            for sock in slow:
                sock.sendall(hello_bytes())
            for sock in slow:
                assert sock.recv(1) == b"\x16"
            served(server, certificates, 10)
            for sock in slow:
                sock.setblocking(False)
                with pytest.raises(BlockingIOError):
                    while sock.recv(65536):
                        pass
        rows = server.rows_of(ATTACKER, "127.0.0.3")
        assert {row["address"] for row in rows if row["outcome"] == "limit"} == {"127.0.0.3"}


def test_turns_come_in_the_order_of_arrival_and_who_leaves_is_told(tmp_path, certificates):
    hello = hello_bytes()
    with start(tmp_path, certificates) as server:
        with contextlib.ExitStack() as stack:
            with stopped(server):
                stay, leave = [], []
                for number in range(60):
                    sock = client.open_tcp(server.port)
                    sock.sendall(hello)
                    (stay if number % 3 == 0 else leave).append(client.source_of(sock))
                    if number % 3 == 0:
                        stack.enter_context(sock)
                    else:
                        sock.close()
            gone = server.rows_by_source(leave)
        kept = server.rows_by_source(stay)
    left = [row for row in gone.values() if row["cause"] == "left_waiting"]
    assert left and all(row["outcome"] == "closed" and row["queued_us"] > 0 and row["server_flight_us"] is None for row in left)
    assert {row["outcome"] for row in gone.values() if row not in left} <= {"handshake_failed"}
    turns = [kept[source] for source in stay]
    assert all(0 <= row["queued_us"] <= row["server_flight_us"] - row["hello_us"] for row in turns)
    began = [
        datetime.datetime.fromisoformat(row["time"][:-1]) + datetime.timedelta(microseconds=row["hello_us"] + row["queued_us"])
        for row in turns
    ]
    assert began == sorted(began)


def test_phones_that_wait_when_the_server_is_stopped_are_served_still(tmp_path, certificates):
    count = 30
    with start(tmp_path, certificates) as server:
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            with stopped(server):
                connected = [client.open_tcp(server.port) for _ in range(count)]
                ready = client.context(certificates.own)

                def fetch(sock):
                    with sock, ready.wrap_socket(sock) as secure:
                        secure.sendall(client.request_bytes(f"/{pki.OWN_MAC}.xml", headers=[("Connection", "close")]))
                        return client.read_answer(secure)

                answers = [pool.submit(fetch, sock) for sock in connected]
                # Who has said nothing when the server is to end is not waited for.
                server.until(lambda: sum(waiting > 0 for waiting in server.connections()) == count, "no hellos")
                server.process.terminate()
            answers = [answer.result() for answer in answers]
        assert [answer.status for answer in answers] == [200] * count
        server.stop()
    rows = [row for row in server.rows() if row["address"] in {answer.source for answer in answers}]
    assert len(rows) == count and {row["outcome"] for row in rows} == {"ok"}


def test_a_storm_is_told_when_it_begins_and_when_it_is_over(tmp_path, certificates):
    hello = hello_bytes()
    with start(tmp_path, certificates) as server:
        with contextlib.ExitStack() as stack, stopped(server):
            for _ in range(60):
                stack.enter_context(client.open_tcp(server.port)).sendall(hello)
        served(server, certificates, 3)
    alarms = json_lines(firstring("ledger", "--alarms", "--json", folder=server.folder).stdout)
    begun, over = [alarm["text"] for alarm in alarms if alarm["kind"] == "storm"]
    assert "connections within 10 s, usually 0" in begun
    assert over.startswith("the server was stopped in a storm: 1 phone back in ") and "; 0 failed" in over
    assert "; 60 connections of unknown clients failed too" in over


def test_limits_of_the_machine_are_said_and_kept(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits="max_connections = 100000\n")
    with Server(folder, command=["prlimit", "--nofile=500:500"]) as server:
        assert "limits.max_connections is 100000, but the limit of open files allows 300" in server.log_text()
        with contextlib.ExitStack() as stack:
            for _ in range(320):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            served(server, certificates, 3)

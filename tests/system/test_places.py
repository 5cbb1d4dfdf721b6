"""Places and bytes: strangers may take what is free, and a phone that comes is served all the same."""

import contextlib
import resource
import select
import socket
import ssl
import threading
import time

import pytest

from support import client, pki
from support.server import DEADLINE, Server, firstring, json_lines, make_state, sanitized

pytestmark = pytest.mark.takes_long

OWN = f"/{pki.OWN_MAC}.xml"
PATIENT = 'hello_timeout = "120s"\nhandshake_timeout = "120s"\nidle_timeout = "120s"\n'


def start(tmp_path, certificates, limits, workers=1, **more):
    folder = make_state(tmp_path / "state", certificates, workers=workers, listener_extra=PATIENT, limits=limits, **more)
    text = (folder / "firstring.toml").read_text()
    (folder / "firstring.toml").write_text(
        text.replace('kind = "bootstrap"\n', 'kind = "bootstrap"\nidle_timeout = "120s"\nrequest_timeout = "120s"\n')
    )
    return Server(folder)


@contextlib.contextmanager
def in_background(work):
    """Runs work(is_over) until the block ends; a failure of it is raised."""
    over, failure = threading.Event(), []

    def run():
        try:
            work(over.is_set)
        except Exception as error:  # noqa: BLE001
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failure:
        raise failure[0]


def keep_asking(port, count):
    """So many connections of one address that ask each 10 s, and come again when
    they are closed."""

    def work(is_over):
        last = {}

        def come():
            sock = socket.socket()
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", port))
            last[sock] = 0

        for _ in range(count):
            come()
        while not is_over():
            for sock, asked in list(last.items()):
                if time.monotonic() - asked >= 10:
                    with contextlib.suppress(OSError):
                        sock.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                        last[sock] = time.monotonic()
            for sock in select.select(list(last), [], [], 0.05)[0]:
                with contextlib.suppress(BlockingIOError):
                    try:
                        gone = not sock.recv(4096)
                    except ConnectionError:
                        gone = True
                    if gone:
                        sock.close()
                        del last[sock]
                        come()
        for sock in last:
            sock.close()

    return work


def alarms(server, kind):
    return [
        alarm
        for alarm in json_lines(firstring("ledger", "--alarms", "--json", folder=server.folder).stdout)
        if alarm["kind"] == kind
    ]


def wait_for(condition, what):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def test_one_address_that_keeps_asking_does_not_keep_phones_out(tmp_path, certificates):
    with start(tmp_path, certificates, "max_connections = 200\n", workers=2) as server:
        with in_background(keep_asking(server.plain_port, 400)):
            wait_for(lambda: "places are short" in server.log_text(), "nobody said that places are short")
            began = time.monotonic()
            assert server.get(OWN, certificates.own).status == 200
            assert server.get_plain("/spa504G.cfg").status == 200
            # 0.1 s on a machine that does nothing else; without the rules it is the 120 s of the listener.
            assert time.monotonic() - began < 20
        (alarm,) = alarms(server, "places_short")
        assert "127.0.0.1 (" in alarm["text"]
        assert server.log_text().count("places are short") == 1


def test_strangers_kept_alive_over_tls_make_room_and_a_phone_in_its_request_does_not(tmp_path, certificates):
    with start(tmp_path, certificates, "max_connections = 40\n") as server, contextlib.ExitStack() as stack:
        # 15 are less than half of the phones' 35 places, so they are kept alive.
        strangers = [stack.enter_context(client.connect(server.port, source="127.0.0.2")) for _ in range(15)]
        for sock in strangers:
            sock.sendall(client.request_bytes("/x"))
            assert "connection" not in client.read_answer(sock).headers
        phone = stack.enter_context(client.connect(server.port, certificates.own, source="127.0.0.3"))
        phone.sendall(client.request_bytes(OWN)[:-2])  # in its request
        late = []
        for _ in range(30):
            sock = stack.enter_context(client.connect(server.port, source="127.0.0.4"))
            sock.sendall(client.request_bytes("/x"))
            late.append(client.read_answer(sock))
        # From the half on nobody who was refused is kept alive; those of before make room.
        assert late[-1].headers["connection"] == "close"
        assert server.get(OWN, certificates.own).status == 200
        phone.sendall(b"\r\n")
        assert client.read_answer(phone).status == 200


def test_complete_hellos_and_then_silence_leave_phones_a_place(tmp_path, certificates):
    """The flood of 250 addresses, scaled: as many places as come within 10 s and no time-out that would help."""
    outgoing = ssl.MemoryBIO()
    handshake = client.context(version="1.2").wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    hello = outgoing.read()
    with start(tmp_path, certificates, "max_connections = 60\n") as server, contextlib.ExitStack() as stack:
        flood = []
        for number in range(120):
            sock = stack.enter_context(socket.socket())
            sock.bind((f"127.1.0.{1 + number}", 0))
            sock.settimeout(30)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(hello)
            flood.append(sock)
        began = time.monotonic()
        answer = server.get(OWN, certificates.own)
        assert answer.status == 200
        # Two rounds of the least patience of 5 s; without the rules it is the 120 s of the listener.
        assert time.monotonic() - began < 28
        sources = [sock.getsockname()[0] for sock in flood]
        phone = server.row_of(answer.source)
    rows = [row for row in server.rows() if row["address"] in sources]
    evicted = [row for row in rows if row["outcome"] == "limit"]
    assert len(evicted) >= 60
    assert {row["cause"] for row in evicted} == {"evicted"}
    # Nobody goes before its time: hello, and then 5 s in the handshake.
    assert all(row["closed_us"] - row["hello_us"] - row["queued_us"] >= 4_990_000 for row in evicted)
    assert phone["outcome"] == "ok"


def test_a_large_head_waits_for_its_turn_and_not_the_requests_of_phones(tmp_path, certificates):
    large = b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 30000
    with start(tmp_path, certificates, 'max_connections = 1000\nmax_request_head = "64KiB"\n') as server:
        with contextlib.ExitStack() as stack:
            # 282 KiB each, of the 32 MiB that one worker has for what comes in.
            first = [stack.enter_context(client.connect_plain(server.plain_port)) for _ in range(150)]
            for sock in first:
                sock.sendall(large)
            # Phones do not need it. And once the only worker has answered them, it has looked at all that came before.
            for _ in range(5):
                assert server.get_plain("/spa504G.cfg").status == 200
                assert server.get(OWN, certificates.own).status == 200
            last = stack.enter_context(client.connect_plain(server.plain_port))
            last.sendall(large + b"\r\n\r\n")
            assert server.get(OWN, certificates.own).status == 200
            assert not select.select([last], [], [], 0.5)[0], "answered, though there is no room"
            for sock in first:
                sock.close()
            assert client.read_answer(last).status == 404


def test_who_comes_from_elsewhere_is_turned_away_before_a_byte_is_read(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates)
    text = (folder / "firstring.toml").read_text()
    only = 'address = "127.0.0.1:0"\nnetworks = ["127.9.0.0/16", "127.0.0.1/32"]\n'
    (folder / "firstring.toml").write_text(text.replace('address = "127.0.0.1:0"\n', only))
    with Server(folder) as server:
        with client.connect(server.port, certificates.own, source="127.9.1.2") as sock:
            sock.sendall(client.request_bytes(OWN, headers=[("Connection", "close")]))
            assert client.read_answer(sock).status == 200
        for port in (server.port, server.plain_port):
            with contextlib.suppress(ConnectionError), client.open_tcp(port, source="127.8.1.2") as sock:
                assert sock.recv(1) == b""
        server.rows_of("127.9.1.2")
        assert not [row for row in server.rows() if row["address"] == "127.8.1.2"]
        # But it is counted and said.
        until = time.monotonic() + DEADLINE
        while "2 connections of 127.8.1.0/24 turned away" not in firstring("ledger", folder=folder).stdout:
            assert time.monotonic() < until, server.log_text()
            time.sleep(0.05)


@pytest.mark.skipif(sanitized(), reason="clang's UBSan opens a pipe to see whether memory can be read, and takes a failure for a fault")
def test_too_many_open_files_is_said_once_and_said_to_be_over(tmp_path, certificates):
    with start(tmp_path, certificates, "max_connections = 100\n") as server:
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        with contextlib.ExitStack() as stack:
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.open_descriptors() + 3, hard))
            # Descriptors that the start still had open may be closed by now.
            for _ in range(40):
                stack.enter_context(client.open_tcp(server.port)).sendall(b"\x16\x03")
            wait_for(lambda: "Too many open files" in server.log_text(), "nothing was said")
            time_of_first = time.monotonic()
            # Ten more tries at least, in half a second or whatever it takes.
            wait_for(lambda: time.monotonic() - time_of_first > 1.5, "")
            assert server.log_text().count("Too many open files") == 1
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert server.get(OWN, certificates.own).status == 200

        def is_over():
            server.get_plain("/spa504G.cfg")
            return "accept works again" in server.log_text()

        wait_for(is_over, "nothing was said when it was over")


def test_a_server_out_of_memory_ends_connections_and_not_itself(tmp_path, certificates):
    if sanitized():
        pytest.skip("a sanitizer's shadow takes more address space than any limit")
    with start(tmp_path, certificates, "max_connections = 5000\n") as server:
        status = open(f"/proc/{server.pid}/status").read()
        size = int(status.split("VmSize:")[1].split()[0]) * 1024
        with contextlib.ExitStack() as stack:
            resource.prlimit(server.pid, resource.RLIMIT_AS, (size + (8 << 20), resource.RLIM_INFINITY))
            for number in range(600):
                sock = stack.enter_context(client.open_tcp(server.port, source=f"127.3.{number // 200}.{1 + number % 200}"))
                with contextlib.suppress(OSError):
                    sock.sendall(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(14000))
            assert server.process.poll() is None
        resource.prlimit(server.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert server.get(OWN, certificates.own).status == 200

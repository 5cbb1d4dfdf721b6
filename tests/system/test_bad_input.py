"""What comes from the open internet: the server keeps serving, says what it was in one row, and does not grow."""

import contextlib
import os
import socket
import ssl
import subprocess
import time

import pytest

from support import client, pki
from support.server import DEADLINE, SECRET, Server, firstring, make_state

TIMEOUTS = 'hello_timeout = "1s"\nhandshake_timeout = "4s"\nrequest_timeout = "2s"\nidle_timeout = "4s"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    folder = make_state(tmp_path_factory.mktemp("bad") / "state", certificates, listener_extra=TIMEOUTS)
    with Server(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def still_serves(server, certificates):
    yield
    assert server.get(f"/{pki.OWN_MAC}.xml", certificates.own).status == 200


def hello_bytes(version="1.0"):
    """A real ClientHello."""
    outgoing = ssl.MemoryBIO()
    handshake = client.context(version=version).wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()


def handshake_records(message):
    return b"".join(
        b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
        for part in (message[at : at + 16384] for at in range(0, len(message), 16384))
    )


def send(port, data, *, half_close=False):
    """Sends, waits for the server to close; gives (what came back, our address)."""
    with client.open_tcp(port) as sock:
        source = client.source_of(sock)
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        return client.read_to_end(sock), source


def test_garbage(server):
    answer, source = send(server.port, bytes(range(255, -1, -1)) * 8)
    row = server.row_of(source)
    assert row["outcome"] == "not_tls" and row["stage"] in ("tcp", "hello")
    assert row["version"] == "" and row["requests"] == []
    assert b"HTTP" not in answer


def test_nothing_at_all(server):
    _, source = send(server.port, b"", half_close=True)
    assert server.row_of(source)["outcome"] == "closed"


def test_silence(server):
    started = time.monotonic()
    _, source = send(server.port, b"")
    assert time.monotonic() - started < DEADLINE
    row = server.row_of(source)
    assert (row["outcome"], row["stage"]) == ("timeout", "tcp")


def test_half_a_hello_then_silence(server):
    hello = hello_bytes()
    _, source = send(server.port, hello[: len(hello) // 2])
    row = server.row_of(source)
    assert row["outcome"] == "timeout"
    assert row["hello"] == hello[: len(hello) // 2].hex()


def test_half_a_hello_then_the_end(server):
    _, source = send(server.port, hello_bytes()[:40], half_close=True)
    assert server.row_of(source)["outcome"] == "closed"


def test_hello_then_silence(server):
    _, source = send(server.port, hello_bytes())
    row = server.row_of(source)
    assert (row["outcome"], row["stage"]) == ("timeout", "server_flight")
    assert row["ja3"] and row["personality"] == "legacy-2026-11"


@pytest.mark.parametrize("version", ["1.0", "1.3"])
def test_hello_one_byte_at_a_time(server, certificates, version):
    """Each byte in a segment of its own, and still a phone that is served."""

    class Trickle:
        """A socket whose first bytes leave one by one."""

        def __init__(self, sock):
            self.sock = sock

        def send_slowly(self, data):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(data)):
                self.sock.sendall(data[at : at + 1])

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.context(certificates.own, version).wrap_bio(incoming, outgoing)
    with client.open_tcp(server.port) as sock:

        def until_done(step):
            while True:
                try:
                    result = step()
                    sock.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    flight = outgoing.read()
                    if flight[:1] == b"\x16" and flight[5:6] == b"\x01":
                        Trickle(sock).send_slowly(flight)
                    else:
                        sock.sendall(flight)
                    received = sock.recv(65536)
                    assert received, "closed by the server"
                    incoming.write(received)

        until_done(tls.do_handshake)
        until_done(lambda: tls.write(client.request_bytes(f"/{pki.OWN_MAC}.xml", headers=[("Connection", "close")])))
        assert until_done(lambda: tls.read(65536)).startswith(b"HTTP/1.1 200")
        source = client.source_of(sock)
    assert server.row_of(source)["outcome"] == "ok"


def test_hello_of_64_kib(server):
    message = b"\x01" + (65600).to_bytes(3, "big") + b"\x03\x01" + bytes(65598)
    answer, source = send(server.port, handshake_records(message))
    row = server.row_of(source)
    assert row["outcome"] in ("not_tls", "handshake_failed") and row["detail"]
    assert len(row["hello"]) <= 2 * 65536
    assert b"HTTP" not in answer


def test_malformed_hello(server):
    hello = bytearray(hello_bytes())
    hello[43] = 0xFF  # the length of the session id
    _, source = send(server.port, bytes(hello))
    row = server.row_of(source)
    assert row["outcome"] in ("not_tls", "handshake_failed") and row["detail"]


def test_an_alert_instead_of_a_hello(server):
    _, source = send(server.port, b"\x15\x03\x01\x00\x02\x02\x28", half_close=True)
    assert server.row_of(source)["outcome"] == "not_tls"


@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.0\r\n\r\n", b"GET /spa504G.cfg HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_http_spoken_to_the_tls_port(server, request_line):
    answer, source = send(server.port, request_line)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.") and b" 400 " in head.splitlines()[0]
    assert 0 < len(body) < 500 and b"https" in body.lower()
    row = server.row_of(source)
    assert row["outcome"] == "not_tls" and "http" in row["detail"].lower()


def test_tls_spoken_to_the_plain_port(server):
    _, source = send(server.plain_port, hello_bytes(), half_close=True)
    row = server.row_of(source)
    assert (row["outcome"], row["cause"]) == ("not_http", "not_http")


TRAVERSALS = [
    "/../../../../../../etc/passwd",
    "/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "/..\\..\\..\\etc\\passwd",
    "/..%5c..%5cetc%5cpasswd",
    "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "/%uff0e%uff0e/etc/passwd",
    "/./firstring.toml",
    "/../firstring.toml",
    "/firstring.toml",
    "/pki/../firstring.toml",
    "//etc/passwd",
    "/etc/passwd%00.xml",
    f"/{pki.OWN_MAC}.xml/../../firstring.toml",
    "file:///etc/passwd",
    "http://localhost/../../etc/passwd",
    "*",
]


def test_path_traversal_in_every_encoding(server, certificates):
    answers = {path: server.get(path, certificates.own) for path in TRAVERSALS}
    for path, answer in answers.items():
        assert answer.status in (400, 403, 404), path
        assert b"root:" not in answer.body and b"[server]" not in answer.body, path
    rows = server.rows_by_source([answer.source for answer in answers.values()])
    assert all(rows[answer.source]["status"] == answer.status for answer in answers.values())


def send_large_header(server, certificates, size):
    """Gives our address. The answer may be lost to a reset while we are still sending; the ledger has it."""
    with client.connect(server.port, certificates.own) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
            for _ in range(size // 65536):
                sock.sendall(b"a" * 65536)
        client.read_to_end(sock)
        return client.source_of(sock)


def test_a_header_of_10_mib(server, certificates):
    row = server.row_of(send_large_header(server, certificates, 10 << 20))
    assert (row["status"], row["reason"]) == (431, "head_too_large")
    assert row["bytes_in"] < 1 << 20


def test_a_request_that_never_ends(server, certificates):
    with client.connect(server.port, certificates.own) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: local")
        answer = client.read_to_end(sock)
        source = client.source_of(sock)
    assert answer == b"" or b" 408 " in answer.splitlines()[0]
    row = server.row_of(source)
    assert (row["outcome"], row["stage"]) == ("timeout", "request")


def test_a_certificate_chain_of_100(server, certificates):
    ready = client.context(certificates.chain_of_100, "1.2")
    with contextlib.suppress(OSError), client.open_tcp(server.port) as plain:
        source = client.source_of(plain)
        with ready.wrap_socket(plain) as secure:
            secure.sendall(client.request_bytes(f"/{pki.OWN_MAC}.xml"))
            answer = client.read_answer(secure)
            assert answer.status == 403 and SECRET.encode() not in answer.body
    row = server.row_of(source)
    assert row["verdict"] != "accepted"
    assert row["outcome"] == "handshake_failed" or row["status"] == 403


def test_a_client_that_wants_to_renegotiate(server, certificates):
    """s_client's R asks for a second handshake; it must not get one."""
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OPENSSL_CONF": str(certificates.folder / "openssl.cnf")},
    )  # fmt: skip
    process.stdin.write("R\n")
    process.stdin.flush()
    said, _ = process.communicate(timeout=DEADLINE)
    assert "RENEGOTIATING" in said and "no renegotiation" in said
    assert said.count("BEGIN CERTIFICATE") == 1


def test_a_config_with_a_nul(server, certificates, tmp_path):
    del server
    folder = make_state(tmp_path / "state", certificates)
    file = folder / "firstring.toml"
    file.write_bytes(file.read_bytes().replace(b'host = "localhost"', b'host = "local\0host"'))
    result = firstring("check", folder, status=1)
    assert "firstring.toml:2:" in result.stdout + result.stderr
    assert firstring("serve", folder, status=None).returncode != 0


def test_memory_stays_bounded(server, certificates):
    """Hundreds of the largest inputs leave the process about as large as the first few did."""
    big_hello = handshake_records(b"\x01" + (65600).to_bytes(3, "big") + b"\x03\x01" + bytes(65598))

    def assault(rounds):
        for _ in range(rounds):
            for _ in range(20):
                send(server.port, big_hello)
            send_large_header(server, certificates, 4 << 20)

    assault(3)
    before = server.resident_bytes()
    assault(15)  # 20 MB of hellos, 60 MB of headers
    assert server.resident_bytes() - before < 24 << 20


def test_many_silent_connections_do_not_keep_a_phone_out(server, certificates):
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(client.connect_plain(server.port)).sendall(b"\x16\x03\x01")
        assert server.get(f"/{pki.OWN_MAC}.xml", certificates.own).status == 200

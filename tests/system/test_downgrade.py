"""A client that can do better is never led to less than that, whoever makes its handshakes fail; and what is no hello
gets an alert."""

import socket
import ssl
import warnings

import pytest

from support import client, pki
from support.server import Server, make_state

OWN = f"/{pki.OWN_MAC}.xml"


def server_random(bytes_of_flight):
    """Of the ServerHello that begins it."""
    assert bytes_of_flight[0] == 22 and bytes_of_flight[5] == 2, bytes_of_flight[:16].hex()
    return bytes_of_flight[11:43]


def hello_of(highest, lowest="1.0"):
    """As Python's OpenSSL writes it."""
    context = client.context(version=highest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = client.VERSIONS[lowest]
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def answer_to(port, hello, source=None):
    """What comes back at once, and where it was asked from; the client then leaves without a word."""
    with client.open_tcp(port, source=source) as sock:
        sock.sendall(hello)
        answer = b""
        while len(answer) < 43:
            received = sock.recv(65536)
            if not received:
                break
            answer += received
        return answer, client.source_of(sock)


def test_failures_never_lead_a_client_of_tls_1_3_to_the_old_chain(server):
    _, source = answer_to(server.port, hello_of("1.3"))
    server.row_of(source)
    for _ in range(6):
        answer_to(server.port, hello_of("1.3"), source)
    rows = [row for row in server.rows_of(source) if row["hello_us"] is not None]
    assert {row["personality"] for row in rows} == {"modern-2026-11"}, rows


# RFC 8446 section 4.1.3. An old phone does not look; whoever offered more, before its hello was changed on the way, does.
@pytest.mark.parametrize(
    ("highest", "personality", "end"),
    [("1.2", "modern-2026-11", b"DOWNGRD\x01"), ("1.1", "legacy-2026-11", b"DOWNGRD\x00"), ("1.0", "legacy-2026-11", b"DOWNGRD\x00")],
)
def test_less_than_the_listener_could_do_is_said_in_the_random(server, highest, personality, end):
    answer, source = answer_to(server.port, hello_of(highest))
    assert server_random(answer).endswith(end)
    assert server.row_of(source)["personality"] == personality


def test_the_old_chain_says_so_too_for_tls_1_2(tmp_path, certificates):
    listener = 'personalities = ["legacy-2026-11", "modern-2026-11"]\n'
    rule = '[[rule]]\npersonality = "legacy-2026-11"\nnetworks = ["127.0.0.0/8"]\n'
    with Server(make_state(tmp_path / "both", certificates, listener_extra=listener, more=rule)) as server:
        answer, source = answer_to(server.port, hello_of("1.2"))
        assert server.row_of(source)["personality"] == "legacy-2026-11"
        assert server_random(answer).endswith(b"DOWNGRD\x01")
    listener = 'personalities = ["legacy-2026-11"]\n'
    with Server(make_state(tmp_path / "one", certificates, listener_extra=listener)) as server:
        answer, _ = answer_to(server.port, hello_of("1.2"))
        assert not server_random(answer).endswith(b"DOWNGRD\x01"), "nothing higher is configured"


def test_tls_1_3_looks_like_1_2_to_middleboxes(server):
    """RFC 8446 appendix D.4: to a client that has a session id, the server sends a change_cipher_spec."""
    answer, _ = answer_to(server.port, hello_of("1.3", "1.3"))
    length = 5 + int.from_bytes(answer[3:5], "big")
    assert answer[length : length + 6] == b"\x14\x03\x03\x00\x01\x01"


@pytest.mark.parametrize(
    ("sent", "alert"),
    [
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "unexpected_message"),
        (b"\x17\x03\x03\x00\x01\x00", "unexpected_message"),
        (b"\x16\x03\x01\x40\x01\x01", "record_overflow"),
        (b"\x16\x03\x01\x00\x00", "decode_error"),
        (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", "decode_error"),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", "illegal_parameter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_hello_gets_an_alert_before_the_close(server, sent, alert):
    with client.open_tcp(server.port) as sock:
        sock.sendall(sent)
        answer = client.read_to_end(sock)
        source = client.source_of(sock)
    assert answer[:3] == b"\x15\x03\x01" and answer[5] == 2 and len(answer) == 7, answer
    row = server.row_of(source)
    assert (row["alert"], row["alert_from"], row["alert_code"]) == (alert, "server", answer[6])


@pytest.mark.parametrize("sent", [b"garbage", b"\x15\x03\x01\x00\x02\x02\x28", b"GET / HTTP/1.0\r\n\r\n"])
def test_what_speaks_no_tls_gets_no_alert(server, sent):
    with client.open_tcp(server.port) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        assert not client.read_to_end(sock).startswith(b"\x15")

"""What strangers have done to reach beyond their due: each function is one attack, bounded, on loopback.

All of them succeeded once; tests/system/test_strangers.py holds what they must come to. `source`: the address of
127.0.0.0/8 that it comes from.
"""

import base64
import contextlib
import os
import select
import socket
import struct
import time

from support import client, pki


def _extension(number, body):
    return struct.pack(">HH", number, len(body)) + body


def hello_message(size, suites=b"\xc0\x30\xc0\x2f", padding=21):
    """A ClientHello for TLS 1.2, as a handshake message of `size` octets with its header, by an extension of zeros (21) or
    of random octets (any other)."""

    def body(length):
        octets = bytes(length) if padding == 21 else os.urandom(length)
        extensions = (
            _extension(13, b"\0\x08\x04\x01\x05\x01\x08\x04\x08\x05")
            + _extension(10, b"\0\x04\0\x1d\0\x17")
            + _extension(11, b"\x01\0")
            + _extension(0xFF01, b"\0")
            + _extension(padding, octets)
        )
        head = b"\x03\x03" + os.urandom(32) + b"\0" + struct.pack(">H", len(suites)) + suites + b"\x01\0"
        return head + struct.pack(">H", len(extensions)) + extensions

    return message(1, body(size - 4 - len(body(0))))


def message(number, body):
    """A handshake message."""
    return bytes([number]) + len(body).to_bytes(3, "big") + body


def records(octets, most=16384, version=b"\x03\x01"):
    return b"".join(
        b"\x16" + version + len(part).to_bytes(2, "big") + part
        for part in (octets[at : at + most] for at in range(0, len(octets), most))
    )


# ---- memory that is not its own -------------------------------------------------------------------------------------------


def hello_then_no_certificate(port, size, source=None):
    """A hello of exactly that size, an empty Certificate for an answer, and the end. Gives the first octets that came back."""
    with client.open_tcp(port, source=source) as sock:
        sock.sendall(records(hello_message(size), most=8000))
        flight = sock.recv(16384)
        sock.sendall(records(message(11, b"\0\0\0"), version=b"\x03\x03"))
        sock.shutdown(socket.SHUT_WR)
        client.read_to_end(sock)
        return flight


# ---- memory that stays --------------------------------------------------------------------------------------------------


def _tlv(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def bloated_identity(folder, kind, count):
    """A self-signed certificate whose parsed form is many times its size: `count` RDNs ("rdns"), entries in one RDN ("rdn"),
    or extensions ("ext"), each of some octets. Its signature is none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text("")
    key, public = folder / "stranger.key", folder / "stranger.pub"
    pki.openssl("genpkey", "-algorithm", "ED25519", "-out", key, folder=folder)
    pki.openssl("pkey", "-in", key, "-pubout", "-outform", "DER", "-out", public, folder=folder)
    ed25519 = bytes.fromhex("300506032b6570")
    common_name = _tlv(0x30, _tlv(0x31, _tlv(0x30, bytes.fromhex("0603550403"), _tlv(0x0C, b"a"))))
    attribute = _tlv(0x30, bytes.fromhex("0601011300"))
    subject = {"rdns": _tlv(0x30, _tlv(0x31, attribute) * count), "rdn": _tlv(0x30, _tlv(0x31, attribute * count))}
    extensions = _tlv(0xA3, _tlv(0x30, _tlv(0x30, bytes.fromhex("060101"), _tlv(4)) * count))
    to_sign = _tlv(
        0x30,
        bytes.fromhex("a003020102020101"),
        ed25519,
        common_name,
        _tlv(0x30, _tlv(0x17, b"250101000000Z"), _tlv(0x17, b"350101000000Z")),
        subject.get(kind, common_name),
        public.read_bytes(),
        extensions if kind == "ext" else b"",
    )
    der = _tlv(0x30, to_sign, ed25519, _tlv(3, bytes(65)))
    chain = folder / "stranger.pem"
    chain.write_text(f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n")
    return pki.Identity("stranger", chain, key, chain)


def visit(port, identity, version, source=None):
    """One request of somebody with that certificate, which may be refused in any way."""
    with contextlib.suppress(OSError):
        with client.connect(port, identity, version, source=source) as sock:
            sock.sendall(client.request_bytes("/x", http_version="1.0"))
            client.read_to_end(sock)


def begin_bodies(port, count, source=None):
    """`count` connections that each lack one octet of a request with a large head and body; as sockets, open."""
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 7900 + b"\r\nContent-Length: 65536\r\n\r\n" + b"z" * 65535
    opened = []
    for _ in range(count):
        sock = client.open_tcp(port, source=source)
        opened.append(sock)
        with contextlib.suppress(OSError):
            sock.sendall(request)  # fails where it was answered and closed on the way
    return opened


# ---- the ledger -----------------------------------------------------------------------------------------------------------


def big_hellos(port, count, source=None):
    """Hellos of almost 64 KiB that no handshake comes of: RC4 is all that they offer."""
    for _ in range(count):
        with contextlib.suppress(OSError), client.open_tcp(port, source=source) as sock:
            sock.sendall(records(hello_message(65480, suites=b"\0\x05", padding=0xFAFA)))
            sock.recv(100)


def pipelined_requests(port, seconds, source=None):
    """Long requests as fast as the server answers, some of them always under way. Gives how many it answered."""
    request = f"GET /{'a' * 1900} HTTP/1.1\r\nHost: a\r\nUser-Agent: {'b' * 5900}\r\n\r\n".encode()
    answered, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), client.open_tcp(port, source=source) as sock:
            sock.setblocking(False)
            rest, waiting = b"", 0
            while time.monotonic() < end:
                readable, writable, _ = select.select([sock], [sock] if rest or waiting < 8 else [], [], 1)
                if readable:
                    answer = sock.recv(65536)
                    if not answer:
                        break
                    # Where an answer's first line lies in two reads it is not counted: then more is under way.
                    answered += answer.count(b"HTTP/1.1 ")
                    waiting -= answer.count(b"HTTP/1.1 ")
                if writable:
                    if not rest:
                        rest, waiting = request, waiting + 1
                    rest = rest[sock.send(rest) :]
    return answered


# ---- places ---------------------------------------------------------------------------------------------------------------


def keep_places(port, count, stop, every=10.0, source=None):
    """`count` connections of one address, each with a request once in a while, and in the place of one that is closed a new
    one at once; until `stop` (an Event) is set."""

    def connect():
        sock = socket.socket()
        sock.setblocking(False)
        if source:
            sock.bind((source, 0))
        with contextlib.suppress(BlockingIOError):
            sock.connect(("127.0.0.1", port))
        return sock

    asked = {connect(): 0.0 for _ in range(count)}
    try:
        while not stop.is_set():
            for sock in [sock for sock, at in asked.items() if time.monotonic() - at >= every]:
                with contextlib.suppress(OSError):
                    sock.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                    asked[sock] = time.monotonic()
            poll = select.poll()
            by_number = {sock.fileno(): sock for sock in asked}
            for number in by_number:
                poll.register(number, select.POLLIN)
            for number, _ in poll.poll(100):
                sock = by_number[number]
                with contextlib.suppress(BlockingIOError):
                    try:
                        answer = sock.recv(4096)
                    except ConnectionError:
                        answer = b""
                    if not answer:
                        sock.close()
                        del asked[sock]
                        asked[connect()] = 0.0
    finally:
        for sock in asked:
            sock.close()

"""A TLS client on Python's own ssl module, willing to speak what old phones speak.

Each connection comes from an address of its own in 127.0.0.0/8, so that its row in the ledger is found without doubt.
"""

import contextlib
import dataclasses
import http.client
import itertools
import os
import socket
import ssl
import warnings

TIMEOUT = 30

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes
    version: str  # of TLS, "" for none
    cipher: str
    source: str  # our address: finds the row in the ledger


def context(identity=None, version="1.2", ciphers="ALL:@SECLEVEL=0", trust=None):
    """`trust`: the one CA (an Identity) that the server must be of; None: any server will do."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = VERSIONS[version]
        made.maximum_version = VERSIONS[version]
    if trust:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(trust.certificate)
    if identity:
        made.load_cert_chain(identity.chain, identity.key)
    return made


_addresses = itertools.count(os.getpid() * 257)


def _source():
    number = next(_addresses)
    return f"127.{64 + number // 62500 % 64}.{number // 250 % 250}.{1 + number % 250}"


def open_tcp(port, host="127.0.0.1", source=None):
    source = (source or _source(), 0) if host.startswith("127.") else None
    return socket.create_connection((host, port), timeout=TIMEOUT, source_address=source)


def source_of(sock):
    return sock.getsockname()[0]


@contextlib.contextmanager
def connect(port, identity=None, version="1.2", host="127.0.0.1", source=None, **options):
    """A TLS connection, handshake done. `source`: the address that it shall come from."""
    with open_tcp(port, host, source) as plain:
        with context(identity, version, **options).wrap_socket(plain) as secure:
            yield secure


@contextlib.contextmanager
def connect_plain(port, host="127.0.0.1"):
    with open_tcp(port, host) as plain:
        yield plain


def request_bytes(path, method="GET", http_version="1.1", headers=()):
    lines = [f"{method} {path} HTTP/{http_version}"]
    if http_version == "1.1":
        lines.append("Host: localhost")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def read_answer(sock, method="GET"):
    """One response off the socket. Nothing is read ahead of it but what the buffer of HTTPResponse took."""
    response = http.client.HTTPResponse(sock, method=method)
    response.begin()
    body = response.read()
    is_tls = isinstance(sock, ssl.SSLSocket)
    return Answer(
        status=response.status,
        headers={name.lower(): value for name, value in response.getheaders()},
        body=body,
        version=sock.version() if is_tls else "",
        cipher=sock.cipher()[0] if is_tls else "",
        source=source_of(sock),
    )


def get(port, path, identity=None, version="1.2", method="GET", http_version="1.1", headers=(("Connection", "close"),), **options):
    with connect(port, identity, version, **options) as sock:
        sock.sendall(request_bytes(path, method, http_version, headers))
        return read_answer(sock, method)


def get_plain(port, path, method="GET", http_version="1.1", headers=(("Connection", "close"),)):
    with connect_plain(port) as sock:
        sock.sendall(request_bytes(path, method, http_version, headers))
        return read_answer(sock, method)


def read_to_end(sock):
    """Everything until the peer closes; a reset counts as the end."""
    data = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while chunk := sock.recv(65536):
            data += chunk
    return data

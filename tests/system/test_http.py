"""HTTP as phones speak it: old and new versions, odd cuts, and a clear status for each kind of bad request."""

import contextlib

import pytest

from support import client, pki

OWN = f"/{pki.OWN_MAC}.xml"


def exchange(server, certificates, raw, *, method="GET", version="1.0"):
    with client.connect(server.port, certificates.own, version) as sock:
        sock.sendall(raw)
        return client.read_answer(sock, method)


@pytest.mark.parametrize(
    "raw",
    [
        f"GET {OWN} HTTP/1.0\r\n\r\n",
        f"GET {OWN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        f"GET {OWN} HTTP/1.1\r\nhost: localhost:8443\r\n\r\n",
        f"GET {OWN} HTTP/1.1\r\nHost: [::1]:8443\r\nUser-Agent: Cisco/SPA504G-7.6.1 (000E08ABCDEF)(CBT12345678)\r\n\r\n",
        f"GET https://localhost{OWN} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET {OWN}?now=1 HTTP/1.0\r\n\r\n",
        f"GET {OWN} HTTP/1.0\n\n",
    ],
)
def test_serves_the_forms_that_clients_use(server, certificates, raw):
    answer = exchange(server, certificates, raw.encode())
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body) > 0
    assert "transfer-encoding" not in answer.headers
    assert answer.headers["content-type"].startswith("text/xml")


def test_head_is_get_without_the_body(server, certificates):
    get = exchange(server, certificates, client.request_bytes(OWN))
    head = exchange(server, certificates, client.request_bytes(OWN, method="HEAD"), method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_keep_alive(server, certificates):
    with client.connect(server.port, certificates.own) as sock:
        for path, status in [(OWN, 200), ("/nothing", 404), (f"/{pki.OTHER_MAC}.xml", 403), (OWN, 200)]:
            sock.sendall(client.request_bytes(path))
            assert client.read_answer(sock).status == status
        source = client.source_of(sock)
    row = server.row_of(source)
    assert [request["status"] for request in row["requests"]] == [200, 404, 403, 200]
    assert row["outcome"] == "ok"


def test_http_1_0_closes_unless_asked_not_to(server, certificates):
    with client.connect(server.port, certificates.own) as sock:
        sock.sendall(client.request_bytes(OWN, http_version="1.0"))
        assert client.read_answer(sock).status == 200
        assert client.read_to_end(sock) == b""


def test_connection_close_is_obeyed(server, certificates):
    with client.connect(server.port, certificates.own) as sock:
        sock.sendall(client.request_bytes(OWN, headers=[("Connection", "close")]))
        assert client.read_answer(sock).headers["connection"] == "close"
        assert client.read_to_end(sock) == b""


def test_pipelined_requests_are_answered_in_order(server, certificates):
    with client.connect(server.port, certificates.own) as sock:
        last = [("Connection", "close")]
        sock.sendall(client.request_bytes(OWN) + client.request_bytes("/nothing", headers=last))
        everything = client.read_to_end(sock)
    assert everything.index(b" 200 ") < everything.index(b" 404 ")


@pytest.mark.parametrize("version", ["1.0", "1.3"])
def test_a_request_split_over_many_records(server, certificates, version):
    """Each byte in a TLS record of its own; TLS 1.0 clients with the BEAST counter-measure always cut off the first."""
    with client.connect(server.port, certificates.own, version) as sock:
        for byte in client.request_bytes(OWN, headers=[("Connection", "close")]):
            sock.sendall(bytes([byte]))
        assert client.read_answer(sock).status == 200


BAD = {
    "POST": (f"POST {OWN} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
    "DELETE": (f"DELETE {OWN} HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "no Host": (f"GET {OWN} HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "HTTP/2.0": (f"GET {OWN} HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "HTTP/0.9": (f"GET {OWN}\r\n\r\n", 400),
    "two spaces": ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no slash": ("GET nothing HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a broken escape": ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no colon": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\nBroken header\r\n\r\n", 400),
    "a space before the colon": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", 400),
    "two framings": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "a folded line": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", 400),
    "a long target": ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a long header": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\nX: " + "a" * 9000 + "\r\n\r\n", 431),
    "many headers": (f"GET {OWN} HTTP/1.1\r\nHost: a\r\n" + "X: a\r\n" * 1000 + "\r\n", 431),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_kind_of_bad_request_has_its_status(server, certificates, kind):
    raw, status = BAD[kind]
    answer = exchange(server, certificates, raw.encode(), version="1.2")
    assert answer.status == status
    assert 0 < len(answer.body) < 500
    row = server.row_of(answer.source)
    assert (row["status"], row["decision"]) == (status, "deny")
    assert row["reason"]


def test_405_says_what_is_allowed(server, certificates):
    raw = f"DELETE {OWN} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    assert exchange(server, certificates, raw).headers["allow"].replace(" ", "") == "GET,HEAD"


def test_every_request_has_its_row(server):
    answer = server.get_plain("/spa504G.cfg", headers=[("User-Agent", "Cisco/SPA504G-7.4.9c (000E08ABCDEF)(CBT12345678)")])
    row = server.row_of(answer.source)
    (request,) = row["requests"]
    assert (request["method"], request["target"], request["status"]) == ("GET", "/spa504G.cfg", 200)
    assert request["bytes"] == len(answer.body)
    assert request["user_agent"].startswith("Cisco/SPA504G")


def test_a_client_that_leaves_in_the_middle(server, certificates):
    with contextlib.suppress(OSError), client.open_tcp(server.port) as plain:
        source = client.source_of(plain)
        with client.context(certificates.own).wrap_socket(plain) as secure:
            secure.sendall(b"GET / HT")
    assert server.row_of(source)["outcome"] == "closed"

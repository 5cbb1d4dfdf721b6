"""Every cause of a failure that docs/reference/ledger.md promises to tell, provoked by a real client: the code in the row,
and an explanation and remedy that name the concrete thing."""

import contextlib
import functools
import re
import subprocess

import pytest
from interop import clients

from support import client, pki
from support.server import BINARY, DEADLINE, ROOT, Server, config_text, environment, firstring, json_lines, make_state

pytestmark = pytest.mark.takes_long

OWN = f"/{pki.OWN_MAC}.xml"
FIXTURES = ROOT / "tests" / "fixtures" / "hello"
LEGACY = 'personalities = ["legacy-2026-11"]\n'
MODERN = 'personalities = ["modern-2026-11"]\n'
QUICK = 'hello_timeout = "1s"\nhandshake_timeout = "1s"\nidle_timeout = "1s"\n'


class Bench:
    """Clients, and a server for each configuration, started when first asked for."""

    def __init__(self, folder, certificates, stack):
        self.folder = folder
        self.certificates = certificates
        self.stack = stack

    @functools.lru_cache(maxsize=None)
    def client(self, name):
        (self.folder / name).mkdir()
        return clients.ALL[name](self.folder / name, self.certificates)

    @functools.lru_cache(maxsize=None)
    def server(self, extra="", chains=(), address="127.0.0.1"):
        """`chains`: ((server_chain, identity), ...) in the place of the usual ones."""
        state = make_state(self.folder / f"state-{len(list(self.folder.iterdir()))}", self.certificates)
        self.configure(state, extra, chains, address)
        return self.stack.enter_context(Server(state))

    def configure(self, state, extra="", chains=(), address="127.0.0.1"):
        # Without the ladder: each try meets the same server.
        usual = [("phone", f"{address}:0"), ("bootstrap", "127.0.0.1:0")]
        text = config_text(self.certificates, listeners=usual, listener_extra="ladder = false\n" + extra)
        for name, identity in chains:
            text = re.sub(
                rf'(name = "{name}"\ncertificate = )"[^"]*"(\nkey = )"[^"]*"',
                rf'\1"{getattr(self.certificates, identity).chain}"\2"{getattr(self.certificates, identity).key}"',
                text,
            )
        (state / "firstring.toml").write_text(text)

    # ---- clients ------------------------------------------------------------------------------------------------------

    def run(self, *command, stdin=b""):
        return subprocess.run(
            list(map(str, command)),
            input=stdin,
            capture_output=True,
            timeout=clients.TIMEOUT,
            env={**self.client("openssl").environment, "NO_PROXY": "*"},
        )

    def openssl(self, server, *options, identity=None, stdin=b"", quiet=True, path=OWN):
        certificate = ["-cert", identity.certificate, "-cert_chain", identity.chain, "-key", identity.key] if identity else []
        request = stdin or f"GET {path} HTTP/1.0\r\n\r\n".encode()
        level = [] if "-cipher" in options else ["-cipher", "ALL:@SECLEVEL=0"]
        return self.run(
            "openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *level, *options, *certificate,
            *(["-quiet"] if quiet else []), stdin=request,
        )  # fmt: skip

    def nss(self, server, *options):
        command = self.client("nss").command(server.port, None, OWN, "1.0")
        at = command.index("-V")
        return self.run(*command[:at], *options, *command[at + 2 :])

    def go(self, server, *options, identity=None, version="1.2"):
        return self.run(*self.client("go").command(server.port, identity, OWN, version), *options)

    def java(self, server, *options, identity=None, version="1.2"):
        command = self.client("java").command(server.port, identity, OWN, version)
        return self.run(command[0], *options, *command[1:])

    def curl(self, *options):
        return self.run("curl", "--silent", "--max-time", "20", *options)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, certificates):
    missing = clients.missing_programs()
    if missing:
        pytest.fail(f"these programs are missing, see scripts/packages.txt: {missing}")
    small_root = certificates.make("small-server-root", "/O=Provider/CN=Old Server Root", extensions=pki._CA)
    certificates.small_root = small_root
    for bits in (1024, 2048):
        name = f"server-{bits}"
        made = certificates.make(name, "/CN=localhost", small_root, key=bits, extensions=pki._SERVER)
        setattr(certificates, f"server_{bits}", made)
    certificates.other_name = certificates.make(
        "other-name", "/CN=pv.example", certificates.server_root, key=2048, md="sha256",
        extensions=pki._LEAF + "extendedKeyUsage = serverAuth\nsubjectAltName = DNS:pv.example\n",
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        yield Bench(tmp_path_factory.mktemp("causes"), certificates, stack)


def verify(identity):
    return ["-verify_return_error", "-CAfile", identity.certificate]


def half_a_hello(server):
    with client.connect_plain(server.port) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")


def say_and_wait(server, octets):
    with client.connect_plain(server.port) as sock:
        sock.sendall(octets)
        client.read_to_end(sock)


def hello_and_rubbish(server):
    """As scanners do that look for CVE-2014-0224: a ChangeCipherSpec too early."""
    with client.connect_plain(server.port) as sock:
        sock.sendall(bytes.fromhex((FIXTURES / "openssl-tls12.hex").read_text()))
        assert sock.recv(1) == b"\x16"
        sock.sendall(b"\x14\x03\x03\x00\x01\x01")
        client.read_to_end(sock)


def handshake_only(server):
    with client.connect(server.port):
        pass


def simulated_phone(bench, server):
    """Ours, for no packaged client compares CN, DNS and address as phones do."""
    identity = bench.certificates.own
    return subprocess.run(
        [BINARY, "simulate", "--server", f"127.0.0.2:{server.port}", "--mac", pki.OWN_MAC, "--model", "SPA504G", "--cert",
         identity.chain, "--key", identity.key, "--ca", bench.certificates.server_root.certificate],
        capture_output=True, timeout=DEADLINE, env=environment(FIRSTRING_DIR=server.folder),
    )  # fmt: skip


NO_LARGE_DH = "-Ddisabled=DH keySize == 2048"  # with ">" in it, JSSE offers no DH at all
DHE = "-Dsuites=TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"

# cause: (configuration of the server, client, what the explanation and the remedy name)
CASES = {
    # what the client does not like about us
    "client_distrusts_our_chain": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", *verify(b.certificates.stranger_root)), ["'modern'", "CN localhost", "unknown_ca"],
    ),
    "client_lacks_sha256": (
        {"chains": (("legacy", "modern_server"),)},
        lambda b, s: b.java(
            s, "-Djdk.tls.client.SignatureSchemes=rsa_pkcs1_sha1", f"-Dtrust={b.certificates.server_root.certificate}"
        ),
        ["SHA-256", "RSA+SHA1", "'legacy'"],
    ),
    "dh_too_large": ({"extra": MODERN}, lambda b, s: b.java(s, NO_LARGE_DH, DHE), ["2048 bits", "1024 bits"]),
    "dh_too_small": (
        {"extra": LEGACY}, lambda b, s: b.java(s, "-Ddisabled=DH keySize < 2048", DHE), ["1024 bits"],
    ),
    "name_mismatch": (
        {},
        lambda b, s: b.openssl(
            s, "-tls1_2", "-servername", "other.example", "-verify_hostname", "other.example", *verify(b.certificates.server_root)
        ),
        ["other.example", "CN localhost"],
    ),
    "our_certificate_expired": (
        {},
        lambda b, s: b.openssl(s, "-tls1_2", "-attime", "4102444800", *verify(b.certificates.server_root)),
        ["'modern'", "certificate_expired"],
    ),
    "client_refuses_our_certificate": (
        {}, lambda b, s: b.java(s, f"-Dtrust={b.certificates.stranger_root.certificate}"), ["'modern'", "certificate_unknown"],
    ),
    "client_left_after_our_flight": (
        {}, lambda b, s: b.go(s, "-leave", "close"), ["'modern'", "without an alert"],
    ),
    "client_silent_after_our_flight": (
        {"extra": QUICK}, lambda b, s: b.go(s, "-leave", "wait"), ["'modern'", "we waited 1."],
    ),
    # nothing in common
    "no_common_version": (
        {"extra": MODERN}, lambda b, s: b.openssl(s, "-tls1"), ["at most TLS 1.0", "TLS 1.2 to TLS 1.3", "modern-2026-11"],
    ),
    "too_old": (
        {}, lambda b, s: b.nss(s, "-V", "ssl3:ssl3", "-c", ":0001"), ["SSL 3.0", "NULL-MD5"],
    ),
    "ssl3_only": (
        {}, lambda b, s: b.nss(s, "-V", "ssl3:ssl3"), ["SSL 3.0", "quarantine"],
    ),
    "weak_ciphers_only": (
        {}, lambda b, s: b.nss(s, "-V", "tls1.0:tls1.0", "-c", ":0004:0005:000A"), ["RC4-SHA", "DES-CBC3-SHA"],
    ),
    "no_common_cipher": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", "-cipher", "CAMELLIA128-SHA:@SECLEVEL=0"), ["CAMELLIA128-SHA", "ECDHE-RSA-AES256-GCM-SHA384", "modern-2026-11"],
    ),
    "no_common_group": (
        {}, lambda b, s: b.openssl(s, "-tls1_3", "-groups", "X448"), ["X448", "X25519"],
    ),
    "no_common_signature": (
        {}, lambda b, s: b.openssl(s, "-tls1_3", "-sigalgs", "ECDSA+SHA256"), ["ECDSA+SHA256", "'modern'"],
    ),
    "fallback_refused": (
        {}, lambda b, s: b.openssl(s, "-tls1_1", "-fallback_scsv"), ["TLS 1.1"],
    ),
    # what the client did
    "client_key_mismatch": (
        {}, lambda b, s: b.go(s, "-forget-key", identity=b.certificates.own), [f"ST={pki.OWN_MAC}"],
    ),
    "certificate_list_too_long": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", identity=b.certificates.chain_of_100), [],
    ),
    "broken_handshake": ({}, lambda b, s: hello_and_rubbish(s), ["after it got our flight", "firstring capture 127."]),
    "client_asked_renegotiation": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", stdin=b"R\n", quiet=False), ["always refuses"],
    ),
    # their certificates
    "unknown_ca": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", identity=b.certificates.unknown_ca), ["Some Other Root", "[[device_ca]]"],
    ),
    "expired": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", identity=b.certificates.expired), ["certificate has expired", "accept_expired"],
    ),
    "wrong_purpose": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", identity=b.certificates.wrong_purpose), [f"ST={pki.OWN_MAC}"],
    ),
    "bad_signature": (
        {}, lambda b, s: b.openssl(s, "-tls1_2", identity=b.certificates.forged), ["Cisco Small Business Client Root", "forged"],
    ),
    # no TLS, and closing at each step
    "plain_http": ({}, lambda b, s: b.curl(f"http://127.0.0.1:{s.port}{OWN}"), ["https://"]),
    "not_http": ({}, lambda b, s: b.curl("--insecure", f"https://127.0.0.1:{s.plain_port}{OWN}"), ["plain HTTP port"]),
    "not_tls": ({}, lambda b, s: say_and_wait(s, b"SSH-2.0-OpenSSH_9.2\r\n"), []),
    "no_bytes": ({}, lambda b, s: client.open_tcp(s.port).close(), []),
    "silent": ({"extra": QUICK}, lambda b, s: say_and_wait(s, b""), ["1."]),
    "closed_in_hello": ({}, lambda b, s: half_a_hello(s), ["11 bytes"]),
    "half_hello": ({"extra": QUICK}, lambda b, s: say_and_wait(s, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), ["11 bytes"]),
    "no_request": ({}, lambda b, s: handshake_only(s), ["CN", "localhost"]),
}  # fmt: skip


def rows(server):
    server.all_rows()
    return [row for row in server.rows() if row.get("target") != "/the-end"]


def row_after(server, before):
    """The only row that came after those."""
    fresh = rows(server)[len(before) :]
    assert len(fresh) == 1, fresh
    return fresh[0]


def explained(server, row):
    lines = json_lines(firstring("explain", row["address"], "--json", folder=server.folder).stdout)
    return next(line for line in lines if line["connection"] == row["connection"])


@pytest.mark.parametrize("cause", CASES)
def test_a_real_client_provokes(bench, cause):
    settings, provoke, names = CASES[cause]
    server = bench.server(**settings)
    before = rows(server)
    result = provoke(bench, server)
    row = row_after(server, before)
    told = explained(server, row)
    assert row["cause"] == cause, f"{row}\n{told}\n{result}"
    assert told["cause"] == cause, told
    text = f"{told['explanation']} {told['remedy']}"
    for name in names:
        assert name in text, text
    assert told["explanation"].endswith(".") and told["remedy"].endswith(".")


def test_the_phones_check_of_name_and_address_cannot_pass(bench):
    """The row cannot say so: DNS is asked when somebody wants to know, not while phones wait."""
    server = bench.server(address="127.0.0.2")
    before = rows(server)
    result = simulated_phone(bench, server)
    row = row_after(server, before)
    assert row["cause"] == "no_request", (row, result)
    told = explained(server, row)
    assert told["cause"] == "name_leads_elsewhere", told
    for name in ("localhost", "127.0.0.1", "127.0.0.2"):
        assert name in told["explanation"] and name in told["remedy"], told


def test_what_worked_before_makes_the_cause_sharper(bench):
    """The same phone computed with 1024 bits yesterday and is offered 2048 today."""
    server = bench.server(LEGACY, chains=(("legacy", "server_1024"),))
    before = rows(server)
    bench.java(server, NO_LARGE_DH, DHE, identity=bench.certificates.own)
    good = row_after(server, before)
    assert (good["cause"], good["key_exchange_bits"]) == ("served", 1024)
    bench.configure(server.folder, MODERN)
    server.reload()
    bench.java(server, NO_LARGE_DH, DHE, identity=bench.certificates.own)
    row = row_after(server, [*before, good])
    assert row["likely_device"] == pki.OWN_MAC
    told = explained(server, row)
    assert told["cause"] == "dh_too_large"
    assert "the same device worked with 1024 bits" in told["explanation"], told


def test_a_key_is_too_large_where_a_smaller_one_worked(bench):
    options = [f"-Dtrust={bench.certificates.small_root.certificate}", "-DdisabledInChains=RSA keySize > 1024"]
    server = bench.server(LEGACY + "# own state\n", chains=(("legacy", "server_1024"),))
    before = rows(server)
    bench.java(server, *options, identity=bench.certificates.own)
    good = row_after(server, before)
    assert (good["cause"], good["server_key_bits"]) == ("served", 1024)
    bench.configure(server.folder, LEGACY, (("legacy", "server_2048"),))
    server.reload()
    result = bench.java(server, *options, identity=bench.certificates.own)
    told = explained(server, row_after(server, [*before, good]))
    assert told["cause"] == "key_too_large", (told, result)
    assert "2048-bit key" in told["explanation"] and "worked with a 1024-bit key" in told["explanation"], told

"""What `firstring capture` writes, read by tshark: decrypted by the secrets in the file, and nothing wrong with it."""

import shutil
import subprocess
import tarfile

import pytest
from interop import clients

from support import client, pki
from support.captures import capture_of
from support.server import DEADLINE, OTHER_SECRET, SECRET, Server, firstring, make_state

OWN = f"/{pki.OWN_MAC}.xml"
CHECKS = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
# Nothing malformed, no bad checksum (status 0), no retransmission, gap or full window, no error of any dissector.
WRONG = "_ws.malformed or tcp.checksum.status == 0 or ip.checksum.status == 0 or tcp.analysis.flags or _ws.expert.severity == error"


@pytest.fixture(scope="module")
def running(tmp_path_factory, certificates):
    if shutil.which("tshark") is None:
        pytest.fail("tshark is missing, see scripts/packages.txt")
    with Server(make_state(tmp_path_factory.mktemp("capture") / "state", certificates)) as server:
        yield server


def tshark(file, *arguments):
    run = subprocess.run(["tshark", "-r", file, *CHECKS, *arguments], capture_output=True, text=True, timeout=DEADLINE * 2)
    assert run.returncode == 0, run.stderr
    return run.stdout


def fields(file, shown, *names):
    """The named fields of the packets that match, as tuples."""
    output = tshark(file, "-Y", shown, "-T", "fields", *[part for name in names for part in ("-e", name)])
    return [tuple(line.split("\t")) for line in output.splitlines()]


def assert_nothing_is_wrong(file):
    assert tshark(file, "-Y", WRONG) == ""
    assert fields(file, "tcp", "tcp.checksum.status") == [("1",)] * len(tshark(file).splitlines())


@pytest.mark.parametrize(
    "version, ciphers",
    [("1.0", "DHE-RSA-AES256-SHA"), ("1.0", "AES256-SHA"), ("1.2", "ECDHE-RSA-AES256-GCM-SHA384"), ("1.3", "ALL")],
)
def test_request_and_answer_are_readable(running, certificates, version, ciphers):
    def connect():
        assert running.get(OWN, certificates.own, version=version, ciphers=f"{ciphers}:@SECLEVEL=0").status == 200

    file = capture_of(running, connect)
    assert fields(file, "http.request", "http.request.method", "http.request.uri") == [("GET", OWN)]
    assert fields(file, "http.response", "http.response.code") == [("200",)]
    assert SECRET in tshark(file, "-Y", "http.response", "-V")
    assert pki.OWN_MAC in tshark(file, "-Y", "tls.handshake.type == 11", "-V")  # the phone's certificate
    assert_nothing_is_wrong(file)


def test_over_ipv6(tmp_path, certificates):
    state = make_state(tmp_path / "state", certificates, listeners=[("phone", "[::1]:0")])
    with Server(state) as server:
        file = capture_of(server, lambda: client.get(server.port, OWN, certificates.own, host="::1"))
    assert fields(file, "http.response", "ipv6.src", "http.response.code") == [("::1", "200")]
    assert_nothing_is_wrong(file)


def test_plain_http(running):
    file = capture_of(running, lambda: running.get_plain("/spa504G.cfg"))
    assert fields(file, "http.request", "http.request.uri") == [("/spa504G.cfg",)]
    assert_nothing_is_wrong(file)


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.3"])
def test_a_client_that_distrusts_our_chain(running, certificates, tmp_path, version):
    flag = {"1.0": "-tls1", "1.2": "-tls1_2", "1.3": "-tls1_3"}[version]

    def connect():
        command = [
            "openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", flag, "-cipher", "ALL:@SECLEVEL=0",
            "-CAfile", certificates.stranger_root.certificate, "-no-CApath", "-no-CAstore", "-verify_return_error",
        ]  # fmt: skip
        subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE)

    file = capture_of(running, connect)
    # In TLS 1.3 the alert is encrypted, and still readable.
    alerts = fields(file, "tls.alert_message.level == 2", "tcp.dstport", "tls.alert_message.desc")
    assert alerts == [(str(running.port), "48")]
    assert tshark(file, "-Y", "tls.handshake.type == 11") != ""
    assert_nothing_is_wrong(file)


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.3"])
def test_a_client_without_the_key_of_its_certificate(running, certificates, tmp_path, version):
    go = clients.Go(tmp_path, certificates)

    def connect():
        command = [*go.command(running.port, certificates.own, OWN, version), "-forget-key"]
        assert go.execute(command, OWN).returncode != 0

    file = capture_of(running, connect)
    sent_by_us = f"tls.alert_message.level == 2 and tcp.srcport == {running.port}"
    assert fields(file, sent_by_us, "tls.alert_message.desc") == [("51",)]  # decrypt_error
    assert tshark(file, "-Y", "tls.handshake.type == 15 and tcp.dstport == " + str(running.port)) != ""
    assert_nothing_is_wrong(file)


def everything_in(file):
    """All that tshark makes of a file: its packets in words, and every stream that it can decrypt, as bytes."""
    streams = tshark(file, "-q", "-z", "follow,tls,raw,0") + tshark(file, "-q", "-z", "follow,tcp,raw,0")
    lines = [line.strip() for line in streams.splitlines()]
    raw = b"".join(bytes.fromhex(line) for line in lines if line and not set(line) - set("0123456789abcdef"))
    return tshark(file, "-V", "-x").encode() + raw


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.3"])
def test_a_bundle_shows_the_exchange_and_no_document_even_decrypted(running, certificates, tmp_path, version):
    password = "kennwort-in-der-anfrage"

    def own(path=OWN, *headers):
        running.get(path, certificates.own, version=version, headers=(*headers, ("Connection", "close")))

    with_head = capture_of(running, own)
    capture_of(running, lambda: own(f"/{pki.OTHER_MAC}.xml"))
    capture_of(running, lambda: own(OWN, ("Authorization", f"Basic {password}")))
    bundle = tmp_path / "case.tar.gz"
    firstring("evidence", pki.OWN_MAC, "-o", bundle, folder=running.folder)
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path)
    files = sorted((tmp_path / "captures").iterdir())
    assert len(files) >= 3
    everything = b"".join(map(everything_in, files))
    for text in (SECRET, OTHER_SECRET, password, pki.OTHER_MAC, "flat-profile"):
        assert text.encode() not in everything and text.upper().encode() not in everything, text
    # What the engineer needs is still there, and what was cut is in the file at home.
    cut = tmp_path / "captures" / with_head.name
    assert fields(cut, "http.request", "http.request.uri") == [(OWN,)]
    heads = tshark(cut, "-o", "http.desegment_body:FALSE", "-Y", "http.response", "-T", "fields", "-e", "http.response.code")
    assert heads.split() == ["200"]
    assert tshark(cut, "-Y", WRONG) == ""
    assert SECRET.encode() in everything_in(with_head)

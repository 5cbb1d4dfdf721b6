"""`firstring evidence`: what a bundle for a vendor holds, and what must never be in one."""

import json
import ssl
import tarfile

import pytest

from support import client, pki
from support.captures import capture_of, order, until
from support.server import OTHER_SECRET, SECRET, Server, firstring, make_state

OWN = f"/{pki.OWN_MAC}.xml"
OTHER = f"/{pki.OTHER_MAC}.xml"
PASSWORD = "kennwort-in-der-anfrage"
OTHER_SERIAL = "CBT153908BX"  # of the other phone's certificate


@pytest.fixture(scope="module")
def running(tmp_path_factory, certificates):
    """A phone with good and bad connections, most of them captured, and another phone at the same address."""
    with Server(make_state(tmp_path_factory.mktemp("evidence") / "state", certificates)) as server:
        source = server.get(OWN, certificates.own).source
        user_agent = ("User-Agent", f"Cisco/SPA504G-7.5.5 ({pki.OWN_MAC.upper()})(CBT12345678)")

        def own(path=OWN, *headers):
            client.get(server.port, path, certificates.own, source=source, headers=(user_agent, ("Connection", "close"), *headers))

        def failed():
            hello = bytes.fromhex(server.rows_of(source)[0]["hello"])
            with client.open_tcp(server.port, source=source) as plain:
                plain.sendall(hello)
                plain.recv(1)

        def garbage():
            with client.open_tcp(server.port, source=source) as plain:
                plain.sendall(f"GET / HTTP/1.0\r\nAuthorization: Basic {PASSWORD}\r\n\r\n".encode())
                client.read_to_end(plain)

        capture_of(server, own)
        capture_of(server, lambda: own(OTHER))
        capture_of(server, lambda: own(OWN, ("Authorization", f"Basic {PASSWORD}")))
        capture_of(server, lambda: own(f"{OWN}?password={PASSWORD}"))
        capture_of(server, failed)
        capture_of(server, garbage)
        # The other phone: its own file, and this one's.
        for path in (OTHER, OWN):
            capture_of(server, lambda path=path: client.get(server.port, path, certificates.other, source=source))
        order(server, "192.0.2.1")
        server.row_of(server.get_plain("/the-end").source)
        server.source = source
        yield server


def bundle_of(server, folder, *options):
    """{name: content}"""
    file = folder / "case.tar.gz"
    server.printed = firstring("evidence", pki.OWN_MAC, "-o", file, *options, folder=server.folder)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        assert all(member.isfile() and member.mode == 0o600 for member in archive)
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_it_holds_what_an_engineer_needs(running, tmp_path):
    files = bundle_of(running, tmp_path)
    names = set(files)
    assert {"summary.txt", "ledger.jsonl", "hello.txt", "hello.hex", "personality/modern-2026-11.toml"} <= names
    captures = [name for name in names if name.startswith("captures/")]
    rows = [json.loads(line) for line in files["ledger.jsonl"].splitlines()]
    assert sorted(f"captures/{row['capture']}" for row in rows if row["capture"]) == sorted(captures) and len(captures) == 5
    assert all(row["device"] == pki.OWN_MAC or row["likely_device"] == pki.OWN_MAC for row in rows) and len(rows) == 6
    assert b"TLS_AES_256_GCM_SHA384" in files["hello.txt"] or b"ECDHE-RSA-AES256-GCM-SHA384" in files["hello.txt"]

    summary = files["summary.txt"].decode()
    for wanted in (
        "SPA504G", "7.5.5", pki.OWN_MAC, "CBT12345678", "WHAT HAPPENED", "SINCE WHEN", "our flight written", "WHAT THE PHONE OFFERED",
        "personality modern-2026-11", "firstring simulate --server 127.0.0.1:", "openssl s_client -connect 127.0.0.1:", "WHAT WE ASK",
    ):  # fmt: skip
        assert wanted in summary, summary
    assert len(summary.splitlines()) < 60, "one page"


def test_no_password_no_key_and_nobody_else_is_in_it(running, tmp_path, certificates):
    files = bundle_of(running, tmp_path)
    everything = b"\n".join(name.encode() + b"\n" + content for name, content in files.items())
    lower = everything.lower()
    for text in (SECRET, OTHER_SECRET, PASSWORD, OTHER_SERIAL, "PRIVATE KEY"):
        assert text.encode() not in everything, text
        assert text.encode().hex().encode() not in lower, text
    for form in (pki.OTHER_MAC, ":".join(pki.OTHER_MAC[i : i + 2] for i in range(0, 12, 2))):
        assert form.encode() not in lower, form
    other = ssl.PEM_cert_to_DER_cert(certificates.other.certificate.read_text())
    assert other not in everything and other[50:90].hex().encode() not in lower
    for key in certificates.folder.glob("*/*.key"):
        assert key.read_bytes()[100:200] not in everything
    assert pki.OWN_MAC.encode() in lower
    # The rows themselves do hold it: without the cleaning, this test would find it.
    assert pki.OTHER_MAC in json.dumps(running.rows_of(running.source)) and PASSWORD in json.dumps(running.rows_of(running.source))


def test_since_limits_it(running, tmp_path):
    refused = firstring("evidence", pki.OTHER_MAC, "--since", "1ms", "-o", tmp_path / "x", folder=running.folder, status=1)
    assert "has no connection in the ledger since" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_documents_stay_in_only_when_asked_for_and_with_a_warning(running, tmp_path):
    without = bundle_of(running, tmp_path)
    assert "passwords" not in running.printed.stderr
    with_them = bundle_of(running, tmp_path, "--with-body")
    assert "passwords" in running.printed.stderr and "hold the phone's documents" in with_them["summary.txt"].decode()
    for name, content in with_them.items():
        if name.startswith("captures/"):
            assert content == (running.folder / "evidence" / name.removeprefix("captures/")).read_bytes()
    assert sum(map(len, without.values())) < sum(map(len, with_them.values()))


def test_a_capture_that_is_gone_is_said(running, tmp_path):
    file = next((running.folder / "evidence").glob(f"*{pki.OWN_MAC}*.pcapng"))
    content = file.read_bytes()
    file.unlink()
    try:
        files = bundle_of(running, tmp_path)
    finally:
        file.write_bytes(content)
    assert f"captures/{file.name}" not in files
    assert "1 captures are not here" in files["summary.txt"].decode()

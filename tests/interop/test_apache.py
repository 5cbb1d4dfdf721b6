"""The failure that Firstring was made against, on the real Apache, and the same phone against ours.

docs/why-not-apache.md tells the story; this holds it to the facts.
"""

import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from support import pki
from support.server import DEADLINE, Server, make_state

APACHE = shutil.which("apache2") or "/usr/sbin/apache2"
OWN = f"/{pki.OWN_MAC}.xml"

CONFIG = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
Mutex file:{folder}
ErrorLog {folder}/error.log
LogLevel info
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
DocumentRoot {folder}/www
StartServers 1
SSLEngine on
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
SSLCACertificateFile {roots}
SSLCipherSuite ALL:@SECLEVEL=0
SSLProtocol -ALL +TLSv1.2 +TLSv1.1 +TLSv1
SSLInsecureRenegotiation on
{virtual_host}
<Directory {folder}/www>
  Require all granted
  {directory}
</Directory>
"""


class Apache:
    """Debian's Apache on a port of its own, with the TLS part of the configuration from the forum thread."""

    def __init__(self, folder, certificates, virtual_host="", directory=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        www = self.folder / "www"
        www.mkdir()
        (www / OWN[1:]).write_text("<flat-profile/>")
        self.folder.chmod(0o755)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        config = self.folder / "apache.conf"
        config.write_text(
            CONFIG.format(
                folder=self.folder, port=self.port, modules="/usr/lib/apache2/modules", virtual_host=virtual_host,
                directory=directory, certificate=certificates.legacy_server.chain, key=certificates.legacy_server.key,
                roots=certificates.maker_root.certificate,
            )
        )  # fmt: skip
        environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "OPENSSL_CONF": str(certificates.folder / "openssl.cnf")}
        self.process = subprocess.Popen(
            [APACHE, "-f", config, "-DFOREGROUND"], stderr=subprocess.PIPE, text=True, env=environment
        )
        until = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                assert time.monotonic() < until, "apache2 does not start"
                time.sleep(0.05)

    def log(self):
        return (self.folder / "error.log").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


def phone(port, certificates, version, *more):
    """A phone that does not renegotiate, as from firmware 7.5.7 on; gives all that it says."""
    run = subprocess.run(
        [
            "openssl", "s_client", "-connect", f"127.0.0.1:{port}", {"1.0": "-tls1", "1.2": "-tls1_2"}[version],
            "-cipher", "ALL:@SECLEVEL=0", "-cert", certificates.own.certificate, "-key", certificates.own.key,
            "-quiet", *more,
        ],
        input=f"GET {OWN} HTTP/1.0\r\n\r\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE * 2,
        env={"PATH": "/usr/bin:/bin", "OPENSSL_CONF": str(certificates.folder / "openssl.cnf")},
    )  # fmt: skip
    return run.stdout + run.stderr


pytestmark = pytest.mark.skipif(not pathlib.Path(APACHE).exists(), reason="apache2 is not installed")

PER_DIRECTORY = {"directory": "SSLVerifyClient require\n  SSLVerifyDepth 1"}
PER_HOST = {"virtual_host": "SSLVerifyClient optional\nSSLVerifyDepth 1"}


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_apache_per_directory_fails_for_a_phone_that_does_not_renegotiate(tmp_path, certificates, version):
    with Apache(tmp_path / "apache", certificates, **PER_DIRECTORY) as apache:
        said = phone(apache.port, certificates, version, "-no_renegotiation")
        assert "200 OK" not in said
        assert "AH02261: Re-negotiation handshake failed" in apache.log()


def test_apache_per_directory_works_for_a_phone_that_renegotiates(tmp_path, certificates):
    with Apache(tmp_path / "apache", certificates, **PER_DIRECTORY) as apache:
        assert "200 OK" in phone(apache.port, certificates, "1.0")
        assert "AH02261" not in apache.log()


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_apache_asking_in_the_first_handshake_works(tmp_path, certificates, version):
    with Apache(tmp_path / "apache", certificates, **PER_HOST) as apache:
        assert "200 OK" in phone(apache.port, certificates, version, "-no_renegotiation")


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_the_same_phone_is_served_by_us(tmp_path, certificates, version):
    with Server(make_state(tmp_path / "state", certificates)) as server:
        assert "200 OK" in phone(server.port, certificates, version, "-no_renegotiation")

"""Foreign TLS stacks as phones: each makes one connection and one request, and gives the whole answer or its status (None: no
answer)."""

import atexit
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT = 60


def _request(path):
    return f"GET {path} HTTP/1.0\r\n\r\n".encode()


def status_of(output):
    found = re.search(rb"HTTP/1\.[01] (\d{3}) ", output)
    return int(found.group(1)) if found else None


def built(certificates, sources, build):
    """The folder of what `build` makes of these sources, in a folder that it is given; once, for all processes and runs."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    return certificates.kept(sources[0].stem, digest, build)


class Client:
    """`versions`: what it can speak; `resumes`: those in which it can take up an earlier session that the server kept.
    Prepared once, in a folder of its own."""

    versions = ("1.0", "1.1", "1.2", "1.3")
    trust = None  # the one CA (an Identity) that the server must be of; None: any server will do
    resumes = ()

    def __init__(self, folder, certificates):
        self.folder = folder
        self.certificates = certificates
        # The machine's own settings must not decide what a test client may do.
        self.environment = {**os.environ, "OPENSSL_CONF": str(certificates.folder / "openssl.cnf"), "HOME": str(folder)}
        self.prepare()

    def prepare(self):
        pass

    def command(self, port, identity, path, version):
        raise NotImplementedError

    def run(self, *arguments):
        return self.execute(self.command(*arguments), arguments[2])

    def execute(self, command, path):
        # A file, not a pipe: tstclnt turns in circles at the end of a pipe.
        with tempfile.TemporaryFile() as request:
            request.write(_request(path))
            request.seek(0)
            return subprocess.run(
                list(map(str, command)),
                stdin=request,
                capture_output=True,
                timeout=TIMEOUT,
                env=self.environment,
            )

    def get(self, port, identity, path, version):
        return status_of(self.run(port, identity, path, version).stdout)

    def get_twice(self, port, identity, path, version):
        """Two connections, the second with the session of the first. The statuses of those that asked for something."""
        commands = self.commands_twice(port, identity, path, version)
        return [status_of(self.execute(command, path).stdout) for command in commands]

    def commands_twice(self, port, identity, path, version):
        """For those that resume: one command that makes both connections, or one for each."""
        raise NotImplementedError


class OpenSsl(Client):
    """Refuses renegotiation, like phones on firmware 7.5.7."""

    def command(self, port, identity, path, version):
        flag = {"1.0": "-tls1", "1.1": "-tls1_1", "1.2": "-tls1_2", "1.3": "-tls1_3"}[version]
        certificate = ["-cert", identity.certificate, "-cert_chain", identity.chain, "-key", identity.key] if identity else []
        return [
            "openssl", "s_client", "-connect", f"127.0.0.1:{port}", flag, "-cipher", "ALL:@SECLEVEL=0", "-no_renegotiation",
            "-quiet", *certificate, *(["-verify_return_error", "-CAfile", self.trust.certificate] if self.trust else []),
        ]  # fmt: skip

    resumes = ("1.0", "1.2", "1.3")

    def commands_twice(self, port, identity, path, version):
        command = self.command(port, identity, path, version)
        session = self.folder / f"session-{version}.pem"
        return [[*command, "-sess_out", session], [*command, "-sess_in", session]]


class Curl(Client):
    def prepare(self):
        # Its --ciphers comes too late to allow the weak certificate.
        file = self.folder / "openssl.cnf"
        file.write_text(
            "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"
        )
        self.environment["OPENSSL_CONF"] = str(file)

    def command(self, port, identity, path, version):
        certificate = ["--cert", identity.chain, "--key", identity.key] if identity else []
        return [
            "curl", "--silent", "--show-error", "--include", *(["--cacert", self.trust.certificate] if self.trust else ["--insecure"]), f"--tlsv{version}", "--tls-max", version, *certificate,
            f"https://127.0.0.1:{port}{path}",
        ]  # fmt: skip

    resumes = ("1.0", "1.2", "1.3")

    def commands_twice(self, port, identity, path, version):
        command = self.command(port, identity, path, version)
        return [[*command, "--header", "Connection: close", command[-1]]]


class GnuTls(Client):
    def command(self, port, identity, path, version):
        certificate = ["--x509certfile", identity.chain, "--x509keyfile", identity.key] if identity else []
        checks = ["--x509cafile", self.trust.certificate] if self.trust else ["--insecure", "--no-ca-verification"]
        priority = f"LEGACY:-VERS-ALL:+VERS-TLS{version}:+SHA1:+SIGN-RSA-SHA1"
        return [
            "gnutls-cli", *checks, "--priority", priority, *certificate, "--port", port,
            "127.0.0.1",
        ]  # fmt: skip

    # Not "--resume": it asks for nothing in its first connection, and a session is kept once a request was answered.


class Nss(Client):
    def database(self, identity):
        name = identity.name if identity else "none"
        folder = self.folder / f"nss-{name}-{self.trust.name if self.trust else 'any'}"
        if not folder.exists():
            folder.mkdir()
            quiet = {"check": True, "capture_output": True, "timeout": TIMEOUT, "env": self.environment}
            subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], **quiet)
            if identity:
                subprocess.run(["pk12util", "-i", identity.pkcs12, "-W", "secret", "-d", f"sql:{folder}"], **quiet)
            if self.trust:
                ca = ["-n", "ca", "-t", "C,,", "-i", self.trust.certificate]
                subprocess.run(["certutil", "-A", "-d", f"sql:{folder}", *ca], **quiet)
        return f"sql:{folder}"

    def command(self, port, identity, path, version):
        certificate = ["-n", identity.name] if identity else ["-n", "none"]
        limits = f"tls{version}:tls{version}"
        return ["tstclnt", "-h", "127.0.0.1", "-p", port, "-d", self.database(identity), "-V", limits, *([] if self.trust else ["-o"]), *certificate]

    resumes = ("1.0", "1.2", "1.3")

    def commands_twice(self, port, identity, path, version):
        request = self.folder / "request"
        request.write_bytes(_request(path))
        return [[*self.command(port, identity, path, version), "-A", request, "-L", "2"]]


class Go(Client):
    def prepare(self):
        def build(folder):
            with tempfile.TemporaryDirectory() as cache:
                environment = {**self.environment, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOCACHE": cache}
                command = ["go", "build", "-o", folder / "go-client", "."]
                subprocess.run(command, cwd=HERE / "go", check=True, timeout=300, env=environment)

        self.program = built(self.certificates, [HERE / "go" / "main.go", HERE / "go" / "go.mod"], build) / "go-client"

    def command(self, port, identity, path, version):
        certificate = ["-cert", identity.chain, "-key", identity.key] if identity else []
        return [self.program, "-address", f"127.0.0.1:{port}", "-path", path, "-version", version, *certificate, *(["-trust", self.trust.certificate] if self.trust else [])]

    resumes = ("1.3",)  # up to TLS 1.2 it knows tickets only, and the server gives none

    def commands_twice(self, port, identity, path, version):
        return [[*self.command(port, identity, path, version), "-times", "2"]]


class JavaMachine:
    """One process for all that needs no options of its own: starting one costs a second of CPU."""

    def __init__(self, command):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # What it says of failed handshakes is read away, so that it cannot block; the newest is kept for who wonders.
        self._said = b""
        self._reader = threading.Thread(target=self._read_words, daemon=True)
        self._reader.start()
        atexit.register(self.stop)

    def _read_words(self):
        while line := self._process.stderr.readline():
            self._said = (self._said + line)[-4000:]

    def run(self, arguments):
        limit = threading.Timer(TIMEOUT, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(("\t".join(map(str, arguments)) + "\n").encode())
            self._process.stdin.flush()
            status, size = self._process.stdout.readline().split()
            output = self._process.stdout.read(int(size))
        finally:
            limit.cancel()
        return subprocess.CompletedProcess(arguments, int(status), output, self._said)

    def stop(self):
        self._process.stdin.close()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@functools.cache
def java_machine(*command):
    return JavaMachine(command)


class Java(Client):
    prefix = ""
    FAST = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")

    def prepare(self):
        source = HERE / "java" / "Client.java"
        javac = ["javac", source, "-d"]
        self.classes = built(self.certificates, [source], lambda folder: subprocess.run([*javac, folder], check=True, timeout=300))

    def command(self, port, identity, path, version):
        protocol = self.prefix + {"1.0": "TLSv1"}.get(version, f"TLSv{version}")
        certificate = [identity.pkcs12] if identity else []
        trust = [f"-Dtrust={self.trust.certificate}"] if self.trust else []
        return ["java", *self.FAST, *trust, "-cp", self.classes, "Client", "127.0.0.1", port, path, protocol, *certificate]

    def execute(self, command, path):
        arguments = command[command.index("Client") + 1 :]
        trust = self.trust.certificate if self.trust else ""
        return java_machine("java", *self.FAST, "-cp", self.classes, "Client", "serve").run([trust, *arguments])

    resumes = ("1.0", "1.2", "1.3")

    def commands_twice(self, port, identity, path, version):
        return [[*self.command(port, identity, path, version), "twice"]]


class JavaSslv2Hello(Java):
    """TLS 1.0 whose ClientHello comes in the format of SSL 2.0, as from OpenSSL 0.9.8's version-flexible client."""

    versions = ("1.0",)
    resumes = ()  # with a session at hand it sends no such hello
    prefix = "SSLv2Hello,"


ALL = {
    "openssl": OpenSsl,
    "curl": Curl,
    "gnutls": GnuTls,
    "nss": Nss,
    "go": Go,
    "java": Java,
    "java-sslv2-hello": JavaSslv2Hello,
}
PROGRAMS = ["openssl", "curl", "gnutls-cli", "tstclnt", "certutil", "pk12util", "go", "java", "javac"]


def missing_programs():
    return [program for program in PROGRAMS if shutil.which(program) is None]

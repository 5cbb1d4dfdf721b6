"""The real program: a state folder, a running server, its ledger and its end."""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from support import client, ledger, pki

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("FIRSTRING_BINARY", ROOT / "build" / "firstring"))
DEADLINE = 30  # seconds that anything may take before a test gives up on it

# A small quarantine, so that the resident size of a sanitized program says something about the program.
_SANITIZERS = {
    "ASAN_OPTIONS": "quarantine_size_mb=8:detect_leaks=1:abort_on_error=0:allocator_may_return_null=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": "report_objects=1",
}

SECRET = "grosses-Geheimnis-4711"  # the SIP password of the tests' own phone; must turn up in one place only
OTHER_SECRET = "anderes-Geheimnis-0815"


@functools.cache
def sanitized():
    """Whether the program carries a sanitizer: its shadow takes terabytes of address space, and more of memory for each block."""
    program = BINARY.read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def environment(**more):
    return {**os.environ, **_SANITIZERS, **{name: str(value) for name, value in more.items()}}


def firstring(*arguments, folder=None, stdin="", status=0, env=None):
    """Runs one command to its end and gives what it printed; `status` None takes any."""
    more = {"FIRSTRING_DIR": folder} if folder else {}
    result = subprocess.run(
        [BINARY, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE * 4,
        env=environment(**more, **(env or {})),
    )
    assert "Sanitizer" not in result.stderr and "runtime error:" not in result.stderr, result.stderr
    if status is not None:
        assert result.returncode == status, f"{arguments}: exit {result.returncode}\n{result.stdout}{result.stderr}"
    return result


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


# Most tests show one phone with many certificates and TLS versions, which the product's defaults would not stand.
UNWATCHED = 'pin = "off"\nratchet = "off"\n'


def config_text(
    certificates, *, workers=2, drain_timeout="5s", listeners=None, log_requests="", limits="", listener_extra="", chains=(),
    ecdsa=None, policy=UNWATCHED, more="",
):  # fmt: skip
    """A firstring.toml with ports from the kernel and every device CA of the test PKI. `chains`: further server chains,
    (name, Identity); `ecdsa`: the second certificate of the chain "modern"; `more`: further sections."""
    listeners = listeners or [("phone", "127.0.0.1:0"), ("bootstrap", "127.0.0.1:0")]
    text = f'[server]\nhost = "localhost"\nworkers = {workers}\ndrain_timeout = "{drain_timeout}"\n'
    for kind, address in listeners:
        text += f'\n[[listener]]\nkind = "{kind}"\naddress = "{address}"\n{listener_extra if kind == "phone" else ""}'
    for name, identity in (*chains, ("legacy", certificates.legacy_server), ("modern", certificates.modern_server)):
        text += f'\n[[server_chain]]\nname = "{name}"\ncertificate = "{identity.chain}"\nkey = "{identity.key}"\n'
    if ecdsa:
        text += f'ecdsa_certificate = "{ecdsa.chain}"\necdsa_key = "{ecdsa.key}"\n'
    old = 'min_rsa_bits = 1024\nweak_hashes = ["sha1", "md5"]\n'
    cas = [
        ("maker", certificates.maker_root, old + f'intermediates = "{certificates.intermediate.certificate}"\n'),
        ("sipura", certificates.md5_root, old),
        ("forgiving", certificates.forgiving_root, old + "accept_expired = true\n"),
        ("strict", certificates.strict_root, ""),
    ]
    for name, root, rules in cas:
        text += f'\n[[device_ca]]\nname = "{name}"\nroots = "{root.certificate}"\n{rules}'
    text += f'\n[log]\nrequests = "{log_requests}"\n'
    text += f"\n[policy]\n{policy}"
    if limits:
        text += f"\n[limits]\n{limits}"
    return f"{text}\n{more}"


def make_state(folder, certificates, **config):
    """A state folder with two phones, a base layer, and a secret for each phone. Made once in a process, then copied."""
    shutil.copytree(_template(), folder)
    (folder / "firstring.toml").write_text(config_text(certificates, **config))
    return folder


@functools.cache
def _template():
    kept = tempfile.TemporaryDirectory(prefix="firstring-")
    atexit.register(kept.cleanup)
    folder = pathlib.Path(kept.name) / "state"
    firstring("init", folder, "--host", "localhost")
    run = functools.partial(firstring, folder=folder)
    run("device", "add", pki.OWN_MAC, "--model", "SPA504G", "--serial", "CBT12345678")
    run("device", "add", pki.OTHER_MAC, "--model", "SPA525G2", "--serial", "CBT153908BX")
    run("set", "base", "Time_Zone=GMT+01:00")
    for mac, user, password in ((pki.OWN_MAC, "1001", SECRET), (pki.OTHER_MAC, "1002", OTHER_SECRET)):
        account = ["--user", user, "--proxy", "sip.example", "--password-file", "-"]
        run("line", "set", mac, "1", *account, stdin=password)
    return folder


class Server:
    """`firstring serve` on a state folder, from READY=1 to its clean end."""

    def __init__(self, folder, env=None, command=()):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "serve.log"
        self.requests = self.folder / "serve.stdout"
        # Not in the state folder: a socket's path must be short.
        self._notify_folder = tempfile.TemporaryDirectory(prefix="firstring-")
        self._notify_path = pathlib.Path(self._notify_folder.name) / "notify"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._notify_path))
        self.notified = []
        self.stopped = False
        with self.log.open("wb") as log, self.requests.open("wb") as requests:
            self.process = subprocess.Popen(
                [*command, BINARY, "serve", self.folder],
                stdin=subprocess.DEVNULL,
                stdout=requests,
                stderr=log,
                env=environment(NOTIFY_SOCKET=self._notify_path, **(env or {})),
            )
        try:
            self.wait_for_notice("READY=1")
            self.ports = self._read_ports()
        except BaseException:
            self.process.kill()
            self.process.wait()
            self._close_notify()
            raise

    def _read_ports(self):
        """{kind: [port, ...]} from the lines that say where it listens."""
        ports = {}
        for line in self.log_text().splitlines():
            found = re.search(r"\blistening kind=(phone|bootstrap) address=\S+:(\d+)", line)
            if found:
                ports.setdefault(found.group(1), []).append(int(found.group(2)))
        assert ports, f"no line says where it listens:\n{self.log_text()}"
        return ports

    @property
    def port(self):
        return self.ports["phone"][0]

    @property
    def plain_port(self):
        return self.ports["bootstrap"][0]

    @property
    def pid(self):
        return self.process.pid

    def log_text(self):
        return self.log.read_text(errors="replace")

    def wait_for_notice(self, wanted):
        """Waits for a line of sd_notify(3)."""
        until = time.monotonic() + DEADLINE
        while not any(line.startswith(wanted) for line in self.notified):
            self._notify.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                self.notified += self._notify.recv(4096).decode().splitlines()
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before {wanted}:\n{self.log_text()}")
            assert time.monotonic() < until, f"no {wanted} within {DEADLINE} s:\n{self.log_text()}"

    def reload(self):
        """SIGHUP, and waits until the server is ready again, with the new configuration or the old."""
        self.notified.clear()
        self.process.send_signal(signal.SIGHUP)
        self.wait_for_notice("RELOADING=1")
        self.wait_for_notice("READY=1")

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def get(self, path, identity=None, **options):
        return client.get(self.port, path, identity, **options)

    def get_plain(self, path, **options):
        return client.get_plain(self.plain_port, path, **options)

    # ---- ledger -------------------------------------------------------------------------------------------------------

    def ledger(self, *arguments):
        """What the command `firstring ledger` tells, with explanations and remedies."""
        return json_lines(firstring("ledger", "--json", "--now", "--limit", 100000, *arguments, folder=self.folder).stdout)

    def rows(self, *sources):
        """The ledger's rows that are written, all or those of these addresses."""
        return ledger.read(self.folder, *sources)

    def all_rows(self):
        """The ledger's rows of the phone listeners, once everybody has gone and every row is written."""
        self.until(lambda: not self.connections(), "somebody is still connected")
        self.rows_of(self.get_plain("/the-end").source)  # rows are written in the order in which connections end
        return [row for row in self.rows() if row["listener"].startswith("phone")]

    def rows_of(self, *sources):
        """The ledger's rows of the connections that came from these addresses, once each has one. The server writes
        rows up to 250 ms after a connection has ended."""
        rows = []

        def all_there():
            rows[:] = self.rows(*sources)
            return {row["address"] for row in rows} >= set(sources)

        self.until(all_there, f"no row for one of {sources}")
        return rows

    def rows_by_source(self, sources):
        """The only row of each of those connections. A later connection's row is waited for first, so that a second
        row of one of them could not be on its way still."""
        self.rows_of(*sources)
        self.rows_of(self.get_plain("/sentinel").source)
        rows = self.rows_of(*sources)
        found = {row["address"]: row for row in rows}
        assert len(rows) == len(found) == len(set(sources)), rows
        return found

    def row_of(self, source):
        return self.rows_by_source([source])[source]

    def connections(self):
        """What the kernel knows of the server's connections: [octets that wait to be read, of each]."""
        ports = {f"{port:04X}" for kind in self.ports.values() for port in kind}
        waiting = []
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, queues, *_, inode = line.split()[:10]
                # Not what listens (0A), nor what nobody holds any more (no inode: TIME_WAIT and such); but what waits to be
                # accepted, which has none yet (01 established, 08 closed by the client).
                if local.rpartition(":")[2] in ports and state != "0A" and (inode != "0" or state in ("01", "08")):
                    waiting.append(int(queues.split(":")[1], 16))
        return waiting

    def until(self, condition, complaint):
        """Waits for what must come true, and fails with the complaint and the log if it does not."""
        until = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < until, f"{complaint}:\n{self.log_text()}"
            time.sleep(0.01)

    def _close_notify(self):
        with contextlib.suppress(OSError):
            self._notify.settimeout(0)
            while True:
                self.notified += self._notify.recv(4096).decode().splitlines()
        self._notify.close()
        self._notify_folder.cleanup()

    # ---- end ----------------------------------------------------------------------------------------------------------

    def stop(self):
        """SIGTERM, and it must go by itself, with status 0 and without a sanitizer's report. Once is enough."""
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end within {DEADLINE} s of SIGTERM:\n{self.log_text()}") from None
        finally:
            self._close_notify()
        text = self.log_text()
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        assert status == 0, f"exit {status}:\n{text}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:  # keep the first failure
            with contextlib.suppress(AssertionError):
                self.stop()

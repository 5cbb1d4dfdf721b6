"""What tshark, which knows nothing of our code, sees on the loopback interface."""

import contextlib
import pathlib
import shutil
import signal
import subprocess
import time

DEADLINE = 30


def possible():
    if shutil.which("dumpcap") is None or shutil.which("tshark") is None:
        return False
    listing = subprocess.run(["dumpcap", "-D"], capture_output=True, text=True)
    return any(" lo" in f" {line.split('. ')[-1]}" for line in listing.stdout.splitlines())


class Capture:
    """Everything to and from one TCP port while the `with` lasts."""

    def __init__(self, folder, port):
        self.port = port
        self.file = pathlib.Path(folder) / "capture.pcapng"
        self.log = pathlib.Path(folder) / "dumpcap.log"

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {self.port}", "-w", self.file], stderr=log
            )
        self._until(lambda: b"File: " in self.log.read_bytes(), "dumpcap does not start")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(DEADLINE)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _until(self, condition, complaint):
        until = time.monotonic() + DEADLINE
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, complaint
            time.sleep(0.05)

    def server_hellos(self, wait_for_ports):
        """{client port: (version, suite number)} of each ServerHello, once all of these ports were seen."""
        found = {}

        def all_there():
            found.update(self._read())
            return wait_for_ports <= found.keys()

        self._until(all_there, f"never captured: {wait_for_ports - found.keys()}")
        return found

    def _read(self):
        fields = ["tcp.dstport", "tls.handshake.version", "tls.handshake.extensions.supported_version", "tls.handshake.ciphersuite"]
        output = subprocess.run(
            [
                "tshark", "-r", self.file, "-d", f"tcp.port=={self.port},tls", "-Y", "tls.handshake.type == 2", "-T", "fields",
                *[part for field in fields for part in ("-e", field)], "-E", "occurrence=f",
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE * 4,
        ).stdout  # fmt: skip
        for line in output.splitlines():
            port, legacy, supported, suite = line.split("\t")
            yield int(port), (int(supported or legacy, 16), int(suite, 0))

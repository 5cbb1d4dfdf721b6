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

    def server_hellos(self, count):
        """{client port: [(version, suite number) of each connection, in order]}, once there are so many: the kernel may give
        a port to a second client."""
        found = []

        def all_there():
            found[:] = self._read()
            return len(found) >= count

        self._until(all_there, "not every connection was captured")
        by_port = {}
        for port, hello in found:
            by_port.setdefault(port, []).append(hello)
        return by_port

    def _read(self):
        fields = ["tcp.stream", "tcp.dstport", "tls.handshake.version", "tls.handshake.extensions.supported_version", "tls.handshake.ciphersuite"]
        output = subprocess.run(
            [
                "tshark", "-r", self.file, "-d", f"tcp.port=={self.port},tls", "-Y", "tls.handshake.type == 2", "-T", "fields",
                *[part for field in fields for part in ("-e", field)], "-E", "occurrence=f",
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE * 4,
        ).stdout  # fmt: skip
        streams = {}  # a HelloRetryRequest looks like a first ServerHello; the last one counts
        for line in output.splitlines():
            stream, port, legacy, supported, suite = line.split("\t")
            streams[int(stream)] = int(port), (int(supported or legacy, 16), int(suite, 0))
        return [hello for _, hello in sorted(streams.items())]

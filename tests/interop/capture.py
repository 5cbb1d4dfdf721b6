"""What tshark, which knows nothing of our code, sees on the loopback interface."""

import collections
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


# `ja3`: tshark's, None for an SSLv2-format hello, for which it defines none.
Handshake = collections.namedtuple("Handshake", "version suite ja3")


class Nothing:
    """In place of one of the others where capturing is not possible."""

    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


class _Dumpcap:
    """What a capture filter lets through while the `with` lasts."""

    def __init__(self, folder, what):
        self.what = what
        self.file = pathlib.Path(folder) / "capture.pcapng"
        self.log = pathlib.Path(folder) / "dumpcap.log"

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["dumpcap", "-q", "-i", "lo", "-f", self.what, "-w", self.file], stderr=log
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

    def _fields(self, fields, *options):
        """A list of texts for each packet."""
        output = subprocess.run(
            [
                "tshark", "-r", self.file, *options, "-T", "fields", *[part for field in fields for part in ("-e", field)], "-E", "occurrence=f",
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE * 4,
        ).stdout  # fmt: skip
        return [line.split("\t") for line in output.splitlines()]


class Connections(_Dumpcap):
    """How many TCP connections somebody has accepted."""

    def __init__(self, folder, what):
        super().__init__(folder, f"({what}) and tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)")

    def so_far(self):
        """{address: number of connections to it}"""
        # A segment may be sent again.
        segments = set(map(tuple, self._fields(["ip.src", "tcp.dstport", "tcp.seq_raw"])))
        return collections.Counter(address for address, *_ in segments)


class Capture(_Dumpcap):
    """Everything to and from one TCP port."""

    def __init__(self, folder, port):
        super().__init__(folder, f"tcp port {port}")
        self.port = port

    def handshakes(self, count):
        """{client port: [Handshake of each connection, in order]}, once there are so many: the kernel may give a port to a
        second client."""
        found = []

        def all_there():
            found[:] = self._read()
            return len(found) >= count

        self._until(all_there, "not every connection was captured")
        by_port = {}
        for port, handshake in found:
            by_port.setdefault(port, []).append(handshake)
        return by_port

    def _read(self):
        fields = [
            "tcp.stream", "tcp.srcport", "tcp.dstport", "tls.handshake.ja3", "tls.handshake.version",
            "tls.handshake.extensions.supported_version", "tls.handshake.ciphersuite",
        ]  # fmt: skip
        packets = self._fields(fields, "-d", f"tcp.port=={self.port},tls", "-Y", "tls.handshake.ja3 or tls.handshake.type == 2")
        fingerprints, chosen = {}, {}
        for stream, source, target, ja3, legacy, supported, suite in packets:
            if int(source) != self.port:
                fingerprints.setdefault(int(stream), ja3)  # a second hello answers a HelloRetryRequest
            else:
                # A HelloRetryRequest looks like a first ServerHello; the last one counts.
                chosen[int(stream)] = int(target), int(supported or legacy, 16), int(suite, 0)
        return [
            (port, Handshake(version, suite, fingerprints.get(stream))) for stream, (port, version, suite) in sorted(chosen.items())
        ]

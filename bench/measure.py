"""What is measured: each function gives rows, which are plain data for bench/report.py.

A row: `group`, `name`, `unit` and `values`, {contestant: {setting: [one figure for each round]}}; some have more. Every
contestant works on core 0 and its load on core 1; in each round all contestants have their turn, in another order.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import time

import servers
from servers import FIRSTRING, PACKAGED_SESSIONS
from support import server

LOAD_CORE = "1"
STORM_MAC = "000e08400000"


class LoadFailed(Exception):
    """What the load says."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """What client and server speak. `exchange_bits`: of the DH group or the curve, 0 for none."""

    name: str
    version: str
    cipher: str
    group: str
    exchange_bits: int
    server_bits: int = 2048
    maker: str = "old"


DHE = Variant("TLS 1.0 DHE 1024", "TLSv1", "DHE-RSA-AES256-SHA", "", 1024)
ECDHE = Variant("TLS 1.2 ECDHE P-256", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "P-256", 256)
VARIANTS = [
    DHE,
    dataclasses.replace(DHE, name="TLS 1.0 DHE 1024, server key RSA 1024", server_bits=1024),
    Variant("TLS 1.0 RSA", "TLSv1", "AES256-SHA", "", 0),
    ECDHE,
    Variant("TLS 1.3 X25519", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519", 253, maker="new"),
]


@dataclasses.dataclass(frozen=True)
class Size:
    """How much of everything."""

    rounds: int = 5
    handshakes: int = 400  # a round
    requests: int = 1500  # a round; Apache ends a connection after 100
    phones: int = 20  # that come again and again
    held: int = 3000
    in_flight: tuple = (100, 1000, 10_000)
    devices: int = 100_000
    starts: int = 3
    counted: int = 20  # handshakes under callgrind
    counted_requests: int = 400  # so many that the ends of their connections, which are counted too, do not matter
    storm: int = 5000  # phones
    arrival: float = 40  # seconds within which they come
    thinking: float = 6  # seconds that each computes
    patience: float = 60  # seconds after which a storm is ended: more than 1.2 times what it need take


QUICK = Size(1, 8, 20, 4, 300, (4, 8, 16), 500, 1, 4, 20, 20, 0.5, 0.2, 5)


class Bench:
    """What all measurements share: the material, a state folder and the load program."""

    def __init__(self, folder, load, size, peers, only=""):
        self.folder, self.load, self.size, self.peers, self.only = folder, load, size, peers, only
        self.material = servers.Material(folder / "material")
        self.state = folder / "state"
        document, self.filler = servers.make_state(self.state, max(size.phones, size.held, *size.in_flight))
        self.material.document.write_bytes(document)
        self._started = 0

    def rows(self, *groups):
        """[(group, variant)] of handshakes and requests, as far as they are wanted."""
        rows = {
            "full": VARIANTS,
            "resumed": [variant for variant in VARIANTS if variant.server_bits == 2048],  # makes no use of the server's key
            "requests": [DHE, ECDHE],
        }
        return [(group, variant) for group in groups for variant in rows[group] if self.only in f"{group}: {variant.name}"]

    def firstring(self, state=None, **options):
        return servers.start_firstring(state or self.state, self.material, **options)

    def peer(self, name, sessions=None, **options):
        self._started += 1
        folder = self.folder / f"{name}-{self._started}"
        return servers.start_peer(name, folder, self.material, sessions or PACKAGED_SESSIONS[name], **options)

    @contextlib.contextmanager
    def loading(self, contestant, mode, variant, count, **more):
        """A load that has prepared itself and waits: gives a function that lets it work and gives its report."""
        maker = self.material.makers[variant.maker]
        arguments = {
            "port": contestant.ports[variant.server_bits], "path": contestant.path, "bytes": servers.DOCUMENT_BYTES,
            "version": variant.version, "cipher": variant.cipher, "group": variant.group,
            "exchange_bits": variant.exchange_bits, "server_bits": variant.server_bits, "ca": maker.ca.certificate,
            "ca_key": maker.ca.key, "phone_key": maker.phone_key, "hash": maker.hash,
            "first_mac": f"{servers.FIRST_MAC[variant.maker]:012x}", "phones": self.size.phones, "count": count, **more,
        }  # fmt: skip
        process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, self.load, mode, *(f"{name}={value}" for name, value in arguments.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

        def finish(word=""):
            out, error = process.communicate(word, timeout=600)
            if process.returncode != 0:
                raise LoadFailed(f"{contestant.name}, {variant.name}, {mode}: {error.strip()}")
            return json.loads(out) if out else None

        try:
            if process.stdout.readline() != "ready\n":
                finish()
            yield lambda: finish("go\n")
        finally:
            if process.poll() is None:
                process.kill()
            with contextlib.suppress(ValueError, OSError):  # closed already
                process.communicate()

    def cpu_milliseconds(self, contestant, mode, variant, count, **more):
        """CPU of the server for each of `count`, with what it puts off until later."""
        with self.loading(contestant, mode, variant, count, **more) as work:
            before = contestant.process.settled_cpu_seconds()  # after the preparation, which is not counted
            done = work()["count"]
            return (contestant.process.settled_cpu_seconds() - before) * 1000 / done


def _row(group, name, unit, values, **more):
    return {"group": group, "name": name, "unit": unit, "values": values, **more}


def _in_turn(contestants, number):
    """Each goes first, and each follows another, in turn."""
    start = number % len(contestants)
    turned = contestants[start:] + contestants[:start]
    return turned if number // len(contestants) % 2 == 0 else turned[::-1]


def _cannot_resume(failure):
    return "not resumed" in str(failure) or "no session" in str(failure)


def _rounds(bench, contestants, mode, variant, count, **more):
    """{contestant: {setting: [figure of each round]}} of those that do this at all."""
    spent = {name: {} for name, _, _ in contestants}
    for number in range(bench.size.rounds):
        for name, setting, running in _in_turn(contestants, number):
            try:
                figure = bench.cpu_milliseconds(running, mode, variant, count, **more)
            except LoadFailed as failure:
                if not _cannot_resume(failure) or name == FIRSTRING:
                    raise
                contestants = [one for one in contestants if one[2] is not running]
                continue
            spent[name].setdefault(setting, []).append(figure)
    return spent


def handshakes(bench, progress):
    """Full and resumed handshakes and requests of a kept connection. Peers as packaged, and in the settings that could
    be cheaper: full handshakes without any means to resume, resumed ones by the other means."""
    with contextlib.ExitStack() as stack:
        ours = (FIRSTRING, "usual", stack.enter_context(bench.firstring()))
        running = {
            (name, sessions): stack.enter_context(bench.peer(name, sessions))
            for name in bench.peers
            for sessions in ("tickets", "cache", "none")
        }

        def contestants(*settings):
            """`settings` besides the packaged one, which comes first."""
            chosen = [ours]
            for name in bench.peers:
                packaged = PACKAGED_SESSIONS[name]
                for sessions in (packaged, *(one for one in settings if one != packaged)):
                    chosen.append((name, f"usual: {sessions}" if sessions == packaged else sessions, running[name, sessions]))
            return chosen

        for group, variant in bench.rows("full", "resumed"):
            progress(f"{group}: {variant.name}")
            others, resumed = (("tickets", "cache"), 1) if group == "resumed" else (("none",), 0)
            values = _rounds(bench, contestants(*others), "handshakes", variant, bench.size.handshakes, resumed=resumed)
            yield _row(group, variant.name, "ms CPU a handshake", values, variant=variant.name)
        for group, variant in bench.rows("requests"):
            progress(f"{group}: {variant.name}")
            values = _rounds(bench, contestants(), "requests", variant, bench.size.requests)
            yield _row(group, f"{variant.cipher}, {variant.version}", "ms CPU a request", values, variant=variant.name)


def memory(bench, progress):
    """What each connection holds in mid-handshake. The peers with room for so many."""
    values, idle = {}, {}
    for name in (FIRSTRING, *bench.peers):
        progress(f"memory: {name}")
        with bench.firstring() if name == FIRSTRING else bench.peer(name, room=bench.size.held + 100) as running:
            bench.cpu_milliseconds(running, "handshakes", DHE, bench.size.phones)
            before = running.process.proportional_bytes()
            with bench.loading(running, "hold", DHE, bench.size.held):
                held = running.process.proportional_bytes()
        setting = "usual" if name == FIRSTRING else "large"
        values[name] = {setting: [(held - before) / bench.size.held / 1024]}
        idle[name] = before / 1024 / 1024
    yield _row("memory", f"in mid-handshake, {bench.size.held:,} at once", "KiB a connection", values, idle_mib=idle)


def linear(bench, progress):
    """Whether a phone costs the same among many: one fleet comes, so many of it in the middle of their handshake at
    once. All have come before: the server meets nobody new."""
    values = {}
    phones = bench.size.in_flight[-1]
    with bench.firstring() as running:
        progress(f"linear: {phones:,} phones come for the first time")
        bench.cpu_milliseconds(running, "wave", DHE, phones, at_once=phones)
        for _ in range(bench.size.rounds):
            for at_once in bench.size.in_flight:
                progress(f"linear: {at_once:,} in flight")
                figure = bench.cpu_milliseconds(running, "wave", DHE, phones, at_once=at_once)
                values.setdefault(f"{at_once:,}", []).append(figure)
    yield _row("linear", "TLS 1.0 DHE 1024, all in mid-handshake at once", "ms CPU a phone", {FIRSTRING: values})


def _give_all(database, table, key):
    """Gives every device a row like the only one of that table: a hundred thousand commands would take an hour."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        columns = [column[1] for column in connection.execute(f"PRAGMA table_info({table})") if column[1] != key]
        connection.execute(
            f"INSERT OR IGNORE INTO {table} ({key}, {', '.join(columns)}) "
            f"SELECT device.mac, {', '.join(f'one.{name}' for name in columns)} FROM device, (SELECT * FROM {table} LIMIT 1) AS one"
        )


def startup(bench, progress):
    """From exec to READY=1 with a large fleet, and the memory that is then resident. Each device has a line, and has
    come before."""
    progress(f"startup: {bench.size.devices:,} devices")
    folder = bench.folder / "large-state"
    server.firstring("init", folder, "--host", "localhost")
    csv = folder / "phones.csv"
    first = servers.FIRST_MAC["old"]
    csv.write_text(servers.device_csv(range(first, first + bench.size.devices)))
    run = functools.partial(server.firstring, folder=folder)
    run("device", "import", csv)
    run("set", "base", "GPP_A=" + "x" * bench.filler)
    account = ["--user", "1001", "--proxy", "sip.example", "--password-file", "-"]
    run("line", "set", f"{first + bench.size.devices - 1:012x}", "1", *account, stdin="a-password-of-some-length")
    with servers.start_firstring(folder, bench.material) as running:
        bench.cpu_milliseconds(running, "handshakes", DHE, 1, threads=1, phones=1)
    _give_all(folder / "firstring.db", "line", "device")
    _give_all(folder / "firstring.db", "device_record", "mac")
    seconds, resident = [], []
    for _ in range(bench.size.starts):
        begin = time.monotonic()
        with servers.start_firstring(folder, bench.material) as running:
            seconds.append(time.monotonic() - begin)
            running.process.settled_cpu_seconds()
            resident.append(running.process.resident_bytes() / 1024 / 1024)
    name = f"{bench.size.devices:,} devices"
    yield _row("startup", f"{name}: until READY=1", "s", {FIRSTRING: {"usual": seconds}})
    yield _row("startup", f"{name}: resident", "MiB", {FIRSTRING: {"usual": resident}})


def _storm(bench, running, misbehaving):
    """What `firstring storm` reports, and the server's CPU for each phone."""
    maker, size = bench.material.makers["old"], bench.size
    command = [
        server.BINARY, "storm", "--json", "--server", f"127.0.0.1:{running.ports[2048]}", "--phones", size.storm,
        "--over", f"{size.arrival * 1000:.0f}ms", "--think", f"{size.thinking * 1000:.0f}ms",
        "--deadline", f"{size.patience * 1000:.0f}ms", "--misbehaving", misbehaving, "--sources", max(size.storm // 5, 1),
        "--maker-cert", maker.ca.certificate, "--maker-key", maker.ca.key, "--phone-key", maker.phone_key,
        "--first-mac", STORM_MAC,
    ]  # fmt: skip
    if running.name != FIRSTRING:
        command += ["--path", running.path]
    before = running.process.settled_cpu_seconds()
    done = subprocess.run(["taskset", "-c", LOAD_CORE, *map(str, command)], capture_output=True, text=True, timeout=600)
    if not done.stdout.startswith("{"):
        raise LoadFailed(f"storm against {running.name}: {done.stderr.strip()}")
    spent = running.process.settled_cpu_seconds() - before
    return {**json.loads(done.stdout), "cpu_ms": spent * 1000 / size.storm}


def storms(bench, progress):
    """A fleet that comes back after a power cut, alone and with peers that misbehave. The peers as packaged, and with
    room for as many connections as there may be and no sessions."""
    size = bench.size
    phones = server.firstring("storm", "--print-devices", "--phones", size.storm, "--first-mac", STORM_MAC).stdout
    csv = bench.folder / "storm.csv"
    csv.write_text(phones)
    server.firstring("device", "import", csv, folder=bench.state)
    name = f"{size.storm:,} phones within {size.arrival:g} s, each computing {size.thinking:g} s"
    for misbehaving in 0, 10:
        values = {}
        for contestant in (FIRSTRING, *(peer for peer in bench.peers if peer != "haproxy")):
            for setting in ("usual",) if contestant == FIRSTRING else ("usual", "best"):
                progress(f"storm: {contestant}, {setting}, {misbehaving}% misbehave")
                if contestant == FIRSTRING:
                    started = bench.firstring()
                elif setting == "usual":
                    started = bench.peer(contestant)
                else:
                    started = bench.peer(contestant, "none", room=size.storm * 8 // 5)
                with started as running:
                    values.setdefault(contestant, {})[setting] = [_storm(bench, running, misbehaving)]
        yield _row("storm", name + (f", and {misbehaving}% more that misbehave" if misbehaving else ""), "", values)


# ---- instruction counts ---------------------------------------------------------------------------------------------


_COUNTED_PHONES = 4
server.DEADLINE = 120  # seconds: starting under valgrind takes its time


def _total(dump):
    for line in dump.read_text(errors="replace").splitlines():
        if line.startswith(("totals:", "summary:")):
            return int(line.split()[1])
    raise LoadFailed(f"{dump} has no total")


def _count_of(bench, progress, name, profiles):
    """{(group, variant's name): instructions for each handshake or request} of one contestant."""
    counts = {}
    prefix = bench.folder / f"callgrind-{name}"
    valgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={prefix}", "--quiet")
    if name == FIRSTRING:
        state = bench.folder / "small-state"  # a large one takes long to load under valgrind
        servers.make_state(state, _COUNTED_PHONES)
        started = bench.firstring(state, prefix=valgrind)
    else:
        started = bench.peer(name, single=True, prefix=valgrind)
    dumps = itertools.count(1)
    with started as running:

        def dump():
            running.process.settled_cpu_seconds(idle=0.6)  # what it does while idle takes long under valgrind
            subprocess.run(["callgrind_control", "-d", str(running.process.pid)], check=True, capture_output=True)
            return pathlib.Path(f"{prefix}.{next(dumps)}")

        for group, variant in bench.rows("full", "resumed", "requests"):
            progress(f"instructions: {name}, {group}, {variant.name}")
            mode, number = "handshakes", bench.size.counted
            if group == "requests":
                mode, number = "requests", bench.size.counted_requests
            more = {"resumed": int(group == "resumed"), "phones": _COUNTED_PHONES}
            try:
                with bench.loading(running, mode, variant, number, **more) as work:
                    dump()
                    work()
                    counted = dump()
            except LoadFailed as failure:
                if not _cannot_resume(failure):
                    raise
                continue
            counts[group, variant.name] = _total(counted) / number
            if profiles:
                shutil.copy(counted, profiles / re.sub(r"[ ,]+", "-", f"{name}-{group}-{variant.name}.callgrind"))
    return counts


def count_instructions(bench, progress, names, profiles=None):
    """{(group, variant's name): {contestant: instructions for each handshake}} by callgrind, peers as packaged. Counted
    from one dump of the running server to the next, so that neither start nor first contacts are in it. `profiles`: a
    folder where the dumps are kept, for callgrind_annotate."""
    if profiles:
        profiles.mkdir(parents=True, exist_ok=True)
    counts = {}
    # One after the other: with too little of a core, a server that makes keys ahead would seem to rest.
    for name in names:
        for row, count in _count_of(bench, progress, name, profiles).items():
            counts.setdefault(row, {})[name] = count
    return counts


MEASUREMENTS = {"handshake": handshakes, "memory": memory, "linear": linear, "startup": startup, "storm": storms}


def sized(quick, rounds=None, handshakes=None):
    size = QUICK if quick else Size()
    given = {"rounds": rounds, "handshakes": handshakes}
    return dataclasses.replace(size, **{name: value for name, value in given.items() if value})


def as_data(size):
    return dataclasses.asdict(size)

"""Strangers who reach a port and no more: memory, disk and places stay within bounds, and phones are served meanwhile.

Each attack of support/strangers.py once ended the server or blinded it. They go here at what shows that within seconds;
what is bounded is asserted, not how fast it is.
"""

import concurrent.futures
import contextlib
import functools
import pathlib
import re
import threading
import time

import pytest

from support import client, pki, strangers
from support.server import DEADLINE, Server, firstring, make_state, sanitized

pytestmark = pytest.mark.takes_long

OWN = f"/{pki.OWN_MAC}.xml"
MIB = 1 << 20
STRANGER = "127.0.0.2"
LEDGER_SIZE = 16 * MIB


def start(tmp_path, certificates, *, command=(), **config):
    return Server(make_state(tmp_path / "state", certificates, **config), command=command)


def fetch(server, certificates):
    """A phone gets its file. Gives how long that took, in seconds, and where it came from."""
    began = time.monotonic()
    answer = server.get(OWN, certificates.own)
    assert answer.status == 200
    return time.monotonic() - began, answer.source


@contextlib.contextmanager
def phones_beside(server, certificates):
    """Phones fetch their files one after another, two at a time, while the body runs. Gives the list of how long each took;
    what fails is raised at the end."""
    stop, times = threading.Event(), []

    def phone():
        while not stop.is_set():
            times.append(fetch(server, certificates)[0])

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        phones = [pool.submit(phone) for _ in range(2)]
        try:
            yield times
        finally:
            stop.set()
        for each in phones:
            each.result()
    assert times


def peak_bytes(server):
    """The most that it has had in memory since forget_peak."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def forget_peak(server):
    pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    return peak_bytes(server)


def ledger_bytes(server):
    total = 0
    for name in ("ledger.db", "ledger.db-wal"):
        with contextlib.suppress(FileNotFoundError):
            total += (server.folder / name).stat().st_size
    return total


def until(condition, complaint):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, complaint()
        time.sleep(0.05)


# ---- memory ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16383, 16384, 16385, 16386, 21845, 32768])
def test_a_hello_at_the_size_of_a_buffer(tmp_path, certificates, size):
    with start(tmp_path, certificates) as server:
        with phones_beside(server, certificates):
            flights = [strangers.hello_then_no_certificate(server.port, size) for _ in range(40)]
        assert all(flight[:1] == b"\x16" for flight in flights)
        fetch(server, certificates)


# The largest are of 32 KiB, twice the most that a client's certificates may have; the others are within that.
@pytest.mark.parametrize(
    ("kind", "count", "version"),
    [("rdns", 3500, "1.2"), ("rdns", 3500, "1.3"), ("rdns", 1400, "1.2"), ("rdns", 1400, "1.3"), ("rdn", 1800, "1.2"), ("ext", 1800, "1.2")],
)
def test_sessions_of_strangers_leave_nothing_behind(tmp_path, certificates, kind, count, version):
    stranger = strangers.bloated_identity(tmp_path / "stranger", kind, count)
    with start(tmp_path, certificates) as server:
        for _ in range(10):
            strangers.visit(server.port, stranger, version)
        before = server.resident_bytes()
        for _ in range(80):
            strangers.visit(server.port, stranger, version)
        fetch(server, certificates)
        # A sanitizer holds what was freed for a while, and more of each block: there only what grows without end is seen.
        assert server.resident_bytes() - before < (60 if sanitized() else 20) * MIB


def test_bodies_that_nobody_asked_for_are_not_kept(tmp_path, certificates):
    count = 600
    with start(tmp_path, certificates, workers=1) as server, contextlib.ExitStack() as stack:
        fetch(server, certificates)
        before = forget_peak(server)
        for sock in strangers.begin_bodies(server.plain_port, count):
            stack.enter_context(sock)
        # The only worker has read what there was to read once it answers somebody who came later.
        fetch(server, certificates)
        assert (peak_bytes(server) - before) / count < (80 if sanitized() else 40) * 1024


# ---- the ledger -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def flooded_ledger(tmp_path, certificates):
    """A server with a small ledger that knows of one phone, while the body floods it. Afterwards the files were within
    their limit all the time, memory was bounded, the phone's row is there, and what is missing is said."""
    with start(tmp_path, certificates, limits='ledger_size = "16MiB"\n') as server:
        source = fetch(server, certificates)[1]
        server.row_of(source)
        before = forget_peak(server)
        stop, sizes = threading.Event(), []

        def watch():
            while not stop.is_set():
                sizes.append(ledger_bytes(server))
                stop.wait(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield server
            # Every row that comes is written before this one.
            server.row_of(fetch(server, certificates)[1])
        finally:
            stop.set()
            watcher.join()
        assert max(sizes) < LEDGER_SIZE * 1.25
        assert peak_bytes(server) - before < 128 * MIB
        assert server.rows_of(source)[0]["outcome"] == "ok"
        assert any(row["address"] == source for row in server.rows()), "a known phone's row went before strangers'"


def test_pipelined_requests_do_not_fill_the_disk(tmp_path, certificates):
    with flooded_ledger(tmp_path, certificates) as server:
        # Some 8 KB each: unbounded, they make several times the limit.
        assert strangers.pipelined_requests(server.plain_port, 8, source=STRANGER) > (300 if sanitized() else 1000)

        def is_said():
            # A slow program may not have taken enough of them yet.
            strangers.pipelined_requests(server.plain_port, 1, source=STRANGER)
            return "not recorded" in firstring("ledger", folder=server.folder).stdout

        until(is_said, server.log_text)


def test_big_hellos_do_not_fill_the_disk(tmp_path, certificates):
    with flooded_ledger(tmp_path, certificates) as server:
        strangers.big_hellos(server.port, 400, source=STRANGER)
        rows = [row for row in server.rows() if row["address"] == STRANGER]
        assert rows and all(len(row["hello"]) <= 2 * 2048 for row in rows)


# ---- places ---------------------------------------------------------------------------------------------------------------


def test_one_address_does_not_hold_all_places(tmp_path, certificates):
    with start(tmp_path, certificates, limits="max_connections = 200\n") as server:
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            held = pool.submit(strangers.keep_places, server.plain_port, 400, stop, source=STRANGER)
            try:
                # They have come, and have asked; some wait for a place.
                until(lambda: server.open_descriptors() > 100, server.log_text)
                for _ in range(5):
                    # The strangers' own patience is a minute; a phone's is less.
                    assert fetch(server, certificates)[0] < 15
            finally:
                stop.set()
            held.result()


# ---- everything together ----------------------------------------------------------------------------------------------------

ADDRESS_SPACE = 1_228_800_000  # `ulimit -v 1200000`


def test_all_of_it_at_once(tmp_path, certificates):
    stranger = strangers.bloated_identity(tmp_path / "stranger", "rdns", 3500)
    seconds, patience = (20, 20) if sanitized() else (20, 5)
    limit = [] if sanitized() else ["prlimit", f"--as={ADDRESS_SPACE}:{ADDRESS_SPACE}"]
    config = 'ledger_size = "16MiB"\nmax_connections = 2000\n'
    with start(tmp_path, certificates, command=limit, limits=config) as server:
        for _ in range(50):
            fetch(server, certificates)
        before = server.resident_bytes()
        stop = threading.Event()

        def again_and_again(attack, *arguments, **options):
            while not stop.is_set():
                attack(*arguments, **options)

        def hold_bodies():
            opened = strangers.begin_bodies(server.plain_port, 200, source="127.0.0.7")
            stop.wait(5)
            for sock in opened:
                sock.close()

        def hello(size):
            with contextlib.suppress(OSError):
                strangers.hello_then_no_certificate(server.port, size, source="127.0.0.3")

        attacks = [
            functools.partial(again_and_again, hello, 16384),
            functools.partial(again_and_again, hello, 16385),
            functools.partial(again_and_again, strangers.visit, server.port, stranger, "1.2", source="127.0.0.4"),
            functools.partial(again_and_again, strangers.pipelined_requests, server.plain_port, 2, source="127.0.0.5"),
            functools.partial(again_and_again, strangers.big_hellos, server.port, 5, source="127.0.0.6"),
            functools.partial(again_and_again, hold_bodies),
            functools.partial(strangers.keep_places, server.plain_port, 400, stop, 2.0, "127.0.0.8"),
        ]
        with concurrent.futures.ThreadPoolExecutor(len(attacks)) as pool:
            running = [pool.submit(attack) for attack in attacks]
            try:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    assert fetch(server, certificates)[0] < patience
            finally:
                stop.set()
            for attack in running:
                attack.result()
        if not sanitized():
            until(
                lambda: server.resident_bytes() < before * 1.5,
                lambda: f"{before >> 10} KiB before, {server.resident_bytes() >> 10} KiB after",
            )
        fetch(server, certificates)
        assert ledger_bytes(server) < LEDGER_SIZE * 1.25

"""A fleet of 100,000 devices: how long `firstring serve` takes from its start to READY=1, how much memory it holds the
fleet in, with one worker and with two, and what a change costs it: of one device, and an import that makes it read the
whole fleet again.

`./dev bench fleet` runs it; the table goes to standard output. `make_fleet` is there for other benchmarks too.
"""

import argparse
import contextlib
import csv
import os
import pathlib
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

COUNT = 100_000
ROUNDS = 3  # starts with each number of workers
# Of one owner's address block (RFC 7042 section 2.1), far from the phones of the tests.
FIRST_MAC = 0x649EF3000000
MODELS = ("SPA504G", "SPA525G2", "SPA303", "SPA509G", "SPA112")
SITES = 50
TARGET_SECONDS, TARGET_MIB = 2.0, 200


def mac_of(number):
    return f"{FIRST_MAC + number:012x}"


def serial_of(number):
    return f"CCQ{162000 + number // 10000:06d}{number % 10000:04d}"


def make_fleet(folder, firstring, count=COUNT):
    """Enters `count` devices into a state folder that is there: each with model, serial number and group (of SITES below
    three regions), an account with a password on line 1, two parameters of its own, and what a server learns of a device
    that has been there. The passwords are sealed with no key: these devices can be held, not served."""

    def run(*arguments):
        subprocess.run([firstring, *arguments, "--dir", folder], check=True, stdout=subprocess.DEVNULL)

    for region in range(3):
        run("group", "add", f"region-{region}")
    for site in range(SITES):
        run("group", "add", f"site-{site:03d}", "--parent", f"region-{site % 3}")
    import_devices(run, range(count))
    _write_rows(pathlib.Path(folder) / "firstring.db", count)


def import_devices(run, numbers):
    with tempfile.NamedTemporaryFile("w", newline="", suffix=".csv", prefix="firstring-fleet-") as file:
        rows = csv.writer(file)
        rows.writerow(["mac", "model", "serial", "group"])
        for i in numbers:
            rows.writerow([mac_of(i), MODELS[i % len(MODELS)], serial_of(i), f"site-{i % SITES:03d}"])
        file.flush()
        run("device", "import", file.name)


def _write_rows(database, count):
    """What no command enters in bulk, or only a server writes."""
    now = 1_780_000_000_000_000
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO line (device, number, user, proxy, display, transport, srtp, sealed_password) VALUES (?, 1, ?, ?, ?, 'tls', 1, ?)",
            ((mac_of(i), f"{200000 + i}", f"sip{i % 20}.example.com", f"Desk {i}", os.urandom(53)) for i in range(count)),
        )
        connection.executemany(
            "INSERT INTO parameter (scope_kind, scope_name, name, class, access, value, sealed) VALUES (3, ?, ?, 'public', ?, ?, x'')",
            (
                row
                for i in range(count)
                for row in (
                    (mac_of(i), "Station_Name", None, f"Desk {i}, floor {i % 12}"),
                    (mac_of(i), "Time_Zone", "ro", f"GMT+{i % 12:02d}:00"),
                )
            ),
        )
        connection.executemany(
            "INSERT INTO device_record (mac, certificate, key, pinned_at, strongest_version, address, last_seen, ja3, personality, model, firmware) "
            "VALUES (?, ?, ?, ?, 769, ?, ?, ?, 'spa5xx-before-7.5.6', ?, ?)",
            (
                (
                    mac_of(i),
                    os.urandom(32).hex(),
                    os.urandom(32).hex(),
                    now + i,
                    f"10.{i % 250}.{i // 250 % 250}.{i % 200 + 1}",
                    now + 1000 * i,
                    f"{i % 7:032x}",
                    MODELS[i % len(MODELS)],
                    "7.5.4",
                )
                for i in range(count)
            ),
        )
        connection.execute("UPDATE fleet SET revision = revision + 1")


def cpu_seconds(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mib(pid, file, name):
    text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1]) / 1024


def cost_of(server, change, marker):
    """CPU seconds of the server until it serves what `change` changed. Afterwards the base layer gets a value to look
    for; that too is a change, a cheap one."""
    before = cpu_seconds(server.pid)
    change()
    server_run(server, "set", "base", f"GPP_A={marker}")
    until = time.monotonic() + 60
    while marker.encode() not in server.get_plain("/spa504G.cfg").body:
        if time.monotonic() > until:
            sys.exit(f"the change was not served: {server.log_text()}")
        time.sleep(0.05)
    return cpu_seconds(server.pid) - before


def server_run(server, *arguments):
    from support.server import firstring

    firstring(*arguments, folder=server.folder)


def measure(folder, workers):
    from support.server import Server

    config = folder / "firstring.toml"
    config.write_text(re.sub(r"^workers = \d+", f"workers = {workers}", config.read_text(), flags=re.MULTILINE))
    seconds, cpu, costs = [], [], {}
    for number in range(ROUNDS):
        begin = time.monotonic()
        with Server(folder) as server:
            seconds.append(time.monotonic() - begin)
            cpu.append(cpu_seconds(server.pid))
            resident, proportional = memory_mib(server.pid, "status", "VmRSS"), memory_mib(server.pid, "smaps_rollup", "Pss")
            if number > 0:
                continue
            peak = memory_mib(server.pid, "status", "VmHWM")
            new = COUNT + 10 * workers
            costs["a device's parameter set"] = cost_of(
                server, lambda: server_run(server, "set", mac_of(17), f"Station_Name=Desk {workers}"), f"one-{workers}"
            )
            costs["two devices imported (reads the whole fleet)"] = cost_of(
                server, lambda: import_devices(lambda *words: server_run(server, *words), (new, new + 1)), f"all-{workers}"
            )
            changed_peak = memory_mib(server.pid, "status", "VmHWM")
    median = statistics.median(seconds)
    print(f"\n{workers} worker{'s' if workers > 1 else ''}")
    print(f"  start to READY=1    {median:6.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), CPU {statistics.median(cpu):.2f} s; target {TARGET_SECONDS} s")
    print(f"  resident            {resident:6.0f} MiB, proportional {proportional:.0f}, at most {peak:.0f} while it starts; target {TARGET_MIB} MiB")
    for name, value in costs.items():
        print(f"  {name}: {value * 1000:.0f} ms CPU until it is served")
    print(f"  at most             {changed_peak:6.0f} MiB in all of this")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--firstring", required=True, type=pathlib.Path)
    options = arguments.parse_args()
    firstring = options.firstring.resolve()
    os.environ["FIRSTRING_BINARY"] = str(firstring)

    from support.pki import Pki
    from support.server import make_state

    with tempfile.TemporaryDirectory(prefix="firstring-bench-") as name:
        scratch = pathlib.Path(name)
        folder = make_state(scratch / "state", Pki(scratch / "pki"))
        make_fleet(folder, firstring)
        size = (folder / "firstring.db").stat().st_size / 2**20
        print(f"{COUNT} devices, each with a line, two parameters and a record: {size:.0f} MiB on disk")
        for workers in (1, 2):
            measure(folder, workers)


if __name__ == "__main__":
    main()

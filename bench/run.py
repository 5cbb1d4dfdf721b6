"""`./dev bench`: Firstring beside nginx, HAProxy and Apache in one run. docs/performance.md says what is measured."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

GROUPS = ["handshake", "memory", "linear", "startup", "storm"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"what to measure: {', '.join(GROUPS)}; else all")
    parser.add_argument("--rounds", type=int, help="how often each contestant has its turn")
    parser.add_argument("--handshakes", type=int, help="in a round")
    parser.add_argument("--only", default="", metavar="TEXT", help="of handshakes, the rows with that in their name: 'full: TLS 1.0'")
    parser.add_argument("--peers", default="nginx,haproxy,apache", help="whom to measure beside Firstring")
    parser.add_argument("--instructions", action="store_true", help="count instructions of Firstring and nginx as well")
    parser.add_argument("--profiles", type=pathlib.Path, metavar="FOLDER", help="keep callgrind's files there; implies --instructions")
    parser.add_argument("--quick", action="store_true", help="tiny counts: shows that it works, measures nothing")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--svg", type=pathlib.Path, metavar="FILE", help="draw the ratios there")
    parser.add_argument("--write", action="store_true", help="all of it, into docs/performance.md and docs/performance.svg")
    parser.add_argument("--from", dest="source", type=pathlib.Path, metavar="FILE", help="measure nothing, report what --json wrote")
    parser.add_argument("--firstring", type=pathlib.Path, default=ROOT / "build" / "firstring", help=argparse.SUPPRESS)
    parser.add_argument("--load", type=pathlib.Path, default=ROOT / "build" / "bench_load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no benchmark '{unknown.pop()}'; there are: {', '.join(GROUPS)}")
    if options.write and (options.groups or options.quick or options.only):
        parser.error("--write goes with all of the benchmark")
    options.groups = options.groups or GROUPS
    options.instructions = options.instructions or options.write or bool(options.profiles)
    return options


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "date": datetime.date.today().isoformat(),
        "CPU": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load average at start": round(os.getloadavg()[0], 2),
    }


def measure(options):
    import measure as measuring
    import servers

    peers = [name for name in options.peers.split(",") if name]
    for name in peers:
        if name not in servers.PEERS:
            sys.exit(f"no peer '{name}'; there are: {', '.join(servers.PEERS)}")
        if servers.program(name) is None:
            sys.exit(f"{servers.PROGRAMS[name]} is not installed")
    if (os.cpu_count() or 1) < 2:
        sys.exit("needs two cores, one for the server and one for the load")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    size = measuring.sized(options.quick, options.rounds, options.handshakes)
    begin = time.monotonic()

    def progress(what):
        print(f"bench: {time.monotonic() - begin:4.0f} s  {what}", file=sys.stderr, flush=True)

    facts = {**machine(), **servers.versions()}
    rows, counts = [], {}
    with tempfile.TemporaryDirectory(prefix="firstring-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # the peers' workers are another user
        bench = measuring.Bench(folder, options.load.resolve(), size, peers, options.only)
        try:
            if options.instructions:
                names = [servers.FIRSTRING, *(peer for peer in peers if peer == "nginx")]
                counts = measuring.count_instructions(bench, progress, names, options.profiles)
            for group in options.groups:
                rows += measuring.MEASUREMENTS[group](bench, progress)
        except measuring.LoadFailed as failure:
            sys.exit(f"bench: {failure}")
    for row in rows:
        row["instructions"] = counts.get((row["group"], row.get("variant")), {})
    return {"facts": facts, "size": measuring.as_data(size), "rows": rows}


def main():
    options = arguments()
    os.environ["FIRSTRING_BINARY"] = str(options.firstring.resolve())  # what these read when they are imported
    import report

    results = json.loads(options.source.read_text()) if options.source else measure(options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(report.text(results))
    if options.svg:
        options.svg.write_text(report.chart(results))
    if options.write:
        report.write_page(results, ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.svg")


if __name__ == "__main__":
    main()

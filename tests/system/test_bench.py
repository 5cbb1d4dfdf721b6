"""The benchmark runs through, with tiny counts: what it measures is not looked at, only that every row is there."""

import json
import re
import subprocess
import sys

import pytest

from support.server import BINARY, ROOT

pytestmark = pytest.mark.takes_long

FULL = ["TLS 1.0 DHE 1024", "TLS 1.0 DHE 1024, server key RSA 1024", "TLS 1.0 RSA", "TLS 1.2 ECDHE P-256", "TLS 1.3 X25519"]
ROWS = [
    *(f"full: {name}" for name in FULL),
    *(f"resumed: {name}" for name in FULL if "server key" not in name),
    "GET: DHE-RSA-AES256-SHA, TLSv1",
    "GET: ECDHE-RSA-AES256-GCM-SHA384, TLSv1.2",
    "memory: in mid-handshake, 300 at once",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Besides Apache, the peers come with `./dev bench` only."""
    folder = tmp_path_factory.mktemp("bench")
    folder.chmod(0o755)
    load = folder / "load"
    subprocess.run(["c++", "-std=c++20", "-O1", ROOT / "bench" / "load.cpp", "-o", load, "-lssl", "-lcrypto"], check=True)
    command = [sys.executable, ROOT / "bench" / "run.py", "--quick", "--peers", "apache", "--firstring", BINARY, "--load", load]
    files = ["--json", folder / "results.json", "--svg", folder / "chart.svg"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_every_row_is_in_the_table(run):
    _, shown = run
    ratios = dict(re.findall(r"^\| (\S[^|]*?) *\| (\d+\.\d\d) +\| \d+\.\d\d +\|$", shown, re.MULTILINE))
    assert list(ratios) == ROWS
    assert re.search(r"^\| 16 +\| \d+\.\d{3} +\|", shown, re.MULTILINE), shown
    assert re.search(r"^\| 500 devices: until READY=1 +\| \d+\.\d\d s", shown, re.MULTILINE), shown
    assert re.search(r"^\| 500 devices: resident +\| \d+\.\d\d MiB", shown, re.MULTILINE), shown
    storms = re.findall(r"^\| (\w+) +\| (usual|best) +\| 20 +\| 0 +\| 0 +\|", shown, re.MULTILINE)
    assert storms == [("Firstring", "usual"), ("Apache", "usual"), ("Apache", "best")] * 2


def test_figures_are_kept(run):
    folder, shown = run
    results = json.loads((folder / "results.json").read_text())
    for row in results["rows"]:
        assert row["values"]["firstring"]
        if row["group"] == "storm":
            continue  # in the table
        for settings in row["values"].values():
            for values in settings.values():
                assert values and all(value > 0 for value in values), row
    again = subprocess.run(
        [sys.executable, ROOT / "bench" / "run.py", "--from", folder / "results.json"], capture_output=True, text=True, timeout=60
    )
    assert again.stdout == shown


def test_the_chart_has_every_row(run):
    folder, _ = run
    chart = (folder / "chart.svg").read_text()
    for row in ROWS:
        assert f">{row.split(': ', 1)[1]}</text>" in chart

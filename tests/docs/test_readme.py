"""The commands of README.md, pasted one after the other, do what the page says."""

import pathlib
import re
import subprocess
import time

import pytest

from support.server import BINARY, DEADLINE, Server, environment, firstring

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()


def blocks():
    """[[(command, [line of output shown])]] of each ```console block."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        commands = []
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
        yield commands


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder as after `./dev run`: build/firstring and a served var/demo."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "build").mkdir()
    (folder / "build" / "firstring").symlink_to(pathlib.Path(BINARY).resolve())
    (folder / "var").mkdir()
    firstring("init", folder / "var" / "demo", "--demo", "--port", 0, "--bootstrap-port", 0)
    with Server(folder / "var" / "demo") as server:
        yield folder, server


def shown_is_there(shown, output):
    """Each line shown stands in the output, in order; "…" stands for anything."""
    at = 0
    for line in shown:
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(map(re.escape, line.split("…")))
        found = re.compile(f"^{pattern}$", re.MULTILINE).search(output, at)
        if found is None:
            return False
        at = found.end()
    return True


def test_the_commands_of_the_readme(checkout):
    folder, server = checkout
    ran = 0
    for block in blocks():
        exports = ""
        for command, shown in block:
            if command.startswith("export "):
                exports += command + "\n"
                continue
            if command.startswith("./dev"):
                continue
            here = command.replace("localhost:8443", f"localhost:{server.port}").replace("/tmp/firstring-example", "var/example")
            if "check" in command:
                # A fresh folder lacks the operator's own certificates, and check says so.
                assert subprocess.run(here, shell=True, cwd=folder, capture_output=True, env=environment()).returncode == 1
                continue
            until = time.monotonic() + DEADLINE
            while True:
                result = subprocess.run(
                    ["bash", "-c", exports + here], cwd=folder, capture_output=True, text=True, timeout=DEADLINE, env=environment()
                )
                output = (result.stdout + result.stderr).replace(str(server.port), "8443")
                # The ledger is up to 250 ms behind: a reader of the page is slower than that, this test is not.
                if "explain" not in command or shown_is_there(shown, output) or time.monotonic() > until:
                    break
            assert shown_is_there(shown, output), (command, output)
            if not shown:
                assert result.returncode == 0, (command, output)
            ran += 1
    assert ran >= 8


def test_every_dev_command_named_is_there():
    shown = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    for document in ("README.md", "CONTRIBUTING.md"):
        for command in re.findall(r"\./dev (\w+)", (ROOT / document).read_text()):
            assert command == "help" or f"./dev {command}" in shown, (document, command)


def test_links_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/*/README.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")):
                assert (document.parent / target).exists(), (document, target)

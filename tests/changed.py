"""What a change touches: `changed.py COMMAND [FOLDER]` prints words for `./dev`, one a line.

suites       the suites that the change can break, by the graph of modules in the CMake files
modules      the modules whose unit tests it can break: those changed and those that are built on them
headers      the changed headers under src/
groups FOLDER   the sources of that build folder, as the compiler gets them, that hold a changed source (or the source of a
             changed header), newest change first
every-group FOLDER   all of them

A change is everything since the merge base with the main branch, committed or not. On the main branch itself it is the last
RECENT commits: a clone does not say what has landed before.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECENT = 10
SUITES = ["unit", "memory", "system", "interop", "docs", "tsan", "fuzz", "lint"]
THREADED = {"base", "ledger", "provision", "server"}  # as `./dev test tsan`


def git(*arguments):
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.splitlines() if result.returncode == 0 else []


def base():
    """The commit that the change begins after; "" if there is none (no repository, or a history that is too short)."""
    head = git("rev-parse", "HEAD")
    for main in ("origin/main", "main"):
        found = git("merge-base", "HEAD", main)
        if found and found != head:
            return found[0]
    commits = git("rev-list", "--first-parent", f"--max-count={RECENT + 1}", "HEAD")
    return commits[-1] if len(commits) > 1 else ""


def changed():
    """Paths, the newest change first; None if nobody can say."""
    since = base()
    if not since:
        return None
    paths = git("diff", "--name-only", "HEAD") + git("ls-files", "--others", "--exclude-standard")
    paths += [path for path in git("log", "--name-only", "--format=", f"{since}..HEAD") if path]
    return list(dict.fromkeys(paths))


def dependents():
    """{module: modules that name it in DEPENDS}"""
    found = {}
    for file in (ROOT / "src").glob("**/CMakeLists.txt"):
        for name, words in re.findall(r"firstring_module\((\S+)\s*([^)]*)\)", file.read_text()):
            listed = re.search(r"DEPENDS\s+([^A-Z]*)", words)
            for below in listed.group(1).split() if listed else []:
                found.setdefault(below, set()).add(name)
    return found


def modules_there():
    """Their names, by the folder that each has under src/: "tls", "vendor/cisco"."""
    return [str(file.parent.relative_to(ROOT / "src")) for file in sorted((ROOT / "src").glob("**/CMakeLists.txt"))]


def module_of(path):
    """The innermost module that holds the file, or None."""
    holding = [name for name in modules_there() if path.startswith(f"src/{name}/")]
    return max(holding, key=len, default=None)


def affected_modules(paths):
    """None: all."""
    if paths is None or any(re.match(r"(cmake/|CMakeLists\.txt|dev$|scripts/|src/[^/]*/CMakeLists)", path) for path in paths):
        return None
    graph = dependents()
    found, new = set(), {module_of(path) for path in paths} - {None}
    if any(path.startswith("data/") for path in paths):
        new |= {"device", "tls"}  # they hold what is in there
    if any(path.startswith("tests/golden/") for path in paths):
        new |= {path.split("/")[2] for path in paths if path.startswith("tests/golden/")}
    while new:
        found |= new
        new = set().union(*(graph.get(module, set()) for module in new)) - found
    return found


def suites(paths):
    modules = affected_modules(paths)
    if modules is None:
        return SUITES
    support = any(re.match(r"tests/(support/|conftest|pytest\.ini)", path) for path in paths)

    def touches(prefix):
        return any(path.startswith(prefix) for path in paths)

    breaks = {
        "unit": bool(modules),
        "memory": support or touches("tests/system/") or bool(modules & {"server", "quarantine"}),
        "system": support or touches("tests/system/") or touches("bench/") or bool(modules),
        "interop": support or touches("tests/interop/") or bool(modules & {"server", "quarantine"}),
        "docs": support or touches("docs/") or touches("README") or touches("tests/docs/") or "cli" in modules,
        "tsan": support or bool(modules & THREADED),
        "fuzz": touches("tests/fixtures/fuzz/") or any(has_fuzzer(module) for module in modules),
        "lint": True,
    }
    return [suite for suite in SUITES if breaks[suite]]


def has_fuzzer(module):
    return any((ROOT / "src" / module).glob("*_fuzz.cpp"))


def groups(paths, folder):
    """With nothing to go by, all."""
    entries = json.loads((pathlib.Path(folder) / "compile_commands.json").read_text())
    group_of, every = {}, []
    for entry in entries:
        # The program's own, not tests and fuzzers.
        if not re.search(r" -o \S*CMakeFiles/firstring((_\w+)?\.dir/(?!embedded_)|-quarantine\S*\.dir/quarantine/main)", entry["command"]):
            continue
        file = pathlib.Path(entry["file"])
        every.append(str(file))
        inside = re.findall(r'#include "(.*\.cpp)"', file.read_text()) if "Unity" in file.parts else [str(file)]
        for source in inside:
            group_of[str(pathlib.Path(source).resolve())] = str(file)
    if paths is None:
        return every
    found = []
    for path in paths:
        source = (ROOT / path).with_suffix(".cpp")
        if path.endswith((".cpp", ".hpp")) and str(source) in group_of:
            found.append(group_of[str(source)])
    return list(dict.fromkeys(found))


def main():
    command, *more = sys.argv[1:]
    paths = changed()
    if command == "suites":
        words = suites(paths)
    elif command == "modules":
        modules = affected_modules(paths)
        words = sorted(module for module in (modules if modules is not None else modules_there()))
    elif command == "headers":
        words = [path for path in (paths or []) if path.startswith("src/") and path.endswith(".hpp") and (ROOT / path).exists()]
        if paths is None:
            words = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "src").rglob("*.hpp"))]
    else:
        words = groups(None if command == "every-group" else paths, more[0])
    print("\n".join(words))


if __name__ == "__main__":
    main()

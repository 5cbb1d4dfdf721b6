"""A module includes only itself and the modules that its CMake line names, which all lie below it; each has a README.
A module may lie in another's folder (vendor/cisco): it is a module of its own, with its own line. The command line reaches
the fleet through `manage` alone.

Run as a program: prints every breach as file:line, and exits 1 if there is one.
"""

import itertools
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Libraries that one module alone may include: another back end needs no change elsewhere, and there is one reader for TOML.
OWNERS = {r"sqlite3\.h|SQLiteCpp/": "store_sqlite", r"toml\+\+/": "options"}


def modules_in_order():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"set\(FIRSTRING_MODULES\s+([^)]*)\)", text).group(1).split()


def depends_of(module, keyword="DEPENDS"):
    """The words of the module's CMake line after `keyword`, up to the next keyword."""
    text = (ROOT / "src" / module / "CMakeLists.txt").read_text()
    arguments = re.search(r"firstring_module\(([^)]*)\)", text).group(1).split()
    if keyword not in arguments:
        return []
    after = arguments[arguments.index(keyword) + 1 :]
    return list(itertools.takewhile(lambda word: not re.fullmatch(r"[A-Z_]+", word), after))


def module_of(header, modules):
    """The module of "vendor/cisco/macros.hpp": the longest name that its folder begins with."""
    folder = header.rpartition("/")[0]
    while folder and folder not in modules:
        folder = folder.rpartition("/")[0]
    return folder or header.partition("/")[0]


def folders_with_sources():
    for folder in sorted({file.parent for file in (ROOT / "src").rglob("*.[ch]pp")}):
        yield folder.relative_to(ROOT / "src").as_posix()


def breaches():
    modules = modules_in_order()
    for level, module in enumerate(modules):
        folder = ROOT / "src" / module
        if not (folder / "README.md").is_file():
            yield f"src/{module}: has no README.md"
        depends = depends_of(module)
        test_depends = depends_of(module, "TEST_DEPENDS") + depends_of(module, "CONTRACTS")
        for other in depends + test_depends:
            if other not in modules[:level]:
                yield f"src/{module}/CMakeLists.txt: DEPENDS names '{other}', which does not lie below '{module}'"
        for file in sorted([*folder.glob("*.hpp"), *folder.glob("*.cpp")]):
            name = file.relative_to(ROOT)
            allowed = [module, *depends, *(test_depends if file.name.endswith("_test.cpp") else [])]
            for number, line in enumerate(file.read_text().splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+"([^"]+/[^"]*)"', line)
                other = module_of(found.group(1), modules) if found else module
                if other not in allowed:
                    yield f"{name}:{number}: includes of '{other}', which src/{module}/CMakeLists.txt does not name"
                for library, owner in OWNERS.items():
                    if owner != module and re.match(rf"\s*#\s*include\s+<({library})", line):
                        yield f"{name}:{number}: only '{owner}' may include this"
                if module == "cli" and not file.name.endswith("_test.cpp") and re.search(r"\bfleet->|\bopen_fleet\(", line):
                    yield f"{name}:{number}: asks the fleet itself; the command line calls a use case of 'manage'"
                if re.match(r'\s*#\s*include\s+"[^"/]*"', line):
                    yield f'{name}:{number}: include our own headers as "module/file.hpp"'
    for folder in folders_with_sources():
        if folder not in modules and folder.partition("/")[0] != "programs":
            yield f"src/{folder}: is not in FIRSTRING_MODULES"


if __name__ == "__main__":
    found = list(breaches())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)

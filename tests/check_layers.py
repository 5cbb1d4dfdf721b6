"""A module includes only itself and the modules that its CMake line names, which all lie below it; each has a README.

Run as a program: prints every breach as file:line, and exits 1 if there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def modules_in_order():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"set\(FIRSTRING_MODULES\s+([^)]*)\)", text).group(1).split()


def depends_of(module):
    text = (ROOT / "src" / module / "CMakeLists.txt").read_text()
    arguments = re.search(r"firstring_module\(([^)]*)\)", text).group(1).split()
    if "DEPENDS" not in arguments:
        return []
    after = arguments[arguments.index("DEPENDS") + 1 :]
    return after[: after.index("LIBRARIES")] if "LIBRARIES" in after else after


def breaches():
    modules = modules_in_order()
    for level, module in enumerate(modules):
        folder = ROOT / "src" / module
        if not (folder / "README.md").is_file():
            yield f"src/{module}: has no README.md"
        depends = depends_of(module)
        for other in depends:
            if other not in modules[:level]:
                yield f"src/{module}/CMakeLists.txt: DEPENDS names '{other}', which does not lie below '{module}'"
        for file in sorted([*folder.glob("*.hpp"), *folder.glob("*.cpp")]):
            name = file.relative_to(ROOT)
            for number, line in enumerate(file.read_text().splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+"([^"/]+)/[^"]*"', line)
                if found and found.group(1) != module and found.group(1) not in depends:
                    yield f"{name}:{number}: includes of '{found.group(1)}', which src/{module}/CMakeLists.txt does not name"
                if re.match(r'\s*#\s*include\s+"[^"/]*"', line):
                    yield f'{name}:{number}: include our own headers as "module/file.hpp"'
    for folder in sorted((ROOT / "src").iterdir()):
        if folder.is_dir() and folder.name not in modules and folder.name != "programs":
            yield f"src/{folder.name}: is not in FIRSTRING_MODULES"


if __name__ == "__main__":
    found = list(breaches())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)

"""Headers compile by themselves: `check_headers.py compile_commands.json [HEADER...]`, which takes the flags from there; all
under src/ if none is named."""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def flags_of(database):
    """Include paths and definitions of all files together: headers belong to no one command."""
    flags = {}
    for entry in json.loads(pathlib.Path(database).read_text()):
        words = shlex.split(entry["command"])
        for word, following in zip(words, words[1:] + [""]):
            if word == "-isystem":
                flags[(word, following)] = None
            elif word.startswith(("-I", "-D", "-std=")):
                flags[(word,)] = None
    return [word for group in flags for word in group]


def main():
    flags = flags_of(sys.argv[1])
    headers = [ROOT / name for name in sys.argv[2:]] or sorted((ROOT / "src").rglob("*.hpp"))

    def compiles(header):
        command = ["g++", "-fsyntax-only", *flags, "-include", header, "-x", "c++", "/dev/null"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            print(f"{header.relative_to(ROOT)}: does not compile by itself\n{result.stderr}")
        return result.returncode == 0

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        sys.exit(0 if all(list(pool.map(compiles, headers))) else 1)


if __name__ == "__main__":
    main()

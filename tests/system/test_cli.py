"""What of the command line shows only on the real program: pipes, signals, full disks, terminals."""

import os
import pty
import select
import signal
import subprocess
import termios
import time

from support import pki
from support.server import BINARY, DEADLINE, environment, firstring, json_lines


def start(*arguments, folder, **options):
    return subprocess.Popen([BINARY, *arguments], env=environment(FIRSTRING_DIR=folder), **options)


def import_many(folder, count):
    lines = [f"{0x000E09000000 + number:012x},SPA504G" for number in range(count)]
    file = folder / "many.csv"
    file.write_text("mac,model\n" + "\n".join(lines) + "\n")
    firstring("device", "import", file, folder=folder)


def test_a_reader_that_goes_away_is_no_error(state):
    import_many(state, 20000)
    listing = start("device", "list", folder=state, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    listing.stdout.readline()
    listing.stdout.close()
    assert listing.wait(DEADLINE) == 0
    assert listing.stderr.read() == b""


def test_a_full_disk_is_an_error(state):
    with open("/dev/full", "wb") as full:
        listing = start("device", "list", folder=state, stdout=full, stderr=subprocess.PIPE)
        _, error = listing.communicate(timeout=DEADLINE)
    assert listing.returncode == 1
    assert b"no space left on device" in error


def test_follow_shows_what_comes_and_ends_with_ctrl_c(server):
    follow = start("ledger", "--follow", "--json", folder=server.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        # The history first; how much there is does not matter.
        source = server.get_plain("/follow-me").source
        seen = b""
        until = time.monotonic() + DEADLINE
        while source.encode() not in seen:
            assert time.monotonic() < until, seen
            if select.select([follow.stdout], [], [], 0.1)[0]:
                seen += os.read(follow.stdout.fileno(), 65536)
        follow.send_signal(signal.SIGINT)
        rest, error = follow.communicate(timeout=DEADLINE)
        assert follow.returncode == 0 and error == b""
        rows = [row for row in json_lines((seen + rest).decode()) if row["address"] == source]
        assert len(rows) == 1
    finally:
        follow.kill()
        follow.wait()


def test_follow_ends_when_nobody_reads(server):
    follow = start("ledger", "--follow", folder=server.folder, stdout=subprocess.PIPE)
    follow.stdout.readline()
    follow.stdout.close()
    assert follow.wait(DEADLINE) == 0


def test_a_password_typed_on_a_terminal_is_not_shown(state):
    keyboard, terminal = pty.openpty()
    command = ["line", "set", pki.OWN_MAC, "1", "--user", "1001", "--proxy", "sip.example", "--password-file", "-"]
    typing = start(*command, folder=state, stdin=terminal, stdout=terminal, stderr=terminal)
    shown = b""
    until = time.monotonic() + DEADLINE
    while b"password of 1001: " not in shown and time.monotonic() < until:
        shown += os.read(keyboard, 1024)
    os.write(keyboard, b"typed-secret\n")
    while typing.poll() is None and time.monotonic() < until:
        if select.select([keyboard], [], [], 0.1)[0]:
            shown += os.read(keyboard, 1024)
    os.close(terminal)
    os.close(keyboard)
    assert typing.wait(DEADLINE) == 0
    assert b"typed-secret" not in shown
    assert "typed-secret" in firstring("render", pki.OWN_MAC, folder=state).stdout


def test_ctrl_c_at_a_password_leaves_a_terminal_that_echoes(state):
    keyboard, terminal = pty.openpty()
    typing = start("set", "base", "Admin_Passwd", "--class", "secret", "--value-file", "-", folder=state,
                   stdin=terminal, stdout=terminal, stderr=terminal)  # fmt: skip
    until = time.monotonic() + DEADLINE
    while termios.tcgetattr(keyboard)[3] & termios.ECHO:
        assert time.monotonic() < until
    typing.send_signal(signal.SIGINT)
    assert typing.wait(DEADLINE) == 1
    assert termios.tcgetattr(keyboard)[3] & termios.ECHO
    os.close(terminal)
    os.close(keyboard)

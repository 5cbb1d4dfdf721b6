"""Disks fill, databases lock, folders turn read-only: a clear message, nothing half-written, and phones are served on."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time

import pytest

from support import pki
from support.server import DEADLINE, Server, firstring, json_lines

OWN = f"/{pki.OWN_MAC}.xml"
IS_ROOT = os.geteuid() == 0


def devices(folder):
    return json_lines(firstring("device", "list", "--json", folder=folder).stdout)


@contextlib.contextmanager
def locked(file):
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def test_a_locked_database_is_said_by_the_command(state):
    with locked(state / "firstring.db"):
        result = firstring("device", "add", "000e08000001", "--model", "SPA504G", folder=state, status=1)
    assert "locked" in result.stderr or "busy" in result.stderr
    assert len(devices(state)) == 2


def test_phones_are_served_while_the_database_is_locked(state, certificates):
    with Server(state) as server:
        with locked(state / "firstring.db"), locked(state / "ledger.db"):
            answers = [server.get(OWN, certificates.own) for _ in range(3)]
            assert {answer.status for answer in answers} == {200}
        # Rows that could not be written then are written now.
        assert len(server.rows_by_source([answer.source for answer in answers])) == 3


def test_a_file_that_is_no_database(state):
    (state / "firstring.db").write_bytes(b"not a database at all" * 100)
    result = firstring("device", "list", folder=state, status=1)
    assert "firstring.db" in result.stderr


def test_a_missing_state_folder(tmp_path):
    result = firstring("device", "list", folder=tmp_path / "nowhere", status=1)
    assert "nowhere" in result.stderr and "init" in result.stderr


def test_a_secret_key_that_others_can_read(state):
    keys = [file for file in state.rglob("*key*") if file.is_file() and file.stat().st_size < 200]
    assert keys and all(file.stat().st_mode & 0o077 == 0 for file in keys)
    for file in keys:
        file.chmod(0o644)
    result = firstring("render", pki.OWN_MAC, "--as", "certificate", folder=state, status=1)
    assert "600" in result.stderr or "permission" in result.stderr or "readable" in result.stderr


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def can_mount():
    return IS_ROOT and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="mounting a small disk needs root")


def fill(folder):
    """Takes what is left of the disk."""
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@needs_mount
def test_a_full_disk(state, certificates, tmp_path):
    with small_disk(tmp_path / "disk", "2m") as disk:
        folder = disk / "state"
        shutil.copytree(state, folder)
        csv = tmp_path / "phones.csv"
        csv.write_text("mac,model\n" + "".join(f"000e09{number:06x},SPA504G\n" for number in range(60000)))
        result = firstring("device", "import", csv, folder=folder, status=1)
        assert "full" in result.stderr or "space" in result.stderr
        assert len(devices(folder)) == 2

        with Server(folder) as server:
            fill(disk)
            assert server.get(OWN, certificates.own).status == 200
            (disk / "filler").unlink()
            answer = server.get(OWN, certificates.own)
            assert answer.status == 200
            assert server.row_of(answer.source)["status"] == 200


@needs_mount
def test_a_read_only_folder(state, tmp_path):
    with small_disk(tmp_path / "disk", "16m") as disk:
        folder = disk / "state"
        shutil.copytree(state, folder)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        result = firstring("device", "add", "000e08000001", "--model", "SPA504G", folder=folder, status=1)
        assert "read-only" in result.stderr or "readonly" in result.stderr
        result = firstring("init", folder / "more", status=1)
        assert "read-only" in result.stderr.lower()


def make_foreign(file):
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE other (a)")
        database.commit()


def truncate(file):
    os.truncate(file, 3 * 4096 + 100)


DAMAGE = {
    "garbage": lambda file: file.write_bytes(b"not a database at all" * 1000),
    "truncated": truncate,
    "empty": lambda file: file.write_bytes(b""),
    "missing": lambda file: file.unlink(),
    "foreign": lambda file: (file.unlink(), make_foreign(file)),
    "log": lambda file: (file.with_name("ledger.db-wal").write_bytes(b"no log" * 1000), truncate(file)),
}


def alarms(folder, kind):
    result = firstring("ledger", "--alarms", "--json", folder=folder, status=None)
    return [alarm for alarm in json_lines(result.stdout) if alarm["kind"] == kind]


def wait_for_alarm(folder, kind, ask=lambda: None):
    until = time.monotonic() + DEADLINE
    while not (found := alarms(folder, kind)):
        assert time.monotonic() < until, f"no alarm {kind}"
        ask()
    return found


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_ledger_that_cannot_be_used_keeps_nobody_from_being_served(state, certificates, kind):
    DAMAGE[kind](state / "ledger.db")
    with Server(state) as server:
        answer = server.get(OWN, certificates.own)
        assert answer.status == 200
        assert server.row_of(answer.source)["status"] == 200
        (alarm,) = wait_for_alarm(state, "ledger_replaced")
        assert alarm["text"] in server.log_text()
    aside = [file.name for file in state.iterdir() if ".damaged-" in file.name and not file.name.endswith(("-wal", "-shm"))]
    assert len(aside) == (0 if kind in ("missing", "empty") else 1)
    for name in aside:
        assert name in alarm["text"]


@pytest.mark.parametrize("kind", ["missing", "replaced", "garbage"])
def test_a_ledger_that_goes_bad_while_phones_are_served(state, certificates, kind):
    backup = state / "backup"
    shutil.copyfile(state / "ledger.db", backup)
    with Server(state) as server:
        server.row_of(server.get(OWN, certificates.own).source)
        if kind == "missing":
            (state / "ledger.db").unlink()
        elif kind == "replaced":
            backup.rename(state / "ledger.db")
        else:  # in place, so that it is the file that is open
            with (state / "ledger.db").open("r+b") as file:
                file.write(b"\xa5" * (state / "ledger.db").stat().st_size)
            with (state / "ledger.db-wal").open("r+b") as file:
                file.write(b"\xa5" * (state / "ledger.db-wal").stat().st_size)
        statuses = set()
        wait_for_alarm(state, "ledger_replaced", lambda: statuses.add(server.get(OWN, certificates.own).status))
        assert statuses <= {200}
        answer = server.get(OWN, certificates.own)
        assert server.row_of(answer.source)["status"] == 200


def test_a_ledger_that_cannot_be_opened_yet(state, certificates):
    (state / "ledger.db").unlink()
    (state / "ledger.db").mkdir()
    with Server(state) as server:
        answer = server.get(OWN, certificates.own)
        assert answer.status == 200
        assert "phones are served without it" in server.log_text()
        (state / "ledger.db").rmdir()
        until = time.monotonic() + DEADLINE
        while not (state / "ledger.db").is_file():
            assert time.monotonic() < until, "it is not tried again"
            time.sleep(0.05)
        assert server.row_of(answer.source)["status"] == 200, "its row has waited"


def test_commands_say_what_becomes_of_a_damaged_ledger(state):
    (state / "ledger.db").write_bytes(b"not a database at all" * 1000)
    result = firstring("ledger", folder=state, status=1)
    assert "ledger.db" in result.stderr and "sets it aside" in result.stderr and "\n" not in result.stderr.strip()


@pytest.mark.parametrize("kind", ["missing", "replaced"])
def test_a_fleet_that_is_replaced_while_it_is_served(state, certificates, kind):
    with Server(state) as server:
        if kind == "missing":
            (state / "firstring.db").unlink()
        else:
            shutil.copyfile(state / "firstring.db", state / "backup")
            (state / "backup").rename(state / "firstring.db")
        (alarm,) = wait_for_alarm(state, "fleet_replaced")
        assert "restart" in alarm["text"] and alarm["text"] in server.log_text()
        assert server.get(OWN, certificates.own).status == 200


def test_init_overwrites_nothing(state):
    before = {file: file.read_bytes() for file in state.rglob("*") if file.is_file()}
    firstring("init", state, status=1)
    assert before == {file: file.read_bytes() for file in state.rglob("*") if file.is_file()}

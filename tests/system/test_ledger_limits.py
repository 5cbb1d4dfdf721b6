"""Strangers cannot fill the ledger: it is bounded in bytes, phones' rows stay, and what is missing is said."""

import contextlib
import os
import sqlite3
import struct
import threading
import time

import pytest

from support import client, pki
from support.server import DEADLINE, Server, firstring, json_lines, make_state

OWN = f"/{pki.OWN_MAC}.xml"
SIZE = 16 << 20
LIMITS = 'ledger_size = "16MiB"\nledger_queue = "8MiB"\n'


def bytes_on_disk(folder):
    total = 0
    for name in ("ledger.db", "ledger.db-wal"):
        with contextlib.suppress(FileNotFoundError):
            total += (folder / name).stat().st_size
    return total


def gaps(folder):
    return json_lines(firstring("ledger", "--gaps", "--json", folder=folder).stdout)


@contextlib.contextmanager
def watched(folder):
    """Gives a list whose last item is the most bytes that the ledger's files had at once."""
    most = [0]
    ended = threading.Event()

    def watch():
        while not ended.wait(0.02):
            most.append(max(most[-1], bytes_on_disk(folder)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def wait_for(condition, what):
    until = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < until, what
        time.sleep(0.05)
    return result


def ask_pipelined(port, count, request):
    """So many of the same request on one connection, a few at a time, as the server answers them. Gives how many were
    answered."""
    answered = 0
    with client.open_tcp(port) as sock:
        sock.settimeout(DEADLINE)
        sent = 0
        while answered < count:
            few = min(5, count - sent)
            if few:
                sock.sendall(request * few)
                sent += few
            answered += wait_for_answers(sock, sent - answered)
    return answered


def wait_for_answers(sock, count):
    seen = b""
    while seen.count(b"HTTP/1.1 ") < count:
        block = sock.recv(65536)
        assert block, "the server closed"
        seen += block
    return seen.count(b"HTTP/1.1 ")


def test_requests_of_one_stranger(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits=LIMITS)
    request = f"GET /{'a' * 1900} HTTP/1.1\r\nHost: a\r\nUser-Agent: {'b' * 5900}\r\n\r\n".encode()
    with Server(folder) as server, watched(folder) as most:
        before = [server.get(OWN, certificates.own).source for _ in range(3)]
        resident = server.resident_bytes()
        count = 4000
        assert ask_pipelined(server.plain_port, count, request) == count
        after = [server.get(OWN, certificates.own).source for _ in range(3)]
        rows = server.rows_by_source(before + after)
        assert {row["status"] for row in rows.values()} == {200}
        assert server.resident_bytes() < resident + (100 << 20)

        def all_told():
            told = sum(gap["requests"] for gap in gaps(folder))
            with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as database:
                kept = database.execute("SELECT count(*) FROM request WHERE length(target) > 1000").fetchone()[0]
            assert told + kept <= count
            return told and told + kept == count

        wait_for(all_told, "each request is recorded or counted")
        assert "requests of 127." in firstring("ledger", "--gaps", folder=folder).stdout
        assert "not recorded" in firstring("ledger", folder=folder).stdout
        long = next(row for row in server.rows() if row.get("target", "").startswith("/aaaa"))
        assert len(long["target"]) == 1024 and long["target_length"] == 1901 and len(long["target_sha256"]) == 64
    assert most[-1] <= SIZE


def big_hello():
    """A whole ClientHello of 65,000 bytes that has no cipher in common with us."""

    def extension(kind, body):
        return struct.pack(">HH", kind, len(body)) + body

    extensions = extension(13, b"\0\x08\x04\x01\x05\x01\x08\x04\x08\x05") + extension(10, b"\0\x04\0\x1d\0\x17")
    extensions += extension(11, b"\x01\0")
    extensions += extension(0xFAFA, os.urandom(65_000 - len(extensions)))
    body = b"\x03\x03" + os.urandom(32) + b"\0" + b"\0\x02\0\x05" + b"\x01\0" + struct.pack(">H", len(extensions))
    message = b"\x01" + struct.pack(">I", len(body + extensions))[1:] + body + extensions
    parts = [message[at : at + 16384] for at in range(0, len(message), 16384)]
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(part)) + part for part in parts)


def test_long_hellos_of_strangers(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits=LIMITS)
    hello = big_hello()
    with Server(folder) as server, watched(folder) as most:
        phone = server.get(OWN, certificates.own).source
        sources = []
        for _ in range(400):  # 26 MB
            with client.open_tcp(server.port) as sock:
                sources.append(client.source_of(sock))
                with contextlib.suppress(ConnectionError):
                    sock.sendall(hello)
                    client.read_to_end(sock)
        last = server.row_of(sources[-1])
        assert len(last["hello"]) == 2 * 2048 and last["hello_length"] == len(hello) and len(last["hello_sha256"]) == 64
        assert last["cause"] == "weak_ciphers_only"
        assert server.row_of(phone)["status"] == 200
        test = firstring("personality", "test", last["connection"], folder=folder, status=1)
        assert "not whole" in test.stderr and str(len(hello)) in test.stderr
        assert firstring("explain", sources[-1], folder=folder).stdout
    assert most[-1] <= SIZE


def test_phones_are_recorded_before_strangers_while_nothing_can_be_written(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits='ledger_queue = "1MiB"\n')
    with Server(folder) as server:
        server.row_of(server.get_plain("/nothing").source)
        database = sqlite3.connect(folder / "ledger.db", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        request = f"GET /{'a' * 1900} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        count = 2000
        assert ask_pipelined(server.plain_port, count, request) == count
        phones = [server.get(OWN, certificates.own).source for _ in range(20)]
        database.execute("ROLLBACK")
        database.close()
        assert {row["status"] for row in server.rows_by_source(phones).values()} == {200}
        told = wait_for(lambda: sum(gap["requests"] for gap in gaps(folder)), "the gap is said")
        assert told > count / 2


def test_a_reader_that_stays_does_not_let_the_log_grow(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits=LIMITS)
    request = f"GET /{'a' * 1000} HTTP/1.1\r\nHost: a\r\nUser-Agent: {'b' * 500}\r\n\r\n".encode()
    with Server(folder) as server, watched(folder) as most:
        server.row_of(server.get_plain("/nothing").source)
        reader = sqlite3.connect(folder / "ledger.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM connection").fetchone()
        ask_pipelined(server.plain_port, 3000, request)
        phone = server.get(OWN, certificates.own)
        assert phone.status == 200
        reader.execute("COMMIT")
        reader.close()
        assert server.row_of(phone.source)["status"] == 200
    assert most[-1] <= SIZE


@pytest.mark.parametrize("size", ["1MiB", "16383KiB"])
def test_a_size_that_is_no_ledger_is_refused(tmp_path, certificates, size):
    folder = make_state(tmp_path / "state", certificates, limits=f'ledger_size = "{size}"\n')
    result = firstring("check", folder=folder, status=1)
    assert "ledger_size" in result.stdout + result.stderr and "16MiB" in result.stdout + result.stderr


def test_what_a_terminal_or_a_spreadsheet_would_obey_is_escaped(tmp_path, certificates):
    """Written by hand: it comes in names of certificates, where HTTP's own checks are not in the way."""
    folder = make_state(tmp_path / "state", certificates)
    with Server(folder) as server:
        server.row_of(server.get(OWN, certificates.own).source)
    orders = "\x07\x1b\x7f\u202e\u2066\u009b"
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as database:
        database.execute("UPDATE certificate SET subject = ?", (f"=cmd|' /C calc'!A0 {orders}",))
        database.execute("UPDATE request SET target = ?, user_agent = ?", (f"/x{orders}", "-1+1"))
        database.execute("UPDATE connection SET detail = ?", ("-12.5",))
        database.commit()
    for form in ("--csv", "--json", "--limit=10"):
        shown = firstring("ledger", form, folder=folder).stdout
        assert not set(orders) & set(shown), form
    csv_text = firstring("ledger", "--csv", folder=folder).stdout
    assert ",'=cmd|" in csv_text and ",'-1+1," in csv_text and ",-12.5," in csv_text
    assert not set(orders) & set(firstring("explain", pki.OWN_MAC, folder=folder).stdout)


REQUEST = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_connection_that_lives_long_has_one_row_all_the_time(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits='ledger_open = "1s"\n')
    with Server(folder) as server:
        with client.open_tcp(server.plain_port) as sock:
            source = client.source_of(sock)
            sock.sendall(REQUEST)
            wait_for_answers(sock, 1)
            (row,) = server.rows_of(source)
            assert row["outcome"] == row["cause"] == "open" and len(row["requests"]) == 1
            assert "so far: open" in firstring("explain", source, folder=folder).stdout
            sock.sendall(REQUEST)
            wait_for_answers(sock, 1)

        def ended():
            (row,) = server.rows_of(source)
            return row["outcome"] == "ok" and len(row["requests"]) == 2

        wait_for(ended, "the final row takes its place")


def test_a_connection_is_there_though_its_server_was_killed(tmp_path, certificates):
    folder = make_state(tmp_path / "state", certificates, limits='ledger_open = "1s"\n')
    server = Server(folder)
    with client.open_tcp(server.plain_port) as sock:
        source = client.source_of(sock)
        sock.sendall(REQUEST)
        wait_for_answers(sock, 1)
        assert server.rows_of(source)[0]["outcome"] == "open"
        server.process.kill()
        server.process.wait()
    with Server(folder) as server:
        (row,) = server.ledger("--address", source)
        assert row["outcome"] == "server_gone" and row["cause"] == "server_gone"
        assert "crash" in row["explanation"]

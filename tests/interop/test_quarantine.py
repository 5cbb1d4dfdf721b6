"""Clients that know nothing but SSL 3.0, RC4 or 3DES: off by default; on, they are served without secrets by a process
that may touch nothing and may die at any byte."""

import collections
import os
import pathlib
import re
import shutil
import signal
import time

import pytest
from interop import clients, matrix
from interop.clients import status_of
from interop.matrix import BOOTSTRAP, OWN

from support import client
from support.server import BINARY, DEADLINE, Server, firstring, make_state

pytestmark = pytest.mark.takes_long

PROGRAM = BINARY.parent / "firstring-quarantine"
SANITIZED = BINARY.parent / "firstring-quarantine-sanitized"
HELLO = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "hello" / "nss-ssl3.hex"


class OldNss(clients.Nss):
    def command(self, port, identity, path, version):
        """`version`: "ssl3", or with a suite's number behind it: "tls1.0:0005"."""
        protocol, _, suite = version.partition(":")
        command = super().command(port, identity, path, "1.0")
        command[command.index("-V") + 1] = f"{protocol}:{protocol}"
        return [*command, "-c", f":{suite}"] if suite else command


class OldJava(clients.Java):
    def command(self, port, identity, path, version):
        command = super().command(port, identity, path, "1.0")
        command[command.index("TLSv1")] = version
        return command


# {name: (client, what it is told, version and cipher that must come of it, cause while the quarantine is off)}
OLD = {
    "nss-ssl3": ("nss", "ssl3", "SSLv3", "DHE-RSA-AES256-SHA", "ssl3_only"),
    "nss-ssl3-rc4": ("nss", "ssl3:0005", "SSLv3", "RC4-SHA", "ssl3_only"),
    "nss-rc4-sha": ("nss", "tls1.0:0005", "TLSv1", "RC4-SHA", "weak_ciphers_only"),
    "nss-rc4-md5": ("nss", "tls1.0:0004", "TLSv1", "RC4-MD5", "weak_ciphers_only"),
    "nss-3des": ("nss", "tls1.0:000A", "TLSv1", "DES-CBC3-SHA", "weak_ciphers_only"),
    "java-sslv2-ssl3": ("java", "SSLv2Hello,SSLv3", "SSLv3", "DHE-RSA-AES256-SHA", "ssl3_only"),
}

CELLS = matrix.cells((name, told) for name, (_, told, *_) in OLD.items())


def test_the_program_is_there():
    if not PROGRAM.exists() and "CI" not in os.environ:
        pytest.skip("./dev sslv3 builds it")
    assert PROGRAM.exists(), "./dev sslv3 says why it could not be built"


@pytest.fixture(scope="module")
def phones(tmp_path_factory, certificates):
    if not PROGRAM.exists():
        pytest.skip("there is no firstring-quarantine")
    folder = tmp_path_factory.mktemp("old-phones")
    made = {"nss": OldNss, "java": OldJava}
    for name, kind in made.items():
        (folder / name).mkdir()
        made[name] = kind(folder / name, certificates)
    return made


def state_with(folder, certificates, keys="enabled = true\n"):
    state = make_state(folder, certificates)
    chain = certificates.quarantine_server
    with (state / "firstring.toml").open("a") as config:
        config.write(f'\n[quarantine]\ncertificate = "{chain.chain}"\nkey = "{chain.key}"\n{keys}')
    return state


def ask(phones, name, port, identity, path):
    kind, version, *_ = OLD[name]
    return phones[kind].run(port, identity, path, version).stdout




def process_of(server):
    """The newest quarantine that is ready."""
    until = time.monotonic() + DEADLINE
    while not (found := re.findall(r"quarantine: ready, process (\d+)", server.log_text())):
        assert time.monotonic() < until, server.log_text()
        time.sleep(0.02)
    return int(found[-1])


Run = collections.namedtuple("Run", "program secrets")
RUNS = {
    "as shipped": Run(PROGRAM, False),
    "sanitized": Run(SANITIZED, False),
    "with secrets": Run(PROGRAM, True),  # by a further line alone
}


@pytest.fixture(scope="module", params=RUNS.values(), ids=RUNS.keys())
def results(request, tmp_path_factory, certificates, phones):
    """(whether secrets may go over it, {cell: (answer, row)})"""
    program, secrets = request.param
    if not program.exists():
        pytest.skip("this build has no sanitizer")
    keys = f'enabled = true\nprogram = "{program}"\n' + ("secrets = true\n" if secrets else "")
    with Server(state_with(tmp_path_factory.mktemp("quarantine") / "state", certificates, keys)) as server:
        outputs = [ask(phones, cell.client, server.port, certificates.by_name(cell.identity), cell.file) for cell in CELLS]
        rows = server.all_rows()
        assert len(rows) == len(CELLS), "one row a connection"
        assert "quarantine: process" not in server.log_text(), "it has not ended"
        yield secrets, dict(zip(CELLS, zip(outputs, rows)))


@pytest.mark.parametrize("cell", CELLS, ids=matrix.name_of)
def test_matrix(results, cell):
    secrets, found = results
    output, row = found[cell]
    _, _, version, cipher, _ = OLD[cell.client]
    matrix.check(cell, output, row, secrets)
    assert (row["version"], row["cipher"]) == (version, cipher), row
    assert row["quarantined"] is True
    assert (row["personality"], row["personality_reason"]) == ("quarantine-2026-11", "needs_quarantine")
    assert row["hello_format"] == ("sslv2" if cell.client.startswith("java") else "tls")
    assert secrets or row["assurance"] in ("none", "claimed"), "what the quarantine says is no proof"
    assert (row["certificate"] != "") == (cell.identity != "none")
    assert row["server_key_bits"] == 1024 and row["rtt_us"] is not None


@pytest.mark.parametrize("keys", ["", "enabled = true\n"], ids=["off", "not at this listener"])
def test_without_it_such_a_client_fails_for_a_reason_of_its_own(tmp_path, certificates, phones, keys):
    state = state_with(tmp_path / "state", certificates, keys)
    if keys:
        config = state / "firstring.toml"
        config.write_text(config.read_text().replace('kind = "phone"\n', 'kind = "phone"\nquarantine = false\n'))
    with Server(state) as server:
        names = [name for name in OLD if name.startswith("nss")]
        outputs = [ask(phones, name, server.port, certificates.own, OWN) for name in names]
        server.all_rows()
        rows = [row for row in server.ledger() if row["listener"].startswith("phone")]
    assert len(rows) == len(names)
    for name, output, row in zip(names, outputs, rows):
        assert status_of(output) is None
        assert (row["outcome"], row["stage"], row["quarantined"]) == ("handshake_failed", "hello", False)
        assert (row["personality_reason"], row["cause"]) == ("needs_quarantine", OLD[name][4]), row
        assert "[quarantine]" in row["remedy"]


def test_a_client_with_one_sound_suite_never_meets_it(tmp_path, certificates, phones):
    with Server(state_with(tmp_path / "state", certificates)) as server:
        answer = server.get(OWN, certificates.own, version="1.0")
        output = phones["nss"].run(server.port, certificates.own, OWN, "tls1.0").stdout
        rows = server.all_rows()
    assert (answer.status, status_of(output)) == (200, 200)
    assert [row["quarantined"] for row in rows] == [False, False]


def test_it_has_given_up_whatever_it_can(tmp_path, certificates, phones):
    with Server(state_with(tmp_path / "state", certificates)) as server:
        pid = process_of(server)
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) == 200
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
        if os.geteuid() == 0:
            assert not re.search(r"^[UG]id:.*\b0\b", status, re.MULTILINE), "it is no longer root"
            assert re.search(r"^Groups:\s*$", status, re.MULTILINE)
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"^Max core file size\s+0\s+0 ", limits, re.MULTILINE)
            assert re.search(r"^Max processes\s+0\s+0 ", limits, re.MULTILINE)
            held = {os.readlink(file) for file in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
            assert all(name.startswith("socket:") or name in ("/dev/null", str(server.log)) for name in held), held
        words = pathlib.Path(f"/proc/{pid}/environ")
        assert os.geteuid() != 0 or b"NOTIFY_SOCKET" not in words.read_bytes()


# The alert no_certificate, and most of a key exchange.
CLIENT_FLIGHT = bytes.fromhex("15030000020129" + "160300008410000080") + bytes(100)


def begin_handshake(port, answer=b""):
    """A client of SSL 3.0 that has got the server's flight, and says so much and nothing more."""
    socket = client.open_tcp(port)
    socket.sendall(bytes.fromhex(HELLO.read_text()))
    assert socket.recv(1) == b"\x16"
    socket.sendall(answer)
    return socket, socket.getsockname()[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT], ids=["killed", "aborted"])
def test_its_death_costs_one_failed_row_for_each_client_it_had(tmp_path, certificates, phones, number):
    with Server(state_with(tmp_path / "state", certificates)) as server:
        first = process_of(server)
        cut_off = [begin_handshake(server.port, CLIENT_FLIGHT[:size]) for size in (0, 1, 6, 7, 11, 16, 100)]
        modern = client.open_tcp(server.port)  # a client of another kind, in the middle of nothing
        os.kill(first, number)
        for socket, _ in cut_off:
            with socket:
                try:
                    while socket.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        # It waits for the next one, which is started at once.
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) == 200
        assert server.get(OWN, certificates.own).status == 200
        modern.close()
        assert process_of(server) != first
        rows = server.rows_by_source([source for _, source in cut_off])
    for row in rows.values():
        assert (row["outcome"], row["stage"], row["cause"]) == ("handshake_failed", "hello", "quarantine_ended")
        assert "the quarantine ended" in row["detail"] and row["quarantined"] is True
    assert f"process {first} ended by signal {int(number)}" in server.log_text()


def test_a_start_that_failed_is_tried_again(tmp_path, certificates, phones):
    program = tmp_path / "quarantine"
    shutil.copy(PROGRAM, program)
    with Server(state_with(tmp_path / "state", certificates, f'enabled = true\nprogram = "{program}"\n')) as server:
        first = process_of(server)
        away = program.rename(tmp_path / "away")
        os.kill(first, signal.SIGKILL)
        until = time.monotonic() + DEADLINE
        while f"start {program}: " not in server.log_text():
            assert time.monotonic() < until, server.log_text()
            time.sleep(0.02)
        away.rename(program)
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) == 200


def test_a_client_that_goes_silent_is_timed_out_at_its_stage(tmp_path, certificates, phones):
    state = state_with(tmp_path / "state", certificates)
    config = state / "firstring.toml"
    config.write_text(config.read_text().replace('kind = "phone"\n', 'kind = "phone"\nhandshake_timeout = "300ms"\n'))
    with Server(state) as server:
        process_of(server)
        socket, source = begin_handshake(server.port)
        with socket:
            row = server.row_of(source)
    assert (row["outcome"], row["stage"], row["quarantined"]) == ("timeout", "server_flight", True)
    assert (row["version"], row["key_exchange_bits"]) == ("SSLv3", 1024)
    assert 300_000 <= row["closed_us"] < 5_000_000


def test_reload_starts_and_ends_it(tmp_path, certificates, phones):
    state = state_with(tmp_path / "state", certificates, "")
    config = state / "firstring.toml"
    off = config.read_text()
    with Server(state) as server:
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) is None
        config.write_text(off + "enabled = true\n")
        server.reload()
        first = process_of(server)
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) == 200
        server.reload()
        assert process_of(server) == first, "nothing of it has changed"
        config.write_text(off + "enabled = true\nmax_connections = 7\n")
        server.reload()
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) == 200
        config.write_text(off)
        server.reload()
        assert status_of(ask(phones, "nss-ssl3", server.port, None, BOOTSTRAP)) is None
        until = time.monotonic() + DEADLINE
        while pathlib.Path(f"/proc/{first}").exists():
            assert time.monotonic() < until
            time.sleep(0.02)


def test_it_ends_with_the_server(tmp_path, certificates, phones):
    with Server(state_with(tmp_path / "state", certificates)) as server:
        pid = process_of(server)
    assert not pathlib.Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    "keys, said",
    [
        ('enabled = true\nprogram = "nowhere/quarantine"\n', r"nowhere/quarantine: no such file.*dev sslv3"),
        ('enabled = true\nkey = "{shared}"\ncertificate = "{chain}"\n', r"the same key as \[\[server_chain\]\] 'legacy'"),
    ],
    ids=["no program", "shared key"],
)
def test_check_refuses_what_cannot_be(tmp_path, certificates, keys, said):
    state = make_state(tmp_path / "state", certificates)
    with (state / "firstring.toml").open("a") as config:
        chain = certificates.quarantine_server
        if "key =" not in keys:
            keys += f'certificate = "{chain.chain}"\nkey = "{chain.key}"\n'
        shared = certificates.legacy_server
        config.write("\n[quarantine]\n" + keys.replace("{shared}", str(shared.key)).replace("{chain}", str(shared.chain)))
    result = firstring("check", state, status=1)
    assert re.search(said, result.stdout), result.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_that_there_is_not_is_said_and_the_server_serves_on(tmp_path, certificates, phones):
    with Server(state_with(tmp_path / "state", certificates, 'enabled = true\nuser = "no-such-user"\n')) as server:
        assert server.get(OWN, certificates.own).status == 200
        until = time.monotonic() + DEADLINE
        while "there is no user 'no-such-user'" not in server.log_text():
            assert time.monotonic() < until, server.log_text()
            time.sleep(0.02)


def test_an_interop_client_is_missing_loudly():
    missing = [program for program in ("tstclnt", "certutil", "pk12util", "java", "javac") if shutil.which(program) is None]
    assert not missing, "see scripts/packages.txt"

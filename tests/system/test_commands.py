"""Every command, as an operator types it, and what pipes, signals, full disks and terminals do."""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import termios
import time
import xml.etree.ElementTree as tree

import pytest

from support import pki
from support.server import BINARY, DEADLINE, SECRET, Server, config_text, environment, firstring, json_lines

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "cli"
COMMANDS = [file.stem.replace("-", " ") for file in sorted(GOLDEN.glob("*.txt")) if file.stem != "firstring"]


@pytest.fixture
def run(state):
    return lambda *arguments, **options: firstring(*arguments, folder=state, **options)


def start(*arguments, folder, **options):
    return subprocess.Popen([BINARY, *arguments], env=environment(FIRSTRING_DIR=folder), **options)


def list_of_phones(folder, count):
    """A file for `device import`."""
    file = folder / "phones.csv"
    file.write_text("mac,model\n" + "".join(f"000e09{number:06x},SPA504G\n" for number in range(count)))
    return file


# ---- help and wrong command lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    shown = firstring(*command.split(), "--help").stdout
    assert shown.startswith(f"Usage: firstring {command}")
    assert all(len(line) <= 80 for line in shown.splitlines() if not line.startswith("  firstring "))


def test_the_program_has_help_and_a_version():
    assert "simulate" in firstring("--help").stdout
    assert re.search(r"\d+\.\d+\.\d+", firstring("--version").stdout)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["devise", "list"], "device"),
        (["device", "lst"], "list"),
        (["device", "add"], "MAC"),
        (["device", "add", "000e08abcdef"], "--model"),
        (["device", "add", "000e08abcde", "--model", "SPA504G"], "MAC"),
        (["device", "list", "--jsn"], "--json"),
        (["ledger", "--since", "soon"], "soon"),
        (["render", "000e08abcdef", "--as", "root"], "certificate"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_why(arguments, hint):
    result = firstring(*arguments, status=2)
    assert result.stdout == "" and hint in result.stderr


# ---- init and check -----------------------------------------------------------------------------------------------------


def test_init_makes_a_state_folder_that_check_accepts(tmp_path):
    folder = tmp_path / "demo"
    firstring("init", folder, "--demo")
    firstring("check", folder)
    assert "#" in (folder / "firstring.toml").read_text()
    keys = [*folder.rglob("*.key")]
    assert keys and all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_init_demo_makes_four_phones(tmp_path):
    folder = tmp_path / "demo"
    firstring("init", folder, "--demo")
    devices = json_lines(firstring("device", "list", "--json", folder=folder).stdout)
    assert {"SPA504G", "SPA514G", "SPA525G2"} <= {device["model"] for device in devices} and len(devices) == 4
    subjects = ""
    for device in devices:
        mac = device["mac"]
        certificate = folder / "demo" / "phones" / f"{mac}.crt"
        assert certificate.with_suffix(".key").is_file()
        subjects += subprocess.run(
            ["openssl", "x509", "-in", certificate, "-noout", "-subject"], capture_output=True, text=True, check=True
        ).stdout
        (shown,) = json_lines(firstring("device", "show", mac, "--json", folder=folder).stdout)
        assert len(shown["lines"]) == 1
    assert "OU = SPA-504G" in subjects and re.search(r"CN = .*MAC: [0-9A-F]{12}, Serial: ", subjects)


def test_init_takes_the_host_name(tmp_path):
    folder = tmp_path / "demo"
    firstring("init", folder, "--demo", "--host", "prov.example")
    assert 'host = "prov.example"' in (folder / "firstring.toml").read_text()


def diagnostics(folder, **options):
    result = firstring("check", folder, status=1, **options)
    return result.stdout + result.stderr


FAULTS = {
    "an unknown key": (lambda text, pki: text.replace("workers =", "worker ="), r"firstring\.toml:3:1: .*worker.*did you mean 'workers'"),
    "an unknown section": (lambda text, pki: text.replace("[log]", "[logg]"), r"firstring\.toml:\d+:\d+: .*logg.*'log'"),
    "a wrong type": (lambda text, pki: text.replace("workers = 2", 'workers = "2"'), r"firstring\.toml:3:\d+: .*workers"),
    "out of range": (lambda text, pki: text.replace("workers = 2", "workers = 1000"), r"firstring\.toml:3:\d+: .*256"),
    "no TOML": (lambda text, pki: text.replace("workers = 2", "workers = = 2"), r"firstring\.toml:3:\d+: "),
    "a wrong personality": (
        lambda text, pki: text.replace('kind = "phone"', 'kind = "phone"\npersonalities = ["legacy-2025-11"]'),
        r"firstring\.toml:\d+:\d+: .*legacy-2025-11.*legacy-2026-11",
    ),
    "a key of another certificate": (
        lambda text, pki: text.replace(str(pki.modern_server.key), str(pki.legacy_server.key)),
        r"firstring\.toml:\d+:\d+: .*key.*(match|belong)",
    ),
    "a missing file": (lambda text, pki: text.replace("maker-root.crt", "nowhere.crt"), r"firstring\.toml:\d+:\d+: .*nowhere\.crt"),
    "a CA file that holds no CA": (
        lambda text, pki: text.replace(str(pki.maker_root.certificate), str(pki.own.certificate)),
        r"firstring\.toml:\d+:\d+: .*CA",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_check_says_file_line_and_what_is_wrong(state, certificates, fault):
    change, expected = FAULTS[fault]
    file = state / "firstring.toml"
    before = file.read_text()
    file.write_text(change(before, certificates))
    assert file.read_text() != before
    assert re.search(expected, diagnostics(state)), diagnostics(state)


def test_check_only_warns_of_what_has_expired(state, certificates):
    """A day that passes must not keep the server from its next start."""
    file = state / "firstring.toml"
    text = file.read_text().replace(str(certificates.modern_server.chain), str(certificates.expired_server.chain))
    text = text.replace(str(certificates.modern_server.key), str(certificates.expired_server.key))
    file.write_text(text.replace(str(certificates.maker_root.certificate), str(certificates.expired_root.certificate)))
    said = firstring("check", state).stdout
    assert re.search(r"firstring\.toml:\d+:\d+: warning: the certificate \(CN=localhost\) expired on 2020-01-01; .*renewed", said)
    assert re.search(r"firstring\.toml:\d+:\d+: warning: .*Old Client Root.* expired on 2016-01-01; .*accept_expired = true", said)
    assert said.splitlines()[-1].startswith("ok: ")


def test_check_finds_two_listeners_on_one_port(state, certificates):
    listeners = [("phone", "127.0.0.1:18443"), ("bootstrap", "127.0.0.1:18443")]
    (state / "firstring.toml").write_text(config_text(certificates, listeners=listeners))
    assert "18443" in diagnostics(state)


def test_check_finds_a_key_that_others_can_read(state, certificates, tmp_path):
    key = tmp_path / "modern-server.key"
    shutil.copy(certificates.modern_server.key, key)
    key.chmod(0o644)
    file = state / "firstring.toml"
    file.write_text(file.read_text().replace(str(certificates.modern_server.key), str(key)))
    assert re.search(r"modern-server\.key.*(600|others)", diagnostics(state))


def test_check_finds_a_key_that_is_not_the_databases(state, tmp_path):
    firstring("init", tmp_path / "other")
    (state / "secrets.key").write_text((tmp_path / "other" / "secrets.key").read_text())
    said = diagnostics(state)
    assert re.search(r"secrets\.key: error: it is not the key of .*firstring\.db", said)
    assert "put back the key" in said and "firstring line set" in said
    # A folder without secrets has nothing that a key could fail to open.
    firstring("init", tmp_path / "empty")
    (tmp_path / "empty" / "secrets.key").write_text((tmp_path / "other" / "secrets.key").read_text())
    (tmp_path / "empty" / "firstring.toml").write_text((state / "firstring.toml").read_text())
    assert "secrets.key" not in firstring("check", tmp_path / "empty").stdout


def test_check_reports_every_fault_at_once(state):
    file = state / "firstring.toml"
    text = file.read_text().replace("workers = 2", "worker = 2").replace('drain_timeout = "5s"', 'drain_timeout = "5 apples"')
    file.write_text(text.replace("maker-root.crt", "nowhere.crt"))
    shown = diagnostics(state)
    assert "worker" in shown and "drain_timeout" in shown


# ---- devices and groups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["000e08000001", "00:0E:08:00:00:01", "00-0e-08-00-00-01", "000e.0800.0001", "000E08000001"])
def test_a_mac_in_every_usual_form(run, form):
    run("device", "add", form, "--model", "spa504g")
    (shown,) = json_lines(run("device", "show", form, "--json").stdout)
    assert (shown["mac"], shown["model"]) == ("000e08000001", "SPA504G")
    run("device", "remove", form)
    run("device", "show", form, status=1)


def test_a_device_is_entered_once(run):
    result = run("device", "add", pki.OWN_MAC, "--model", "SPA504G", status=1)
    assert pki.OWN_MAC in result.stderr


def test_a_wrong_model_is_answered_with_a_suggestion(run):
    result = run("device", "add", "000e08000001", "--model", "SPA504", status=2)
    assert "SPA504G" in result.stderr


def test_a_wrong_group_is_answered_with_a_suggestion(run):
    run("group", "add", "lobby")
    result = run("device", "add", "000e08000001", "--model", "SPA504G", "--group", "loby", status=1)
    assert "lobby" in result.stderr


def test_export_is_what_import_reads(run, tmp_path):
    run("group", "add", "lobby")
    run("device", "add", "000e08000001", "--model", "SPA504G", "--serial", 'a,"b"', "--group", "lobby")
    file = tmp_path / "phones.csv"
    file.write_text(run("device", "export").stdout)
    before = run("device", "list", "--json").stdout
    for device in json_lines(before):
        run("device", "remove", device["mac"])
    run("device", "import", file)
    strip = lambda text: [{key: value for key, value in row.items() if key != "created"} for row in json_lines(text)]
    assert strip(run("device", "list", "--json").stdout) == strip(before)


def test_import_is_all_or_nothing_and_reports_every_bad_line(run, tmp_path):
    file = tmp_path / "phones.csv"
    file.write_text(
        "mac,model,serial,group\n"
        "000e08000001,SPA504G,,\n"
        "000e0800000,SPA504G,,\n"  # 11 digits
        "000e08000003,SPA999,,\n"
        "000e08000004,SPA504G,,nowhere\n"
        f"{pki.OWN_MAC},SPA504G,,\n"  # is there
        "000e08000001,SPA504G,,\n"  # twice
        "000e08000005\n"
        '000e08000006,"SPA504G,,\n'
    )
    result = run("device", "import", file, status=1)
    for line in range(3, 10):
        assert re.search(rf"phones\.csv:{line}: ", result.stderr), line
    assert not re.search(r"phones\.csv:2: ", result.stderr)
    assert len(json_lines(run("device", "list", "--json").stdout)) == 2


def test_import_of_many_shows_progress_on_a_terminal_only(state, tmp_path):
    terminal, slave = pty.openpty()
    file = list_of_phones(tmp_path, 20000)
    process = start("device", "import", file, folder=state, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    until = time.monotonic() + DEADLINE * 2
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            shown += data
            if not data:
                break
        elif process.poll() is not None:
            break
    os.close(terminal)
    assert process.wait(DEADLINE) == 0
    assert b"of 20000" in shown and b"20000 devices" in shown

    for device in range(3):
        firstring("device", "remove", f"000e09{device:06x}", folder=state)
    file.write_text("mac,model\n" + "".join(f"000e09{number:06x},SPA504G\n" for number in range(3)))
    result = firstring("device", "import", file, folder=state)
    assert "\r" not in result.stdout + result.stderr


# ---- parameters, lines, secrets -----------------------------------------------------------------------------------------


def test_an_unknown_parameter_is_refused_with_a_suggestion(run):
    result = run("set", "model:SPA504G", "Proxy_1=sip.example", status=1)
    assert "did you mean 'Proxy_1_'" in result.stderr
    run("set", "model:SPA504G", "My_Own_Thing=1", "--force")


def test_a_line_above_the_models_lines_is_refused(run):
    run("line", "set", pki.OWN_MAC, "5", "--user", "x", "--proxy", "y", status=2)


def test_set_is_all_or_nothing(run):
    run("set", "base", "Time_Zone=GMT", "Tme_Zone=GMT", status=1)
    assert "GMT+01:00" in run("layers", pki.OWN_MAC).stdout


def test_a_secret_on_the_command_line_is_refused(run):
    result = run("set", "base", f"Admin_Passwd={SECRET}", "--class", "secret", status=None)
    assert result.returncode != 0
    assert "--value-file" in result.stderr and SECRET not in result.stderr
    run("line", "set", pki.OWN_MAC, "1", "--user", "a", "--proxy", "b", "--password", SECRET, status=2)


def test_a_secret_from_standard_input_or_a_file(run, tmp_path):
    run("set", "base", "Admin_Passwd", "--class", "secret", "--value-file", "-", stdin="first\n")
    assert tree.fromstring(run("render", pki.OWN_MAC).stdout).findtext("Admin_Passwd") == "first"
    file = tmp_path / "secret"
    file.write_text("second\n")
    file.chmod(0o600)
    run("set", "base", "Admin_Passwd", "--class", "secret", "--value-file", file)
    assert tree.fromstring(run("render", pki.OWN_MAC).stdout).findtext("Admin_Passwd") == "second"


def test_a_secret_file_that_others_can_read_is_refused(run, tmp_path):
    file = tmp_path / "secret"
    file.write_text("second\n")
    file.chmod(0o644)
    result = run("set", "base", "Admin_Passwd", "--class", "secret", "--value-file", file, status=1)
    assert "600" in result.stderr or "others" in result.stderr or "other users" in result.stderr


def test_secrets_are_never_shown(run):
    run("set", "base", "Admin_Passwd", "--class", "secret", "--value-file", "-", stdin=SECRET)
    for command in (["layers", pki.OWN_MAC], ["layers", pki.OWN_MAC, "--json"], ["device", "show", pki.OWN_MAC]):
        assert SECRET not in run(*command).stdout


def test_layers_say_where_each_value_comes_from(run):
    run("set", "model:SPA504G", "Time_Zone=GMT+02:00")
    rows = [row for row in json_lines(run("layers", pki.OWN_MAC, "--json").stdout) if row["parameter"] == "Time_Zone"]
    assert [(row["scope"], row["value"], row["overridden"]) for row in rows] == [
        ("base", "GMT+01:00", True),
        ("model:SPA504G", "GMT+02:00", False),
    ]


def test_line_set_speaks_plain_words(run):
    run(
        "line", "set", pki.OTHER_MAC, "2", "--user", "2002", "--proxy", "sip.example", "--display", "Front desk",
        "--transport", "tls", "--srtp",
    )  # fmt: skip
    document = tree.fromstring(run("render", pki.OTHER_MAC).stdout)
    assert document.findtext("User_ID_2_") == "2002"
    assert document.findtext("Display_Name_2_") == "Front desk"
    assert document.findtext("SIP_Transport_2_") == "TLS"


# ---- ledger and explain -------------------------------------------------------------------------------------------------


@pytest.fixture
def history(state, certificates):
    """A server after three connections: served, denied, broken off."""
    with Server(state) as server:
        answers = [
            server.get(f"/{pki.OWN_MAC}.xml", certificates.own),
            server.get(f"/{pki.OTHER_MAC}.xml", certificates.own),
        ]
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(b"nonsense\r\n\r\n")
            sock.recv(10)
        server.rows_of(*[answer.source for answer in answers], "127.0.0.1")
        yield server, answers


def test_ledger_filters(history):
    server, answers = history
    sources = lambda *arguments: {row["address"] for row in server.ledger(*arguments)}
    served, denied = (answer.source for answer in answers)
    assert sources() == {served, denied, "127.0.0.1"}
    assert sources("--mac", pki.OWN_MAC) == {served, denied}
    assert sources("--mac", pki.OTHER_MAC) == {denied}
    assert sources("--failed") == {denied, "127.0.0.1"}
    assert sources("--since", "1h") == {served, denied, "127.0.0.1"}


def test_ledger_json_has_the_promised_names(history):
    server, _ = history
    for row in server.ledger():
        assert {"outcome", "stage", "version", "cipher", "alert", "device", "assurance"} <= row.keys()
        assert not row["requests"] or {"status", "decision", "reason"} <= row.keys()


def test_ledger_tells_what_the_other_tests_read_in_its_database(history):
    server, _ = history
    told = server.ledger()
    for row in told:
        assert row.pop("explanation") and isinstance(row.pop("remedy"), str)
    assert told == server.rows()


def test_ledger_waits_for_the_rows_of_what_has_just_happened(state, certificates):
    """--now does not: it may or may not have them."""
    with Server(state) as server:
        answer = server.get(f"/{pki.OWN_MAC}.xml", certificates.own)
        rows = json_lines(firstring("ledger", "--json", folder=state).stdout)
        assert [row["address"] for row in rows] == [answer.source]
        assert len(server.ledger()) == 1, "what was there stays"


def test_explain_tells_the_story(history):
    server, answers = history
    story = firstring("explain", pki.OWN_MAC, folder=server.folder).stdout
    assert "200" in story and pki.OTHER_MAC in story
    assert "Profile_Rule" in story  # the remedy of the last failure
    causes = [row["cause"] for row in json_lines(firstring("explain", pki.OWN_MAC, "--json", folder=server.folder).stdout)]
    assert causes == ["served", "other_device"]
    assert answers[0].source in firstring("explain", answers[0].source, folder=server.folder).stdout


def test_the_request_log_has_the_cipher_of_each_request(tmp_path, certificates):
    from support.server import make_state

    folder = make_state(tmp_path / "state", certificates, log_requests="stdout")
    with Server(folder) as server:
        answer = server.get(f"/{pki.OWN_MAC}.xml", certificates.own, version="1.0")
        server.row_of(answer.source)
    rows = [row for row in json_lines(server.requests.read_text()) if row["address"] == answer.source]
    (row,) = rows
    assert (row["version"], row["cipher"], row["status"]) == ("TLSv1", answer.cipher, 200)
    assert row["device"] == pki.OWN_MAC


def test_the_request_log_in_a_file(tmp_path, certificates):
    from support.server import make_state

    folder = make_state(tmp_path / "state", certificates, log_requests="requests.log")
    with Server(folder) as server:
        answer = server.get(f"/{pki.OWN_MAC}.xml", certificates.own)
        server.row_of(answer.source)
    assert [row["status"] for row in json_lines((folder / "requests.log").read_text())][0] == 200


# ---- simulate -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path):
    folder = tmp_path / "demo"
    firstring("init", folder, "--demo", "--port", 0, "--bootstrap-port", 0)
    with Server(folder) as server:
        yield server


def test_a_simulated_phone_of_each_model_fetches_its_profile(demo):
    for phone in sorted((demo.folder / "demo" / "phones").glob("*.crt")):
        mac = phone.stem
        result = firstring("simulate", "--server", f"localhost:{demo.port}", "--mac", mac, "--json", folder=demo.folder)
        (row,) = json_lines(result.stdout)[-1:]
        assert row["status"] == 200, row


def test_a_simulated_phone_is_refused_the_profile_of_another(demo):
    first, second = sorted(path.stem for path in (demo.folder / "demo" / "phones").glob("*.crt"))[:2]
    result = firstring(
        "simulate", "--server", f"localhost:{demo.port}", "--mac", first, "--as-mac", second, folder=demo.folder, status=None
    )
    assert result.returncode == 1 and "403" in result.stdout + result.stderr


def test_the_program_needs_no_current_folder(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    result = subprocess.run(
        [pathlib.Path(BINARY).resolve(), "--version"], cwd=folder, capture_output=True, timeout=DEADLINE, env=environment()
    )
    assert result.returncode == 0


# ---- pipes, signals, full disks, terminals ------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_error(state):
    firstring("device", "import", list_of_phones(state, 20000), folder=state)
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

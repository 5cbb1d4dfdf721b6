"""Phones that nobody entered but whose maker certificate is good."""

import time

import pytest

from support.server import DEADLINE, Server, firstring, json_lines

MAC = "001122334455"  # of pki.Pki.stranger


@pytest.fixture
def running(state):
    firstring("group", "add", "lobby", folder=state)
    with Server(state) as server:
        yield server


def pending(server):
    return json_lines(firstring("device", "pending", "--json", folder=server.folder).stdout)


def pending_once(server, there):
    """What waits, once `there` says that it is complete: the server notes it a little after its answer."""
    until = time.monotonic() + DEADLINE
    while not there(pending(server)) and time.monotonic() < until:
        time.sleep(0.05)
    return pending(server)


def ask(server, identity, path=f"/{MAC}.xml"):
    return server.get(path, identity, headers=[("User-Agent", "Cisco/SPA504G-7.6.1 (001122334455)(CBT00000001)")]).status


def test_an_unknown_phone_waits(running, certificates):
    assert ask(running, certificates.stranger) == 404
    assert ask(running, certificates.stranger) == 404
    (row,) = pending_once(running, lambda rows: rows and rows[0]["attempts"] == 2)
    assert (row["mac"], row["serial"], row["product"]) == (MAC, "CBT00000001", "SPA-504G")
    assert row["attempts"] == 2 and row["user_agent"].startswith("Cisco/SPA504G")


@pytest.mark.parametrize("name", ["none", "generic", "expired", "unknown_ca", "forged", "own"])
def test_only_a_good_certificate_for_itself_waits(running, certificates, name):
    assert ask(running, certificates.by_name(name)) == 403
    # A phone that does wait is noted after it: then nothing can be on its way still.
    last = certificates.phone(f"after-{name}", "001122334466", serial="CBT00000002")
    assert ask(running, last, "/001122334466.xml") == 404
    assert [row["mac"] for row in pending_once(running, bool)] == ["001122334466"]


def test_entering_it_serves_it_and_ends_the_wait(running, certificates):
    assert ask(running, certificates.stranger) == 404
    assert pending_once(running, bool)
    firstring("device", "add", MAC, "--model", "SPA504G", folder=running.folder)
    assert ask(running, certificates.stranger) == 200
    assert pending(running) == []


def test_a_window_lets_it_in(running, certificates):
    firstring("enrol", "open", "--group", "lobby", "--for", "2h", folder=running.folder)
    assert ask(running, certificates.stranger) == 200
    shown = json_lines(firstring("device", "show", MAC, "--json", folder=running.folder).stdout)[0]
    assert (shown["group"], shown["model"], shown["serial"]) == ("lobby", "SPA504G", "CBT00000001")
    assert pending(running) == []


def test_a_window_lets_nobody_else_in(running, certificates):
    firstring("enrol", "open", "--group", "lobby", "--for", "2h", folder=running.folder)
    for name in ("none", "generic", "unknown_ca", "forged", "own"):
        assert ask(running, certificates.by_name(name)) == 403
    assert len(json_lines(firstring("device", "list", "--json", folder=running.folder).stdout)) == 2


def test_a_closed_window_lets_nobody_in(running, certificates):
    firstring("enrol", "open", "--group", "lobby", "--for", "2h", folder=running.folder)
    firstring("enrol", "close", folder=running.folder)
    assert ask(running, certificates.stranger) == 404


def test_a_window_for_another_model_lets_it_wait(running, certificates):
    firstring("enrol", "open", "--group", "lobby", "--for", "2h", "--model", "SPA525G2", folder=running.folder)
    assert ask(running, certificates.stranger) == 404


def test_a_window_needs_a_group_that_is_there(running):
    result = firstring("enrol", "open", "--group", "loby", "--for", "2h", folder=running.folder, status=1)
    assert "loby" in result.stderr

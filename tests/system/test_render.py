"""What `firstring render` shows is what the wire carries, and it is well-formed whatever the values are."""

import xml.etree.ElementTree as tree

import pytest

from support import pki
from support.server import OTHER_SECRET, SECRET, Server, firstring

NASTY = "<a href=\"x\">&amp; ]]> 'q' \t ü € 😀 &#0; --></a>"


@pytest.fixture
def render(state):
    return lambda *arguments, **options: firstring("render", pki.OWN_MAC, *arguments, folder=state, **options).stdout


def test_render_is_what_the_wire_carries(state, certificates, render):
    firstring("set", pki.OWN_MAC, f"Station_Name={NASTY}", folder=state)
    with Server(state) as server:
        assert server.get(f"/{pki.OWN_MAC}.xml", certificates.own).body.decode() == render("--as", "certificate")


def test_each_layer_wins_over_the_one_below(state, render):
    name = "Time_Zone"
    firstring("group", "add", "site", folder=state)
    firstring("group", "add", "lobby", "--parent", "site", folder=state)
    firstring("device", "remove", pki.OWN_MAC, folder=state)
    firstring("device", "add", pki.OWN_MAC, "--model", "SPA504G", "--group", "lobby", folder=state)
    for number, scope in enumerate(["base", "model:SPA504G", "group:site", "group:lobby", pki.OWN_MAC], 1):
        firstring("set", scope, f"{name}=GMT+0{number}:00", folder=state)
        assert tree.fromstring(render()).findtext(name) == f"GMT+0{number}:00"
    firstring("unset", pki.OWN_MAC, name, folder=state)
    assert tree.fromstring(render()).findtext(name) == "GMT+04:00"


def test_values_are_escaped(state, render):
    firstring("set", pki.OWN_MAC, f"Station_Name={NASTY}", folder=state)
    assert tree.fromstring(render()).findtext("Station_Name") == NASTY


def test_only_what_some_layer_sets_is_there(state):
    firstring("device", "add", "000e08000001", "--model", "SPA504G", folder=state)
    document = tree.fromstring(firstring("render", "000e08000001", folder=state).stdout)
    assert document.tag == "flat-profile"
    assert "Time_Zone" in {element.tag for element in document}
    assert not any(element.tag.startswith("Password") for element in document)


def test_secrets_need_a_certificate(render):
    assert SECRET in render("--as", "certificate")
    for assurance in ("none", "claimed"):
        shown = render("--as", assurance)
        assert SECRET not in shown and OTHER_SECRET not in shown


def test_user_access_becomes_an_attribute(state, render):
    firstring("set", pki.OWN_MAC, "Time_Zone=GMT", "--access", "rw", folder=state)
    assert tree.fromstring(render()).find("Time_Zone").get("ua") == "rw"


def test_variables(state, render):
    firstring("set", "base", "Station_Name=phone {{mac}} of {{model}}", folder=state)
    assert tree.fromstring(render()).findtext("Station_Name") == f"phone {pki.OWN_MAC} of SPA504G"


def test_the_line_account(render):
    document = tree.fromstring(render("--as", "certificate"))
    assert document.findtext("User_ID_1_") == "1001"
    assert document.findtext("Proxy_1_") == "sip.example"
    assert document.findtext("Password_1_") == SECRET


def test_a_change_reaches_the_running_server(state, certificates):
    with Server(state) as server:
        assert b"Nachher" not in server.get(f"/{pki.OWN_MAC}.xml", certificates.own).body
        firstring("set", pki.OWN_MAC, "Station_Name=Nachher", folder=state)
        # It looks for changes 40 times a second.
        server.until(lambda: b"Nachher" in server.get(f"/{pki.OWN_MAC}.xml", certificates.own).body, "it does not arrive")

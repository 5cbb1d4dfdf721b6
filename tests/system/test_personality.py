"""Personalities and rules of the operator's own, and the commands that show, try and make them."""

import pathlib
import re

import pytest

from support import pki
from support.server import ROOT, Server, firstring, json_lines, make_state

OWN = f"/{pki.OWN_MAC}.xml"
HELLOS = ROOT / "tests" / "fixtures" / "hello"
OURS = '[[personality]]\nname = "ours"\nbased_on = "legacy-2026-11"\nchain = "sb"\ndh_bits = 2048\n'


def json_of(folder, *arguments, **options):
    return json_lines(firstring("personality", *arguments, "--json", folder=folder, **options).stdout)


def test_list_shows_what_is_shipped_and_where_it_is_allowed(state):
    rows = {row["name"]: row for row in json_of(state, "list")}
    assert rows["legacy-2026-11"]["listeners"] == ["127.0.0.1:0"]
    assert rows["sipura-2026-11"]["listeners"] == [] and rows["sipura-2026-11"]["chain"] == "sipura"
    assert list(rows).index("sipura-2026-11") < list(rows).index("legacy-2026-11") < list(rows).index("modern-2026-11")


def test_list_and_show_work_without_a_state_folder(tmp_path):
    assert "modern-2026-11" in firstring("personality", "list", folder=tmp_path).stdout
    (shown,) = json_of(tmp_path, "show", "legacy-2026-11")
    assert shown["suites"][0] == "ECDHE-RSA-AES256-SHA" and shown["dh_bits"] == 1024 and shown["sessions"] is True


def test_show_as_json_has_every_key_of_a_personality(tmp_path):
    reference = (ROOT / "docs/reference/configuration.md").read_text()
    keys = set(re.findall(r"^### personality: (\w+)$", reference, re.M)) - {"name", "based_on"}
    (shown,) = json_of(tmp_path, "show", "legacy-2026-11")
    assert len(keys) >= 14 and keys <= set(shown)


def test_show_tells_of_own_personalities_and_rules(tmp_path, certificates):
    rule = '[[rule]]\npersonality = "ours"\nnetworks = ["192.0.2.0/24"]\n'
    state = make_state(
        tmp_path / "state",
        certificates,
        chains=[("sb", certificates.sb_server)],
        listener_extra='personalities = ["ours", "modern-2026-11"]\n',
        more=OURS + rule,
    )
    (shown,) = json_of(state, "show", "ours")
    assert (shown["chain"], shown["dh_bits"], shown["listeners"]) == ("sb", 2048, ["127.0.0.1:0"])
    assert shown["rules"] == ['networks = ["192.0.2.0/24"]']
    assert shown["matches"][0].startswith("version_ceiling")
    assert "did you mean 'ours'" in firstring("personality", "show", "our", folder=state, status=1).stderr


@pytest.mark.parametrize(
    ("hello", "personality", "reason"),
    [
        ("openssl-tls10", "legacy-2026-11", "version_ceiling"),
        ("jsse-sslv2-tls10", "legacy-2026-11", "version_ceiling"),
        ("openssl-tls13", "modern-2026-11", "default"),
    ],
)
def test_test_says_what_a_hello_would_get(state, hello, personality, reason):
    file = HELLOS / f"{hello}.hex"
    for argument, stdin in ((f"@{file}", ""), ("-", file.read_text()), (file.read_text().strip(), "")):
        (row,) = json_of(state, "test", argument, stdin=stdin)
        assert (row["personality"], row["reason"]) == (personality, reason)
    ja3 = pathlib.Path(HELLOS / f"{hello}.ja3")
    assert not ja3.exists() or row["ja3"] == ja3.read_text().split()[-1]


def test_test_goes_by_model_and_firmware(tmp_path, certificates):
    state = make_state(
        tmp_path / "state",
        certificates,
        chains=[("sb", certificates.sb_server), ("2k", certificates.server_2k)],
        listener_extra='personalities = ["spa5xx-2026-11", "spa5xx-2k-2026-11", "legacy-2026-11", "modern-2026-11"]\n',
    )
    hello = f"@{HELLOS / 'openssl-tls10.hex'}"
    for firmware, personality in (("7.5.2b", "spa5xx-2026-11"), ("7.5.6", "spa5xx-2k-2026-11"), ("7.6.2g", "spa5xx-2k-2026-11")):
        (row,) = json_of(state, "test", hello, "--model", "SPA504G", "--firmware", firmware)
        assert (row["personality"], row["reason"]) == (personality, "known_model")
    assert json_of(state, "test", hello)[0]["personality"] == "legacy-2026-11"


@pytest.mark.parametrize("hello", ["", "16", "16030100", "zz", "@/nonexistent", "12345", "474554202f"])
def test_test_refuses_what_is_no_hello(state, hello):
    refused = firstring("personality", "test", hello, folder=state, status=None)
    assert refused.returncode in (1, 2) and refused.stderr


def test_learn_makes_a_rule_that_the_server_takes_up(tmp_path, certificates):
    """From a first contact to a personality of its own, by two commands and a reload."""
    state = make_state(
        tmp_path / "state",
        certificates,
        chains=[("sb", certificates.sb_server)],
        listener_extra='personalities = ["legacy-2026-11", "ours", "modern-2026-11"]\n',
        more=OURS,
    )
    with Server(state) as server:
        first = server.get(OWN, certificates.own, version="1.0")
        row = server.row_of(first.source)
        assert row["personality"] == "legacy-2026-11"
        (tried,) = json_of(state, "test", str(row["connection"]))
        assert tried["personality"] == "legacy-2026-11"

        printed = firstring("personality", "learn", pki.OWN_MAC, folder=state).stdout
        assert 'personality = "legacy-2026-11"' in printed and row["ja3"] in printed and row["ja4"] in printed

        before = (state / "firstring.toml").read_text()
        (learnt,) = json_of(state, "learn", pki.OWN_MAC, "--use", "ours", "--write")
        assert learnt["written"] and (state / "firstring.toml").read_text().startswith(before)
        assert json_of(state, "test", str(row["connection"]))[0]["personality"] == "ours"
        server.reload()
        second = server.get(OWN, certificates.own, version="1.0", trust=certificates.sb_root)
        row = server.row_of(second.source)
        assert (row["personality"], row["personality_reason"], row["chain"]) == ("ours", "rule", "sb")
        assert row["key_exchange_bits"] == 256 or row["key_exchange_bits"] == 2048
        other = server.get("/spa504G.cfg", version="1.2")
        assert server.row_of(other.source)["personality"] == "modern-2026-11"


def test_learn_only_here_names_the_network(tmp_path, certificates):
    state = make_state(tmp_path / "state", certificates)
    with Server(state) as server:
        source = server.get(OWN, certificates.own, version="1.0").source
        server.row_of(source)
        (learnt,) = json_of(state, "learn", source, "--only-here")
        assert f'networks = ["{source}/32"]' in learnt["rule"]


def test_learn_writes_nothing_that_would_not_do(tmp_path, certificates):
    state = make_state(tmp_path / "state", certificates)
    before = (state / "firstring.toml").read_text()
    with Server(state) as server:
        server.row_of(server.get(OWN, certificates.own, version="1.0").source)
    refused = firstring("personality", "learn", pki.OWN_MAC, "--use", "sipura-2026-11", "--write", folder=state, status=1)
    assert "nothing written; the result would be invalid:" in refused.stderr and "no listener that this rule is for allows" in refused.stderr
    assert "there is no personality" in firstring("personality", "learn", pki.OWN_MAC, "--use", "x", folder=state, status=1).stderr
    assert "has no ClientHello" in firstring("personality", "learn", pki.OTHER_MAC, folder=state, status=1).stderr
    assert (state / "firstring.toml").read_text() == before


def test_a_listener_with_other_chains_than_it_has_is_refused_with_a_remedy(tmp_path, certificates):
    state = make_state(tmp_path / "state", certificates, listener_extra='personalities = ["sipura-2026-11"]\n')
    said = firstring("check", folder=state, status=1).stdout
    assert "shows the server chain 'sipura', which is not configured" in said
    assert 'add a [[server_chain]] with name = "sipura"' in said

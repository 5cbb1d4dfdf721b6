"""A phone whose certificate is good but that is not as it was: pins, the ratchet, alarms, and what operators grant."""

import concurrent.futures
import itertools
import ssl
import time

import pytest

from support import client
from support.pki import OTHER_MAC, OWN_MAC
from support.server import DEADLINE, Server, firstring, json_lines, make_state

PROFILE = f"/{OWN_MAC}.xml"
AGENT = f"Cisco/SPA504G-7.6.1 ({OWN_MAC})(CBT12345678)"


_hosts = itertools.cycle(range(1, 250))


def near():
    """An address in the one network where phones are at home."""
    return f"127.60.1.{next(_hosts)}"


@pytest.fixture
def serve(tmp_path, certificates):
    """serve(policy) starts a server with that [policy]: the product's defaults if it is empty."""
    started = []

    def start(policy=""):
        started.append(Server(make_state(tmp_path / f"state-{len(started)}", certificates, policy=policy)))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(serve):
    return serve()


def ask(server, identity, path=PROFILE, agent=AGENT, **options):
    """The status of one request."""
    options.setdefault("source", near())
    answer = server.get(path, identity, headers=[("User-Agent", agent), ("Connection", "close")], **options)
    return answer.status


def reason(server, identity, **options):
    answer = server.get(PROFILE, identity, source=near(), **options)
    row = server.row_of(answer.source)
    assert answer.status == row["status"]
    return row["reason"]


def wait_until(look):
    """What a decision of an operator does is seen within some milliseconds, and what the server learns is written
    within a second."""
    until = time.monotonic() + DEADLINE
    while not (seen := look()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return seen


def alarms(server, *arguments):
    return json_lines(firstring("ledger", "--alarms", "--json", *arguments, folder=server.folder).stdout)


def kinds(server, count):
    """Of the alarms, sorted, once there are so many; a later connection's row is waited for, so that none is on its way."""
    wait_until(lambda: len(alarms(server)) >= count)
    server.row_of(server.get_plain("/sentinel").source)
    return sorted(alarm["kind"] for alarm in alarms(server))


def show(server, mac=OWN_MAC):
    return json_lines(firstring("device", "show", mac, "--json", folder=server.folder).stdout)[0]


# ---- pins -----------------------------------------------------------------------------------------------------------------


def test_the_first_certificate_is_pinned(server, certificates):
    assert reason(server, certificates.own) == "bound"
    assert reason(server, certificates.own_second) == "pin_mismatch"
    assert reason(server, certificates.own) == "bound"


def test_a_second_certificate_gets_what_anybody_gets(server, certificates):
    assert ask(server, certificates.own) == 200
    assert ask(server, certificates.own_second) == 403
    assert ask(server, certificates.own_second, "/spa504G.cfg") == 200


def test_a_renewed_certificate_of_the_same_key_is_taken(server, certificates):
    assert ask(server, certificates.own) == 200
    assert ask(server, certificates.own_renewed) == 200
    fingerprint = certificates.own_renewed.fingerprint()
    wait_until(lambda: (show(server)["record"] or {}).get("certificate") == fingerprint)
    assert ask(server, certificates.own) == 200
    assert ask(server, certificates.own_second) == 403


def test_a_pin_survives_a_restart(server, certificates):
    assert ask(server, certificates.own) == 200
    server.stop()
    with Server(server.folder) as again:
        assert ask(again, certificates.own_second) == 403
        assert ask(again, certificates.own) == 200


@pytest.mark.parametrize("name", ["forged", "unknown_ca", "expired", "none"])
def test_what_proves_nothing_pins_nothing(server, certificates, name):
    assert ask(server, certificates.by_name(name)) == 403
    assert ask(server, certificates.own) == 200


def test_an_operator_allows_for_a_new_certificate(server, certificates):
    assert ask(server, certificates.own) == 200
    assert ask(server, certificates.own_second) == 403
    firstring("device", "unpin", OWN_MAC, folder=server.folder)
    assert [one["kind"] for one in show(server)["pardons"]] == ["unpin"]
    assert "unpinned" in firstring("device", "show", OWN_MAC, folder=server.folder).stdout
    wait_until(lambda: ask(server, certificates.own_second) == 200)
    assert ask(server, certificates.own) == 403, "the unpin is used up"
    wait_until(lambda: show(server)["pardons"] == [])


def test_a_device_entered_again_begins_anew(server, certificates):
    assert ask(server, certificates.own) == 200
    firstring("device", "remove", OWN_MAC, folder=server.folder)
    firstring("device", "add", OWN_MAC, "--model", "SPA504G", folder=server.folder)
    wait_until(lambda: ask(server, certificates.own_second) == 200)


def test_of_two_certificates_at_once_one_is_pinned(server, certificates):
    identities = [certificates.own, certificates.own_second] * 6
    with concurrent.futures.ThreadPoolExecutor(len(identities)) as pool:
        statuses = list(pool.map(lambda identity: ask(server, identity), identities))
    assert {frozenset(statuses[0::2]), frozenset(statuses[1::2])} == {frozenset({200}), frozenset({403})}


# ---- the ratchet ----------------------------------------------------------------------------------------------------------


def test_an_older_version_than_before_is_refused(server, certificates):
    assert reason(server, certificates.own, version="1.0") == "bound"
    assert reason(server, certificates.own, version="1.2") == "bound"
    assert reason(server, certificates.own, version="1.0") == "downgraded"
    assert reason(server, certificates.own, version="1.1") == "downgraded"
    assert reason(server, certificates.own, version="1.2") == "bound"
    assert kinds(server, 1) == ["downgrade"], "once in a resync period"


@pytest.mark.parametrize("who", [OWN_MAC, "all"])
def test_an_amnesty_lowers_the_ratchet(server, certificates, who):
    assert ask(server, certificates.own, version="1.2") == 200
    assert ask(server, certificates.own, version="1.0") == 403
    firstring("device", "amnesty", who, "--for", "24h", folder=server.folder)
    assert [(one["kind"], one["all"]) for one in show(server)["pardons"]] == [("amnesty", who == "all")]
    assert "amnesty" in firstring("device", "show", OWN_MAC, folder=server.folder).stdout
    wait_until(lambda: ask(server, certificates.own, version="1.0") == 200)
    firstring("device", "amnesty", who, "--end", folder=server.folder)
    assert show(server)["pardons"] == []
    assert ask(server, certificates.own, version="1.0") == 200, "it is held to what it showed"
    assert ask(server, certificates.own, version="1.2") == 200
    wait_until(lambda: ask(server, certificates.own, version="1.0") == 403)


def test_the_amnesty_of_another_device_changes_nothing(server, certificates):
    assert ask(server, certificates.own, version="1.2") == 200
    firstring("device", "amnesty", OTHER_MAC, "--for", "24h", folder=server.folder)
    wait_until(lambda: ask(server, certificates.other, f"/spa{OTHER_MAC}.xml", version="1.2") == 200)
    assert ask(server, certificates.own, version="1.0") == 403


# ---- the configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word, raised", [("alarm", ["downgrade", "second_certificate"]), ("off", [])])
def test_what_is_not_enforced_is_not_refused(serve, certificates, word, raised):
    server = serve(f'pin = "{word}"\nratchet = "{word}"\n')
    assert ask(server, certificates.own, version="1.2") == 200
    assert ask(server, certificates.own_second, version="1.2") == 200
    assert ask(server, certificates.own, version="1.0") == 200
    assert kinds(server, len(raised)) == raised


# ---- alarms ---------------------------------------------------------------------------------------------------------------


def test_alarms_are_listed_and_told(server, certificates):
    assert alarms(server) == []
    assert "no alarm" in firstring("ledger", "--alarms", folder=server.folder).stdout
    assert ask(server, certificates.own) == 200
    answer = server.get(PROFILE, certificates.own_second, source=near())
    assert kinds(server, 1) == ["second_certificate"]
    (alarm,) = alarms(server, "--mac", OWN_MAC, "--since", "1h")
    row = server.row_of(answer.source)
    assert (alarm["device"], alarm["address"]) == (OWN_MAC, answer.source)
    assert (alarm["connection"], row["cause"]) == (row["connection"], "pin_mismatch")
    assert alarms(server, "--mac", OTHER_MAC) == []
    assert "second_certificate" in firstring("ledger", "--alarms", folder=server.folder).stdout
    assert "second_certificate" in server.log_text()
    story = firstring("explain", OWN_MAC, folder=server.folder).stdout
    assert "A second certificate for" in story and f"firstring device unpin {OWN_MAC}" in story


@pytest.mark.parametrize("other", [["--failed"], ["--follow"], ["--address", "127.0.0.1"]])
def test_alarms_go_with_no_other_choice(state, other):
    assert "alone" in firstring("ledger", "--alarms", *other, folder=state, status=2).stderr


def test_one_certificate_in_two_networks(server, certificates):
    assert ask(server, certificates.own, source="127.61.1.1") == 200
    assert ask(server, certificates.own, source="127.61.1.200") == 200
    assert kinds(server, 0) == []
    assert ask(server, certificates.own, source="127.61.2.1") == 200
    assert kinds(server, 1) == ["two_networks"]
    assert alarms(server)[0]["address"] == "127.61.2.1"
    assert ask(server, certificates.own, source="127.61.1.1") == 200
    assert kinds(server, 1) == ["two_networks"], "once in a resync period"


def test_a_restart_repeats_no_alarm(server, certificates):
    assert ask(server, certificates.own, source="127.61.3.1") == 200
    assert ask(server, certificates.own, source="127.61.4.1") == 200
    assert kinds(server, 1) == ["two_networks"]
    server.stop()
    with Server(server.folder) as again:
        assert ask(again, certificates.own, source="127.61.3.1") == 200
        assert kinds(again, 1) == ["two_networks"]


@pytest.mark.parametrize(
    "path, agent",
    [(PROFILE, AGENT.replace(OWN_MAC, OTHER_MAC)), (f"/spa{OTHER_MAC}.xml", AGENT), ("/spa504G.cfg", AGENT.replace(OWN_MAC, OTHER_MAC))],
    ids=["agent", "url", "agent of a first file"],
)
def test_mac_addresses_that_disagree(server, certificates, path, agent):
    ask(server, certificates.own, path, agent)
    assert kinds(server, 1) == ["mac_disagreement"]
    text = alarms(server)[0]["text"]
    assert OWN_MAC in text and OTHER_MAC in text


def test_a_stranger_that_asks_for_other_files_raises_an_alarm(server, certificates):
    assert ask(server, certificates.stranger) == 403
    assert kinds(server, 1) == ["mac_disagreement"]
    assert alarms(server)[0]["device"] == "001122334455"


def test_who_proves_nothing_raises_no_alarm(server, certificates):
    for identity in (None, certificates.forged, certificates.generic):
        assert ask(server, identity, agent=AGENT.replace(OWN_MAC, OTHER_MAC)) == 403
    assert kinds(server, 0) == []


# ---- what is remembered ---------------------------------------------------------------------------------------------------


def test_what_is_known_of_a_device_is_shown(server, certificates):
    assert show(server)["record"] is None
    assert ask(server, certificates.own, version="1.1", source="127.61.1.1") == 200
    record = wait_until(lambda: show(server)["record"])
    assert (record["address"], record["strongest_version"]) == ("127.61.1.1", "TLS 1.1")
    assert (record["model"], record["firmware"]) == ("SPA504G", "7.6.1")
    assert record["certificate"] == certificates.own.fingerprint()
    row = server.row_of("127.61.1.1")
    assert (record["personality"], record["ja3"]) == (row["personality"], row["ja3"])
    assert (row["model"], row["firmware"], row["likely_device"]) == ("SPA504G", "7.6.1", "")


def test_a_failed_handshake_names_the_phone_that_it_likely_was(server, certificates):
    source = "127.61.1.1"
    assert ask(server, certificates.own, source=source) == 200
    suspicious = client.context(certificates.own)
    suspicious.verify_mode = ssl.CERT_REQUIRED
    with client.open_tcp(server.port, source=source) as sock, pytest.raises(ssl.SSLError):
        suspicious.wrap_socket(sock)
    assert ask(server, None, agent="curl/7.88", source=source) == 403
    assert ask(server, None, agent="curl/7.88", source="127.61.1.2") == 403
    server.rows_of("127.61.1.2")
    proven, failed, anonymous = server.rows_of(source)
    assert (proven["likely_device"], failed["alert"]) == ("", "unknown_ca")
    for row in (failed, anonymous):
        assert (row["likely_device"], row["model"], row["firmware"]) == (OWN_MAC, "SPA504G", "7.6.1")
    assert server.row_of("127.61.1.2")["likely_device"] == ""

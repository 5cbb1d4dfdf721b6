"""Hardware that left its maker with a fault: the ledger names the batch, and nothing else changes for anybody."""

import pytest

from support.server import firstring, json_lines

BAD_MAC, BAD_SERIAL = "000e08210201", "FM500F123456"
GOOD_MAC, GOOD_SERIAL = "000e08210202", "FM500F700000"
BATCH = "2006-06-wrong-certificates"


@pytest.fixture(scope="module")
def bad_server(server):
    for mac, serial in ((BAD_MAC, BAD_SERIAL), (GOOD_MAC, GOOD_SERIAL)):
        firstring("device", "add", mac, "--model", "SPA2102", "--serial", serial, folder=server.folder)
    return server


def ask(server, mac, identity, agent="curl"):
    answer = server.get(f"/{mac}.xml", identity, headers=[("User-Agent", agent), ("Connection", "close")])
    server.row_of(answer.source)
    (row,) = server.ledger("--address", answer.source)
    return answer, row


@pytest.mark.parametrize("fault", ["another phone's", "unknown_ca", "forged"])
@pytest.mark.parametrize("told_by", ["its entry", "its certificate", "its User-Agent"])
def test_a_wrong_certificate_is_laid_to_the_batch(bad_server, certificates, fault, told_by):
    mac = {"its entry": BAD_MAC, "its certificate": GOOD_MAC, "its User-Agent": GOOD_MAC}[told_by]
    serial = BAD_SERIAL if told_by == "its certificate" else "FM500F800000"
    agent = f"Linksys/SPA-2102-3.3.6 ({BAD_SERIAL})" if told_by == "its User-Agent" else "curl"
    issuer = {"unknown_ca": certificates.stranger_root, "forged": certificates._same_name_root}.get(fault)
    named = "000e08210299" if fault == "another phone's" else mac
    identity = certificates.phone(f"bad-{fault[:3]}-{told_by[4:]}".replace(" ", ""), named, issuer, "SPA-2102", serial)
    answer, row = ask(bad_server, mac, identity, agent)
    assert answer.status == 403 and BATCH not in answer.body.decode(), "strangers are told nothing"
    assert row["reason"] == {"unknown_ca": "unknown_ca", "forged": "bad_signature"}.get(fault, "other_device")
    assert (row["cause"], row["known_bad"]) == ("known_bad_hardware", BATCH)
    assert BATCH in row["explanation"] and "replace the phone" in row["remedy"]


def test_a_good_phone_of_the_batch_is_served(bad_server, certificates):
    identity = certificates.phone("bad-batch-good", BAD_MAC, None, "SPA-2102", BAD_SERIAL)
    answer, row = ask(bad_server, BAD_MAC, identity)
    assert answer.status == 200
    assert (row["cause"], row["known_bad"], row["assurance"]) == ("served", BATCH, "certificate")


def test_a_phone_beside_the_batch_is_not_blamed(bad_server, certificates):
    identity = certificates.phone("beside-the-batch", GOOD_MAC, certificates.stranger_root, "SPA-2102", GOOD_SERIAL)
    _, row = ask(bad_server, GOOD_MAC, identity)
    assert (row["cause"], row["known_bad"]) == ("unknown_ca", "")


def test_the_generic_certificate_is_of_the_data(bad_server, certificates):
    _, row = ask(bad_server, GOOD_MAC, certificates.generic)
    assert (row["reason"], row["assurance"], row["known_bad"]) == (
        "generic_certificate", "generic", "2005-01-generic-certificate",
    )  # fmt: skip


def test_the_operator_is_warned(bad_server):
    shown = firstring("device", "show", BAD_MAC, "--json", folder=bad_server.folder)
    assert json_lines(shown.stdout)[0]["known_bad"] == BATCH
    shown = firstring("device", "show", GOOD_MAC, "--json", folder=bad_server.folder)
    assert json_lines(shown.stdout)[0]["known_bad"] == ""

"""`firstring expiry`: what stops when, and how many phones it stops."""

import pytest

from support import pki
from support.server import Server, firstring, json_lines

OWN = f"/{pki.OWN_MAC}.xml"


def expiry(folder, *arguments, status=0):
    return firstring("expiry", "--json", *arguments, folder=folder, status=status)


@pytest.fixture(scope="module")
def seen(tmp_path_factory, certificates):
    """A ledger with two phones and one whose certificate has run out."""
    from support.server import make_state

    folder = make_state(tmp_path_factory.mktemp("expiry") / "state", certificates)
    file = folder / "firstring.toml"
    crl = certificates.crl("expiry-stale", certificates.maker_root, years=(2019, 2020))
    file.write_text(file.read_text().replace('name = "maker"', f'name = "maker"\ncrl = "{crl}"'))
    firstring("device", "add", "000e08000031", "--model", "SPA504G", folder=folder)
    third = certificates.phone("expiry-third", "000e08000031", years=(2006, 2016))
    with Server(folder) as server:
        assert server.get(OWN, certificates.own, version="1.0").status == 200
        assert server.get(f"/{pki.OTHER_MAC}.xml", certificates.other).status == 200
        assert server.get("/000e08000031.xml", third).status == 403
        assert server.get(OWN, certificates.forged).status == 403  # names the same phone, and counts for nothing
    return folder


def test_counts_the_phones_of_the_ledger(seen):
    rows = json_lines(expiry(seen).stdout)
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {row["counted"] for row in rows} == {"ledger"}

    def phones(kind, name, year):
        return [row["phones"] for row in rows if (row["kind"], row["name"], row["at"][:4]) == (kind, name, year)]

    assert phones("server_chain", "legacy", "2036") == [1]
    assert phones("server_chain", "modern", "2036") == [2]
    assert phones("device_ca", "maker", "2036") == [3, 0], "its root, and the intermediate that nobody came by"
    assert phones("phones", "maker", "2016") == [1] and phones("phones", "maker", "2036") == [2]
    assert phones("crl", "maker", "2020") == [0]
    assert not [row for row in rows if row["name"] == "forgiving"], "accept_expired: nothing stops"
    chain = next(row for row in rows if row["name"] == "legacy")
    assert "legacy-2026-11" in chain["personalities"] and "modern-2026-11" not in chain["personalities"]
    assert rows[0]["days"] < 0


def test_a_table_for_people_with_the_past_first(seen):
    lines = firstring("expiry", "--within", "1d", folder=seen).stdout.splitlines()
    assert lines[0].split()[:3] == ["DATE", "IN", "PHONES"]
    assert lines[1].startswith("2016-01-01  stopped since  1") and "device CA 'maker' that end in 2016-01" in lines[1]
    assert lines[2].startswith("2020-01-01  due since") and "CRL" in lines[2]
    assert lines[-1] == "counted: 3 phones that came within the last 30 days"
    assert not any("2036" in line for line in lines)


def test_a_monitor_is_told_by_the_exit_status(state, certificates, seen):
    expiry(seen, "--fail-within", "30d", status=1)  # something has stopped already
    expiry(state, "--fail-within", "30d")
    expiry(state, "--fail-within", "3650d", "--within", "1d", status=1)
    firstring("expiry", "--within", "soon", folder=state, status=2)


def test_counts_all_phones_of_the_fleet_while_the_ledger_is_empty(state):
    rows = json_lines(expiry(state).stdout)
    assert {row["counted"] for row in rows} == {"entered"}
    assert {row["phones"] for row in rows} == {2}
    assert "all 2 phones of the fleet" in firstring("expiry", folder=state).stdout


def test_works_where_the_configuration_has_errors(state, certificates):
    """A key that does not belong to its certificate is one, and so is a missing file."""
    file = state / "firstring.toml"
    text = file.read_text().replace(str(certificates.modern_server.chain), str(certificates.expired_server.chain))
    file.write_text(text.replace(str(certificates.legacy_server.chain), "/nonexistent.pem"))
    result = expiry(state)
    rows = json_lines(result.stdout)
    assert (rows[0]["kind"], rows[0]["name"], rows[0]["at"]) == ("server_chain", "modern", "2020-01-01T00:00:00.000000Z")
    assert "/nonexistent.pem" in result.stderr

"""Revoked phones, and forgiveness that ends on a day."""

import datetime
import shutil

import pytest

from support import pki
from support.server import Server, firstring

OWN = f"/{pki.OWN_MAC}.xml"


def add_to_maker(state, line):
    """A further line in the [[device_ca]] of the maker."""
    file = state / "firstring.toml"
    file.write_text(file.read_text().replace('name = "maker"', f'name = "maker"\n{line}'))


def verdict_of(server, identity):
    answer = server.get(OWN, identity)
    return answer.status, server.row_of(answer.source)


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_revoked_phone_is_refused_and_no_other(state, certificates, form):
    crl = certificates.crl(f"revoked-{form}", certificates.maker_root, [certificates.own], form=form)
    add_to_maker(state, f'crl = "{crl}"')
    firstring("check", state)
    with Server(state) as server:
        status, row = verdict_of(server, certificates.own)
        assert (status, row["reason"], row["verdict"], row["cause"]) == (403, "revoked", "revoked", "revoked")
        assert any("revoked on 2020-01-01" in error for error in row["verdict_errors"])
        assert server.get(f"/{pki.OTHER_MAC}.xml", certificates.other).status == 200
        assert verdict_of(server, certificates.with_intermediate)[0] == 200, "there is no CRL of its issuer"


def test_what_a_revoked_ca_issued_is_refused(state, certificates):
    add_to_maker(state, f'crl = "{certificates.crl("revoked-ca", certificates.maker_root, [certificates.intermediate])}"')
    with Server(state) as server:
        for identity in (certificates.leaf_alone, certificates.with_intermediate):
            assert verdict_of(server, identity)[1]["reason"] == "revoked"
        assert verdict_of(server, certificates.own)[0] == 200


def test_revocation_is_not_forgiven_with_expiry(state, certificates):
    add_to_maker(state, f'accept_expired = true\ncrl = "{certificates.crl("both", certificates.maker_root, [certificates.expired])}"')
    with Server(state) as server:
        assert verdict_of(server, certificates.expired)[1]["reason"] == "revoked"


def test_a_stale_list_is_used_and_told_of(state, certificates):
    crl = certificates.crl("stale", certificates.maker_root, [certificates.expired], years=(2019, 2020))
    add_to_maker(state, f'accept_expired = true\ncrl = "{crl}"')
    assert "was due for renewal on 2020-01-01" in firstring("check", state).stdout
    with Server(state) as server:
        status, row = verdict_of(server, certificates.own)
        assert (status, row["verdict"]) == (200, "accepted")
        assert any("crl_expired" in error for error in row["verdict_errors"])
        assert verdict_of(server, certificates.expired)[1]["reason"] == "revoked"


def test_a_reload_reads_the_list_anew(state, certificates, tmp_path):
    current = tmp_path / "current.crl"
    shutil.copy(certificates.crl("empty", certificates.maker_root), current)
    add_to_maker(state, f'crl = "{current}"')
    with Server(state) as server:
        assert verdict_of(server, certificates.own)[0] == 200
        shutil.copy(certificates.crl("newer", certificates.maker_root, [certificates.own]), current)
        server.reload()
        assert verdict_of(server, certificates.own)[1]["reason"] == "revoked"
        current.write_text("damaged")
        server.reload()
        assert verdict_of(server, certificates.own)[1]["reason"] == "revoked", "the old state stays"


def test_the_list_of_another_ca_is_an_error(state, certificates):
    add_to_maker(state, f'crl = "{certificates.crl("stranger", certificates.stranger_root)}"')
    report = firstring("check", state, status=1).stdout
    assert "signed by no certificate in roots or intermediates" in report and "firstring.toml:" in report


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=offset)).isoformat()


@pytest.mark.parametrize(("offset", "status"), [(1, 200), (-1, 403)])
def test_expiry_is_forgiven_until_a_day(state, certificates, offset, status):
    add_to_maker(state, f"accept_expired_until = {day(offset)}")
    assert "phones whose certificate has run out" in firstring("check", state).stdout
    with Server(state) as server:
        got, row = verdict_of(server, certificates.expired)
        assert (got, row["verdict"]) == (status, "accepted" if status == 200 else "expired")
        if status == 200:
            assert any(f"accepted until {day(offset)}" in error for error in row["verdict_errors"])
        assert verdict_of(server, certificates.forged_expired)[1]["reason"] == "bad_signature"

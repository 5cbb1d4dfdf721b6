"""Clients that trust different CAs and can do different things, all on one port: who gets in, and at which try."""

import re
import subprocess

import pytest
from interop import clients

from support import client, pki
from support.server import Server, make_state

OWN = f"/{pki.OWN_MAC}.xml"
PERSONALITIES = [
    f"{name}-2026-11" for name in ("sipura", "linksys", "spa5xx", "spa5xx-2k", "legacy", "sha1", "mpp", "modern")
]


@pytest.fixture(scope="module")
def port_of_all(tmp_path_factory, certificates):
    """A server with six chains on one port."""
    folder = tmp_path_factory.mktemp("ladder")
    chains = (
        ("sipura", certificates.sipura_server),
        ("linksys", certificates.linksys_server),
        ("sb", certificates.sb_server),
        ("2k", certificates.server_2k),
    )
    listener = f"personalities = {PERSONALITIES}\n"
    # With one worker, a client that comes back at once cannot meet a second one before the first knows of its failure.
    state = make_state(
        folder / "state", certificates, workers=1, chains=chains, ecdsa=certificates.ecdsa_server, listener_extra=listener
    )
    with Server(state) as server:
        yield server


@pytest.fixture(scope="module")
def newest_rows(port_of_all):
    """Gives the rows of the phone port that came since it was last asked."""
    seen = set()

    def new():
        rows = [row for row in port_of_all.all_rows() if row["connection"] not in seen]
        seen.update(row["connection"] for row in rows)
        return sorted(rows, key=lambda row: row["connection"])

    return new


TRUSTING = [
    (name, version)
    for name, kind in clients.ALL.items()
    for version in kind.versions
    if version in ("1.0", "1.2", "1.3")
]


@pytest.mark.parametrize(("name", "version"), TRUSTING, ids="-".join)
def test_a_client_that_trusts_only_one_chain_gets_in_at_its_second_try(
    tmp_path, certificates, port_of_all, newest_rows, name, version
):
    phone = clients.ALL[name](tmp_path, certificates)
    phone.trust = certificates.root_2k
    newest_rows()
    statuses = [phone.get(port_of_all.port, certificates.own, OWN, version) for _ in range(3)]
    rows = newest_rows()
    assert statuses == [None, 200, 200], rows
    usual, other = ("legacy", "spa5xx-2k") if version == "1.0" else ("modern", "mpp")
    assert [row["personality"] for row in rows] == [f"{usual}-2026-11", f"{other}-2026-11", f"{other}-2026-11"]
    assert rows[0]["outcome"] == "handshake_failed"
    assert rows[1]["personality_reason"] == "ladder"
    assert rows[2]["personality_reason"] in ("ladder_worked", "worked_last")


AUTHORITIES = ["sipura_root", "linksys_root", "sb_root", "root_2k", "server_root"]


@pytest.mark.parametrize("ca", AUTHORITIES)
def test_four_rsa_chains_and_one_more_stand_side_by_side(certificates, port_of_all, ca):
    """Phones of TLS 1.0 that each trust another CA, one behind each address: all get in sooner or later."""
    source = f"127.9.0.{1 + AUTHORITIES.index(ca)}"
    for _ in range(len(PERSONALITIES)):
        try:
            answer = port_of_all.get(OWN, certificates.own, version="1.0", source=source, trust=getattr(certificates, ca))
        except OSError:
            continue
        assert answer.status == 200
        break
    else:
        pytest.fail(f"nobody showed a chain of {ca}")
    again = port_of_all.get(OWN, certificates.own, version="1.0", source=source, trust=getattr(certificates, ca))
    assert again.status == 200, "and stays in"


_sources = (f"127.9.2.{number}" for number in range(1, 250))


def s_client(certificates, port, *options):
    """What `openssl s_client` says of a handshake and one request, and the address that it came from: one of its own,
    since JA3 does not tell clients of different signature algorithms apart."""
    source = next(_sources)
    environment = {"OPENSSL_CONF": str(certificates.folder / "openssl.cnf"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-bind", f"{source}:0", "-ign_eof", *options],
        input=b"GET /spa504G.cfg HTTP/1.0\r\n\r\n", capture_output=True, timeout=60, env=environment,
    )  # fmt: skip
    return result.stdout.decode(errors="replace") + result.stderr.decode(errors="replace"), source


@pytest.mark.parametrize(
    ("options", "personality", "reason"),
    [
        (["-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"], "sha1-2026-11", "sha1_only"),
        (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "legacy-2026-11", "version_ceiling"),
    ],
    ids=["tls12", "tls10"],
)  # fmt: skip
def test_a_client_limited_to_sha1_gets_in_at_its_first_try(certificates, server, options, personality, reason):
    """On a listener as `firstring init` makes it."""
    said, source = s_client(certificates, server.port, *options)
    assert re.search(r"HTTP/1\.[01] 200", said), said
    row = server.row_of(source)
    assert (row["personality"], row["personality_reason"]) == (personality, reason)


@pytest.mark.parametrize(
    ("flag", "cipher"), [("-tls1", "DHE-RSA-AES256-SHA"), ("-tls1_1", "DHE-RSA-AES128-SHA"), ("-tls1_2", "DHE-RSA-AES256-GCM-SHA384")]
)
def test_old_phones_get_a_dh_group_of_1024_bits_at_their_first_try(certificates, server, flag, cipher):
    """Those of TLS 1.2 are the ones that know no hash above SHA-1."""
    said, _ = s_client(certificates, server.port, flag, "-sigalgs", "RSA+SHA1", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert "Server Temp Key: DH, 1024 bits" in said
    assert re.search(r"HTTP/1\.[01] 200", said), said


def test_a_client_limited_to_dh_1024_gets_in_at_its_first_try(tmp_path, certificates, server):
    """NSS, which takes more as well: the group on the wire is the one that counts."""
    phone = clients.Nss(tmp_path, certificates)
    command = [*phone.command(server.port, certificates.own, OWN, "1.0"), "-c", ":0039"]
    answer = phone.execute(command, OWN)
    (row,) = [row for row in server.all_rows() if row["address"] == "127.0.0.1"]
    assert b" 200 " in answer.stdout, (answer, row)
    assert (row["cipher"], row["key_exchange"], row["key_exchange_bits"]) == ("DHE-RSA-AES256-SHA", "DH", 1024)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["-tls1_3", "-sigalgs", "ECDSA+SHA256:RSA-PSS+SHA256"], "ECDSA"),
        (["-tls1_3", "-sigalgs", "RSA-PSS+SHA256"], "RSA-PSS"),
        (["-tls1_2", "-cipher", "ECDHE+AESGCM"], "ECDSA"),
        (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "RSA"),
        (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "RSA"),
    ],
)
def test_one_port_shows_ecdsa_to_who_can_verify_it_and_rsa_to_the_others(certificates, port_of_all, options, kind):
    said, _ = s_client(certificates, port_of_all.port, *options)
    shown = re.search(r"Peer signature type: (\S+)", said)
    key = re.search(r"Server public key is (\d+) bit", said)
    assert shown and (kind == "ECDSA") == (shown.group(1) == "ECDSA"), said
    assert (int(key.group(1)) == 256) == (kind == "ECDSA")


def test_a_listener_without_a_ladder_gives_the_same_every_time(tmp_path, certificates):
    listener = 'personalities = ["spa5xx-2k-2026-11", "legacy-2026-11", "modern-2026-11"]\nladder = false\n'
    state = make_state(tmp_path / "state", certificates, chains=[("2k", certificates.server_2k)], listener_extra=listener)
    with Server(state) as server:
        for _ in range(3):
            with pytest.raises(OSError):
                server.get(OWN, certificates.own, version="1.0", source="127.9.1.1", trust=certificates.root_2k)
        assert {row["personality"] for row in server.all_rows() if row["address"] == "127.9.1.1"} == {"legacy-2026-11"}


def test_a_complete_handshake_without_a_request_leads_nowhere(port_of_all, certificates):
    for _ in range(3):
        with client.connect(port_of_all.port, certificates.own, source="127.9.1.2"):
            pass
    assert {row["personality"] for row in port_of_all.all_rows() if row["address"] == "127.9.1.2"} == {"modern-2026-11"}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_phone_that_takes_up_its_session_keeps_the_rung_that_worked(tmp_path, certificates, port_of_all, newest_rows, version):
    """In TLS 1.3 such a hello has one extension more, and so another fingerprint."""
    phone = clients.OpenSsl(tmp_path, certificates)
    phone.trust = certificates.root_2k
    newest_rows()
    keep, take_up = phone.commands_twice(port_of_all.port, certificates.own, OWN, version)
    if version == "1.3":
        keep, take_up = [*keep, "-groups", "P-256"], [*take_up, "-groups", "P-256"]  # a client of its own in the ladder
    else:
        keep, take_up = [*keep, "-curves", "P-384"], [*take_up, "-curves", "P-384"]
    statuses = [clients.status_of(phone.execute(command, OWN).stdout) for command in (keep, keep, take_up, take_up)]
    rows = newest_rows()
    assert statuses == [None, 200, 200, 200], rows
    assert [row["resumed"] for row in rows] == [False, False, True, True]
    assert {row["personality"] for row in rows[1:]} == {"mpp-2026-11"}

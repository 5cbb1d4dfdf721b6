"""Who gets which file: every kind of certificate against every kind of file, at an old, a usual and a new TLS version."""

import ssl

import pytest

from support import client, pki
from support.server import OTHER_SECRET, SECRET

OWN, OTHER = f"/{pki.OWN_MAC}.xml", f"/{pki.OTHER_MAC}.xml"
UNKNOWN, BOOTSTRAP, ABSENT = "/001122334455.xml", "/spa504G.cfg", "/nothing.xml"
FILES = [OWN, OTHER, UNKNOWN, BOOTSTRAP, ABSENT]
VERSIONS = ["1.0", "1.2", "1.3"]

# What a phone with that certificate is told when it asks for the own file of OWN_MAC.
SERVED = ["own", "expired_forgiven", "leaf_alone", "with_intermediate", "ecdsa", "md5", "modern"]
REFUSED = {
    "none": "no_certificate",
    "other": "other_device",
    "stranger": "other_device",
    "generic": "generic_certificate",
    "expired": "expired",
    "not_yet_valid": "not_yet_valid",
    "unknown_ca": "unknown_ca",
    "self_signed": "unknown_ca",
    "forged": "bad_signature",
    "forged_expired": "bad_signature",
    "wrong_purpose": "wrong_purpose",
    "weak_key": "weak_key",
    "weak_hash": "weak_hash",
    "eleven_digits": "unusable_certificate",
    "two_macs": "unusable_certificate",
}
IDENTITIES = [*SERVED, *REFUSED]
# Certificates that are accepted as such, whatever may be read with them.
ACCEPTED = {*SERVED, "other", "stranger", "generic", "eleven_digits", "two_macs"}


@pytest.fixture(scope="module")
def cells(server, certificates):
    """{(identity, file, version): (answer, row of the ledger)} of the whole matrix."""
    answers = {}
    for name in IDENTITIES:
        identity = certificates.by_name(name)
        for file in FILES:
            for version in VERSIONS if name in ("own", "none", "expired", "forged") else ["1.2"]:
                if version == "1.0" and name == "ecdsa":
                    continue
                answers[name, file, version] = server.get(file, identity, version=version)
    rows = server.rows_by_source([answer.source for answer in answers.values()])
    return {key: (answer, rows[answer.source]) for key, answer in answers.items()}


def of(cells, name, file):
    return [cell for key, cell in cells.items() if key[:2] == (name, file)]


@pytest.mark.parametrize("name", SERVED)
def test_serves_a_phone_its_own_file(cells, name):
    for answer, row in of(cells, name, OWN):
        assert answer.status == 200
        assert SECRET.encode() in answer.body
        assert (row["decision"], row["reason"], row["status"]) == ("allow", "bound", 200)
        assert (row["verdict"], row["assurance"], row["device"]) == ("accepted", "certificate", pki.OWN_MAC)


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_the_own_file_of_a_phone_to_everybody_else(cells, name):
    for answer, row in of(cells, name, OWN):
        assert answer.status == 403
        assert (row["decision"], row["reason"], row["status"]) == ("deny", REFUSED[name], 403)


def test_serves_the_other_phone_its_own_file(cells):
    ((answer, row),) = of(cells, "other", OTHER)
    assert answer.status == 200 and OTHER_SECRET.encode() in answer.body
    assert (row["reason"], row["device"]) == ("bound", pki.OTHER_MAC)


@pytest.mark.parametrize("name", SERVED)
def test_refuses_a_phone_the_file_of_another(cells, name):
    for answer, row in of(cells, name, OTHER):
        assert answer.status == 403
        assert (row["reason"], row["assurance"]) == ("other_device", "certificate")
        assert (row["device"], row["requested_device"]) == (pki.OWN_MAC, pki.OTHER_MAC)


def test_tells_a_phone_that_nobody_entered_that_it_is_unknown(cells):
    ((answer, row),) = of(cells, "stranger", UNKNOWN)
    assert answer.status == 404
    assert (row["reason"], row["assurance"]) == ("unknown_device", "certificate")


def test_does_not_tell_whether_a_device_exists(cells):
    """Anybody else gets the same answer for an entered phone as for one that nobody entered."""
    for name in REFUSED.keys() - {"other", "stranger"}:
        for version in VERSIONS:
            if (name, OWN, version) in cells:
                entered, unknown = cells[name, OWN, version][0], cells[name, UNKNOWN, version][0]
                assert (entered.status, entered.body) == (unknown.status, unknown.body), name


@pytest.mark.parametrize("name", IDENTITIES)
def test_serves_the_first_file_to_anybody(cells, name):
    for answer, row in of(cells, name, BOOTSTRAP):
        assert answer.status == 200 and b"Profile_Rule" in answer.body
        assert (row["decision"], row["reason"]) == ("allow", "public")


@pytest.mark.parametrize("name", IDENTITIES)
def test_has_no_such_file(cells, name):
    for answer, row in of(cells, name, ABSENT):
        assert answer.status == 404
        assert row["reason"] == "no_such_file"


def test_secrets_stand_in_the_one_right_place(cells):
    for (name, file, _), (answer, _) in cells.items():
        everything = repr(answer.headers).encode() + answer.body
        assert (SECRET.encode() in everything) == (name in SERVED and file == OWN), (name, file)
        assert (OTHER_SECRET.encode() in everything) == (name == "other" and file == OTHER), (name, file)


def test_secrets_stand_in_no_log_and_no_database(server, cells):
    del cells  # it is what filled them
    for file in server.folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert SECRET.encode() not in content and OTHER_SECRET.encode() not in content, file


def test_assurance_says_how_sure_we_are(cells):
    expected = {"generic": "generic", "none": "claimed", "expired": "claimed", "forged": "claimed"}
    for name, assurance in expected.items():
        assert {row["assurance"] for _, row in of(cells, name, OWN)} == {assurance}, name


def test_the_verdict_tells_good_chains_from_bad(cells):
    for (name, *_), (_, row) in cells.items():
        if name == "none":
            assert (row["verdict"], row["certificate"]) == ("none", "")
        elif name in ACCEPTED:
            assert row["verdict"] == "accepted"
        else:
            assert row["verdict"] == REFUSED[name]


def test_the_verdict_keeps_every_error(cells):
    """A forgery that has also expired must not look merely expired."""
    for _, row in of(cells, "forged_expired", OWN):
        errors = " ".join(row["verdict_errors"])
        assert "signature" in errors and "expired" in errors


def test_the_record_names_the_certificate(cells, certificates):
    for name in ("own", "other", "expired"):
        for _, row in of(cells, name, OWN):
            assert row["certificate"] == certificates.by_name(name).fingerprint()
            assert "Cisco Small Business Client Root" in row["certificate_issuer"]


@pytest.mark.parametrize(
    ("version", "personality", "recorded"),
    [("1.0", "legacy-2026-11", "TLSv1"), ("1.2", "modern-2026-11", "TLSv1.2"), ("1.3", "modern-2026-11", "TLSv1.3")],
)
def test_the_record_says_how(cells, version, personality, recorded):
    answer, row = cells["own", OWN, version]
    assert (row["outcome"], row["stage"]) == ("ok", "done")
    assert (row["personality"], row["version"], row["cipher"]) == (personality, recorded, answer.cipher)
    assert row["ja3"] and row["ja4"] and row["hello"].startswith("16")
    assert 0 < row["hello_us"] <= row["server_flight_us"] <= row["client_flight_us"] <= row["handshake_us"] <= row["closed_us"]


@pytest.mark.parametrize(("version", "recorded"), [("1.0", "TLSv1"), ("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
def test_the_record_of_a_failed_handshake_says_how_far_and_with_what(server, version, recorded):
    """A client that does not trust our chain: the commonest failure in the field."""
    distrustful = client.context(version=version)
    distrustful.verify_mode = ssl.CERT_REQUIRED
    with client.open_tcp(server.port) as plain:
        source = client.source_of(plain)
        with pytest.raises(ssl.SSLCertVerificationError):
            distrustful.wrap_socket(plain)
    row = server.row_of(source)
    assert (row["outcome"], row["stage"], row["cause"]) == ("handshake_failed", "server_flight", "client_distrusts_our_chain")
    assert (row["alert"], row["alert_from"]) == ("unknown_ca", "client")
    assert row["version"] == recorded and row["cipher"] and row["key_exchange_bits"]
    assert server.ledger("--failed", "--address", source)


def test_a_resumed_session_keeps_the_certificate(server, certificates):
    made = client.context(certificates.own, "1.2")
    session, sources = None, []
    for _ in range(2):
        with client.open_tcp(server.port) as plain, made.wrap_socket(plain, session=session) as secure:
            secure.sendall(client.request_bytes(OWN, headers=[("Connection", "close")]))
            answer = client.read_answer(secure)
            assert answer.status == 200
            session = secure.session
            sources.append(answer.source)
    first, second = (server.row_of(source) for source in sources)
    assert (first["resumed"], second["resumed"]) == (False, True)
    assert second["certificate"] == first["certificate"]
    assert (second["verdict"], second["reason"]) == ("accepted", "bound")


def test_the_plain_port_gives_the_first_file_and_nothing_else(server):
    first = server.get_plain(BOOTSTRAP)
    assert first.status == 200 and b"https://localhost" in first.body
    assert SECRET.encode() not in first.body
    refused = server.get_plain(OWN)
    assert refused.status == 403
    assert server.row_of(refused.source)["reason"] == "needs_tls"


@pytest.mark.parametrize(
    "name",
    [OWN.upper().replace(".XML", ".xml"), f"/spa{pki.OWN_MAC}.cfg", "/00-0e-08-ab-cd-ef.xml", "/00:0e:08:ab:cd:ef.xml"],
)
def test_knows_the_names_that_phones_use(server, certificates, name):
    assert server.get(name, certificates.own).status == 200


@pytest.mark.parametrize(
    "name",
    [
        f"/x{pki.OWN_MAC}.xml",
        f"/{pki.OWN_MAC}0.xml",
        f"/{pki.OWN_MAC}{pki.OTHER_MAC}.xml",
        f"/{pki.OTHER_MAC}/{pki.OWN_MAC}.xml",
        f"/{pki.OTHER_MAC}.xml?mac={pki.OWN_MAC}",
        f"/{pki.OTHER_MAC}.xml%00{pki.OWN_MAC}.xml",
    ],
)
def test_a_mac_inside_something_longer_is_no_match(server, certificates, name):
    answer = server.get(name, certificates.own)
    assert answer.status in (400, 403, 404)
    assert SECRET.encode() not in answer.body and OTHER_SECRET.encode() not in answer.body

"""Phones of two makers in one fleet: each gets its own file in its own format, and nothing that is the other's."""

import json

import pytest

from support import pki
from support.server import Server, firstring, make_state

MAC = "001565000062"
AGENT = (("Connection", "close"), ("User-Agent", "Yealink SIP-T46S 66.84.0.15 00:15:65:00:00:62"))
PASSWORD = "geheim = #1"
CISCO_FILE = f"/{pki.OWN_MAC}.xml"

# By hand from the maker's words (the fact sheet on other makers), not by the program under test.
OWN_FILE = f"""#!version:1.0.0.1
account.2.auth_name = 2001
account.2.display_name = Empfang
account.2.enable = 1
account.2.password = {PASSWORD}
account.2.sip_server.1.address = pbx.example
account.2.sip_server.1.port = 5061
account.2.sip_server.1.transport_type = 2
account.2.srtp_encryption = 2
account.2.user_name = 2001
static.syslog.server = 192.0.2.9
"""
FIRST_FILE = """#!version:1.0.0.1
static.auto_provision.server.url = https://localhost/
static.syslog.server = 192.0.2.9
"""


def add_yealink(folder):
    def run(*arguments, **options):
        return firstring(*arguments, folder=folder, **options)

    run("device", "add", MAC, "--model", "T46S")
    account = ["--user", "2001", "--proxy", "pbx.example", "--display", "Empfang", "--transport", "tls", "--srtp"]
    run("line", "set", MAC, "2", *account, "--password-file", "-", stdin=PASSWORD)
    # The base has a Time_Zone of the SPA phones already.
    run("set", "base", "Admin_Passwd", "--class", "secret", "--value-file", "-", stdin="for SPA phones alone")
    run("set", "base", "static.syslog.server=192.0.2.9")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, certificates):
    """The server of two makers' phones, and what the SPA504G's file was before there was a Yealink."""
    trust = f'[[device_ca]]\nname = "yealink"\nroots = "{certificates.yealink_issuer.certificate}"\n'
    folder = make_state(tmp_path_factory.mktemp("makers") / "state", certificates, more=trust)
    before = firstring("render", pki.OWN_MAC, folder=folder).stdout
    add_yealink(folder)
    with Server(folder) as server:
        yield server, before


@pytest.fixture(scope="module")
def server(fleet):
    return fleet[0]


@pytest.fixture(scope="module")
def t46s(certificates):
    return certificates.yealink("t46s", f"/CN={MAC}")


def test_a_t46s_gets_its_account_in_its_own_words(server, t46s):
    answer = server.get(f"/{MAC}.cfg", t46s, headers=AGENT)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.body.decode() == OWN_FILE
    row = server.row_of(answer.source)
    assert (row["decision"], row["reason"], row["assurance"], row["device"]) == ("allow", "bound", "certificate", MAC)
    assert (row["model"], row["firmware"]) == ("T46S", "66.84.0.15")


def test_the_subject_with_a_serial_number_names_it_too(server, certificates):
    subject = f"/O=Yealink Network Technology Co., Ltd./OU=Yealink Equipment/CN=yealink.com/serialNumber=ffffffff-ffff-ffff-fff0-{MAC}"
    answer = server.get(f"/{MAC}.cfg", certificates.yealink("t46s-serial", subject), headers=AGENT)
    assert answer.body.decode() == OWN_FILE


def test_its_common_file_leads_it_here_and_holds_nothing_of_others(server):
    answer = server.get("/y000000000066.cfg", None, headers=AGENT)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.body.decode().replace(f":{server.port}/", "/") == FIRST_FILE


def test_a_cisco_phone_gets_what_it_got_before(fleet, certificates):
    server, before = fleet
    answer = server.get(CISCO_FILE, certificates.own)
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    document = answer.body.decode()
    assert "account." not in document and "static." not in document
    # But for what was set for it since.
    lines = [line for line in document.splitlines(keepends=True) if "<Admin_Passwd>" not in line]
    assert "".join(lines) == before


@pytest.mark.parametrize("subject", [f"/CN={pki.OWN_MAC}", f"/OU=SPA-504G/L=CBT12345678/ST={pki.OWN_MAC}"])
def test_a_makers_ca_vouches_for_its_own_layout_alone(server, certificates, subject):
    """Under Yealink's CA the MAC is in CN, under Cisco's in ST: the other layout names nobody."""
    yealink = "ST=" in subject
    name = f"crossed-{yealink}"
    made = certificates.yealink(name, subject) if yealink else certificates.make(name, subject, certificates.maker_root)
    answer = server.get(CISCO_FILE, made)
    assert answer.status == 403
    assert server.row_of(answer.source)["reason"] in ("unusable_certificate", "wrong_purpose")


def test_another_yealink_gets_nothing(server, certificates):
    answer = server.get(f"/{MAC}.cfg", certificates.yealink("other-yealink", "/CN=001565000063"), headers=AGENT)
    assert (answer.status, server.row_of(answer.source)["reason"]) == (403, "other_device")


def test_a_simulated_t46s_reads_it(server, t46s, certificates):
    report = firstring(
        "simulate", "--server", f"127.0.0.1:{server.port}", "--mac", MAC, "--model", "T46S", "--cert", t46s.certificate,
        "--key", t46s.key, "--json", folder=server.folder,
    )  # fmt: skip
    steps = json.loads(report.stdout.splitlines()[-1])
    assert "lines of name = value, 10 parameters, with an account password" in json.dumps(steps)
    row = [row for row in server.ledger("--mac", MAC) if row["target"] == f"/{MAC}.cfg"][-1]
    assert row["user_agent"].startswith("Yealink SIP-T46S 66.")


def test_a_value_that_would_begin_another_line_is_refused(server):
    for value in ("a\nb", "a\rb", "a\x85b"):
        result = firstring("set", MAC, f"account.1.label={value}", folder=server.folder, status=None)
        assert result.returncode != 0 and "cannot stand in a text of lines" in result.stderr
    firstring("set", pki.OWN_MAC, "Station_Name=two\nlines", folder=server.folder)
    firstring("unset", pki.OWN_MAC, "Station_Name", folder=server.folder)


def test_layers_show_no_parameter_of_the_other_maker(server):
    for mac, foreign in ((MAC, "Time_Zone"), (pki.OWN_MAC, "static.syslog.server")):
        shown = {json.loads(line)["parameter"] for line in firstring("layers", mac, "--json", folder=server.folder).stdout.splitlines()}
        assert shown and foreign not in shown


def test_explain_does_not_foretell_what_is_not_known(server, t46s):
    server.row_of(server.get(f"/{MAC}.cfg", t46s, headers=AGENT).source)
    told = firstring("explain", MAC, folder=server.folder).stdout
    assert "static.auto_provision.repeat.enable" in told and "Resync_Periodic" not in told

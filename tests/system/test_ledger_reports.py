"""What the ledger says of many connections: who fails since when and why, what handshakes cost phones, when a phone should
come again, and the alarm when a firmware stops working."""

import csv
import datetime
import io
import re
import socket
import ssl

import pytest

from support import client, pki
from support.server import Server, config_text, firstring, json_lines, make_state

OWN = f"/{pki.OWN_MAC}.xml"
HOME = "127.9.9.9"  # where the phone lives
AGENT = ("User-Agent", "Cisco/SPA504G-7.5.7 (000E08ABCDEF)(CBT12345678)")
# One change of our chain, and the phones on which it tells: they trust one root only.
GOOD, BAD = "modern_server", "other_root_server"


@pytest.fixture(scope="module")
def certificates(certificates):
    root = certificates.make("another-root", "/CN=Another Server Root", key=2048, md="sha256", extensions=pki._CA)
    certificates.other_root_server = certificates.make(
        BAD, "/CN=localhost", root, key=2048, md="sha256", extensions=pki._SERVER
    )
    return certificates


def config(certificates, chain):
    usual = str(certificates.modern_server.chain)
    text = config_text(certificates, listener_extra="ladder = false\n", limits='ledger_size = "256MiB"\n')
    made = getattr(certificates, chain)
    return text.replace(usual, str(made.chain)).replace(str(certificates.modern_server.key), str(made.key))


def call(server, certificates, identity=None, mac=pki.OWN_MAC, home=HOME):
    """The phone asks for its profile; it trusts one root."""
    context = client.context(identity or certificates.own, "1.2")
    context.load_verify_locations(certificates.server_root.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(home, 0)) as plain:
        with context.wrap_socket(plain) as secure:
            secure.sendall(client.request_bytes(f"/{mac}.xml", headers=(("Connection", "close"), AGENT)))
            return client.read_answer(secure).status


@pytest.fixture(scope="module")
def folder(tmp_path_factory, certificates):
    """The ledger after a phone was served four times and then failed six times."""
    state = make_state(tmp_path_factory.mktemp("reports") / "state", certificates)
    (state / "firstring.toml").write_text(config(certificates, GOOD))
    firstring("set", pki.OWN_MAC, "Resync_Error_Retry_Delay=600+60", folder=state)
    with Server(state) as server:
        for _ in range(4):
            assert call(server, certificates) == 200
        server.all_rows()  # what worked is written before what fails: rows of two workers may come in either order
        (state / "firstring.toml").write_text(config(certificates, BAD))
        server.reload()
        for _ in range(6):
            with pytest.raises(ssl.SSLError):
                call(server, certificates)
        server.get_plain("/=1+1")
        server.row_of(server.get_plain("/the-end").source)
    return state


def test_causes_say_who_fails_since_when_and_why(folder):
    first, *_ = json_lines(firstring("ledger", "--causes", "--json", folder=folder).stdout)
    assert (first["model"], first["firmware"]) == ("SPA504G", "7.5.7")
    assert (first["connections"], first["failed"], first["failing"]) == (10, 6, 6)
    assert first["causes"] == {"client_distrusts_our_chain": 6}
    assert first["cause"] == "client_distrusts_our_chain" and first["remedy"]
    today = datetime.datetime.now(datetime.timezone.utc)
    assert re.fullmatch(
        rf"SPA504G 7\.5\.7: 6 of 6 fail since \w+day 20\d\d-\d\d-\d\d \d\d:\d\d UTC: The client does not trust .* 'modern' .*",
        first["headline"],
    ), first
    assert first["failing_since"][:4] == str(today.year)
    text = firstring("ledger", "--causes", "--model", "SPA504G", folder=folder).stdout
    assert first["headline"] in text and first["remedy"] in text
    assert firstring("ledger", "--causes", "--model", "SPA962", folder=folder).stdout == "no connections in that time\n"
    assert "there is no model" in firstring("ledger", "--causes", "--model", "SPA5O4G", folder=folder, status=1).stderr


def test_times_say_how_long_phones_compute(folder):
    (cost,) = json_lines(firstring("ledger", "--times", "--json", "--model", "SPA504G", folder=folder).stdout)
    assert (cost["model"], cost["firmware"], cost["server_key_bits"], cost["server_hash"]) == ("SPA504G", "7.5.7", 2048, "sha256")
    assert 1 <= cost["count"] <= 4
    assert 0 <= cost["min_us"] <= cost["mean_us"] <= cost["max_us"] < 5_000_000
    assert "SPA504G" in firstring("ledger", "--times", folder=folder).stdout


def test_the_phone_likely_behind_a_failure_is_explained_with_alarm_and_next_contact(folder):
    lines = json_lines(firstring("explain", pki.OWN_MAC, "--json", folder=folder).stdout)
    assert len(lines) == 10
    newest = lines[-1]
    assert (newest["device"], newest["likely_device"], newest["firmware"]) == ("", pki.OWN_MAC, "7.5.7")
    assert newest["cause"] == "client_distrusts_our_chain"
    assert lines[0]["cause"] == "served" and lines[0]["phone_cpu_us"] is not None
    assert [alarm["kind"] for alarm in newest["alarms"]].count("regression") == 1
    (alarm,) = [alarm for alarm in newest["alarms"] if alarm["kind"] == "regression"]
    assert "SPA504G 7.5.7 worked 4 times and now fails, 5 times in a row" in alarm["text"]
    last = datetime.datetime.fromisoformat(newest["time"].replace("Z", "+00:00"))
    earliest, latest = (
        datetime.datetime.fromisoformat(newest["next_contact"][name].replace("Z", "+00:00")) for name in ("earliest", "latest")
    )
    assert ((earliest - last).total_seconds(), (latest - last).total_seconds()) == (600, 660)
    assert newest["next_contact"]["parameter"] == "Resync_Error_Retry_Delay"
    text = firstring("explain", pki.OWN_MAC, folder=folder).stdout
    for part in ("of which the phone computed about", "regression: SPA504G", "next contact: ", "likely " + pki.OWN_MAC):
        assert part in text, text


def test_each_phone_of_a_model_that_stopped_working_is_told_of_it_once(tmp_path, certificates):
    state = make_state(tmp_path / "state", certificates)
    config_file = state / "firstring.toml"
    config_file.write_text(config(certificates, GOOD))
    firstring("device", "add", "001122334455", "--model", "SPA504G", folder=state)
    phones = [(certificates.own, pki.OWN_MAC, HOME), (certificates.stranger, "001122334455", "127.50.0.9")]

    def regressions(mac):
        newest = json_lines(firstring("explain", mac, "--json", folder=state).stdout)[-1]
        return [alarm["text"] for alarm in newest["alarms"] if alarm["kind"] == "regression"]

    def fail(server):
        for phone in phones * 3:
            with pytest.raises(ssl.SSLError):
                call(server, certificates, *phone)
        server.row_of(server.get_plain("/the-end").source)

    with Server(state) as server:
        for phone in phones * 2:
            assert call(server, certificates, *phone) == 200
        server.all_rows()
        config_file.write_text(config(certificates, BAD))
        server.reload()
        fail(server)
    (text,) = regressions(pki.OWN_MAC)
    assert "on several phones" in text and regressions("001122334455") == [text]
    with Server(state) as server:
        fail(server)
    assert regressions(pki.OWN_MAC) == [text], "and not again after a restart"


def test_csv_has_every_connection_and_no_formula(folder):
    text = firstring("ledger", "--csv", folder=folder).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    as_json = json_lines(firstring("ledger", "--json", folder=folder).stdout)
    assert [row["time"] for row in rows] == [row["time"] for row in as_json]
    assert set(rows[0]) == set().union(*as_json) - {"requests", "hello"}
    assert rows[0]["status"] == "200" and rows[0]["user_agent"] == AGENT[1]
    assert not any(value[:1] in "=+-@" for row in rows for value in row.values() if value)
    assert [row["cause"] for row in rows] == [row["cause"] for row in as_json]


@pytest.mark.parametrize("arguments", [["--csv", "--json"], ["--causes", "--times"], ["--causes", "--csv"], ["--model", "SPA504G"]])
def test_what_does_not_go_together_is_refused(folder, arguments):
    firstring("ledger", *arguments, folder=folder, status=2)

"""What strangers' scanners find of each shipped personality: what its data names, nothing more, and none of the known holes.
The server takes all of it, and leaves one row for each of their connections."""

import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import time
import tomllib
import xml.etree.ElementTree as tree

import pytest
from interop import capture

from support import client, pki
from support.server import BINARY, DEADLINE, ROOT, Server, make_state

pytestmark = pytest.mark.takes_long

PERSONALITIES = {
    data["name"]: data for data in (tomllib.loads(file.read_text()) for file in sorted((ROOT / "data" / "personalities").iterdir()))
}
(QUARANTINE,) = (name for name, data in PERSONALITIES.items() if data.get("quarantine"))
PLAIN = [name for name in PERSONALITIES if name != QUARANTINE]
# testssl.sh takes ten seconds of CPU for each. What it tries does not depend on the chain: an old one, the newest and the
# quarantine stand for the others, all of which sslscan sees.
TRIED_BY_TESTSSL = list(PERSONALITIES) if "FIRSTRING_EVERYTHING" in os.environ else ["legacy-2026-11", "modern-2026-11", QUARANTINE]
BESIDE_QUARANTINE = "modern-2026-11"  # what else the listener with the quarantine may be
WITH_ECDSA = {"modern"}  # chains that have such a certificate too
VERSIONS = ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
GROUPS = {"P-256": 0x0017, "P-384": 0x0018, "P-521": 0x0019, "X25519": 0x001D}

NETWORK = "127.0.11."  # an address in it for each
PROTOCOLS = ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3"]  # as testssl.sh calls them
TESTSSL_CHECKS = ["--protocols", "--renegotiation", "--heartbleed", "--ccs", "--ticketbleed", "--robot", "--crime"]
SCAN_DEADLINE = 600  # of one scan; on idle cores it takes twenty seconds, of the quarantine a minute


def versions_of(data):
    return VERSIONS[VERSIONS.index(data["min_version"]) : VERSIONS.index(data["max_version"]) + 1]


def suites_of(data, version, environment):
    """In their order, as the data spells them out: OpenSSL's words, which its own program reads."""
    if version == "TLSv1.3":
        return data["suites13"].split(":")
    flag = {"TLSv1.0": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2"}[version]
    words = f"{data['ciphers']}:@SECLEVEL={data['security_level']}"
    listing = subprocess.run(
        ["openssl", "ciphers", "-s", "-v", flag, "-ciphersuites", "", words], capture_output=True, text=True, check=True, env=environment
    )
    rows = [line.split() for line in listing.stdout.splitlines()]
    usable = {"Au=RSA", *(["Au=ECDSA"] if data["chain"] in WITH_ECDSA else [])}
    return [row[0] for row in rows if usable & set(row)]


class Sslscan:
    """Its report on one address."""

    def __init__(self, address):
        output = subprocess.run(
            ["sslscan", "--no-colour", "--show-cipher-ids", "--xml=-", address], capture_output=True, timeout=SCAN_DEADLINE, check=True
        ).stdout
        # It writes the names of CAs behind the report, as text.
        self.report = tree.fromstring(output[output.index(b"<?xml") :]).find("ssltest")

    def all(self, name):
        return [element.attrib for element in self.report.findall(name)]


def lenient_openssl(folder):
    """testssl.sh leaves some of its work to `openssl`, which must not be kept from old things by the machine's settings."""
    settings = folder / "openssl.cnf"
    settings.write_text(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"
    )
    program = folder / "openssl"
    program.write_text(f'#!/bin/sh\nOPENSSL_CONF={settings} exec /usr/bin/openssl "$@"\n')
    program.chmod(0o755)
    return program


def run_testssl(openssl, address, file, *more):
    """{name of a finding: (severity, words)}"""
    subprocess.run(
        [
            "testssl", "--openssl", openssl, "--assume-http", "--quiet", "--warnings", "off", "--color", "0", "--nodns", "none",
            "--jsonfile", file, *TESTSSL_CHECKS, *more, address,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SCAN_DEADLINE, check=False,  # its status counts what it found
    )  # fmt: skip
    return {finding["id"]: (finding["severity"], finding["finding"]) for finding in json.loads(file.read_text())}


def count(server, watch):
    """{address: rows}, {address: connections}, once both are the same or it takes too long."""
    until = time.monotonic() + DEADLINE
    while True:
        connections = watch.so_far() if watch else None
        server.row_of(server.get_plain("/the-end").source)  # the rows before it are written
        rows = collections.Counter(row["local_address"] for row in server.rows() if row["local_address"].startswith(NETWORK))
        if watch is None or rows == connections or time.monotonic() > until:
            return rows, connections
        time.sleep(0.2)


Scanned = collections.namedtuple("Scanned", "sslscan testssl rows connections renegotiations")


@pytest.fixture(scope="module")
def scanned(tmp_path_factory, certificates):
    """Scanned, each a dictionary by personality; `connections`: what came to its port, None if that cannot be seen;
    `renegotiations`: how often one was tried."""
    missing = [program for program in ("sslscan", "testssl") if shutil.which(program) is None]
    assert not missing, "see scripts/packages.txt"
    folder = tmp_path_factory.mktemp("scanners")
    sanitized = BINARY.parent / "firstring-quarantine-sanitized"
    program = sanitized if sanitized.exists() else BINARY.parent / "firstring-quarantine"
    names = PLAIN + ([QUARANTINE] if program.exists() else [])
    hosts = {name: f"{NETWORK}{number}" for number, name in enumerate(names, 1)}
    chain = certificates.quarantine_server
    more = ""
    for name, host in hosts.items():
        is_quarantine = name == QUARANTINE
        more += f'[[listener]]\naddress = "{host}:0"\nquarantine = {str(is_quarantine).lower()}\n'
        more += f'personalities = ["{BESIDE_QUARANTINE if is_quarantine else name}"]\n\n'
    if QUARANTINE in hosts:
        more += f'[quarantine]\nenabled = true\nprogram = "{program}"\ncertificate = "{chain.chain}"\nkey = "{chain.key}"\n'
    state = make_state(
        folder / "state",
        certificates,
        listeners=[("bootstrap", "127.0.0.1:0")],
        chains=(
            ("sipura", certificates.sipura_server),
            ("linksys", certificates.linksys_server),
            ("sb", certificates.sb_server),
            ("2k", certificates.server_2k),
        ),
        ecdsa=certificates.ecdsa_server,
        more=more,
    )
    with Server(state) as server:
        addresses = {name: f"{host}:{port}" for (name, host), port in zip(hosts.items(), server.ports["phone"], strict=True)}

        openssl = lenient_openssl(folder)

        def scan(name):
            if name == QUARANTINE:
                return None, run_testssl(openssl, addresses[name], folder / name, "--cipher-per-proto")
            tried = name in TRIED_BY_TESTSSL
            return Sslscan(addresses[name]), run_testssl(openssl, addresses[name], folder / name) if tried else None

        watch = capture.Connections(folder, f"net {NETWORK}0/24") if capture.possible() else None
        with watch or capture.Nothing(), concurrent.futures.ThreadPoolExecutor(4) as pool:
            # The quarantine takes longest.
            found = dict(zip(reversed(names), pool.map(scan, reversed(names))))
            rows, connections = count(server, watch)
        tried = collections.Counter(row["local_address"] for row in server.rows() if row["asked_renegotiation"])
        host, _, port = addresses[BESIDE_QUARANTINE].partition(":")
        assert client.get(int(port), f"/{pki.OWN_MAC}.xml", certificates.own, host=host).status == 200, "it serves on"
        log = server.log_text()
    assert "quarantine: process" not in log, "it has not ended"
    return Scanned(
        {name: one for name, (one, _) in found.items()},
        {name: one for name, (_, one) in found.items() if one},
        {name: rows[host] for name, host in hosts.items()},
        {name: connections[host] for name, host in hosts.items()} if watch else None,
        {name: tried[host] for name, host in hosts.items()},
    )


@pytest.fixture(scope="module")
def environment(certificates):
    return {"PATH": "/usr/bin:/bin", "OPENSSL_CONF": str(certificates.folder / "openssl.cnf")}


@pytest.mark.parametrize("name", PLAIN)
def test_sslscan_finds_the_versions_suites_and_groups_of_the_personality(scanned, environment, name):
    scan, data = scanned.sslscan[name], PERSONALITIES[name]
    versions = versions_of(data)
    spoken = {f"{one['type'].upper()}v{one['version']}" for one in scan.all("protocol") if one["enabled"] == "1"}
    assert spoken == set(versions)

    suites = collections.defaultdict(list)
    for one in scan.all("cipher"):
        suites[one["sslversion"]].append(one["cipher"])
        if one["cipher"].startswith("DHE-"):
            assert one["dhebits"] == str(data["dh_bits"]), one
    assert dict(suites) == {version: suites_of(data, version, environment) for version in versions}

    groups = collections.defaultdict(set)
    for one in scan.all("group"):
        groups[one["sslversion"]].add(int(one["id"], 16))
    wanted = {GROUPS[group] for group in data["groups"].split(":")}
    # It lists none of older versions.
    listed = [version for version in versions if version >= "TLSv1.2" and any(not s.startswith(("DHE-", "AES")) for s in suites[version])]
    assert dict(groups) == {version: wanted for version in listed}


@pytest.mark.parametrize("name", PLAIN)
def test_sslscan_finds_no_hole(scanned, name):
    scan = scanned.sslscan[name]
    heartbleed = scan.all("heartbleed")
    assert len(heartbleed) == len(versions_of(PERSONALITIES[name])) and all(one["vulnerable"] == "0" for one in heartbleed)
    assert all(one["supported"] == "0" for one in scan.all("compression"))
    # RFC 5746 is spoken up to TLS 1.2: that nothing is renegotiated, testssl.sh tries itself.
    assert all(one["supported"] == one["secure"] for one in scan.all("renegotiation"))


@pytest.mark.parametrize("name", TRIED_BY_TESTSSL)
def test_testssl_finds_no_hole(scanned, name):
    if name not in scanned.testssl:
        pytest.skip("there is no firstring-quarantine")
    findings = {key: words for key, (_, words) in scanned.testssl[name].items()}
    assert findings["heartbleed"].startswith("not vulnerable")
    assert findings["CCS"] == "not vulnerable"
    assert findings["ticketbleed"] in ("not vulnerable", "no session ticket extension")
    assert findings["ROBOT"].startswith("not vulnerable")
    assert findings["secure_client_renego"] == "not vulnerable" and scanned.renegotiations[name] > 0
    assert findings["CRIME_TLS"] == "not vulnerable"
    assert (findings["NPN"], findings["ALPN"]) == ("not offered", "not offered")
    # "engine_problem": that this machine's own openssl has no GOST, which Debian's testssl.sh only recommends.
    bad = {key: one for key, one in scanned.testssl[name].items() if one[0] not in ("OK", "INFO", "LOW") and key != "engine_problem"}
    assert set(bad) <= set(PROTOCOLS), bad


@pytest.mark.parametrize("name", TRIED_BY_TESTSSL)
def test_testssl_finds_the_versions_of_the_personality(scanned, name):
    if name not in scanned.testssl:
        pytest.skip("there is no firstring-quarantine")
    names = dict(zip(VERSIONS, PROTOCOLS[2:], strict=True))
    if name == QUARANTINE:
        wanted = {"SSLv3", *names.values()}  # the last by the personality beside it
    else:
        wanted = {names[version] for version in versions_of(PERSONALITIES[name])}
    findings = scanned.testssl[name]
    assert {key for key in PROTOCOLS if findings[key][1].startswith("offered")} == wanted, findings


def test_testssl_finds_the_suites_of_the_quarantine(scanned):
    """Version by version: where the system's OpenSSL speaks, what the quarantine alone has stands beside it."""
    if QUARANTINE not in scanned.testssl:
        pytest.skip("there is no firstring-quarantine")
    found = collections.defaultdict(set)
    for key, (_, words) in scanned.testssl[QUARANTINE].items():
        if key.startswith("cipher-"):  # "cipher-tls1_1_x39": "TLS 1.1   x39     DHE-RSA-AES256-SHA   DH 1024 …"
            version = key.removeprefix("cipher-").rpartition("_")[0]
            found[version].add(next(word for word in words.split() if "-" in word or word.startswith("TLS_")))
            if " DH " in words and version != "tls1_2":
                assert " DH 1024 " in words
    data = PERSONALITIES[QUARANTINE]
    own = {suite.replace("DHE-RSA-DES-CBC3-SHA", "EDH-RSA-DES-CBC3-SHA") if suite.startswith("DHE") else suite for suite in data["ciphers"].split(":")}
    assert found["ssl3"] == {suite for suite in own if not suite.startswith("ECDHE")}, "SSL 3.0 has no curves"
    assert found["tls1"] == found["tls1_1"] == own
    weak = {suite for suite in own if "RC4" in suite or "DES" in suite}
    assert weak == {suite for suite in found["tls1_2"] if "RC4" in suite or "DES" in suite}


@pytest.mark.parametrize("name", PERSONALITIES)
def test_every_connection_of_the_scanners_has_one_row(scanned, name):
    if scanned.connections is None:
        pytest.skip("capturing on the loopback interface needs root")
    if name not in scanned.connections:
        pytest.skip("there is no firstring-quarantine")
    assert scanned.rows[name] == scanned.connections[name] > 10

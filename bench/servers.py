"""The contestants: Firstring, nginx, HAProxy and Apache with the same chains, client CAs, DH group and document, a log
line for each request with version, cipher and subject, and one worker on one core.

Each has two TLS ports, for its server key of 2048 and of 1024 bits. What the peers' packages set and what matters here
is as Debian 12 has it, sessions among it (`PACKAGED_SESSIONS`); `room` lifts the packages' limits on connections.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

from support import pki, server

ON_ITS_CORE = ("taskset", "-c", "0")
DOCUMENT_BYTES = 8192

FIRSTRING = "firstring"
# How the packages' own configurations let clients resume: nginx by its built-in defaults, the others by their files.
PACKAGED_SESSIONS = {"nginx": "tickets", "haproxy": "cache", "apache": "cache"}
PEERS = list(PACKAGED_SESSIONS)
PROGRAMS = {"nginx": "nginx", "haproxy": "haproxy", "apache": "apache2"}
TITLES = {FIRSTRING: "Firstring", "nginx": "nginx", "haproxy": "HAProxy", "apache": "Apache"}

FIRST_MAC = {"old": 0x000E08100000, "new": 0x000E08200000}

# RFC 2409 section 6.2, the group that the legacy personality uses.
GROUP_2 = """\
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF""".replace("\n", "")


def program(name):
    return shutil.which(PROGRAMS[name]) or shutil.which(PROGRAMS[name], path="/usr/sbin")


@dataclasses.dataclass(frozen=True)
class Makers:
    """Who certified the phones: the CA and one key for all phones, of 1024 bits with SHA-1 or of 2048 with SHA-256."""

    ca: pki.Identity
    phone_key: pathlib.Path
    hash: str


class Material:
    """Certificates, keys, DH group and document that all contestants share, in one folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        made = pki.Pki(folder / "pki")
        names = "subjectAltName = DNS:localhost\n"
        self.server = made.make("server", "/CN=localhost", made.server_root, key=2048, md="sha256", extensions=names)
        self.small = made.legacy_server
        self.server_root = made.server_root
        ca = "basicConstraints = critical,CA:TRUE\nsubjectKeyIdentifier = hash\n"
        self.makers = {}
        for name, bits, digest in ("old", 1024, "sha1"), ("new", 2048, "sha256"):
            root = made.make(f"{name}-maker", f"/O=Cisco Systems/CN={name} client root", key=bits, md=digest, extensions=ca)
            phone = made.phone(f"{name}-phone", pki.OWN_MAC, root, key=bits, md=digest)
            self.makers[name] = Makers(root, phone.key, digest)
        self.roots = folder / "roots.pem"
        self.roots.write_text("".join(maker.ca.certificate.read_text() for maker in self.makers.values()))
        self.dh = self._dh_parameters()
        # As HAProxy and Apache want them.
        self.all = self._in_one_file(self.server)
        self.small_all = self._in_one_file(self.small)
        self.document = folder / "www" / "profile.xml"
        self.document.parent.mkdir()
        # HAProxy 2.6 loads certificates at the level of this file, before its own setting counts.
        self.openssl_conf = folder / "openssl.cnf"
        self.openssl_conf.write_text(
            "openssl_conf = start\n[start]\nssl_conf = modules\n[modules]\nsystem_default = defaults\n"
            "[defaults]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"
        )

    def _dh_parameters(self):
        recipe = self.folder / "dh.cnf"
        recipe.write_text(f"asn1 = SEQUENCE:group\n[group]\np = INTEGER:0x{GROUP_2}\ng = INTEGER:2\n")
        (self.folder / "openssl.cnf").touch()
        der, pem = self.folder / "dh.der", self.folder / "dh.pem"
        pki.openssl("asn1parse", "-genconf", recipe, "-noout", "-out", der, folder=self.folder)
        pki.openssl("dhparam", "-inform", "DER", "-in", der, "-out", pem, folder=self.folder)
        return pem

    def _in_one_file(self, identity):
        path = self.folder / f"{identity.name}.all.pem"
        path.write_text("".join(part.read_text() for part in (identity.chain, identity.key, self.dh)))
        return path

    def open_to_workers(self):
        """As root, the peers' workers are another user."""
        if os.geteuid() == 0:
            for entry in [self.folder, self.document.parent, self.document]:
                entry.chmod(0o755 if entry.is_dir() else 0o644)


def _kibibytes(pid, file, field):
    text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)[1])


class Process:
    """A server with its children: what they have used."""

    def __init__(self, pid):
        self.pid = pid

    def pids(self):
        found = [self.pid]
        for children in pathlib.Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # gone in the meantime
                found += map(int, children.read_text().split())
        return found

    def cpu_seconds(self):
        """Of all that live, to the nanosecond; of children that have ended, to the clock tick."""
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += int(task.read_text().split()[0])
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime of proc(5)
        return total / 1e9 + ended

    def settled_cpu_seconds(self, idle=0.04, rest=0.36):
        """The same, once it has done what it puts off: log, ledger, keys made ahead. `idle`: the part of a core that it
        may go on using. `rest`: seconds that it must do no more than that; Firstring's ledger may be 0.25 late."""
        interval, until = 0.06, time.monotonic() + 30
        before, rested = self.cpu_seconds(), 0
        while rested < rest:
            time.sleep(interval)
            now = self.cpu_seconds()
            rested = rested + interval if now - before < idle * interval else 0
            if time.monotonic() > until:
                sys.exit(f"process {self.pid} does not come to rest: {(now - before) / interval:.0%} of a core")
            before = now
        return before

    def proportional_bytes(self):
        return sum(_kibibytes(pid, "smaps_rollup", "Pss") for pid in self.pids()) * 1024

    def resident_bytes(self):
        return _kibibytes(self.pid, "status", "VmRSS") * 1024


class Contestant:
    """A running server. `ports`: {bits of the server key: port}."""

    def __init__(self, name, ports, path, pid, stop):
        self.name, self.ports, self.path, self.process, self._stop = name, ports, path, Process(pid), stop

    def stop(self):
        self._stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# ---- Firstring ------------------------------------------------------------------------------------------------------


def device_csv(macs):
    """What `firstring device import` reads."""
    lines = (f"{mac:012x},SPA504G,CBT{10_000_000 + number}\n" for number, mac in enumerate(macs))
    return "mac,model,serial\n" + "".join(lines)


def make_state(folder, phones):
    """A state folder that knows so many phones of each maker, with a profile of DOCUMENT_BYTES for each, which is given
    back with the length of the value that fills it up."""
    server.firstring("init", folder, "--host", "localhost")
    macs = [first + number for first in FIRST_MAC.values() for number in range(phones)]
    csv = folder / "phones.csv"
    csv.write_text(device_csv(macs))
    server.firstring("device", "import", csv, folder=folder)

    def render():
        return server.firstring("render", f"{macs[0]:012x}", folder=folder).stdout.encode()

    server.firstring("set", "base", "GPP_A=x", folder=folder)
    filler = DOCUMENT_BYTES - len(render()) + 1
    server.firstring("set", "base", "GPP_A=" + "x" * filler, folder=folder)
    return render(), filler


def _config(material, ports):
    text = '[server]\nhost = "localhost"\nworkers = 1\n'
    for bits, personalities in (2048, ("legacy-2026-11", "modern-2026-11")), (1024, ("small",)):
        names = ", ".join(f'"{name}"' for name in personalities)
        text += f'\n[[listener]]\naddress = "127.0.0.1:{ports[bits]}"\npersonalities = [{names}]\n'
        text += 'handshake_timeout = "5m"\nidle_timeout = "1m"\n'  # ten thousand at once take their time
    text += '\n[[personality]]\nname = "small"\nbased_on = "legacy-2026-11"\nchain = "small"\n'
    for name, identity in ("legacy", material.server), ("modern", material.server), ("small", material.small):
        text += f'\n[[server_chain]]\nname = "{name}"\ncertificate = "{identity.chain}"\nkey = "{identity.key}"\n'
    for name, maker in material.makers.items():
        text += f'\n[[device_ca]]\nname = "{name}"\nroots = "{maker.ca.certificate}"\n'
        text += 'min_rsa_bits = 1024\nweak_hashes = ["sha1"]\n'
    # The same phones come with every version.
    return text + '\n[policy]\nratchet = "off"\n'


def start_firstring(folder, material, *, prefix=ON_ITS_CORE):
    ports = {2048: _free_port(), 1024: _free_port()}
    (folder / "firstring.toml").write_text(_config(material, ports))
    running = server.Server(folder, command=prefix)
    return Contestant(FIRSTRING, ports, "/{mac}.xml", running.pid, running.stop)


# ---- peers ----------------------------------------------------------------------------------------------------------

_NGINX = """\
daemon off;
master_process {master};
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  types {{ text/xml xml; }}
  gzip on;
  log_format tls '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $ssl_protocol $ssl_cipher "$ssl_client_s_dn" "$http_user_agent"';
  access_log {folder}/access.log tls;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  root {www};
  ssl_client_certificate {roots};
  ssl_verify_client optional;
  ssl_verify_depth 1;
  ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
  ssl_prefer_server_ciphers on;
  ssl_ciphers ALL:@SECLEVEL=0;
  ssl_dhparam {dh};
  ssl_session_tickets {tickets};
  ssl_session_cache {cache};
  server {{ listen 127.0.0.1:{port} ssl{listen}; ssl_certificate {chain}; ssl_certificate_key {key}; }}
  server {{ listen 127.0.0.1:{small_port} ssl{listen}; ssl_certificate {small_chain}; ssl_certificate_key {small_key}; }}
}}
"""


def _nginx(folder, values, sessions, room, single):
    text = _NGINX.format(
        **values,
        folder=folder,
        master="off" if single else "on",
        user="user www-data;" if os.geteuid() == 0 else "",
        files=2 * room + 100 if room else 1024,
        connections=2 * room or 768,  # nearly full, it closes others
        listen=" backlog=4096" if room else "",
        tickets="on" if sessions == "tickets" else "off",
        cache="shared:SSL:10m" if sessions == "cache" else "none" if sessions == "tickets" else "off",
    )
    return text, [program("nginx"), "-p", str(folder), "-c"]


_HAPROXY = """\
global
  nbthread 1
  log stdout format raw local0
  tune.ssl.cachesize {cache}
  ssl-default-bind-options ssl-min-ver TLSv1.0{tickets}
  ssl-default-bind-ciphers ALL:@SECLEVEL=0
  maxconn {room}
defaults
  log global
  mode http
  option dontlognull
  timeout connect 5000
  timeout client 50000
  timeout server 50000
frontend phones
  bind 127.0.0.1:{port} ssl crt {all} ca-file {roots} verify optional
  bind 127.0.0.1:{small_port} ssl crt {small_all} ca-file {roots} verify optional
  log-format "%ci:%cp [%tr] %{{+Q}}r %ST %B %sslv %sslc %{{+Q}}[ssl_c_s_dn] %{{+Q}}[capture.req.hdr(0)]"
  http-request capture req.hdr(User-Agent) len 64
  http-request return status 200 content-type text/xml file {www}/profile.xml
"""


def _haproxy(folder, values, sessions, room, single):
    text = _HAPROXY.format(
        **values,
        cache=20000 if sessions == "cache" else 0,
        tickets="" if sessions == "tickets" else " no-tls-tickets",
        room=room or 8000,
    )
    return text, [program("haproxy"), "-db", "-f"]


_APACHE_MODULES = """\
access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env filter mime
mpm_event negotiation reqtimeout setenvif socache_shmcb ssl status""".split()

_APACHE = """\
ServerRoot {folder}
ServerName localhost
{modules}
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{small_port}
ListenBacklog {backlog}
PidFile {folder}/pid
Mutex file:{folder}
{user}
StartServers 1
ServerLimit 1
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
MaxConnectionsPerChild 0
Timeout 300
KeepAlive On
MaxKeepAliveRequests 100
KeepAliveTimeout 5
RequestReadTimeout header=20-40,minrate=500
RequestReadTimeout body=10,minrate=500
HostnameLookups Off
TypesConfig /dev/null
AddType text/xml .xml
ErrorLog {folder}/error.log
LogLevel warn
LogFormat "%h %t \\"%r\\" %>s %O %{{SSL_PROTOCOL}}x %{{SSL_CIPHER}}x \\"%{{SSL_CLIENT_S_DN}}x\\" \\"%{{User-Agent}}i\\"" tls
CustomLog {folder}/access.log tls
DocumentRoot {www}
<Directory {www}>
  Require all granted
</Directory>
SSLSessionCache {cache}
SSLSessionCacheTimeout 300
SSLSessionTickets {tickets}
SSLProtocol all
SSLCipherSuite ALL:@SECLEVEL=0
SSLHonorCipherOrder on
SSLCACertificateFile {roots}
SSLVerifyClient optional
SSLVerifyDepth 1
<VirtualHost 127.0.0.1:{port}>
  SSLEngine on
  SSLCertificateFile {all}
</VirtualHost>
<VirtualHost 127.0.0.1:{small_port}>
  SSLEngine on
  SSLCertificateFile {small_all}
</VirtualHost>
"""


def _apache(folder, values, sessions, room, single):
    text = _APACHE.format(
        **values,
        folder=folder,
        modules="\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _APACHE_MODULES),
        user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        threads=room or 150,
        backlog=4096 if room else 511,
        cache=f"shmcb:{folder}/sessions(512000)" if sessions == "cache" else "none",
        tickets="on" if sessions == "tickets" else "off",
    )
    return text, [program("apache"), *(["-X"] if single else ["-DFOREGROUND"]), "-f"]


_CONFIGURE = {"nginx": _nginx, "haproxy": _haproxy, "apache": _apache}


def _wait_for_port(port, process, folder, patience=60):
    until = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                said = "".join((folder / name).read_text("utf-8", "replace") for name in ("output", "error.log") if (folder / name).exists())
                sys.exit(f"{' '.join(map(str, process.args))} does not start:\n{said}")
            time.sleep(0.05)


def _end(process):
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_peer(name, folder, material, sessions, *, room=0, single=False, prefix=ON_ITS_CORE):
    """`sessions`: "tickets", "cache" or "none"; `room`: for so many connections; `single`: without the parent process, for callgrind."""
    folder.mkdir()
    if os.geteuid() == 0:
        folder.chmod(0o777)  # its worker is another user, and makes files here
    material.open_to_workers()
    values = {
        "port": _free_port(), "small_port": _free_port(), "www": material.document.parent, "roots": material.roots,
        "dh": material.dh, "chain": material.server.chain, "key": material.server.key,
        "small_chain": material.small.chain, "small_key": material.small.key,
        "all": material.all, "small_all": material.small_all,
    }  # fmt: skip
    text, command = _CONFIGURE[name](folder, values, sessions, room, single)
    config = folder / "config"
    config.write_text(text)
    with (folder / "output").open("wb") as out:
        process = subprocess.Popen(
            [*prefix, *command, str(config)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OPENSSL_CONF": str(material.openssl_conf)},
        )
    try:
        for port in values["port"], values["small_port"]:
            _wait_for_port(port, process, folder)
    except BaseException:
        _end(process)
        raise
    ports = {2048: values["port"], 1024: values["small_port"]}
    return Contestant(name, ports, "/profile.xml", process.pid, lambda: _end(process))


def versions():
    """{contestant: its version}, and OpenSSL's."""

    def first_line(*command):
        run = subprocess.run(command, capture_output=True, text=True)
        return (run.stdout + run.stderr).splitlines()[0]

    found = {"OpenSSL": first_line("openssl", "version").split()[1]}
    for name, command in (("nginx", ["-v"]), ("haproxy", ["-v"]), ("apache", ["-v"])):
        if program(name):
            text = first_line(program(name), *command)
            found[TITLES[name]] = re.search(r"\d+\.\d+\.\d+", text)[0]
    return found

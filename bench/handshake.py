"""Server CPU per full mutual handshake and 8 KiB profile, and memory per connection held in mid-handshake: Firstring
beside Debian's nginx, with the same certificates, the same file and the same cipher, each on a core of its own.

`./dev bench handshake` runs it; the table goes to standard output, ratios first.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

ROUNDS = 5
HANDSHAKES = 600  # a round
WARM_UP = 100
THREADS = 4
HELD = 3000
PROFILE_BYTES = 8192
SERVER_CORE, LOAD_CORE = "0", "1"

# RFC 2409 section 6.2, the group that the legacy personality uses, as PKCS #3 parameters for ssl_dhparam.
GROUP_2 = """\
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF""".replace("\n", "")

NGINX = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16000; }}
http {{
  log_format tls '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $ssl_protocol $ssl_cipher "$ssl_client_s_dn" "$http_user_agent"';
  access_log {folder}/access.log tls;
  types {{ text/xml xml; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    root {folder}/www;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_client_certificate {roots};
    ssl_verify_client optional;
    ssl_verify_depth 1;
    ssl_protocols TLSv1;
    ssl_ciphers DHE-RSA-AES256-SHA:@SECLEVEL=0;
    ssl_dhparam {folder}/dh.pem;
    ssl_session_tickets off;
    ssl_session_cache off;
  }}
}}
"""


class Process:
    """A server with its children: what they have used."""

    def __init__(self, pid):
        self.pid = pid

    def pids(self):
        children = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # gone in the meantime
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.pid:
                    children.append(int(stat.parent.name))
        return [self.pid, *children]

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def proportional_bytes(self):
        return sum(
            int(re.search(r"^Pss:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[1]) * 1024
            for pid in self.pids()
        )


def make_nginx(folder, chain, key, roots, document, path):
    from support import pki

    (folder / "www").mkdir(parents=True)
    (folder / "www" / path.lstrip("/")).write_bytes(document)
    recipe = folder / "dh.cnf"
    recipe.write_text(f"asn1 = SEQUENCE:group\n[group]\np = INTEGER:0x{GROUP_2}\ng = INTEGER:2\n")
    (folder / "openssl.cnf").write_text("")
    pki.openssl("asn1parse", "-genconf", recipe, "-noout", "-out", folder / "dh.der", folder=folder)
    pki.openssl("dhparam", "-inform", "DER", "-in", folder / "dh.der", "-out", folder / "dh.pem", folder=folder)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, chain=chain, key=key, roots=roots))
    if os.geteuid() == 0:  # its worker runs as nobody
        for entry in [folder.parent, folder, *folder.rglob("*")]:
            entry.chmod(0o755 if entry.is_dir() else 0o644)
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, "nginx", "-p", folder, "-c", folder / "nginx.conf"],
        env={**os.environ, "OPENSSL_CONF": str(folder / "openssl.cnf")},
    )
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process, port
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"nginx does not start: {(folder / 'error.log').read_text()}")
            time.sleep(0.05)


def run_load(load, port, identity, path, count):
    command = [
        "taskset", "-c", LOAD_CORE, load, "run", port, identity.certificate, identity.key, path, PROFILE_BYTES, count, THREADS,
    ]  # fmt: skip
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        sys.exit(f"the load failed: {result.stdout}{result.stderr}")
    return json.loads(result.stdout)


def memory_per_connection(load, port, process):
    before = process.proportional_bytes()
    holder = subprocess.Popen(
        ["taskset", "-c", LOAD_CORE, load, "hold", str(port), str(HELD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if holder.stdout.readline().strip() != "held":
            sys.exit("the load could not hold its connections")
        return (process.proportional_bytes() - before) / HELD
    finally:
        holder.stdin.close()
        holder.wait(60)
        holder.stdout.close()


def fill_profile(folder, firstring, mac):
    """A profile of PROFILE_BYTES, give or take what one value's end does."""
    firstring("set", mac, "GPP_A=x", folder=folder)
    missing = PROFILE_BYTES - len(firstring("render", mac, folder=folder).stdout.encode()) + 1
    firstring("set", mac, "GPP_A=" + "x" * missing, folder=folder)
    return firstring("render", mac, folder=folder).stdout.encode()


def measure(title, chain, certificates, load, scratch):
    from support import pki, server

    path = f"/{pki.OWN_MAC}.xml"
    folder = server.make_state(scratch / "state", certificates)
    config = folder / "firstring.toml"
    text = config.read_text().replace("workers = 2", "workers = 1")
    old = certificates.legacy_server
    config.write_text(text.replace(str(old.chain), str(chain.chain)).replace(str(old.key), str(chain.key)))
    document = fill_profile(folder, server.firstring, pki.OWN_MAC)

    nginx, nginx_port = make_nginx(
        scratch / "nginx", chain.chain, chain.key, certificates.maker_root.certificate, document, path
    )
    ours = server.Server(folder, command=["taskset", "-c", SERVER_CORE])
    try:
        contestants = {"firstring": (ours.port, Process(ours.pid)), "nginx": (nginx_port, Process(nginx.pid))}
        for port, _ in contestants.values():
            run_load(load, port, certificates.own, path, WARM_UP)
        spent = {name: [] for name in contestants}
        for number in range(ROUNDS):
            # Each goes first as often as the other.
            for name in sorted(contestants, reverse=number % 2 == 1):
                port, process = contestants[name]
                before = process.cpu_seconds()
                run_load(load, port, certificates.own, path, HANDSHAKES)
                spent[name].append((process.cpu_seconds() - before) / HANDSHAKES * 1000)
        held = {name: memory_per_connection(load, port, process) for name, (port, process) in contestants.items()}
    finally:
        nginx.terminate()
        nginx.wait(30)
        ours.stop()

    cpu = {name: statistics.median(values) for name, values in spent.items()}
    ratios = [a / b for a, b in zip(spent["firstring"], spent["nginx"])]
    print(f"\n{title}: full handshake with client certificate (RSA 1024), TLSv1 DHE-RSA-AES256-SHA, DH 1024, {len(document)} bytes")
    print(f"  CPU     {cpu['firstring'] / cpu['nginx']:5.2f} of nginx's (rounds {min(ratios):.2f} to {max(ratios):.2f})")
    for name, values in spent.items():
        print(f"            {name:<10} {cpu[name]:6.3f} ms ({min(values):.3f} to {max(values):.3f}, {ROUNDS} rounds of {HANDSHAKES})")
    print(f"  memory  {held['firstring'] / held['nginx']:5.2f} of nginx's, for each of {HELD} connections held in mid-handshake")
    for name, value in held.items():
        print(f"            {name:<10} {value / 1024:6.1f} KiB")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--firstring", required=True, type=pathlib.Path)
    arguments.add_argument("--load", required=True, type=pathlib.Path)
    options = arguments.parse_args()
    os.environ["FIRSTRING_BINARY"] = str(options.firstring.resolve())
    if shutil.which("nginx") is None:
        sys.exit("nginx is not installed")
    if (os.cpu_count() or 1) < 2:
        sys.exit("needs two cores, one for the server and one for the load")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    from support.pki import Pki

    with tempfile.TemporaryDirectory(prefix="firstring-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # nginx's worker runs as nobody
        certificates = Pki(folder / "pki")
        strong = certificates.make(
            "strong-legacy", "/CN=localhost", certificates.server_root, key=2048, extensions="subjectAltName = DNS:localhost\n"
        )
        measure("server key RSA 1024", certificates.legacy_server, certificates, options.load.resolve(), folder / "a")
        measure("server key RSA 2048", strong, certificates, options.load.resolve(), folder / "b")


if __name__ == "__main__":
    main()

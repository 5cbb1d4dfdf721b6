"""SIGHUP reloads in two phases, SIGTERM drains, and the service manager is told of both."""

import os
import shutil
import signal
import time

import pytest

from support import client, pki
from support.server import DEADLINE, Server, config_text, firstring

OWN = f"/{pki.OWN_MAC}.xml"


@pytest.fixture
def running(state):
    with Server(state) as server:
        yield server


def rewrite(server, change):
    file = server.folder / "firstring.toml"
    file.write_text(change(file.read_text()))


def test_tells_the_service_manager(state):
    with Server(state) as server:
        assert "READY=1" in server.notified
        server.reload()
    assert "STOPPING=1" in server.notified


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a typo", lambda text: text.replace("workers", "worker")),
        ("no TOML", lambda text: text + "\n[[["),
        ("a missing certificate", lambda text: text.replace("legacy-server.chain.pem", "nowhere.pem")),
        ("a key of another certificate", lambda text: text.replace("modern-server.key", "legacy-server.key")),
        ("an empty file", lambda text: ""),
    ],
)
def test_a_broken_configuration_never_takes_the_service_down(running, certificates, name, change):
    rewrite(running, change)
    running.reload()
    assert running.get(OWN, certificates.own).status == 200
    assert running.get(OWN, certificates.own, version="1.0").status == 200
    assert "firstring.toml" in running.log_text(), name


def test_a_reload_takes_effect(running, certificates):
    assert running.get(OWN, certificates.expired).status == 403
    rewrite(running, lambda text: text.replace('name = "maker"', 'name = "maker"\naccept_expired = true'))
    running.reload()
    answer = running.get(OWN, certificates.expired)
    assert answer.status == 200
    row = running.row_of(answer.source)
    assert row["verdict"] == "accepted" and any("expired" in error for error in row["verdict_errors"])


def test_a_reload_opens_and_closes_listeners(state, certificates):
    with Server(state) as server:
        old = server.plain_port
        free = client_free_port()
        rewrite(
            server,
            lambda text: text.replace(
                '[[listener]]\nkind = "bootstrap"\naddress = "127.0.0.1:0"',
                f'[[listener]]\nkind = "bootstrap"\naddress = "127.0.0.1:{free}"',
            ),
        )
        server.reload()
        assert client.get_plain(free, "/spa504G.cfg").status == 200
        with pytest.raises(ConnectionError):
            client.get_plain(old, "/spa504G.cfg")
        assert server.get(OWN, certificates.own).status == 200


def client_free_port():
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_a_taken_port_is_said_and_nothing_changes(running, certificates):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        rewrite(
            running,
            lambda text: text.replace('kind = "bootstrap"\naddress = "127.0.0.1:0"', f'kind = "bootstrap"\naddress = "127.0.0.1:{port}"'),
        )
        running.reload()
    assert str(port) in running.log_text()
    assert running.get(OWN, certificates.own).status == 200
    assert running.get_plain("/spa504G.cfg").status == 200


def test_a_reload_keeps_open_connections(running, certificates):
    with client.connect(running.port, certificates.own) as sock:
        sock.sendall(client.request_bytes(OWN))
        assert client.read_answer(sock).status == 200
        running.reload()
        sock.sendall(client.request_bytes(OWN))
        assert client.read_answer(sock).status == 200


def test_new_certificates_are_shown_after_a_reload(state, certificates, tmp_path):
    chain = tmp_path / "chain.pem"
    key = tmp_path / "key.pem"
    shutil.copy(certificates.modern_server.chain, chain)
    shutil.copy(certificates.modern_server.key, key)
    text = config_text(certificates).replace(str(certificates.modern_server.chain), str(chain))
    (state / "firstring.toml").write_text(text.replace(str(certificates.modern_server.key), str(key)))

    def shown(server):
        with client.connect(server.port) as sock:
            return sock.getpeercert(binary_form=True)

    other = certificates.make(
        "renewed-server", "/CN=localhost", certificates.server_root, key=2048, md="sha256",
        extensions="subjectAltName = DNS:localhost\n",
    )  # fmt: skip
    with Server(state) as server:
        before = shown(server)
        shutil.copy(other.chain, chain)
        shutil.copy(other.key, key)
        server.reload()
        assert shown(server) != before


def replace_modern(text, certificates, other):
    text = text.replace(str(certificates.modern_server.chain), str(other.chain))
    return text.replace(str(certificates.modern_server.key), str(other.key))


def test_what_has_expired_does_not_hinder_a_start(state, certificates):
    """Invariant 7: the phones of that CA are refused, with the reason, and everybody else is served."""
    file = state / "firstring.toml"
    text = replace_modern(file.read_text(), certificates, certificates.expired_server)
    text += f'\n[[device_ca]]\nname = "old"\nroots = "{certificates.expired_root.certificate}"\nmin_rsa_bits = 1024\n'
    file.write_text(text + 'weak_hashes = ["sha1"]\n')
    with Server(state) as server:
        assert server.get(OWN, certificates.own).status == 200
        assert server.get(OWN, certificates.own, version="1.0").status == 200
        refused = server.get(OWN, certificates.below_expired_root)
        assert (refused.status, server.row_of(refused.source)["reason"]) == (403, "expired")
        assert "Old Client Root expired on 2016-01-01" in server.log_text()
        server.reload()
        assert "reload refused" not in server.log_text(), "nothing gets worse"


def test_a_reload_does_not_change_a_valid_certificate_for_one_that_has_expired(running, certificates):
    rewrite(running, lambda text: replace_modern(text, certificates, certificates.expired_server))
    running.reload()
    assert "reload refused, the old configuration stays in force: the certificate of server chain 'modern' (CN=localhost)" in running.log_text()
    with client.connect(running.port, trust=certificates.server_root) as sock:  # who looks at the date
        assert sock.version() == "TLSv1.2"


def test_sigterm_lets_a_running_request_finish(state, certificates):
    with Server(state) as server:
        with client.connect(server.port, certificates.own) as sock:
            request = client.request_bytes(OWN)
            sock.sendall(request[:20])
            time.sleep(0)  # the server may or may not have seen it; either is fine
            server.process.terminate()
            server.wait_for_notice("STOPPING=1")
            sock.sendall(request[20:])
            answer = client.read_to_end(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 200")


def test_sigterm_does_not_wait_for_idle_connections(state, certificates):
    with Server(state) as server:
        with client.connect(server.port, certificates.own), client.connect_plain(server.port):
            started = time.monotonic()
            server.stop()
            assert time.monotonic() - started < DEADLINE
    rows = server.rows()
    assert len(rows) == 2


def test_sigint_ends_it_as_well(state):
    with Server(state) as server:
        os.kill(server.pid, signal.SIGINT)
        assert server.process.wait(DEADLINE) == 0


def test_serve_refuses_a_broken_configuration(state):
    (state / "firstring.toml").write_text('[[listener]]\nadress = "127.0.0.1:0"\n')
    result = firstring("serve", state, status=None)
    assert result.returncode not in (0, -signal.SIGSEGV)
    assert "firstring.toml:2:1" in result.stderr and "did you mean 'address'" in result.stderr


def other_key(folder):
    firstring("init", folder)
    return (folder / "secrets.key").read_text()


def test_serve_refuses_a_key_that_is_not_the_databases(state, tmp_path):
    """Phones with a password would get 500."""
    (state / "secrets.key").write_text(other_key(tmp_path / "other"))
    result = firstring("serve", state, status=1)
    assert "secrets.key: error: it is not the key of" in result.stderr and "put back the key" in result.stderr


def test_a_reload_says_that_the_key_has_become_another(running, certificates, tmp_path):
    file = running.folder / "secrets.key"
    right = file.read_text()
    file.write_text(other_key(tmp_path / "other"))
    running.reload()
    said = running.log_text()
    assert "secrets.key: error: it is not the key of" in said and "reload refused, the old configuration stays in force" in said
    assert running.get(OWN, certificates.own).status == 200
    file.write_text(right)
    running.reload()
    assert "reloaded; " in running.log_text()
    assert running.get(OWN, certificates.own).status == 200


def test_serve_says_that_a_port_is_taken(running, tmp_path, certificates):
    from support.server import make_state

    folder = make_state(tmp_path / "second", certificates, listeners=[("phone", f"127.0.0.1:{running.port}")])
    result = firstring("serve", folder, status=None)
    assert result.returncode != 0
    assert str(running.port) in result.stderr

"""What an operator does: configure, check, start, swap plugins, look at what runs."""
import os
import pathlib
import re

import pytest

from chain import check_chain, issuer_of
from scene import NAME, ZONE


def local(lab, **more):
    """A server that needs nobody: ca-local signs."""
    server = lab.server(**more)
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    return server


def ready(server):
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


def test_another_ca_is_a_change_of_the_configuration_only(world):
    server = world.server
    csr = world.csr()
    assert "Pebble" in issuer_of(check_chain(server.sign(csr), csr, world.pebble))
    server.stop()
    server.config["ca"] = {"local": {"plugin": "ca-local"}}
    server.start()
    assert "Pebble" not in issuer_of(check_chain(server.sign(csr), csr))  # the stored chain is another CA's


def test_a_second_dns_instance_is_a_change_of_the_configuration_and_a_row(world):
    server = world.server
    server.stop()
    other = world.lab.server()  # only for its free port
    server.config["dns"]["second"] = {"plugin": "dns-builtin", "listen": [f"127.0.0.1:{other.dns_port}"],
                                      "zones": ["other.example"]}
    pebble = world.lab.pebble(other)  # a CA that looks names up there
    server.use_pebble(pebble, "pebble2")
    server.start()
    server.command("zone", "add", "other.example", "--dns", "second", "--servers", f"127.0.0.1:{other.dns_port}")
    server.add_subject("CN=www.other.example", "other.example", "--ca", "pebble2")
    server.command("subject", "remove", f"CN={NAME}")
    server.add_subject(f"CN={NAME}", ZONE, "--ca", "pebble")
    first, second = world.csr(), world.lab.csr("www.other.example")
    check_chain(server.sign(second), second, pebble)
    check_chain(server.sign(first), first, world.pebble)


def test_a_second_server_on_the_same_state_is_refused_and_names_the_first(lab):
    server = ready(local(lab))
    other = local(lab)
    other.config["state"] = server.config["state"]
    done = other.command("serve", check=False)
    assert done.returncode == 1
    assert str(server.child.pid) in done.stderr
    done = server.command("serve", check=False)  # on the same ports as well
    assert done.returncode == 1
    assert "in use" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_started_by_root_it_becomes_the_user_before_anything_is_opened(lab):
    server = local(lab).run_as("nobody")
    ready(server)
    status = pathlib.Path(f"/proc/{server.child.pid}/status").read_text()
    assert re.search(r"^Uid:\s+65534\s+65534\s+65534\s+65534$", status, re.M)
    assert re.search(r"^Groups:\s*(65534)?\s*$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    csr = lab.csr()
    check_chain(server.sign(csr), csr)
    others_may_not = {"audit.jsonl": 0o027, "analytics.db": 0o027, "crl.pem": 0o022}  # the last one is for everybody
    for path in (server.folder / "state").rglob("*"):
        assert path.stat().st_uid == 65534, path
        assert path.stat().st_mode & others_may_not.get(path.name, 0o077) == 0, path


def test_check_says_that_a_good_configuration_is_good(lab):
    server = local(lab)
    done = server.command("check")
    assert done.returncode == 0


def test_check_prints_every_error_with_file_and_line(lab):
    server = local(lab)
    server.config["wiat"] = 3
    server.config["max_in_flight"] = "many"
    server.config["dns"]["builtin"]["zonse"] = ["x.example"]
    server.config["ca"]["local"]["plugin"] = "ca-nowhere"
    server.config["listen"][0]["prot"] = 1
    done = server.command("check", check=False)
    assert done.returncode == 1
    lines = server.conf.read_text().split("\n")
    for word in ("wiat", "max_in_flight", "zonse", "ca-nowhere", "prot"):
        complaint = next((line for line in done.stderr.split("\n") if word in line), None)
        assert complaint, f"{word} is not named in:\n{done.stderr}"
        if word != "ca-nowhere":
            number = next(n for n, line in enumerate(lines, 1) if word in line)
            assert f"{server.conf}:{number}:" in complaint


def test_serve_refuses_a_configuration_that_check_refuses(lab):
    server = local(lab)
    server.config["wiat"] = 3
    done = server.command("serve", check=False)
    assert done.returncode == 1
    assert "wiat" in done.stderr


def test_plugin_list_names_every_plugin_with_its_version_and_purpose(lab):
    server = local(lab)
    listed = server.command("plugin", "list").stdout
    for name in ("ca-acme", "ca-local", "dns-builtin", "store-sqlite", "audit-jsonl"):
        assert re.search(rf"^{name}\s+\S+\s+\S+", listed, re.M), listed


def test_plugin_help_prints_the_settings(lab):
    server = local(lab)
    text = server.command("plugin", "help", "ca-acme").stdout
    assert "directory" in text and "ca_file" in text and "email" in text
    assert server.command("plugin", "help", "ca-nowhere", check=False).returncode == 1


def test_a_wrong_command_line_ends_with_2_and_says_what_there_is(lab):
    server = local(lab)
    done = server.command("sevre", check=False)
    assert done.returncode == 2
    assert "serve" in done.stderr


def test_the_admin_listener_tells_health_readiness_and_numbers(world):
    server = world.server
    check_chain(server.sign(csr := world.csr()), csr)
    assert server.ask("GET", "/healthz", port=server.admin_port).status == 200
    assert server.ask("GET", "/readyz", port=server.admin_port).status == 200
    answer = server.ask("GET", "/metrics", port=server.admin_port)
    assert answer.headers["content-type"].startswith("text/plain")
    assert server.metric("countersign_store_commits_total") > 0
    assert server.ask("GET", "/metrics").status == 404  # not for clients


def test_it_listens_on_tls_ipv6_and_a_unix_socket(lab):
    import socket
    import subprocess
    import pki
    from ports import free_port
    pki.make_server_pki(lab.folder / "tls")
    server = local(lab)
    tls, six, path = free_port(), free_port(), server.folder / "api.sock"
    certificate, key = lab.folder / "tls/server.pem", lab.folder / "tls/server.key"
    server.config["listen"] += [
        {"address": "127.0.0.1", "port": tls, "certificate": certificate, "key": key},
        {"address": "::1", "port": six}, {"address": f"unix:{path}"}]
    ready(server)
    csr = lab.csr()
    for words in (["--cacert", lab.folder / "tls/ca.pem", f"https://localhost:{tls}/v1/sign"],
                  [f"http://[::1]:{six}/v1/sign"], ["--unix-socket", path, "http://localhost/v1/sign"]):
        done = subprocess.run(["curl", "-sS", "--fail", "--data-binary", f"@{csr}", *words], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.startswith(b"-----BEGIN CERTIFICATE-----")
    with socket.create_connection(("127.0.0.1", tls)) as plain:  # never falls back to plain
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert b"HTTP/1" not in plain.recv(1000)
        except ConnectionResetError:
            pass  # a clear answer, too

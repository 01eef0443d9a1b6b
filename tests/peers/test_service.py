"""The server under its unit: check 5. Where no systemd runs, confined.py does what the unit says, line by line.

A whole order, reload and stop, with and without sockets of the manager; what the manager is told; the watchdog of a loop that
hangs; what a plugin cannot do in the sandbox; and credentials. As root only, since only root can give up.
"""
import os
import pathlib
import pwd
import re
import secrets
import signal
import socket
import subprocess
import sys
import time

import pytest

import pki
from chain import check_chain
from child import Child
from scene import NAME, ZONE, World
from waiting import until

CONFINED = pathlib.Path(__file__).with_name("confined.py")
USER = "nobody"
BIND_SERVICE = 1 << 10


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)
        self.heard = []

    def listen(self, seconds=0.0):
        """What has come, and comes until then: each message as a dict."""
        end = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                self.heard.append(dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines()))
            except TimeoutError:
                return self.heard

    def wait(self, key, count=1):
        until(lambda: sum(key in message for message in self.listen()) >= count, 20, f"{key} was heard")
        return self.heard

    def changes(self):
        """READY, RELOADING and STOPPING, as they came."""
        return [key for message in self.listen() for key in message if key in ("READY", "RELOADING", "STOPPING")]


class Service:
    """A server that is started as its unit has it, with the drop-in for sockets or without."""

    def __init__(self, lab, server, drop_in=False):
        self.lab, self.server = lab, server
        self.folder = lab.place("service")
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.manager = Manager(self.folder)
        self.files = [lab.installed.prefix / "lib/systemd/system/countersign.service"]
        if drop_in:
            self.files.append(lab.installed.prefix / "share/countersign/systemd/socket-activated.conf")
        self.files.append(self.folder / "user.conf")  # a user that every machine has
        self.files[-1].write_text(f"[Service]\nUser=\nUser={USER}\n")
        self.logs = self.folder / "log"
        self.sockets = []
        server.config["audit"] = {"issued": {"plugin": "audit-jsonl", "file": self.logs / "issued.jsonl"}}
        server.run_as(USER)
        user = pwd.getpwnam(USER)
        for path in (self.logs, server.folder / "state", server.folder / "run"):
            path.mkdir(exist_ok=True)
            os.chown(path, user.pw_uid, user.pw_gid)
            path.chmod(0o700)

    def bind(self, address, kind=socket.SOCK_STREAM):
        """A socket of the manager's, made by root."""
        made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        self.sockets.append(made)
        return self

    def start(self, wait=True, **env):
        server, run = self.server, self.server.folder / "run"
        folders = {"StateDirectory": server.folder / "state", "RuntimeDirectory": run, "LogsDirectory": self.logs}
        numbers = [made.fileno() for made in self.sockets]
        wrapper = [sys.executable, CONFINED, *self.files, *(f"--folder={name}={path}" for name, path in folders.items()),
                   f"--keep={self.lab.folder}", f"--keep={self.lab.installed.prefix}",
                   f"--sockets={','.join(map(str, numbers))}"]
        server.write_config()
        server.child = Child("countersign", [*wrapper, "--program", server.program, "-c", server.conf, "serve"],
                             server.folder / "server.log", fds=numbers,
                             env={"NOTIFY_SOCKET": str(self.manager.path), "RUNTIME_DIRECTORY": str(run), **env})
        if wait:
            self.manager.wait("READY")
        return self

    def fails(self, **env):
        """A start that fails, with a sentence in the log: that log."""
        self.start(wait=False, **env)
        child, self.server.child = self.server.child, None
        assert child.wait_end(20) == 1
        return child.log()

    def status(self):
        """proc(5) about the server."""
        lines = pathlib.Path(f"/proc/{self.server.child.pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def held(self):
        """What it may do, by the kernel's word."""
        status = self.status()
        return {name: int(status[name], 16 if name.startswith("Cap") else 10)
                for name in ("CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}


@pytest.fixture
def scene(lab):
    """A World whose server is yet to be started as a service."""
    return World(lab)


def order(world):
    """Zone and subject, and an order from CSR to chain."""
    world.server.add_zone(ZONE)
    world.server.add_subject(f"CN={NAME}", ZONE)
    csr = world.csr()
    check_chain(world.server.sign(csr), csr, world.pebble)


def loopback(port):
    """An address of this machine's own network that no other test has, so that low ports are free."""
    return f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}", port


def also_listens(server, address, port):
    server.config["listen"].append({"address": address, "port": port})


# ---- The unit ----------------------------------------------------------------------------------------------------------

def test_the_whole_job_is_done_under_the_unit(lab, scene):
    service = Service(lab, scene.server)
    address, port = loopback(443)
    also_listens(scene.server, address, port)  # the unit's one capability
    service.start()
    capabilities = dict.fromkeys(("CapEff", "CapBnd", "CapAmb"), BIND_SERVICE)
    assert service.held() == {**capabilities, "NoNewPrivs": 1, "Seccomp": 2}
    assert scene.server.metric("countersign_sandbox") == 2
    order(scene)
    with socket.create_connection((address, port), 5):
        pass
    scene.server.child.signal(signal.SIGHUP)
    service.manager.wait("READY", 2)
    csr = lab.csr()
    check_chain(scene.server.sign(csr), csr, scene.pebble)
    until(lambda: (service.logs / "issued.jsonl").read_text().count('"issued"') == 2, 10, "both are in the ledger")
    scene.server.stop()
    assert service.manager.changes() == ["READY", "RELOADING", "READY", "STOPPING"]
    assert int(next(message for message in service.manager.heard if "RELOADING" in message)["MONOTONIC_USEC"]) > 0
    stopping = next(message for message in service.manager.heard if "STOPPING" in message)
    assert stopping["EXTEND_TIMEOUT_USEC"] == "60000000"


def test_systemd_binds_the_ports_and_the_server_can_do_nothing_else(lab, scene):
    service, server = Service(lab, scene.server, drop_in=True), scene.server
    address, port = loopback(443)
    also_listens(server, address, port)
    service.bind((address, port)).bind(("127.0.0.1", server.dns_port))
    service.bind(("127.0.0.1", server.dns_port), socket.SOCK_DGRAM)
    inodes = {os.fstat(made.fileno()).st_ino for made in service.sockets}
    service.start()
    assert service.held() == {"CapEff": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2}
    order(scene)
    answer = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}:{port}/v1/sign"],
                            capture_output=True, text=True)
    assert answer.stdout == "405", answer.stderr
    held = {os.stat(fd).st_ino for fd in pathlib.Path(f"/proc/{server.child.pid}/fd").iterdir() if os.path.exists(fd)}
    assert inodes <= held
    *server.config["listen"], taken_away = server.config["listen"]
    server.write_config()
    server.child.signal(signal.SIGHUP)
    status = service.manager.wait("READY", 2)[-1]["STATUS"]
    assert re.match(rf"serving; the last reload was refused: .*: TCP {address}:{port} is no `listen` any more, but the socket "
                    "unit goes on taking connections there", status)
    server.config["listen"].append(taken_away)
    server.write_config()
    server.child.signal(signal.SIGHUP)
    assert service.manager.wait("READY", 3)[-1]["STATUS"] == "serving"
    server.stop()


def test_a_socket_that_no_listen_has_stops_the_start_and_says_what_to_do(lab, scene):
    service = Service(lab, scene.server, drop_in=True)
    address, port = loopback(443)
    said = f"hands over TCP {address}:{port}, which is no `listen` of the configuration"
    assert said in service.bind((address, port)).fails()
    assert said in service.manager.listen()[-1]["STATUS"] and service.manager.changes() == []


def credentials(service, **contents):
    """$CREDENTIALS_DIRECTORY as systemd makes it: the service's user may read it, and nobody else."""
    folder = service.folder / "credentials"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o400)
    user = pwd.getpwnam(USER)
    for path in (folder, *folder.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    folder.chmod(0o500)
    return folder


def test_the_key_of_tls_comes_as_a_credential(lab, scene):
    service, server = Service(lab, scene.server), scene.server
    tls = lab.folder / "tls"
    pki.make_server_pki(tls)
    folder = credentials(service, **{"tls.key": (tls / "server.key").read_text()})
    (tls / "server.key").unlink()
    address, port = loopback(443)
    server.config["listen"].append({"address": address, "port": port, "certificate": tls / "server.pem",
                                    "key": "credential:tls.key"})
    service.start(CREDENTIALS_DIRECTORY=str(folder))
    order(scene)
    done = subprocess.run(["curl", "-sS", "--fail", "--cacert", tls / "ca.pem", "--connect-to", f"::{address}:",
                           "--data-binary", f"@{lab.csr()}", "https://localhost/v1/sign"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"-----BEGIN CERTIFICATE-----")
    server.child.signal(signal.SIGHUP)
    service.manager.wait("READY", 2)
    assert "the configuration was read anew" in server.log()
    server.stop()
    server.config["listen"][-1]["key"] = "credential:other.key"
    assert f"{folder}/other.key" in service.fails(CREDENTIALS_DIRECTORY=str(folder))


def test_keys_come_as_credentials(lab, scene):
    service, server = Service(lab, scene.server), scene.server
    folder = credentials(service, **{"tsig.key": "c2VjcmV0IG9mIHNvbWUgMzIgYnl0ZXMgb3IgbW9yZSE=\n"})
    server.config["dns"]["primary"] = {"plugin": "dns-rfc2136", "servers": ["127.0.0.1:9"], "key_name": "countersign",
                                       "key": "@credential:tsig.key"}
    service.start(CREDENTIALS_DIRECTORY=str(folder))
    server.stop()
    server.config["dns"]["primary"]["key"] = "@credential:other.key"
    said = "other.key cannot be read: No such file or directory: hand it over with LoadCredential="
    assert said in service.fails(CREDENTIALS_DIRECTORY=str(folder))


# ---- The watchdog ------------------------------------------------------------------------------------------------------

def test_a_loop_that_hangs_is_silent_while_the_rest_lives(lab, build):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local", "challenge": True}
    server.config["dns"]["rude"] = {"plugin": build / "tests/bad-plugins/rude.so", "fault": "hangs", "key": "x"}
    manager = Manager(server.folder)
    server.env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"}
    server.start()
    manager.wait("WATCHDOG", 4)
    server.add_zone(ZONE, dns="rude")
    server.add_subject(f"CN={NAME}", ZONE)
    asking = subprocess.Popen(["curl", "-s", "--data-binary", f"@{lab.csr()}", server.url()], stdout=subprocess.DEVNULL)
    server.child.wait_for_log("order started")
    manager.listen(0.5)
    before = len(manager.heard)
    threads = len(list(pathlib.Path(f"/proc/{server.child.pid}/task").iterdir()))
    assert len(manager.listen(1.2)) == before, "the watchdog was fed by somebody else than the loop"
    assert threads > 4 and server.child.running()
    asking.kill()
    asking.wait()
    server.kill()


# ---- The sandbox -------------------------------------------------------------------------------------------------------

def what_went_through(lab, build, sandbox):
    """What tests/bad-plugins/escapes.c could do."""
    outside = lab.place("outside")
    outside.mkdir()
    (outside / "secret").write_text("x")
    server = lab.server()
    server.config["sandbox"] = sandbox
    server.config["ca"]["local"] = {"plugin": "ca-local", "challenge": True}
    server.config["dns"]["escapes"] = {"plugin": build / "tests/bad-plugins/escapes.so",
                                       "secret": str(outside / "secret")[1:], "place": str(outside / "made")[1:]}
    server.start()
    server.add_zone(ZONE, dns="escapes")
    server.add_subject(f"CN={NAME}", ZONE)
    answer = server.sign(lab.csr())
    server.stop()
    said = re.search(r"went through: ([\w= ]+)", answer.body.decode())[1]
    assert (outside / "made").exists() == ("write=1" in said)
    return {name: int(value) for name, value in (word.split("=") for word in said.split())}


def test_a_plugin_cannot_leave_the_sandbox(lab, build):
    names = ("read", "write", "program", "memory", "packet", "unshare")
    assert what_went_through(lab, build, "on") == dict.fromkeys(names, 0)
    assert what_went_through(lab, build, "off") == dict.fromkeys(names, 1), "a test that cannot fail says nothing"


def test_a_plugin_that_runs_programs_turns_the_sandbox_off_and_the_log_says_so(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["dns"]["hook"] = {"plugin": "dns-exec", "program": "/bin/true"}
    server.start()
    assert "sandbox: off: a plugin runs programs" in server.log() and "plugin=dns-exec instance=dns.hook" in server.log()
    assert server.metric("countersign_sandbox") == 0

"""`certificate = "self:NAME"`: the server gets and renews the certificate of its own listeners."""
import http.client
import json
import os
import signal
import socket
import ssl
import time

import pytest

from chaos import Chaos
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from csr_parts import cn, key, make, san
from moved import DAY, MovedClock
from ports import free_port
from scene import ZONE

OWN = f"countersign.{ZONE}"
DER, PEM = Encoding.DER, Encoding.PEM
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
EXPIRY, FAILURES = "countersign_own_certificate_expiry_seconds", "countersign_own_certificate_failures"


class Scene:
    def __init__(self, lab, build, fast=0):
        """`fast`: by so many seconds the server's clock is ahead of the CA's."""
        self.server = lab.server()
        self.clock = MovedClock(lab.folder, build).run(self.server)
        self.clock.step(fast)
        clock = None if fast else self.server.env["COUNTERSIGN_CLOCK"]
        self.chaos = Chaos(lab.place("chaos"), self.server.dns_port, clock=clock).start()
        lab.running.insert(0, self.chaos)
        self.server.use_pebble(self.chaos, "chaos")
        self.ports = [free_port(), free_port()]
        self.server.config["listen"] += [{"address": "127.0.0.1", "port": port, "certificate": f"self:{OWN}"}
                                         for port in self.ports]

    def start(self):
        if not self.server.database.exists():
            self.server.add_zone(ZONE)
        self.server.start()
        return self

    def shown(self, port=None):
        """The certificate that a client sees who believes anything."""
        pem = ssl.get_server_certificate(("127.0.0.1", port or self.ports[0]))
        return x509.load_pem_x509_certificate(pem.encode())

    def connect(self, port=None, believes=None):
        """As a client that believes this CA only, or that certificate, and wants that name."""
        context = ssl.create_default_context(cadata=believes.public_bytes(PEM).decode() if believes else None,
                                             cafile=None if believes else self.chaos.root_file)
        context.verify_flags |= NO_CHECK_TIME  # the server's clock is moved, ours is not
        connection = http.client.HTTPSConnection(OWN, timeout=10, context=context)
        plain = socket.create_connection(("127.0.0.1", port or self.ports[0]), 10)
        connection.sock = context.wrap_socket(plain, server_hostname=OWN)
        return connection

    def believed(self, port=None):
        connection = self.connect(port)
        try:
            connection.request("POST", "/v1/sign", b"no CSR")
            return connection.getresponse().status
        finally:
            connection.close()

    def until(self, text):
        """Time passes until the log has it."""
        def passes():
            self.clock.move(30)
            return text in self.server.log()
        self.wait(passes, text)

    def ready(self):
        return self.server.ask("GET", "/readyz", port=self.server.admin_port)

    def wait(self, true, what, seconds=20):
        self.server.child.wait_until(true, seconds, what)

    def files(self):
        return sorted(path.name for path in (self.server.folder / "state/self").iterdir())


@pytest.fixture
def scene(lab, build):
    return Scene(lab, build)


def test_the_first_one_comes_when_its_zone_does_to_all_listeners_and_cuts_no_connection_off(scene):
    server = scene.server
    server.start(wait=False)
    server.child.wait_for_log("no zone of the table has that name")
    answer = scene.ready()
    assert answer.status == 503 and b"certificate" in answer.body
    shown = scene.shown()
    assert shown.issuer == shown.subject and OWN in shown.subject.rfc4514_string()
    with pytest.raises(ssl.SSLCertVerificationError, match="self.signed"):
        scene.believed()
    assert server.metric(EXPIRY) == 0
    assert scene.chaos.orders() == []
    scene.clock.move(7)  # it is looked for every 10 s
    kept = scene.connect(believes=scene.shown())
    server.add_zone(ZONE)
    scene.clock.move(4)
    scene.wait(lambda: scene.ready().status == 200, "the certificate is there")
    assert [scene.believed(port) for port in scene.ports] == [400, 400]
    assert scene.shown(scene.ports[0]) == scene.shown(scene.ports[1])
    assert len(scene.chaos.orders()) == 1
    kept.request("POST", "/v1/sign", b"no CSR")
    assert kept.getresponse().status == 400 and kept.sock.getpeercert(True) == shown.public_bytes(DER)
    kept.close()
    assert server.metric(EXPIRY) == scene.shown().not_valid_after.timestamp() - time.timezone
    assert scene.files() == [f"{OWN}.pem"]
    path = server.folder / f"state/self/{OWN}.pem"
    assert oct(path.stat().st_mode & 0o777) == "0o600" and server.folder.joinpath("state/self").stat().st_mode & 0o77 == 0
    assert server.sql("SELECT subject, state FROM job") == [(f"self:{OWN}", "done")]
    made = json.loads(server.command("backup", server.folder / "backups", "--json").stdout)
    assert os.path.exists(f"{made['backup']}/state/self/{OWN}.pem")


def test_nobody_else_may_have_it(lab, scene):
    scene.start()
    answer = scene.server.sign(lab.csr(OWN))
    assert answer.status == 400 and answer.body == b"Invalid subject"


def test_nobody_else_gets_one_for_its_key(scene):
    """Not even who may ask for that name: the key is the listener's as long as it is shown."""
    def of_key(one):
        return scene.server.ask("POST", "/v1/sign", make(cn(OWN), [san(OWN)], signer=one),
                                {"Content-Type": "application/pkcs10", "Accept": "application/problem+json"})
    scene.start()
    scene.wait(lambda: scene.ready().status == 200, "the certificate is there")
    scene.server.add_subject(f"CN={OWN}", ZONE)
    one = load_pem_private_key((scene.server.folder / f"state/self/{OWN}.pem").read_bytes(), None)
    assert one.public_key().public_numbers() == scene.shown().public_key().public_numbers()
    answer = of_key(one)
    assert answer.status == 400 and b"own-key" in answer.body, answer
    assert of_key(key("p256")).status == 200 and len(scene.chaos.orders()) == 2


def test_it_is_renewed_when_two_thirds_of_its_life_are_over(scene):
    scene.start()
    first = scene.shown()
    life = (first.not_valid_after - first.not_valid_before).total_seconds()
    scene.clock.move(life * 0.6)
    time.sleep(0.5)
    assert scene.shown() == first and len(scene.chaos.orders()) == 1
    scene.clock.move(life * 0.11)
    scene.wait(lambda: scene.shown() != first, "it was renewed")
    second = scene.shown()
    assert scene.believed() == 400 and second.public_key().public_numbers() != first.public_key().public_numbers()
    assert [len(scene.chaos.orders()), scene.shown(scene.ports[1])] == [2, second]
    scene.server.stop()
    scene.server.start()
    assert scene.shown() == second and len(scene.chaos.orders()) == 2


def held_open(path):
    """To write into a pipe that somebody reads; None: nobody does yet."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_one_that_is_renewed_while_a_reload_reads_its_files_stays(scene):
    server, held = scene.server, []
    keys = server.folder / "keys"
    keys.write_text("0" * 64 + "\n")
    server.config["blocked_keys"] = [keys]
    scene.start()
    first = scene.shown()
    keys.unlink()
    os.mkfifo(keys)
    server.child.signal(signal.SIGHUP)
    scene.wait(lambda: held.append(held_open(keys)) or held[-1], "the reload has read what listeners need")
    scene.clock.move((first.not_valid_after - first.not_valid_before).total_seconds() * 0.71)
    scene.wait(lambda: scene.shown() != first, "it was renewed")
    second = scene.shown()
    os.close(held[-1])
    server.child.wait_for_log("the configuration was read anew")
    assert [scene.shown(port) for port in scene.ports] == [second, second]
    server.config["listen"][2]["port"] = other = free_port()
    server.config["blocked_keys"] = []
    server.config["admin"]["certificate"] = f"self:{OWN}"
    server.write_config()
    server.child.signal(signal.SIGHUP)
    scene.wait(lambda: server.log().count("the configuration was read anew") == 2, "it was read once more")
    assert [scene.shown(port) for port in (scene.ports[0], other, server.admin_port)] == [second] * 3, "new listeners, too"
    assert "certificates=1" in server.log().splitlines()[-1] and scene.believed(other) == 400


@pytest.mark.parametrize("when", ["hour", "start"])
def test_one_that_is_revoked_is_replaced_within_the_hour_or_by_the_next_start(scene, when):
    scene.start()
    first = scene.shown()
    assert scene.server.command("revoke", f"{first.serial_number:x}", "--reason", "keyCompromise").returncode == 0
    if when == "hour":
        scene.clock.move(3601)
    else:
        scene.server.stop()
        scene.server.start()
    scene.wait(lambda: scene.shown() != first, "it was replaced")
    assert scene.shown().public_key() != first.public_key() and len(scene.chaos.orders()) == 2
    assert scene.files() == [f"{OWN}.pem"]


def test_a_ca_that_is_out_leaves_the_old_one_and_is_asked_again_later(scene):
    scene.start()
    first = scene.shown()
    scene.server.stop()
    scene.chaos.fault("internal at=new-order times=1000")
    scene.server.config["outage_wait"] = 60
    scene.server.start()
    assert scene.shown() == first, "the stored one is used at once"
    scene.clock.move(64 * DAY)
    scene.until("own certificate not renewed")
    assert scene.shown() == first and scene.server.metric(FAILURES) == 1 and scene.ready().status == 200
    scene.chaos.clear()
    asked = len(scene.chaos.log("new-order"))
    scene.clock.move(60)
    time.sleep(0.3)
    assert len(scene.chaos.log("new-order")) == asked, "too early"
    scene.clock.move(300)
    scene.wait(lambda: scene.shown() != first, "it was renewed", 40)
    assert scene.server.metric(FAILURES) == 0


def test_looking_for_a_missing_zone_is_no_failure(scene):
    server = scene.server
    server.config["outage_wait"] = 60
    server.start(wait=False)
    server.child.wait_for_log("no zone of the table has that name")
    for _ in range(8):
        scene.clock.move(11)
        time.sleep(0.2)
    assert server.metric(FAILURES) == 0
    scene.chaos.fault("internal at=new-order times=1000")
    server.add_zone(ZONE)
    scene.until("again_in=300s")
    assert "again_in=21600s" not in server.log()


def test_with_a_clock_that_is_fast_each_new_one_is_due_at_once_and_they_are_not_ordered_one_after_another(lab, build):
    scene = Scene(lab, build, fast=70 * DAY).start()
    scene.server.child.wait_for_log("is this host's clock fast?")
    assert scene.believed() == 400
    time.sleep(1)
    assert len(scene.chaos.orders()) == 1
    assert scene.server.metric(FAILURES) == 1
    scene.clock.move(DAY - 60)
    time.sleep(0.5)
    assert len(scene.chaos.orders()) == 1
    scene.clock.step(-71 * DAY)  # somebody sets it right
    scene.clock.move(120)
    scene.wait(lambda: scene.server.metric(FAILURES) == 0, "nothing is due")
    assert len(scene.chaos.orders()) == 1


def test_an_order_that_a_crash_cut_off_goes_on_and_its_certificate_is_taken(lab, scene):
    gate = lab.gate(scene.server)
    scene.server.add_zone(ZONE, dns_port=gate.port)
    scene.server.start(wait=False)
    scene.wait(lambda: scene.server.sql("SELECT 1 FROM job_challenge"), "it waits at the gate")
    scene.server.kill()
    assert scene.files() == [f"{OWN}.next", f"{OWN}.pem"]
    gate.open()
    scene.server.start()
    assert scene.believed() == 400
    assert len(scene.chaos.orders()) == 1 and scene.files() == [f"{OWN}.pem"]


def test_check_says_what_is_missing(scene):
    check = scene.server.command("check", check=False)
    assert check.returncode == 0, check.stderr
    scene.start()
    assert scene.server.command("check").returncode == 0
    scene.server.command("zone", "remove", ZONE)
    check = scene.server.command("check", check=False)
    assert check.returncode == 1 and f"no zone of the table has {OWN}" in check.stderr
    scene.server.config["ca"]["other"] = {"plugin": "ca-local"}
    check = scene.server.command("check", check=False)
    assert "there are 2 CAs: say which" in check.stderr
    for listen, says in (({"ca": "none"}, 'there is no CA "none"'), ({"key": "/k"}, "leave `key` out"),
                         ({"certificate": "self:*.x.example"}, "followed by a host name"),
                         ({"certificate": "self:"}, "followed by a host name")):
        scene.server.config["listen"][1] = {"address": "127.0.0.1", "port": scene.ports[0], "certificate": f"self:{OWN}",
                                            **listen}
        check = scene.server.command("check", check=False)
        assert check.returncode == 1 and says in check.stderr, check.stderr

"""Revoking certificates (docs/revoke.md): by who has the key, with the page's own commands and with ours, and by the operator;
at Pebble, at ca-local with its list, and at a CA that misbehaves; what follows for the key; a server that dies at each step."""
import contextlib
import datetime
import json
import pathlib
import re
import shlex
import sqlite3
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import soak
from chaos import Chaos
from child import run
from scene import NAME, ZONE, World
from waiting import until

PAGE = (pathlib.Path(__file__).resolve().parent.parent.parent / "docs/revoke.md").read_text()
LATER = 4


class Client:
    """Who has a key, and the chain that was issued for it."""

    def __init__(self, lab, server, **more):
        self.server = server
        self.csr = lab.csr(**more)
        self.key = self.csr.with_suffix(".key")
        self.folder = self.csr.parent
        self.chain = self.folder / "chain.pem"

    def get(self):
        answer = self.server.sign(self.csr)
        assert answer.status == 200, answer
        self.chain.write_bytes(answer.body)
        return self

    @property
    def leaf(self):
        return x509.load_pem_x509_certificate(self.chain.read_bytes())

    @property
    def serial(self):
        return f"{self.leaf.serial_number:x}"

    def hash(self):
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    def text(self, reason="keyCompromise", when=None, certificate=None):
        when = when or datetime.datetime.utcnow()
        return (f"countersign revocation 1\ncertificate: {certificate or self.hash()}\nreason: {reason}\n"
                f"time: {when:%Y-%m-%dT%H:%M:%SZ}\n")

    def message(self, text, *more, key=None, chain=None, form="PEM", detach=False):
        (self.folder / "text").write_text(text)
        run(["openssl", "cms", "-sign", "-in", self.folder / "text", "-signer", chain or self.chain, "-inkey", key or self.key,
             "-md", "sha256", *([] if detach else ["-nodetach"]), "-nocerts", *more, "-outform", form,
             "-out", self.folder / "message"], "openssl cannot sign")
        return (self.folder / "message").read_bytes()

    def post(self, body=None, **more):
        return self.server.ask("POST", "/v1/revoke", self.message(self.text(**more)) if body is None else body)

    def command(self, *words, reason="superseded"):
        return self.server.command("revoke", "--server", self.server.url(""), "--key", self.key, "--certificate", self.chain,
                                   "--reason", reason, *words, check=False)


def problem(answer):
    return json.loads(answer.body)["type"].removeprefix("urn:countersign:error:")


def status_at(pebble, client):
    text = run(["curl", "-sS", "--fail", "--cacert", pebble.ca_file,
                f"https://localhost:{pebble.management}/cert-status-by-serial/{client.serial}"], "Pebble does not say")
    found = json.loads(text)
    return found["Status"], found.get("Reason")


def events(server, kind):
    lines = (server.folder / "state/audit.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


# ---- Who has the key ----------------------------------------------------------------------------------------------------

def page_commands():
    """The lines of openssl and curl as they stand on the page."""
    block = re.search(r"^    printf 'countersign revocation.*?^    curl [^\n]*\n", PAGE, re.M | re.S).group(0)
    return re.sub(r"^    ", "", block, flags=re.M)


@pytest.mark.parametrize("shell, key_type", [("dash", "p256"), ("dash", "p384"), ("dash", "rsa2048"), ("busybox sh", "p256")])
def test_the_commands_of_the_page_revoke_with_every_kind_of_key(quiet_world, shell, key_type):
    server = quiet_world.server
    client = Client(quiet_world.lab, server, key_type=key_type).get()
    (client.folder / "key.pem").write_bytes(client.key.read_bytes())
    lines = page_commands().replace("https://sign.example.com:8443", server.url(""))
    assert server.url("/v1/revoke") in lines
    done = subprocess.run([*shell.split(), "-ec", lines], cwd=client.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    answer = json.loads(done.stdout)
    assert answer["status"] == "revoked" and answer["again"] is False and answer["reason"] == "keyCompromise"
    assert int(answer["serial"], 16) == client.leaf.serial_number
    assert status_at(quiet_world.pebble, client) == ("Revoked", 1)


def test_what_follows_a_revocation(quiet_world):
    server, pebble = quiet_world.server, quiet_world.pebble
    client = Client(quiet_world.lab, server)
    running = server.sign(client.csr, {"Prefer": "respond-async"})
    path = running.headers["location"]
    client.get()
    assert server.ask("GET", path).status == 200
    done = client.command()
    assert done.returncode == 0 and "revoked at" in done.stdout, done.stderr
    assert status_at(pebble, client) == ("Revoked", 4)
    orders = pebble.requests("order-plz")
    for answer, status, kind in ((server.sign(client.csr), 400, "revoked-key"),
                                 (server.ask("GET", path), 404, "certificate-revoked")):
        assert (answer.status, problem(answer)) == (status, kind) and b"BEGIN" not in answer.body
    assert pebble.requests("order-plz") == orders
    again = client.command()
    assert again.returncode == 0 and "was revoked before" in again.stdout and "superseded" in again.stdout
    assert client.post().status == 200  # another reason changes nothing
    assert status_at(pebble, client) == ("Revoked", 4)
    event, = until(lambda: events(server, "revoked"))
    assert event["by"] == "key-holder" and event["reason"] == "superseded"
    assert int(event["serial"], 16) == client.leaf.serial_number
    assert event["names"] == [NAME] and event["zone"] == ZONE and event["ca"] == "pebble"
    assert server.metric("countersign_revocations_total") == 1
    assert server.metric("countersign_revoked_keys") == 1
    server.stop()
    server.start()
    assert problem(server.sign(client.csr)) == "revoked-key"
    assert problem(server.ask("GET", path)) == "certificate-revoked"
    assert Client(quiet_world.lab, server).get().serial != client.serial  # the subject may go on with another key


def test_what_is_not_the_holders_word_is_refused(quiet_world):
    server, pebble = quiet_world.server, quiet_world.pebble
    client = Client(quiet_world.lab, server).get()
    server.add_subject(f"CN=other.{ZONE}", ZONE)
    other = Client(quiet_world.lab, server, name=f"other.{ZONE}").get()
    now = datetime.datetime.utcnow()
    text = client.text()
    good = client.message(text)
    stranger = Client(quiet_world.lab, server)
    # It says that it is the client's: same issuer, same number, another key.
    foreign = stranger.folder / "foreign.pem"
    leaf = client.leaf
    key = x509.load_pem_x509_csr(stranger.csr.read_bytes()).public_key()
    own = serialization.load_pem_private_key(stranger.key.read_bytes(), None)
    forged = x509.CertificateBuilder().issuer_name(leaf.issuer).subject_name(leaf.subject).serial_number(leaf.serial_number)
    forged = forged.not_valid_before(leaf.not_valid_before).not_valid_after(leaf.not_valid_after).public_key(key)
    foreign.write_bytes(forged.sign(own, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    day = datetime.timedelta(days=1, minutes=5)
    rows = [
        (b"", 400, "bad-revocation"), (b"hello", 400, "bad-revocation"), (text.encode(), 400, "bad-revocation"),
        (good[:-60], 400, "bad-revocation"), (good + b"more", 400, "bad-revocation"), (good + good, 400, "bad-revocation"),
        (client.message(text, detach=True), 400, "bad-revocation"),
        (client.message(text, "-keyid"), 400, "bad-revocation"),
        (client.message(text, "-noattr"), 400, "bad-revocation"),
        (client.message(text, "-signer", str(other.chain), "-inkey", str(other.key)), 400, "bad-revocation"),
        (client.message(text, "-md", "sha1"), 400, "bad-revocation"),
        (client.message(text + "more\n"), 400, "bad-revocation"),
        (client.message(text.replace("revocation 1", "revocation 2")), 400, "bad-revocation"),
        (client.message("x" * 600), 400, "bad-revocation"),
        (client.message(client.text(reason="certificateHold")), 400, "bad-reason"),
        (client.message(client.text(reason="privilegeWithdrawn")), 400, "bad-reason"),
        (client.message(client.text(when=now - day)), 403, "revocation-stale"),
        (client.message(client.text(when=now + day)), 403, "revocation-stale"),
        (client.message(client.text(certificate=other.hash())), 404, "not-issued-here"),
        (other.message(other.text(certificate="0" * 64)), 404, "not-issued-here"),
        (client.message(text, key=stranger.key, chain=foreign), 403, "revocation-proof"),
    ]
    for body, status, kind in rows:
        answer = client.post(body)
        assert (answer.status, problem(answer)) == (status, kind), (answer, body[:80])
        assert "retry-after" not in answer.headers
    assert server.ask("GET", "/v1/revoke").status == 405
    assert server.ask("POST", "/v1/revoke", b"x" * 20000).status == 413
    assert status_at(pebble, client)[0] == status_at(pebble, other)[0] == "Valid"
    assert server.sql("SELECT count(*) FROM revocation") == server.sql("SELECT count(*) FROM revoked_key") == [(0,)]
    for form in ("DER", "PEM"):  # and what is right is right in both forms, with either end of line
        assert client.post(client.message(client.text().replace("\n", "\r\n"), "-binary", form=form)).status == 200
    assert status_at(pebble, client) == ("Revoked", 1)


def test_a_certificate_that_has_ended(lab):
    world = World(lab, validity_s=4).start()
    client = Client(lab, world.server).get()
    until(lambda: datetime.datetime.utcnow() > client.leaf.not_valid_after)
    answer = client.post()
    assert (answer.status, problem(answer)) == (409, "certificate-ended") and "retry-after" not in answer.headers
    assert "ended already" in client.command().stderr


# ---- The operator -------------------------------------------------------------------------------------------------------

def test_the_operator_revokes_by_number_and_by_file(quiet_world):
    server, pebble = quiet_world.server, quiet_world.pebble
    client = Client(quiet_world.lab, server).get()

    def revoke(*words):
        return server.command("revoke", *words, check=False)

    shown = run(["openssl", "x509", "-in", client.chain, "-noout", "-serial"], "").strip().removeprefix("serial=")
    dry = revoke(shown, "--dry-run")
    assert dry.returncode == 0 and "revoked=no" in dry.stdout and NAME in dry.stdout
    assert revoke("abc123").returncode == 1
    assert "neither a serial number" in revoke("xyz").stderr
    assert revoke(client.key).returncode == 1
    assert revoke(shown, "--reason", "aACompromise").returncode == 2
    assert revoke(shown, "--ca", "nobody").returncode == 1
    assert revoke().returncode == 2 and revoke("--help").returncode == 0
    assert status_at(pebble, client)[0] == "Valid"
    colons = ":".join(re.findall("..", shown))
    done = revoke(colons, "--reason", "cessationOfOperation", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["reason"] == "cessationOfOperation", done.stderr
    assert status_at(pebble, client) == ("Revoked", 5)
    assert "was revoked before" in revoke(client.chain).stdout
    event, = until(lambda: events(server, "revoked"))
    assert event["by"] == "operator"
    server.stop()
    alone = revoke(shown)
    assert alone.returncode == 1 and "no server runs" in alone.stderr


def test_of_two_with_the_same_number_none_is_revoked(quiet_world):
    server = quiet_world.server
    client = Client(quiet_world.lab, server).get()
    server.sql("INSERT INTO certificate SELECT 'twin', key, zone, subject, names, 'elsewhere', profile, serial, not_before_ms, "
               "not_after_ms, issued_ms, pem, url, spki_sha256 FROM certificate")
    done = server.command("revoke", client.serial, check=False)
    assert done.returncode == 1 and "--ca" in done.stderr and len(done.stdout.splitlines()) == 2
    assert status_at(quiet_world.pebble, client)[0] == "Valid"
    assert server.command("revoke", client.serial, "--ca", "pebble").returncode == 0
    assert status_at(quiet_world.pebble, client)[0] == "Revoked"


def test_it_works_where_no_visits_are_recorded(lab):
    world = World(lab)
    world.server.config["visits"] = {"enabled": False}
    client = Client(lab, world.start().server).get()
    assert world.server.command("revoke", client.chain).returncode == 0
    assert world.server.command("privacy", "report").returncode == 0


# ---- A CA that misbehaves -----------------------------------------------------------------------------------------------

@pytest.fixture
def chaos_world(lab):
    server = lab.server()
    chaos = Chaos(lab.place("chaos"), server.dns_port).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos", retry_first="20ms", retry_most="200ms", timeout="5s").start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return lab, server, chaos


def revoked(chaos):
    return [order["revoked"] for order in chaos.orders()]


def test_a_ca_that_is_out_is_asked_again_also_by_the_next_run(chaos_world):
    lab, server, chaos = chaos_world
    client = Client(lab, server).get()
    chaos.fault("internal at=revoke times=always")
    answer = client.post()
    assert (answer.status, problem(answer)) == (503, "revocation-pending") and int(answer.headers["retry-after"]) > 0
    assert "goes on by itself" in json.loads(answer.body)["detail"]
    assert client.command().returncode == LATER
    assert server.command("revoke", client.chain, check=False).returncode == LATER
    assert revoked(chaos) == [False]
    assert problem(server.sign(client.csr)) == "revoked-key"  # from the written intent on
    assert server.metric("countersign_revocations_open") == 1
    server.kill()
    server.start()
    assert until(lambda: server.metric("countersign_revocations_open") == 1)
    server.kill()
    chaos.clear()
    server.start()
    until(lambda: revoked(chaos) == [True])
    assert until(lambda: client.post()).status == 200
    assert len(until(lambda: events(server, "revoked"))) == 1


@pytest.mark.parametrize("fault", ["lost at=revoke", "reset at=revoke", "bad-nonce at=revoke"])
def test_an_answer_that_got_lost_costs_nothing(chaos_world, fault):
    lab, server, chaos = chaos_world
    client = Client(lab, server).get()
    chaos.fault(fault)
    answer = client.post()
    if answer.status == 503:  # it was not told that the CA has done it
        server.stop()
        server.start()
        until(lambda: client.post().status == 200)
    assert client.post().status == 200 and revoked(chaos) == [True]


def test_a_ca_that_wants_fewer_requests_is_left_alone_for_as_long_as_it_says(chaos_world):
    lab, server, chaos = chaos_world
    client = Client(lab, server).get()
    chaos.fault("limited at=revoke times=always value=50")
    answer = client.post()
    assert problem(answer) == "revocation-pending" and int(answer.headers["retry-after"]) in range(45, 51)
    n = len(chaos.log("revoke"))
    assert problem(client.post()) == "revocation-pending" and len(chaos.log("revoke")) == n


def test_a_ca_that_says_no_is_believed_and_asked_anew_when_somebody_asks(chaos_world):
    lab, server, chaos = chaos_world
    client = Client(lab, server).get()
    chaos.fault("account-refused at=revoke times=1")
    answer = client.post()
    assert answer.status == 502 and json.loads(answer.body)["upstream"], answer
    event, = until(lambda: events(server, "revocation-failed"))
    assert event["error"].startswith("ca-") and event["reason"] == "keyCompromise"
    assert server.sql("SELECT state FROM revocation") == [("failed",)]
    assert problem(server.sign(client.csr)) == "revoked-key"
    assert client.post().status == 200 and revoked(chaos) == [True]


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_of_a_proxy_in_between_is_not_the_cas_no(chaos_world, status):
    lab, server, chaos = chaos_world
    client = Client(lab, server).get()
    chaos.fault(f"html at=revoke times=always value={status}")
    answer = client.post()
    assert (answer.status, problem(answer)) == (503, "revocation-pending"), answer
    assert f"{status} without saying why" in json.loads(answer.body)["detail"]
    assert server.sql("SELECT state FROM revocation") == [("open",)]
    server.stop()
    chaos.clear()
    server.start()
    until(lambda: revoked(chaos) == [True])


def test_a_client_that_hangs_up_stops_nothing(chaos_world):
    lab, server, chaos = chaos_world
    client = Client(lab, server).get()
    chaos.fault("slow at=revoke value=2")
    with pytest.raises(OSError):
        server.ask("POST", "/v1/revoke", client.message(client.text()), timeout=0.5)
    until(lambda: revoked(chaos) == [True])
    assert until(lambda: events(server, "revoked"))


# ---- ca-local -----------------------------------------------------------------------------------------------------------

def test_ca_locals_list_says_what_is_revoked(lab):
    server = lab.server()
    server.config["ca"]["lab"] = {"plugin": "ca-local", "crl_url": "http://crl.trial.example/crl.pem"}
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    bad, good = Client(lab, server).get(), Client(lab, server).get()
    state = server.folder / "state/ca.lab"

    def verify(client):
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", state / "ca.pem", "-CRLfile",
                               state / "crl.pem", client.chain], capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr

    def shown():
        return run(["openssl", "crl", "-in", state / "crl.pem", "-noout", "-text"], "")

    assert verify(bad)[0] and "No Revoked Certificates" in shown()
    assert bad.post().status == 200
    assert not verify(bad)[0] and "certificate revoked" in verify(bad)[1]
    assert verify(good)[0], verify(good)[1]
    text = shown()
    assert "Key Compromise" in text and len(re.findall("Serial Number:", text)) == 1
    number = int(re.search(r"X509v3 CRL Number: *\n *(\d+)", text).group(1))
    server.stop()
    server.start()
    assert server.command("revoke", good.chain).returncode == 0
    text = shown()
    assert len(re.findall("Serial Number:", text)) == 2 and len(re.findall("CRL Reason Code", text)) == 1
    assert int(re.search(r"X509v3 CRL Number: *\n *(\d+)", text).group(1)) > number
    assert not verify(good)[0]
    assert "http://crl.trial.example/crl.pem" in run(["openssl", "x509", "-in", good.chain, "-noout", "-text"], "")


# ---- kill -9 at every step ----------------------------------------------------------------------------------------------

def kill_points():
    return [(name, when) for name, kind in soak.page_steps("revocation")
            for when in (("at",) if kind == "told" else ("before", "after"))]


@pytest.mark.parametrize("step, when", kill_points())
def test_a_server_that_dies_at_a_step_has_done_it_or_knows_nothing(lab, build, tmp_path, step, when):
    server = lab.server()
    server.program = build / soak.PROGRAM
    server.config["ca"]["lab"] = {"plugin": "ca-local"}
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    client = Client(lab, server).get()
    server.stop()
    steps = tmp_path / "steps"
    server.env = {"COUNTERSIGN_STEPS": str(steps), "COUNTERSIGN_KILL": f"{step} {when} 1 0"}
    server.start()
    with contextlib.suppress(OSError, Exception):
        client.post()
    until(lambda: not server.child.running())
    server.kill()
    with contextlib.closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as database:
        stored = database.execute("SELECT state FROM revocation").fetchall()
        refused = database.execute("SELECT count(*) FROM revoked_key").fetchall()
    assert refused == [(len(stored),)]
    assert bool(stored) == ((step, when) not in (("recording-revocation", "at"), ("saved-revocation", "before")))
    server.env = {}
    server.start()
    if stored:
        until(lambda: server.sql("SELECT state FROM revocation") == [("done",)])
        assert problem(server.sign(client.csr)) == "revoked-key"
    else:
        assert server.sign(client.csr).status == 200
    answer = client.post()
    assert answer.status == 200 and json.loads(answer.body)["again"] == bool(stored)
    until(lambda: events(server, "revoked"))
    text = run(["openssl", "crl", "-in", server.folder / "state/ca.lab/crl.pem", "-noout", "-text"], "")
    assert len(re.findall("Serial Number:", text)) == 1


def test_the_page_has_every_step_of_a_revocation(build):
    core = soak.core_steps(build)
    assert core[len(core) - len(soak.page_steps("revocation")):] == soak.page_steps("revocation")


def test_every_reason_of_the_page_is_taken():
    words = re.findall(r"^\| `(\w+)` \| (\d) \|", PAGE, re.M)
    assert words == [("unspecified", "0"), ("keyCompromise", "1"), ("affiliationChanged", "3"), ("superseded", "4"),
                     ("cessationOfOperation", "5")]
    assert shlex.split(page_commands().splitlines()[-1])[0] == "curl"

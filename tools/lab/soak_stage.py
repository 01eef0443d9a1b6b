"""The scene of a run of tools/soak: a server that dies at a step, a CA that misbehaves, a DNS, and clients that ask again."""
import contextlib
import hashlib
import http.client
import pathlib
import shutil
import time

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bind import Bind
from chaos import Chaos
from child import Failed
from server import Countersign

PATIENCE_S = 20
CA_RUNS = 40  # a CA with many orders on its books is slow
ZONE = "soak.example"
FOREIGN = "a value of somebody else"
NO_ANSWER = (OSError, http.client.HTTPException)


def hash_of(key):
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class Wish:
    """A client with its key: what it asks for, and what it was told. `wait`: it keeps its connection until the chain comes."""

    def __init__(self, names, wait):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "soak")])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        self.csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.spki = hash_of(key.public_key())
        self.names, self.wait = sorted(names), wait
        self.path = None     # of its request, once it was told
        self.serials = []    # of each chain that it got, in their order
        self.problems = []
        self.foreign = 0     # chains for another key
        self.seconds = None  # from the restart to its chain

    def take(self, answer):
        """Whether that is the end of it."""
        location = answer.headers.get("location", "")
        if "/v1/requests/" in location:
            self.path = location[location.index("/v1/requests/"):]
        if answer.status == 200:
            leaf = x509.load_pem_x509_certificate(answer.body)
            self.foreign += hash_of(leaf.public_key()) != self.spki
            self.serials.append(f"{leaf.serial_number:x}")
        elif answer.status != 202 and b"still-running" not in answer.body:
            self.problems.append(f"{answer.status} {answer.body[:300].decode(errors='replace')}")
            return True
        return answer.status == 200

    def ask(self, server):
        """As long as there is somebody to answer."""
        with contextlib.suppress(*NO_ANSWER):
            over = self.take(server.sign(self.csr, {} if self.wait else {"Prefer": "respond-async"}, timeout=PATIENCE_S))
            while not over:
                time.sleep(0.01)
                over = self.take(server.ask("GET", self.path, timeout=PATIENCE_S))

    def ask_again(self, server, since):
        """Where it was told, or else by posting the same once more, until there is an answer."""
        end = time.monotonic() + PATIENCE_S
        over = False
        with contextlib.suppress(*NO_ANSWER):
            while not over and time.monotonic() < end:
                over = self.take(server.ask("GET", self.path, timeout=PATIENCE_S) if self.path else
                                 server.sign(self.csr, timeout=PATIENCE_S))
                self.seconds = time.monotonic() - since
                time.sleep(0 if over else 0.01)
            if not over:
                self.problems.append(f"no end after {PATIENCE_S} s at {self.path}")

    def post(self, server):
        self.take(server.sign(self.csr, timeout=PATIENCE_S))


class Stage:
    """`program`: countersign-moved. `bind`: BIND by RFC 2136 is behind the server, otherwise dns-builtin.

    Nothing runs before prepare(), so that close() finds whatever runs."""

    def __init__(self, folder, installed, program, bind):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.server = Countersign(self.folder / "server", installed, [ZONE])
        self.server.program = program
        self.bind = Bind(self.folder / "bind", [ZONE]) if bind else None
        self.dns_port = self.bind.port if bind else self.server.dns_port
        self.chaos, self.runs, self.template = None, 0, None
        self.steps = self.folder / "steps"

    def close(self):
        for thing in (self.server, self.chaos, self.bind):
            if thing and thing.child:
                thing.child.kill()

    def _new_ca(self):
        if self.chaos:
            self.chaos.stop()
        self.chaos = Chaos(self.folder / f"chaos{self.runs}", self.dns_port)
        self.chaos.start()
        self.server.use_pebble(self.chaos, "chaos", retry_first="20ms", retry_most="200ms", timeout="5s",
                               preferred_chain="Chaos Other Root")

    def _make_template(self):
        if self.bind:
            self.bind.start()
            self.server.use_dns("bind", self.bind)
        self.server.start()
        self.server.add_zone(ZONE, dns="bind" if self.bind else "builtin", dns_port=self.dns_port)
        self.server.add_subject("O=soak", ZONE, "--names", f".{ZONE}")
        self.server.stop()
        for key in self.server.folder.glob("state/*/account.pem"):
            key.unlink()
        self.template = self.folder / "template"
        self.server.folder.joinpath("state").rename(self.template)

    def prepare(self, parallel, options):
        """A state without orders and without an account, and a CA that behaves."""
        if self.runs % CA_RUNS == 0:
            self._new_ca()
        self.runs += 1
        if not self.template:
            self._make_template()
        shutil.rmtree(self.server.folder / "state", ignore_errors=True)
        shutil.copytree(self.template, self.server.folder / "state")
        self.server.sql("UPDATE zone SET parallel = ?", parallel)
        self.steps.unlink(missing_ok=True)
        self.chaos.clear()
        self.chaos.change(**options)

    def start(self, kill=None):
        """`kill`: step, when, how often it must come, and milliseconds from then; docs/recovery.md. When it was started."""
        began = time.monotonic()
        self.server.env = {"COUNTERSIGN_STEPS": str(self.steps),
                           **({"COUNTERSIGN_KILL": " ".join(str(word) for word in kill)} if kill else {})}
        self.server.start(wait=False)
        while self.server.child.running() and not self.server.ready():
            time.sleep(0.005)
            if time.monotonic() - began > PATIENCE_S:
                raise Failed("the server did not become ready", self.server.child.tail())
        return began

    def died(self, seconds):
        """It ended as kill -9 ends it, in so many seconds; False: it lives."""
        end = time.monotonic() + seconds
        while self.server.child.running():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        code = self.server.child.process.returncode
        if code != -9:
            raise Failed(f"the server ended with {code}", self.server.child.tail(60))
        self.server.kill()
        return True

    def reached(self):
        return set(self.steps.read_text().split()) if self.steps.exists() else set()

    def texts(self, name):
        """The TXT values at the challenge's owner."""
        question = dns.message.make_query(f"_acme-challenge.{name.removeprefix('*.')}.", "TXT")
        try:
            reply = dns.query.udp(question, "127.0.0.1", timeout=1, port=self.dns_port)
        except (dns.exception.DNSException, OSError) as fault:
            return {f"no answer: {fault}"}
        return {b"".join(item.strings).decode() for rrset in reply.answer if rrset.rdtype == dns.rdatatype.TXT
                for item in rrset}

    def add_foreign(self, names):
        if self.bind:
            for name in names:
                self.bind.update(f"_acme-challenge.{name.removeprefix('*.')}.", add=[FOREIGN])

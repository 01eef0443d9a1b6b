"""Memory that runs out on command: orders at a server one of whose allocations fails, and what must be true afterwards.

tests/scarce/memory.c is the object that makes them fail. Used by tools/scarce and tests/peers/test_scarce.py.
"""
import json
import mmap
import pathlib
import re
import signal
import struct
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SIZE = 48
LEFT, RUN, LIVE, FAILED, WHO, SEEN = range(0, SIZE, 8)
# Bits of memory.c; docs/faults.md says which of them are to survive.
WHO_BITS = {"ours": 1 << 0, "libc": 1 << 1, "openssl": 1 << 2 | 1 << 3, "sqlite": 1 << 4, "jansson": 1 << 5, "libevent": 1 << 6,
            "curl": 1 << 7 | 1 << 8, "ldns": 1 << 9, "libconfig": 1 << 10, "idn": 1 << 11 | 1 << 12}
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
WAIT_S = 10
SETTLED_S = 0.03


class Memory:
    """Of a server that is started after this was made."""

    def __init__(self, server, build):
        path = server.folder / "memory"
        path.write_bytes(bytes(SIZE))
        path.chmod(0o666)
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)
        self.trace = server.folder / "memory.trace"
        self.trace.write_text("")
        self.trace.chmod(0o666)
        server.wrapper = [*server.wrapper, "env", f"LD_PRELOAD={pathlib.Path(build) / 'tests/scarce/scarce_memory.so'}",
                          f"COUNTERSIGN_SCARCE={path}", f"COUNTERSIGN_SCARCE_TRACE={self.trace}"]

    def get(self, at):
        return struct.unpack_from("=q", self._map, at)[0]

    def put(self, at, number):
        struct.pack_into("=q", self._map, at, number)

    def arm(self, number, who, run=1):
        """The `number`-th allocation of `who`, a list of WHO_BITS, fails, and those behind it, `run` in all."""
        self.put(WHO, 0)
        for at, value in ((FAILED, 0), (RUN, run - 1), (LEFT, number), (WHO, sum(WHO_BITS[name] for name in who))):
            self.put(at, value)

    def disarm(self):
        """How many have failed."""
        self.put(WHO, 0)
        return self.get(FAILED)

    def settle(self, seconds=10):
        """Until nothing is asked for any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.get(SEEN)
            time.sleep(SETTLED_S)
            if self.get(SEEN) == before:
                return

    def last_trace(self, lines=40):
        """Where the last one failed, as functions and lines."""
        blocks = [block for block in self.trace.read_text().split("--\n") if block.strip()]
        return "\n".join(named(line) for line in blocks[-1].splitlines()[3:lines]) if blocks else ""


def named(line):
    """`program(+0x1234) [0x…]` as function and place."""
    found = re.match(r"(\S+)\(\+(0x[0-9a-f]+)\)", line)
    if not found:
        return line.split(" [")[0]
    done = subprocess.run(["addr2line", "-s", "-f", "-i", "-e", *found.groups()], capture_output=True, text=True)
    words = done.stdout.split()
    return " < ".join(f"{name} {place}" for name, place in zip(words[::2], words[1::2])) or line


class Case:
    """One order during which an allocation failed."""

    def __init__(self, number, outcome, fault="", where=""):
        self.number, self.outcome, self.fault, self.where = number, outcome, fault, where


class Scarcity:
    """Orders for `name` at `server`, whose memory is `memory`. With `clock` (a MovedClock) what comes later comes now."""

    def __init__(self, server, memory, name, clock=None, documented=None):
        self.server, self.memory, self.name, self.clock, self.documented = server, memory, name, clock, documented
        self.cases = []

    def csr(self):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName(self.name)]), False)
        pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return key.public_key().public_bytes(*SPKI), pem

    def later(self):
        """What is done behind the answer: values withdrawn, events handed on, visits written."""
        self.memory.settle()
        for _ in range(2 if self.clock else 0):
            self.clock.move(1.5)
            self.memory.settle()

    def judge(self, answer, spki):
        """(outcome, fault); a fault is something that must not be."""
        if answer.status == 200:
            leaf = x509.load_pem_x509_certificate(answer.body)
            return "chain", "" if leaf.public_key().public_bytes(*SPKI) == spki else "the leaf has another key"
        if answer.headers.get("content-type") != "application/problem+json":
            return str(answer.status), f"no problem document: {answer}"
        reason = json.loads(answer.body)["type"].rpartition(":")[2]
        if answer.status < 500 or "retry-after" not in answer.headers:
            return f"{answer.status} {reason}", f"not a problem of the server's that passes: {answer}"
        known = self.documented is None or reason in self.documented
        return f"{answer.status} {reason}", "" if known else f"a problem that is not documented: {answer}"

    def post(self, csr, wait_s=WAIT_S):
        """An answer, or None when the connection ended without one."""
        try:
            return self.server.sign(csr, {"Prefer": f"wait={wait_s}"}, timeout=wait_s + 10)
        except TimeoutError:
            raise
        except OSError:
            return None
        except Exception as fault:  # http.client's own, for a connection that ended within the answer
            if type(fault).__module__ != "http.client":
                raise
            return None

    def once(self, number, who, run=1):
        """False when so many were not asked for."""
        spki, csr = self.csr()
        self.memory.arm(number, who, run)
        try:
            answer, hangs = self.post(csr), ""
        except TimeoutError:
            answer, hangs = None, "no answer within the client's deadline"
        self.later()
        if self.memory.disarm() == 0:
            return False
        outcome, fault = self.judge(answer, spki) if answer else ("closed", "")
        self.cases.append(Case(number, outcome, hangs or fault or self.afterwards(csr, spki, answer), self.memory.last_trace()))
        return True

    def afterwards(self, csr, spki, before):
        """The same CSR once more: now it must work, and what was answered before stays."""
        if not self.server.child.running():
            return "the server is dead\n" + self.server.child.tail(40)
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            try:
                answer = self.post(csr, 3)
            except TimeoutError:
                return "the next request hangs"
            outcome, fault = self.judge(answer, spki) if answer else ("closed", "")
            if fault:
                return f"the next request: {fault}"
            if outcome == "chain":
                same = not before or before.status != 200 or before.body == answer.body
                return "" if same else "the next request gets another chain"
            if self.clock:
                self.clock.move(2)
            time.sleep(0.05)
        return f"the next request: {outcome} {answer}"

    def sweep(self, who, numbers, on_case=None, run=1):
        """Each number until three in a row were not asked for. A server that died is started again."""
        in_a_row = 0
        for number in numbers:
            in_a_row = 0 if self.once(number, who, run) else in_a_row + 1
            if in_a_row == 3:
                break
            if in_a_row == 0 and on_case:
                on_case(self.cases[-1])
            if not self.server.child.running():
                self.server.kill()
                self.server.start()
        return self.cases

    def faults(self):
        return [case for case in self.cases if case.fault]


def start_without(server, memory, number, who=("ours", "libc", "libevent"), seconds=20):
    """Starts a server whose `number`-th allocation fails, and ends it: what was wrong about that; None when so many were not
    asked for. It runs, or it ends with a sentence."""
    memory.arm(number, who)
    server.start(wait=False)
    child, end = server.child, time.monotonic() + seconds
    while child.running() and not server.ready() and time.monotonic() < end:
        time.sleep(0.01)
    is_running, failed = child.running(), memory.disarm()
    fault = "" if not is_running or server.ready() else "it neither runs nor ends"
    if is_running:
        child.signal(signal.SIGTERM)
    code = child.wait_end(30)
    server.child = None
    if code != (0 if is_running else 1):
        fault = f"it ended with {code}"
    elif not is_running and not child.log().strip():
        fault = "it ended without a word"
    return f"{fault}\n{child.tail(4)}\n{memory.last_trace()}" if fault else ("" if failed else None)


def books_agree(server, orders):
    """Faults between the orders of the CA (chaos-ca's) and what the server has written down."""
    ours = {serial.lower().lstrip("0") for serial, in server.sql("SELECT serial FROM certificate")}
    twice = [order for order in orders if order["finalized"] > 1]
    lost = [order for order in orders if order["serial"] and f"{int(str(order['serial']), 16):x}" not in ours]
    return [f"finalized twice: {order}" for order in twice] + [f"issued without a record: {order}" for order in lost]

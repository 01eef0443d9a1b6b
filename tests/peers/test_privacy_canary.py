"""A thousand addresses, user agents, labels and subjects go through the server; none of them is in any file that it wrote.

The server runs as an operator's would, with every log line on, both ledgers, a proxy in front, and time passes until everything
has been purged that will be. Every file is searched at each station, so that what a later one takes away is seen as well.
"""
import datetime
import json
import pathlib
import re
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import pytest

import canary
from moved import DAY, MovedClock
from ports import free_port
from scene import NAME, ZONE
from waiting import until

N_IPV4, N_IPV6, N_WORDS = 700, 300, 200
TABLES = ("requests", "sources", "funnel", "failures", "weeks", "label_sets", "set_sources", "hours", "latencies", "days")
FORMATS = ("table", "csv", "json", "html")
PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"


class Evaluators:
    """What a thousand of them bring along, each as a canary, and where each stands in a request."""

    def __init__(self):
        self.addresses = [canary.new_ipv4() for _ in range(N_IPV4)] + [canary.new_ipv6() for _ in range(N_IPV6)]
        self.agents = [f"Evaluator-{secrets.token_hex(12)}" for _ in range(N_WORDS)]
        self.values = ["v" + secrets.token_hex(10).translate(str.maketrans("0123456789", "ghijklmnop")) for _ in range(N_WORDS)]
        self.names = ["n" + secrets.token_hex(8) for _ in range(N_WORDS)]
        self.subjects = [secrets.token_hex(10) for _ in range(N_WORDS)]
        self.secrets = [secrets.token_urlsafe(24) for _ in range(N_WORDS)]

    def canaries(self):
        found = [canary.ipv6(address) if ":" in address else canary.ipv4(address) for address in self.addresses]
        for kind in ("agents", "values", "names", "subjects", "secrets"):
            found += [canary.word(kind, value) for value in getattr(self, kind)]
        return found

    def request(self, number, body, forwarded=True):
        pick = number % N_WORDS
        address = self.addresses[number]
        lines = [f"POST /v1/sign?label.{self.names[pick]}={self.values[pick]} HTTP/1.1", "Host: sign.example",
                 f"User-Agent: {self.agents[pick]}/1.0 (X11; Linux)", f"X-Countersign-Label: campaign={self.values[pick]}",
                 f"Cookie: session={self.secrets[pick]}", f"Content-Length: {len(body)}"]
        if number % 20:  # half of those with a known subject are refused for it
            lines.append(f"Authorization: Bearer {self.secrets[pick]}")
        if forwarded:
            lines.append(f'Forwarded: for="[{address}]:4711"' if ":" in address and number % 2
                         else f"X-Forwarded-For: {address}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def control():
    return [canary.ipv4(canary.new_ipv4()) for _ in range(N_IPV4)]


def read_answers(connection, n):
    """That many answers from one connection."""
    data, seen = b"", 0
    while seen < n:
        more = connection.recv(1 << 16)
        assert more, f"the server hung up after {seen} of {n} answers: {data[-300:]!r}"
        data += more
        seen = data.count(b"HTTP/1.1 ")
    return data


class LogServer:
    """Takes what one sink of audit-syslog sends over TCP, and keeps it in a file."""

    def __init__(self, path):
        self.path = path
        self.path.touch()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.sink = {"plugin": "audit-syslog", "server": f"tcp:127.0.0.1:{self.socket.getsockname()[1]}"}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with self.path.open("ab", buffering=0) as file:
            while True:
                try:
                    connection, _ = self.socket.accept()
                except OSError:
                    return
                with connection:
                    while data := connection.recv(1 << 16):
                        file.write(data)

    def has(self, pattern):
        return re.findall(pattern, self.path.read_bytes())

    def visits(self):
        return sum(int(n) for n in self.has(rb' visit \[[^\]]* n="(\d+)"'))

    def stop(self):
        self.socket.close()


class Scene:
    """A server with everything on that writes anything."""

    def __init__(self, lab, build, runtime):
        self.lab, self.build, self.runtime = lab, build, runtime
        self.evaluators = Evaluators()
        self.server = lab.server()
        self.clock = MovedClock(lab.folder, build).run(self.server)
        self.told = lab.folder / "told"  # what commands and /metrics say
        self.told.mkdir()
        self.logs = {ledger: LogServer(self.told / f"syslog-{ledger}") for ledger in ("issuance", "visits")}
        lab.running[:0] = self.logs.values()  # stopped after the server
        self.proxied = free_port()
        config = self.server.config
        config["ca"]["local"] = {"plugin": "ca-local", "days": 1}
        config["audit"]["visitors"] = {"plugin": "audit-jsonl", "file": self.server.folder / "state/visits.jsonl",
                                       "ledger": "visits"}
        for ledger, log in self.logs.items():
            config["audit"][f"log-{ledger}"] = {**log.sink, "ledger": ledger}
        config["listen"].append({"address": "127.0.0.1", "port": self.proxied, "proxy_protocol": True})
        config.update(log_level="debug", runtime=runtime, proxies=["127.0.0.1"])

    def start(self):
        self.server.add_zone(ZONE)
        self.server.add_subject(f"CN={NAME}", ZONE)
        self.server.sql("INSERT INTO label (zone, name, allowed) VALUES (?, 'campaign', 'spring')", ZONE)
        self.server.start()
        return self

    def bodies(self):
        """A CSR that is signed, and one after another of subjects that nobody knows: only its bytes are changed, as such a one
        is refused before its signature is looked at."""
        known = self.lab.csr().read_bytes()
        unknown = self.lab.csr(f"{'0' * 20}.{ZONE}")
        der = subprocess.run(["openssl", "req", "-in", unknown, "-outform", "DER"], capture_output=True, check=True).stdout
        return known, lambda number: der.replace(b"0" * 20, self.evaluators.subjects[number % N_WORDS].encode())

    def post(self, numbers, port=None, source="127.0.0.1", forwarded=True, greeting=b""):
        """One connection, one request after the other on it."""
        known, unknown = self.bodies()
        with socket.create_connection(("127.0.0.1", port or self.server.port), 60, source_address=(source, 0)) as connection:
            connection.sendall(greeting)
            for number in numbers:
                body = known if number % 10 == 0 else unknown(number)
                connection.sendall(self.evaluators.request(number, body, forwarded))
                said = b"400" if number % 10 else b"401" if number % 20 else b"200"
                assert read_answers(connection, 1).split()[1] == said, number
            connection.shutdown(socket.SHUT_WR)

    def wait_until(self, true, what):
        self.server.child.wait_until(true, 30, what)

    def status(self):
        return json.loads(self.server.command("privacy", "report", "--format", "json").stdout)

    def tell(self, station, csv=("requests",)):
        """Everything that tells something is asked, and kept to be searched. A csv has one table, the others have all."""
        since = ("--since", "60d")
        for words in (["privacy", "report"], ["privacy", "report", "--format", "json"], ["report", *TABLES, *since],
                      ["report", "--format", "json", *since], ["report", "--format", "html", *since],
                      *(["report", table, "--format", "csv", *since] for table in csv)):
            self.keep(station, words, self.server.command(*words))
        metrics = self.server.ask("GET", "/metrics", port=self.server.admin_port).body
        (self.told / f"{station}-metrics").write_bytes(metrics)

    def keep(self, station, words, done):
        (self.told / f"{station}-{'-'.join(words)}").write_text(done.stdout + done.stderr)

    def tell_everybody(self, station, week):
        """The release of that week, once the server has published it, in every format; its numbers."""
        words = ["report", "--public", "--zone", ZONE, "--week", week, "--format"]
        self.wait_until(lambda: self.server.command(*words, "json", check=False).returncode == 0, f"{week} was published")
        told = {name: self.server.command(*words, name) for name in FORMATS}
        for name, done in told.items():
            self.keep(station, [*words, name], done)
        self.keep(station, ["report", "--public", "--list"], self.server.command("report", "--public", "--list"))
        return json.loads(told["json"].stdout)

    def logs_have_everything(self):
        until(lambda: self.logs["issuance"].has(rb" stopped \[") and self.logs["visits"].visits() >= N_IPV4 + N_IPV6)
        assert self.logs["issuance"].has(rb" issued \[") and self.logs["issuance"].has(rb" key-destroyed \[")

    def files(self):
        folders = (self.server.folder, self.runtime, self.told)
        return [path for folder in folders for path in pathlib.Path(folder).rglob("*") if path.is_file()]


@pytest.fixture
def runtime():
    """In memory, as the key of the day wants it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-run-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def proxy_header(address, port=4711):
    """The PROXY protocol's version 2 (haproxy's proxy-protocol.txt, 2.2)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    local = "2a00::1" if family == socket.AF_INET6 else "192.0.2.1"
    body = socket.inet_pton(family, address) + socket.inet_pton(family, local) + struct.pack("!HH", port, 443)
    return PROXY_V2 + struct.pack("!BBH", 0x21, 0x21 if family == socket.AF_INET6 else 0x11, len(body)) + body


def send_everything(scene):
    """Most by X-Forwarded-For and Forwarded, some by the PROXY protocol, some from an address of their own, some wrongly."""
    evaluators = scene.evaluators
    for number in range(40):
        own = f"127.{evaluators.addresses[number].split('.', 1)[1]}"
        evaluators.addresses[number] = own
        scene.post([number], source=own, forwarded=False)
    for number in (*range(40, 80), *range(N_IPV4, N_IPV4 + 40)):
        scene.post([number], port=scene.proxied, forwarded=False, greeting=proxy_header(evaluators.addresses[number]))
    scene.post([*range(80, N_IPV4), *range(N_IPV4 + 40, N_IPV4 + N_IPV6)])
    for number in range(20):
        wrong = f"X-Forwarded-For: {evaluators.addresses[number]}, nonsense, {evaluators.addresses[number + 20]}x"
        with socket.create_connection(("127.0.0.1", scene.server.port), 30) as connection:
            connection.sendall(f"POST /v1/sign HTTP/1.1\r\nHost: x\r\n{wrong}\r\nContent-Length: 3\r\n\r\nabc".encode())
            assert read_answers(connection, 1)


def test_moved_clock_what_a_thousand_evaluators_bring_along_is_in_no_file(lab, build, runtime, say):
    scene = Scene(lab, build, runtime).start()
    server, clock = scene.server, scene.clock
    week = "{}-W{:02}".format(*datetime.datetime.fromtimestamp(clock.now(), datetime.timezone.utc).isocalendar())
    send_everything(scene)
    search = canary.Search(build / "tests/privacy/find_bytes", lab.folder, scene.evaluators.canaries(), control())
    searched = 0

    def look(station):
        nonlocal searched
        proofs, weak, n = search.look(scene.files())
        searched += n
        assert not proofs, f"{station}:\n" + "\n".join(proofs[:20])
        assert not canary.more_than_chance(weak), f"{station}: what was sent {weak[0]} times, what was not {weak[1]}"

    scene.wait_until(lambda: scene.status()["days"][-1:] and scene.status()["days"][-1]["recorded"] >= N_IPV4 + N_IPV6,
                     "every visit was recorded")
    scene.tell("today")
    look("today")
    assert "campaign" not in server.log()
    clock.move(DAY)
    scene.wait_until(lambda: scene.status()["days"][0]["key_destroyed"], "the key was destroyed")
    scene.tell("tomorrow", csv=TABLES)
    look("tomorrow")
    clock.move(40 * DAY)
    scene.wait_until(lambda: scene.status()["server"]["must_confirm"], "the purge waits to be confirmed")
    server.command("privacy", "confirm")
    scene.wait_until(lambda: not server.sql("SELECT 1 FROM certificate UNION SELECT 1 FROM job"), "certificates were purged")
    scene.tell("at the end")
    assert scene.tell_everybody("at the end", week)["total"]["requests"] > 0
    look("at the end")
    server.stop()
    scene.logs_have_everything()
    look("after the stop")
    say(f"canary: {len(scene.evaluators.canaries())} values, {len(search.meaning)} forms, {searched / 1e6:.1f} MB searched")
    prove_the_search(scene, search, lab.folder / "planted")


def prove_the_search(scene, search, folder):
    """Each form of some of them, put into a copy of what the server wrote, is found; so are four bytes of each address."""
    folder.mkdir()
    haystack = folder / "haystack"
    sample = scene.evaluators.canaries()[::97]
    with open(haystack, "wb") as file:
        for path in scene.files():
            file.write(path.read_bytes())
        for planted in sample:
            for form in planted.sure:
                file.write(secrets.token_bytes(5) + form)
    proofs, _, _ = search.look([haystack])
    assert {line.rsplit(" is in ", 1)[0] for line in proofs} >= {planted.name for planted in sample}
    haystack.write_bytes(b"".join(socket.inet_aton(address) + secrets.token_bytes(30)
                                  for address in scene.evaluators.addresses[:N_IPV4]))
    assert canary.more_than_chance(search.look([haystack])[1])

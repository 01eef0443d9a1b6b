"""A server whose visitors come through a proxy: what the privacy tests have in common."""
import contextlib
import json
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import tempfile

from moved import DAY, HOUR
from scene import NAME, ZONE

BATCH = 500


@contextlib.contextmanager
def runtime_folder():
    """In memory, where alone the key of the day is put into a file."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-run-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_answers(connection, n):
    """That many answers from one connection."""
    data = b""
    while data.count(b"HTTP/1.1 ") < n or not data.endswith((b"}", b"subject", b"-----\n")):
        more = connection.recv(1 << 20)
        assert more, f"the server hung up after {data.count(b'HTTP/1.1 ')} of {n} answers: {data[-300:]!r}"
        data += more
    return data


class Visitors:
    """`clock`: a MovedClock, or None. ca-local signs, so that nobody else is needed."""

    def __init__(self, lab, clock, runtime, user=None, **visits):
        self.lab, self.clock, self.runtime = lab, clock, runtime
        self.server = lab.server()
        if user:
            self.server.run_as(user)
        if clock:
            clock.run(self.server)
            clock.move_to(12)  # far from midnight
        self.server.config["ca"]["local"] = {"plugin": "ca-local"}
        self.server.config.update(runtime=runtime, proxies=["127.0.0.1"], log_level="debug")
        if visits:
            self.server.config["visits"] = visits
        self.visits_db = self.server.folder / "state/store.main/visits.db"
        self.analytics_db = self.server.folder / "state/store.main/analytics.db"

    def start(self):
        """With its zone, its subject and a label, which are there before the server, so that it starts only once."""
        self.server.add_zone(ZONE)
        self.server.add_subject(f"CN={NAME}", ZONE)
        self.server.sql("INSERT INTO label (zone, name, allowed) VALUES (?, 'campaign', ?)", ZONE, "spring\nautumn")
        self.server.start()
        return self

    def refused_posts(self, addresses, labels=""):
        """One request from each address, of a subject that nobody knows, many at a time on one connection."""
        body = self.lab.csr(f"nobody.{ZONE}").read_bytes()
        self.posts(addresses, body, labels)

    def posts(self, addresses, body, labels=""):
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as connection:
            for at in range(0, len(addresses), BATCH):
                some = addresses[at:at + BATCH]
                connection.sendall(b"".join(
                    f"POST /v1/sign HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n{labels}"
                    f"Content-Length: {len(body)}\r\n\r\n".encode() + body for address in some))
                read_answers(connection, len(some))

    def wait_until(self, true, what, seconds=30):
        self.server.child.wait_until(true, seconds, what)

    def report(self):
        return json.loads(self.server.command("privacy", "report", "--format", "json").stdout)

    def key_is_destroyed(self):
        """Of the first day that is recorded."""
        return bool(self.report()["days"][0]["key_destroyed"])

    def control(self, method, path, body=None):
        """What a command would ask the server."""
        words = ["curl", "-sS", "--fail-with-body", "--unix-socket", self.runtime / "control.sock", "-X", method,
                 f"http://control{path}", *(["-d", json.dumps(body)] if body is not None else [])]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def status(self):
        return self.control("GET", "/v1/privacy/status")

    def recorded(self):
        """How many visits are in the file, of all days."""
        with contextlib.closing(sqlite3.connect(f"file:{self.visits_db}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute("SELECT coalesce(sum(recorded), 0) FROM day_note").fetchone()[0]

    def wait_recorded(self, n):
        self.wait_until(lambda: self.recorded() >= n, f"{n} visits were recorded")

    def key_file(self):
        return next(pathlib.Path(self.runtime).glob("day-*.key"))

    def past_midnight(self):
        """And past the grace time."""
        self.clock.move_to(0)
        self.clock.move(HOUR)

    def days_later(self, days):
        self.clock.move(days * DAY)

    def files(self):
        return [path for folder in (self.server.folder, self.runtime) for path in pathlib.Path(folder).rglob("*")
                if path.is_file()]

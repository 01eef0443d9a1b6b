"""The key of a day, once destroyed, is nowhere: not in a file, not in the server's memory, and what it hid stays hidden.

Each attack is tried before the destruction, too, when it has to work: an attack that never works proves nothing.
"""
import os
import pathlib
import re
import secrets
import socket
import sqlite3
import subprocess

import pytest

from moved import MovedClock
from people import Visitors, runtime_folder

N = 10000
PREFIX = "198.51"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can read a server's memory")


@pytest.fixture
def runtime():
    with runtime_folder() as folder:
        yield folder


class Memory:
    """What a process has in memory, all of it that root can read."""

    def __init__(self, pid):
        self.pid = pid

    def regions(self):
        for line in pathlib.Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r.*?(\S*)$", line)
            if match and match.group(3) not in ("[vvar]", "[vsyscall]"):
                yield int(match.group(1), 16), int(match.group(2), 16)

    def count(self, *needles):
        found = 0
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            for start, end in self.regions():
                try:
                    memory.seek(start)
                    data = memory.read(end - start)
                except (OSError, OverflowError):  # reserved, but nothing is there
                    continue
                found += sum(data.count(needle) for needle in needles)
        return found


def traces(key):
    """What the key is found by, or follows from: itself, and the blocks that HMAC (RFC 2104) begins with."""
    return key, bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5c for byte in key)


class Attack:
    """Somebody with every file of the server, and find_key (tests/privacy)."""

    def __init__(self, scene, build, folder):
        self.scene, self.program = scene, build / "tests/privacy/find_key"
        self.pseudonyms = folder / "pseudonyms"
        self.n_rows, self.zone_id = self.read_visits()

    def read_visits(self):
        with sqlite3.connect(f"file:{self.scene.visits_db}?mode=ro", uri=True) as db:
            zone_id, = db.execute("SELECT id FROM zone_id WHERE zone = ''").fetchone()
            rows = db.execute(f"SELECT DISTINCT src FROM visit_{self.scene.clock.day()}").fetchall()
        db.close()
        self.pseudonyms.write_bytes(b"".join((src % 2**64).to_bytes(8, "big") for src, in rows))
        return len(rows), f"{zone_id % 2**64:016x}"

    def run(self, how, address, *what):
        done = subprocess.run([self.program, how, self.pseudonyms, self.zone_id, socket.inet_aton(address).hex(), *what],
                              capture_output=True, text=True, check=True, timeout=120)
        tried, found = re.fullmatch(r"tried (\d+) found (\d+)\n", done.stdout).groups()
        return int(tried), int(found)

    def with_key(self, key):
        return self.run("sources", f"{PREFIX}.0.0", key.hex())

    def with_windows(self, address, files):
        return self.run("windows", address, *files)


def test_moved_clock_a_destroyed_key_is_nowhere_and_recovers_nobody(lab, build, runtime, say):
    scene = Visitors(lab, MovedClock(lab.folder, build), runtime).start()
    server, memory = scene.server, Memory(scene.server.child.pid)
    hosts = secrets.SystemRandom().sample(range(65536), N)
    addresses = [f"{PREFIX}.{host >> 8}.{host & 255}" for host in hosts]
    scene.refused_posts(addresses)
    scene.wait_recorded(N)
    key_file = scene.key_file()
    key = key_file.read_bytes()
    assert len(key) == 32
    attack = Attack(scene, build, lab.folder)

    assert attack.n_rows == N, "64 bits tell 10,000 sources apart"
    tried, found = attack.with_key(key)
    assert (tried, found) == (65536, N)
    assert attack.with_windows(addresses[0], [key_file]) == (1, 1), "the key's own file gives it away while it is there"
    assert memory.count(key) >= 1

    scene.past_midnight()
    scene.wait_until(scene.key_is_destroyed, "the key was destroyed")
    assert not key_file.exists()
    assert memory.count(*traces(key)) == 0
    files = scene.files()
    for path in files:
        data = path.read_bytes()
        assert not any(form in data for form in (*traces(key), key.hex().encode(), key.hex().upper().encode())), path
    tried, found = attack.with_windows(addresses[0], files)
    assert tried > 32 * len(files) and found == 0
    say(f"key: {N} pseudonyms, {tried} windows of {len(files)} files tried as the key")


def test_a_server_leaves_no_core_and_lets_nobody_but_root_look_into_it(lab, build, runtime):
    """A core dump, or the memory of the process read by another of the same user, would give the key away."""
    runtime.chmod(0o755)
    os.chown(runtime, 65534, 65534)
    scene = Visitors(lab, None, runtime, user="nobody").start()
    pid = scene.server.child.pid
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "it is dumpable: the user's own processes may read its memory"
    scene.refused_posts(["192.0.2.1"])
    scene.wait_recorded(1)
    assert stat_of(scene.key_file()) == (65534, 0o600)
    assert stat_of(runtime / "control.sock") == (65534, 0o600)


def stat_of(path):
    about = path.stat()
    return about.st_uid, about.st_mode & 0o777

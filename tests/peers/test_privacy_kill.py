"""Erasing and purging, killed in the middle, beside somebody who reads: the counts agree with the rows, and once the server has
started again no byte of what went is in any file."""
import contextlib
import hashlib
import hmac
import random
import socket
import sqlite3
import threading
import time

import pytest

from moved import DAY, MovedClock
from people import Visitors, runtime_folder
from scene import ZONE

ERASE_ROUNDS, PURGE_ROUNDS = 6, 3
SOURCES = [f"203.0.113.{host}" for host in range(1, 41)]


@pytest.fixture
def runtime():
    with runtime_folder() as folder:
        yield folder


@pytest.fixture
def scene(lab, build, runtime):
    scene = Visitors(lab, MovedClock(lab.folder, build), runtime, keep="1d").start()
    return scene


def visit(scene):
    """Each source comes some times, for both zones that there are: the known one's, and that of unknown subjects."""
    csr, before = scene.lab.csr().read_bytes(), scene.recorded()
    scene.posts(SOURCES[:1], csr)  # issued; the others get the stored chain
    scene.posts(SOURCES * 2, csr, "X-Countersign-Label: campaign=spring\r\n")
    scene.posts(SOURCES, csr, "X-Countersign-Label: campaign=autumn\r\n")
    scene.refused_posts(SOURCES * 2)
    scene.wait_recorded(before + 1 + 5 * len(SOURCES))


def read(scene, *statements):
    db = sqlite3.connect(f"file:{scene.visits_db}?mode=ro", uri=True)
    try:
        db.execute("BEGIN")
        return [db.execute(statement).fetchall() for statement in statements]
    finally:
        db.close()


def pseudonyms(scene, address):
    """What the server writes in place of an address today: for each zone one, as SQLite has numbers in its files."""
    key = scene.key_file().read_bytes()
    ids, = read(scene, "SELECT id FROM zone_id")
    source = b"\4" + socket.inet_aton(address) + bytes(4)
    return [hmac.new(key, b"\1" + (id % 2**64).to_bytes(8, "big") + source, hashlib.sha256).digest()[:8] for id, in ids]


def in_files(scene, needles):
    """Those that have one of them. Looks anew when one goes away meanwhile: analytics.db is renamed into its place."""
    for _ in range(10):
        with contextlib.suppress(FileNotFoundError):
            return [path for path in scene.files() for needle in needles if needle in path.read_bytes()]
    raise AssertionError("files come and go")


def rows_of(scene, day, needles):
    srcs = ", ".join(str(int.from_bytes(needle, "big", signed=True)) for needle in needles)
    rows, = read(scene, f"SELECT coalesce(sum(n), 0) FROM visit_{day} WHERE src IN ({srcs})")
    return rows[0][0]


def check_totals(scene, day):
    """Every count that is kept equals a recount of the day's rows."""
    of = f"FROM visit_{day} AS v"
    by_label = f"FROM (SELECT v.*, s.label {of} JOIN (SELECT labels, label FROM set_label UNION ALL " \
               "SELECT id, 0 FROM label_set) AS s ON s.labels = v.labels) AS v"
    for kept, counted in (
            (f"SELECT zone, label, outcome, requests, uniques FROM total WHERE day = {day} AND outcome <> 0",
             f"SELECT zone, label, outcome, sum(n), count(DISTINCT src) {by_label} GROUP BY zone, label, outcome"),
            (f"SELECT zone, label, requests, uniques FROM total WHERE day = {day} AND outcome = 0",
             f"SELECT zone, label, sum(n), count(DISTINCT src) {by_label} GROUP BY zone, label"),
            (f"SELECT zone, labels, outcome, requests, uniques FROM set_total WHERE day = {day} AND outcome <> 0",
             f"SELECT zone, labels, outcome, sum(n), count(DISTINCT src) {of} GROUP BY zone, labels, outcome"),
            (f"SELECT zone, label, outcome, reached, error, requests FROM step_total WHERE day = {day}",
             f"SELECT zone, label, outcome, reached, error, sum(n) {by_label} GROUP BY zone, label, outcome, reached, error")):
        is_kept, is_counted = read(scene, kept, counted)
        assert sorted(is_kept) == sorted(is_counted), kept


def holder(scene):
    """Somebody who reads visits.db and stays at what he saw first."""
    db = sqlite3.connect(f"file:{scene.visits_db}?mode=ro", uri=True, check_same_thread=False, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM total").fetchall()
    return db


def erase(scene, address):
    """As an operator does it; the exit code."""
    done = scene.server.command("privacy", "erase", "--ip", "-", "--yes", check=False, stdin=address + "\n")
    assert done.returncode in (0, 4), done.stderr
    assert address not in done.stdout + done.stderr
    return done.returncode


def ask_to_erase(scene, address):
    """Without the command's own start, which takes longer than the erasure. A server that is killed does not answer."""
    with contextlib.suppress(AssertionError):
        scene.control("POST", "/v1/privacy/erase", {"address": address})


def kill_after(scene, seconds, act):
    """Begins to act, and kills the server so much later."""
    thread = threading.Thread(target=act)
    thread.start()
    time.sleep(seconds)
    scene.server.kill()
    thread.join()
    scene.server.start()


def is_scrubbed(scene):
    return scene.status()["scrubbed"]


def test_moved_clock_an_erasure_that_is_killed_took_all_or_nothing_and_no_byte_stays(scene, say):
    visit(scene)
    day = scene.clock.day()
    check_totals(scene, day)
    victims = iter(random.sample(SOURCES, ERASE_ROUNDS + 2))
    needles = pseudonyms(scene, first := next(victims))
    assert in_files(scene, needles), "the search finds what is there"
    assert erase(scene, first) == 0
    assert rows_of(scene, day, needles) == 0 and not in_files(scene, needles)
    start = time.monotonic()
    ask_to_erase(scene, next(victims))
    longest = time.monotonic() - start
    taken = 0
    for number, victim in enumerate(victims):
        needles = pseudonyms(scene, victim)
        before = rows_of(scene, day, needles)
        assert before > 0
        reader = holder(scene) if number % 2 else None
        kill_after(scene, random.uniform(0, longest), lambda: ask_to_erase(scene, victim))
        left = rows_of(scene, day, needles)
        assert left in (0, before)
        taken += left == 0
        check_totals(scene, day)
        if left:
            assert erase(scene, victim) == (4 if reader else 0)  # done, but for what the reader holds
        if reader:
            reader.close()
        scene.wait_until(lambda: is_scrubbed(scene), "nothing is left in the files")
        assert rows_of(scene, day, needles) == 0
        assert not in_files(scene, needles), f"round {number}"
        check_totals(scene, day)
    say(f"erase: killed {ERASE_ROUNDS} times, {taken} times it had been done; {longest * 1000:.0f} ms each")


def test_moved_clock_a_purge_that_is_killed_is_done_at_the_next_start_and_no_byte_stays(scene, say):
    for number in range(PURGE_ROUNDS):
        visit(scene)
        day = scene.clock.day()
        needles = [needle for address in SOURCES for needle in pseudonyms(scene, address)]
        totals, = read(scene, f"SELECT * FROM total WHERE day = {day} AND label = 0")
        assert len(in_files(scene, needles)) >= len(needles) // 2
        reader = holder(scene) if number % 2 else None
        scene.past_midnight()
        scene.wait_until(scene.key_is_destroyed, "the key was destroyed")
        kill_after(scene, random.uniform(0, 0.2), lambda: scene.clock.move(1.5 * DAY))
        if reader:
            reader.close()
        scene.wait_until(lambda: is_scrubbed(scene) and not table_is_there(scene, day), "the day was purged")
        assert not in_files(scene, needles), f"round {number}"
        assert read(scene, f"SELECT * FROM total WHERE day = {day} AND label = 0") == [totals]
        scene.clock.move_to(12)


def table_is_there(scene, day):
    return read(scene, f"SELECT 1 FROM sqlite_schema WHERE name = 'visit_{day}'") != [[]]

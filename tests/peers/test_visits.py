"""Visits as a server with a real store records them: who came, how far, and nothing that leads to a certificate."""
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import sqlite3
import tempfile
import time

import pytest

from chain import check_chain
from scene import NAME, ZONE
from waiting import until

SPEC_ROWS = """
    SELECT zone.word, src, outcome.word, reached.word, error.word, alg.word, client.word, n FROM {table} v
    JOIN word zone ON zone.id = v.zone JOIN word outcome ON outcome.id = v.outcome JOIN word reached ON reached.id = v.reached
    JOIN word error ON error.id = v.error JOIN word alg ON alg.id = v.alg JOIN word client ON client.id = v.client
    ORDER BY 1, 3, 5"""


@pytest.fixture
def memory():
    """A runtime folder in memory, as /run is."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-visits-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(lab, memory):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["runtime"] = memory / "run"
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


def visits_db(server):
    return server.database.with_name("visits.db")


def query(server, statement, *values):
    db = sqlite3.connect(f"file:{visits_db(server)}?mode=ro", uri=True)
    try:
        return db.execute(statement, values).fetchall()
    finally:
        db.close()


def today():
    return int(time.time()) // 86400


def rows(server):
    table = f"visit_{today()}"
    if not query(server, "SELECT 1 FROM sqlite_schema WHERE name = ?", table):
        return []
    return query(server, SPEC_ROWS.format(table=table))


def note(server):
    return query(server, "SELECT keys, received, recorded FROM day_note WHERE day = ?", today())


def pseudonym(server, key, zone, address):
    (zone_id,), = query(server, "SELECT id FROM zone_id WHERE zone = ?", zone)
    message = b"\x01" + (zone_id % 2**64).to_bytes(8, "big") + bytes([4]) + bytes(map(int, address.split("."))) + bytes(4)
    return int.from_bytes(hmac.digest(key, message, hashlib.sha256)[:8], "big", signed=True)


def test_each_request_is_a_visit_with_a_pseudonym_of_the_days_key(lab, server):
    csr = lab.csr()
    check_chain(server.sign(csr), csr)
    check_chain(server.sign(csr), csr)
    assert server.sign(lab.csr(subject="/CN=nobody")).status == 400
    assert server.sign(b"hello").status == 400
    until(lambda: note(server) == [(1, 4, 4)])
    key_file = server.config["runtime"] / f"day-{time.strftime('%Y-%m-%d', time.gmtime())}.key"
    with_key = key_file.exists()  # not where unencrypted swap is on
    sources = [pseudonym(server, key_file.read_bytes(), zone, "127.0.0.1") for zone in ("", ZONE)] if with_key else None
    seen = rows(server)
    assert [(zone, outcome, reached, error, n) for zone, _, outcome, reached, error, _, _, n in seen] == [
        ("", "refused", "posted", "no-csr", 1), ("", "refused", "posted", "unknown-subject", 1),
        (ZONE, "issued", "issued", "", 1), (ZONE, "stored", "issued", "", 1)]
    assert {alg for *_, alg, _, _ in seen[2:]} == {"ecdsa-p256"}
    if with_key:
        assert [src for _, src, *_ in seen] == [sources[0]] * 2 + [sources[1]] * 2
    assert len({src for _, src, *_ in seen}) == 2
    assert query(server, "SELECT count(*) FROM latency")[0][0] > 0


def test_a_stop_that_nobody_calls_a_restart_destroys_the_key_and_records_it(lab, server):
    server.sign(lab.csr())
    runtime = server.config["runtime"]
    server.stop()
    assert not list(runtime.glob("day-*.key"))
    assert query(server, "SELECT keys, received, recorded, key_destroyed_ms > 0 FROM day_note") == [(1, 1, 1, 1)]
    events = [json.loads(line) for line in (server.folder / "state/audit.jsonl").read_text().splitlines()]
    assert [event["day"] for event in events if event["kind"] == "key-destroyed"] == [time.strftime("%Y-%m-%d", time.gmtime())]
    server.start()
    server.sign(lab.csr())
    until(lambda: note(server) == [(2, 2, 2)])
    assert query(server, "SELECT flags & 2 FROM day_note")[0][0]  # two keys


def test_under_systemd_the_key_outlives_a_restart(lab, server):
    runtime = server.config["runtime"]
    server.stop()
    server.env = {"RUNTIME_DIRECTORY": str(runtime)}
    server.start()
    if not list(runtime.glob("day-*.key")):
        pytest.skip("unencrypted swap is on, so no key is kept in a file")
    server.sign(lab.csr())
    server.stop()
    kept, = runtime.glob("day-*.key")
    before = kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600 and len(before) == 32
    server.start()
    server.sign(lab.csr())
    until(lambda: [row[1:] for row in note(server)] == [(2, 2)])
    assert kept.read_bytes() == before
    assert len({src for _, src, *_ in rows(server)}) == 1
    del server.env["RUNTIME_DIRECTORY"]


def test_what_a_crash_lost_is_counted(lab, server):
    server.sign(lab.csr())
    until(lambda: note(server) == [(1, 1, 1)])
    held = sqlite3.connect(visits_db(server), isolation_level=None)
    held.execute("BEGIN IMMEDIATE")  # nothing more is recorded from here on
    for _ in range(3):
        server.sign(lab.csr())
    server.kill()
    held.execute("ROLLBACK")
    held.close()
    server.start()
    until(lambda: [row[1:] for row in note(server)] == [(4, 1)])


def test_visits_can_be_turned_off(lab, server):
    server.stop()
    server.config["visits"] = {"enabled": False}
    server.start()
    csr = lab.csr()
    check_chain(server.sign(csr), csr)
    server.stop()
    assert query(server, "SELECT count(*) FROM day_note WHERE received > 0") == [(0,)]
    assert not any(name.endswith(".key") for name in os.listdir(server.config["runtime"]))

"""What a backup remembers of requests: no pseudonym and nothing of the open day, unless that was asked for."""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import tempfile

import pytest

from moved import MovedClock
from people import Visitors

TOTALS = {"total": "day, zone, label, outcome", "set_total": "day, zone, labels, outcome", "hour_total": "day, zone, hour",
          "step_total": "day, zone, label, outcome, reached, error", "latency": "day, role, instance, bucket",
          "day_note": "day"}


@pytest.fixture
def scene(lab, build):
    runtime = pathlib.Path(tempfile.mkdtemp(prefix="countersign-backup-", dir="/dev/shm"))
    yield Visitors(lab, MovedClock(lab.folder, build), runtime).start()
    shutil.rmtree(runtime)


def query(path, statement):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(statement).fetchall()


def tables(path):
    return {name for name, in query(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def backup(scene, *more):
    made = json.loads(scene.server.command("backup", scene.server.folder / "backups", "--json", *more).stdout)
    return made, pathlib.Path(made["backup"]) / "store/visits.db"


def test_a_backup_has_the_counts_of_closed_days_and_no_trace_of_a_visit(lab, scene):
    body = lab.csr().read_bytes()
    addresses = [f"192.0.2.{n}" for n in range(1, 16)]
    scene.posts(addresses, body, "X-Countersign-Label: campaign=spring\r\n")
    scene.wait_recorded(15)
    scene.past_midnight()
    closed = "SELECT day FROM day_note WHERE flags & 32"
    scene.wait_until(lambda: query(scene.visits_db, closed), "the day is closed")
    scene.posts(addresses, body, "X-Countersign-Label: campaign=autumn\r\n")
    scene.wait_recorded(30)
    (day,), = query(scene.visits_db, closed)

    made, copy = backup(scene)
    assert made["visits"] == "totals"
    for table, key in TOTALS.items():
        rows = query(copy, f"SELECT * FROM {table} ORDER BY {key}")
        assert rows == query(scene.visits_db, f"SELECT * FROM {table} WHERE day = {day} ORDER BY {key}") and rows, table
    data = copy.read_bytes()
    assert b"spring" in data and b"autumn" not in data
    assert query(copy, "SELECT count(*) FROM zone_id") == [(0,)]
    kept = [table for table in tables(scene.visits_db) if table.startswith("visit_")]
    assert len(kept) == 2 and not tables(copy) & set(kept)
    sources = {src for table in kept for src, in query(scene.visits_db, f"SELECT DISTINCT src FROM {table}")}
    assert len(sources) == 30
    assert [src for src in sources if src.to_bytes(8, "big", signed=True) in data or str(src).encode() in data] == []

    made, copy = backup(scene, "--visits", "all")
    assert made["visits"] == "all" and set(kept) < tables(copy)
    assert {src for table in kept for src, in query(copy, f"SELECT src FROM {table}")} == sources
    made, copy = backup(scene, "--visits", "none")
    assert made["visits"] == "none" and made["forget_by"] is None and not copy.exists()


def test_restored_counts_go_on_being_counted(lab, scene):
    body = lab.csr().read_bytes()
    scene.posts(["192.0.2.1"], body)
    scene.wait_recorded(1)
    scene.past_midnight()
    scene.wait_until(lambda: query(scene.visits_db, "SELECT 1 FROM day_note WHERE flags & 32"), "the day is closed")
    made, _ = backup(scene)
    scene.server.stop()
    shutil.rmtree(scene.server.folder / "state")
    scene.server.command("restore", made["backup"])
    scene.server.start()
    scene.posts(["192.0.2.1"], body)
    scene.wait_recorded(2)
    assert query(scene.visits_db, "SELECT sum(requests) FROM total WHERE label = 0 AND outcome = 0") == [(2,)]

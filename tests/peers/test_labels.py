"""Labels from what a client sends to what is counted: `countersign label`, `countersign sign --label`, header, query, JSON."""
import json
import sqlite3
import subprocess
import time

import pytest

from scene import NAME, ZONE

CANARY = "ann.canary@lab.example"


@pytest.fixture
def server(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    server.command("label", "add", ZONE, "campaign", "spring", "trade fair")
    server.command("label", "add", ZONE, "release", "--pattern", "[0-9]*")
    return server.start()


def counted(server):
    """Requests by label, as visits.db has them; an unlabelled one is not in it."""
    path = server.database.with_name("visits.db")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        rows = connection.execute("SELECT name, value, requests FROM total JOIN label ON label.id = total.label "
                                  "WHERE outcome = 0 AND label.id <> 0")
        return {f"{name}={value}": n for name, value, n in rows}
    finally:
        connection.close()


def wait_for(server, wanted):
    for _ in range(200):
        if counted(server) == wanted:
            return
        time.sleep(0.05)
    assert counted(server) == wanted


def test_labels_arrive_by_every_way_and_what_is_not_allowed_does_not(lab, server):
    csr = lab.csr()
    done = subprocess.run([server.program, "sign", "--server", server.url("").rstrip("/"), "--name", NAME,
                           "--label", "campaign=trade fair", "--label", "release=2.1"],
                          cwd=csr.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert server.sign(csr, headers={"X-Countersign-Label": "campaign=spring"}, query="?label.release=2.1").status == 200
    body = json.dumps({"csr": csr.read_text(), "labels": {"campaign": "spring", "release": "2.2"}})
    assert server.ask("POST", "/v1/sign", body, {"Content-Type": "application/json"}).status == 200
    assert server.sign(csr, headers={"X-Countersign-Label": f"release={CANARY}"}).status == 200
    assert server.sign(csr, headers={"X-Countersign-Label": "campaign=summer"}, query="?label.who=" + CANARY).status == 200
    wait_for(server, {"campaign=trade fair": 1, "campaign=spring": 2, "campaign=other": 1,
                      "release=2.1": 2, "release=2.2": 1, "release=other": 1})
    server.stop()
    for path in server.folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_a_label_that_is_removed_while_the_server_runs_is_no_longer_counted(lab, server):
    csr = lab.csr()
    assert server.sign(csr, headers={"X-Countersign-Label": "campaign=spring"}).status == 200
    wait_for(server, {"campaign=spring": 1})
    server.command("label", "remove", ZONE, "campaign")
    kept = [1]
    for number in range(100):  # until one is counted without it
        query = f"?label.release=3.{number}"
        assert server.sign(csr, headers={"X-Countersign-Label": "campaign=spring"}, query=query).status == 200
        end = time.monotonic() + 10
        while f"release=3.{number}" not in counted(server):
            assert time.monotonic() < end
            time.sleep(0.05)
        kept.append(counted(server)["campaign=spring"])
        if kept[-1] == kept[-2]:
            break
    assert kept[-1] == kept[-2] < 100

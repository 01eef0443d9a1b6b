"""The tables that people edit: seen at the next request, guarded against nonsense, and a database that somebody holds."""
import json
import sqlite3
import time

import pytest

from chain import check_chain, names_of
from scene import NAME, ZONE


def test_rows_changed_with_sqlite3_are_seen_at_the_next_request(world):
    server = world.server
    csr = world.csr()
    server.sql("UPDATE subject SET enabled = 0 WHERE subject = ?", f"CN={NAME}")
    assert server.sign(csr).body == b"Invalid subject"
    server.sql("UPDATE subject SET enabled = 1 WHERE subject = ?", f"CN={NAME}")
    check_chain(server.sign(csr), csr)
    assert server.sign(world.csr(subject="/O=New")).body == b"Invalid subject"
    server.sql("INSERT INTO subject (subject, zone, names) VALUES (?, ?, ?)", "O=New", ZONE, f"new.{ZONE}")
    csr = world.csr(subject="/O=New", names=[f"new.{ZONE}"])
    assert names_of(check_chain(server.sign(csr), csr)) == [f"new.{ZONE}"]
    server.sql("DELETE FROM subject WHERE subject = ?", "O=New")
    assert server.sign(world.csr(subject="/O=New", names=[f"new.{ZONE}"])).body == b"Invalid subject"


def test_a_zone_that_is_turned_off_refuses(world):
    world.server.sql("UPDATE zone SET enabled = 0")
    answer = world.server.sign(world.csr())
    assert 400 <= answer.status < 500, answer


@pytest.mark.parametrize("statement, values, word", [
    ("INSERT INTO subject (subject, zone) VALUES (?, ?)", ("CN=x", "nowhere.example"), "zone"),
    ("INSERT INTO zone (zone, dns) VALUES (?, ?)", ("Upper.Example", "builtin"), "lower"),
    ("INSERT INTO zone (zone, dns) VALUES (?, ?)", ("dot.example.", "builtin"), "dot"),
    ("INSERT INTO zone (zone, dns, parallel) VALUES (?, ?, ?)", ("a.example", "builtin", 0), "parallel"),
    ("INSERT INTO zone (zone, dns, visible) VALUES (?, ?, ?)", ("a.example", "builtin", "maybe"), "visible"),
    ("INSERT INTO subject (subject, zone, names) VALUES (?, ?, ?)", ("CN=x", ZONE, "www.elsewhere.example"), "zone"),
])
def test_rows_that_make_no_sense_are_refused_with_a_readable_message(world, statement, values, word):
    with pytest.raises(sqlite3.Error) as fault:
        world.server.sql(statement, *values)
    assert word in str(fault.value).lower()
    csr = world.csr()
    check_chain(world.server.sign(csr), csr)


def test_a_writer_that_holds_the_database_gives_503_with_the_cause_and_the_server_recovers(world, slow):
    server = world.server
    holder = sqlite3.connect(server.database, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        answer = server.sign(world.csr())
        seconds = time.monotonic() - start
        assert answer.status == 503, answer
        assert 4 < seconds < 30 * slow
        document = json.loads(answer.body)
        assert "database" in document["detail"].lower()
        assert int(answer.headers["retry-after"]) > 0
        assert server.ask("GET", "/healthz", port=server.admin_port).status == 200
    finally:
        holder.close()
    csr = world.csr()
    check_chain(server.sign(csr), csr)


def test_the_commands_list_show_and_remove_what_they_added(world):
    server = world.server
    assert ZONE in server.command("zone", "list").stdout
    shown = server.command("zone", "show", ZONE).stdout
    assert "builtin" in shown
    server.add_subject(f"/C=IT/O=Gufo Labs/CN=mail.{ZONE}", ZONE, "--names", f"mail.{ZONE} smtp.{ZONE}")
    subject = f"CN=mail.{ZONE},O=Gufo Labs,C=IT"
    assert subject in server.command("subject", "list").stdout
    assert f"smtp.{ZONE}" in server.command("subject", "show", subject).stdout
    csr = world.csr(subject=f"/C=IT/O=Gufo Labs/CN=mail.{ZONE}", names=[f"mail.{ZONE}"])
    check_chain(server.sign(csr), csr)
    server.command("subject", "remove", subject)
    assert subject not in server.command("subject", "list").stdout
    assert server.command("subject", "remove", subject, check=False).returncode == 1
    assert server.command("zone", "remove", ZONE, check=False).returncode == 1  # a subject is in it


def test_the_ledger_has_an_event_for_each_certificate_and_none_for_a_refusal(world):
    csr = world.csr()
    check_chain(world.server.sign(csr), csr)
    world.server.sign(world.csr(subject="/CN=nobody"))
    world.server.stop()
    path = world.server.config["audit"]["ledger"]["file"]
    events = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds.count("issued") == 1
    assert set(kinds) <= {"issued", "started", "stopped", "key-destroyed"}  # a refused request is a visit
    numbers = [event["number"] for event in events]
    assert numbers == sorted(set(numbers))
    assert "127.0.0.1" not in path.read_text()


def test_no_client_address_is_stored(world):
    csr = world.csr()
    check_chain(world.server.sign(csr), csr)
    world.server.stop()
    for path in world.server.folder.glob("state/*"):
        if path.is_file():
            assert b"127.0.0.1" not in path.read_bytes().replace(f"127.0.0.1:{world.server.dns_port}".encode(), b""), path


def test_secrets_and_csrs_do_not_reach_the_log(world):
    csr = world.csr()
    world.server.config["log_level"] = "debug"
    world.server.stop()
    world.server.start()
    check_chain(world.server.sign(csr), csr)
    log = world.server.log()
    assert "BEGIN" not in log
    assert csr.read_text().split("\n")[1][:40] not in log

"""The two ledgers side by side: what each sink is told, that visits say no more than their day, and SIGHUP."""
import datetime
import json
import signal
import socket

from chain import check_chain
from rfc5424 import Message
from scene import NAME, ZONE
from waiting import until

VISIT = {"kind", "day", "zone", "labels", "outcome", "reached", "error", "alg", "client", "n"}


def local(lab, **audit):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["audit"].update(audit)
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def received(sock):
    messages = []
    sock.setblocking(False)
    while True:
        try:
            messages.append(Message(sock.recv(65536)))
        except BlockingIOError:
            return messages


def test_a_visit_tells_its_day_and_no_more_to_every_sink_of_its_ledger(lab):
    place = lab.folder / "people.jsonl"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(lab.folder / "log"))
        server = local(lab, people={"plugin": "audit-jsonl", "file": place, "ledger": "visits"},
                       log={"plugin": "audit-syslog", "server": f"unix:{lab.folder}/log", "ledger": "visits"})
        csr = lab.csr()
        for _ in range(3):
            check_chain(server.sign(csr, {"User-Agent": "curl/7.88.1"}), csr)
        assert server.sign(lab.csr("who.is.this.example")).status == 400
        before, after = (datetime.datetime.now(datetime.timezone.utc).date().isoformat() for _ in range(2))
        assert place.read_text() == "" and received(log) == []  # not before the hour is over
        server.stop()  # or the server stops
        visits, messages = lines_of(place), received(log)
    assert sum(visit["n"] for visit in visits) == 4
    outcomes = {(visit["zone"], visit["outcome"], visit["reached"], visit["error"]): visit["n"] for visit in visits}
    assert outcomes == {(ZONE, "issued", "issued", ""): 1, (ZONE, "stored", "issued", ""): 2,
                        ("", "refused", "posted", "unknown-subject"): 1}
    for visit in visits:
        assert set(visit) == VISIT and visit["kind"] == "visit" and visit["day"] in (before, after)
    for message in messages:
        assert (message.timestamp, message.procid, message.msgid) == ("-", "-", "visit")
        assert set(message.data) == {"countersign@32473"}
        assert set(json.loads(message.text)) == VISIT

    def as_set(events):
        return {json.dumps(event, sort_keys=True) for event in events}

    assert as_set(json.loads(message.text) for message in messages) == as_set(visits)
    issuance = lines_of(server.folder / "state/audit.jsonl")
    assert {event["kind"] for event in issuance} <= {"started", "issued", "stopped", "key-destroyed"}
    assert [event["kind"] for event in issuance].count("issued") == 1
    for secret in ("127.0.0.1", NAME, "who.is.this", "7.88.1", "CN="):
        assert secret not in place.read_text()


def test_a_hangup_lets_go_of_files_that_were_moved_away(lab):
    server = local(lab, people={"plugin": "audit-jsonl", "file": lab.folder / "people.jsonl", "ledger": "visits"})
    paths = [server.folder / "state/audit.jsonl", lab.folder / "people.jsonl"]
    until(lambda: '"started"' in paths[0].read_text())
    for path in paths:
        path.rename(path.with_suffix(".1"))
    server.child.signal(signal.SIGHUP)
    until(lambda: all(path.exists() for path in paths))  # nothing need have happened
    assert all(path.read_text() == "" for path in paths)
    check_chain(server.sign(csr := lab.csr()), csr)
    until(lambda: '"issued"' in paths[0].read_text())
    assert '"started"' in paths[0].with_suffix(".1").read_text()


def test_one_file_has_one_sink(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["audit"]["people"] = {**server.config["audit"]["ledger"], "ledger": "visits"}
    done = server.command("serve", check=False)
    assert done.returncode == 1
    assert "audit.people: another sink or server writes to" in done.stderr

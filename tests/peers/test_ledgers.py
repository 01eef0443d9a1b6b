"""Sinks of the two ledgers: files that are moved away, and files that two want."""
import signal
import time

from chain import check_chain
from scene import NAME, ZONE


def until(ready, seconds=10):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def local(lab, **audit):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["audit"].update(audit)
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


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

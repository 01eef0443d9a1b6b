"""Every fault of the CA that misbehaves on command (tests/fakes/chaos-ca): a right certificate, or a typed problem in time.

What the server does at each stands in docs/faults.md; the tests print it, and compare.
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import time

import pytest

from chain import check_chain
from chaos import PROGRAM, Chaos
from moved import MovedClock
from waiting import until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/faults.md"
LANES = 4
WAIT_S = 4
# Faults with another value than their usual one, so that the test is quick, or with what makes them come at all.
LINES = {
    "busy": ["busy value=1"], "busy-date": ["busy-date value=2"], "slow": ["slow value=0.5"], "drip": ["drip value=0.0005"],
    "limited-date": ["limited-date value=60"], "limited": ["limited value=60"],
    "order-gone": ["processing", "order-gone"], "unknown-status": ["processing", "unknown-status"],
    "not-ready-while-processing": ["lost", "processing", "not-ready-while-processing"],
    "processing-forever": ["processing-forever times=always"], "silent": ["silent times=1"],
    "many-authz": ["many-authz value=2"],  # the usual 10,000 are longer than an answer may be
}
# Once finalize was sent: while the order is asked for, and while the chain is fetched.
AFTER_FINALIZE = [f"{fault} at={at}{more}" for at in ("order", "certificate") for fault, more in (
    ("html", " value=200"), ("html", " value=403"), ("html", " value=404"), ("redirect", ""), ("type", ""), ("no-type", ""),
    ("limited", " value=1"), ("limited-silent", ""), ("terms-changed", ""), ("account-closed", ""))] + [
    f"{fault} at=order" for fault in ("not-json", "json-array", "json-nul", "json-numbers", "unknown-status", "foreign-urls",
                                      "other-names", "no-authz", "order-gone")]
AT_FIRST = {"account-refused", "binding-wanted", "redirect-away", "directory-empty", "directory-moved"}  # of a new account
LAST = ("challenge-ignored", "processing-forever")  # their orders go on for a while
PAUSES = {"limited-silent at=order", "limited-silent at=certificate"}  # a minute and up to a fifth more, less what is over
THE_CAS = {"busy-for-years": 604800, "limited": 60, "limited-date": 60, "limited-day": 86400}  # Retry-After, clamped to 7 days


def names():
    listed = subprocess.run(["/usr/bin/python3", "-B", PROGRAM, "--faults"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^(\S+).*\n    (.+)$", listed, re.M)


def page():
    """The rows of docs/faults.md: fault, outcome, Retry-After."""
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \| ([^|]*) \|$", PAGE.read_text(), re.M)
    return {fault: (outcome.strip(), retry.strip()) for fault, outcome, retry in rows}


def page_after_finalize():
    """The same of its second table, which has no words on what the CA does."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]*) \|$", PAGE.read_text(), re.M)
    return {fault: (outcome.strip(), retry.strip()) for fault, outcome, retry in rows}


def documented():
    return set(re.findall(r"^\| `([a-z0-9-]+)`", (ROOT / "docs/api.md").read_text(), re.M))


class Lane:
    """A CA that misbehaves, and a zone whose subjects have it."""

    def __init__(self, lab, server, number):
        self.lab, self.server, self.zone, self.made = lab, server, f"lane{number}.example", 0
        self.chaos = Chaos(lab.place("chaos"), server.dns_port, order_reuse=False).start()
        lab.running.insert(0, self.chaos)
        server.use_pebble(self.chaos, f"chaos{number}", timeout="1s", retry_first="100ms", retry_most="500ms")
        self.ca = f"chaos{number}"

    def open(self):
        self.server.add_zone(self.zone, "--parallel", "20")
        return self

    def order(self, line):
        """(outcome, Retry-After as the page has it)."""
        self.made += 1
        name, fault = f"h{self.made}.{self.zone}", line.split()[0]
        self.server.add_subject(f"CN={name}", self.zone, "--ca", self.ca)
        csr = self.lab.csr(name)
        self.chaos.clear()
        self.chaos.fault(*(["processing value=2", line] if line in AFTER_FINALIZE else LINES.get(fault, [fault])))
        began = time.monotonic()
        answer = self.server.sign(csr, {"Prefer": f"wait={WAIT_S}"})
        took = time.monotonic() - began
        assert took < WAIT_S + 10, f"{fault}: an answer after {took:.1f} s, the client's deadline was {WAIT_S} s"
        assert self.chaos.came()[fault] > 0, f"{fault} did not come: {answer}"
        return read(line, answer, csr)


def read(fault, answer, csr):
    if answer.status == 200:
        check_chain(answer, csr)
        return "chain", ""
    assert answer.headers["content-type"] == "application/problem+json", (fault, answer)
    problem = json.loads(answer.body)
    reason = problem["type"].rpartition(":")[2]
    assert problem["status"] == answer.status and reason in documented(), (fault, answer)
    assert reason != "internal", (fault, answer)
    return f"{answer.status} {reason}", said(fault, answer.headers.get("retry-after"))


def said(fault, retry_after):
    if not retry_after:
        assert fault not in THE_CAS, fault
        return ""
    if fault in THE_CAS:
        assert abs(int(retry_after) - THE_CAS[fault]) <= 2, (fault, retry_after)
        return "the CA's"
    if fault in PAUSES:
        assert 60 - WAIT_S <= int(retry_after) <= 74, (fault, retry_after)
        return "of the pause"
    return f"{retry_after} s"


def one_after_another(lane, faults):
    return {fault: lane.order(fault) for fault in faults}


def with_new_account(lab, fault):
    """A server that has never spoken to this CA."""
    server = lab.server(zones=["lane0.example"])
    lane = Lane(lab, server, 0)
    server.start()
    seen = lane.open().order(fault)
    server.stop()
    lane.chaos.stop()
    return seen


@pytest.fixture(scope="module")
def everything():
    return [name for name, _ in names()]


def test_there_are_at_least_fifty_faults_and_the_page_has_each(everything):
    assert len(everything) >= 50
    assert set(page()) == set(everything)


def test_every_fault_ends_in_a_right_chain_or_a_typed_problem_in_time(lab, everything, say):
    server = lab.server(zones=[f"lane{number}.example" for number in range(LANES)])
    server.config["job_deadline"] = "10s"
    lanes = [Lane(lab, server, number) for number in range(LANES)]
    server.start()
    usual = [fault for fault in everything if fault not in AT_FIRST and fault not in LAST]
    shares = [usual[number::LANES] + list(LAST[number:number + 1]) for number in range(LANES)]
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        parts = [pool.submit(one_after_another, lane.open(), share) for lane, share in zip(lanes, shares)]
    seen = {fault: outcome for part in parts for fault, outcome in part.result().items()}
    for fault in AT_FIRST:
        seen[fault] = with_new_account(lab, fault)
    for fault in everything:
        say(f"| {fault} | {seen[fault][0]} | {seen[fault][1]} |")
    assert {fault: outcome for fault, outcome in seen.items() if page().get(fault) != outcome} == {}


def test_once_finalize_was_sent_nothing_but_the_ca_ends_an_order_and_none_is_made_anew(lab, say):
    server = lab.server(zones=[f"lane{number}.example" for number in range(LANES)])
    server.config["job_deadline"] = "10s"
    lanes = [Lane(lab, server, number) for number in range(LANES)]
    server.start()
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        parts = [pool.submit(one_after_another, lane.open(), AFTER_FINALIZE[number::LANES])
                 for number, lane in enumerate(lanes)]
    seen = {fault: outcome for part in parts for fault, outcome in part.result().items()}
    for fault in AFTER_FINALIZE:
        say(f"| `{fault}` | {seen[fault][0]} | {seen[fault][1]} |")
    orders = [order for lane in lanes for order in lane.chaos.orders()]
    assert len(orders) == len(AFTER_FINALIZE) and all(order["finalized"] == 1 for order in orders)
    assert seen == page_after_finalize()


def test_a_retry_after_that_is_too_late_is_told_and_the_zone_is_free(lab, build):
    """On what is pending or processing: half an hour, and an order has 15 minutes."""
    server, clock = lab.server(zones=["lane0.example"]), MovedClock(lab.folder, build)
    clock.run(server)
    lane = Lane(lab, server, 0)
    chaos = lane.chaos
    chaos.change(retry_after=1800)
    chaos.fault("challenge-ignored times=always")
    server.start()
    server.add_zone(lane.zone)
    server.add_subject("O=Lane", lane.zone, "--names", f".{lane.zone}", "--ca", lane.ca)
    pending, processing, other = (lab.csr(f"{name}.{lane.zone}", subject="/O=Lane") for name in ("a", "b", "c"))
    for _ in range(2):
        answer = server.sign(pending, {"Prefer": "wait=60"})
        assert read("", answer, pending)[0] == "503 ca-unfinished" and 1700 <= int(answer.headers["retry-after"]) <= 1800
    assert len(chaos.orders()) == 1, "the second request did not go on with the order of the first"

    chaos.clear()
    chaos.fault("authz-valid times=always", "processing-forever times=always")
    answer = server.sign(processing, {"Prefer": "respond-async"})
    assert answer.status == 202, answer
    path = answer.headers["location"][answer.headers["location"].index("/v1/requests/"):]
    until(lambda: "order stays open" in server.log(), 20)
    chaos.clear()
    chaos.fault("authz-valid times=always")
    check_chain(server.sign(other, {"Prefer": "wait=60"}), other)
    assert server.ask("GET", path).status == 202 and not chaos.log("order")[1:], "the CA was asked before its Retry-After"
    chaos.change(retry_after=0)
    clock.move(1800 * 1.3)
    until(lambda: server.ask("GET", path).status == 200, 20)
    assert [order["finalized"] for order in chaos.orders()] == [0, 1, 1]

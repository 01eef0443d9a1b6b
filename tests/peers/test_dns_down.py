"""A DNS server dies between the first and the second of an order's challenge values: when it comes back in time the client
gets a chain, when it does not the documented problem; what it still serves is taken away once it is back, also after our own
restart."""
import concurrent.futures
import threading
import time

import pytest

from bind import Bind
from chain import check_chain
from chaos import Chaos
from moved import MovedClock
from powerdns import PowerDns
from relay import HttpRelay, UdpRelay
from scene import NAME, ZONE
from test_faults import documented, read
from waiting import until

OTHER = f"api.{ZONE}"
OWNERS = [f"_acme-challenge.{name}." for name in (NAME, OTHER)]
JOB_DEADLINE_S = 15 * 60
UPDATE = 5  # the opcode, RFC 2136 1.3


class Backend:
    """A name server behind a relay that kills it as soon as the first value was written."""

    def __init__(self, lab, kind):
        self.armed = True
        self.died = threading.Event()
        self.server = lab.name_server(PowerDns if kind == "pdns" else Bind)
        if kind == "pdns":
            self.relay = HttpRelay(self.server.api_port, lambda moment, method, _: self.written((moment, method)))
            self.block = self.server.instance(api=self.relay.url, timeout="1s")
        else:
            self.relay = UdpRelay(self.server.port, self.answered)
            self.block = self.server.instance(timeout="1s")
        if kind == "rfc2136":
            self.block["servers"] = [f"127.0.0.1:{self.relay.port}"]
        elif kind == "exec":
            self.block = self.server.exec_instance(timeout="2s")
            self.block["environment"][0] = f"NSUPDATE_SERVER=127.0.0.1 {self.relay.port}"
        lab.running.insert(0, self.relay)

    def written(self, what):
        if self.armed and what == ("after", "PATCH"):
            self.armed = False
            self.server.kill()
            self.died.set()

    def answered(self, request):
        if request[2] >> 3 & 15 == UPDATE:
            self.written(("after", "PATCH"))

    def values(self):
        return [self.server.txt(owner) for owner in OWNERS]


@pytest.fixture(params=["rfc2136", "pdns", "exec"])
def scene(request, lab, build):
    backend, server = Backend(lab, request.param), lab.server(zones=["elsewhere.example"])
    chaos = Chaos(lab.place("chaos"), backend.server.port, order_reuse=False, authz_reuse=False).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos", timeout="2s", retry_first="50ms", retry_most="200ms")
    server.config["dns"]["there"] = backend.block
    clock = MovedClock(lab.folder, build)
    clock.run(server)
    server.start()
    server.add_zone(ZONE, dns="there", dns_port=backend.server.port)
    server.add_subject(f"CN={NAME}", ZONE, "--names", f"{NAME} {OTHER}")
    return server, backend, lab.csr(names=[NAME, OTHER]), clock


def sign(server, csr, wait_s):
    return concurrent.futures.ThreadPoolExecutor(1).submit(server.sign, csr, {"Prefer": f"wait={wait_s}"})


def test_an_order_waits_for_its_dns_server_to_come_back(scene):
    server, backend, csr, _ = scene
    answer = sign(server, csr, 30)
    assert backend.died.wait(20)
    time.sleep(0.5)
    assert not answer.done()
    backend.server.start()
    check_chain(answer.result(40), csr)
    until(lambda: backend.values() == [set(), set()], 20)


def test_an_order_whose_dns_server_stays_away_fails_in_time_and_its_value_goes_when_that_is_back(scene, say):
    server, backend, csr, clock = scene
    began, answer = clock.now(), sign(server, csr, JOB_DEADLINE_S + 60)
    assert backend.died.wait(20)
    while not answer.done():
        assert clock.now() - began < JOB_DEADLINE_S + 30
        clock.move(10)
        time.sleep(0.1)
    answer = answer.result()
    outcome, retry_after = read("dns-down", answer, csr)
    say(f"a DNS server that died: {outcome}, Retry-After {retry_after}, after {clock.now() - began:.0f} s")
    assert answer.status >= 500 and retry_after and outcome.split()[1] in documented()
    server.stop()
    backend.server.start()
    assert any(backend.values()), "nothing was left behind: the test shows nothing"
    server.start()
    until(lambda: backend.values() == [set(), set()], 20)
    until(lambda: server.sql("SELECT count(*) FROM job_challenge") == [(0,)], 20)


@pytest.mark.parametrize("scene", ["rfc2136", "pdns"], indirect=True)
def test_values_go_however_long_their_dns_server_was_away(scene):
    """Longer than any CA would ask for them, and with a start of ours in between that does not reach it either."""
    server, backend, csr, clock = scene
    answer = sign(server, csr, JOB_DEADLINE_S + 60)
    assert backend.died.wait(20)
    while not answer.done():
        clock.move(10)
        time.sleep(0.1)
    for _ in range(30):
        clock.move(300)
        time.sleep(0.1)
    server.stop()
    clock.move(7200)
    server.start()
    server.child.wait_until(lambda: "cannot change" in server.log(), 10, "one try of the new run")
    assert server.sql("SELECT count(*) FROM job_challenge") != [(0,)]
    clock.step(time.time() - clock.now())  # TSIG: the name server's clock is the true one
    backend.server.start()
    assert any(backend.values()), "nothing was left behind: the test shows nothing"

    def is_clean():
        return backend.values() == [set(), set()] and server.sql("SELECT count(*) FROM job_challenge") == [(0,)]

    def is_clean_after_a_try():
        clock.move(30), clock.step(-30)  # which is due now; a jump while it is under way would end it
        end = time.monotonic() + 5
        while not is_clean() and time.monotonic() < end:
            time.sleep(0.1)
        return is_clean()

    until(is_clean_after_a_try, 60)

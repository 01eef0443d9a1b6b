"""Somebody sets this host's clock while orders run: no order is lost, none is made twice, and the log says what to do."""
import concurrent.futures
import time

import pytest

from chain import check_chain
from chaos import Chaos
from moved import MovedClock
from scene import ZONE

NAMES = [f"h{number}.{ZONE}" for number in range(4)]


@pytest.fixture
def scene(lab, build):
    """The CA's clock is right: it is not the one that is set."""
    clock, server = MovedClock(lab.folder, build), lab.server()
    clock.run(server)
    chaos = Chaos(lab.place("chaos"), server.dns_port, order_reuse=False, authz_reuse=False, validation_delay=1).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos", retry_first="50ms", retry_most="200ms").start()
    server.add_zone(ZONE, "--parallel", "20")
    for name in NAMES:
        server.add_subject(f"CN={name}", ZONE)
    return server, chaos, clock


@pytest.mark.parametrize("seconds", [600, -600])
def test_a_step_of_ten_minutes_loses_no_order_and_makes_none_twice(scene, lab, seconds):
    server, chaos, clock = scene
    csrs = [lab.csr(name) for name in NAMES]
    chaos.fault("busy-date at=finalize value=2")
    with concurrent.futures.ThreadPoolExecutor(len(csrs)) as pool:
        answers = [pool.submit(server.sign, csr, {"Prefer": "wait=30"}) for csr in csrs]
        time.sleep(0.5)
        clock.step(seconds)
        answers = [answer.result(60) for answer in answers]
    for csr, answer in zip(csrs, answers):
        check_chain(answer, csr)
    orders = chaos.orders()
    assert len(orders) == len(csrs) and {order["finalized"] for order in orders} == {1}
    assert server.log().count("our clock and the CA's differ; set this host's clock") == 1
    for csr, answer in zip(csrs, answers):
        assert server.sign(csr).body == answer.body
    clock.step(-seconds)
    check_chain(server.sign(again := lab.csr(NAMES[0])), again)
    assert server.log().count("our clock and the CA's agree again") == 1
    assert len(chaos.orders()) == len(csrs) + 1


def test_orders_go_on_after_a_restart_with_another_clock(scene, lab):
    server, chaos, clock = scene
    csr = lab.csr(NAMES[0])
    assert server.sign(csr, {"Prefer": "respond-async"}).status == 202
    server.stop()
    clock.step(-600)
    server.start()
    check_chain(server.sign(csr, {"Prefer": "wait=30"}), csr)
    assert sum(order["finalized"] for order in chaos.orders()) == 1


def test_a_chain_that_a_wrong_clock_refused_is_downloaded_when_the_clock_is_right(scene, lab):
    server, chaos, clock = scene
    csr = lab.csr(NAMES[0])
    clock.step(-6 * 3600)
    for _ in range(2):
        answer = server.sign(csr, {"Prefer": "wait=30"})
        assert answer.status == 502 and b"bad-chain" in answer.body, answer
        assert 3500 < int(answer.headers["retry-after"]) <= 3700
    clock.step(6 * 3600)
    check_chain(server.sign(csr, {"Prefer": "wait=30"}), csr)
    assert [order["finalized"] for order in chaos.orders()] == [1]

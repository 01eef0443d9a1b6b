"""Memory runs out in the middle of an order, once, at a place that is drawn: the client has a chain or a problem that passes,
and the same CSR works at once. `tools/scarce` takes every place, one after another."""
import random

import pytest

import scarce
from chaos import Chaos
from moved import MovedClock
from scene import NAME, ZONE
from test_faults import documented

SEED, PLACES = 7, 12
# About as many allocations as an order at that CA has, of the program, its plugins and the C library on their behalf.
MOST = {"local": 180, "chaos": 480}


@pytest.fixture(params=MOST)
def scene(request, lab, build):
    clock = MovedClock(lab.folder, build)
    server, chaos = lab.server(), None
    clock.run(server)
    memory = scarce.Memory(server, build)
    if request.param == "local":
        server.config["ca"]["local"] = {"plugin": "ca-local", "challenge": True}
    else:
        chaos = Chaos(lab.place("chaos"), server.dns_port, clock=clock.env["COUNTERSIGN_CLOCK"], order_reuse=False,
                      authz_reuse=False).start()
        lab.running.insert(0, chaos)
        server.use_pebble(chaos, "chaos", timeout="3s", retry_first="50ms", retry_most="200ms")
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server, chaos, scarce.Scarcity(server, memory, NAME, clock, documented()), MOST[request.param]


def test_an_order_ends_well_wherever_memory_runs_out(scene):
    server, chaos, scarcity, most = scene
    for number in sorted(random.Random(SEED).sample(range(1, most), PLACES)):
        scarcity.once(number, ["ours", "libc"])
    assert [f"{case.number}: {case.outcome}; {case.fault}\n{case.where}" for case in scarcity.faults()] == []
    assert len(scarcity.cases) > PLACES / 2
    assert not chaos or scarce.books_agree(server, chaos.orders()) == []


def test_a_server_that_has_no_memory_at_its_start_says_so_or_runs(lab, build):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    memory = scarce.Memory(server, build)
    places = [1, 2, *sorted(random.Random(SEED).sample(range(3, 1200), PLACES))]
    assert {place: fault for place in places if (fault := scarce.start_without(server, memory, place))} == {}

"""A server that was down for longer than its challenge values live: open orders go on all the same."""
from chain import check_chain
from chaos import Chaos
from moved import MovedClock
from scene import NAME, ZONE
from test_stops import path_of, until_chain


def test_an_order_that_was_pending_goes_on_after_two_hours_without_a_server(lab, build):
    clock, server = MovedClock(lab.folder, build), lab.server()
    clock.run(server)
    chaos = Chaos(lab.place("chaos"), server.dns_port, clock=clock.env["COUNTERSIGN_CLOCK"], order_reuse=False,
                  authz_reuse=False).start()
    lab.running.insert(0, chaos)
    server.config["visible"] = 8
    server.use_pebble(chaos, "chaos").start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    chaos.fault("busy at=challenge times=always")
    path = path_of(server.sign(csr := lab.csr(), {"Prefer": "respond-async"}))
    server.child.wait_until(lambda: chaos.came().get("busy"), 20, "the CA is told to look")
    server.kill()
    chaos.clear()
    clock.move(7200)
    server.start()
    check_chain(until_chain(server, path), csr)
    assert [order["finalized"] for order in chaos.orders()] == [1]

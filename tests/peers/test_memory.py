"""Issuance under valgrind: no invalid access, nothing lost. Only for a build without sanitizers."""
import re

import pytest

from chain import check_chain
from chaos import Chaos
from scene import NAME, ZONE
from test_stops import path_of, until_chain


@pytest.fixture
def watched(lab, build):
    """A server that ends with 99 when valgrind found anything; and what valgrind said of each run."""
    if build.name != "plain":
        pytest.fail("valgrind and sanitizers exclude each other; leave these tests out for this build")
    server = lab.server(wrapper=["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect",
                                 "--error-exitcode=99", "--child-silent-after-fork=yes",
                                 f"--log-file={lab.folder / 'valgrind'}.%p.log", "--show-leak-kinds=definite,indirect"])
    server.config["sandbox"] = "off"  # valgrind makes calls, and reads files, of its own
    return server, lambda: [text for log in lab.folder.glob("valgrind.*.log")
                            if (text := re.sub(r"==\d+==\s*", "", log.read_text()).strip())]


def test_valgrind_finds_no_fault_in_a_run_with_an_order_and_an_order_left_open(lab, watched):
    server, found = watched
    pebble = lab.pebble(server)
    gate = lab.gate(server)
    gate.open()
    server.use_pebble(pebble).start()
    server.command("zone", "add", ZONE, "--dns", "builtin", "--servers", f"127.0.0.1:{gate.port}")
    server.add_subject(f"CN={NAME}", ZONE)
    server.add_subject(f"CN=left.{ZONE}", ZONE)
    check_chain(server.sign(csr := lab.csr()), csr, pebble)
    assert server.sign(b"nonsense").status == 400
    gate.close()
    assert server.sign(lab.csr(f"left.{ZONE}"), {"Prefer": "respond-async"}).status == 202
    assert gate.asked.wait(60)
    server.stop()
    assert found() == []


def test_valgrind_finds_no_fault_when_the_ca_misbehaves_and_after_a_kill(lab, watched):
    server, found = watched
    chaos = Chaos(lab.place("chaos"), server.dns_port, order_reuse=False, authz_reuse=False).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos", retry_first="50ms", retry_most="200ms").start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    chaos.fault("internal at=new-order", "bad-nonce at=challenge", "cut-body at=order", "lost at=finalize",
                "drip at=certificate value=0")
    check_chain(server.sign(csr := lab.csr()), csr)
    chaos.fault("not-json at=new-order")
    assert server.sign(lab.csr()).status == 502
    chaos.change(validation_delay=5)
    path = path_of(server.sign(csr := lab.csr(), {"Prefer": "respond-async"}))
    server.child.wait_until(lambda: len(chaos.orders()) == 3, 60, "the third order was made")
    server.kill()
    chaos.change(validation_delay=0)
    server.start()
    check_chain(until_chain(server, path), csr)
    server.stop()
    assert found() == []

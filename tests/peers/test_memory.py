"""One issuance under valgrind: no invalid access, nothing lost. Only for a build without sanitizers."""
import re

import pytest

from chain import check_chain
from scene import NAME, ZONE


def test_valgrind_finds_no_fault_in_a_run_with_an_order_and_an_order_left_open(lab, build):
    if build.name != "plain":
        pytest.fail("valgrind and sanitizers exclude each other; leave this test out for this build")
    log = lab.folder / "valgrind.log"
    server = lab.server(wrapper=["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect",
                                 "--error-exitcode=99", "--child-silent-after-fork=yes", f"--log-file={log}",
                                 "--show-leak-kinds=definite,indirect"])
    pebble = lab.pebble(server)
    gate = lab.gate(server)
    gate.open()
    server.use_pebble(pebble).start()
    server.command("zone", "add", ZONE, "--dns", "builtin", "--servers", f"127.0.0.1:{gate.port}")
    server.add_subject(f"CN={NAME}", ZONE)
    check_chain(server.sign(csr := lab.csr()), csr, pebble)
    assert server.sign(b"nonsense").status == 400
    gate.close()
    assert server.sign(lab.csr(), {"Prefer": "respond-async"}).status == 202
    assert gate.asked.wait(60)
    server.stop()  # ends with 99 when valgrind found anything
    found = re.sub(r"==\d+==\s*", "", log.read_text()).strip()
    assert found == "", found

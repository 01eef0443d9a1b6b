"""Descriptors run out: clients use theirs up, or there are none at all for a while. Orders under way end, those behind get a
problem that passes, and all is well when there are some again."""
import http.client
import json
import os
import resource
import socket
import time

import pytest

from chaos import Chaos
from scarce import Scarcity
from scene import NAME, ZONE

LIMIT = 1024
FULL = "cannot accept clients"


@pytest.fixture
def chaos_world(lab):
    def start(limit):
        server = lab.server(wrapper=["prlimit", f"--nofile={limit}:{limit}"])
        chaos = Chaos(lab.place("chaos"), server.dns_port, order_reuse=False, authz_reuse=False).start()
        lab.running.insert(0, chaos)
        server.use_pebble(chaos, "chaos", timeout="1s", retry_first="50ms", retry_most="200ms").start()
        server.add_zone(ZONE)
        server.add_subject(f"CN={NAME}", ZONE)
        return server, chaos
    return start


def open_files(server):
    return {int(name) for name in os.listdir(f"/proc/{server.child.pid}/fd")}


def allow(server, more):
    """It may open so many files more than it has open, once it has come to rest: the limit is on the number of a new one."""
    before, now = None, open_files(server)
    while before != now:
        time.sleep(0.2)
        before, now = now, open_files(server)
    free = [number for number in range(LIMIT) if number not in now]
    resource.prlimit(server.child.pid, resource.RLIMIT_NOFILE, (free[more], LIMIT))


def allow_all(server):
    resource.prlimit(server.child.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


def test_clients_that_take_all_they_can_leave_enough_for_orders(chaos_world):
    server, _ = chaos_world(LIMIT)
    assert "max_connections is lowered" in server.log()
    idle = []
    try:
        for _ in range(LIMIT):
            idle.append(socket.create_connection(("127.0.0.1", server.port)))
        scarcity = Scarcity(server, None, NAME)
        for _ in range(3):
            spki, csr = scarcity.csr()
            answer = scarcity.post(csr)
            assert scarcity.judge(answer, spki) == ("chain", "")
        assert len(open_files(server)) < LIMIT
        assert FULL not in server.log()
    finally:
        for client in idle:
            client.close()


def test_a_limit_too_low_for_the_server_itself_is_refused_with_a_sentence(lab):
    server = lab.server(wrapper=["prlimit", "--nofile=100:100"])
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.start(wait=False)
    assert server.child.wait_end(20) == 1
    assert "only 100 files may be open" in server.log() and "LimitNOFILE" in server.log()
    server.child = None


def post_on(connection, csr):
    connection.request("POST", "/v1/sign", csr, {"Prefer": "wait=2"})
    reply = connection.getresponse()
    return reply.status, dict(reply.getheaders()), reply.read()


def test_orders_without_descriptors_get_a_problem_that_passes_and_work_again_afterwards(chaos_world, say):
    """With none it is the CA's connection that cannot be opened, with a few a DNS socket or a file."""
    server, chaos = chaos_world(LIMIT)
    scarcity, outcomes = Scarcity(server, None, NAME), []
    for more in (0, 1, 2, 3, 5, 8):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.connect()
        server.ask("GET", "/healthz", port=server.admin_port)
        spki, csr = scarcity.csr()
        allow(server, more)
        status, headers, body = post_on(connection, csr)
        outcomes.append(f"{more} more: {status} {json.loads(body)['type'] if status != 200 else 'chain'}")
        assert status == 200 or status >= 500 and int(headers["Retry-After"]) > 0, body
        allow_all(server)
        connection.close()
        assert scarcity.afterwards(csr, spki, None) == ""
    say("; ".join(outcomes))
    assert {order["finalized"] for order in chaos.orders()} <= {0, 1}
    assert len([line for line in server.log().splitlines() if " warn " in line or " error " in line]) < 60


def test_accepting_pauses_without_descriptors_and_goes_on_with_one_line_in_the_log(chaos_world):
    server, _ = chaos_world(LIMIT)
    allow(server, 0)
    cpu_ms = server.cpu_ms()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(1)
        client.sendall(b"GET /v1/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert server.cpu_ms() - cpu_ms < 300, "it spins"
        allow_all(server)
        client.settimeout(20)
        assert client.recv(12) == b"HTTP/1.1 404"
    assert server.log().count(FULL) == 1

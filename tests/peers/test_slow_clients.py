"""Clients that are slow on purpose, against the real server on a clock that the test moves: each ends at its deadline.

Drips gain no time: whatever comes in between, the end is when docs/deadlines.md says.
"""
import contextlib
import pathlib
import re
import socket
import ssl
import struct

import pytest

import pki
from moved import MovedClock
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIGNING = b"POST /v1/sign HTTP/1.1\r\nHost: sign.example\r\nContent-Length: 1000\r\n\r\n"
ASKING = b"OPTIONS * HTTP/1.1\r\nHost: sign.example\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the beginning of a ClientHello
MARGIN_S = 0.1
DRIPS = 8
PROXY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"  # the beginning of a PROXY header


def documented(what):
    """Seconds, from docs/deadlines.md."""
    row = re.search(rf"^\| {re.escape(what)}[^|]*\| (\d+) s \|", (ROOT / "docs/deadlines.md").read_text(), re.M)
    return int(row.group(1))


@pytest.fixture
def server(lab, build):
    server = lab.server()
    folder = lab.place("tls")
    pki.make_server_pki(folder)
    files = {"certificate": folder / "server.pem", "key": folder / "server.key"}
    server.tls_port, server.proxy_port, server.proxy_tls_port = free_port(), free_port(), free_port()
    server.ca_file = folder / "ca.pem"
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["listen"] += [
        {"address": "127.0.0.1", "port": server.tls_port, **files},
        {"address": "127.0.0.1", "port": server.proxy_port, "proxy_protocol": True},
        {"address": "127.0.0.1", "port": server.proxy_tls_port, "proxy_protocol": True, **files},
    ]
    server.clock = MovedClock(lab.folder, build).run(server)
    server.start()
    server.clock.freeze()
    return server


@contextlib.contextmanager
def connected(port, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(10)
    with client:
        client.connect(("127.0.0.1", port))
        yield client


def rest(client):
    """All that comes until the server closes."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while more := client.recv(65536):
            data += more
    return data


def timeouts(server, phase):
    text = server.ask("GET", "/metrics", port=server.admin_port).body.decode()
    found = re.search(rf'^countersign_http_timeouts_total{{listener="public",phase="{phase}"}} (\d+)$', text, re.M)
    return int(found.group(1)) if found else 0


def wait_out(server, client, seconds, phase, steps):
    """Each step is a drip: still there shortly before the time is over, and ended when it is. What was said at the end. The
    clock stands but for our moves, and to ask is to wait until the server has seen what was sent before."""
    for step in steps:
        step()
        for _ in range(2):
            assert timeouts(server, phase) == 0
        server.clock.move((seconds - MARGIN_S) / len(steps))
    assert timeouts(server, phase) == 0
    server.clock.thaw()
    server.clock.move(MARGIN_S + 0.1)
    server.child.wait_until(lambda: timeouts(server, phase) == 1, 10, f"{phase} was over")
    return rest(client)


def drip(server, client, data, seconds, phase):
    drips = [lambda at=at: client.sendall(data[at:at + 1]) for at in range(DRIPS)]
    return wait_out(server, client, seconds, phase, drips)


def test_a_proxy_header_that_drips(server):
    with connected(server.proxy_port) as client:
        assert drip(server, client, PROXY, documented("a PROXY header"), "proxy-header") == b""


@pytest.mark.parametrize("proxied", [False, True], ids=["plainly", "behind a proxy"])
def test_a_handshake_that_drips(server, proxied):
    with connected(server.proxy_tls_port if proxied else server.tls_port) as client:
        if proxied:
            client.sendall(PROXY + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack("!HH", 4711, 443))
        assert drip(server, client, HELLO, documented("a TLS handshake"), "handshake") == b""


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_header_that_drips(server, tls):
    with connected(server.tls_port if tls else server.port) as client:
        if tls:
            context = ssl.create_default_context(cafile=str(server.ca_file))
            client = context.wrap_socket(client, server_hostname="localhost")
        assert drip(server, client, SIGNING, documented("a request's header"), "header").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_that_drips(server, chunked):
    head = SIGNING.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked") if chunked else SIGNING
    with connected(server.port) as client:
        client.sendall(head)
        assert drip(server, client, b"1\r\nx\r\n1\r\n", documented("a request's body"), "body").startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_stays_after_its_answer(server):
    with connected(server.port) as client:
        client.sendall(ASKING)
        assert client.recv(4096).startswith(b"HTTP/1.1 204 ")
        steps = [lambda: None] * DRIPS
        assert wait_out(server, client, documented("an idle connection"), "idle", steps) == b""


def fill(client):
    """Ask until the server has no place for more answers, and so reads no more."""
    client.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            client.sendall(ASKING * 100)
    client.settimeout(10)


def test_an_answer_that_is_read_a_byte_at_a_time(server):
    with connected(server.port, receive_buffer=4096) as client:
        fill(client)
        steps = [lambda: client.recv(1)] * DRIPS
        wait_out(server, client, documented("a client that does not take its answer"), "write", steps)


def test_a_last_answer_after_which_the_client_does_not_close(server):
    with connected(server.port) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert rest(client).startswith(b"HTTP/1.1 400 ")
        steps = [lambda: client.sendall(b"x")] * DRIPS
        wait_out(server, client, documented("a connection after its last answer"), "linger", steps)


def test_the_server_is_well_beside_them(server):
    """A hundred of each kind wait; a client that is quick is served at once."""
    with contextlib.ExitStack() as stack:
        slow = ((server.proxy_port, PROXY), (server.tls_port, HELLO), (server.port, SIGNING[:40]), (server.port, SIGNING))
        for port, data in slow:
            for _ in range(100):
                stack.enter_context(connected(port)).sendall(data)
        assert server.ask("OPTIONS", "*").status == 204
        server.child.wait_until(lambda: server.metric("countersign_http_connections") > 400, 20, "they were accepted")
        server.clock.thaw()
        server.clock.move(documented("a request's body") + 1)
        phases = "proxy-header", "handshake", "header", "body"
        server.child.wait_until(lambda: sum(timeouts(server, phase) for phase in phases) == 400, 20, "all of them were ended")

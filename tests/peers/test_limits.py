"""Limits against a whole server, from several loopback addresses: exact Retry-After, floods, what a restart remembers."""
import concurrent.futures
import http.client
import json
import signal
import socket
import time

import pytest

import pki
from chain import check_chain
from moved import MovedClock
from ports import free_port
from scene import NAME, ZONE

SOURCE, OTHER = "127.0.0.2", "127.0.0.3"


def limited(server, **limits):
    server.config["limits"] = {"unlimited": ["127.0.0.1"], **limits}
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    return server


def connect(server, source, port=None):
    return http.client.HTTPConnection("127.0.0.1", port or server.port, timeout=30, source_address=(source, 0))


def post(connection, body=b"no CSR", headers=None):
    connection.request("POST", "/v1/sign", body, {"Content-Type": "application/pkcs10", **(headers or {})})
    reply = connection.getresponse()
    reply.text = reply.read()
    return reply


def word(reply):
    assert reply.getheader("Content-Type") == "application/problem+json"
    return json.loads(reply.text)["type"].rpartition(":")[2]


def csr_of(lab, name=NAME, subject=None, names=None):
    return (lab.csr(name, subject=subject, names=names) if subject else lab.csr(name)).read_bytes()


@pytest.fixture
def server(lab):
    def start(**limits):
        server = limited(lab.server(), **limits).start()
        server.add_zone(ZONE)
        server.add_subject(f"CN={NAME}", ZONE)
        return server
    return start


@pytest.fixture
def standing(lab, build):
    """A server whose clock stands, but for the moves of the test."""
    def start(**limits):
        server = limited(lab.server(), **limits)
        server.clock = MovedClock(server.folder, build).run(server)
        server.start()
        server.add_zone(ZONE)
        server.add_subject(f"CN={NAME}", ZONE)
        server.clock.freeze()
        return server
    return start


def test_who_waits_as_long_as_retry_after_says_gets_through(standing):
    running = standing(posts="1/s burst 3")
    connection, other = connect(running, SOURCE), connect(running, OTHER)
    sock = None
    for _ in range(3):
        assert post(connection).status == 400
        sock = sock or connection.sock
    refused = post(connection)
    assert (refused.status, word(refused), refused.getheader("Retry-After")) == (429, "too-many-posts", "1")
    assert post(other).status == 400
    running.clock.move(0.999)
    assert post(connection).status == 429
    running.clock.move(0.001)
    assert post(connection).status == 400
    assert connection.sock is sock, "the connection was kept"
    assert post(connection).status == 429
    text = running.ask("GET", "/metrics", port=running.admin_port).body.decode()
    assert 'countersign_limits_refused_total{limit="posts"} 3\n' in text
    for place in (text, running.log(), str(running.sql("SELECT * FROM counted_order"))):
        assert SOURCE not in place and OTHER not in place


def test_bad_requests_bar_a_source_and_nobody_else(standing, lab):
    running = standing(failed_posts="1/s burst 5")
    good, connection = csr_of(lab), connect(running, SOURCE)
    for _ in range(5):
        assert post(connection).status == 400
    refused = post(connection, good)
    assert (refused.status, word(refused)) == (429, "too-many-failed-posts")
    assert post(connect(running, OTHER), good).status == 200
    running.clock.move(int(refused.getheader("Retry-After")))
    assert post(connection, good).status == 200
    assert running.metric("countersign_visits_lost_total") == 0


def test_a_proxy_is_no_source_its_clients_are(server):
    running = server(posts="1/m", connections="1/m")
    running.stop()
    running.proxy_port = free_port()
    running.config["proxies"] = [SOURCE]
    running.config["listen"].append({"address": "127.0.0.1", "port": running.proxy_port, "proxy_protocol": True})
    running.start()
    for client, status in [("192.0.2.1", 400), ("192.0.2.2", 400), ("192.0.2.1", 429), ("::ffff:192.0.2.2", 429),
                           ("2001:db8::1", 400), ("2001:db8::2", 429), ("2001:db8:0:1::1", 400)]:
        assert post(connect(running, SOURCE), headers={"X-Forwarded-For": client}).status == status, client
    assert post(connect(running, OTHER), headers={"X-Forwarded-For": "192.0.2.9"}).status == 400
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.77") + socket.inet_aton("127.0.0.1") + bytes(4)
    seen = []
    for _ in range(2):
        connection = connect(running, OTHER, running.proxy_port)
        connection.connect()
        connection.sock.sendall(header)
        try:
            seen.append(post(connection).status)
        except OSError:
            seen.append("closed")
    assert seen == [400, "closed"]


def test_a_refused_revocation_is_a_failed_post(server):
    running = server(failed_posts="1/h burst 3")
    connection = connect(running, SOURCE)

    def revoke():
        connection.request("POST", "/v1/revoke", b"no CMS")
        reply = connection.getresponse()
        reply.text = reply.read()
        return reply.status, word(reply)
    assert [revoke() for _ in range(4)] == [(400, "bad-revocation")] * 3 + [(429, "too-many-failed-posts")]


def test_connections_beyond_the_limit_are_closed_before_tls(server, lab):
    folder = lab.place("tls")
    pki.make_server_pki(folder)
    running = server(unfinished=5)
    running.stop()
    running.tls_port = free_port()
    running.config["listen"].append({"address": "127.0.0.1", "port": running.tls_port, "certificate": folder / "server.pem",
                                     "key": folder / "server.key"})
    running.start()
    held = [socket.create_connection(("127.0.0.1", running.tls_port), 30, (SOURCE, 0)) for _ in range(5)]
    running.child.wait_until(lambda: running.metric("countersign_http_connections") >= 5, 10, "they were accepted")
    for _ in range(20):
        with pytest.raises(ConnectionError):
            more = socket.create_connection(("127.0.0.1", running.tls_port), 30, (SOURCE, 0))
            more.sendall(b"\x16\x03\x01")
            if not more.recv(1):
                raise ConnectionError("closed")
    with connect(running, OTHER).sock or socket.create_connection(("127.0.0.1", running.tls_port), 30, (OTHER, 0)) as other:
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.recv(1)  # it is served: nobody closes it
    for one in held:
        one.close()
    assert running.metric("countersign_limits_refused_total") == 20


def test_when_the_server_is_full_the_longest_idle_connection_makes_room(lab):
    running = lab.server()
    running.config["max_connections"] = 3
    running.config["ca"]["local"] = {"plugin": "ca-local"}
    running.start()

    def asks(connection):
        connection.request("OPTIONS", "*")
        reply = connection.getresponse()
        return (reply.read(), reply.status)[1]

    kept = [connect(running, SOURCE) for _ in range(3)]
    assert [asks(kept[number]) for number in (0, 1, 2, 0)] == [204] * 4
    assert asks(connect(running, OTHER)) == 204
    assert kept[1].sock.recv(1) == b"", "the first one has asked since"
    assert [asks(kept[number]) for number in (2, 0)] == [204] * 2


def test_a_hundred_at_once_do_not_pass_a_limit_of_ten(server, lab):
    running = server(orders={"subject_day": 10})
    csrs = [csr_of(lab) for _ in range(100)]
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = [answer.result() for answer in [pool.submit(running.sign, csr) for csr in csrs]]
    assert sorted({answer.status for answer in answers}) == [200, 429]
    issued = [(csr, answer) for csr, answer in zip(csrs, answers) if answer.status == 200]
    assert len(issued) == 10
    refused = [answer for answer in answers if answer.status == 429]
    assert all(json.loads(answer.body)["type"].endswith(":too-many-orders-subject") for answer in refused)
    assert {86390 <= int(answer.headers["retry-after"]) <= 86400 for answer in refused} == {True}
    assert running.sign(issued[0][0]).body == issued[0][1].body, "a chain that is there is handed out"


def test_a_restart_remembers_orders_and_a_renewal_is_let_past(server, lab):
    running = server()
    csr = lab.csr(NAME)
    check_chain(running.sign(csr), csr)
    running.stop()
    running.config["limits"]["orders"] = {"zone_week": 1}
    running.start()
    refused = running.sign(csr_of(lab))
    assert refused.status == 429 and json.loads(refused.body)["type"].endswith(":too-many-orders-zone")
    assert 604000 < int(refused.headers["retry-after"]) <= 604800
    running.sql("UPDATE certificate SET not_before_ms = not_before_ms - 200 * 86400000, not_after_ms = issued_ms + 86400000")
    renewed = lab.csr(NAME)
    check_chain(running.sign(renewed), renewed)
    assert running.sign(csr_of(lab)).status == 429
    assert running.metric("countersign_limits_refused_total") == 2


def test_a_client_s_orders_have_a_limit_of_their_own(lab):
    """A client of the table, with a token, that may ask for two subjects: what it ordered counts, whichever it asked for."""
    running = limited(lab.server(), orders={"client_day": 2, "client_week": 3}).start()
    names = NAME, f"other.{ZONE}"
    running.add_zone(ZONE)
    for name in names:
        running.command("subject", "add", f"CN={name}", "--zone", ZONE, "--access", "token")
    tokens = {client: running.command("client", "add", client, "--subject", f"CN={names[0]}", "--subject",
                                      f"CN={names[1]}").stdout.strip() for client in ("robot", "ci")}
    connection = connect(running, SOURCE)

    def order(name, client, body=None):
        return post(connection, body or csr_of(lab, name), {"Authorization": f"Bearer {tokens[client]}"})

    first = csr_of(lab)
    assert [order(name, "robot", body).status for name, body in ((names[0], first), (names[1], None))] == [200, 200]
    refused = order(names[0], "robot")
    assert (refused.status, word(refused)) == (429, "too-many-orders-client")
    assert 86300 < int(refused.getheader("Retry-After")) <= 86400
    assert order(names[0], "robot", first).status == 200, "a chain that is there is handed out"
    assert order(names[0], "ci").status == 200, "another client has its own"
    running.sql("UPDATE counted_order SET at_ms = at_ms - 90000000")  # 25 hours
    assert order(names[1], "robot").status == 200
    refused = order(names[1], "robot")
    assert (refused.status, word(refused)) == (429, "too-many-orders-client")
    assert 514000 < int(refused.getheader("Retry-After")) <= 514800, "seven days after the first one"
    metrics = running.ask("GET", "/metrics", port=running.admin_port).body.decode()
    assert 'countersign_limits_refused_total{limit="orders-client"} 2\n' in metrics


def test_orders_that_nobody_waits_for_count_for_their_source_until_they_end(lab):
    running = lab.server()
    running.config["limits"] = {"unlimited": ["127.0.0.1"], "open_orders": 2}
    pebble, gate = lab.pebble(running), lab.gate(running)
    running.use_pebble(pebble).start()
    running.add_zone(ZONE, "--parallel", "10", dns_port=gate.port)
    running.add_subject(f"CN={NAME}", ZONE)
    csrs = [csr_of(lab) for _ in range(5)]

    def order(csr, source=SOURCE):
        reply = post(connect(running, source), csr, {"Prefer": "respond-async"})
        return (reply.status, word(reply), reply.getheader("Retry-After")) if reply.status == 429 else reply.status

    refused = 429, "too-many-open-orders", "30"
    assert [order(csr) for csr in csrs[:4]] == [202, 202, refused, refused]
    assert order(csrs[0]) == 202, "who joins an order makes none"
    assert order(csrs[2], OTHER) == 202
    running.config["limits"]["open_orders"] = 3
    running.write_config()
    running.child.signal(signal.SIGHUP)
    running.child.wait_until(lambda: "the configuration was read anew" in running.log(), 20, "it was read")
    assert [order(csr) for csr in csrs[3:]] == [202, refused], "the limit is another, what is open still counts"
    assert running.metric("countersign_limits_refused_total") == 3
    running.kill()
    running.start()
    assert len(running.sql("SELECT 1 FROM job WHERE state = 'open'")) == 4
    assert order(csrs[4]) == 202, "who ordered what a restart goes on with is written down nowhere"
    gate.open()
    running.child.wait_until(lambda: not running.sql("SELECT 1 FROM job WHERE state = 'open'"), 60, "all ended")
    for csr in csrs:
        assert post(connect(running, SOURCE), csr).status == 200


def test_posts_that_wait_have_a_limit_by_source(lab):
    running = lab.server()
    running.config["max_in_flight"] = 20  # one source may wait twice
    running.config["limits"] = {"unlimited": ["127.0.0.1"]}
    pebble, gate = lab.pebble(running), lab.gate(running)
    running.use_pebble(pebble).start()
    running.add_zone(ZONE, dns_port=gate.port)
    running.add_subject(f"CN={NAME}", ZONE)
    csr = csr_of(lab)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(post, connect(running, source), csr) for source in (SOURCE, SOURCE, OTHER)]
        assert gate.asked.wait(30)
        running.child.wait_until(lambda: running.metric("countersign_requests_waiting") == 3, 30, "they wait")
        refused = post(connect(running, SOURCE))
        assert (refused.status, word(refused), refused.getheader("Retry-After")) == (429, "too-many-waiting", "5")
        assert post(connect(running, OTHER)).status == 400
        gate.open()
        assert [reply.result().status for reply in waiting] == [200] * 3
    assert post(connect(running, SOURCE), csr).status == 200


def test_an_order_comes_through_while_another_source_floods(server, lab):
    running = server(posts="50/s burst 50", failed_posts="off")
    over = False

    def flood():
        connection, statuses = connect(running, SOURCE), {400: 0, 429: 0}
        while not over:
            statuses[post(connection).status] += 1
        return statuses

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        flooding = pool.submit(flood)
        try:
            time.sleep(0.3)
            for _ in range(5):
                assert post(connect(running, OTHER), csr_of(lab)).status == 200
        finally:
            over = True
        statuses = flooding.result()
    assert statuses[429] > statuses[400] > 0
    # A post over the limit is no visit.
    running.stop()

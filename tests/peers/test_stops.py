"""Ends in the middle: a server stops or dies, clients hang up or will not wait. No order is lost, none is made twice."""
import concurrent.futures
import signal
import socket
import time

from chain import check_chain
from child import answers
from scene import NAME
from waiting import until


def in_background(call):
    pool = concurrent.futures.ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return future


def until_chain(server, path, seconds=60):
    """Asks for the request until its chain is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = server.ask("GET", path)
        if answer.status != 202:
            return answer
        assert int(answer.headers["retry-after"]) > 0
        time.sleep(0.05)
    raise AssertionError(f"{path} is not done after {seconds} s")


def path_of(answer):
    location = answer.headers["location"]
    return location[location.index("/v1/requests/"):]


def test_a_client_that_does_not_wait_gets_a_place_to_ask(held_world):
    world = held_world
    csr = world.csr()
    answer = world.server.sign(csr, {"Prefer": "respond-async"})
    assert answer.status == 202
    path = path_of(answer)
    assert world.gate.asked.wait(20)
    running = world.server.ask("GET", path)
    assert running.status == 202
    assert int(running.headers["retry-after"]) > 0
    assert b"step" in running.body
    world.gate.open()
    check_chain(until_chain(world.server, path), csr, world.pebble)


def test_a_client_that_waits_a_second_is_told_where_to_ask_later(held_world):
    world = held_world
    csr = world.csr()
    start = time.monotonic()
    answer = world.server.sign(csr, {"Prefer": "wait=1"})
    assert answer.status == 503
    assert 0.9 < time.monotonic() - start < 20
    assert int(answer.headers["retry-after"]) > 0
    world.gate.open()
    check_chain(until_chain(world.server, path_of(answer)), csr, world.pebble)
    assert world.pebble.requests("order-plz") == 1


def test_a_client_that_hung_up_and_posts_again_gets_the_chain_of_the_one_order(held_world):
    world = held_world
    csr = world.csr()
    body = csr.read_bytes()
    with socket.create_connection(("127.0.0.1", world.server.port)) as client:
        client.sendall(b"POST /v1/sign HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert world.gate.asked.wait(20)
    again = in_background(lambda: world.server.sign(csr))
    time.sleep(0.3)
    assert not again.done()
    world.gate.open()
    check_chain(again.result(60), csr, world.pebble)
    assert world.pebble.requests("order-plz") == 1


def test_term_in_the_middle_of_an_order_ends_in_a_retryable_problem_and_the_order_goes_on_after_the_restart(held_world):
    world = held_world
    csr = world.csr()
    waiting = in_background(lambda: world.server.sign(csr))
    assert world.gate.asked.wait(20)
    world.server.child.signal(signal.SIGTERM)
    answer = waiting.result(40)
    assert answer.status == 503, answer
    assert int(answer.headers["retry-after"]) > 0
    assert world.server.child.wait_end(40) == 0
    world.server.stop()  # looks at what the sanitizers said
    world.gate.open()
    world.server.start()
    check_chain(until_chain(world.server, path_of(answer)), csr, world.pebble)
    assert world.pebble.requests("order-plz") == 1


def test_term_lets_an_order_that_is_nearly_done_finish(held_world):
    world = held_world
    csr = world.csr()
    waiting = in_background(lambda: world.server.sign(csr))
    assert world.gate.asked.wait(20)
    world.server.child.signal(signal.SIGTERM)
    time.sleep(0.5)
    world.gate.open()
    answer = waiting.result(40)
    assert answer.status in (200, 503), answer
    if answer.status == 200:
        check_chain(answer, csr, world.pebble)
    assert world.server.child.wait_end(40) == 0


def test_a_server_that_was_killed_goes_on_with_its_orders(held_world):
    world = held_world
    csr = world.csr()
    path = path_of(world.server.sign(csr, {"Prefer": "respond-async"}))
    assert world.gate.asked.wait(20)
    world.server.kill()
    world.gate.open()
    world.server.start()
    check_chain(until_chain(world.server, path), csr, world.pebble)
    assert world.pebble.requests("order-plz") == 1


def test_a_ca_that_hangs_holds_nobody_else_up(quiet_world):
    """Requests that need no CA are answered while it is stopped, and the order ends when it goes on."""
    world = quiet_world
    check_chain(world.server.sign(done := world.csr()), done)
    world.pebble.child.signal(signal.SIGSTOP)
    try:
        csr = world.csr()
        waiting = in_background(lambda: world.server.sign(csr))
        time.sleep(0.3)
        start = time.monotonic()
        check_chain(world.server.sign(done), done)
        assert world.server.sign(b"nonsense").status == 400
        assert time.monotonic() - start < 15
        assert not waiting.done()
    finally:
        world.pebble.child.signal(signal.SIGCONT)
    check_chain(waiting.result(60), csr, world.pebble)


def test_no_new_connections_once_it_stops(held_world):
    world = held_world
    waiting = in_background(lambda: world.server.sign(world.csr()))
    assert world.gate.asked.wait(20)
    world.server.child.signal(signal.SIGTERM)
    until(lambda: not answers(world.server.port), 20, "that nobody is accepted any more")
    assert waiting.result(40).status in (200, 503)
    assert world.server.child.wait_end(40) == 0


def test_a_chain_stays_after_a_restart(quiet_world):
    world = quiet_world
    csr = world.csr()
    answer = world.server.sign(csr, {"Prefer": "respond-async"})
    pem = check_chain(until_chain(world.server, path_of(answer)), csr)
    world.server.stop()
    world.server.start()
    assert world.server.ask("GET", path_of(answer)).body == pem
    assert world.server.sign(csr).body == pem
    assert world.pebble.requests("order-plz") == 1
    assert NAME in world.server.command("subject", "list").stdout

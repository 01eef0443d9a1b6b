"""Orders against a real CA: many at once, a CA that rejects nonces, wants EAB, is down, or has lost the account."""
import concurrent.futures
import json
import re

from chain import check_chain, issuer_of, serial_of
from pebble import EAB_KEY, EAB_KID
from scene import NAME, ZONE, World

ZONES = [f"z{number}.example" for number in range(1, 6)]


def together(calls):
    """Runs all calls at the same time; their results in order."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def orders_of_log(log):
    """(event, zone) for each order that began or ended, in the log's order."""
    return re.findall(r"order (started|ended)\b[^\n]*?\bzone=(\S+)", log)


def most_at_once(events, zone=None):
    now = most = 0
    for event, at in events:
        if zone in (None, at):
            now += 1 if event == "started" else -1
            most = max(most, now)
    return most


def five_zones(lab, parallel=1):
    server = lab.server(zones=ZONES)
    pebble = lab.pebble(server)
    server.use_pebble(pebble).start()
    for zone in ZONES:
        server.add_zone(zone, "--parallel", str(parallel))
        server.add_subject(f"CN=www.{zone}", zone)
    return server, pebble


def test_fifty_posts_over_five_zones_all_succeed_one_order_at_a_time_in_each_zone(lab):
    server, pebble = five_zones(lab)
    csrs = [lab.csr(f"www.{ZONES[number % 5]}") for number in range(50)]
    answers = together([lambda csr=csr: server.sign(csr) for csr in csrs])
    for csr, answer in zip(csrs, answers):
        check_chain(answer, csr, pebble)
    assert len({serial_of(answer.body) for answer in answers}) == 50
    events = orders_of_log(server.log())
    assert len(events) == 100
    for zone in ZONES:
        assert most_at_once(events, zone) == 1, zone
    assert most_at_once(events) > 1  # zones do not wait for each other


def test_a_zone_may_allow_several_orders_at_once(lab):
    server, pebble = five_zones(lab, parallel=3)
    names = [f"h{number}.{ZONES[0]}" for number in range(9)]  # those for the same names go one at a time in any case
    for name in names:
        server.add_subject(f"CN={name}", ZONES[0])
    csrs = [lab.csr(name) for name in names]
    for csr, answer in zip(csrs, together([lambda csr=csr: server.sign(csr) for csr in csrs])):
        check_chain(answer, csr, pebble)
    assert 1 < most_at_once(orders_of_log(server.log()), ZONES[0]) <= 3


def test_many_posts_of_one_request_share_one_order(quiet_world):
    world = quiet_world
    csr = world.csr()
    answers = together([lambda: world.server.sign(csr)] * 20)
    assert len({answer.body for answer in answers}) == 1
    check_chain(answers[0], csr, world.pebble)
    assert world.pebble.requests("order-plz") == 1


def test_every_order_succeeds_when_the_ca_rejects_every_fifth_nonce(lab):
    world = World(lab, env={"PEBBLE_WFE_NONCEREJECT": "20"}).start()
    for _ in range(15):
        csr = lab.csr()
        check_chain(world.server.sign(csr), csr, world.pebble)


def test_a_warm_account_needs_at_most_nine_requests_an_order(quiet_world):
    world = quiet_world
    check_chain(world.server.sign(csr := world.csr()), csr)
    before = world.pebble.requests()
    for _ in range(10):
        check_chain(world.server.sign(csr := world.csr()), csr)
    assert (world.pebble.requests() - before) / 10 <= 9


def test_a_ca_that_wants_an_external_account_gets_one(lab):
    world = World(lab, eab=True)
    world.server.use_pebble(world.pebble, eab_kid=EAB_KID, eab_hmac=EAB_KEY)
    world.start()
    csr = world.csr()
    check_chain(world.server.sign(csr), csr, world.pebble)


def test_a_ca_that_wants_an_external_account_and_gets_none_is_named_as_the_cause(lab):
    world = World(lab, eab=True).start()
    answer = world.server.sign(world.csr())
    assert answer.status == 500
    assert json.loads(answer.body)["type"].endswith("ca-eab-required")
    assert "eab_kid" in world.server.log()


def test_an_account_that_the_ca_has_lost_is_made_again(world):
    check_chain(world.server.sign(csr := world.csr()), csr, world.pebble)
    world.pebble.stop()
    world.pebble.start()  # Pebble remembers nothing
    for _ in range(2):
        check_chain(world.server.sign(csr := world.csr()), csr, world.pebble)
    assert world.pebble.requests("sign-me-up") >= 1


def test_the_server_starts_while_the_ca_is_down_and_serves_when_it_comes(lab):
    server = lab.server()
    pebble = lab.pebble(server, start=False)
    server.use_pebble(pebble).start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    csr = lab.csr()
    answer = server.sign(csr, {"Prefer": "wait=1"})
    assert answer.status in (502, 503), answer
    assert int(answer.headers["retry-after"]) > 0
    pebble.start()
    check_chain(server.sign(csr), csr, pebble)


def test_a_challenge_that_fails_is_told_in_the_ca_s_own_words(lab):
    """Pebble asks another DNS server than the one that has the value."""
    other = lab.server()
    other.config["ca"]["local"] = {"plugin": "ca-local"}
    other.start()
    server = lab.server()
    server.use_pebble(lab.pebble(other)).start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    answer = server.sign(lab.csr())
    assert answer.status == 502
    assert b"urn:ietf:params:acme:error" in answer.body
    assert b"TXT" in answer.body or b"dns" in answer.body.lower()


def test_names_are_challenged_each_and_come_in_one_certificate(world):
    names = sorted([f"a.{ZONE}", f"b.{ZONE}", f"*.{ZONE}", ZONE, NAME])
    world.server.add_subject("O=Many", ZONE, "--names", " ".join(names))
    csr = world.csr(subject="/O=Many", names=names)
    pem = check_chain(world.server.sign(csr), csr, world.pebble)
    assert "Pebble" in issuer_of(pem)

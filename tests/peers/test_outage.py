"""A CA that is out for a while: orders wait for it in their order, whoever waits is told the truth, and when it is back nobody
is lost and no limit is hit. The CA and the server share a clock that the tests move, so that ten minutes take a second.
"""
import concurrent.futures
import json
import re
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chaos import Chaos
from moved import MovedClock

ZONES = [f"z{number}.example" for number in range(5)]
DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Asked:
    """A name below a zone with a key of its own, and its CSR."""

    def __init__(self, number, zones):
        self.zone = zones[number % len(zones)]
        self.name = f"h{number}.{self.zone}"
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, self.zone)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName(self.name)]), False)
        self.csr = request.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.place = None

    def check(self, answer):
        assert answer.status == 200, (self.name, answer)
        leaf = x509.load_pem_x509_certificate(answer.body)
        assert leaf.public_key().public_bytes(*DER) == self.key.public_key().public_bytes(*DER)


class Scene:
    """A server whose zones have one subject each, a CA with the limits of Let's Encrypt, and their clock."""

    def __init__(self, lab, build, slow, zones=tuple(ZONES), **config):
        self.lab, self.zones, self.slow, self.made = lab, zones, slow, 0
        self.server = lab.server(zones=zones)
        self.clock = MovedClock(lab.folder, build).run(self.server)
        self.server.config.update(stop=1, **config)
        self.chaos = self.add_ca("le")

    def add_ca(self, name):
        chaos = Chaos(self.lab.place("chaos"), self.server.dns_port, self.clock.env["COUNTERSIGN_CLOCK"], limits=True).start()
        self.lab.running.insert(0, chaos)
        self.server.use_pebble(chaos, name)
        return chaos

    def open(self, cas=None):
        """`cas`: that of each zone; usually the only one. The account is made while the CA is well."""
        self.server.start()
        for zone, ca in zip(self.zones, cas or ["le"] * len(self.zones)):
            self.server.add_zone(zone)
            self.server.add_subject(f"O={zone}", zone, "--names", f".{zone}", "--ca", ca)
        for asked in self.ask(len(self.zones)):
            asked.check(self.server.sign(asked.csr))
        return self

    def ask(self, n):
        self.made += n
        return [Asked(number, self.zones) for number in range(self.made - n, self.made)]

    def post(self, asked, status=202):
        answer = self.server.sign(asked.csr, {"Prefer": "respond-async"})
        assert answer.status == status, answer
        asked.place = answer.headers.get("location")
        return answer

    def look(self, asked):
        return self.server.ask("GET", asked.place)

    def until(self, done, what, seconds=20):
        self.server.child.wait_until(done, seconds * self.slow, what)

    def said(self, text):
        return self.server.log().count(text)

    def go_out(self, fault="reset"):
        """Whoever asks from now on gets no answer, or that one."""
        name, space, value = fault.partition(" ")
        self.chaos.fault(f"{name} at=any times=always{space}{value}")

    def opened(self, times=1):
        self.until(lambda: self.said("the CA is out, orders wait for it") >= times, "the breaker opened")

    def spend(self, seconds):
        """Time passes during the outage; each probe on the way comes and fails."""
        end = self.clock.now() + seconds
        while self.next_probe() < end:
            probes = self.said("the CA is still out")
            self.clock.move(max(self.next_probe() - self.clock.now(), 0.1))
            self.until(lambda: self.said("the CA is still out") > probes, "a probe")
        self.clock.move(max(end - self.clock.now(), 0))

    def next_probe(self):
        """When it is due, by the log, on the moved clock; rounded up."""
        when, seconds = re.findall(r"^(\S+) .*asked again in_s=(\d+)", self.server.log(), re.M)[-1]
        return stamp(when) + int(seconds) + 1

    def come_back(self):
        """The CA is well again, and the next probe is due."""
        self.chaos.clear()
        self.clock.move(max(self.next_probe() - self.clock.now() + 0.1, 0.1))
        self.until(lambda: self.hurry(1) or not self.server.metric("countersign_ca_out"), "the CA is back")

    def limited(self):
        return [line for line in self.chaos.log() if line["status"] == 429]

    def fetch(self, many):
        for asked in many:
            self.until(lambda asked=asked: self.look(asked).status != 202, f"an end of {asked.name}")
            asked.check(self.look(asked))

    def hurry(self, seconds):
        self.clock.move(seconds)

    def places(self, many):
        """Where each stands among the CA's orders."""
        seen = [order["names"][0] for order in self.chaos.orders()]
        return [seen.index(asked.name) for asked in many]


def stamp(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(text[19:23])


def test_a_hundred_orders_of_a_ten_minute_outage_are_served_after_it_in_order_and_without_a_429(lab, build, slow, say):
    scene = Scene(lab, build, slow).open()
    scene.go_out()
    began = scene.clock.now()
    many = scene.ask(100)
    for asked in many:
        scene.post(asked)
    scene.opened()
    asked_before = len(scene.chaos.log())
    scene.spend(600)
    probes = scene.said("the CA is still out")
    assert len(scene.chaos.log()) <= asked_before + probes + 4  # and what the other orders had sent when the fifth fault came
    assert scene.said("the CA is out, orders wait for it") == 1  # once, not for each order
    assert scene.server.metric("countersign_ca_out") == 1
    assert scene.server.metric("countersign_ca_orders_waiting") == 100
    assert json.loads(scene.look(many[0]).body)["step"] == "waiting-for-ca"
    after = scene.clock.now() - began
    scene.come_back()
    scene.fetch(many)
    places = scene.places(many)
    for zone in range(len(ZONES)):
        assert places[zone::len(ZONES)] == sorted(places[zone::len(ZONES)])
    behind = max(abs(place - places[0] - number) for number, place in enumerate(places))
    assert behind <= 16, places  # as many as may be under way at once
    assert scene.limited() == []
    assert scene.said("the CA is back") == 1
    assert scene.server.metric("countersign_ca_out") == scene.server.metric("countersign_ca_orders_waiting") == 0
    say(f"out for {after:.0f} s: 100 orders served, at most {behind} places from their own; "
        f"{probes} probes in vain")


def test_who_waits_is_told_the_truth(lab, build, slow):
    """Posted again when Retry-After says: a new true time as long as the CA is out, then the chain."""
    scene = Scene(lab, build, slow).open()
    scene.go_out()
    for asked in scene.ask(10):
        scene.post(asked)
    scene.opened()
    asked, = scene.ask(1)
    for _ in range(4):
        probes, began = scene.said("the CA is still out"), time.monotonic()
        seconds = told_to_wait(scene, asked)
        assert time.monotonic() - began < 8  # at once, not at the end of its wait
        assert scene.clock.now() + seconds >= scene.next_probe()
        scene.clock.move(seconds)
        scene.until(lambda: scene.said("the CA is still out") > probes, "the probe that Retry-After spoke of")
    seconds = told_to_wait(scene, asked)
    scene.chaos.clear()
    scene.clock.move(seconds)
    asked.check(scene.server.sign(asked.csr, {"Prefer": "wait=20"}))


def told_to_wait(scene, asked):
    answer = scene.server.sign(asked.csr, {"Prefer": "wait=10"})
    assert answer.status == 503, answer
    assert json.loads(answer.body)["type"].endswith(":ca-out")
    assert "location" not in answer.headers  # nothing was stored
    return int(answer.headers["retry-after"])


def test_who_waits_longer_keeps_the_place_and_is_told_as_soon_as_it_is_in_vain(lab, build, slow):
    scene = Scene(lab, build, slow).open()
    scene.go_out()
    for asked in scene.ask(5):
        scene.post(asked)
    scene.opened()
    asked, = scene.ask(1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(scene.server.sign, asked.csr, {"Prefer": "wait=60"})
        scene.until(lambda: scene.server.metric("countersign_ca_orders_waiting") == 6, "six orders wait")
        began = scene.clock.now()
        scene.spend(50)  # with the second probe the third one is too late
        answer = waiting.result(20 * slow)
    assert answer.status == 503 and json.loads(answer.body)["type"].endswith(":ca-out")
    assert scene.clock.now() - began < 60
    asked.place = answer.headers["location"]
    scene.come_back()
    scene.fetch([asked])


def test_a_restart_in_the_middle_loses_none(lab, build, slow):
    scene = Scene(lab, build, slow).open()
    scene.go_out()
    many = scene.ask(20)
    for asked in many:
        scene.post(asked)
    scene.opened()
    scene.spend(120)
    scene.server.kill()
    scene.server.start()
    scene.until(lambda: scene.hurry(1) or scene.said("the CA is out, orders wait for it"), "the breaker opened again")
    for asked in many:
        assert scene.look(asked).status == 202
    scene.spend(120)
    scene.server.stop()
    scene.chaos.clear()
    scene.server.start()
    scene.fetch(many)
    assert scene.limited() == []


def test_a_ca_that_flaps_loses_none(lab, build, slow):
    scene = Scene(lab, build, slow).open()
    many = scene.ask(40)
    for turn in range(4):
        scene.go_out("busy-silent" if turn % 2 else "reset")
        for asked in many[10 * turn:10 * turn + 10]:
            scene.post(asked)
        scene.until(lambda: scene.hurry(1) or scene.server.metric("countersign_ca_out"), "the breaker opened")
        scene.come_back()
        served = many[:10 * turn + 3]
        scene.until(lambda served=served: all(scene.look(asked).status != 202 for asked in served), "some chains")
    scene.fetch(many)
    assert scene.limited() == []


def test_of_two_cas_one_is_out_and_the_zones_of_the_other_go_on(lab, build, slow):
    scene = Scene(lab, build, slow, zones=("here.example", "there.example"))
    scene.add_ca("other")
    scene.open(["le", "other"])
    scene.go_out()
    many = scene.ask(20)
    for asked in many[0::2]:
        scene.post(asked)
    scene.until(lambda: scene.hurry(1) or scene.server.metric("countersign_ca_orders_waiting") == 10, "all wait")
    for asked in many[1::2]:
        asked.check(scene.server.sign(asked.csr, {"Prefer": "wait=20"}))
    assert scene.said("ca.other: the CA is out") == 0
    scene.come_back()
    scene.fetch(many[0::2])


def test_beyond_the_bound_the_answer_comes_before_anything_is_stored(lab, build, slow):
    scene = Scene(lab, build, slow, outage_queue=7).open()
    scene.go_out()
    many = scene.ask(7)
    for asked in many:
        scene.post(asked)
    scene.opened()
    scene.until(lambda: scene.hurry(1) or scene.server.metric("countersign_ca_orders_waiting") == 7, "all wait")
    rows = scene.server.sql("SELECT count(*) FROM job")
    for asked in scene.ask(5):
        answer = scene.post(asked, 503)
        assert json.loads(answer.body)["type"].endswith(":ca-out") and int(answer.headers["retry-after"]) > 0
        assert not asked.place
    assert scene.server.sql("SELECT count(*) FROM job") == rows
    scene.come_back()
    scene.fetch(many)


def test_the_ca_s_own_retry_after_says_when_it_is_asked_again(lab, build, slow):
    scene = Scene(lab, build, slow).open()
    scene.go_out("busy value=400")
    many = scene.ask(5)
    for asked in many:
        scene.post(asked)
    scene.opened()
    wait, = re.findall(r"asked again in_s=(\d+)", scene.server.log())
    assert 398 <= int(wait) <= 480  # and up to a fifth of jitter
    before = len(scene.chaos.log())
    scene.clock.move(300)
    for asked in scene.ask(3):
        scene.post(asked)
    assert len(scene.chaos.log()) == before  # nobody asks meanwhile
    scene.come_back()
    scene.fetch(many)


def test_a_subject_that_is_moved_to_another_ca_waits_no_more_for_the_one_that_is_out(lab, build, slow):
    """With the same key and names, before and after a restart; the order that waits keeps its place, and its own answer."""
    scene = Scene(lab, build, slow)
    other = scene.add_ca("other")
    scene.open()
    scene.go_out()
    many = scene.ask(5)
    for asked in many:
        scene.post(asked)
    scene.opened()
    scene.server.sql("UPDATE subject_ca SET ca = 'other'")
    many[0].check(scene.server.sign(many[0].csr, {"Prefer": "wait=20"}))
    scene.server.stop()
    scene.server.start()
    assert scene.server.log().count("order taken up again") == 5
    many[1].check(scene.server.sign(many[1].csr, {"Prefer": "wait=20"}))
    assert sorted(order["names"][0] for order in other.orders()) == sorted(asked.name for asked in many[:2])
    assert scene.look(many[0]).status == 202
    scene.until(lambda: scene.hurry(1) or scene.said("the CA is out, orders wait for it"), "the breaker opened again")
    scene.come_back()
    scene.fetch(many)


def test_a_chain_of_a_staging_order_under_way_is_no_answer_for_production(lab, build, slow):
    scene = Scene(lab, build, slow)
    production = scene.add_ca("production")
    scene.open()
    scene.go_out("busy")
    asked, = scene.ask(1)
    scene.post(asked)
    scene.server.sql("UPDATE subject_ca SET ca = 'production'")
    scene.post(asked)
    scene.until(lambda: scene.look(asked).status != 202, "production's chain")
    answer = scene.look(asked)
    asked.check(answer)
    assert [order["names"] for order in production.orders()] == [[asked.name]]
    assert scene.server.sign(asked.csr).body == answer.body

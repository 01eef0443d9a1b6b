"""No certificate twice, and none to the wrong one: many at once for one key, and many keys for one name, at a CA that hands out
the same order to who asks twice for the same names."""
import concurrent.futures
import json
import shutil

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chaos import Chaos
from moved import DAY, MovedClock
from scene import NAME, ZONE

SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def make_csr(key, *organization):
    name = x509.Name([*(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, word) for word in organization),
                      x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def open_world(lab, **options):
    server = lab.server()
    chaos = Chaos(lab.place("chaos"), server.dns_port, **options).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos").start()
    server.add_zone(ZONE, "--parallel", "100")
    server.add_subject(f"CN={NAME}", ZONE)
    return server, chaos


def all_at_once(server, csrs):
    with concurrent.futures.ThreadPoolExecutor(len(csrs)) as pool:
        return list(pool.map(server.sign, csrs))


def check_leaves(keys, answers):
    for key, answer in zip(keys, answers):
        assert answer.status == 200, answer
        leaf = x509.load_pem_x509_certificate(answer.body)
        assert leaf.public_key().public_bytes(*SPKI) == key.public_key().public_bytes(*SPKI)


def test_a_thousand_posts_of_one_csr_are_one_order_and_a_thousand_equal_answers(lab):
    server, chaos = open_world(lab, validation_delay=1)
    answers = all_at_once(server, [make_csr(ec.generate_private_key(ec.SECP256R1()))] * 1000)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert [(order["status"], order["finalized"]) for order in chaos.orders()] == [("valid", 1)]


def test_every_leaf_has_its_requesters_key_although_the_ca_hands_out_the_same_order(lab, interleavings):
    """A thousand with --interleavings=1000."""
    server, chaos = open_world(lab, order_reuse=True)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(interleavings(150))]
    check_leaves(keys, all_at_once(server, [make_csr(key) for key in keys]))
    orders = chaos.orders()
    assert len(orders) == len(keys) and {order["finalized"] for order in orders} == {1}, json.dumps(orders[:3])


def test_every_leaf_has_its_requesters_key_although_the_first_order_has_to_wait_after_finalize(lab):
    server, chaos = open_world(lab, order_reuse=True)
    chaos.fault("limited at=finalize value=1")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(5)]
    check_leaves(keys, all_at_once(server, [make_csr(key) for key in keys]))
    assert chaos.came()["limited"] == 1
    assert [order["finalized"] for order in chaos.orders()] == [1] * len(keys)


def test_back_at_the_first_ca_its_chain_is_the_answer_and_nothing_is_ordered(lab):
    """Production, staging for a trial, production again: the newest chain of all is not the one that counts."""
    server = lab.server()
    cas = {name: Chaos(lab.place("chaos"), server.dns_port).start() for name in ("production", "staging")}
    for name, chaos in cas.items():
        lab.running.insert(0, chaos)
        server.use_pebble(chaos, name)
    server.start().add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE, "--ca", "production")
    csr, chains = make_csr(ec.generate_private_key(ec.SECP256R1())), []
    for ca in ("production", "staging", "production", "staging"):
        server.sql("UPDATE subject_ca SET ca = ?", ca)
        answer = server.sign(csr)
        assert answer.status == 200, answer
        chains.append(answer.body)
    assert chains[:2] == chains[2:] and chains[0] != chains[1]
    assert [len(chaos.orders()) for chaos in cas.values()] == [1, 1]


def test_two_blocks_with_one_account_are_not_given_each_other_s_order(lab):
    """The second has a copy of the first one's key, in a file of its own."""
    server, chaos = open_world(lab, order_reuse=True)
    server.add_subject(f"CN={NAME},O=A", ZONE, "--ca", "chaos")
    check_leaves(keys := [ec.generate_private_key(ec.SECP256R1())], all_at_once(server, [make_csr(keys[0], "A")]))
    server.stop()
    copy = server.folder / "copy.pem"
    shutil.copy(next((server.folder / "state").rglob("account.pem")), copy)
    server.use_pebble(chaos, "twin", account_key=copy).start()
    server.add_subject(f"CN={NAME},O=B", ZONE, "--ca", "twin")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(30)]
    check_leaves(keys, all_at_once(server, [make_csr(key, "AB"[number % 2]) for number, key in enumerate(keys)]))
    assert {order["finalized"] for order in chaos.orders()} == {1}


def test_no_cache_gets_a_new_certificate_as_often_as_the_row_allows(lab, build):
    """Who says so with every post does not use up what the CA allows for the names: 5 in 7 days."""
    server, fresh = lab.server(), {"Cache-Control": "no-cache"}
    clock = MovedClock(lab.folder, build).run(server)
    chaos = Chaos(lab.place("chaos"), server.dns_port, clock.env["COUNTERSIGN_CLOCK"], limits=True).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos").start().add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    csr = make_csr(ec.generate_private_key(ec.SECP256R1()))

    def ordered_by(posts):
        before = len(chaos.orders())
        assert {server.sign(csr, fresh).status for _ in range(posts)} == {200}
        return len(chaos.orders()) - before

    assert ordered_by(7) == 1
    clock.move(29 * DAY)
    assert ordered_by(2) == 0
    clock.move(2 * DAY)
    assert ordered_by(2) == 1
    server.add_subject(f"CN={NAME}", ZONE, "--no-cache", "always")
    assert ordered_by(2) == 2
    server.add_subject(f"CN={NAME}", ZONE)
    assert ordered_by(1) == 1
    server.add_subject(f"CN={NAME}", ZONE, "--no-cache", "never")
    clock.move(50 * DAY)
    assert ordered_by(1) == 0
    clock.move(15 * DAY)
    assert ordered_by(2) == 1

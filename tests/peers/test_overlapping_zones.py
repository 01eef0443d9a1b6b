"""Two rows of the zone table have one owner name: example.com with *.www.example.com, and www.example.com; one dns-pdns."""
import concurrent.futures
import time

from chain import check_chain
from chaos import Chaos
from powerdns import PowerDns
from relay import HttpRelay
from scene import ZONE
from waiting import until

INNER = f"www.{ZONE}"
PLACES = [("O=Outer", ZONE, f"*.{INNER}"), ("O=Inner", INNER, INNER)]


def test_orders_of_two_zones_at_one_owner_name_both_get_their_chain(lab):
    there = lab.name_server(PowerDns)
    relay = HttpRelay(there.api_port, lambda moment, *_: time.sleep(0.1) if moment == "before" else None)  # they overlap
    lab.running.insert(0, relay)
    server = lab.server(zones=["elsewhere.example"])
    chaos = Chaos(lab.place("chaos"), there.port, order_reuse=False, authz_reuse=False).start()
    lab.running.insert(0, chaos)
    server.use_pebble(chaos, "chaos")
    server.config["dns"]["there"] = there.instance(api=relay.url)
    server.start()
    for subject, zone, names in PLACES:
        server.add_zone(zone, dns="there", dns_port=there.port)
        server.add_subject(subject, zone, "--names", names)
    csrs = [lab.csr(subject=f"/{subject}", names=[names]) for subject, _, names in PLACES]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda csr: server.sign(csr, {"Prefer": "wait=20"}), csrs))
    for answer, csr in zip(answers, csrs):
        check_chain(answer, csr)
    until(lambda: not there.txt(f"_acme-challenge.{INNER}."), 20)
    until(lambda: server.sql("SELECT count(*) FROM job_challenge") == [(0,)], 20)

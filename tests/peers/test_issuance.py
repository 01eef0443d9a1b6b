"""From a CSR to a chain through each DNS plugin and each real server that it drives, with a CA that asks that very server."""
import concurrent.futures
import time

import pytest

from bind import Bind
from chain import check_chain, names_of
from knot import Knot
from powerdns import PowerDns
from scene import NAME, ZONE

OWNER = f"_acme-challenge.{NAME}."
WAYS = {
    "dns-pdns-PowerDNS": (PowerDns, PowerDns.api_instance),
    "dns-rfc2136-BIND": (Bind, Bind.update_instance),
    "dns-rfc2136-Knot": (Knot, Knot.update_instance),
    "dns-rfc2136-PowerDNS": (PowerDns, PowerDns.update_instance),
    "dns-exec-nsupdate-BIND": (Bind, Bind.exec_instance),
}


class World:
    """A server whose only DNS is a real name server, and a CA that asks that one."""

    def __init__(self, lab, kind, instance):
        self.lab = lab
        self.name_server = lab.name_server(kind)
        self.pebble = lab.pebble(self.name_server)
        self.server = lab.server().use_pebble(self.pebble)
        self.server.config["dns"] = {"peer": instance(self.name_server)}
        self.server.start()
        self.server.add_zone(ZONE, dns="peer", dns_port=self.name_server.port)
        self.server.add_subject(f"CN={NAME}", ZONE)
        self.server.add_subject("O=Everything", ZONE, "--names", f".{ZONE},*.{NAME}")

    def wait_for(self, owner, values):
        """The chain is answered first, and the value taken away behind its back."""
        end = time.monotonic() + 20
        while self.name_server.txt(owner) != values:
            assert time.monotonic() < end, f"{owner} still has {self.name_server.txt(owner)}"
            time.sleep(0.02)


@pytest.fixture(params=WAYS)
def world(lab, request):
    return World(lab, *WAYS[request.param])


def test_a_certificate_is_issued_and_its_value_is_gone_but_not_those_of_others(world):
    assert world.name_server.update(OWNER, add=["somebody-elses"]) == "NOERROR"
    csr = world.lab.csr()
    check_chain(world.server.sign(csr), csr, world.pebble)
    world.wait_for(OWNER, {"somebody-elses"})


def test_a_name_and_its_wildcard_need_two_values_at_one_owner(world):
    csr = world.lab.csr(NAME, subject="/O=Everything", names=[NAME, f"*.{NAME}"])
    answer = world.server.sign(csr)
    assert names_of(check_chain(answer, csr, world.pebble)) == [f"*.{NAME}", NAME]
    world.wait_for(OWNER, set())


def test_ten_orders_at_once_all_end_well_and_leave_nothing(world):
    names = [f"host{i}.{ZONE}" for i in range(10)]
    csrs = [world.lab.csr(name, subject="/O=Everything") for name in names]
    with concurrent.futures.ThreadPoolExecutor(len(csrs)) as pool:
        for csr, answer in zip(csrs, pool.map(world.server.sign, csrs)):
            check_chain(answer, csr, world.pebble)
    for name in names:
        world.wait_for(f"_acme-challenge.{name}.", set())

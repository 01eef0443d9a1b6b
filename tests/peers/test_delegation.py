"""Four zones on four back ends in one server, CNAME records that lead from one into another, and back ends that change.

Pebble asks a real Unbound, which asks each zone's own server, as the world does."""
import json
import re
import time

import pytest

from bind import Bind
from chain import check_chain, names_of
from knot import Knot
from powerdns import PowerDns
from test_orders import together
from unbound import Unbound

BUILTIN, PDNS, BIND, KNOT = "builtin.example", "pdns.example", "bind.example", "knot.example"
ZONES = [BUILTIN, PDNS, BIND, KNOT]


class Four:
    """dns-builtin, PowerDNS by its API, BIND by RFC 2136, and Knot by nsupdate as a program."""

    def __init__(self, lab):
        self.lab = lab
        self.server = lab.server(zones=[BUILTIN])
        self.name_servers = {PDNS: lab.name_server(PowerDns, [PDNS]), BIND: lab.name_server(Bind, [BIND]),
                             KNOT: lab.name_server(Knot, [KNOT])}
        self.ports = {BUILTIN: self.server.dns_port, **{zone: server.port for zone, server in self.name_servers.items()}}
        self.server.config["dns"] |= {"pdns": self.at(PDNS).api_instance(), "bind": self.at(BIND).update_instance(),
                                      "knot": self.at(KNOT).exec_instance()}
        self.unbound = Unbound(lab.place("unbound"), self.ports)
        lab.running.insert(0, self.unbound)
        self.pebble = lab.pebble(self.unbound)
        self.server.use_pebble(self.pebble).start()
        for zone in ZONES:
            self.add_zone(zone)
        self.unbound.start()

    def at(self, zone):
        return self.name_servers[zone]

    def add_zone(self, zone, *more):
        self.server.command("zone", "add", zone, "--dns", zone.split(".")[0], "--servers", f"127.0.0.1:{self.ports[zone]}",
                            "--parallel", "3", *more)

    def allow(self, name, zone):
        self.server.add_subject(f"CN={name}", zone, "--names", f"{name} .{zone} {zone} *.{zone}")
        return name

    def record(self, zone, *lines):
        """Records that the zone's owner makes by hand."""
        done = self.at(zone).nsupdate(f"zone {zone}", *(f"update add {line}" for line in lines))
        assert done.returncode == 0, done.stderr

    def sign(self, name, **more):
        csr = self.lab.csr(name, **more)
        return check_chain(self.server.sign(csr), csr, self.pebble)

    def sign_together(self, names):
        csrs = [self.lab.csr(name) for name in names]
        answers = together([lambda csr=csr: self.server.sign(csr) for csr in csrs])
        return [check_chain(answer, csr, self.pebble) for answer, csr in zip(answers, csrs)]

    def problem(self, name):
        """Of an order that must fail."""
        answer = self.server.sign(self.lab.csr(name))
        assert answer.status == 502, answer
        assert answer.headers["content-type"] == "application/problem+json"
        return json.loads(answer.body)

    def went_to(self, name):
        """The (owner, zone, instance) that the log says the challenge of a name went to."""
        return re.findall(r"challenge goes where its CNAME leads name=%s owner=(\S+) zone=(\S+) dns=(\S+)" % re.escape(name),
                          self.server.log())

    def expect_clean(self):
        """Every value is taken away, behind the back of those who wait for chains."""
        end = time.monotonic() + 10
        while self.server.sql("SELECT owner FROM job_challenge") and time.monotonic() < end:
            time.sleep(0.02)
        assert self.server.sql("SELECT owner, dns FROM job_challenge") == []


@pytest.fixture
def four(lab):
    return Four(lab)


def test_four_zones_on_four_back_ends_at_once(four):
    names = [four.allow(f"{host}.{zone}", zone) for host in ("a", "b", "c") for zone in ZONES]
    chains = four.sign_together(names)
    assert [names_of(pem) for pem in chains] == [[name] for name in names]
    assert "CNAME" not in four.server.log()
    four.expect_clean()
    for zone, name_server in four.name_servers.items():
        assert [name_server.txt(f"_acme-challenge.{host}.{zone}.") for host in "abc"] == [set()] * 3, zone


def test_a_cname_leads_into_a_zone_on_another_back_end(four):
    targets = {PDNS: f"www.{BIND}.{PDNS}.", KNOT: f"_acme-challenge.{KNOT}.", BUILTIN: f"any.name.{BUILTIN}."}
    for zone, target in targets.items():
        host = four.allow(f"to-{zone.split('.')[0]}.{BIND}", BIND)
        four.record(BIND, f"_acme-challenge.{host}. 10 CNAME {target}")
        four.sign(host)
        assert four.went_to(host) == [(target, f"{zone}.", zone.split(".")[0])]
    four.expect_clean()
    assert four.at(PDNS).txt(targets[PDNS]) == set() == four.at(KNOT).txt(targets[KNOT])


def test_a_name_and_its_wildcard_share_the_target_of_one_cname(four):
    four.record(BIND, f"_acme-challenge.{BIND}. 10 CNAME both.{KNOT}.")
    four.allow(BIND, BIND)
    pem = four.sign(BIND, names=[BIND, f"*.{BIND}"])
    assert names_of(pem) == [f"*.{BIND}", BIND]
    four.expect_clean()
    assert four.at(KNOT).txt(f"both.{KNOT}.") == set()


def test_orders_of_two_zones_may_meet_at_one_name(four):
    hosts = [four.allow(f"{host}.{zone}", zone) for host in ("a", "b", "c") for zone in (BIND, KNOT)]
    for host in hosts:
        four.record(host.split(".", 1)[1], f"_acme-challenge.{host}. 10 CNAME shared.{PDNS}.")
    four.sign_together(hosts)
    four.expect_clean()
    assert four.at(PDNS).txt(f"shared.{PDNS}.") == set()


def test_a_chain_leads_through_two_zones(four):
    host = four.allow(f"www.{BIND}", BIND)
    four.record(BIND, f"_acme-challenge.{host}. 10 CNAME one.{KNOT}.")
    four.record(KNOT, f"one.{KNOT}. 10 CNAME Two.{BIND}.")
    four.record(BIND, f"two.{BIND}. 10 CNAME three.{PDNS}.")
    four.sign(host)
    assert four.went_to(host) == [(f"three.{PDNS}.", f"{PDNS}.", "pdns")]


def test_what_a_dname_makes_of_the_name_is_followed(four):
    host = four.allow(f"www.deep.{BIND}", BIND)
    four.record(BIND, f"deep.{BIND}. 10 DNAME {KNOT}.")
    four.sign(host)
    assert four.went_to(host) == [(f"_acme-challenge.www.{KNOT}.", f"{KNOT}.", "knot")]


@pytest.mark.parametrize("zone", [BIND, KNOT, PDNS])
def test_a_wildcard_is_followed_into_a_zone_of_the_table_and_passed_over_when_it_leads_elsewhere(four, zone):
    four.record(zone, f"*.shop.{zone}. 10 CNAME any.{BUILTIN}.", f"*.web.{zone}. 10 CNAME lb.provider.example.")
    shop, web = four.allow(f"shop.{zone}", zone), four.allow(f"web.{zone}", zone)
    four.sign(shop)
    assert four.went_to(shop) == [(f"any.{BUILTIN}.", f"{BUILTIN}.", "builtin")]
    four.sign(web)
    assert four.went_to(web) == []
    assert f"owner=_acme-challenge.{web}. target=lb.provider.example." in four.server.log()


def test_records_that_lead_nowhere_are_explained(four):
    host = four.allow(f"www.{BIND}", BIND)
    owner = f"_acme-challenge.{host}."
    four.record(BIND, f"{owner} 10 CNAME round.{KNOT}.")
    four.record(KNOT, f"round.{KNOT}. 10 CNAME {owner}")
    problem = four.problem(host)
    assert problem["type"].endswith("cname-chain")
    assert f"in a circle: {owner} CNAME round.{KNOT}. CNAME {owner}" in problem["detail"]

    host = four.allow(f"mail.{BIND}", BIND)
    four.record(BIND, f"_acme-challenge.{host}. 10 CNAME mail.elsewhere.example.")
    problem = four.problem(host)
    assert problem["type"].endswith("cname-target")
    assert f"_acme-challenge.{host}. CNAME mail.elsewhere.example.: the last name lies in no zone" in problem["detail"]
    four.expect_clean()


def test_a_challenge_zone_says_which_record_to_create_and_then_takes_the_values(four):
    four.add_zone(BIND, "--challenge-zone", KNOT)
    host = four.allow(f"www.{BIND}", BIND)
    problem = four.problem(host)
    assert problem["type"].endswith("cname-missing")
    record = re.search(r"create it: (\S+) CNAME (\S+)$", problem["detail"])
    four.record(BIND, f"{record[1]} 10 CNAME {record[2]}")
    four.sign(host)
    assert four.went_to(host) == [(f"{host}.{KNOT}.", f"{KNOT}.", "knot")]

    other = four.allow(f"ftp.{BIND}", BIND)  # of a name that was validated before Pebble may take the old authorization
    four.record(BIND, f"_acme-challenge.{other}. 10 CNAME {other}.{KNOT}.")
    four.server.sql("UPDATE zone SET challenge_zone = ? WHERE zone = ?", PDNS, BIND)
    problem = four.problem(other)
    assert problem["type"].endswith("cname-target") and f"leads out of {PDNS}" in problem["detail"]


def test_the_back_end_of_a_zone_changes_with_one_word_while_orders_run(lab):
    zone = "moves.example"
    server = lab.server()
    old, new = lab.name_server(Bind, [zone]), lab.name_server(Knot, [zone])
    gate = lab.gate(old)
    server.config["dns"] |= {"old": old.update_instance(), "new": new.exec_instance()}
    for name, name_server in (("old-ca", old), ("new-ca", new)):
        server.use_pebble(lab.pebble(name_server), name)
    server.start()
    server.command("zone", "add", zone, "--dns", "old", "--parallel", "2", "--servers", f"127.0.0.1:{gate.port}")
    server.add_subject(f"CN=first.{zone}", zone, "--ca", "old-ca")
    server.add_subject(f"CN=next.{zone}", zone, "--ca", "new-ca")
    first, following = lab.csr(f"first.{zone}"), lab.csr(f"next.{zone}")
    held = server.sign(first, headers={"Prefer": "respond-async"})
    assert held.status == 202 and gate.asked.wait(20)
    assert len(old.txt(f"_acme-challenge.first.{zone}.")) == 1

    server.sql("UPDATE zone SET dns = 'new', servers = ? WHERE zone = ?", f"127.0.0.1:{new.port}", zone)
    check_chain(server.sign(following), following)
    assert old.txt(f"_acme-challenge.next.{zone}.") == set()
    assert len(old.txt(f"_acme-challenge.first.{zone}.")) == 1  # still the one that began there

    gate.open()
    check_chain(server.sign(first), first)
    end = time.monotonic() + 10
    while server.sql("SELECT owner FROM job_challenge") and time.monotonic() < end:
        time.sleep(0.02)
    for name_server in (old, new):
        assert name_server.txt(f"_acme-challenge.first.{zone}.") == name_server.txt(f"_acme-challenge.next.{zone}.") == set()

"""`countersign doctor` and the ports of `countersign check`, against what really runs: each finding with its exact advice."""
import datetime
import json
import os
import re
import socket
import struct

import dns.flags
import dns.rcode
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bind import Bind
from chaos import Chaos
from knot import Knot
from ports import free_port
from powerdns import PowerDns
from scene import NAME, ZONE, open_lab
from scripted_dns import ScriptedDns
from unbound import Unbound


class Doctor:
    """What it said, a dict for each line."""

    def __init__(self, server, *words):
        done = server.command("doctor", "--json", *words, check=False)
        assert done.stderr == "", done.stderr
        self.code = done.returncode
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]

    def one(self, check, verdict, about=""):
        """The only line of that check and verdict and, if it is said, of what it is about; what it saw and what to do."""
        found = [line for line in self.lines if (line["check"], line["verdict"]) == (check, verdict) and about in line["about"]]
        assert len(found) == 1, (check, verdict, about, self.lines)
        return found[0]["saw"], found[0]["do"]

    def about(self, check, about):
        """What a check saw of exactly that, and what to do."""
        return next((line["saw"], line["do"]) for line in self.lines if (line["check"], line["about"]) == (check, about))

    def bad(self):
        return {(line["check"], line["verdict"]) for line in self.lines if line["verdict"] != "ok"}


@pytest.fixture(scope="module")
def clinic(installed):
    """What all tests share: a CA and a resolver, which need no zone."""
    with open_lab(installed) as lab:
        lab.ca = lab.pebble(lab.server())
        lab.resolver = Unbound(lab.place("unbound"), {})
        lab.running.insert(0, lab.resolver)
        lab.resolver.start()
        yield lab


@pytest.fixture
def server(lab, clinic):
    """Configured, not started; nothing of its host to complain of."""
    server = lab.server()
    server.use_pebble(clinic.ca)
    server.config["resolvers"] = [f"127.0.0.1:{clinic.resolver.port}"]
    server.config["visits"] = {"enabled": False}
    return server.run_as("daemon") if os.geteuid() == 0 else server


def make_certificate(folder, begins=None, days=90):
    """Certificate and key of a listener, in files that everybody may read."""
    folder.mkdir()
    folder.chmod(0o755)
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime.fromisoformat(begins) if begins else datetime.datetime.utcnow() - datetime.timedelta(hours=1)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "countersign.example")])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), begin,
                                   begin + datetime.timedelta(days=days))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("countersign.example")]), critical=False)
    chain, private = folder / "tls.pem", folder / "tls.key"
    chain.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))
    return chain, private


def with_tls(server, certificate, key):
    server.config["listen"][0].update(certificate=certificate, key=key)
    return f"listen 127.0.0.1 port {server.port}"


# ---- All is well -------------------------------------------------------------------------------------------------------

def test_all_is_well_before_and_beside_a_server(lab, server):
    certificate, key = make_certificate(lab.place("tls"))
    about = with_tls(server, certificate, key)
    first = Doctor(server)
    assert (first.code, first.bad()) == (3, {("records", "warn")})
    assert not server.database.exists() and not (server.folder / "state").exists()
    assert first.one("account", "ok")[0].startswith("no account key yet")
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    beside = Doctor(server, "--timeout", "20")
    assert (beside.code, beside.bad()) == (3, {("delegation", "warn")})
    assert beside.one("delegation", "warn")[1].endswith(f"`dig +trace NS {ZONE}.`")
    assert beside.one("user", "ok", "server")[0] == f"one runs on {server.folder}/state (process {server.child.pid})"
    assert beside.one("port", "ok", f"UDP 127.0.0.1:{server.dns_port}")[0].startswith("our running server has it")
    assert beside.one("certificate", "ok", about)[0].startswith(f"{certificate} is for countersign.example until ")
    assert beside.one("rows", "ok")[0] == "1 zone, 1 subject, each leads somewhere"
    assert server.command("check").stdout.startswith("OK ")
    server.config["admin"]["address"] = "0.0.0.0"
    wanted, held = (f"TCP {address}:{server.admin_port}" for address in ("0.0.0.0", "127.0.0.1"))
    assert server.command("check").stderr == (f"note: {wanted}: our running server has {held} (process {server.child.pid}); "
                                              "restart it: a reload cannot change that, and would be refused\n")


def test_people_read_groups_and_advice(server):
    said = server.command("doctor", check=False).stdout
    assert said.startswith("Configuration\n  ok    configuration 1 listener, 4 plugins, no fault\n\nHost\n")
    assert "\nStore\n  warn  records       there are no records yet\n" \
           "                      -> start the server once, then add zones and subjects\n\nCA\n" in said
    assert " 1 warning, 0 failures; " in said.splitlines()[-1]


# ---- The host ----------------------------------------------------------------------------------------------------------

def test_a_port_that_somebody_else_has_and_an_address_that_is_not_here(server):
    server.config["listen"].append({"address": "192.0.2.1", "port": server.port})
    with socket.create_server(("127.0.0.1", server.port)):
        seen = Doctor(server)
        checked = server.command("check", check=False)
    saw, todo = seen.one("port", "fail", f"TCP 127.0.0.1:{server.port}")
    assert saw.startswith(f"process {os.getpid()} (") and saw.endswith(") has it, which is not our server")
    assert todo == "stop that one, or give `listen` another address or port"
    assert seen.one("port", "fail", f"TCP 192.0.2.1:{server.port}") == (
        "it is not an address of this machine", "change `listen`, or give the machine that address")
    assert checked.returncode == 1 and f"TCP 127.0.0.1:{server.port}: {saw}; {todo}\n" in checked.stderr
    assert checked.stderr.endswith("2 faults\n")


def test_certificates_and_keys(lab, server):
    """A listener for each case; one run of the doctor tells them apart."""
    def listener(certificate, key):
        port = free_port()
        server.config["listen"].append({"address": "127.0.0.1", "port": port, "certificate": certificate, "key": key})
        return f"listen 127.0.0.1 port {port}"
    good, secret = make_certificate(lab.place("tls")), make_certificate(lab.place("tls"))
    nearly = (datetime.datetime.utcnow() - datetime.timedelta(days=84, hours=12)).isoformat()
    secret[1].chmod(0o600)
    about = {"good": listener(*good), "short": listener(*make_certificate(lab.place("tls"), None, 6)),
             "mixed": listener(good[0], make_certificate(lab.place("tls"))[1]),
             "over": listener(*make_certificate(lab.place("tls"), "2020-01-01", 31)),
             "later": listener(*make_certificate(lab.place("tls"), "2049-01-01", 31)),
             "soon": listener(*make_certificate(lab.place("tls"), nearly, 90)), "secret": listener(*secret)}
    seen = Doctor(server)
    assert "is for countersign.example until" in seen.one("certificate", "ok", about["good"])[0]
    assert "is for countersign.example until" in seen.one("certificate", "ok", about["short"])[0]  # a third of its life is left
    saw, todo = seen.one("certificate", "fail", about["mixed"])
    assert " does not belong to the certificate in " in saw and todo == "put certificate and key of the same pair there"
    saw, todo = seen.one("certificate", "fail", about["over"])
    assert saw.endswith(" ended on 2020-02-01 00:00 UTC") and todo == "renew it, then reload or restart the server"
    saw, todo = seen.one("certificate", "fail", about["later"])
    assert saw.endswith(" begins on 2049-01-01 00:00 UTC only") and todo == "set the clock, or wait until then"
    saw, todo = seen.one("certificate", "warn", about["soon"])
    assert saw.endswith(", in 5 days") and todo == "renew it, then reload or restart the server"
    if os.geteuid() == 0:
        assert seen.one("certificate", "fail", about["secret"]) == (
            f"cannot read the key {secret[1]}: Permission denied; the user that the server runs as must be able to",
            "let the server's user read it: chgrp to the user's group and chmod 640, and a+x on the folders above")


def test_a_folder_that_others_can_write_to(server):
    state = server.folder / "state"
    state.mkdir()
    state.chmod(0o777)
    if os.geteuid() == 0:
        os.chown(state, 1, 1)
    found = Doctor(server).one("folder", "fail", "state")
    assert found == (f"{state} can be written by others (mode 777)", f"chmod go-w {state}")


def test_a_resolver_that_is_not_there_and_a_fault_of_the_configuration(server):
    server.config["resolvers"] = [f"127.0.0.1:{free_port()}"]
    server.config["wiat"] = 3
    seen = Doctor(server)
    saw, todo = seen.one("resolver", "fail")
    assert saw.endswith("Connection refused")
    assert todo == "mend /etc/resolv.conf, or set `resolvers` to one that answers"
    saw, todo = seen.one("configuration", "fail")
    assert ": unknown key `wiat`, did you mean `wait`?" in saw
    assert todo == "mend that line; `countersign check` looks at the file alone"


# ---- The rows ----------------------------------------------------------------------------------------------------------

def test_rows_that_lead_nowhere(server):
    server.config["dns"]["gone"] = {"plugin": "dns-exec", "program": "/bin/true"}
    server.start()
    server.add_zone(ZONE, dns="gone")
    server.add_zone("empty.example")
    server.add_subject(f"CN={NAME}", ZONE, "--ca", "pebble")
    del server.config["dns"]["gone"]
    server.config["ca"]["other"] = server.config["ca"].pop("pebble")
    seen = Doctor(server)
    assert seen.about("rows", ZONE) == (
        'its row names the DNS instance "gone", which the configuration does not have',
        f"add dns.gone to the configuration, or `countersign zone add {ZONE} --dns INSTANCE`")
    assert seen.about("rows", f"CN={NAME}") == (
        'its row names the CA instance "pebble", which the configuration does not have',
        "add ca.pebble to the configuration, or `countersign subject add` the subject anew with --ca")
    assert seen.about("rows", "empty.example") == (
        "no enabled subject: nobody can get a certificate in it",
        "`countersign subject add CN=NAME --zone empty.example`, or remove the zone")


# ---- The CA ------------------------------------------------------------------------------------------------------------

def test_cas_that_are_down_not_trusted_or_want_their_terms_agreed_to(server):
    good = server.config["ca"]["pebble"]
    server.config["ca"] = {"down": {**good, "directory": f"https://localhost:{free_port()}/dir"},
                           "strange": {key: value for key, value in good.items() if key != "ca_file"},
                           "terms": {**good, "terms_agreed": False}}
    seen = Doctor(server)
    saw, todo = seen.one("ca", "fail", "ca.down")
    assert saw.startswith("cannot connect to localhost")
    assert todo == "let this host reach it (firewall, proxy, resolver), or mend `directory`"
    saw, todo = seen.one("ca", "fail", "ca.strange")
    assert saw.startswith("localhost:") and ": its certificate is not trusted: " in saw
    assert todo == "set ca_file to the PEM file of the CA that signed the https certificate, or have that certificate mended"
    saw, todo = seen.one("terms", "fail", "ca.terms")
    assert saw.startswith("the CA wants its terms of service agreed to: ") and todo == "read them, then set terms_agreed = true"


def test_a_clock_a_profile_and_an_account(lab, server):
    clock = lab.place("clock")
    clock.write_bytes(struct.pack("=qq", 0, -7200 * 1000))
    chaos = Chaos(lab.place("chaos"), server.dns_port, clock=clock).start()
    lab.running.insert(0, chaos)
    server.config["ca"] = {"chaos": {"plugin": "ca-acme", "directory": chaos.directory, "ca_file": chaos.ca_file,
                                     "terms_agreed": True, "profile": "tiny"}}
    server.start()
    seen = Doctor(server)
    saw, todo = seen.one("clock", "fail", "ca.chaos")
    assert re.fullmatch(r"our clock is 7(200|201|199) s ahead of the CA's", saw)
    assert todo == "set this host's clock, by NTP for example"
    assert seen.one("account", "ok")[0].startswith("the CA does not know our key yet")
    assert seen.one("profile", "fail") == ('the CA has no profile "tiny"; it has classic, tlsserver, shortlived',
                                           "set `profile` to one of those, or leave it out")
    server.config["ca"]["chaos"]["profile"] = "classic"
    server.stop()
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    clock.write_bytes(bytes(16))
    assert server.sign(lab.csr()).status == 200
    assert Doctor(server).one("account", "ok")[0].startswith("usable: https://localhost:")
    chaos.deactivate_accounts()
    assert Doctor(server).one("account", "fail") == ("the CA has closed the account of this key",
                                                     "move the account key away, so that a new account is registered")


# ---- The DNS -----------------------------------------------------------------------------------------------------------

PARENT = """$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 10
@ NS ns
ns A 127.0.0.2
trial NS ns1.trial
ns1.trial A 127.0.0.1
"""
CHILD = """$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 10
@ NS ns1
ns1 A 127.0.0.1
"""


class Names:
    """The zone `example` above the trial zone, and a resolver that finds both; name servers are at one port of several
    addresses, as NS records have no ports."""

    def __init__(self, lab, server, port, parent=PARENT, child=None, **wrong):
        self.lab, self.server, self.port = lab, server, port
        self.parent = self.scripted("127.0.0.2", {"example": parent})
        if child is not None:
            self.scripted("127.0.0.1", {ZONE: child}, **wrong)
        below = {ZONE: port} if "trial NS" in parent else {}
        self.resolver = Unbound(lab.place("unbound"), {"example": port, **below})
        above = 'name: "example."\n    stub-addr: 127.0.0.'
        self.resolver.conf.write_text(self.resolver.conf.read_text().replace(f"{above}1@", f"{above}2@"))
        lab.running.insert(0, self.resolver)
        self.resolver.start()
        server.config["resolvers"] = [f"127.0.0.1:{self.resolver.port}"]

    def scripted(self, address, zones, **more):
        made = ScriptedDns(address, self.port, zones, **more)
        self.lab.running.insert(0, made)
        return made

    def look(self, *words):
        return Doctor(self.server, "--dns-port", self.port, *words)


def with_rows(server, dns="builtin"):
    """Its tables filled; no server has to run for that."""
    server.command("zone", "add", ZONE, "--dns", dns)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


@pytest.fixture
def scripted(lab, server):
    """For zones that only the test has; the server's own DNS is another one."""
    server.config["dns"]["exec"] = {"plugin": "dns-exec", "program": "/bin/false"}
    with_rows(server, "exec")
    return lambda **more: Names(lab, server, free_port(), **{"child": CHILD, **more})


@pytest.mark.parametrize("kind", [Bind, Knot, PowerDns, None])
def test_all_is_well_with_every_back_end(lab, server, kind):
    """Delegated, asked by UDP and TCP; a value is set, seen and taken away."""
    if kind:
        back = lab.name_server(kind)
        server.use_dns("back", back)
        port = back.port
        server.start()
        server.add_zone(ZONE, dns="back", dns_port=port)
    else:
        port = server.dns_port
        server.config["dns"]["builtin"]["ns"] = [f"ns1.{ZONE} 127.0.0.1"]
        server.start()
        server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    seen = Names(lab, server, port).look("--write", ZONE)
    assert (seen.code, seen.bad()) == (0, set()), seen.lines
    assert seen.one("delegation", "ok")[0] == f"example. names the same servers as the zone: ns1.{ZONE}."
    saw = seen.one("name-server", "ok", f"{ZONE}: ns1.{ZONE}. 127.0.0.1:{port}")[0]
    assert saw.startswith("UDP, TCP and EDNS, with authority, serial ")
    written = f"a value was set at _acme-challenge.{ZONE}., seen at all name servers, and taken away"
    assert seen.one("write", "ok")[0].startswith(written if kind else "dns.builtin answers by itself")
    if kind:
        assert back.txt(f"_acme-challenge.{ZONE}.") == set()


def test_a_zone_that_is_not_delegated(lab, server):
    names = Names(lab, with_rows(server), free_port(), parent=PARENT.replace("trial NS ns1.trial\n", ""))
    assert names.look().one("delegation", "fail") == (
        f"{ZONE}. is no zone of its own, but part of example.: nobody asks our DNS server",
        f"add `{ZONE}. NS` records that name it to the zone example.")


def test_name_servers_each_with_a_fault_of_its_own(scripted):
    """ns1 is good, ns2 unknown to the parent, ns3 lame and only there, ns4 old, ns5 changes case, ns6 lags, ns7 has no TCP."""
    def ns(*numbers):
        return "".join(f"{at} NS ns{n}{below}\nns{n}{below} A 127.0.0.{n + 8}\n" for n in numbers)
    at, below = "@", ""
    child = CHILD + ns(2, 4, 5, 6, 7)
    at, below = "trial", ".trial"
    names = scripted(parent=PARENT + ns(3, 4, 5, 6, 7), child=child.replace("hostmaster 1", "hostmaster 7"))
    for number, wrong in {2: {}, 4: {"edns": False}, 5: {"lower": True}, 7: {"tcp": False}}.items():
        names.scripted(f"127.0.0.{number + 8}", {ZONE: child.replace("hostmaster 1", "hostmaster 7")}, **wrong)
    names.scripted("127.0.0.11", {"other.example": CHILD})
    names.scripted("127.0.0.14", {ZONE: child})
    seen = names.look()
    assert seen.one("delegation", "warn") == (
        f"example. names ns3.{ZONE}. as a name server of {ZONE}., the zone itself does not",
        f"add its NS record to {ZONE}., or take it out of example.")
    assert seen.one("name-server", "ok", " ns1.")[0] == "UDP, TCP and EDNS, with authority, serial 7"
    assert seen.one("name-server", "fail", " ns3.") == (
        f"it does not serve {ZONE}.: it answers REFUSED without authority",
        f"load the zone there, or take the server out of {ZONE}. and of the zone above")
    assert seen.one("name-server", "warn", " ns4.") == (
        "a question with EDNS gets another answer than one without (FORMERR)",
        "bring it up to date, or let its firewall pass EDNS: resolvers lose time with it")
    assert seen.one("name-server", "warn", " ns5.") == (
        "it changes the case of the name that it was asked for",
        "bring it up to date: resolvers that mix the case (0x20) take its answers for forged ones")
    assert seen.one("name-server", "fail", " ns7.") == (
        "it answers by UDP, but not by TCP (no answer)",
        "open TCP port 53 of its firewall to the world: CAs fall back to it")
    saw, todo = seen.one("serial", "warn")
    assert saw.endswith(f" has serial 7, ns6.{ZONE}. only 1")
    assert todo == f"see why ns6.{ZONE}. does not follow (NOTIFY, transfers, TSIG): a CA may ask it"


def test_a_name_server_that_the_parent_lacks_and_a_long_negative_ttl(scripted):
    child = CHILD.replace("86400 10", "86400 3600").replace("TTL 60", "TTL 7200") + "@ NS ns2\nns2 A 127.0.0.3\n"
    names = scripted(child=child)
    names.scripted("127.0.0.3", {ZONE: child})
    seen = names.look()
    assert seen.one("delegation", "warn") == (
        f"the zone {ZONE}. has the name server ns2.{ZONE}., but example. does not name it",
        f"add its NS record to example., or take it out of {ZONE}.")
    assert seen.one("negative-ttl", "warn") == (
        '"no such record" is remembered for 3600 s',
        "lower the minimum of the SOA record: who asked too early sees a new value only then")


def test_a_signature_that_is_broken_and_a_zone_that_is_not_in_the_table(scripted):
    names = scripted()

    def twist(question):
        bogus = question.question[0].name.to_text() == f"{ZONE}." and not question.flags & dns.flags.CD
        return dns.rcode.SERVFAIL if bogus else None
    names.scripted("127.0.0.5", {}, upstream=names.resolver.port, twist=twist)
    names.server.config["resolvers"] = [f"127.0.0.5:{names.port}"]
    assert names.look().one("dnssec", "fail") == (
        "a resolver says SERVFAIL, but answers when it does not validate: the signature is broken",
        "compare the DS record in example. with the zone's keys, and renew the signatures; or take the DS record away")
    assert names.look("unknown.example").about("zone", "unknown.example") == (
        "it is not in the table", "`countersign zone add unknown.example`")


def test_caa_records(lab, scripted):
    names = scripted(child=CHILD + 'www CAA 0 issue "other.example"\n')
    chaos = Chaos(lab.place("chaos"), names.port).start()
    lab.running.insert(0, chaos)
    names.server.config["ca"] = {"chaos": {"plugin": "ca-acme", "directory": chaos.directory, "ca_file": chaos.ca_file,
                                           "terms_agreed": True}}
    assert names.look().about("caa", NAME) == (
        f'ca.chaos may not issue for {NAME}: at {NAME}. stands issue "other.example": that is another CA',
        f'add `{NAME}. CAA 0 issue "chaos.example"` there, or take that record away')


def test_aliases_and_wildcards(scripted):
    seen = scripted(child=CHILD + "* CNAME elsewhere.example.\n").look()
    assert seen.about("alias", ZONE)[0].endswith("leads to elsewhere.example., which lies in no zone of the table")
    assert seen.one("wildcard", "fail", ZONE) == (
        "a wildcard makes aliases of all names, also of challenges: they would go to elsewhere.example.",
        "add `_acme-challenge` records beside the wildcard, or take the wildcard out")


@pytest.mark.parametrize("kind", [Bind, PowerDns])
def test_a_key_that_is_wrong(lab, server, kind):
    back = lab.name_server(kind, **({"refuse": True} if kind is Bind else {}))
    server.use_dns("back", back, **({} if kind is Bind else {"key": "wrong"}))
    with_rows(server, "back")
    saw, todo = Names(lab, server, back.port).look("--write").one("write", "fail")
    assert saw.startswith(f"a value could not be set at _acme-challenge.{ZONE}.: ")
    assert todo == "mend the key and the rights of its block of the configuration, or those at the DNS server"

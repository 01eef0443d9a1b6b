"""dns-rfc2136 with a real BIND, Knot DNS and PowerDNS: what works, and what each of them says when something is wrong."""
import base64
import os
import re
import time

import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from bind import Bind
from child import run
from conftest import ROOT
from knot import Knot
from powerdns import PowerDns
from scene import ZONE
from steps import Steps

OWNER = f"_acme-challenge.www.{ZONE}."
ONE = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
TWO = "gfj9Xq0Rg85nM0cbZ4mQy6gTXyQ0xI6Gd8pNkLrwfaA"
SERVERS = [Bind, Knot, PowerDns]

# What stands beside the usual records: aliases, a child that somebody else serves, and one on the same server.
CUTS = ["alias CNAME target.other.test.", "*.wild CNAME target.other.test.", "away NS ns.away", "ns.away A 192.0.2.9",
        "own NS ns1", ""]


def with_cuts(kind):
    class WithCuts(kind):
        def zone_text(self):
            return super().zone_text() + "\n".join(CUTS)
    WithCuts.__name__ = kind.__name__
    return WithCuts


def steps(lab, servers, of=ZONE, **more):
    """Changes in the zone `of`. `servers`: name servers, the first of which says how its key is called."""
    server = lab.server()
    block = servers[0].update_instance(**{"servers": [f"127.0.0.1:{s.port}" for s in servers], **more})
    server.config["dns"]["update"] = {key: value for key, value in block.items() if value is not None}
    return Steps(server, "update", of)


def fail(step, owner=OWNER, **change):
    """The code and the text of a change that must not work; no secret in it."""
    step.send(owner, **(change or {"want": [ONE]}))
    answer = step.answer()
    assert not answer["ok"], answer
    return answer["code"], answer["text"]


@pytest.mark.parametrize("tcp", ["auto", "always"])
@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
@pytest.mark.parametrize("kind", SERVERS)
def test_values_come_and_go_and_foreign_ones_stay(lab, kind, algorithm, tcp):
    server = lab.name_server(kind, algorithm=algorithm)
    server.update(OWNER, add=["foreign"])
    with steps(lab, [server], tcp=tcp) as step:
        step.set(OWNER, want=[ONE])
        step.set(OWNER, want=[ONE])
        assert server.txt(OWNER) == {"foreign", ONE}
        step.set(OWNER, want=[TWO], gone=[ONE])
        assert server.txt(OWNER) == {"foreign", TWO}
        step.set(OWNER, want=[ONE, TWO])
        assert server.txt(OWNER) == {"foreign", ONE, TWO}
        for _ in range(2):
            step.set(OWNER, gone=[ONE, TWO])
            assert server.txt(OWNER) == {"foreign"}
        step.set("_acme-challenge.nobody." + ZONE + ".", gone=[ONE])
        assert step.log() == ""


@pytest.mark.parametrize("kind", SERVERS)
def test_long_names_and_many_values(lab, kind):
    server = lab.name_server(kind)
    label = "a" * 63
    longest = ".".join([label, label, label, label])[:253 - len(ZONE) - 1] + "." + ZONE + "."
    assert len(longest) == 254
    many = [f"{i:043d}" for i in range(100)]
    with steps(lab, [server]) as step:
        for owner in (longest, f"{ZONE}.", f"_acme-challenge.{label}.{ZONE}."):
            step.set(owner, want=[ONE, TWO])
            assert server.txt(owner) == {ONE, TWO}
            step.set(owner, gone=[ONE, TWO])
            assert server.txt(owner) == set()
        step.set(OWNER, want=many)
        assert server.txt(OWNER) == set(many)
        step.set(OWNER, gone=many[1:], want=many[:1])
        assert server.txt(OWNER) == set(many[:1])


@pytest.mark.parametrize("kind", SERVERS)
def test_the_zone_is_found(lab, kind):
    """Below an alias, a wildcard alias, a zone of the same server, and one of somebody else."""
    server = lab.name_server(with_cuts(kind), [ZONE, f"own.{ZONE}"])
    below, own, away = f"a.b.wild.{ZONE}.", f"_acme-challenge.x.own.{ZONE}.", f"_acme-challenge.x.away.{ZONE}."
    with steps(lab, [server]) as step:
        step.set(below, want=[ONE])
        assert server.txt(below) == {ONE}
        step.set(own, want=[ONE])
        assert server.txt(own) == {ONE}
        code, text = fail(step, away)
        assert code == "CS_ECONFIG" and f"lies in away.{ZONE}., which it delegates to other servers" in text
        code, text = fail(step, f"alias.{ZONE}.")
        assert code == "CS_EREFUSED" and "(YXRRSET): there is a CNAME at that name" in text
        step.set(f"alias.{ZONE}.", gone=[ONE])


def other_secret(server):
    return base64.b64encode(os.urandom(len(base64.b64decode(server.tsig_secret)))).decode()


# What is wrong with the key, and what each server's answer becomes: with the zone found, and with the zone set.
SIGNATURES = {
    "secret": (lambda server: {"key": other_secret(server)}, "BADSIG"),
    "name": (lambda server: {"key_name": "nobody"}, "BADKEY"),
    "algorithm": (lambda server: {"algorithm": "hmac-sha512"}, "BADKEY"),
}


@pytest.mark.parametrize("zone", [None, ZONE])
@pytest.mark.parametrize("wrong", SIGNATURES)
@pytest.mark.parametrize("kind", SERVERS)
def test_a_wrong_key_is_told(lab, kind, wrong, zone):
    server = lab.name_server(kind)
    change, word = SIGNATURES[wrong]
    changed = change(server)
    with steps(lab, [server], zone=zone, **changed) as step:
        code, text = fail(step)
        assert code == ("CS_EREFUSED" if kind is PowerDns else "CS_ECONFIG")
        if kind is not PowerDns:
            assert f"({word}): " in text
        elif zone:
            assert "(REFUSED): the answer is not signed by our key, so it is the policy, the key or the clock" in text
        else:
            assert "(NOTAUTH): it does not accept the key, or the clocks differ" in text
        for secret in (server.tsig_secret, changed.get("key", server.tsig_secret)):
            assert secret not in text + step.log()
    assert server.txt(OWNER) == set()


@pytest.mark.parametrize("zone", [None, ZONE])
@pytest.mark.parametrize("kind", SERVERS)
def test_clocks_that_differ_by_an_hour_are_told(lab, kind, zone):
    """The server's is ahead."""
    shim = lab.folder / "clock_ahead.so"
    run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, ROOT / "tests/fakes/clock_ahead.c"], "clock_ahead.c was not built")
    server = lab.name_server(kind, start=False)
    server.wrapper = ["env", f"LD_PRELOAD={shim}", "CLOCK_AHEAD=3600"]
    server.start()
    with steps(lab, [server], zone=zone) as step:
        code, text = fail(step)
    if kind is not PowerDns:
        assert code == "CS_ECONFIG"
        there, here = re.search(r"\(BADTIME\): the clocks differ: there it is \S+ (\d+):\S+ UTC, here \S+ (\d+):\S+ UTC",
                                text).groups()
        assert (int(there) - int(here)) % 24 == 1
    elif zone:
        assert code == "CS_EREFUSED" and "it is the policy, the key or the clock" in text
    else:
        assert code == "CS_EREFUSED" and "it does not accept the key, or the clocks differ" in text
    assert server.txt(OWNER) == set()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_policy_that_says_no_is_told(lab, kind):
    server = lab.name_server(kind, refuse=True)
    with steps(lab, [server]) as step:
        code, text = fail(step)
    assert code == ("CS_ECONFIG" if kind is Knot else "CS_EREFUSED")
    assert ("(Knot DNS) no acl by which this key and address may update TXT records" if kind is Knot else
            "(REFUSED): its policy does not let this key change TXT records at that name") in text
    assert server.txt(OWNER) == set()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_zone_that_is_not_there_is_told(lab, kind):
    server = lab.name_server(kind, ["other.test"])
    with steps(lab, [server]) as step:
        code, text = fail(step)
        assert code == "CS_EREFUSED" and "(REFUSED): it serves no zone that has this name" in text
    with steps(lab, [server], zone=ZONE) as step:
        code, text = fail(step)
        assert code == "CS_EREFUSED" and "(NOTAUTH): it is not the primary of that zone" in text


@pytest.mark.parametrize("kind", SERVERS)
def test_unsigned_updates_are_warned_of_and_refused(lab, kind):
    server = lab.name_server(kind)
    with steps(lab, [server], key_name=None, key=None) as step:
        code, text = fail(step)
        assert "updates are not signed" in step.log()
    assert code == "CS_EREFUSED" and "set `key_name` and `key`" in text


def test_unsigned_updates_work_where_the_address_is_allowed(lab):
    bind = lab.name_server(Bind, ["other.test"], start=False)
    (bind.folder / f"data/{ZONE}.zone").write_text(bind.zone_text())
    with open(bind.conf, "a") as conf:
        conf.write(f'zone "{ZONE}" {{ type primary; file "{ZONE}.zone"; allow-update {{ 127.0.0.1; }}; }};\n')
    bind.start()
    with steps(lab, [bind], key_name=None, key=None) as step:
        step.set(OWNER, want=[ONE])
        assert bind.txt(OWNER) == {ONE}


def test_a_server_that_cannot_write_is_told(lab):
    bind = lab.name_server(Bind, ["other.test"], start=False)
    (bind.folder / f"data/{ZONE}.zone").write_text(bind.zone_text())
    with open(bind.conf, "a") as conf:
        conf.write(f'zone "{ZONE}" {{ type primary; file "{ZONE}.zone"; journal "/nonexistent/journal"; '
                   f"update-policy {{ grant lab-key. zonesub any; }}; }};\n")
    bind.start()
    with steps(lab, [bind]) as step:
        code, text = fail(step)
    assert code == "CS_EUPSTREAM" and "(SERVFAIL): it could not do it: see the log of that server" in text


def with_key_of(lab, first, kind, *more, **settings):
    """Another name server, with the key of the first."""
    class Other(kind):
        def configure(self):
            self.tsig_secret = first.tsig_secret
            self.key_file.write_text(first.key_file.read_text())
            super().configure()
    return lab.name_server(Other, *more, **settings)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_is_away_is_passed_over(lab, kind):
    away = lab.name_server(kind)
    other = with_key_of(lab, away, kind)
    away.kill()
    with steps(lab, [away, other]) as step:
        step.set(OWNER, want=[ONE])
        assert other.txt(OWNER) == {ONE}
        assert "a DNS server failed, asking the next one" in step.log()
        lines = step.log().count("\n")
        step.set(OWNER, want=[ONE, TWO])
        assert step.log().count("\n") == lines  # it comes last for a minute


@pytest.mark.parametrize("zone", [None, ZONE])
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_without_the_zone_is_passed_over(lab, kind, zone):
    without = lab.name_server(kind, ["other.test"])
    primary = with_key_of(lab, without, kind)
    with steps(lab, [without, primary], zone=zone) as step:
        step.set(OWNER, want=[ONE])
        assert primary.txt(OWNER) == {ONE}
        assert ("(NOTAUTH)" if zone else "(REFUSED)") in step.log()


@pytest.mark.parametrize("forwards", [False, True])
def test_a_secondary_forwards_updates_or_refuses_them(lab, forwards):
    primary = lab.name_server(Bind)
    forwarding = "allow-update-forwarding { any; };" if forwards else ""
    secondary = with_key_of(lab, primary, Bind, ["other.test"], start=False,
                            extra=f'zone "{ZONE}" {{ type secondary; primaries {{ 127.0.0.1 port {primary.port}; }}; '
                                  f'file "copy"; {forwarding} }};')
    secondary.start()
    secondary.child.wait_until(lambda: secondary.ask(ZONE + ".", "SOA").rcode() == dns.rcode.NOERROR, 10, "it had the zone")
    with steps(lab, [secondary]) as step:
        if forwards:
            step.set(OWNER, want=[ONE])
            assert primary.txt(OWNER) == {ONE}
        else:
            code, text = fail(step)
            assert code == "CS_EREFUSED" and "or ask the primary, if this is a secondary" in text


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_does_not_answer_is_told_in_time(lab, kind):
    server = lab.name_server(kind)
    with steps(lab, [server], timeout="1s") as step:
        step.set(OWNER, want=[ONE])
        server.freeze()
        step.send(OWNER, want=[ONE, TWO])
        answer = step.answer()
        assert answer["code"] == "CS_ETIMEDOUT" and f"127.0.0.1:{server.port}: no answer within 1 s" in answer["text"]
        assert 900 < answer["ms"] < 3000
        server.thaw()
        step.set(OWNER, want=[ONE, TWO])
        assert server.txt(OWNER) == {ONE, TWO}


def test_what_a_slow_server_was_sent_twice_is_done_once(lab):
    """It sleeps for longer than we wait before we send again, and then reads both."""
    bind = lab.name_server(Bind)
    with steps(lab, [bind], timeout="20s") as step:
        step.set(OWNER, want=[ONE])
        bind.freeze()
        step.send(OWNER, want=[TWO], gone=[ONE])
        assert bind.child.running()
        time.sleep(5.5)
        bind.thaw()
        assert step.answer()["ok"]
        assert bind.txt(OWNER) == {TWO}


def test_check_names_each_fault_of_the_settings(lab):
    server = lab.server()
    good = {"plugin": "dns-rfc2136", "servers": ["127.0.0.1"], "key_name": "key", "key": "c2VjcmV0LW9mLTE2LWJ5dGVz"}
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    for change, words in [({"servers": []}, "`servers` is empty"),
                          ({"servers": ["ns1.example"]}, '"ns1.example" is not an IPv4'),
                          ({"key_name": ""}, "`key` is set, but `key_name` is not"),
                          ({"key": "no base64!"}, "the secret in `key` is not base64"),
                          ({"algorithm": "hmac-md5"}, '"hmac-md5" is none of'), ({"tcp": "no"}, "neither auto nor always"),
                          ({"zone": "a..b"}, '"a..b" is not a DNS name')]:
        server.config["dns"]["update"] = {**good, **change}
        done = server.command("check", check=False)
        assert done.returncode == 1 and words in done.stdout + done.stderr
        assert "no base64!" not in done.stdout + done.stderr and good["key"] not in done.stdout + done.stderr
    server.config["dns"]["update"] = good
    assert good["key"] not in server.command("check").stdout


def example(title):
    """The indented lines of the page's part for that server."""
    part = (ROOT / "docs/dns-rfc2136.md").read_text().split(f"\n**{title}**", 1)[1]
    return [line[4:] for line in re.split(r"\n(?:\*\*|## )", part)[0].split("\n") if line.startswith("    ")]


@pytest.mark.parametrize("kind", SERVERS)
def test_the_examples_of_the_page_work(lab, kind):
    """docs/dns-rfc2136.md in each server's own configuration: TXT records may be changed, and nothing else where it says so."""
    class Example(kind):
        def configure(self):
            title = {Bind: "BIND", Knot: "Knot DNS", PowerDns: "PowerDNS"}[kind]
            lines = [line.replace("THE-SECRET-IN-BASE64", self.tsig_secret) for line in example(title)]
            self.extra = "\n".join(line for line in lines if not line.startswith("pdnsutil "))
            super().configure()
            for line in lines:
                if line.startswith("pdnsutil "):
                    self._tool(*line.split()[1:])

    owner = "_acme-challenge.www.example.com."
    zones = ["example.com"] if kind is PowerDns else ["other.test"]
    server = lab.name_server(Example, zones, start=False)
    place = server.folder / {Bind: "data", Knot: "zones", PowerDns: "."}[kind] / "example.com.zone"
    place.write_text(server.zone_text())
    server.start()
    server.zones, server.tsig_name = ["example.com"], "countersign."
    with steps(lab, [server], of="example.com") as step:
        step.set(owner, want=[ONE, TWO])
        step.set(owner, gone=[ONE])
        assert server.txt(owner) == {TWO}
    if kind is not PowerDns:
        keys = dns.tsigkeyring.from_text({"countersign.": server.tsig_secret})
        update = dns.update.UpdateMessage("example.com", keyring=keys)
        update.add("www", 10, "A", "192.0.2.66")
        try:
            assert dns.query.udp(update, "127.0.0.1", port=server.port, timeout=20).rcode() == dns.rcode.REFUSED
        except dns.tsig.PeerBadKey:
            assert kind is Knot
        assert "192.0.2.66" not in str(server.ask("www.example.com.", "A"))

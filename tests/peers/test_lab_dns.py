"""The DNS servers of the lab themselves: each starts, answers, takes changes in its own ways, restarts, and is gone after."""
import socket

import dns.exception
import dns.message
import dns.query
import pytest

from bind import Bind
from child import Failed, answers
from knot import Knot
from ports import free_port
from powerdns import PowerDns
from scene import ZONE

ALL = [Bind, Knot, PowerDns]
OWNER = f"_acme-challenge.www.{ZONE}."
each = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)


def is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a connection left behind does not count
        try:
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@each
def test_it_serves_its_zones_takes_signed_updates_of_single_values_and_keeps_them_over_a_restart(lab, kind):
    server = lab.name_server(kind, [ZONE, "other.example", f"deep.{ZONE}"], filler=100)
    for zone in server.zones:
        assert server.ask(f"filler99.{zone}.", "A").answer
    assert server.txt(OWNER) == set()
    assert server.update(OWNER, add=["one", "two"]) == "NOERROR"
    assert server.update(OWNER, add=["three"], remove=["one"]) == "NOERROR"
    assert server.txt(OWNER) == {"two", "three"}
    assert server.update(f"_acme-challenge.x.deep.{ZONE}.", add=["deep"]) == "NOERROR"
    assert server.txt(f"_acme-challenge.x.deep.{ZONE}.") == {"deep"}
    server.restart()
    assert server.txt(OWNER) == {"two", "three"}
    assert server.update(OWNER, remove=["two", "three"]) == "NOERROR"
    assert server.txt(OWNER) == set()


@each
@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_nsupdate_changes_it_with_the_key_file(lab, kind, algorithm):
    server = lab.name_server(kind, algorithm=algorithm)
    done = server.nsupdate(f"zone {ZONE}", f"update add {OWNER} 10 TXT by-nsupdate")
    assert done.returncode == 0, done.stderr
    assert server.txt(OWNER) == {"by-nsupdate"}


@each
def test_it_refuses_a_key_that_is_not_granted_and_one_that_it_does_not_know(lab, kind):
    server = lab.name_server(kind, refuse=True)
    assert server.update(OWNER, add=["one"]) in ("REFUSED", "BADKEY")
    server.tsig_name = "nobody-key."
    assert server.update(OWNER, add=["one"]) in ("REFUSED", "BADKEY")
    assert server.txt(OWNER) == set()


@each
def test_reload_keeps_what_was_set(lab, kind):
    server = lab.name_server(kind)
    server.update(OWNER, add=["one"])
    server.reload()
    assert server.txt(OWNER) == {"one"}
    assert server.update(OWNER, add=["two"]) == "NOERROR"
    assert server.txt(OWNER) == {"one", "two"}


@each
def test_frozen_it_answers_nobody_and_thawed_it_goes_on(lab, kind):
    server = lab.name_server(kind)
    server.freeze()
    with pytest.raises(dns.exception.Timeout):
        server.ask(OWNER, timeout=0.2)
    server.thaw()
    assert server.txt(OWNER) == set()


@each
def test_nothing_of_it_is_left_after_stop_and_after_kill(lab, kind):
    server = lab.name_server(kind)
    server.stop()
    assert is_free(server.port)
    server.start().kill()
    assert is_free(server.port)
    server.start()
    assert server.txt(f"www.{ZONE}.") == set()


@each
def test_a_name_outside_its_zones_is_not_taken_for_an_empty_one(lab, kind):
    server = lab.name_server(kind)
    with pytest.raises(Failed, match="REFUSED"):
        server.txt("_acme-challenge.www.elsewhere.example.")


def test_more_lines_reach_the_configuration(lab):
    port = free_port()
    lab.name_server(Bind, extra=f"statistics-channels {{ inet 127.0.0.1 port {port}; }};")
    assert answers(port)
    assert lab.name_server(Knot, extra=f"  - domain: added.example\n    file: {ZONE}.zone").ask("added.example.", "NS").answer
    server = lab.name_server(PowerDns, extra="version-string=changed")
    question = dns.message.make_query("version.bind.", "TXT", "CH")
    assert "changed" in str(dns.query.udp(question, "127.0.0.1", port=server.port, timeout=20))


def test_the_api_of_powerdns_replaces_a_whole_rrset_and_wants_its_key(lab):
    server = lab.name_server(PowerDns)
    server.replace(OWNER, ["one", "two"])
    server.replace(OWNER, ["three"])
    assert server.txt(OWNER) == {"three"}
    server.replace(OWNER, [])
    assert server.txt(OWNER) == set()
    server.api_key = "wrong"
    assert server.call("GET", "/zones")[0] == 401

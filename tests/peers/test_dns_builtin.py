"""dns-builtin as other people's tools see it: dnspython, kdig and dnsviz, on real sockets.

The plugin runs alone here (tests/plugins/run_dns_builtin.c), so that it can be told what to serve.
"""
import json
import pathlib
import random
import re
import shutil
import socket
import struct
import subprocess
import time

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import dns.xfr
import pytest
import scene

ZONE = "go.example.com"
HOST = "127.0.0.1"


class Server:
    def __init__(self, build):
        program = build / "tests/plugins/run_dns_builtin"
        settings = [f"zones={ZONE}", f"ns=ns1.{ZONE} {HOST}", f"records={ZONE} A 192.0.2.1",
                    f"records=www.{ZONE} AAAA 2001:db8::1", f'records={ZONE} CAA 0 issue "ca.example"',
                    f'records={ZONE} TXT "v=spf1 -all"']
        self.process = subprocess.Popen([program, HOST, "0", *settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        word, port = self.process.stdout.readline().split()
        assert word == "port"
        self.port = int(port)

    def obey(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def udp(self, query, **more):
        return dns.query.udp(query, HOST, port=self.port, timeout=20, **more)

    def tcp(self, query, **more):
        return dns.query.tcp(query, HOST, port=self.port, timeout=20, **more)

    def rss_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def stop(self):
        """A sanitizer's report is a failure, too."""
        _, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err


@pytest.fixture(scope="module")
def server(build):
    server = Server(build)
    server.obey(f"want _acme-challenge.www.{ZONE}. LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0")
    yield server
    server.stop()


def question(name=ZONE, kind="SOA", flags=0, **more):
    query = dns.message.make_query(name, kind, **more)
    query.flags = flags
    return query


# RFC 8906 8: section, header flags, type, EDNS (version, flags, options, payload), what is expected
NSID, EXPIRE, COOKIE, SUBNET = 3, 9, 10, 8
OPTIONS = [dns.edns.GenericOption(COOKIE, b"12345678"), dns.edns.GenericOption(NSID, b""), dns.edns.GenericOption(EXPIRE, b""),
           dns.edns.ECSOption("0.0.0.0", 0)]
UNKNOWN = [dns.edns.GenericOption(100, b"")]
CASES = [
    ("8.1.1", 0, "SOA", None, "NOERROR", True),
    ("8.1.2", 0, "TYPE1000", None, "NOERROR", False),
    ("8.1.3.1", dns.flags.CD, "SOA", None, "NOERROR", True),
    ("8.1.3.2", dns.flags.AD, "SOA", None, "NOERROR", True),
    ("8.1.3.3", 0x40, "SOA", None, "NOERROR", True),
    ("8.1.3.4", dns.flags.RD, "SOA", None, "NOERROR", True),
    ("8.2.1", 0, "SOA", (0, 0, [], 4096), "NOERROR", True),
    ("8.2.2", 0, "SOA", (1, 0, [], 4096), "BADVERS", False),
    ("8.2.3", 0, "SOA", (0, 0, UNKNOWN, 4096), "NOERROR", True),
    ("8.2.4", 0, "SOA", (0, 0x40, [], 4096), "NOERROR", True),
    ("8.2.5", 0, "SOA", (1, 0x40, [], 4096), "BADVERS", False),
    ("8.2.6", 0, "SOA", (1, 0, UNKNOWN, 4096), "BADVERS", False),
    ("8.2.7", 0, "DNSKEY", (0, dns.flags.DO, [], 512), "NOERROR", False),
    ("8.2.8", 0, "SOA", (0, dns.flags.DO, [], 4096), "NOERROR", True),
    ("8.2.9", 0, "SOA", (1, dns.flags.DO, [], 4096), "BADVERS", False),
    ("8.2.10", 0, "SOA", (0, 0, OPTIONS, 4096), "NOERROR", True),
]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("section,flags,kind,edns,rcode,answered", CASES, ids=[case[0] for case in CASES])
def test_rfc_8906(server, transport, section, flags, kind, edns, rcode, answered):
    query = question(kind=kind, flags=flags)
    if edns:
        version, ednsflags, options, payload = edns
        query.use_edns(version, ednsflags, payload, options=options)
    reply = getattr(server, transport)(query)
    assert dns.rcode.to_text(reply.rcode()) == rcode
    assert bool(reply.answer) == answered
    assert bool(reply.flags & dns.flags.AA) == (rcode == "NOERROR")
    assert reply.flags & ~(dns.flags.QR | dns.flags.AA | dns.flags.RD) == 0
    assert reply.flags & dns.flags.RD == flags & dns.flags.RD
    assert reply.question == query.question
    if rcode == "NOERROR" and not answered:
        assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA]
    if edns:
        assert (reply.edns, reply.payload, reply.options) == (0, 1232, ())
        assert reply.ednsflags & 0xffff == edns[1] & dns.flags.DO
    else:
        assert reply.edns == -1


@pytest.mark.parametrize("opcode", [*range(1, 16)])
def test_other_opcodes_are_not_implemented(server, opcode):
    """RFC 8906 8.1.4: nothing but a header comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.sendto(struct.pack("!6H", 0x1234, opcode << 11, 0, 0, 0, 0), (HOST, server.port))
        assert struct.unpack("!6H", sock.recv(4096)) == (0x1234, 0x8000 | opcode << 11 | 4, 0, 0, 0, 0)


def test_an_update_is_not_implemented(server):
    update = dns.update.UpdateMessage(ZONE)
    update.add("x", 300, "A", "192.0.2.9")
    assert server.udp(update).rcode() == dns.rcode.NOTIMP


def test_negative_answers_name_the_zone(server):
    for name, kind, rcode in [(f"nobody.{ZONE}", "A", dns.rcode.NXDOMAIN), (f"www.{ZONE}", "A", dns.rcode.NOERROR),
                              (f"_acme-challenge.www.{ZONE}", "CAA", dns.rcode.NOERROR)]:
        reply = server.udp(question(name, kind))
        assert reply.rcode() == rcode and not reply.answer
        assert reply.authority[0].name.to_text() == f"{ZONE}."
        assert reply.authority[0].ttl == 30 == reply.authority[0][0].minimum


def test_a_value_makes_the_names_above_exist(server):
    assert server.udp(question(f"x.y.{ZONE}", "A")).rcode() == dns.rcode.NXDOMAIN
    server.obey(f"want _acme-challenge.x.y.{ZONE}. value")
    for name in (f"x.y.{ZONE}", f"y.{ZONE}"):
        assert server.udp(question(name, "A")).rcode() == dns.rcode.NOERROR
    server.obey(f"gone _acme-challenge.x.y.{ZONE}. value")
    assert server.udp(question(f"x.y.{ZONE}", "A")).rcode() == dns.rcode.NXDOMAIN


def test_foreign_names_transfers_and_classes_are_refused(server):
    for query in [question("example.net"), question("com"), question("."), question(kind="AXFR"), question(kind="IXFR"),
                  question("version.bind", "TXT", rdclass="CH"), question("id.server", "TXT", rdclass="CH")]:
        reply = server.udp(query)
        assert (reply.rcode(), reply.flags & dns.flags.AA, reply.answer) == (dns.rcode.REFUSED, 0, [])
    with pytest.raises(dns.xfr.TransferError, match="REFUSED"):
        list(dns.query.xfr(HOST, ZONE, port=server.port, timeout=20))


def test_the_case_of_the_question_comes_back(server):
    for _ in range(50):
        name = "".join(random.choice((c.upper(), c.lower())) for c in f"_acme-challenge.www.{ZONE}.")
        query = question(name, "TXT")
        reply = server.udp(query)
        assert reply.question[0].name.to_text() == name == reply.answer[0].name.to_text()


def test_what_does_not_fit_comes_by_tcp(server):
    for i in range(20):
        server.obey(f"want full.{ZONE}. {i:050d}")
    reply = server.udp(question(f"full.{ZONE}", "TXT"))
    assert reply.flags & dns.flags.TC and not reply.answer
    reply, by_tcp = dns.query.udp_with_fallback(question(f"full.{ZONE}", "TXT"), HOST, port=server.port, timeout=20)
    assert by_tcp and len(reply.answer[0]) == 20


def test_tcp_takes_many_questions_at_once(server):
    queries = [question(f"{i}.{ZONE}", "A") for i in range(100)]
    with socket.create_connection((HOST, server.port), timeout=20) as sock:
        sock.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in (query.to_wire() for query in queries)))
        for query in queries:
            reply, _ = dns.query.receive_tcp(sock)
            assert query.is_response(reply)


def test_a_tsig_of_an_unknown_key_is_badkey(server):
    query = question()
    query.use_tsig(dns.tsigkeyring.from_text({"key.example.": "c2VjcmV0"}), "key.example.")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.sendto(query.to_wire(), (HOST, server.port))
        wire = sock.recv(4096)
    assert wire[3] & 15 == dns.rcode.NOTAUTH
    assert struct.unpack("!4H", wire[4:12]) == (1, 0, 0, 1)
    assert wire[-4:] == b"\0\x11\0\0"  # error BADKEY, no other data
    assert wire[-8:-6] == b"\0\0"  # no MAC


TSIG = (b"\3key\0" + struct.pack("!HHI", 250, 255, 0) + struct.pack("!H", 13 + 16 + 4) + b"\x0bhmac-sha256\0"
        + struct.pack("!HIHH", 0, 1, 300, 4) + b"mac!" + struct.pack("!HHH", 1, 0, 0))
OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)


def hostile(random_numbers):
    """Packets that broke other servers, and broken ones of our own."""
    plain = question().to_wire()
    yield plain[:10] + b"\0\2" + plain[12:] + TSIG + TSIG
    yield plain[:10] + b"\0\3" + plain[12:] + TSIG + TSIG + OPT
    yield plain[:10] + b"\0\3" + plain[12:] + OPT + TSIG + TSIG
    yield plain[:10] + b"\0\2" + plain[12:] + OPT + OPT
    yield plain[:12] + b"\xc0\x0c" + struct.pack("!HH", 1, 1)
    yield plain[:4] + b"\0\2" + plain[6:] + plain[12:]
    yield plain[:4] + struct.pack("!4H", 0xffff, 0xffff, 0xffff, 0xffff) + plain[12:]
    yield plain[: random_numbers.randrange(len(plain))]
    mutated = bytearray(plain + TSIG)
    for _ in range(random_numbers.randrange(1, 8)):
        mutated[random_numbers.randrange(2, len(mutated))] = random_numbers.randrange(256)
    yield bytes(mutated)
    yield random_numbers.randbytes(random_numbers.randrange(600))


def test_hostile_packets_leak_nothing(server, slow):
    random_numbers = random.Random(42)
    rounds = 10000 // slow
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        for i in range(rounds):
            for packet in hostile(random_numbers):
                sock.sendto(packet, (HOST, server.port))
            if i % 20 == 0:
                assert server.udp(question()).rcode() == dns.rcode.NOERROR  # it keeps up, and lives
            if i == rounds // 10:
                before_kb = server.rss_kb()
    assert server.rss_kb() - before_kb < 1024 * slow


def kdig(server, *words):
    command = ["kdig", f"@{HOST}", "-p", str(server.port), "+norec", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("kdig"), reason="kdig (knot-dnsutils) is not installed")
def test_kdig(server):
    assert "WARNING" not in kdig(server, ZONE, "SOA")
    assert re.search(r"Flags: qr aa; QUERY: 1; ANSWER: 1; AUTHORITY: 0; ADDITIONAL: 1\n", kdig(server, ZONE, "NS"))
    assert "status: BADVERS" in kdig(server, "+edns=1", ZONE, "SOA")
    assert "server replied with error 'REFUSED'" in kdig(server, ZONE, "AXFR")
    assert "NOERROR" in kdig(server, "+tcp", "+dnssec", "+nsid", "+bufsize=512", ZONE, "TXT")
    assert "ANSWER: 1;" in kdig(server, f"_acme-challenge.www.{ZONE}", "TXT")


def expect_no_fault(name, zone, port):
    command = ["dnsviz", "probe", "-A", "-x", f"{zone}+:ns1.{zone}={HOST}:{port}", name]
    probe = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert probe.returncode == 0, probe.stderr
    seen = json.loads(probe.stdout)
    assert seen[f"{zone}."]["queries"]
    grok = subprocess.run(["dnsviz", "grok", "-l", "warning"], input=probe.stdout, capture_output=True, text=True, timeout=120)
    assert grok.returncode == 0, grok.stderr
    assert grok.stdout.strip() in ("", "{}"), grok.stdout


@pytest.mark.skipif(not shutil.which("dnsviz"), reason="dnsviz is not installed")
@pytest.mark.parametrize("name", [ZONE, f"www.{ZONE}", f"_acme-challenge.www.{ZONE}", f"nobody.{ZONE}"])
def test_dnsviz_finds_no_fault(server, name):
    expect_no_fault(name, ZONE, server.port)


def test_the_whole_server_answers_the_same(world):
    """Sockets bound by the core; a value that an order has put there and taken away again."""
    port = world.server.dns_port
    for transport in (dns.query.udp, dns.query.tcp):
        reply = transport(question(scene.ZONE), HOST, port=port, timeout=20)
        assert reply.flags & dns.flags.AA and reply.answer[0].rdtype == dns.rdatatype.SOA
    assert world.server.sign(world.csr()).status == 200
    for _ in range(100):
        reply = dns.query.udp(question(f"_acme-challenge.{scene.NAME}", "TXT"), HOST, port=port, timeout=20)
        if reply.rcode() == dns.rcode.NXDOMAIN:
            break
        time.sleep(0.05)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    if shutil.which("dnsviz"):
        expect_no_fault(scene.ZONE, scene.ZONE, port)

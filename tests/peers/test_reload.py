"""SIGHUP: the configuration is read anew under load, as a whole or not at all; nothing is lost, nothing is left behind."""
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import ssl
import time

import dns.message
import dns.query
import pki
import pytest
from chain import check_chain
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ports import free_port
from scene import NAME, ZONE

DONE, REFUSED = "the configuration was read anew", "cannot take the new configuration, the old one stays: "
RESTART = "restart to change it"


def connections(server):
    """Sockets that are connected: those to a CA are kept for a while, and how many there are is curl's business."""
    rows = pathlib.Path(f"/proc/{server.child.pid}/net/tcp").read_text().splitlines()[1:]
    return {f"socket:[{row.split()[9]}]" for row in rows if row.split()[2] != "00000000:0000"}


def descriptors(server):
    """What is open, without the numbers that name one thing of many."""
    kept, fds = connections(server), []
    for fd in pathlib.Path(f"/proc/{server.child.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed just now
            fds.append(os.readlink(fd))
    return sorted(re.sub(r"\d+", "N", fd) for fd in fds if fd not in kept)


def quiet(server):
    """Open descriptors once they are the same twice: connections to the CA end a little later."""
    before = None
    for _ in range(200):
        now = descriptors(server)
        if now == before:
            return now
        before = now
        time.sleep(0.05)
    raise AssertionError(f"descriptors never come to rest: {now}")


def count(server, what):
    return server.log().count(what)


def reload(server, write=True, wait=DONE, times=1):
    """SIGHUP, and the line that says how it went; the part of the log that it wrote."""
    if write:
        server.write_config()
    before, at = count(server, wait), len(server.log())
    for _ in range(times):
        server.child.signal(signal.SIGHUP)
    server.child.wait_until(lambda: count(server, wait) > before, 20, wait)
    return server.log()[at:]


def refused(server, *wanted):
    said = reload(server, wait=REFUSED)
    for text in wanted:
        assert text in said, said
    return said


def local(lab, **ca):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local", "challenge": True, **ca}
    return server


def ready(server):
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


def certificate(folder):
    """certificate and key of a `listen`, and the certificate that is shown there."""
    pki.make_server_pki(folder)
    return {"certificate": folder / "server.pem", "key": folder / "server.key"}


def shown(port):
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def serial(where):
    return x509.load_pem_x509_certificate(where["certificate"].read_bytes()).serial_number


def issued(lab, server, **more):
    csr = lab.csr(**more)
    return x509.load_pem_x509_certificate(check_chain(server.sign(csr), csr))


# ---- Under load --------------------------------------------------------------------------------------------------------

SUBJECTS = [f"h{number}.{ZONE}" for number in range(8)]


def csr(name):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, False).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def key_of(thing):
    return thing.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_answer(answer, request):
    return answer.status == 200 and key_of(x509.load_pem_x509_certificate(answer.body)) == key_of(request)


def under_load(world, tls, orders, hangups):
    """`orders` over many names at once, and meanwhile SIGHUPs, each with another configuration. Answers, and what was slow."""
    server, extra = world.server, free_port()
    csrs = [csr(SUBJECTS[number % len(SUBJECTS)]) for number in range(orders)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(server.sign, one.public_bytes(serialization.Encoding.PEM)) for one in csrs]
        for number in range(hangups):
            builtin, ca = server.config["dns"]["builtin"], server.config["ca"]["pebble"]
            builtin["records"] = [f"{ZONE} TXT \"reload {number}\""]
            ca["poll_most"] = f"{number % 5 + 5}s"
            server.config["wait"] = 200 + number
            server.config["listen"][2:] = [{"address": "127.0.0.1", "port": extra}] if number % 2 else []
            if number % 10 == 0:
                tls.update(certificate(server.folder / f"tls{number}"))
            reload(server)
        answers = [answer.result() for answer in answers]
    server.config["listen"][2:] = []
    reload(server)
    return csrs, answers


@pytest.mark.parametrize("hangups, orders", [(100, 200)])
def test_a_hundred_hangups_during_two_hundred_orders_cost_nothing(quiet_world, slow, say, hangups, orders):
    world, server = quiet_world, quiet_world.server
    if slow > 1:
        hangups, orders = 20, 40
    tls = {"address": "127.0.0.1", "port": free_port(), **certificate(server.folder / "tls")}
    server.config["listen"].append(tls)
    server.add_zone(ZONE, "--parallel", "8")
    for name in SUBJECTS:
        server.add_subject(f"CN={name}", ZONE)
    reload(server)
    under_load(world, tls, 8, 2)  # whatever is opened once is open now
    before, rss = quiet(server), server.rss_kb()
    began = time.monotonic()
    csrs, answers = under_load(world, tls, orders, hangups)
    took = time.monotonic() - began
    assert [answer for one, answer in zip(csrs, answers) if not is_answer(answer, one)] == []
    assert shown(tls["port"]) == serial(tls)
    server.child.wait_until(lambda: count(server, "closed: ") >= 2 * hangups, 20, "all that were replaced are closed")
    assert quiet(server) == before
    grown = server.rss_kb() - rss
    assert server.metric("countersign_reload_total") >= hangups and REFUSED not in server.log()
    slowest = max(int(ms) for ms in re.findall(DONE + r" ms=(\d+)", server.log()))
    held = re.findall(r"held up the loop took_ms=(\d+)", server.log())
    say(f"{hangups} SIGHUPs during {orders} orders in {took:.1f} s: slowest reload {slowest} ms, memory {grown:+} KiB, "
        f"the loop held up (ms): {held}")
    assert slow > 1 or grown < 8192


# ---- Certificates and listeners ------------------------------------------------------------------------------------------

def test_certificates_of_listeners_are_read_anew_and_connections_go_on(lab):
    server = local(lab)
    first, second = certificate(server.folder / "a"), certificate(server.folder / "b")
    public, admin = free_port(), free_port()
    server.config["listen"].append({"address": "127.0.0.1", "port": public, **first})
    server.config["admin"] = {"address": "127.0.0.1", "port": admin}
    ready_plain(server)
    before = http.client.HTTPSConnection("127.0.0.1", public, context=ssl._create_unverified_context())
    before.request("GET", "/healthz")
    before.getresponse().read()
    assert shown(public) == serial(first)
    for name in ("certificate", "key"):
        first[name].write_bytes(second[name].read_bytes())
    said = reload(server)
    assert "certificates=1" in said and shown(public) == serial(second)
    before.request("GET", "/healthz")
    assert before.getresponse().read() is not None
    assert x509.load_der_x509_certificate(before.sock.getpeercert(True)).serial_number != serial(second)
    before.close()
    server.config["admin"].update(first)  # plain becomes TLS
    reload(server)
    assert shown(admin) == serial(second)
    assert "certificates=0" in reload(server)


def test_a_file_that_is_never_read_to_its_end_stops_neither_the_server_nor_its_stop(lab):
    server = local(lab)
    files = certificate(server.folder / "a")
    server.config["listen"].append({"address": "127.0.0.1", "port": free_port(), **files})
    ready(server)
    files["key"].unlink()
    os.mkfifo(files["key"])
    server.child.signal(signal.SIGHUP)
    server.child.wait_for_log("SIGHUP: the configuration is read anew")
    check_chain(server.sign(csr := lab.csr()), csr)
    began = time.monotonic()
    server.child.signal(signal.SIGTERM)
    server.child.wait_for_log("the configuration is still being read after 5 s: does one of its files lie on")
    server.child.wait_for_log("not everything came to rest calls=0 busy=0 reload=reading")
    server.stop()
    assert time.monotonic() - began < 60


def ready_plain(server):
    server.start(wait=False)
    server.child.wait_for_log("ready version=")


def test_listeners_come_and_go(lab):
    server = ready(local(lab))
    port = free_port()
    server.config["listen"].append({"address": "127.0.0.1", "port": port})
    assert "listeners_added=1 listeners_removed=0" in reload(server)
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("GET", "/nothing")
    client.getresponse().read()
    server.config["listen"].pop()
    assert "listeners_added=0 listeners_removed=1" in reload(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    client.request("GET", "/nothing")  # who is connected gets one more answer
    answer = client.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (404, "close")
    client.close()
    server.config["listen"][0], server.config["admin"] = server.config["admin"], server.config["listen"][0]
    reload(server)  # the sockets are the same, what is behind them is not
    assert server.ask("GET", "/readyz").status == 200 and server.ask("GET", "/readyz", port=server.admin_port).status == 404


# ---- Instances -----------------------------------------------------------------------------------------------------------

def test_instances_are_added_changed_and_removed(lab):
    server = ready(local(lab, name="First"))
    check = issued(lab, server)
    assert "CN=First" in issuer(check)
    server.config["ca"]["local"]["days"] = 5
    server.config["ca"]["other"] = {"plugin": "ca-local", "challenge": True, "name": "Second"}
    said = reload(server)
    assert "added=ca.other changed=ca.local removed=- " in said
    server.child.wait_for_log("ca.local: closed: the instance with the new settings does it all now")
    for ca, name in (("other", "CN=Second"), ("local", "CN=First")):
        server.command("subject", "remove", f"CN={NAME}")
        server.add_subject(f"CN={NAME}", ZONE, "--ca", ca)
        fresh = issued(lab, server)
        assert name in issuer(fresh)
    assert (fresh.not_valid_after - fresh.not_valid_before).days == 5
    server.command("subject", "remove", f"CN={NAME}")
    server.add_subject(f"CN={NAME}", ZONE)
    del server.config["ca"]["other"]
    assert "added=- changed=- removed=ca.other" in reload(server)
    server.child.wait_for_log("ca.other: closed: it is not in the configuration any more")
    info = server.ask("GET", "/metrics", port=server.admin_port).body.decode()
    assert 'instance="local"' in info and 'instance="other"' not in "".join(re.findall(r"countersign_plugin_info.*", info))
    issued(lab, server)
    assert "changed=- " in reload(server)


def issuer(leaf):
    return leaf.issuer.rfc4514_string()


def test_orders_finish_on_the_ca_that_is_taken_away(held_world):
    world, server = held_world, held_world.server
    csr = world.csr()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.sign, csr)
        server.child.wait_for_log("order started")
        server.child.wait_until(lambda: txt(server), 10, "its value is in the DNS")
        server.config["ca"]["local"] = {"plugin": "ca-local"}
        pebble = server.config["ca"].pop("pebble")
        assert "added=ca.local changed=- removed=ca.pebble" in reload(server)
        server.config["dns"]["builtin"]["negative_ttl"] = 7
        assert "changed=dns.builtin" in reload(server)
        assert not answer.done() and "ca.pebble: closed" not in server.log()
        world.gate.open()
        check_chain(answer.result(), csr, world.pebble)
    server.child.wait_for_log("ca.pebble: closed: it is not in the configuration any more", 20)
    server.config["ca"]["pebble"] = pebble
    reload(server)


def test_challenge_values_are_served_on_by_the_new_instance(held_world):
    """The order has its value in the DNS, and is held before the CA looks: everything is exchanged below it."""
    world, server = held_world, held_world.server
    csr = world.csr()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.sign, csr)
        server.child.wait_until(lambda: txt(server), 10, "the value is there")
        value = txt(server)
        for number in range(5):
            server.config["dns"]["builtin"]["negative_ttl"] = number
            said = reload(server)
            assert "changed=dns.builtin" in said
            for _ in range(20):
                assert txt(server) == value
        world.gate.open()
        check_chain(answer.result(), csr, world.pebble)


def txt(server):
    """TXT of the challenge's name, asked over UDP; sorted texts."""
    query = dns.message.make_query(f"_acme-challenge.{NAME}", "TXT")
    reply = dns.query.udp(query, "127.0.0.1", port=server.dns_port, timeout=20)
    return sorted(str(item) for rrset in reply.answer for item in rrset)


def test_audit_sinks_are_added_and_removed(lab):
    server = ready(local(lab))
    issued(lab, server)
    more = server.folder / "state/more.jsonl"
    server.config["audit"]["more"] = {"plugin": "audit-jsonl", "file": more}
    reload(server)
    issued(lab, server)
    server.child.wait_until(lambda: '"issued"' in more.read_text(), 10, "the new sink has it")
    first = server.config["audit"]["ledger"].pop("file")
    server.config["audit"]["ledger"]["file"] = server.folder / "state/second.jsonl"
    del server.config["audit"]["more"]
    assert "changed=audit.ledger removed=audit.more" in reload(server)
    server.child.wait_for_log("audit.more: closed: ")
    issued(lab, server)
    second = server.folder / "state/second.jsonl"

    def events():
        return first.read_text() + second.read_text()
    server.child.wait_until(lambda: events().count('"issued"') >= 3, 10, "the ledger goes on in the other file")
    numbers = [int(number) for number in re.findall(r'"number":\s*(\d+)', events())]
    assert sorted(set(numbers)) == list(range(1, len(set(numbers)) + 1))


# ---- All or nothing ------------------------------------------------------------------------------------------------------

def test_a_configuration_with_an_error_changes_nothing_and_says_where(lab):
    server = ready(local(lab))
    good, port = dict(server.config), free_port()
    before = quiet(server)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        tls = certificate(server.folder / "a")
        other = certificate(server.folder / "b")
        extra = {"address": "127.0.0.1", "port": port}
        for change, wanted in (
                ({"wait": "2 moons"}, r"countersign.conf:\d+: `wait` must be a number of seconds"),
                ({"nonsense": 1}, r"countersign.conf:\d+: .*nonsense"),
                ({"listen": [*good["listen"], extra, {"address": "127.0.0.1", "port": busy}]},
                 f"TCP 127.0.0.1:{busy} is in use"),
                ({"admin": {**good["admin"], "address": "0.0.0.0"}}, r"\.conf:\d+: TCP 0.0.0.0:\d+ of `admin`: .*: restart to"),
                ({"listen": [*good["listen"], {**extra, "certificate": tls["certificate"], "key": other["key"]}]},
                 r"countersign.conf:\d+: the key in .* does not belong"),
                ({"dns": {"builtin": {**good["dns"]["builtin"], "zones": ["not a zone"]}}}, "dns.builtin: "),
                ({"ca": {**good["ca"], "new": {"plugin": "ca-acme", "directory": "https://127.0.0.1:1/", "email": "x y"}}},
                 "ca.new: "),
                ({"audit": {"ledger": {**good["audit"]["ledger"], "ledger": "visits"}}}, "another sink or server writes to"),
                ({"state": server.folder / "elsewhere"}, r"countersign.conf:\d+: `state` .*restart"),
                ({"visits": {"enabled": False}}, "`visits` .*restart"),
                ({"store": {"other": {"plugin": "store-sqlite"}}}, "restart to change the store"),
                ({"ca": {"local": {"plugin": "no-such"}}}, r"countersign.conf:\d+: ca.local: .*no-such")):
            server.config = {**good, **change}
            said = refused(server)
            assert re.search(wanted, said), (wanted, said)
            assert DONE not in said
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
    server.conf.write_text("listen = (\n")
    said = reload(server, write=False, wait=REFUSED)
    assert re.search(r"countersign.conf:\d+: syntax error", said), said
    assert quiet(server) == before
    assert server.metric("countersign_reload_total") == 13
    server.config = good
    issued(lab, server)
    reload(server)
    issued(lab, server)


def test_every_complaint_of_a_broken_file_is_logged(lab):
    server = ready(local(lab))
    server.config.update(wait="x", visible="y", nonsense=1)
    said = refused(server)
    server.child.wait_until(lambda: count(server, REFUSED) == 3, 20, "three complaints")
    assert len(re.findall(r"countersign\.conf:\d+:", server.log())) == 3, said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give privileges up")
def test_a_privileged_port_needs_a_restart(lab):
    server = local(lab)
    server.run_as("nobody")
    server.folder.chmod(0o755)
    server = ready(server)
    server.config["listen"].append({"address": "127.0.0.1", "port": 1})
    refused(server, "restart, as only the start can bind it: TCP 127.0.0.1:1 needs root")


def test_more_connections_than_the_table_of_sources_has_room_for_need_a_restart(lab):
    """Whoever came when it is full would have no limits."""
    server = local(lab)
    server.config.update(max_connections=100, limits={"sources": 1024})
    ready(server)
    server.config["max_connections"] = 513
    refused(server, "`max_connections` is more than half of the sources that the running server remembers, 1024: restart")
    server.config["max_connections"] = 512
    reload(server)


def test_a_hangup_that_is_remembered_into_a_stop_is_not_done(held_world):
    """It came while the first was read; then a DNS instance hands its values over, which takes 20 ms at least."""
    server, manager = held_world.server, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.stop()
    keys = server.folder / "keys"
    keys.write_text("0" * 64 + "\n")
    server.config.update(stop=1, blocked_keys=[keys])
    server.env["NOTIFY_SOCKET"] = str(server.folder / "notify")
    manager.bind(server.env["NOTIFY_SOCKET"])
    manager.settimeout(10)
    server.start()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(server.sign, held_world.csr())
        server.child.wait_until(lambda: txt(server), 10, "the value is there")
        server.config["dns"]["builtin"]["negative_ttl"] = 7
        server.write_config()
        keys.unlink()
        os.mkfifo(keys)
        for number in (1, 2):
            server.child.signal(signal.SIGHUP)
            server.child.wait_until(lambda n=number: count(server, "SIGHUP: ") == n, 20, "it was heard")
        keys.write_text("")  # the first is read to its end
        while not count(server, DONE):
            pass
        server.child.signal(signal.SIGTERM)
        while "STOPPING=1" not in manager.recv(4096).decode():
            pass
        server.child.wait_for_log("serve: stopped", 20)
    manager.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            assert "RELOADING" not in manager.recv(4096).decode()
    manager.close()


def test_hangups_during_a_reload_are_remembered(lab):
    """Reading many keys takes long enough for more to come."""
    server = local(lab)
    many = server.folder / "keys"
    many.write_text("".join(f"{number:064x}\n" for number in range(400000)))
    server.config["blocked_keys"] = [many]
    ready(server)
    for number in range(1, 4):
        server.child.signal(signal.SIGHUP)
        server.child.wait_until(lambda n=number: count(server, "SIGHUP: ") == n, 20, "it was heard")
    assert count(server, DONE) == 0
    server.child.wait_until(lambda: count(server, DONE) == 2, 20, "it was read once more")
    reload(server)
    assert count(server, DONE) == 3


def test_secrets_are_read_anew(lab):
    """The block says the same; what the file holds does not."""
    server = ready(local(lab))
    secret = server.folder / "secret"
    secret.write_text("one")
    secret.chmod(0o600)
    server.config["dns"]["pdns"] = {"plugin": "dns-pdns", "api": "http://127.0.0.1:1", "key": f"@{secret}"}
    assert "added=dns.pdns" in reload(server)
    assert "changed=- " in reload(server)
    secret.write_text("two")
    assert "changed=dns.pdns" in reload(server)


def test_a_plugin_file_that_was_replaced_is_named(lab):
    server = ready(local(lab))
    assert "another file" not in reload(server)
    plugin = server.installed.plugin_dir / "ca-local.so"
    times = plugin.stat()
    os.utime(plugin, (0, 0))
    try:
        assert f"{plugin} is another file than the one that was loaded" in reload(server)
    finally:
        os.utime(plugin, ns=(times.st_atime_ns, times.st_mtime_ns))
    issued(lab, server)

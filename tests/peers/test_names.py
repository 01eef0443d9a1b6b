"""The built-in DNS server beside a running order, as strangers see it: kdig, dnsviz, and a flood of questions."""
import os
import random
import socket
import statistics
import struct
import subprocess
import threading
import time

from chain import check_chain
from scene import NAME, ZONE


def kdig(port, *words):
    done = subprocess.run(["kdig", "@127.0.0.1", "-p", str(port), "+time=3", "+retry=0", *words],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_kdig_sees_the_challenge_while_the_order_runs_and_nothing_after_it(held_world):
    world = held_world
    port = world.server.dns_port
    owner = f"_acme-challenge.{NAME}"
    assert "NXDOMAIN" in kdig(port, owner, "TXT")
    path = world.server.sign(csr := world.csr(), {"Prefer": "respond-async"}).headers["location"]
    assert world.gate.asked.wait(20)
    answer = kdig(port, owner, "TXT")
    assert "NOERROR" in answer and " aa " in answer.replace(";", " ") and "TXT" in answer
    assert "NOERROR" in kdig(port, NAME, "A")  # an empty non-terminal now
    assert "TXT" in kdig(port, "+tcp", owner, "TXT")
    world.gate.open()
    check_chain(world.server.sign(csr), csr, world.pebble)
    end = time.monotonic() + 20
    while "NXDOMAIN" not in kdig(port, owner, "TXT"):
        assert time.monotonic() < end, "the value stays after the order"
        time.sleep(0.05)
    assert path


def test_kdig_finds_no_fault(world):
    port = world.server.dns_port
    soa = kdig(port, ZONE, "SOA")
    assert "NOERROR" in soa and "SOA" in soa
    nodata = kdig(port, ZONE, "MX")
    assert "NOERROR" in nodata and "SOA" in nodata
    assert "NXDOMAIN" in kdig(port, f"nothing.{ZONE}", "A")
    assert "REFUSED" in kdig(port, "elsewhere.test", "A")
    assert "BADVERS" in kdig(port, "+edns=1", ZONE, "SOA")
    assert "NOERROR" in kdig(port, "+tcp", ZONE, "NS")
    assert "NOERROR" in kdig(port, ZONE, "CAA")


def test_dnsviz_finds_no_fault(world):
    port = world.server.dns_port
    server = f"{ZONE}+:ns1.{ZONE}=127.0.0.1:{port}"
    probe = subprocess.run(["/usr/bin/dnsviz", "probe", "-4", "-A", "-x", server, ZONE],
                           capture_output=True, text=True, timeout=120)
    assert probe.returncode == 0, probe.stderr
    grok = subprocess.run(["/usr/bin/dnsviz", "grok", "-l", "warning"], input=probe.stdout, capture_output=True, text=True)
    assert grok.returncode == 0, grok.stderr
    assert '"errors"' not in grok.stdout and '"warnings"' not in grok.stdout, grok.stdout


class Flood:
    """Questions for random names, `rate` a second; answers are thrown away. Pebble asks each question once, so the rate is one
    that the kernel's queue bears: an answer that is lost there would be a failed order, and nobody's fault."""

    def __init__(self, port, rate):
        self.port = port
        self.rate = rate
        self.sent = 0
        self._over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        self._thread.join()

    def _run(self):
        zone = b"".join(bytes([len(label)]) + label.encode() for label in ZONE.split(".")) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(("127.0.0.1", self.port))
            start = time.monotonic()
            while not self._over:
                time.sleep(max(0.0, start + self.sent / self.rate - time.monotonic()))
                for _ in range(50):
                    name = b"\x08" + os.urandom(4).hex().encode() + zone
                    try:
                        out.send(struct.pack(">6H", random.getrandbits(16), 0, 1, 0, 0, 0) + name + struct.pack(">2H", 16, 1))
                        self.sent += 1
                    except OSError:
                        pass


def seconds_for(world, orders):
    start = time.monotonic()
    for _ in range(orders):
        check_chain(world.server.sign(csr := world.csr()), csr)
    return time.monotonic() - start


def test_a_flood_of_questions_does_not_hold_orders_up(world, slow):
    seconds_for(world, 1)
    quiet = seconds_for(world, 5)
    with Flood(world.server.dns_port, 20000 / slow) as flood:
        time.sleep(0.3)
        loud = seconds_for(world, 5)
    assert flood.sent > 5000 / slow
    assert loud < 10 * quiet + 2 * slow, f"5 orders took {quiet:.2f} s, and {loud:.2f} s in the flood"


def test_orders_do_not_hold_answers_up(world, slow):
    thread, seconds = threading.Thread(target=seconds_for, args=(world, 10)), []
    thread.start()
    while thread.is_alive():
        start = time.monotonic()
        kdig(world.server.dns_port, ZONE, "SOA")
        seconds.append(time.monotonic() - start)
    thread.join()
    assert statistics.median(seconds) < slow and max(seconds) < 10 * slow, seconds

"""The bare ACME client of bench/bare-client, with a Pebble of its own: what ACME alone costs."""
import contextlib
import pathlib
import subprocess

from child import Failed, run
from pebble import Pebble
from ports import free_port

PROGRAM = "bench/bare-client/bare-client"
POSTER = "bench/bare-client/post-client"


class Asked:
    """A program that reads lines, and answers each with one."""

    def __init__(self, *command):
        self.name = pathlib.Path(command[0]).name
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def next_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name} ended", self.process.stderr.read())
        return line

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{self.name} ended", self.process.stderr.read()) from None
        return self.next_line()

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Poster(Asked):
    """Countersign's clients: see bench/bare-client/post.c for what it is asked."""

    def __init__(self, build, port):
        super().__init__(pathlib.Path(build) / POSTER, port)


class Bare:
    """Serves orders of fresh names below `zone`, when told how many. Its DNS answers are its own."""

    def __init__(self, folder, build, zone, settings):
        self.program = pathlib.Path(build) / PROGRAM
        self.zone = zone
        self.dns_port = free_port()
        self.pebble = Pebble(folder, self.dns_port, settings).start()
        self.asked = None

    def start(self, ca_file):
        self.asked = Asked(self.program, self.pebble.directory, ca_file, self.dns_port, self.zone)
        self.asked.next_line()
        return self

    def order(self, orders, clients=1):
        """Seconds, CPU ms and requests of so many orders by so many clients at a time."""
        seconds, cpu_ms, requests = self.asked.ask(f"{clients} {orders}").split()
        return float(seconds), float(cpu_ms), int(requests)

    def stop(self):
        if self.asked:
            self.asked.stop()
        self.pebble.stop()


# Limits in ms of CPU were set on a machine that made so many P-256 signatures a second (OpenSSL 3.0, one core). Elsewhere the
# same limit is told in signatures: what an order costs, by what one of them costs in the same run.
SIGNATURES_WHERE_LIMITS_WERE_SET = 69467


def cost(name, cpu_ms, limit_ms, signatures):
    """The figure of what an order costs in CPU, in P-256 signatures of this machine."""
    limit = limit_ms * SIGNATURES_WHERE_LIMITS_WERE_SET / 1000
    return (name, cpu_ms * signatures / 1000, "signatures/order", f"<={limit:.1f}")


def calibrate(build):
    """P-256 signatures a second of this machine, one after another, and what one costs in us after a rest of 2 ms."""
    a_second, rested_us = run([pathlib.Path(build) / PROGRAM, "calibrate"], "the bare client could not calibrate").split()
    return float(a_second), float(rested_us)

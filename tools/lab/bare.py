"""The bare ACME client of bench/bare-client, with a Pebble of its own: what ACME alone costs."""
import pathlib
import subprocess

from child import Failed, run
from pebble import Pebble
from ports import free_port

PROGRAM = "bench/bare-client/bare-client"


class Bare:
    """Serves orders of fresh names below `zone`, when told how many. Its DNS answers are its own."""

    def __init__(self, folder, build, zone, settings):
        self.program = pathlib.Path(build) / PROGRAM
        self.zone = zone
        self.dns_port = free_port()
        self.pebble = Pebble(folder, self.dns_port, settings).start()
        self.process = None

    def start(self, ca_file):
        self.process = subprocess.Popen([str(word) for word in (self.program, self.pebble.directory, ca_file, self.dns_port,
                                                                self.zone)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.next_line()
        return self

    def next_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the bare client ended", self.process.stderr.read())
        return line

    def order(self, orders, clients=1):
        """Seconds, CPU ms and requests of so many orders by so many clients at a time."""
        self.process.stdin.write(f"{clients} {orders}\n")
        self.process.stdin.flush()
        seconds, cpu_ms, requests = self.next_line().split()
        return float(seconds), float(cpu_ms), int(requests)

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.process.stderr.close()
            self.process = None
        self.pebble.stop()


def calibrate(build):
    """P-256 signatures a second of this machine, one after another, and what one costs in us after a rest of 2 ms."""
    a_second, rested_us = run([pathlib.Path(build) / PROGRAM, "calibrate"], "the bare client could not calibrate").split()
    return float(a_second), float(rested_us)

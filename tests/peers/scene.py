"""The scenes of the peer tests: Lab starts things and stops them again, World is the usual server with its CA."""
import contextlib
import pathlib
import shutil
import tempfile

import pki
from gate import DnsGate
from nameserver import NameServer
from pebble import Pebble
from server import Countersign

ZONE = "trial.example"
NAME = f"www.{ZONE}"


class Lab:
    """Starts things in one folder and stops them in reverse order."""

    def __init__(self, folder, installed):
        self.folder = folder
        self.installed = installed
        self.running = []
        self.made = 0

    def place(self, name):
        self.made += 1
        return self.folder / f"{name}{self.made}"

    def server(self, zones=(ZONE,), **more):
        server = Countersign(self.place("server"), self.installed, zones, **more)
        self.running.append(server)
        return server

    def pebble(self, server, start=True, env=None, **more):
        """A CA whose resolver is the server's DNS. Nonces are rejected at Pebble's default of 5 %, and a validation is
        reused as seldom as it can: in 1 % of the orders for a name that was valid before. No test may rely on a second one."""
        pebble = Pebble(self.place("pebble"), server.dns_port, {"PEBBLE_AUTHZREUSE": "0", **(env or {})}, **more)
        self.running.insert(0, pebble)
        return pebble.start() if start else pebble

    def name_server(self, kind, zones=(ZONE,), start=True, **more):
        """A Bind, Knot or PowerDns of these zones. Stopped after the servers that speak to it."""
        name_server = kind(self.place(kind.__name__.lower()), zones, **more)
        self.running.insert(0, name_server)
        return name_server.start() if start else name_server

    def gate(self, server):
        gate = DnsGate(server.dns_port)
        self.running.insert(0, gate)
        return gate

    def csr(self, name=NAME, **more):
        folder = self.place("client")
        folder.mkdir()
        return pki.make_csr(folder, name, **more)

    def close(self):
        faults = []
        for thing in reversed(self.running):
            if not getattr(thing, "child", True):
                continue
            if isinstance(thing, Countersign):
                print(f"--- {thing.child.log_path}\n{thing.child.tail(60)}")
            elif isinstance(thing, (Pebble, NameServer)):
                print(f"--- {thing.child.log_path}\n{thing.child.tail(25)}")
            try:
                thing.stop()
            except Exception as fault:  # the others must be stopped as well
                faults.append(f"{fault}\n{getattr(fault, 'log', '')}")
        assert not faults, "\n".join(faults)


@contextlib.contextmanager
def open_lab(installed):
    """A Lab in a folder that is gone afterwards."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-peers-"))
    folder.chmod(0o755)
    lab = Lab(folder, installed)
    try:
        yield lab
    finally:
        try:
            lab.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class World:
    """The usual scene: one server, one Pebble, one zone, and one subject that may have its own CN."""

    def __init__(self, lab, **pebble):
        self.lab = lab
        self.server = lab.server()
        self.pebble = lab.pebble(self.server, **pebble)
        self.server.use_pebble(self.pebble)

    def start(self, zone_options=()):
        self.server.start()
        self.server.add_zone(ZONE, *zone_options)
        self.server.add_subject(f"CN={NAME}", ZONE)
        return self

    def csr(self, **more):
        return self.lab.csr(**more)

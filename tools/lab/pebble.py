"""A real ACME CA on loopback: Debian's Pebble, as a server that one starts, asks and stops."""
import json
import pathlib
import re

import pki
from child import Child, answers, run
from ports import free_port

# Pebble deadlocks under concurrent orders with more than one thread of Go.
ENVIRONMENT = {"GOMAXPROCS": "1", "PEBBLE_VA_NOSLEEP": "1"}
EAB_KID = "kid-1"
EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class Pebble:
    """Resolves names at 127.0.0.1:dns_port. Its own HTTPS certificate is from ca_file; those it issues live `validity_s`."""

    def __init__(self, folder, dns_port, env=None, eab=False, port=None, validity_s=7776000):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.dns_port = dns_port
        self.env = {**ENVIRONMENT, **(env or {})}
        self.port = port or free_port(above=1)
        self.management = self.port + 1
        self.directory = f"https://localhost:{self.port}/dir"
        self.ca_file = self.folder / "ca.pem"
        self.child = None
        if not self.ca_file.exists():
            pki.make_server_pki(self.folder)
        config = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.folder / "server.pem"), "privateKey": str(self.folder / "server.key"),
            "httpPort": 5002, "tlsPort": 5001, "ocspResponderURL": "", "externalAccountBindingRequired": eab,
            "certificateValidityPeriod": validity_s}
        if eab:
            config["externalAccountMACKeys"] = {EAB_KID: EAB_KEY}
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}, indent=1))

    def start(self):
        self.child = Child("pebble", self.command(), self.folder / "pebble.log", env=self.env)
        self.child.wait_until(lambda: answers(self.port) and answers(self.management), 10, "it answered")
        return self

    def command(self):
        return ["pebble", "-config", self.folder / "pebble.json", "-dnsserver", f"127.0.0.1:{self.dns_port}"]

    def stop(self):
        if self.child:
            self.child.kill()  # it keeps nothing that a gentle end would save
            self.child = None

    def root(self):
        """Its issuing root, new at every start, in a file."""
        path = self.folder / "root.pem"
        path.write_text(run(["curl", "-sS", "--fail", "--cacert", self.ca_file, f"https://localhost:{self.management}/roots/0"],
                            "Pebble does not hand out its root"))
        return path

    def requests(self, path=""):
        """How many requests it had, since its start, whose path begins with that."""
        return len(re.findall(r"(?:GET|HEAD|POST) /%s\S* -> calling handler" % re.escape(path), self.child.log()))

    def verify(self, chain, leaf=None):
        """Does openssl accept the chain against the root? Returns what it says; fails when not."""
        return run(["openssl", "verify", "-x509_strict", "-CAfile", self.root(), "-untrusted", chain, leaf or chain],
                   "openssl does not accept the chain")

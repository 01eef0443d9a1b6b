"""A real Unbound on loopback: a resolver that knows some zones, each from its own server, and nothing else of the world."""
import pathlib

import dns.exception
import dns.message
import dns.query

from child import Child
from nameserver import HOST
from ports import free_port


class Unbound:
    """`stubs`: which zone is asked for at which port of loopback. It keeps no answer: each question sees what is so now.

    Names in no stub are NXDOMAIN at once: no packet leaves this host."""

    def __init__(self, folder, stubs):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stubs = {zone.rstrip("."): port for zone, port in stubs.items()}
        self.port = self.dns_port = free_port()
        self.conf = self.folder / "unbound.conf"
        self.child = None
        self.configure()

    def configure(self):
        zones = "".join(f'stub-zone:\n    name: "{zone}."\n    stub-addr: {HOST}@{port}\n    stub-no-cache: yes\n'
                        for zone, port in self.stubs.items())
        own = "".join(f'    local-zone: "{zone}." transparent\n' for zone in self.stubs)
        self.conf.write_text(f"""server:
    interface: {HOST}
    port: {self.port}
    access-control: 127.0.0.0/8 allow
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    logfile: ""
    verbosity: 1
    username: ""
    chroot: ""
    directory: "{self.folder}"
    pidfile: ""
    num-threads: 1
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "." static
{own}    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    infra-host-ttl: 0
    qname-minimisation: no
    msg-cache-size: 1m
    rrset-cache-size: 1m
remote-control:
    control-enable: no
{zones}""")

    def start(self):
        self.child = Child("unbound", ["unbound", "-d", "-c", self.conf], self.folder / "unbound.log")
        self.child.wait_until(self.serves, 10, "it found every zone")
        return self

    def serves(self):
        try:
            return all(self.ask(zone, "SOA", timeout=1).answer for zone in self.stubs)
        except (OSError, dns.exception.DNSException):
            return False

    def stop(self):
        child, self.child = self.child, None
        if child:
            child.stop()

    def kill(self):
        child, self.child = self.child, None
        child.kill()

    def ask(self, owner, kind="TXT", timeout=5):
        """Its whole reply."""
        return dns.query.udp(dns.message.make_query(owner, kind), HOST, timeout=timeout, port=self.port)

    def txt(self, owner):
        """The TXT values at the end of what the owner is an alias of."""
        return {b"".join(record.strings).decode() for rrset in self.ask(owner).answer if rrset.rdtype == dns.rdatatype.TXT
                for record in rrset}

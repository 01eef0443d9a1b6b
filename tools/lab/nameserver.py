"""What the DNS servers of the lab have in common: zones, a TSIG key, signed updates, questions, and their life."""
import base64
import hashlib
import os
import pathlib
import signal
import subprocess

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

from child import Child, Failed
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
KEY_BYTES = {"hmac-sha256": 32, "hmac-sha384": 48, "hmac-sha512": 64}


class NameServer:
    """A primary of `zones` on a free port of loopback. BIND, Knot and PowerDNS say how they are configured and started.

    algorithm  of the TSIG key tsig_name
    refuse     the zones take updates signed with another key only, so that ours is known and yet refused
               (Knot then says NOTAUTH with BADKEY, the others REFUSED)
    filler     that many A records more in each zone
    extra      lines for the server's own configuration, in its own language
    """

    good_ends = (0,)
    wrapper = ()  # words in front of its command, such as `env NAME=VALUE`

    def __init__(self, folder, zones, algorithm="hmac-sha256", refuse=False, filler=0, extra=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.zones = [zone.rstrip(".") for zone in zones]
        self.algorithm = algorithm
        self.tsig_name = "lab-key."
        self.tsig_secret = base64.b64encode(os.urandom(KEY_BYTES[algorithm])).decode()
        self.other_secret = base64.b64encode(hashlib.sha256(self.tsig_secret.encode()).digest()).decode()
        self.granted = "other-key" if refuse else "lab-key"
        self.filler = filler
        self.extra = extra
        self.port = self.dns_port = free_port()
        self.key_file = self.folder / "lab.key"  # what `nsupdate -k` reads
        self.key_file.touch(0o600)
        self.key_file.write_text(f'key "lab-key" {{ algorithm {algorithm}; secret "{self.tsig_secret}"; }};\n')
        self.child = None
        self.frozen = False
        self.configure()

    # ---- What each server says of itself

    def configure(self):
        """Writes its configuration and its zones."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def reload(self):
        """As an operator tells it to read its configuration again."""
        self.child.signal(signal.SIGHUP)

    # ---- Its zones

    def zone_text(self):
        """The same for each: its names are relative."""
        head = ["$TTL 60", "@ SOA ns1 hostmaster 1 3600 600 86400 10", "@ NS ns1", "ns1 A 127.0.0.1", "www A 192.0.2.1"]
        return "\n".join([*head, *(f"filler{i} A 192.0.2.{i % 250 + 1}" for i in range(self.filler)), ""])

    def write_zones(self, folder):
        for zone in self.zones:
            (folder / f"{zone}.zone").write_text(self.zone_text())

    # ---- Its life

    def start(self):
        name = type(self).__name__
        self.child = Child(name, [*self.wrapper, *self.command()], self.folder / "server.log")
        self.child.wait_until(self.serves, 20, "it answered for its zones")
        return self

    def serves(self):
        """Does it answer with authority for all of its zones?"""
        try:
            return all(self.ask(zone + ".", "SOA", timeout=0.1).answer for zone in self.zones)
        except (OSError, dns.exception.DNSException):
            return False

    def stop(self):
        self.thaw()
        child, self.child = self.child, None
        if child:
            code = child.stop()
            if code not in self.good_ends:
                raise Failed(f"{child.name} ended with {code}", child.tail(40))

    def kill(self):
        child, self.child = self.child, None
        self.frozen = False
        child.kill()

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """It answers nobody, but its sockets stay open and take what is sent, until thaw()."""
        self.child.signal(signal.SIGSTOP)
        self.frozen = True
        self.child.wait_until(self._is_stopped, 5, "it was frozen")

    def _is_stopped(self):
        """Each of its threads: the signal takes a moment to reach them."""
        threads = pathlib.Path(f"/proc/{self.child.pid}/task").glob("*/stat")
        return {path.read_text().rsplit(")", 1)[1].split()[0] for path in threads} == {"T"}

    def thaw(self):
        if self.frozen:
            self.child.signal(signal.SIGCONT)
            self.frozen = False

    def log(self):
        return self.child.log()

    # ---- Talking to it

    def ask(self, owner, kind="TXT", timeout=5):
        """Its whole reply, by TCP where UDP was too small."""
        question = dns.message.make_query(owner, kind, use_edns=0, payload=1232)
        return dns.query.udp_with_fallback(question, HOST, timeout=timeout, port=self.port)[0]

    def txt(self, owner):
        """The set of TXT values that it serves at that owner."""
        reply = self.ask(owner)
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise Failed(f"asked for the TXT of {owner}, it answers {dns.rcode.to_text(reply.rcode())}")
        return {b"".join(record.strings).decode() for rrset in reply.answer if rrset.rdtype == dns.rdatatype.TXT
                for record in rrset}

    def zone_of(self, owner):
        """The longest of its zones that holds the owner."""
        owner = owner.rstrip(".").lower()
        return max((zone for zone in self.zones if f".{owner}".endswith(f".{zone}")), key=len)

    def update(self, owner, add=(), remove=(), ttl=10, timeout=10):
        """A second writer's signed UPDATE: adds and deletes single TXT values. Its RCODE, or the error in the reply's TSIG."""
        message = self.update_message(owner, add, remove, ttl)
        try:
            reply = dns.query.udp(message, HOST, timeout=timeout, port=self.port)
        except dns.tsig.PeerBadKey:
            return "BADKEY"
        return dns.rcode.to_text(reply.rcode())

    def update_message(self, owner, add=(), remove=(), ttl=10):
        keys = dns.tsigkeyring.from_text({self.tsig_name: self.tsig_secret})
        message = dns.update.UpdateMessage(self.zone_of(owner), keyring=keys, keyname=self.tsig_name,
                                           keyalgorithm=self.algorithm)
        for value in add:
            message.add(owner, ttl, "TXT", f'"{value}"')
        for value in remove:
            message.delete(owner, "TXT", f'"{value}"')
        return message

    def nsupdate(self, *lines):
        """What nsupdate does with these lines, signed with our key; its CompletedProcess."""
        script = "\n".join([f"server {HOST} {self.port}", *lines, "send", ""])
        return subprocess.run(["nsupdate", "-k", self.key_file], input=script, capture_output=True, text=True, timeout=60)

    def update_instance(self, **more):
        """The block of the plugin that drives it by RFC 2136, for a server's config["dns"]."""
        return {"plugin": "dns-rfc2136", "servers": [f"{HOST}:{self.port}"], "key_name": self.tsig_name,
                "key": self.tsig_secret, "algorithm": self.algorithm, **more}

    def exec_instance(self, **more):
        """The block of dns-exec, with nsupdate as the program that drives it."""
        return {"plugin": "dns-exec", "program": ROOT / "tools/hooks/nsupdate",
                "environment": [f"NSUPDATE_SERVER={HOST} {self.port}", f"NSUPDATE_KEYFILE={self.key_file}"], **more}

    def instance(self, **more):
        return self.update_instance(**more)

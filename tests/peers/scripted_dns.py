"""DNS servers on loopback that say what a test tells them to: small zones, answered as RFC 1034 4.3.2 has it, or wrongly."""
import socket
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone


class ScriptedDns:
    """Serves `zones` (name: text of the zone) at address:port by UDP and TCP.

    tcp      False: connections are taken, and never answered, as behind a firewall that drops
    edns     False: FORMERR to every question with EDNS
    lower    the question comes back in lower case
    upstream a port of 127.0.0.1 where questions go that no zone of ours has; the answer comes back unchanged
    twist    twist(question) -> an RCODE instead of an answer, or None"""

    def __init__(self, address, port, zones=None, tcp=True, edns=True, lower=False, upstream=None, twist=None):
        self.address, self.port, self.tcp, self.edns, self.lower = address, port, tcp, edns, lower
        self.upstream, self.twist = upstream, twist or (lambda question: None)
        self.zones = {dns.name.from_text(name): dns.zone.from_text(text, name, relativize=False)
                      for name, text in (zones or {}).items()}
        self._over = False
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, port))
        self._tcp = socket.create_server((address, port))
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._run_udp, self._run_tcp)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._over = True
        for end in (self._udp, self._tcp):
            end.shutdown(socket.SHUT_RDWR) if end is self._tcp else self._wake()
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _wake(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (self.address, self.port))

    def _run_udp(self):
        while not self._over:
            packet, asker = self._udp.recvfrom(4096)
            answer = None if self._over else self.answer(packet)
            if answer:
                self._udp.sendto(answer, asker)

    def _run_tcp(self):
        kept = []
        while not self._over:
            try:
                client, _ = self._tcp.accept()
            except OSError:
                break
            if not self.tcp:
                kept.append(client)
                continue
            with client:
                client.settimeout(10)
                length = int.from_bytes(client.recv(2), "big")
                answer = self.answer(client.recv(length))
                if answer:
                    client.sendall(len(answer).to_bytes(2, "big") + answer)
        for client in kept:
            client.close()

    def answer(self, packet):
        try:
            asked = dns.message.from_wire(packet)
        except dns.exception.DNSException:
            return None
        reply = dns.message.make_response(asked)
        reply.use_edns(False)
        rcode = self.twist(asked)
        if rcode is None and asked.edns >= 0 and not self.edns:
            rcode = dns.rcode.FORMERR
        if rcode is not None:
            reply.set_rcode(rcode)
        else:
            zone = max((name for name in self.zones if asked.question[0].name.is_subdomain(name)), key=len, default=None)
            if zone is None and self.upstream:
                return self._forward(packet)
            self._look(reply, self.zones.get(zone), asked.question[0])
        wire = reply.to_wire()
        if self.lower:
            end = wire.index(b"\0", 12)
            wire = wire[:12] + wire[12:end].lower() + wire[end:]
        return wire

    def _forward(self, packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
            up.settimeout(3)
            up.sendto(packet, ("127.0.0.1", self.upstream))
            try:
                return up.recv(4096)
            except OSError:
                return None

    def _look(self, reply, zone, question):
        if zone is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return
        cut = self._cut(zone, question)
        if cut:
            found = zone.get_rrset(cut, dns.rdatatype.NS)
            reply.authority.append(found)
            reply.additional += [glue for record in found for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
                                 if (glue := zone.get_rrset(record.target, kind)) is not None]
            return
        reply.flags |= dns.flags.AA
        name = question.name
        wild = dns.name.Name((b"*",) + zone.origin.labels)
        owner = name if zone.get_node(name) or not zone.get_node(wild) else wild
        for kind in (question.rdtype, dns.rdatatype.CNAME):
            found = zone.get_rrset(owner, kind)
            if found is not None:
                reply.answer.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
                return
        below = any(other.is_subdomain(name) for other in zone.nodes)
        reply.set_rcode(dns.rcode.NOERROR if zone.get_node(owner) or below else dns.rcode.NXDOMAIN)
        reply.authority.append(zone.get_rrset(zone.origin, dns.rdatatype.SOA))

    @staticmethod
    def _cut(zone, question):
        """The delegation that the question lies in; a DS record belongs to the zone above."""
        name = question.name
        while name != zone.origin:
            if zone.get_rrset(name, dns.rdatatype.NS) is not None and \
                    not (question.rdtype == dns.rdatatype.DS and name == question.name):
                return name
            name = name.parent()
        return None

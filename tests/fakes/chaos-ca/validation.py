"""Validates dns-01 (RFC 8555 8.4) for real: asks the given server for the TXT records, follows CNAMEs.

As a resolver does, it asks again when no answer comes: a name server that is down for a moment costs no validation."""
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from problem import Problem

ASK_AGAIN_S = 0.2
CHAIN = 8


class Validator:
    def __init__(self, server, options):
        self.address, _, port = server.rpartition(":")
        self.port, self.options = int(port), options

    def _udp(self, question):
        end = time.monotonic() + self.options.dns_patience
        while True:
            left = end - time.monotonic()
            try:
                return dns.query.udp(question, self.address, timeout=max(0.01, min(ASK_AGAIN_S, left)), port=self.port)
            except dns.exception.Timeout:
                if left <= ASK_AGAIN_S:
                    raise

    def _ask(self, name):
        question = dns.message.make_query(name, dns.rdatatype.TXT, use_edns=0, payload=1232)
        answer = self._udp(question)
        if answer.flags & dns.flags.TC:
            answer = dns.query.tcp(question, self.address, timeout=self.options.dns_patience, port=self.port)
        return answer

    def texts(self, name):
        """The TXT values at the end of the chain of CNAMEs."""
        for _ in range(CHAIN):
            answer = self._ask(name)
            if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                raise Problem("dns", f"DNS problem: {dns.rcode.to_text(answer.rcode())} looking up TXT for {name}")
            found = [b"".join(item.strings).decode(errors="replace") for rrset in answer.answer
                     if rrset.rdtype == dns.rdatatype.TXT for item in rrset]
            aliases = [item.target.to_text().rstrip(".") for rrset in answer.answer if rrset.rdtype == dns.rdatatype.CNAME
                       for item in rrset]
            if found or not aliases:
                return found
            name = aliases[-1]
        raise Problem("dns", f"DNS problem: too many CNAMEs behind {name}")

    def check(self, identifier, wanted):
        """None, or the Problem."""
        owner = f"_acme-challenge.{identifier.removeprefix('*.')}"
        try:
            found = self.texts(owner)
        except Problem as problem:
            return problem
        except (dns.exception.DNSException, OSError) as fault:
            return Problem("dns", f"DNS problem: no answer looking up TXT for {owner} ({type(fault).__name__})")
        if wanted in found:
            return None
        if not found:
            return Problem("unauthorized", f"No TXT record found at {owner}")
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return Problem("unauthorized", f'Incorrect TXT record "{found[0]}"{more} found at {owner}')

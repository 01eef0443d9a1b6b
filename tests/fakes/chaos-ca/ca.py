"""The ACME server itself: a function for each resource (RFC 8555 7), in the order in which a client meets them."""
import base64
import hashlib
import json
import random
import secrets
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from book import Account, Authorization, Book, Challenge, Order
from certificates import certificate_id, issue
from jws import Jws, encode, thumbprint, verify
from limits import Limits
from problem import Problem
from server import Reply

DIRECTORY = {"newNonce": "nonce", "newAccount": "new-account", "newOrder": "new-order", "revokeCert": "revoke",
             "keyChange": "key-change"}
NONCES_MOST = 20000


class Ca:
    def __init__(self, options, plan, clock, issuer, validator, log):
        self.options, self.plan, self.clock, self.issuer, self.validator = options, plan, clock, issuer, validator
        self.book = Book()
        self.limits = Limits(options, clock)
        self.base = ""
        self.nonces = {}
        self.random = random.Random(options.seed)
        self.lock = threading.RLock()
        self.log = open(log, "a", buffering=1)
        self.requests = 0

    # ---- Around every request

    def http_date(self):
        return self.clock.http_date()

    def url(self, *parts):
        return "/".join([self.base, *parts])

    def nonce(self):
        nonce = secrets.token_urlsafe(16)
        self.nonces[nonce] = None
        if len(self.nonces) > NONCES_MOST:
            del self.nonces[next(iter(self.nonces))]
        return nonce

    def answer(self, request):
        """A Request's Reply: the resource's own, unless a fault has something else in mind."""
        began, (resource, _, rest) = self.clock.now(), request.path.lstrip("/").partition("/")
        rule = self.plan.instead(resource)
        with self.lock:
            self.requests += 1
        reply = rule.fault.act(self, request, rule) if rule else None
        problem = ""
        if not reply:
            try:
                reply = self._route(request, resource, rest)
            except Problem as refusal:
                reply, problem = self._refusal(refusal), refusal.kind
        reply.headers.setdefault("Cache-Control", "no-store")
        if "Replay-Nonce" not in reply.headers and (request.method == "POST" or resource == "nonce"):
            with self.lock:
                reply.headers["Replay-Nonce"] = self.nonce()
        reply.links.append(f'<{self.url("dir")}>;rel="index"')
        for after in self.plan.afterwards(resource):
            after.fault.act(self, request, reply, after)
        self.log.write(json.dumps({"time": began, "resource": resource, "id": rest, "status": reply.status, "problem": problem,
                                   "fault": rule.fault.name if rule else ""}) + "\n")
        return reply

    def _refusal(self, problem):
        return Reply(problem.status, {"Content-Type": "application/problem+json", **problem.headers},
                     json.dumps(problem.document()).encode())

    def _route(self, request, resource, rest):
        open_resources = {"dir": self.directory, "nonce": self.new_nonce, "renewal-info": self.renewal_info}
        if resource in open_resources and request.method in ("GET", "HEAD"):
            return open_resources[resource](request, rest)
        signed = {"new-account": self.new_account, "account": self.account, "new-order": self.new_order, "order": self.order,
                  "authz": self.authorization, "challenge": self.challenge, "finalize": self.finalize,
                  "certificate": self.certificate, "revoke": self.revoke, "key-change": self.key_change}
        if resource not in signed:
            raise Problem("malformed", f"there is nothing at {request.path}", 404)
        if request.method != "POST":
            raise Problem("malformed", "this resource takes POST", 405)
        if request.headers.get("Content-Type") != "application/jose+json":
            raise Problem("malformed", "the Content-Type is application/jose+json", 415)
        jws = Jws(request.body)
        with self.lock:
            account = self._sender(jws, request, resource)
            return signed[resource](request, jws, account, rest)

    def _sender(self, jws, request, resource):
        """Checks signature, url and nonce. The account, or None for a key that has none."""
        account = None
        if jws.kid is not None:
            account = self.book.accounts.get(str(jws.kid).removeprefix(self.url("account", "")))
            if not account:
                raise Problem("accountDoesNotExist", "no account exists with that key identifier")
        elif resource not in ("new-account", "revoke"):
            raise Problem("malformed", "this resource wants a kid")
        verify(account.jwk if account else jws.jwk, jws.algorithm, jws.signed, jws.signature)
        if self.nonces.pop(jws.nonce, self) is self or self.random.uniform(0, 100) < self.options.bad_nonce_rate:
            raise Problem("badNonce", "the nonce is not one of ours, or was used before")
        if jws.url != self.base + request.path:
            raise Problem("unauthorized", "the header's url is not where this was sent")
        if account and account.status != "valid":
            raise Problem("unauthorized", f"the account is {account.status}")
        if account and account.terms != self.options.terms and resource == "new-order":
            raise Problem("userActionRequired", "the terms of service have changed: agree to them first",
                          headers={"Link": f'<{self.options.terms}>;rel="terms-of-service"'})
        return account

    # ---- Directory, nonces, accounts

    def directory(self, request, rest):
        there = {name: self.url(path) for name, path in DIRECTORY.items()}
        if self.options.ari:
            there["renewalInfo"] = self.url("renewal-info")
        meta = {"termsOfService": self.options.terms, "website": "https://localhost/", "caaIdentities": ["chaos.example"]}
        if self.options.profiles:
            meta["profiles"] = {name: f"https://localhost/profiles/{name}" for name in self.options.profiles.split()}
        there["meta"] = meta
        there[secrets.token_urlsafe(8)] = "https://localhost/an-entry-that-nobody-knows"
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(there).encode())

    def new_nonce(self, request, rest):
        return Reply(200 if request.method == "HEAD" else 204)

    def _account_reply(self, account, status):
        shown = {"status": account.status, "contact": account.contact, "orders": self.url("account", account.id, "orders")}
        return Reply(status, {"Content-Type": "application/json", "Location": self.url("account", account.id)},
                     json.dumps(shown).encode())

    def new_account(self, request, jws, account, rest):
        key = thumbprint(jws.jwk)
        if key in self.book.by_key:
            return self._account_reply(self.book.by_key[key], 200)
        asked = jws.payload or {}
        if asked.get("onlyReturnExisting"):
            raise Problem("accountDoesNotExist", "no account exists with that key")
        if not asked.get("termsOfServiceAgreed"):
            raise Problem("malformed", "the terms of service must be agreed to")
        self.limits.new_account(request.address)
        account = Account(jws.jwk, asked.get("contact", []), self.options.terms)
        self.book.accounts[account.id] = self.book.by_key[key] = account
        return self._account_reply(account, 201)

    def account(self, request, jws, account, rest):
        asked = jws.payload or {}
        if rest != account.id:
            raise Problem("unauthorized", "that is somebody else's account")
        if asked.get("status") == "deactivated":
            account.status = "deactivated"
        if asked.get("termsOfServiceAgreed"):
            account.terms = self.options.terms
        account.contact = asked.get("contact", account.contact)
        return self._account_reply(account, 200)

    def key_change(self, request, jws, account, rest):
        inner = Jws(jws.raw, inner=True)
        if not inner.jwk:
            raise Problem("malformed", "the inner JWS has the new key as jwk")
        verify(inner.jwk, inner.algorithm, inner.signed, inner.signature)
        wanted = {"account": self.url("account", account.id), "oldKey": account.jwk}
        if inner.payload != wanted or inner.url != jws.url:
            raise Problem("malformed", "the inner JWS is not about this account and its key")
        if thumbprint(inner.jwk) in self.book.by_key:
            raise Problem("conflict", "another account has that key",
                          headers={"Location": self.url("account", self.book.by_key[thumbprint(inner.jwk)].id)})
        del self.book.by_key[thumbprint(account.jwk)]
        account.jwk = inner.jwk
        self.book.by_key[thumbprint(account.jwk)] = account
        return self._account_reply(account, 200)

    def deactivate_accounts(self):
        with self.lock:
            for account in self.book.accounts.values():
                account.status = "deactivated"

    # ---- Orders

    def _names(self, asked):
        names = set()
        identifiers = asked.get("identifiers")
        if not isinstance(identifiers, list) or not identifiers:
            raise Problem("malformed", "an order has identifiers")
        for identifier in identifiers:
            if not isinstance(identifier, dict) or identifier.get("type") != "dns":
                raise Problem("unsupportedIdentifier", "only identifiers of type dns are taken")
            name = identifier.get("value", "")
            if name != name.lower() or "." not in name or len(name) > 253:
                raise Problem("rejectedIdentifier", f'cannot issue for "{name}"')
            names.add(name)
        return sorted(names)

    def _replaced(self, asked, account, names):
        """The certificate that a renewal by ARI replaces (RFC 9773 5)."""
        if "replaces" not in asked:
            return None
        old = next((c for c in self.book.certificates.values() if certificate_id(c.leaf) == asked["replaces"]), None)
        if not old or old.order.account is not account:
            raise Problem("malformed", "there is no certificate of this account with that identifier")
        if old.replaced:
            raise Problem("alreadyReplaced", "that certificate has been replaced by another order")
        if not set(old.order.names) & set(names):
            raise Problem("malformed", "the replaced certificate has none of these names")
        return old

    def new_order(self, request, jws, account, rest):
        asked = jws.payload or {}
        names, profile = self._names(asked), asked.get("profile", "")
        if profile and profile not in self.options.profiles.split():
            raise Problem("invalidProfile", f'profile "{profile}" is not offered')
        replaced = self._replaced(asked, account, names)
        if self.options.order_reuse or self.plan.wants("order-reuse"):
            for order in self.book.orders_of(account):
                if order.names == names and order.profile == profile and order.status() in ("pending", "ready"):
                    return self._order_reply(order, 201)
        self.limits.new_order(account.id, names, replaced)
        order = Order(account, names, self.clock.now() + self.options.order_lifetime, profile, asked.get("replaces", ""))
        order.authorizations = [self._authorization_for(account, name) for name in names]
        self.book.orders[order.id] = order
        return self._order_reply(order, 201)

    def _authorization_for(self, account, name):
        bare, wildcard = name.removeprefix("*."), name.startswith("*.")
        if self.options.authz_reuse:
            for old in self.book.authorizations.values():
                if (old.account, old.name, old.wildcard, old.status) == (account, bare, wildcard, "valid") and \
                        old.expires > self.clock.now():
                    return old
        kinds = ["dns-01"] if wildcard else ["http-01", "dns-01", "tls-alpn-01"]
        token = encode(secrets.token_bytes(32))
        fresh = Authorization(account, bare, wildcard, self.clock.now() + self.options.order_lifetime)
        fresh.challenges = [Challenge(token, kind) for kind in kinds]
        if self.plan.wants("authz-valid"):
            fresh.status = fresh.challenges[kinds.index("dns-01")].status = "valid"
        self.book.add_authorization(fresh)
        return fresh

    def shown_order(self, order):
        shown = {"status": order.status(), "expires": self.clock.rfc3339(order.expires - self.clock.now()),
                 "identifiers": [{"type": "dns", "value": name} for name in order.names],
                 "authorizations": [self.url("authz", a.id) for a in order.authorizations],
                 "finalize": self.url("finalize", order.id)}
        if order.profile:
            shown["profile"] = order.profile
        if order.error:
            shown["error"] = order.error
        if order.status() == "valid":
            shown["certificate"] = self.url("certificate", order.certificate.id)
        return shown

    def _order_reply(self, order, status=200):
        headers = {"Content-Type": "application/json", "Location": self.url("order", order.id)}
        if self.options.retry_after and order.status() in ("pending", "processing"):
            headers["Retry-After"] = str(self.options.retry_after)
        return Reply(status, headers, json.dumps(self.shown_order(order)).encode())

    def _order(self, account, id):
        order = self.book.orders.get(id)
        if not order or order.account is not account:
            raise Problem("malformed", "there is no such order", 404)
        return order

    def order(self, request, jws, account, rest):
        order = self._order(account, rest)
        reply = self._order_reply(order)
        order.polls -= order.polls > 0 and not self.plan.holds("processing-forever")
        return reply

    # ---- Authorizations and challenges

    def shown_challenge(self, challenge):
        shown = {"type": challenge.kind, "url": self.url("challenge", challenge.id), "status": challenge.status,
                 "token": challenge.token}
        if challenge.error:
            shown["error"] = challenge.error
        if challenge.validated:
            shown["validated"] = challenge.validated
        return shown

    def authorization(self, request, jws, account, rest):
        found = self.book.authorizations.get(rest)
        if not found or found.account is not account:
            raise Problem("malformed", "there is no such authorization", 404)
        if (jws.payload or {}).get("status") == "deactivated":
            found.status = "deactivated"
        shown = {"identifier": {"type": "dns", "value": found.name}, "status": found.status,
                 "expires": self.clock.rfc3339(found.expires - self.clock.now()),
                 "challenges": [self.shown_challenge(challenge) for challenge in found.challenges]}
        if found.wildcard:
            shown["wildcard"] = True
        headers = {"Content-Type": "application/json"}
        if self.options.retry_after and found.status == "pending":
            headers["Retry-After"] = str(self.options.retry_after)
        return Reply(200, headers, json.dumps(shown).encode())

    def challenge(self, request, jws, account, rest):
        authorization, challenge = self.book.challenges.get(rest, (None, None))
        if not challenge or authorization.account is not account:
            raise Problem("malformed", "there is no such challenge", 404)
        if jws.payload is not None and challenge.status == "pending" and authorization.status == "pending":
            if challenge.kind != "dns-01":
                raise Problem("malformed", "only dns-01 is validated here")
            challenge.status = "processing"
            if not self.plan.wants("challenge-ignored"):
                threading.Thread(target=self._validate, args=(authorization, challenge), daemon=True).start()
        reply = Reply(200, {"Content-Type": "application/json"}, json.dumps(self.shown_challenge(challenge)).encode())
        reply.links.append(f'<{self.url("authz", authorization.id)}>;rel="up"')
        return reply

    def _validate(self, authorization, challenge):
        time.sleep(self.options.validation_delay)
        proof = f"{challenge.token}.{thumbprint(authorization.account.jwk)}"
        wanted = encode(hashlib.sha256(proof.encode()).digest())
        problem = self.plan.validation_problem() or self.validator.check(authorization.name, wanted)
        with self.lock:
            if problem:
                challenge.error, challenge.status, authorization.status = problem.document(), "invalid", "invalid"
                self.limits.failed(authorization.account.id, authorization.name)
                return
            challenge.validated = self.clock.rfc3339()
            challenge.status = authorization.status = "valid"
            authorization.expires = self.clock.now() + self.options.authz_lifetime
            for status in ("expired", "deactivated", "revoked"):
                if self.plan.wants(f"authz-{status}"):
                    authorization.status = status

    # ---- Finalize, certificates, revocation

    def finalize(self, request, jws, account, rest):
        order = self._order(account, rest)
        if order.status() == "processing" and self.plan.wants("not-ready-while-processing"):
            raise Problem("orderNotReady", 'order is "processing", not "ready"')
        if order.status() != "ready":
            raise Problem("orderNotReady", f"Order's status (\"{order.status()}\") is not acceptable for finalization")
        csr = self._csr(jws, order)
        if self.plan.wants("order-invalid"):
            order.failed, order.error = True, Problem("serverInternal", "the order could not be finalized").document()
            return self._order_reply(order)
        order.finalized += 1
        order.csr_key = csr.public_key().public_bytes(serialization.Encoding.DER,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)
        order.certificate = issue(self, order, csr)
        self.book.certificates[order.certificate.id] = order.certificate
        self.limits.issued(order.names)
        order.polls = self.plan.number("processing", self.options.processing_polls)
        if self.plan.holds("processing-forever"):
            order.polls = 1
        return self._order_reply(order)

    def _csr(self, jws, order):
        try:
            csr = x509.load_der_x509_csr(base64.urlsafe_b64decode(str((jws.payload or {}).get("csr")) + "=="))
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = sorted(names.get_values_for_type(x509.DNSName))
        except (ValueError, x509.ExtensionNotFound):
            raise Problem("badCSR", "the CSR cannot be read, or has no subjectAltName") from None
        if not csr.is_signature_valid:
            raise Problem("badCSR", "the CSR's signature is wrong")
        if names != order.names:
            raise Problem("badCSR", "the CSR has other names than the order")
        return csr

    def certificate(self, request, jws, account, rest):
        id, _, number = rest.partition("/")
        found = self.book.certificates.get(id)
        if not found or found.order.account is not account or (number and number != "1"):
            raise Problem("malformed", "there is no such certificate", 404)
        found.downloads += 1
        reply = Reply(200, {"Content-Type": "application/pem-certificate-chain"},
                      (found.alternates[0] if number else found.pem).encode())
        if found.alternates and not number:
            reply.links.append(f'<{self.url("certificate", id, "1")}>;rel="alternate"')
        return reply

    def revoke(self, request, jws, account, rest):
        asked = jws.payload or {}
        leaf = x509.load_der_x509_certificate(base64.urlsafe_b64decode(str(asked.get("certificate")) + "=="))
        found = next((c for c in self.book.certificates.values() if c.leaf.serial_number == leaf.serial_number), None)
        if not found:
            raise Problem("malformed", "that certificate is not ours", 404)
        if account and found.order.account is not account:
            raise Problem("unauthorized", "that certificate is somebody else's")
        if found.revoked:
            raise Problem("alreadyRevoked", "that certificate has been revoked before")
        if asked.get("reason", 0) not in (0, 1, 3, 4, 5):
            raise Problem("badRevocationReason", "that reason is not taken")
        found.revoked = True
        return Reply(200)

    def renewal_info(self, request, rest):
        """RFC 9773: a hundredth of the lifetime before and after two thirds of it."""
        found = next((c for c in self.book.certificates.values() if certificate_id(c.leaf) == rest), None)
        if not found:
            raise Problem("malformed", "there is no certificate with that identifier", 404)
        start = found.leaf.not_valid_before
        life = found.leaf.not_valid_after - start
        window = [(start + life * share / 300).strftime("%Y-%m-%dT%H:%M:%SZ") for share in (197, 203)]
        return Reply(200, {"Content-Type": "application/json", "Retry-After": "21600"},
                     json.dumps({"suggestedWindow": {"start": window[0], "end": window[1]}}).encode())

    # ---- What tests see

    def shown(self):
        with self.lock:
            return {"requests": self.requests,
                    "accounts": [{"id": a.id, "status": a.status} for a in self.book.accounts.values()],
                    "orders": [{"id": o.id, "account": o.account.id, "names": o.names, "status": o.status(),
                                "finalized": o.finalized, "spki_sha256": hashlib.sha256(o.csr_key).hexdigest(),
                                "serial": f"{o.certificate.leaf.serial_number:x}" if o.certificate else "",
                                "downloads": o.certificate.downloads if o.certificate else 0,
                                "revoked": bool(o.certificate and o.certificate.revoked)}
                               for o in self.book.orders.values()]}

"""The faults by name: where each comes, and what it does. A plan says which come when.

A line of a plan:  NAME [at=RESOURCE] [times=N|always] [after=N] [value=X]
    at      the resource whose requests it meets; each fault has a usual one; `any` is every resource
    times   how often; usually once                       after   how many such requests are spared first
Faults that change what the CA does (rather than an answer) have no `at`: they come the next time that they can.
"""
import dataclasses
import json
import threading

from problem import Problem
from server import Reply


@dataclasses.dataclass
class Fault:
    name: str
    at: str      # "" for those that change what the CA does
    value: str   # usual
    text: str
    act: object = None
    instead: bool = False


@dataclasses.dataclass
class Rule:
    fault: Fault
    at: str
    left: int    # -1: always
    spare: int
    value: str
    came: int = 0

    def number(self):
        return float(self.value)


FAULTS = {}
JSON, PROBLEM = {"Content-Type": "application/json"}, {"Content-Type": "application/problem+json"}


def fault(name, at, value, text, instead=False):
    def note(function):
        FAULTS[name] = Fault(name, at, value, text, function, instead)
        return function
    return note


def state(name, text, value="", at=""):
    FAULTS[name] = Fault(name, at, value, text)


def refuse(name, kind, detail, at="new-order", value="", headers=lambda ca, rule: {}, status=None):
    @fault(name, at, value, f"{kind}: {detail}", instead=True)
    def act(ca, request, rule):
        problem = Problem(kind, detail, status)
        return Reply(problem.status, {**PROBLEM, **headers(ca, rule)}, json.dumps(problem.document()).encode())


def seconds(ca, rule):
    return {"Retry-After": rule.value}


def date(ca, rule):
    return {"Retry-After": ca.clock.http_date(rule.number())}


# ---- Refused, rightly or not -----------------------------------------------------------------------------------------------

BUSY = "the service is down for maintenance or had an internal error"
refuse("busy", "rateLimited", BUSY, value="3", headers=seconds, status=503)
refuse("busy-date", "rateLimited", BUSY, value="3", headers=date, status=503)
refuse("busy-silent", "rateLimited", BUSY, status=503)
refuse("busy-past", "rateLimited", BUSY, value="-3600", headers=date, status=503)
refuse("busy-nonsense", "rateLimited", BUSY, value="soon", headers=seconds, status=503)
refuse("busy-for-years", "rateLimited", BUSY, value="999999999999", headers=seconds, status=503)
refuse("limited", "rateLimited", "too many new orders recently, retry after a while", value="5", headers=seconds)
refuse("limited-date", "rateLimited", "too many new orders recently, retry after a while", value="5", headers=date)
refuse("limited-day", "rateLimited", "too many certificates already issued for this exact set of identifiers", value="86400",
       headers=seconds)
refuse("limited-silent", "rateLimited", "too many new orders recently")
refuse("internal", "serverInternal", "an unexpected error occurred")
refuse("bad-nonce", "badNonce", "JWS has an invalid anti-replay nonce")
refuse("account-gone", "accountDoesNotExist", "account is not registered here any more")
refuse("account-closed", "unauthorized", "account is not valid, has status \"deactivated\"")
refuse("account-refused", "unauthorized", "accounts are made by invitation only", at="new-account")
refuse("terms-changed", "userActionRequired", "the terms of service have changed",
       headers=lambda ca, rule: {"Link": f'<{ca.options.terms}>;rel="terms-of-service"'})
refuse("name-refused", "rejectedIdentifier", "the server will not issue for the identifier: policy forbids it")
refuse("kind-refused", "unsupportedIdentifier", "identifiers of that type are not taken")
refuse("algorithm-refused", "badSignatureAlgorithm", "use another signature algorithm")
refuse("binding-wanted", "externalAccountRequired", "an external account binding is required", at="new-account")
refuse("profile-refused", "invalidProfile", "that profile is not offered any more")
refuse("already-replaced", "alreadyReplaced", "that certificate has been replaced already")
refuse("csr-refused", "badCSR", "the CSR is not acceptable", at="finalize")
refuse("finalize-refused", "unauthorized", "the account is not authorized for these names any more", at="finalize")
refuse("not-ready", "orderNotReady", "order is not ready", at="finalize")
refuse("order-gone", "malformed", "no order found for that ID", at="order", status=404)
refuse("authz-gone", "malformed", "no authorization found for that ID", at="authz", status=404)
refuse("certificate-late", "malformed", "certificate not found", at="certificate", status=404)


@fault("html", "new-order", "502", "a proxy's HTML page instead of an answer; value: its status", instead=True)
def html(ca, request, rule):
    return Reply(int(rule.value), {"Content-Type": "text/html"}, b"<html><h1>Bad Gateway</h1></html>")


@fault("redirect", "new-order", "302", "sent to another path of this server; value: the status", instead=True)
def redirect(ca, request, rule):
    return Reply(int(rule.value), {"Location": ca.url("new-order")})


@fault("redirect-away", "dir", "302", "sent to another host", instead=True)
def redirect_away(ca, request, rule):
    return Reply(int(rule.value), {"Location": "https://127.0.0.2:1/dir"})


# ---- On the wire -----------------------------------------------------------------------------------------------------------

@fault("slow", "new-order", "2", "the answer begins late; value: seconds")
def slow(ca, request, reply, rule):
    reply.delay_s = rule.number()


@fault("silent", "new-order", "", "no answer at all, though the request was carried out")
def silent(ca, request, reply, rule):
    reply.silent = True


@fault("drip", "new-order", "0.2", "a byte at a time; value: seconds between them")
def drip(ca, request, reply, rule):
    reply.drip_s = rule.number()


@fault("cut-head", "new-order", "40", "the connection ends within the header; value: bytes")
def cut_head(ca, request, reply, rule):
    reply.cut = int(rule.value)


@fault("cut-body", "new-order", "", "the connection ends in the middle of the body")
def cut_body(ca, request, reply, rule):
    reply.headers["Content-Length"] = str(len(reply.body))
    reply.body = reply.body[:len(reply.body) // 2]
    reply.cut = 10**9


@fault("reset", "new-order", "", "carried out, then the connection is reset instead of an answer")
def reset(ca, request, reply, rule):
    reply.reset = True


@fault("lost", "finalize", "", "carried out, then the connection ends instead of an answer")
def lost(ca, request, reply, rule):
    reply.cut = 0


@fault("huge", "new-order", "20000000", "the body goes on and on; value: bytes")
def huge(ca, request, reply, rule):
    reply.body += b" " * int(rule.value)


@fault("huge-head", "new-order", "1000000", "a field goes on and on; value: bytes")
def huge_head(ca, request, reply, rule):
    reply.headers["X-Long"] = "x" * int(rule.value)


@fault("many-links", "new-order", "5000", "as many Link fields; value: how many")
def many_links(ca, request, reply, rule):
    reply.links += ['<https://localhost/x>;rel="alternate"'] * int(rule.value)


@fault("clock-off", "any", "-7200", "the Date is wrong; value: seconds")
def clock_off(ca, request, reply, rule):
    reply.date = ca.clock.http_date(rule.number())


@fault("no-nonce", "new-order", "", "no Replay-Nonce")
def no_nonce(ca, request, reply, rule):
    reply.without = ("Replay-Nonce",)


@fault("odd-nonce", "new-order", "not base64url! \\", "a Replay-Nonce of characters that none may have; value: it")
def odd_nonce(ca, request, reply, rule):
    reply.headers["Replay-Nonce"] = rule.value


@fault("no-location", "new-order", "", "no Location")
def no_location(ca, request, reply, rule):
    reply.without = ("Location",)


@fault("type", "new-order", "text/plain", "the wrong Content-Type; value: it")
def wrong_type(ca, request, reply, rule):
    reply.headers["Content-Type"] = rule.value


@fault("no-type", "new-order", "", "no Content-Type")
def no_type(ca, request, reply, rule):
    reply.without = ("Content-Type",)


@fault("other-success", "new-order", "206", "another status of success; value: it")
def other_success(ca, request, reply, rule):
    reply.status = int(rule.value)


# ---- In the JSON -----------------------------------------------------------------------------------------------------------

def edit(name, at, value, text):
    """Changes the JSON of a good answer."""
    def note(function):
        @fault(name, at, value, text)
        def act(ca, request, reply, rule):
            if reply.status < 300 and reply.body.startswith(b"{"):
                shown = json.loads(reply.body)
                changed = function(ca, shown, rule)
                reply.body = changed if isinstance(changed, bytes) else json.dumps(shown).encode()
        return function
    return note


@edit("not-json", "new-order", "", "cut in the middle, with a length that says it is all")
def not_json(ca, shown, rule):
    return json.dumps(shown).encode()[:-9]


@edit("json-array", "new-order", "", "an array instead of an object")
def json_array(ca, shown, rule):
    return json.dumps([shown]).encode()


@edit("json-deep", "new-order", "100000", "an unknown member of nested arrays; value: how deep")
def json_deep(ca, shown, rule):
    depth = int(rule.value)
    return json.dumps(shown).encode()[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"


@edit("json-twice", "new-order", "", "a member twice, with different values")
def json_twice(ca, shown, rule):
    return json.dumps(shown).encode()[:-1] + b', "status": "valid", "finalize": "https://127.0.0.2:1/x"}'


@edit("json-nul", "new-order", "", "a NUL within a string")
def json_nul(ca, shown, rule):
    shown["finalize"] += "\0x"


@edit("json-numbers", "new-order", "", "numbers where strings belong")
def json_numbers(ca, shown, rule):
    shown.update({"status": 1, "finalize": 2, "authorizations": 3})


@edit("unknown-fields", "any", "", "members and link relations that no RFC knows")
def unknown_fields(ca, shown, rule):
    shown.update({"futureField": {"a": [1, 2, {"b": None}]}, "x-y": True, "": "empty"})


@edit("unknown-status", "order", "considering", "a status that no RFC knows; value: it")
def unknown_status(ca, shown, rule):
    shown["status"] = rule.value


def urls(shown, change):
    for name, value in shown.items():
        if name in ("finalize", "certificate", "url"):
            shown[name] = change(value)
        elif name == "authorizations":
            shown[name] = [change(url) for url in value]
        elif name == "challenges":
            for challenge in value:
                urls(challenge, change)
        elif isinstance(value, str) and name.startswith("new"):
            shown[name] = change(value)


@edit("http-urls", "new-order", "", "URLs with http instead of https")
def http_urls(ca, shown, rule):
    urls(shown, lambda url: url.replace("https:", "http:"))


@edit("foreign-urls", "new-order", "https://127.0.0.2:1", "URLs of another host; value: its origin")
def foreign_urls(ca, shown, rule):
    urls(shown, lambda url: url.replace(ca.base, rule.value))


@edit("odd-urls", "new-order", "", "URLs with a user, spaces and a line break")
def odd_urls(ca, shown, rule):
    urls(shown, lambda url: url.replace("https://", "https://user:secret@") + " \r\nX: y")


@edit("directory-empty", "dir", "", "a directory without newOrder")
def directory_empty(ca, shown, rule):
    del shown["newOrder"]


@edit("directory-moved", "dir", "", "a directory whose URLs are relative")
def directory_moved(ca, shown, rule):
    urls(shown, lambda url: url.replace(ca.base, ""))


@edit("other-names", "new-order", "", "an order for other names than were asked for")
def other_names(ca, shown, rule):
    shown["identifiers"] = [{"type": "dns", "value": "somebody-else.example"}]


@edit("no-authz", "new-order", "", "an order without authorizations")
def no_authz(ca, shown, rule):
    shown["authorizations"] = []


@edit("many-authz", "new-order", "10000", "an order with as many authorizations; value: how many")
def many_authz(ca, shown, rule):
    shown["authorizations"] = shown["authorizations"] * int(rule.value)


@edit("other-authz-name", "authz", "", "an authorization for another name")
def other_authz_name(ca, shown, rule):
    shown["identifier"]["value"] = "somebody-else.example"


@edit("no-dns-01", "authz", "", "an authorization that offers no dns-01")
def no_dns_01(ca, shown, rule):
    shown["challenges"] = [c for c in shown["challenges"] if c["type"] != "dns-01"]


@edit("unknown-challenges", "authz", "", "challenge types without a token, and of the future, beside the usual ones")
def unknown_challenges(ca, shown, rule):
    shown["challenges"] = [{"type": "dns-persist-01", "url": ca.url("challenge", "none"), "status": "pending",
                            "issuer-domain-names": ["chaos.example"]},
                           {"type": "warp-02", "url": ca.url("challenge", "nope"), "status": "pending", "token": 7},
                           *shown["challenges"]]


def token(name, value, text):
    @edit(name, "authz", value, text)
    def change(ca, shown, rule):
        for challenge in shown["challenges"]:
            challenge["token"] = rule.value


token("token-path", "../../../../etc/passwd", "a token that is a path; value: it")
token("token-empty", "", "an empty token")
token("token-short", "abc", "a token of less than 128 bits")
token("token-long", "A" * 5000, "a token of 5,000 characters")
token("token-odd", "abc def\r\nghijklmnopqrstuvw", "a token with a space and a line break")

# ---- In what the CA does ---------------------------------------------------------------------------------------------------

state("order-reuse", "the order that is pending for the same names is handed out again")
state("authz-valid", "a new authorization is valid at once; when all are, the order is born `ready`")
state("authz-expired", "an authorization turns `expired` when it should turn valid")
state("authz-deactivated", "an authorization turns `deactivated` when it should turn valid")
state("authz-revoked", "an authorization turns `revoked` when it should turn valid")
state("validation-dns", "the validation fails: SERVFAIL at the CA's resolver")
state("validation-caa", "the validation fails: CAA forbids it")
state("validation-wrong", "the validation fails: another TXT value was found")
state("validation-timeout", "the validation fails: query timed out")
state("challenge-ignored", "the challenge is never validated")
state("order-invalid", "finalize turns the order invalid")
state("processing", "the order is `processing` for as many polls; value: how many", "5")
state("processing-forever", "the order is `processing` for as long as this is in the plan")
state("not-ready-while-processing", "finalize is answered with orderNotReady while the order is processing")
state("wrong-leaf-key", "the certificate is for another key")
state("wrong-leaf-name", "the certificate is for another name")
state("extra-leaf-name", "the certificate has one more name")
state("missing-leaf-name", "the certificate lacks a name")
state("expired-leaf", "the certificate has expired")
state("future-leaf", "the certificate is not valid yet")
state("leaf-only", "the chain is the leaf alone")
state("foreign-issuer", "the leaf is followed by a certificate that did not issue it")
state("chain-reversed", "the intermediate comes before the leaf")
state("root-included", "the chain ends with the root")
state("long-chain", "the intermediate comes 201 times")
state("text-in-pem", "text before, between and after the certificates")
state("crlf-in-pem", "lines of the PEM end with CRLF")
state("key-in-pem", "a private key behind the chain")
state("not-a-certificate", "PEM around what is no DER")
state("empty-chain", "an empty body where the chain belongs")
state("alternate-chain", "a second chain, to another root, by Link")

VALIDATION = {
    "validation-dns": Problem("dns", "DNS problem: SERVFAIL looking up TXT"),
    "validation-caa": Problem("caa", "CAA record prevents issuance"),
    "validation-wrong": Problem("unauthorized", 'Incorrect TXT record "something else" found'),
    "validation-timeout": Problem("dns", "During secondary validation: DNS problem: query timed out looking up TXT"),
}


class Plan:
    """Which faults are still to come, in order. From any thread."""

    def __init__(self):
        self.rules = []
        self.lock = threading.Lock()

    def add_lines(self, text):
        """ValueError for a line that makes no sense; then none of the lines is taken."""
        rules = [_rule(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        with self.lock:
            self.rules += rules

    def clear(self):
        with self.lock:
            self.rules = []

    def _come(self, rule):
        """Its turn; called with the lock."""
        if rule.spare > 0:
            rule.spare -= 1
            return False
        if rule.left == 0:
            return False
        rule.left -= rule.left > 0
        rule.came += 1
        return True

    def _of(self, resource, instead):
        return [rule for rule in self.rules if rule.fault.act and rule.fault.instead == instead and
                rule.at in (resource, "any")]

    def instead(self, resource):
        """The fault that answers a request in the CA's place, if one does."""
        with self.lock:
            return next((rule for rule in self._of(resource, True) if self._come(rule)), None)

    def afterwards(self, resource):
        """The faults that change its answer."""
        with self.lock:
            return [rule for rule in self._of(resource, False) if self._come(rule)]

    def _state(self, name):
        with self.lock:
            return next((rule for rule in self.rules if rule.fault.name == name and self._come(rule)), None)

    def wants(self, name):
        return self._state(name) is not None

    def number(self, name, usual):
        rule = self._state(name)
        return int(rule.value) if rule else usual

    def holds(self, name):
        """Is it in the plan? Without using it up."""
        with self.lock:
            found = next((rule for rule in self.rules if rule.fault.name == name and rule.left != 0), None)
            if found:
                found.came += 1
            return found is not None

    def validation_problem(self):
        return next((problem for name, problem in VALIDATION.items() if self.wants(name)), None)

    def shown(self):
        with self.lock:
            return [{"name": rule.fault.name, "at": rule.at, "left": rule.left, "came": rule.came} for rule in self.rules]


RESOURCES = ("any", "dir", "nonce", "new-account", "account", "new-order", "order", "authz", "challenge", "finalize",
             "certificate", "revoke", "key-change", "renewal-info")


def _rule(line):
    name, *words = line.split(None, 1)[0], *(line.split(None, 1)[1:] or [""])
    found = FAULTS.get(name)
    if not found:
        raise ValueError(f"{name!r} is no fault; chaos-ca --faults lists them")
    rule = Rule(found, found.at, 1, 0, found.value)
    rest = words[0]
    if "value=" in rest:  # the last word, which may have spaces
        rest, _, rule.value = rest.partition("value=")
    for word in rest.split():
        key, _, text = word.partition("=")
        if key == "at" and text in RESOURCES and found.act:
            rule.at = text
        elif key == "times" and (text == "always" or text.isdigit()):
            rule.left = -1 if text == "always" else int(text)
        elif key == "after" and text.isdigit():
            rule.spare = int(text)
        else:
            raise ValueError(f"{word!r} makes no sense for {name}")
    return rule


def describe():
    return "\n".join(f"{name}{' at=' + f.at if f.at else ''}{f' value={f.value[:30]!r}' if f.value else ''}\n    {f.text}"
                     for name, f in FAULTS.items())

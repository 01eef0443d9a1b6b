"""The other half of bad_csrs.py: bad bodies, subjects, names, attributes and extensions."""
import base64
import json

from bad_csrs import DER, JSON, ME, NAME, ZONE, good, named, subject, wanting
from csr_parts import (
    BASIC, CHALLENGE, CN, EXT_KEY_USAGE, EXTENSION_REQUEST, KEY_USAGE, MS_EXTENSIONS, NAME_CONSTRAINTS, NULL, O, OU, POISON,
    SAN, TLS_FEATURE, asking_for, attribute, bits, cn, dns, extension, integer, make, name, octets, oid, pem, rdn, san, seq,
    set_of, tlv, utf8)

TRUE, FALSE = b"\x01\x01\xff", b"\x01\x01\x00"


def text(body, content_type="application/x-www-form-urlencoded"):
    return body, {"Content-Type": content_type}


def of_pem(change):
    return text(change(pem(good())))


def as_json(text_or_object):
    body = text_or_object if isinstance(text_or_object, str) else json.dumps(text_or_object)
    return body.encode(), JSON


def indefinite():
    """The outer SEQUENCE with BER's indefinite length."""
    der = good()
    return b"\x30\x80" + der[4:] + b"\0\0"


def long_length():
    """The version's length in two bytes where one is enough."""
    return make(ME, [san(NAME)], version=b"\x02\x81\x01\x00")


def a_key():
    return text(pem(b"\x30\x03\x02\x01\x00", "PRIVATE KEY"))


BODIES = {
    "body-empty": lambda: text(b""),
    "body-text": lambda: text(b"hello\n"),
    "body-certificate": lambda: text(pem(b"\x30\x03\x02\x01\x00", "CERTIFICATE")),
    "body-private-key": a_key,
    "body-der-untyped": lambda: text(good()),
    "body-der-empty": lambda: (b"", DER),
    "body-two-csrs": lambda: of_pem(lambda one: one + one),
    "body-too-large": lambda: text(b"x" * 16385),
    "body-gzip": lambda: (pem(good()), {"Content-Encoding": "gzip"}),
    "pem-cut": lambda: of_pem(lambda one: one[:300]),
    "pem-no-end": lambda: of_pem(lambda one: one[:one.index(b"-----END")]),
    "pem-other-end": lambda: of_pem(lambda one: one.replace(b"-----END CERTIFICATE REQUEST", b"-----END PRIVATE KEY")),
    "pem-not-base64": lambda: of_pem(lambda one: one.replace(b"MII", b"M!I", 1)),
    "pem-padding-inside": lambda: of_pem(lambda one: one.replace(b"MII", b"M=I", 1)),
    "pem-base64url": lambda: of_pem(lambda one: one.replace(b"MII", b"M_I", 1)),
    "pem-headers": lambda: of_pem(lambda one: one.replace(b"QUEST-----\n", b"QUEST-----\nProc-Type: 4,ENCRYPTED\n\n", 1)),
    "pem-nul": lambda: of_pem(lambda one: one.replace(b"MII", b"M\0I", 1)),
    "pem-empty": lambda: text(pem(b"")),
    "json-broken": lambda: as_json('{"csr": '),
    "json-list": lambda: as_json([]),
    "json-no-csr": lambda: as_json({"labels": {}}),
    "json-number": lambda: as_json({"csr": 7}),
    "json-other-member": lambda: as_json({"csr": pem(good()).decode(), "key": "x"}),
    "json-twice": lambda: as_json('{"csr": "a", "csr": "b"}'),
    "json-nul": lambda: as_json({"csr": pem(good()).decode() + "\0"}),
    "json-not-base64": lambda: as_json({"csr": base64.urlsafe_b64encode(b"\xff" * 300).decode()}),
    "der-garbage": lambda: b"\x17" * 500,
    "der-empty-list": seq,
    "der-cut": lambda: good()[:-1],
    "der-behind": lambda: good() + b"\0",
    "der-fourth-part": lambda: good(behind=NULL),
    "der-indefinite": indefinite,
    "der-long-length": long_length,
    "der-constructed-string": lambda: subject(rdn(CN, tlv(0x2c, utf8(NAME)))),
    "der-integer-padded": lambda: good(version=b"\x02\x02\x00\x00"),
    "der-deep": lambda: good(attributes=[deep(40)]),
    "der-no-attributes": lambda: good().replace(tlv(0xa0, asking_for(san(NAME))), b"", 1),
    "version-1": lambda: good(version=integer(1)),
    "version-3": lambda: good(version=integer(2)),
    "version-negative": lambda: good(version=integer(-1)),
    "version-missing": lambda: good(version=b""),
}


def deep(levels):
    return seq(deep(levels - 1)) if levels else seq()


NAMES = {
    "subject-unknown": lambda: make(cn("other." + ZONE), [san(NAME)]),
    "subject-two-cns": lambda: subject(rdn(CN, utf8(NAME)), rdn(CN, utf8(NAME))),
    "subject-cn-long": lambda: make(cn("a" * 60 + "." + ZONE), [san("a." + ZONE)]),
    "subject-cn-empty": lambda: subject(rdn(CN, utf8(""))),
    "subject-control": lambda: subject(rdn(CN, utf8(NAME)), rdn(O, utf8("a\tb"))),
    "subject-nul": lambda: subject(rdn(CN, utf8(NAME + "\0.elsewhere.example"))),
    "subject-not-utf8": lambda: subject(rdn(CN, utf8(NAME)), rdn(O, utf8(b"caf\xe9"))),
    "subject-not-printable": lambda: subject(rdn(CN, utf8(NAME)), rdn(O, tlv(0x13, b"a@b"))),
    "subject-t61": lambda: subject(rdn(CN, tlv(0x14, NAME.encode()))),
    "subject-bmp": lambda: subject(rdn(CN, tlv(0x1e, NAME.encode("utf-16-be")))),
    "subject-universal": lambda: subject(rdn(CN, tlv(0x1c, NAME.encode("utf-32-be")))),
    "subject-33-attributes": lambda: subject(rdn(CN, utf8(NAME)), *[rdn(OU, utf8(f"unit {i}")) for i in range(32)]),
    "subject-rdn-empty": lambda: subject(rdn(CN, utf8(NAME)), set_of()),
    "subject-rdn-unsorted": lambda: subject(set_of(seq(oid(CN), utf8(NAME)), seq(oid(O), utf8("x")))),
    "subject-not-a-name": lambda: make(octets(b"x"), [san(NAME)]),
    "cn-words": lambda: make(cn("My Device"), [san("a." + ZONE)]),
    "cn-address": lambda: make(cn("192.0.2.1"), [san("a." + ZONE)]),
    "cn-only": lambda: make(ME),
    "names-none": lambda: make(name(rdn(O, utf8("No Names")))),
    "names-empty-list": lambda: make(ME, [extension(SAN, seq())]),
    "names-101": lambda: named(*[f"n{i}.{ZONE}" for i in range(101)]),
    "name-empty": lambda: named(""),
    "name-one-label": lambda: named("localhost"),
    "name-dot-at-end": lambda: named(NAME + "."),
    "name-dot-in-front": lambda: named("." + NAME),
    "name-two-dots": lambda: named("a..example"),
    "name-underscore": lambda: named("_acme." + ZONE),
    "name-space": lambda: named("a b." + ZONE),
    "name-hyphen-first": lambda: named("-a." + ZONE),
    "name-hyphen-last": lambda: named("a-." + ZONE),
    "name-label-64": lambda: named("a" * 64 + "." + ZONE),
    "name-254": lambda: named(".".join(["a" * 59] * 3 + ["a" * 60]) + "." + ZONE),
    "name-nul": lambda: named(NAME + "\0.elsewhere.example"),
    "name-not-ascii": lambda: named("bücher." + ZONE),
    "name-xn-invalid": lambda: named("xn--a-ecp-ru." + ZONE),
    "name-xn-decodes-to-ascii": lambda: named("xn--abc-." + ZONE),
    "name-third-hyphens": lambda: named("ab--c." + ZONE),
    "name-address": lambda: named("192.0.2.1"),
    "name-address-6": lambda: named("2001:db8::1"),
    "name-url": lambda: named("https://" + NAME),
    "name-port": lambda: named(NAME + ":443"),
    "wildcard-inside": lambda: named(f"a.*.{ZONE}"),
    "wildcard-part": lambda: named(f"w*.{ZONE}"),
    "wildcard-twice": lambda: named(f"*.*.{ZONE}"),
    "wildcard-alone": lambda: named("*"),
    "san-address": lambda: make(ME, [san(NAME, tlv(0x87, bytes([192, 0, 2, 1])))]),
    "san-email": lambda: make(ME, [san(NAME, tlv(0x81, b"who@example.com"))]),
    "san-uri": lambda: make(ME, [san(NAME, tlv(0x86, b"https://example.com/"))]),
    "san-other-name": lambda: make(ME, [san(NAME, tlv(0xa0, oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xa0, utf8("who"))))]),
    "san-directory": lambda: make(ME, [san(NAME, tlv(0xa4, ME))]),
    "san-registered-id": lambda: make(ME, [san(NAME, tlv(0x88, oid("1.2.3.4")[2:]))]),
    "san-broken": lambda: make(ME, [extension(SAN, octets(b"x"))]),
    "san-behind": lambda: make(ME, [extension(SAN, seq(dns(NAME)) + NULL)]),
    "name-foreign": lambda: named("www.elsewhere.example"),
    "name-foreign-suffix": lambda: named("www.not" + ZONE),
    "name-not-allowed": lambda: named(NAME, "login." + ZONE),
}

EXTENSIONS = {
    "ca-true": lambda: wanting(extension(BASIC, seq(TRUE), TRUE)),
    "key-usage-cert-sign": lambda: wanting(extension(KEY_USAGE, bits(b"\x04", 2))),
    "key-usage-crl-sign": lambda: wanting(extension(KEY_USAGE, bits(b"\x02", 1))),
    "key-usage-broken": lambda: wanting(extension(KEY_USAGE, integer(1))),
    "extended-key-usage-broken": lambda: wanting(extension(EXT_KEY_USAGE, integer(1))),
    "name-constraints": lambda: wanting(extension(NAME_CONSTRAINTS, seq(tlv(0xa0, seq(dns(ZONE)))), TRUE)),
    "must-staple": lambda: wanting(extension(TLS_FEATURE, seq(integer(5)))),
    "ct-poison": lambda: wanting(extension(POISON, NULL, TRUE)),
    "critical-unknown": lambda: wanting(extension("1.3.6.1.4.1.99999.1", NULL, TRUE)),
    "extension-twice": lambda: wanting(extension(KEY_USAGE, bits(b"\x80", 7)), extension(KEY_USAGE, bits(b"\x80", 7))),
    "san-twice": lambda: wanting(san(NAME)),
    "extensions-33": lambda: wanting(*[extension(f"1.3.6.1.4.1.99999.{i}", NULL) for i in range(33)]),
    "critical-false": lambda: wanting(extension(KEY_USAGE, bits(b"\x80", 7), FALSE)),
    "request-twice": lambda: good(attributes=[asking_for(san(NAME)), asking_for(san(NAME))]),
    "request-two-values": lambda: good(attributes=[attribute(EXTENSION_REQUEST, seq(san("a." + ZONE)), seq(san(NAME)))]),
    "request-not-a-list": lambda: good(attributes=[attribute(EXTENSION_REQUEST, octets(b"x"))]),
    "request-not-extensions": lambda: good(attributes=[attribute(EXTENSION_REQUEST, seq(integer(1)))]),
    "request-of-microsoft": lambda: good(attributes=[attribute(MS_EXTENSIONS, seq(san(NAME)))]),
    "attribute-twice": lambda: good(attributes=[asking_for(san(NAME))] + 2 * [attribute(CHALLENGE, utf8("secret"))]),
    "attribute-empty": lambda: good(attributes=[attribute(CHALLENGE), asking_for(san(NAME))]),
    "attribute-broken": lambda: good(attributes=[seq(integer(1)), asking_for(san(NAME))]),
    "attributes-17": lambda: good(attributes=[*[attribute(f"1.3.6.1.4.1.99999.{i}", NULL) for i in range(17)]]),
}

CLASSES = {**BODIES, **NAMES, **EXTENSIONS}
GOOD = {
    "pem": lambda: of_pem(lambda one: one),
    "pem-crlf": lambda: of_pem(lambda one: one.replace(b"\n", b"\r\n")),
    "json": lambda: as_json({"csr": pem(good()).decode()}),
    "wildcard": lambda: named(NAME, f"*.{ZONE}"),
    "upper-case": lambda: named(NAME.upper()),
    "challenge-password": lambda: good(attributes=[attribute(CHALLENGE, utf8("secret")), asking_for(san(NAME))]),
    "usages": lambda: wanting(extension(KEY_USAGE, bits(b"\xa0", 5), TRUE), extension(BASIC, seq()),
                              extension(EXT_KEY_USAGE, seq(oid("1.3.6.1.5.5.7.3.1")))),
    "unknown-extension": lambda: wanting(extension("1.3.6.1.4.1.99999.1", NULL)),
    "cn-elsewhere": lambda: make(name(rdn(O, utf8("No Names"))), [san(f"a.{ZONE}")]),
}

"""Every class of bad CSR, made: what becomes of each stands in docs/csr.md, and test_bad_csrs.py compares.

CLASSES maps a class to a function that gives its DER, or (body, headers). GOOD are neighbours of these which are signed.
"""
import math
import secrets

from csr_parts import (
    EC_KEY, NULL, RSA_KEY, cn, ec_spki, integer, key, make, name, octets, oid, point, public, rsa_spki, san, seq, spki)

ZONE = "trial.example"
NAME = f"www.{ZONE}"
ME = cn(NAME)
DER = {"Content-Type": "application/pkcs10"}
JSON = {"Content-Type": "application/json"}
P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # of P-256
P256 = seq(oid(EC_KEY), oid("1.2.840.10045.3.1.7"))
SMALL_PRIMES = [p for p in range(2, 752) if all(p % d for d in range(2, math.isqrt(p) + 1))]
# Subjects that need a row of their own, since it is not they that are refused, or not only; and what they may have.
SUBJECTS = {f"CN={NAME}": f"{NAME} *.{ZONE} a.{ZONE}", "O=No Names": f"a.{ZONE}", "CN=My Device": f"a.{ZONE}",
            "CN=192.0.2.1": f"a.{ZONE}", f"CN={'a' * 60}.{ZONE}": f"a.{ZONE}"}


def good(**parts):
    return make(ME, [san(NAME)], **parts)


def named(*names):
    return make(ME, [san(*names)])


def wanting(*extensions):
    return make(ME, [san(NAME), *extensions])


def of_key(public_key):
    return good(public_key=public_key)


def subject(*rdns):
    return make(name(*rdns), [san(NAME)])


# ---- Keys that anybody can factor, made so ----

def odd(size):
    """A random number of that many bits that no small prime divides."""
    while True:
        number = secrets.randbits(size) | 1 << (size - 1) | 1
        if all(number % p for p in SMALL_PRIMES):
            return number


def of_2048_bits(make_one):
    while (number := make_one()).bit_length() != 2048:
        pass
    return number


def multiple(factor):
    return of_2048_bits(lambda: odd(2049 - factor.bit_length()) * factor)


def roca():
    """k M + (65537^a mod M), M the product of the first 126 primes: what RSALib took for primes."""
    product = math.prod(SMALL_PRIMES[:126])

    def prime():
        while True:
            number = secrets.randbits(1025 - product.bit_length()) * product + pow(65537, secrets.randbits(60), product)
            if all(number % p for p in SMALL_PRIMES):
                return number
    return of_2048_bits(lambda: prime() * prime())


def close(tries):
    """What Fermat's method factors at that try."""
    def one():
        a = odd(1024)
        b = math.isqrt(a * (2 * tries - 1)) & ~1
        return (a + b) * (a - b)
    return of_2048_bits(lambda: next(number for number in iter(one, None) if all(number % p for p in SMALL_PRIMES)))


def patched(at, length):
    number = bytearray(odd(2048).to_bytes(256, "big"))
    number[at:at + length] = b"\x5a" * length
    return int.from_bytes(number, "big")


def polynomial():
    """Words of 64 bits whose lowest 26 are random: as many ones as zeros, and still a product of two polynomials."""
    def factor():
        number = 3 << 62
        for _ in range(15):
            number = number << 64 | secrets.randbits(26)
        return number | 1
    return next(number for number in iter(lambda: factor() * factor(), None) if bin(number).count("1") > 840)


def of_rsa(public_key):
    return good(signer=key("rsa2048"), public_key=public_key)


def modulus(number):
    return of_rsa(rsa_spki(number))


RSA_CLASSES = {
    "rsa-1024": lambda: good(signer=key("rsa1024")),
    "rsa-2047": lambda: modulus(odd(2047)),
    "rsa-2056": lambda: modulus(odd(2056)),
    "rsa-8192": lambda: modulus(odd(8192)),
    "exponent-3": lambda: of_rsa(rsa_spki(odd(2048), 3)),
    "exponent-1": lambda: of_rsa(rsa_spki(odd(2048), 1)),
    "exponent-even": lambda: of_rsa(rsa_spki(odd(2048), 65536)),
    "exponent-huge": lambda: of_rsa(rsa_spki(odd(2048), 2**32 + 1)),
    "exponent-negative": lambda: of_rsa(rsa_spki(odd(2048), -65537)),
    "modulus-even": lambda: modulus(multiple(2)),
    "modulus-by-3": lambda: modulus(multiple(3)),
    "modulus-by-751": lambda: modulus(multiple(751)),
    "modulus-negative": lambda: modulus(-odd(2048)),
    "modulus-zero": lambda: modulus(0),
    "roca": lambda: modulus(roca()),
    "close-primes": lambda: modulus(close(1)),
    "close-primes-110": lambda: modulus(close(110)),
    "modulus-square": lambda: modulus(of_2048_bits(lambda: odd(1024) ** 2)),
    "modulus-cube": lambda: modulus(of_2048_bits(lambda: odd(683) ** 3)),
    "modulus-equal-bytes": lambda: modulus(patched(100, 16)),
    "modulus-few-bits": lambda: modulus(int.from_bytes(b"\x91\x11" * 128, "big")),
    "modulus-polynomial": lambda: modulus(polynomial()),
    "rsa-no-null": lambda: of_rsa(rsa_spki(odd(2048), parameters=b"")),
    "rsa-behind": lambda: of_rsa(rsa_spki(odd(2048), behind=NULL)),
    "rsa-three-numbers": lambda: of_rsa(spki(seq(oid(RSA_KEY), NULL), seq(integer(odd(2048)), integer(65537), integer(1)))),
    "rsa-pss-key": lambda: of_rsa(spki(seq(oid("1.2.840.113549.1.1.10")), seq(integer(odd(2048)), integer(65537)))),
}

EC_CLASSES = {
    "ed25519": lambda: good(signer=key("ed25519")),
    "dsa": lambda: of_key(spki(seq(oid("1.2.840.10040.4.1")), integer(5))),
    "p521": lambda: good(signer=key("p521")),
    "secp256k1": lambda: good(signer=key("secp256k1")),
    "curve-explicit": lambda: of_key(ec_spki(point(key("p256")), seq(integer(1), seq(oid("1.2.840.10045.1.1"), integer(P))))),
    "curve-missing": lambda: of_key(ec_spki(point(key("p256")), b"")),
    "curve-of-another": lambda: of_key(ec_spki(point(key("p384")))),
    "point-compressed": lambda: of_key(ec_spki(bytes([2 + (point(key("p256"))[-1] & 1)]) + point(key("p256"))[1:33])),
    "point-hybrid": lambda: of_key(ec_spki(bytes([6 + (point(key("p256"))[-1] & 1)]) + point(key("p256"))[1:])),
    "point-at-infinity": lambda: of_key(ec_spki(b"\0")),
    "point-empty": lambda: of_key(ec_spki(b"")),
    "point-short": lambda: of_key(ec_spki(point(key("p256"))[:-1])),
    "point-off-curve": lambda: of_key(ec_spki(point(key("p256"))[:-1] + bytes([point(key("p256"))[-1] ^ 1]))),
    "point-beyond-field": lambda: of_key(ec_spki(b"\4" + P.to_bytes(32, "big") + point(key("p256"))[33:])),
    "key-unused-bits": lambda: of_key(spki(P256, point(key("p256"))[:-1] + b"\xf0", 4)),
    "key-not-a-list": lambda: of_key(octets(public(key("p256")))),
    "key-blocked": lambda: good(signer=key("p256", "blocked")),
    "key-of-listener": lambda: good(signer=key("p256", "listener")),
}

SIGNATURE_CLASSES = {
    "sha1-rsa": lambda: good(signer=key("rsa2048"), digest="sha1"),
    "sha224-rsa": lambda: good(signer=key("rsa2048"), digest="sha224"),
    "md5-rsa": lambda: good(signer=key("rsa2048"), digest="md5"),
    "sha1-ecdsa": lambda: good(digest="sha1"),
    "sha224-ecdsa": lambda: good(digest="sha224"),
    "rsa-pss-signature": lambda: good(signer=key("rsa2048"), algorithm=seq(oid("1.2.840.113549.1.1.10"))),
    "rsa-signature-no-null": lambda: good(signer=key("rsa2048"), algorithm=seq(oid("1.2.840.113549.1.1.11"))),
    "ecdsa-signature-null": lambda: good(algorithm=seq(oid("1.2.840.10045.4.3.2"), NULL)),
    "ecdsa-for-rsa": lambda: good(signer=key("rsa2048"), algorithm=seq(oid("1.2.840.10045.4.3.2"))),
    "key-as-signature": lambda: good(algorithm=seq(oid(RSA_KEY), NULL)),
    "digest-of-another": lambda: good(algorithm=seq(oid("1.2.840.10045.4.3.3"))),
    "signed-by-another": lambda: good(public_key=public(key("p256", "other"))),
    "changed-after": lambda: make(cn("wwx." + ZONE), [san(NAME)], change=lambda info: info.replace(b"wwx.", b"www.")),
    "signature-empty": lambda: good(signature=b""),
    "signature-zeros": lambda: good(signature=seq(integer(0), integer(0))),
    "signature-not-numbers": lambda: good(signature=b"\0" * 64),
    "signature-behind": lambda: good(signature=seq(integer(1), integer(1)) + NULL),
    "signature-unused-bits": lambda: good(signature=b"\xf0" * 64, unused=4),
    "signature-rsa-short": lambda: good(signer=key("rsa2048"), signature=b"\1" * 255),
}

CLASSES = {**RSA_CLASSES, **EC_CLASSES, **SIGNATURE_CLASSES}
GOOD = {
    "p256": good,
    "p384": lambda: good(signer=key("p384"), digest="sha384"),
    "rsa2048": lambda: good(signer=key("rsa2048")),
}

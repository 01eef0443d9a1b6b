"""Subjects as text: ours beside python-cryptography's, which the scheme's first implementation uses, on random names."""
import random
import subprocess

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

TYPES = [NameOID.COMMON_NAME, NameOID.LOCALITY_NAME, NameOID.STATE_OR_PROVINCE_NAME, NameOID.ORGANIZATION_NAME,
         NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.STREET_ADDRESS, NameOID.DOMAIN_COMPONENT, NameOID.USER_ID,
         NameOID.SERIAL_NUMBER, NameOID.EMAIL_ADDRESS, NameOID.GIVEN_NAME, NameOID.TITLE,
         x509.ObjectIdentifier("1.3.6.1.4.1.99999.7")]
PIECES = list("ab01 ,+\"\\<>;=#/'*@-_.") + [", ", "+ ", "  ", "CN=", "\u00fc", "\u20ac", "\U0001f989", "\u4e2d", "e\u0301"]


def value(dice):
    text = "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 12)))
    return text if text.strip(" ") else text + "x"


def attribute(dice, kind):
    if kind != NameOID.COMMON_NAME and dice.random() < 0.1:
        return x509.NameAttribute(NameOID.COUNTRY_NAME, dice.choice(["IT", "DE", "US"]))
    text = value(dice)
    how = _ASN1Type.UTF8String
    if text.isascii() and dice.random() < 0.3:
        how = _ASN1Type.IA5String
        if all(c.isalnum() or c in " '()+,-./:=?*&" for c in text):
            how = dice.choice([_ASN1Type.PrintableString, _ASN1Type.IA5String])
    return x509.NameAttribute(kind, text, _type=how)


def random_name(dice):
    rdns, cn_used = [], False
    for _ in range(dice.randint(0, 6)):
        kinds = dice.sample(TYPES[1:], dice.choice([1, 1, 1, 2, 3]))
        if not cn_used and dice.random() < 0.4:
            kinds[0], cn_used = NameOID.COMMON_NAME, True
        attributes = {a.oid: a for a in (attribute(dice, kind) for kind in kinds)}
        rdns.append(x509.RelativeDistinguishedName(list(attributes.values())))
    return x509.Name(rdns)


def without_header(der):
    return der[2 + (der[1] & 0x7F if der[1] > 0x7F else 0):]


def encoded(attribute):
    return without_header(without_header(x509.Name([attribute]).public_bytes()))


def expected(name):
    """What python-cryptography prints. It keeps a SET's members in no fixed order (up to 38); ours is that of the encoding."""
    return ",".join("+".join(a.rfc4514_string() for a in sorted(rdn, key=encoded)) for rdn in reversed(name.rdns))


def test_a_thousand_random_names_read_the_same(build):
    dice = random.Random(20230917)
    names = [random_name(dice) for _ in range(1000)]
    done = subprocess.run([build / "tests/unit/request/show_subjects"], text=True, capture_output=True, timeout=60, check=True,
                          input="".join(name.public_bytes().hex() + "\n" for name in names))
    ours = done.stdout.split("\n")[:-1]
    assert len(ours) == len(names)
    for name, text in zip(names, ours):
        assert text == expected(name)
        if all(len(rdn) == 1 for rdn in name.rdns):
            assert text == name.rfc4514_string()

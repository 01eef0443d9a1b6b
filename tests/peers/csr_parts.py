"""CSRs made by hand, each part of which may be any bytes before the whole is signed: for bad_csrs.py.

Only the signatures come from python-cryptography; it would refuse to make most of what is needed here.
"""
import base64
import functools

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

SAN, KEY_USAGE, BASIC, NAME_CONSTRAINTS = "2.5.29.17", "2.5.29.15", "2.5.29.19", "2.5.29.30"
TLS_FEATURE, POISON, EXT_KEY_USAGE = "1.3.6.1.5.5.7.1.24", "1.3.6.1.4.1.11129.2.4.3", "2.5.29.37"
EXTENSION_REQUEST, CHALLENGE, MS_EXTENSIONS = "1.2.840.113549.1.9.14", "1.2.840.113549.1.9.7", "1.3.6.1.4.1.311.2.1.14"
CN, O, OU = "2.5.4.3", "2.5.4.10", "2.5.4.11"
RSA_KEY, EC_KEY = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
NULL = b"\x05\x00"


# ---- DER ----

def tlv(tag, *content):
    body = b"".join(content)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*content):
    return tlv(0x30, *content)


def set_of(*content):
    return tlv(0x31, *content)


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def bits(content, unused=0):
    return tlv(3, bytes([unused]), content)


def octets(*content):
    return tlv(4, *content)


def utf8(text):
    return tlv(0x0c, text if isinstance(text, bytes) else text.encode())


def oid(dotted):
    first, second, *rest = (int(word) for word in dotted.split("."))
    out = bytearray()
    for number in (40 * first + second, *rest):
        part = [number & 0x7f]
        while number := number >> 7:
            part.append(0x80 | number & 0x7f)
        out += bytes(reversed(part))
    return tlv(6, bytes(out))


# ---- Parts ----

def rdn(kind, value):
    return set_of(seq(oid(kind), value))


def name(*rdns):
    return seq(*rdns)


def cn(text):
    return name(rdn(CN, utf8(text)))


def dns(text):
    return tlv(0x82, text if isinstance(text, bytes) else text.encode())


def extension(kind, value, critical=b""):
    return seq(oid(kind), critical, octets(value))


def san(*names):
    return extension(SAN, seq(*(one if isinstance(one, bytes) else dns(one) for one in names)))


def attribute(kind, *values):
    return seq(oid(kind), set_of(*values))


def asking_for(*extensions):
    return attribute(EXTENSION_REQUEST, seq(*extensions))


def spki(algorithm, key, unused=0):
    return seq(algorithm, bits(key, unused))


def rsa_spki(modulus, exponent=65537, parameters=NULL, behind=b""):
    return spki(seq(oid(RSA_KEY), parameters), seq(integer(modulus), integer(exponent)) + behind)


def ec_spki(point, curve=oid("1.2.840.10045.3.1.7")):
    return spki(seq(oid(EC_KEY), curve), point)


def public(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def point(key):
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


# ---- Keys and signatures ----

@functools.cache
def key(kind, _which=0):
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1,
                                    "secp256k1": ec.SECP256K1}[kind]())


ECDSA = {"sha1": "1.2.840.10045.4.1", "sha224": "1.2.840.10045.4.3.1", "sha256": "1.2.840.10045.4.3.2",
         "sha384": "1.2.840.10045.4.3.3"}
RSA = {"md5": "1.2.840.113549.1.1.4", "sha1": "1.2.840.113549.1.1.5", "sha224": "1.2.840.113549.1.1.14",
       "sha256": "1.2.840.113549.1.1.11"}
HASHES = {"md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384}


def signed_with(signer, digest):
    """The AlgorithmIdentifier."""
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112"))
    return seq(oid(RSA[digest]), NULL) if isinstance(signer, rsa.RSAPrivateKey) else seq(oid(ECDSA[digest]))


def sign(signer, digest, info):
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return signer.sign(info)
    if isinstance(signer, rsa.RSAPrivateKey):
        return signer.sign(info, padding.PKCS1v15(), HASHES[digest]())
    return signer.sign(info, ec.ECDSA(HASHES[digest]()))


def make(subject, extensions=(), *, version=integer(0), signer=None, digest="sha256", public_key=None, attributes=None,
         algorithm=None, signature=None, unused=0, change=lambda info: info, behind=b""):
    """A CSR in DER, a good one of key("p256") unless a part is replaced. `change` acts on what was signed, afterwards."""
    signer = signer or key("p256")
    if attributes is None:
        attributes = [asking_for(*extensions)] if extensions else []
    info = seq(version, subject, public_key or public(signer), tlv(0xa0, *attributes))
    made = sign(signer, digest, info) if signature is None else signature
    return seq(change(info), algorithm or signed_with(signer, digest), bits(made, unused), behind)


def pem(der, label="CERTIFICATE REQUEST"):
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()

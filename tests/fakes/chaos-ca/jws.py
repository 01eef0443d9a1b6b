"""Reads the JWS of a request as RFC 8555 6.2 demands it: flattened, one signature, ES256/384/512 or RS256, url and nonce."""
import base64
import binascii
import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from problem import Problem

CURVES = {"P-256": (ec.SECP256R1, "ES256", hashes.SHA256, 32), "P-384": (ec.SECP384R1, "ES384", hashes.SHA384, 48),
          "P-521": (ec.SECP521R1, "ES512", hashes.SHA512, 66)}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    """base64url without padding (RFC 7515 2), nothing else."""
    if not isinstance(text, str) or "=" in text:
        raise Problem("malformed", "a member of the JWS is not base64url without padding")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise Problem("malformed", "a member of the JWS is not base64url") from None


def loads(data, what):
    try:
        value = json.loads(data)
    except (ValueError, UnicodeDecodeError):
        raise Problem("malformed", f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Problem("malformed", f"{what} is no JSON object")
    return value


def thumbprint(jwk):
    """RFC 7638."""
    members = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("e", "kty", "n")
    text = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return encode(hashlib.sha256(text.encode()).digest())


def public_key(jwk):
    """The key, the algorithm it is used with, and how a signature is checked."""
    number = lambda name: int.from_bytes(decode(jwk.get(name)), "big")  # noqa: E731
    try:
        if jwk.get("kty") == "EC" and jwk.get("crv") in CURVES:
            curve, algorithm, digest, size = CURVES[jwk["crv"]]
            return ec.EllipticCurvePublicNumbers(number("x"), number("y"), curve()).public_key(), algorithm, digest, size
        if jwk.get("kty") == "RSA":
            return rsa.RSAPublicNumbers(number("e"), number("n")).public_key(), "RS256", hashes.SHA256, 0
    except ValueError as fault:
        raise Problem("badPublicKey", str(fault)) from None
    raise Problem("badPublicKey", "only EC and RSA keys are taken")


def verify(jwk, algorithm, signed, signature):
    key, wanted, digest, size = public_key(jwk)
    if algorithm != wanted:
        raise Problem("badSignatureAlgorithm", f"the key wants {wanted}")
    try:
        if size:
            if len(signature) != 2 * size:
                raise InvalidSignature
            halves = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            key.verify(encode_dss_signature(*halves), signed, ec.ECDSA(digest()))
        else:
            key.verify(signature, signed, padding.PKCS1v15(), digest())
    except InvalidSignature:
        raise Problem("malformed", "the JWS's signature is wrong") from None


def verify_mac(key, signed, mac):
    """HS256 of an external account binding."""
    check = hmac.HMAC(key, hashes.SHA256())
    check.update(signed)
    try:
        check.verify(mac)
    except InvalidSignature:
        raise Problem("unauthorized", "the external account binding's signature is wrong") from None


class Jws:
    """The parts of a request's body; `payload` is None for POST-as-GET."""

    def __init__(self, body, inner=False):
        outer = loads(body, "the body")
        if set(outer) != {"protected", "payload", "signature"}:
            raise Problem("malformed", "a flattened JWS has protected, payload and signature, and nothing else")
        self.header = loads(decode(outer["protected"]), "the protected header")
        self.jwk, self.kid = self.header.get("jwk"), self.header.get("kid")
        self.algorithm, self.url, self.nonce = (self.header.get(name) for name in ("alg", "url", "nonce"))
        if not inner and (self.jwk is None) == (self.kid is None):
            raise Problem("malformed", "the protected header has either jwk or kid")
        self.signed = f"{outer['protected']}.{outer['payload']}".encode()
        self.signature = decode(outer["signature"])
        self.raw = decode(outer["payload"])
        self.payload = loads(self.raw, "the payload") if self.raw else None

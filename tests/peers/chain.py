"""What the tests ask of a chain: is it for this key, these names, and does openssl accept it?"""
import pathlib
import re
import subprocess


def _openssl(*words, data=None):
    done = subprocess.run(["openssl", *[str(word) for word in words]], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def names_of(pem):
    text = _openssl("x509", "-noout", "-ext", "subjectAltName", data=pem)
    return sorted(re.findall(r"DNS:([^\s,]+)", text))


def issuer_of(pem):
    return _openssl("x509", "-noout", "-issuer", data=pem).strip()


def serial_of(pem):
    return _openssl("x509", "-noout", "-serial", data=pem).strip()


def check_chain(answer, csr, pebble=None):
    """The answer is a chain whose leaf has the CSR's key; with a Pebble, openssl accepts it against Pebble's root."""
    assert answer.status == 200, answer
    pem = answer.body
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----\n") and pem.endswith(b"-----END CERTIFICATE-----\n")
    assert _openssl("x509", "-noout", "-pubkey", data=pem) == _openssl("req", "-in", csr, "-noout", "-pubkey")
    if pebble:
        assert pem.count(b"BEGIN CERTIFICATE") == 2
        path = pathlib.Path(csr).with_suffix(".chain.pem")
        path.write_bytes(pem)
        pebble.verify(path)
    return pem

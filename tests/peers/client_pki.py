"""A CA with an intermediate and its CRLs, and certificates of clients that are good, or not in one way each. Used by
test_access.py."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(*things):
    return b"".join(thing.public_bytes(serialization.Encoding.PEM) for thing in things)


class Ca:
    def __init__(self, name, issuer=None):
        self.name, self.key = name_of(name), ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign(self.name, self.key.public_key(), issuer or self, ca=True)
        self.revoked = []

    @staticmethod
    def sign(name, public_key, issuer, ca=False, start=NOW - DAY, end=NOW + DAY, sans=(),
             usage=ExtendedKeyUsageOID.CLIENT_AUTH):
        builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer.name).public_key(public_key)
                   .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
                   .add_extension(x509.BasicConstraints(ca, None), critical=True))
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(sans)), critical=False)
        return builder.sign(issuer.key, hashes.SHA256())

    def crl(self, end=NOW + DAY):
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(NOW - DAY).next_update(end)
        for serial in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build())
        return builder.sign(self.key, hashes.SHA256())


class Clients:
    """FOLDER/ca.pem and crl.pem for the server; of each client NAME.pem, with the intermediate behind it, and NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.root, self.other = Ca("Root CA"), Ca("Other CA")
        self.inner = Ca("Inner CA", self.root)
        self.certificates = {}
        self.make("robot")
        self.make("web", sans=[x509.DNSName("web.lab.example"), x509.UniformResourceIdentifier("spiffe://lab.example/web")])
        self.make("stranger")
        self.make("off")
        self.make("late")
        self.make("revoked")
        self.inner.revoked.append(self.certificates["revoked"].serial_number)
        self.make("over", start=NOW - 3 * DAY, end=NOW - 2 * DAY)
        self.make("server", usage=ExtendedKeyUsageOID.SERVER_AUTH)
        self.make("foreign", issuer=self.other)
        (folder / "ca.pem").write_bytes(pem(self.root.certificate))
        (folder / "all.pem").write_bytes(pem(self.root.certificate, self.inner.certificate))
        (folder / "crl.pem").write_bytes(pem(self.root.crl(), self.inner.crl()))
        (folder / "late-crl.pem").write_bytes(pem(self.root.crl(), self.inner.crl(end=NOW - DAY / 2)))

    def make(self, name, issuer=None, **more):
        issuer = issuer or self.inner
        key = ec.generate_private_key(ec.SECP256R1())
        self.certificates[name] = certificate = Ca.sign(name_of(name), key.public_key(), issuer, **more)
        (self.folder / f"{name}.pem").write_bytes(pem(certificate, issuer.certificate))
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def pair(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def der(self, name):
        return self.certificates[name].public_bytes(serialization.Encoding.DER)

    def forged(self, name):
        """What anybody can make: the names of one of ours and of its issuer, a key and a signature of his own."""
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        sans = [x509.UniformResourceIdentifier(f"spiffe://lab.example/{name}")]
        return Ca.sign(name_of(name), key, Ca("Inner CA"), sans=sans).public_bytes(serialization.Encoding.DER)

"""Makes certificates: a root and an intermediate for what is issued, and a small CA for the server's own https."""
import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem_of(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    """A key and its certificate, signed by `above` or by itself."""

    def __init__(self, text, start, above=None, path_length=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        issuer = above or self
        self.name = name_of(text)
        self.certificate = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name).public_key(self.key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(True, path_length), True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
            .sign(issuer.key, hashes.SHA256()))


class Issuer:
    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        start = datetime.datetime.utcfromtimestamp(clock.now()) - datetime.timedelta(days=3600)
        start = start.replace(microsecond=0)
        self.root = Authority("Chaos Root", start)
        self.other_root = Authority("Chaos Other Root", start)
        self.intermediate = Authority("Chaos Intermediate", start, self.root, 0)
        self.cross = self._cross(start)
        (folder / "root.pem").write_text(pem_of(self.root.certificate))
        (folder / "other-root.pem").write_text(pem_of(self.other_root.certificate))
        self.https = Authority("Chaos https", start)
        (folder / "ca.pem").write_text(pem_of(self.https.certificate))

    def _cross(self, start):
        """The intermediate once more, signed by the other root: the alternate chain."""
        other, key = self.other_root, self.intermediate.key
        return (x509.CertificateBuilder().subject_name(self.intermediate.name).issuer_name(other.name)
                .public_key(key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(start)
                .not_valid_after(start + datetime.timedelta(days=3650))
                .add_extension(x509.BasicConstraints(True, 0), True)
                .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(other.key.public_key()), False)
                .sign(other.key, hashes.SHA256()))

    def leaf(self, key, names, start, end, signer=None, server=False):
        """A certificate for the public key and names; times in seconds since 1970."""
        signer = signer or self.intermediate
        alternatives = [x509.DNSName(name) for name in names]
        if server:
            alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        return (x509.CertificateBuilder().subject_name(name_of(names[0]) if len(names[0]) <= 64 else x509.Name([]))
                .issuer_name(signer.name).public_key(key).serial_number(x509.random_serial_number())
                .not_valid_before(datetime.datetime.utcfromtimestamp(int(start)))
                .not_valid_after(datetime.datetime.utcfromtimestamp(int(end)))
                .add_extension(x509.SubjectAlternativeName(alternatives), False)
                .add_extension(x509.BasicConstraints(False, None), True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False)
                .sign(signer.key, hashes.SHA256()))

    def server_context(self):
        """Of the https that ACME runs on."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = self.clock.now()
        own = self.leaf(key.public_key(), ["localhost"], now - 86400 * 365, now + 86400 * 3650, self.https, server=True)
        path = self.folder / "https.pem"
        path.touch(0o600)
        path.write_text(pem_of(own) + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                        serialization.NoEncryption()).decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

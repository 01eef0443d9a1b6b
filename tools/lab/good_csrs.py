"""Good CSRs, as the tools that people have make them: OpenSSL, GnuTLS, python-cryptography, Go and Java.

Used by tools/good-csrs and tests/peers/test_good_csrs.py. Each maker is asked for `count` CSRs of names below `zone` and gives
their PEM. What a tool adds by default stays, and what it can add besides is tried: several attributes in the subject, other
digests, key usages, challenge passwords.
"""
import concurrent.futures
import itertools
import pathlib
import random
import shutil

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

from child import run

LABELS = ["www", "go", "mail", "a", "x-1", "0", "xn--bcher-kva", "xn--80ak6aa92e", "LOGIN", "deep.er.still", "a" * 40, "4711"]
KINDS = {"rsa2048": 6, "rsa3072": 2, "rsa4096": 1, "p256": 8, "p384": 3}  # how often
RSA_KEYS = {"rsa2048": 24, "rsa3072": 6, "rsa4096": 4}  # these are used again, since to make one takes long
DIGESTS = ["sha256", "sha384", "sha512"]
PARTS = [("C", ["IT", "DE", "JP"]), ("ST", ["Milano", "Baden-Württemberg"]), ("L", ["Milano", "Köln", "São Paulo", "東京"]),
         ("O", ["Gufo Labs", "Example, Inc.", "O'Neill & Co", "Müller GmbH", "A \"quoted\" one", "a+b=c", "#1"]),
         ("OU", ["Gufo Thor", "Ops", "R&D <lab>"])]


class Makers:
    """Every tool that is here. `folder` is for their files. `few` subjects and RSA keys make a sample quick."""

    def __init__(self, folder, zone, seed, few=False):
        self.folder, self.zone, self.dice = pathlib.Path(folder), zone, random.Random(seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys, self.numbers = {}, itertools.count(1)
        self.rsa_keys = {"rsa2048": 1, "rsa3072": 1} if few else RSA_KEYS
        self.subjects = [self.new_subject() for _ in range(4 if few else 100)]  # each needs a row

    # ---- What is asked for ----

    def names(self):
        picked = self.dice.sample(LABELS, self.dice.choice([1, 1, 2, 3, 8]))
        return [f"{label}.{self.zone}" for label in picked] + ([f"*.{self.zone}"] if self.dice.random() < 0.1 else [])

    def subject(self):
        """[(type, value)], with a CN or without."""
        return self.dice.choice(self.subjects)

    def new_subject(self):
        parts = [(kind, self.dice.choice(values)) for kind, values in self.dice.sample(PARTS, self.dice.randint(0, 3))]
        cn = [("CN", f"{self.dice.choice(LABELS[:4])}.{self.zone}")] if self.dice.random() < 0.9 or not parts else []
        return sorted(parts, key=lambda part: [kind for kind, _ in PARTS].index(part[0])) + cn

    def key(self, kind):
        """A key, and its file for other tools."""
        which = self.dice.randrange(self.rsa_keys[kind]) if kind in RSA_KEYS else next(self.numbers)
        if (kind, which) not in self.keys:
            key = (rsa.generate_private_key(65537, int(kind[3:])) if kind in RSA_KEYS else
                   ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1}[kind]()))
            path = self.folder / f"{kind}-{which}.key"
            path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
            self.keys[kind, which] = key, path
        return self.keys[kind, which]

    def kind(self):
        kinds = [kind for kind in KINDS if kind in self.rsa_keys or kind not in RSA_KEYS]
        return self.dice.choices(kinds, [KINDS[kind] for kind in kinds])[0]

    # ---- The tools ----

    def openssl(self, count):
        return run_all(self.openssl_command() for _ in range(count))

    def openssl_command(self):
        _, key = self.key(self.kind())
        subject = "".join(f"/{kind}=" + value.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")
                          for kind, value in self.subject())
        names = self.names()
        command = ["openssl", "req", "-new", "-utf8", "-key", key, f"-{self.dice.choice(DIGESTS)}", "-subj", subject,
                   "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
        extras = [["-addext", "keyUsage=critical,digitalSignature,keyEncipherment"],
                  ["-addext", "extendedKeyUsage=serverAuth,clientAuth"],
                  ["-addext", "basicConstraints=CA:FALSE"], ["-addext", "subjectKeyIdentifier=hash"], ["-newhdr"], ["-text"],
                  ["-addext", "1.3.6.1.4.1.99999.1=ASN1:NULL"]]
        return command + list(itertools.chain(*self.dice.sample(extras, self.dice.randint(0, 3))))

    def gnutls(self, count):
        return run_all(self.gnutls_command() for _ in range(count))

    def gnutls_command(self):
        fields = {"C": "country", "ST": "state", "L": "locality", "O": "organization", "OU": "unit", "CN": "cn"}
        _, key = self.key(self.kind())
        template = self.folder / f"template-{next(self.numbers)}"
        lines = [f'{fields[kind]} = "{value}"' for kind, value in self.subject() if '"' not in value]
        lines += [f'dns_name = "{name}"' for name in self.names()]
        extras = ["tls_www_server", "tls_www_client", "signing_key", "encryption_key", 'challenge_password = "secret"']
        lines += self.dice.sample(extras, self.dice.randint(0, 4))
        template.write_text("\n".join(lines) + "\n")
        return ["certtool", "--generate-request", "--load-privkey", key, "--template", template, "--hash",
                self.dice.choice(DIGESTS).upper()]

    def python(self, count):
        return [self.python_one() for _ in range(count)]

    def python_one(self):
        types = {"C": NameOID.COUNTRY_NAME, "ST": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME,
                 "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}
        parts = [x509.NameAttribute(types[kind], value) for kind, value in self.subject()]
        key, _ = self.key(self.kind())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
        request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in self.names()]),
                                        self.dice.random() < 0.2)
        usage = [True, False, True, *[False] * 6]
        extras = [(x509.BasicConstraints(ca=False, path_length=None), True), (x509.KeyUsage(*usage), True),
                  (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                  (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)]
        for extension, critical in self.dice.sample(extras, self.dice.randint(0, 4)):
            request = request.add_extension(extension, critical)
        if self.dice.random() < 0.2:
            request = request.add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"secret")
        digest = self.dice.choice([hashes.SHA256, hashes.SHA384, hashes.SHA512])
        return request.sign(key, digest()).public_bytes(serialization.Encoding.PEM)

    def go(self, count):
        program = pathlib.Path(__file__).with_name("good_csrs.go")
        made = run(["go", "run", program, str(count), self.zone, str(self.dice.randrange(2**31))], "Go made no CSRs")
        end = "-----END CERTIFICATE REQUEST-----\n"
        return [(part + end).encode() for part in made.split(end)[:-1]]

    def java(self, count):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.java_one, [(self.subject(), self.names(), next(self.numbers)) for _ in range(count)]))

    def java_one(self, asked):
        subject, names, number = asked
        store = self.folder / f"java-{number}"
        kind = [["RSA", "-keysize", "2048"], ["EC", "-groupname", "secp256r1"], ["EC", "-groupname", "secp384r1"],
                ["RSA", "-keysize", "3072"]][number % 4]
        escaped = ", ".join(f"{'S' if kind == 'ST' else kind}=" + "".join("\\" + c if c in ',+"\\<>;=#' else c for c in value)
                            for kind, value in reversed(subject))
        common = ["-alias", "one", "-keystore", store, "-storepass", "changeit"]
        run(["keytool", "-genkeypair", "-keyalg", *kind, "-dname", escaped, *common], "keytool made no key")
        names = [name for name in names if name[0] != "*"]  # it takes no wildcards
        return run(["keytool", "-certreq", *common, *(["-ext", "san=" + ",".join(f"dns:{name}" for name in names)])],
                   "keytool made no CSR").encode()


PROGRAMS = {"openssl": "openssl", "gnutls": "certtool", "python": "python3", "go": "go", "java": "keytool"}


def there():
    """The makers whose program is installed."""
    return [maker for maker, program in PROGRAMS.items() if shutil.which(program)]


def run_one(command):
    return run(command, f"{command[0]} made no CSR").encode()


def run_all(commands):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(run_one, commands))


# ---- The server's side ----

def add_subjects(server, zone, csrs):
    """A row for each different subject, as python-cryptography writes it: it is who compared them first."""
    known = {request.subject.public_bytes(): request.subject for request in map(x509.load_pem_x509_csr, csrs)}
    for subject in known.values():
        server.add_subject(subject.rfc4514_string(), zone, "--names", f"{zone} .{zone}")
    return len(known)


def same_key(chain, csr):
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return (x509.load_pem_x509_certificate(chain).public_key().public_bytes(*form) ==
            x509.load_pem_x509_csr(csr).public_key().public_bytes(*form))


def refusals(server, csrs, at_a_time=4):
    """[(CSR, answer)] of those that were not signed."""
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        answers = list(pool.map(server.sign, csrs))
    return [(csr, answer) for csr, answer in zip(csrs, answers) if answer.status != 200 or not same_key(answer.body, csr)]

"""What the CA has on its books: accounts, orders, authorizations, challenges, certificates (RFC 8555 7.1)."""
import dataclasses
import secrets


def new_id():
    return secrets.token_urlsafe(12)


@dataclasses.dataclass
class Account:
    jwk: dict
    contact: list
    terms: str
    status: str = "valid"
    id: str = dataclasses.field(default_factory=new_id)


@dataclasses.dataclass
class Challenge:
    token: str
    kind: str = "dns-01"
    status: str = "pending"
    error: dict = None
    validated: str = ""
    id: str = dataclasses.field(default_factory=new_id)


@dataclasses.dataclass
class Authorization:
    account: Account
    name: str  # without "*."
    wildcard: bool
    expires: float
    status: str = "pending"
    challenges: list = dataclasses.field(default_factory=list)
    id: str = dataclasses.field(default_factory=new_id)


@dataclasses.dataclass
class Certificate:
    order: object
    leaf: object
    pem: str
    alternates: list = dataclasses.field(default_factory=list)
    revoked: bool = False
    replaced: bool = False
    downloads: int = 0
    id: str = dataclasses.field(default_factory=new_id)


@dataclasses.dataclass
class Order:
    account: Account
    names: list
    expires: float
    profile: str = ""
    replaces: str = ""
    authorizations: list = dataclasses.field(default_factory=list)
    error: dict = None
    failed: bool = False
    polls: int = 0         # how often it says `processing` before it is valid
    finalized: int = 0     # how often finalize was accepted
    csr_key: bytes = b""   # SubjectPublicKeyInfo of what was finalized
    certificate: Certificate = None
    id: str = dataclasses.field(default_factory=new_id)

    def status(self):
        """RFC 8555 7.1.6."""
        if self.failed or any(a.status in ("invalid", "deactivated", "expired", "revoked") for a in self.authorizations):
            return "invalid"
        if self.certificate:
            return "processing" if self.polls > 0 else "valid"
        return "ready" if all(a.status == "valid" for a in self.authorizations) else "pending"


class Book:
    def __init__(self):
        self.accounts, self.orders, self.authorizations = {}, {}, {}
        self.challenges, self.certificates = {}, {}  # a challenge with its authorization
        self.by_key = {}

    def add_authorization(self, authorization):
        self.authorizations[authorization.id] = authorization
        for challenge in authorization.challenges:
            self.challenges[challenge.id] = (authorization, challenge)

    def orders_of(self, account):
        return [order for order in self.orders.values() if order.account is account]

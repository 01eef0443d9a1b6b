"""How the CA behaves as long as no fault is asked for. Changed on the command line and by POST /options."""

OPTIONS = {
    "order_reuse": (True, "an account that asks for the same names again while an order is pending or ready gets that order"),
    "authz_reuse": (True, "a valid authorization of the account serves its later orders, too"),
    "authz_lifetime": (30 * 86400, "seconds that a valid authorization is good for"),
    "order_lifetime": (7 * 86400, "seconds that an order can be finalized"),
    "processing_polls": (0, "how often a finalized order is `processing` before it is `valid`"),
    "validation_delay": (0.0, "seconds from the challenge's answer to its validation"),
    "dns_patience": (3.0, "seconds that a validation asks the DNS server, again and again, before it fails"),
    "retry_after": (0, "seconds that a pending or processing object says in Retry-After; 0: it says nothing"),
    "bad_nonce_rate": (0, "percent of good requests that are answered with badNonce"),
    "certificate_lifetime": (90 * 86400, "seconds from notBefore, which is an hour ago, to notAfter"),
    "profiles": ("classic tlsserver shortlived", "profiles that the directory offers, separated by spaces"),
    "ari": (True, "renewalInfo (RFC 9773) is offered"),
    "limits": (False, "the rate limits of Let's Encrypt, as token buckets"),
    "limit_orders": (300, "new orders per account: as many, refilled in 3 hours"),
    "limit_names": (5, "certificates per exact set of names: as many, refilled in 7 days"),
    "limit_domain": (50, "certificates per registered domain: as many, refilled in 7 days"),
    "limit_failures": (5, "failed authorizations per account and name: as many, refilled in an hour"),
    "limit_accounts": (10, "new accounts per address: as many, refilled in 3 hours"),
    "terms": ("https://localhost/terms/v1", "URL of the terms of service"),
    "seed": (0, "of everything random that is no secret"),
}


class Options:
    def __init__(self):
        for name, (value, _) in OPTIONS.items():
            setattr(self, name, value)

    def change(self, settings):
        """`NAME=VALUE` each. ValueError for what makes no sense; then nothing is changed."""
        new = {}
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals or name not in OPTIONS:
                raise ValueError(f"{setting!r}: there are the options {' '.join(OPTIONS)}")
            new[name] = value_of(name, text)
        for name, value in new.items():
            setattr(self, name, value)
        return self


def value_of(name, text):
    usual = OPTIONS[name][0]
    if isinstance(usual, bool):
        if text not in ("true", "false"):
            raise ValueError(f"{name} is true or false")
        return text == "true"
    try:
        return type(usual)(text)
    except ValueError:
        raise ValueError(f"{name} is a number") from None


def describe():
    return "\n".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}\n    {text}"
                     for name, (value, text) in OPTIONS.items())

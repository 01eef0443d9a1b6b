"""Let's Encrypt's rate limits as token buckets, with the words and the Retry-After that it documents."""
import math

from problem import Problem

DOCUMENT = "https://letsencrypt.org/docs/rate-limits/#"


class Bucket:
    """`size` tokens, refilled evenly in `period_s` seconds."""

    def __init__(self, size, period_s):
        self.size, self.period_s = size, period_s
        self.full = {}  # key: when it will be full again

    def wait_s(self, key, now):
        """0: there is a token."""
        behind = max(self.full.get(key, 0) - now, 0)
        return max(0, behind - (self.size - 1) * self.period_s / self.size)

    def take(self, key, now):
        self.full[key] = max(self.full.get(key, 0), now) + self.period_s / self.size


def registered_domain(name):
    """The last two labels: test zones have no public suffix with more."""
    return ".".join(name.removeprefix("*.").split(".")[-2:])


class Limits:
    def __init__(self, options, clock):
        self.options, self.clock = options, clock
        self.buckets = {}

    def _bucket(self, name, size, period_s):
        bucket = self.buckets.get(name)
        if not bucket or bucket.size != size:
            bucket = self.buckets[name] = Bucket(size, period_s)
        return bucket

    def _check(self, bucket, key, text, anchor, span):
        wait = bucket.wait_s(key, self.clock.now())
        if wait > 0:
            seconds = math.ceil(wait)
            when = self.clock.utc().strftime("%Y-%m-%d %H:%M:%S") if not seconds else self.clock.rfc3339(seconds)
            when = when.replace("T", " ").replace("Z", " UTC")
            raise Problem("rateLimited", f"{text} in the last {span}, retry after {when}: see {DOCUMENT}{anchor}",
                          headers={"Retry-After": str(seconds), "Link": f'<{DOCUMENT}>;rel="help"'})

    def _orders(self):
        return self._bucket("orders", self.options.limit_orders, 3 * 3600)

    def _names(self):
        return self._bucket("names", self.options.limit_names, 7 * 86400)

    def _domain(self):
        return self._bucket("domain", self.options.limit_domain, 7 * 86400)

    def _failures(self):
        return self._bucket("failures", self.options.limit_failures, 3600)

    def new_account(self, address):
        if not self.options.limits:
            return
        bucket = self._bucket("accounts", self.options.limit_accounts, 3 * 3600)
        self._check(bucket, address, f"too many new registrations ({bucket.size}) from this IP address",
                    "new-registrations-per-ip-address", "3h0m0s")
        bucket.take(address, self.clock.now())

    def new_order(self, account, names, renews):
        """Takes nothing when it refuses. A renewal by ARI (`renews`) is free of all of them."""
        if not self.options.limits or renews:
            return
        orders, exact, domain = self._orders(), self._names(), self._domain()
        self._check(orders, account, f"too many new orders ({orders.size}) from this account",
                    "new-orders-per-account", "3h0m0s")
        for name in names:
            self._check(self._failures(), (account, name),
                        f'too many failed authorizations ({self._failures().size}) for "{name}"',
                        "authorization-failures-per-identifier-per-account", "1h0m0s")
        self._check(exact, tuple(names),
                    f"too many certificates ({exact.size}) already issued for this exact set of identifiers",
                    "new-certificates-per-exact-set-of-identifiers", "168h0m0s")
        for registered in sorted({registered_domain(name) for name in names}):
            self._check(domain, registered, f'too many certificates ({domain.size}) already issued for "{registered}"',
                        "new-certificates-per-registered-domain", "168h0m0s")
        orders.take(account, self.clock.now())

    def issued(self, names):
        self._names().take(tuple(names), self.clock.now())
        for registered in {registered_domain(name) for name in names}:
            self._domain().take(registered, self.clock.now())

    def failed(self, account, name):
        self._failures().take((account, name), self.clock.now())

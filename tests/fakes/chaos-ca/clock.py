"""The time of day, moved by what a file says: two numbers of 64 bits in the machine's order, in milliseconds, which are added.
The server under test reads the same file (tests/moved/clock_shared.c), for which the first one moves all clocks, the second the
time of day alone."""
import datetime
import struct
import time

MOVED = struct.Struct("=qq")


class Clock:
    def __init__(self, path):
        self.path = path

    def now(self):
        """Seconds since 1970."""
        if not self.path:
            return time.time()
        return time.time() + sum(MOVED.unpack(self.path.read_bytes()[:MOVED.size])) / 1000

    def utc(self):
        return datetime.datetime.fromtimestamp(self.now(), datetime.timezone.utc)

    def rfc3339(self, after_s=0):
        """As RFC 3339 has it, whole seconds."""
        return (self.utc() + datetime.timedelta(seconds=after_s)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def http_date(self, after_s=0):
        """As RFC 9110 5.6.7 has it, in English wherever it runs."""
        at = self.utc() + datetime.timedelta(seconds=after_s)
        day, month = "Mon Tue Wed Thu Fri Sat Sun".split(), "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
        return f"{day[at.weekday()]}, {at.day:02} {month[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"

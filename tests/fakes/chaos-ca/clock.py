"""The time of day, moved by what a file says. Shared with the server under test, which reads the same file."""
import datetime
import time


class Clock:
    def __init__(self, path):
        self.path = path

    def now(self):
        """Seconds since 1970."""
        try:
            return time.time() + int(self.path.read_text() or 0) / 1000 if self.path else time.time()
        except (OSError, ValueError):
            return time.time()

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

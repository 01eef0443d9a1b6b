"""Simulated months of visits, recorded by tests/fakes/visits_driver.c through the store's own functions. Used by
tests/peers/test_months.py, tests/peers/test_analytics.py and bench/visits."""
import contextlib
import pathlib
import sqlite3
import subprocess

from child import Failed


class Months:
    """`first` is the first day, since 1970-01-01. Each command returns how long it took, in seconds; `cpu_s` is what its
    CPU has cost since it was last set to 0."""

    def __init__(self, build, folder, visits, days=30, seed=1, batch=200, first=20758):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.first = first
        self.cpu_s = 0
        self.visits, self.analytics = self.folder / "visits.db", self.folder / "analytics.db"
        program = pathlib.Path(build) / "tests/plugins/visits_driver"
        if not program.exists():
            raise Failed(f"there is no {program}", hint="ninja builds it, unless tests are turned off")
        self.child = subprocess.Popen([str(word) for word in (program, folder, first, visits, days, seed, batch)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.stdout.close()
        said = self.child.stderr.read()
        self.child.stderr.close()
        if self.child.wait(timeout=60) != 0:
            raise Failed("visits_driver ended badly", said)

    def do(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer.startswith("ok "):
            raise Failed(f"visits_driver could not do `{command}`", self.child.stderr.read())
        self.cpu_s += int(answer.split()[2]) / 1e6
        return int(answer.split()[1]) / 1e6

    def day(self):
        """A whole day, closed; how long its visits took."""
        seconds = self.do("day")
        self.do("close")
        return seconds


@contextlib.contextmanager
def reading(path, more=None):
    """A connection that only reads; `more` is attached as `more`."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        if more:
            connection.execute("ATTACH ? AS more", (f"file:{more}?mode=ro",))
        yield connection
    finally:
        connection.close()

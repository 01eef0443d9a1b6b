"""Time for the tests: a clock that `countersign-moved` (tests/moved) shares with us; all else about it is as installed."""
import mmap
import pathlib
import struct
import time

HOUR = 3600
DAY = 24 * HOUR


class MovedClock:
    """A server that runs on this clock, its commands, and the test see the same time."""

    def __init__(self, folder, build):
        self.program = pathlib.Path(build) / "tests/moved/countersign-moved"
        path = pathlib.Path(folder) / "clock"
        path.write_bytes(bytes(32))
        path.chmod(0o644)
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 32)
        self.env = {"COUNTERSIGN_CLOCK": str(path)}

    def run(self, server):
        """From its next start on, `server` (tools/lab's Countersign) and its commands run on this clock."""
        server.program = self.program
        server.env.update(self.env)
        return self

    def _add(self, at, seconds):
        moved, = struct.unpack_from("=q", self._map, at)
        struct.pack_into("=q", self._map, at, moved + round(seconds * 1000))

    def move(self, seconds):
        """Time passes."""
        self._add(0, seconds)

    def step(self, seconds):
        """Somebody sets the wall clock."""
        self._add(8, seconds)

    def freeze(self):
        """From here on time passes by move() only, however slow the machine is."""
        struct.pack_into("=q", self._map, 24, time.time_ns() // 1000000)
        struct.pack_into("=q", self._map, 16, time.monotonic_ns() // 1000000)

    def thaw(self):
        """Time passes by itself again; what passed meanwhile has passed."""
        struct.pack_into("=q", self._map, 16, 0)

    def now(self):
        """Seconds since 1970, as the server has it."""
        both, wall, stands, wall_stands = struct.unpack_from("=4q", self._map)
        return (wall_stands / 1000 if stands else time.time()) + (both + wall) / 1000

    def day(self):
        return int(self.now() // DAY)

    def move_to(self, hour, minute=0):
        """To the next moment when it is that late in UTC."""
        want = hour * HOUR + minute * 60
        self.move((want - self.now() % DAY) % DAY)

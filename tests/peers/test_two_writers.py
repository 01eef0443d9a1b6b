"""A second writer at the same owner, in many random orders: what each server and each plugin keeps of both.

By RFC 2136 no value of either writer is lost. PowerDNS's API replaces whole sets (4.7): there none of ours stays lost, and a
foreign value survives unless it is committed between our GET and our PATCH. `--interleavings N` says how many orders are tried.
"""
import collections
import concurrent.futures
import itertools
import queue
import random
import statistics
import time

import pytest

from bind import Bind
from knot import Knot
from powerdns import PowerDns
from relay import HttpRelay
from scene import ZONE
from steps import Steps

SEED = 2136
PATIENCE_S = 20


def owner_at(number):
    return f"_acme-challenge.n{number}.{ZONE}."


def in_parallel(lab, instance, workers, numbers, work):
    """work(steps, number) for each number, by that many workers, each with a plugin of its own."""
    waiting = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    server = lab.server()
    server.config["dns"] = {f"peer{worker}": instance for worker in range(workers)}
    server.write_config()

    def worker(index):
        with Steps(server, f"peer{index}", ZONE) as steps:
            while True:
                try:
                    number = waiting.get_nowait()
                except queue.Empty:
                    return
                work(steps, number)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(worker, index) for index in range(workers)]:
            future.result()


def until(holds, what):
    end = time.monotonic() + PATIENCE_S
    while not (answer := holds()):
        assert time.monotonic() < end, what()
        time.sleep(0.01)
    return answer


# ---- By RFC 2136: two writers at once, each at its own pace

class Writer:
    """Some changes of a few values that only this writer has, in a random order, with random gaps."""

    def __init__(self, chance, name):
        values = [f"{name}-{number}" for number in range(3)]
        self.changes = []  # (seconds before it, values that are there after it)
        for _ in range(chance.randint(2, 4)):
            self.changes.append((chance.choice([0, 0, 0.002 * chance.random()]), {v for v in values if chance.random() < 0.6}))
        self.values = set(values)
        self.last = self.changes[-1][1]


def write_ours(steps, server, owner, writer):
    for gap, want in writer.changes:
        time.sleep(gap)
        steps.set(owner, sorted(want), sorted(writer.values - want))
        seen = server.txt(owner) & writer.values
        assert seen == want, f"{owner}: the plugin has set {sorted(want)}, the server serves {sorted(seen)}"


def write_theirs(server, owner, writer):
    there = set()
    for gap, want in writer.changes:
        time.sleep(gap)
        if want != there:
            assert server.update(owner, add=sorted(want - there), remove=sorted(there - want)) == "NOERROR"
        there = want
        seen = server.txt(owner) & writer.values
        assert seen == there, f"{owner}: somebody else has set {sorted(there)}, the server serves {sorted(seen)}"


@pytest.mark.parametrize("kind, instance, usual, workers", [
    pytest.param(Bind, Bind.update_instance, 250, 4, id="BIND"), pytest.param(Knot, Knot.update_instance, 250, 16, id="Knot"),
    pytest.param(PowerDns, PowerDns.update_instance, 250, 4, id="PowerDNS"),
    pytest.param(Bind, Bind.exec_instance, 50, 4, id="BIND-nsupdate")])
def test_by_updates_no_value_of_either_writer_is_lost(lab, interleavings, kind, instance, usual, workers):
    server = lab.name_server(kind)

    def interleave(steps, number):
        chance = random.Random(SEED + number)
        ours, theirs = Writer(chance, "ours"), Writer(chance, "theirs")
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            their_end = other.submit(write_theirs, server, owner_at(number), theirs)
            write_ours(steps, server, owner_at(number), ours)
            their_end.result()
        assert server.txt(owner_at(number)) == ours.last | theirs.last, f"interleaving {number}"

    in_parallel(lab, instance(server), workers, range(interleavings(usual)), interleave)


# ---- By PowerDNS's API: the second writer acts at an exact point of our change

POINTS = ["before GET", "between GET and PATCH", "after PATCH", "after the change"]
BEFORE_GET, BETWEEN, AFTER_PATCH, AFTER_CHANGE = POINTS
WAYS = ["add", "remove", "replace", "stale"]


class SecondWriter:
    """Acts once at a point of each of our changes, and knows which of its values must be there at the end.

    add, remove  one value of its own, by UPDATE
    replace      makes its new value the whole set, by the API, as a client does that knows of nobody else
    stale        replaces the set by what it read before our change began, and a new value"""

    def __init__(self, server, owner, chance, writing):
        self.server, self.owner, self.chance = server, owner, chance
        self.writing = writing  # PowerDNS with SQLite wants one at a time
        self.names = (f"theirs-{number}" for number in itertools.count())
        self.sure, self.unsure = set(), set()  # its values that are there for certain; those that our PATCH may have undone
        self.point = self.way = None
        self.acted = collections.Counter()

    def arm(self):
        self.point, self.way = self.chance.choice(POINTS), self.chance.choice(WAYS)
        if self.way == "remove" and not self.sure:
            self.way = "add"
        self.read = self.server.txt(self.owner) if self.way == "stale" else set()

    def act(self, point):
        if point != self.point:
            return
        self.point = None
        self.acted[point, self.way] += 1
        there = self.sure | self.unsure
        new, old = {next(self.names)}, set()
        if self.way == "remove":
            new, old = set(), {self.chance.choice(sorted(self.sure))}
        elif self.way != "add":
            new |= self.read & there
            old = there - new
        with self.writing:
            if self.way in ("replace", "stale"):
                self.server.replace(self.owner, sorted(new | self.read))
            else:
                assert self.server.update(self.owner, add=sorted(new), remove=sorted(old)) == "NOERROR"
        if point == BETWEEN:
            self.unsure |= old | (new - there)
            self.sure -= old
        else:
            self.unsure -= old | new
            self.sure = (self.sure - old) | new


class Api:
    """PowerDNS, the relay before its API, and the second writers by their owners."""

    def __init__(self, lab, **more):
        self.server = lab.name_server(PowerDns, **more)
        self.relay = HttpRelay(self.server.api_port, self.act)
        lab.running.insert(0, self.relay)
        self.writers = {}

    def act(self, moment, method, owner):
        writer = self.writers.get(owner)
        if writer and method == "GET":
            writer.act(BEFORE_GET if moment == "before" else BETWEEN)
        elif writer and moment == "after":
            writer.act(AFTER_PATCH)

    def instance(self):
        return self.server.api_instance(api=self.relay.url)


def test_through_the_api_none_of_ours_stays_lost_and_only_the_window_can_cost_a_foreign_value(lab, interleavings, say):
    api = Api(lab)
    lost = []

    def interleave(steps, number):
        chance, owner = random.Random(SEED + number), owner_at(number)
        writer = api.writers[owner] = SecondWriter(api.server, owner, chance, api.relay.writing)
        ours = Writer(chance, "ours")
        for _, want in ours.changes:
            writer.arm()
            steps.set(owner, sorted(want), sorted(ours.values - want))
            writer.act(AFTER_CHANGE)
            writer.point = None
        until(lambda: api.server.txt(owner) & ours.values == ours.last,
              lambda: f"{owner}: ours are {sorted(ours.last)}, served are {sorted(api.server.txt(owner))}")
        seen = api.server.txt(owner)
        assert writer.sure <= seen, f"{owner}: {sorted(writer.sure - seen)} of somebody else are lost: {writer.acted}"
        lost.append(len(writer.unsure - seen))
        steps.set(owner, gone=sorted(ours.values))  # PowerDNS reads the whole zone for each PATCH: it stays small
        with api.relay.writing:
            api.server.replace(owner, [])

    tried = interleavings(250)
    in_parallel(lab, api.instance(), 4, range(tried), interleave)
    assert not api.relay.faults, api.relay.faults
    acted = sum((writer.acted for writer in api.writers.values()), collections.Counter())
    say("  ".join(f"{point}: {sum(n for (at, _), n in acted.items() if at == point)}" for point in POINTS))
    say(f"values of others that were committed between GET and PATCH and are lost: {sum(lost)}")
    assert tried < 200 or {(point, way) for point in POINTS for way in WAYS} == set(acted), "not everything was tried"


@pytest.mark.parametrize("filler", [0, 10000])
def test_the_window_between_get_and_patch_is_as_small_as_the_server_lets_it_be(lab, say, filler):
    """From PowerDNS's being asked to its confirmation: the most that it can be. What the server takes for it is not ours."""
    api = Api(lab, filler=filler)
    in_parallel(lab, api.instance(), 1, range(50), lambda steps, number: steps.set(owner_at(number), ["value"]))
    windows, ours = [], []
    for number in range(50):
        get, patch = api.relay.seen[owner_at(number)][:2]
        assert (get.method, get.status, patch.method, patch.status) == ("GET", 200, "PATCH", 204)
        windows.append((patch.ended - get.began) * 1000)
        ours.append((patch.began - get.ended) * 1000)
    say(f"window with {filler} other names in the zone: median {statistics.median(windows):.1f} ms, most {max(windows):.1f} ms")
    assert statistics.median(ours) < statistics.median(windows) / 2

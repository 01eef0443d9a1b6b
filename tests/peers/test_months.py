"""Simulated months of visits: are the numbers of sources right, and does anything join a visit to a certificate?"""
import collections
import datetime
import pathlib
import shutil
import sqlite3

import pytest

import matching
from simulation import Months, reading

LARGE, MIDDLE, SMALL = 1_000_000, 30_000, 3_000
EPOCH = datetime.date(1970, 1, 1)
PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/privacy.md"


@pytest.fixture(scope="module")
def large(build, tmp_path_factory):
    """A month of a million visits; its first day is watched from hour to hour."""
    with Months(build, tmp_path_factory.mktemp("large"), LARGE, batch=5000) as months:
        months.watched = watch(months, 1, 1)
        for _ in range(29):
            months.day()
        months.do("publish")
        yield months


# ---- Counting ------------------------------------------------------------------------------------------------------------

# What the views say of a closed day, as the lines of recount.tsv: kind, day, zone, outcome, labels, requests, sources. Sets of
# less than 10 sources are one there: load() leaves them out.
TOLD = """
    SELECT 'total', day, zone, outcome, CASE label WHEN '' THEN '' ELSE label || '=' || value END, requests, at_least
    FROM (SELECT day, zone, label, value, '' AS outcome, requests, at_least FROM sources UNION ALL
          SELECT day, zone, label, value, outcome, requests, at_least FROM requests)
    UNION ALL
    SELECT 'set', day, zone, outcome, coalesce((SELECT group_concat(key || '=' || value) FROM json_each(labels)), ''), requests,
           at_least
    FROM (SELECT day, zone, labels, '' AS outcome, requests, at_least FROM set_sources UNION ALL
          SELECT day, zone, labels, outcome, requests, at_least FROM label_sets) WHERE labels IS NOT NULL
"""


def load(connection, path):
    connection.execute("CREATE TEMP TABLE counted (kind, day, zone, outcome, labels, requests, sources)")
    with path.open() as lines:
        rows = (line.rstrip("\n").split("\t") for line in lines)
        connection.executemany("INSERT INTO counted VALUES (?, date(? * 86400, 'unixepoch'), ?, ?, ?, CAST(? AS INTEGER), "
                               "CAST(? AS INTEGER))", rows)
    connection.execute("""DELETE FROM counted WHERE kind = 'set' AND labels <> '' AND (day, zone, labels) IN (
        SELECT day, zone, labels FROM counted WHERE kind = 'set' AND outcome = '' AND sources < 10)""")


def test_the_views_of_a_million_requests_equal_a_recount(large, say):
    large.do("recount")
    with reading(large.analytics) as connection:
        load(connection, large.folder / "recount.tsv")
        connection.execute(f"CREATE TEMP TABLE told AS {TOLD}")
        rows = dict(connection.execute("SELECT kind, count(*) FROM counted GROUP BY kind").fetchall())
        assert rows["total"] > 50_000 and rows["set"] > 10_000
        for one, other in (("told", "counted"), ("counted", "told")):
            assert connection.execute(f"SELECT * FROM {one} EXCEPT SELECT * FROM {other} LIMIT 5").fetchall() == []
        everything, exact = connection.execute("SELECT sum(requests), min(at_least = at_most) FROM sources "
                                               "WHERE label = ''").fetchone()
        assert exact == 1 and everything == LARGE // 30 * 30
        assert connection.execute("SELECT sum(requests), min(at_least = at_most) FROM set_sources").fetchone() == (
            everything, 1)
        assert connection.execute("SELECT sum(requests) FROM set_sources WHERE labels IS NULL").fetchone()[0] > 0
    say(f"{everything} visits: {rows['total']} counts of days, zones, labels and outcomes, and {rows['set']} of sets of "
        "labels, as a recount has them")


# ---- Matching ------------------------------------------------------------------------------------------------------------

# How often each label, and each set of labels, has come so far with that outcome.
LABELS = """
    SELECT zone, NULL, NULL, label || '=' || value, requests FROM requests
    WHERE outcome = 'issued' AND :outcome = 'issued' AND label <> '' AND day = :day
    UNION ALL SELECT zone, reached, reason, label || '=' || value, requests FROM failures
    WHERE outcome = :outcome AND label <> '' AND day = :day
    UNION ALL SELECT zone, NULL, NULL, (SELECT group_concat(key || '=' || value) FROM json_each(labels)), requests
    FROM label_sets WHERE outcome = :outcome AND labels <> '{}' AND day = :day
"""


def labels_in(path, day, outcome):
    """On that day so far, as far as the file tells; by keys as matching.fit() has them."""
    with reading(path) as connection:
        rows = connection.execute(LABELS, {"outcome": outcome, "day": str(EPOCH + datetime.timedelta(days=day))}).fetchall()
    return collections.Counter({tuple(word for word in key if word is not None): n for *key, n in rows})


def watch(months, days, hourly):
    """Lets these days pass; on the first of them, looks every hour at what analysts see: {day: {outcome: {hour: labels that
    came in it}}}. Of each day, a copy of the visits before it was closed is left, and one of after that."""
    seen = {}
    for day in range(months.first, months.first + days):
        hours, before = {outcome: {} for outcome in matching.COMMON}, collections.defaultdict(collections.Counter)
        for hour in range(24) if day < months.first + hourly else ():
            months.do("hour")
            months.do("publish")
            for outcome in matching.COMMON:
                now = labels_in(months.analytics, day, outcome)
                hours[outcome][hour] = now - before[outcome]
                before[outcome] = now
        months.do("day")
        checkpointed_copy(months.visits, months.folder / f"open-{day}.db")
        months.do("close")
        assert wal_of(months.visits) == 0
        shutil.copy(months.visits, months.folder / f"closed-{day}.db")
        seen[day] = hours
    months.do("truth")
    return seen


def wal_of(path):
    wal = path.with_name(path.name + "-wal")
    return wal.stat().st_size if wal.exists() else 0


def checkpointed_copy(path, copy):
    shutil.copy(path, copy)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        shutil.copy(wal, copy.with_name(copy.name + "-wal"))
    connection = sqlite3.connect(copy)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def attack_days(months, watched, outcome):
    """What he finds, {way: Found}, and what he would find if labels were told every hour, and if days were not tidied up."""
    truth = matching.read_truth(months.folder / "truth.tsv", outcome)
    found, careless = [], []
    for day, hours in watched.items():
        told = collections.defaultdict(collections.Counter)
        for order in truth[day]:
            told[order.ms // 3600000][order.visit[0], order.visit[2]] += 1
        before = months.folder / f"closed-{day - 1}.db" if day > months.first else None
        found.append(matching.attack(months.folder / f"closed-{day}.db", day, truth[day], outcome, hours[outcome], before))
        careless.append(matching.attack(months.folder / f"open-{day}.db", day, truth[day], outcome, told, before))
    return matching.together(found), matching.together(careless)


def percent(right, pairs):
    return f"{100 * right / pairs:.{1 if 100 * right >= pairs else 2}f} %"


def row_of(visits, found, careless):
    """As docs/privacy.md has it."""
    pairs, lot = found["hours"].pairs, found["hours"].baseline
    ways = [max(one.right for one in found.values()), careless["hours"].right,
            max(one.right for way, one in careless.items() if way != "hours")]
    return f"| {visits:,} | {pairs:,} | {percent(lot, pairs)} | " + " | ".join(percent(right, pairs) for right in ways) + " |"


def cells(row):
    return [cell.strip() for cell in row.strip("| ").split("|")]


def agree(one, other):
    """Counts and the lot to the digit, the ways to three points, or a third of a small figure."""
    pairs = [(float(a.rstrip(" %")), float(b.rstrip(" %"))) for a, b in zip(one[3:], other[3:])]
    return one[:3] == other[:3] and len(one) == len(other) and all(abs(a - b) <= min(3, 0.1 + a / 3) for a, b in pairs)


def attack(months, watched, say, visits):
    """Certificates, and orders that failed. The visits are drawn by seeds, so the page has these very counts; how lucky a way
    was also depends on what SQLite draws."""
    rows = []
    for outcome in matching.COMMON:
        found, careless = attack_days(months, watched, outcome)
        pairs = found["hours"].pairs
        say(f"matching, {visits:,} visits a month, {pairs} {outcome}, by lot {percent(found['hours'].baseline, pairs)}: "
            + ", ".join(f"{way} {percent(one.right, pairs)}" for way, one in found.items()) + "; careless "
            + ", ".join(f"{way} {percent(one.right, pairs)}" for way, one in careless.items()))
        rows.append(row_of(visits, found, careless))
        for way, one in found.items():
            assert one.right <= one.baseline + 4 * one.variance ** 0.5, (outcome, way, one)
        best = max(careless.values(), key=lambda one: one.right)
        assert best.right > best.baseline + 4 * best.variance ** 0.5, (outcome, best)  # the attack can succeed
    told = [cells(line) for line in PAGE.read_text().splitlines() if line.startswith(f"| {visits:,} |")]
    missing = [row for row in rows if not any(agree(cells(row), other) for other in told)]
    assert not missing, f"{PAGE.name} has other figures; put these there:\n" + "\n".join(missing)


@pytest.mark.parametrize("visits, days, hourly", [(SMALL, 30, 6), (MIDDLE, 6, 2)])
def test_no_visit_is_joined_to_its_order_more_often_than_by_lot(build, tmp_path, say, visits, days, hourly):
    with Months(build, tmp_path, visits, seed=3) as months:
        attack(months, watch(months, days, hourly), say, visits)


def test_nor_in_a_month_of_a_million(large, say):
    attack(large, large.watched, say, LARGE)


# ---- Pseudonyms ----------------------------------------------------------------------------------------------------------

def test_a_source_has_unrelated_pseudonyms_in_two_zones_and_on_two_days(build, tmp_path):
    with Months(build, tmp_path, MIDDLE, seed=4) as months:
        months.day()
        months.do("day")
        months.do("truth")
    seen = collections.defaultdict(set)
    for line in (tmp_path / "truth.tsv").read_text().splitlines():
        day, _, zone, *_, src, _, source = line.split("\t")
        seen[source].add((day, zone, int(src) & 2**64 - 1))
    among = [[src for _, _, src in places] for places in seen.values() if len(places) > 1]
    assert len(among) > 200
    assert all(len(set(sources)) == len(sources) for sources in among)  # each place has its own, and one place only one
    bits = [bin(a ^ b).count("1") for sources in among for a, b in zip(sources, sources[1:])]
    assert abs(sum(bits) / len(bits) - 32) < 5 * 4 / len(bits) ** 0.5  # as different as random numbers are
    assert len({src for places in seen.values() for _, _, src in places}) == sum(len(places) for places in seen.values())

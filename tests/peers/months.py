"""Simulated weeks of requests for the tests of reports: who asked on which day, with which labels, and what became of it; and
the totals that visits.db keeps of them."""
import collections
import datetime
import random

OUTCOMES = {"issued": 70, "stored": 12, "refused": 9, "failed": 4, "late": 3, "left": 2}
CAMPAIGNS = {"spring": 40, "autumn": 25, "partner-acme": 15, "=cmd|' /C calc'!A0": 6, "<b>bold</b>": 4, "rare": 1, "": 9}
TEAMS = {"sales": 60, "support": 4, "": 36}
WEEKDAYS = [1.2, 1.3, 1.1, 1.2, 0.9, 0.15, 0.1]  # Monday first
EPOCH = datetime.date(1970, 1, 1)


def draw(weights, rng):
    return rng.choices(list(weights), list(weights.values()))[0]


class Zone:
    """`size` is the mean of a day's sources. totals: (day, (label, value), outcome) -> [requests, sources]; outcome "": any."""

    def __init__(self, name, size, first, days, seed):
        rng = random.Random(f"{seed} {name}")
        self.name = name
        self.totals = collections.defaultdict(lambda: [0, 0])
        for i in range(days):
            day = first + datetime.timedelta(days=i)
            seen = set()
            for source in range(round(rng.gauss(1, 0.25) * size * WEEKDAYS[day.weekday()])):
                for _ in range(1 + int(rng.expovariate(1.2))):
                    self.request((day - EPOCH).days, source, rng, seen)

    def request(self, day, source, rng, seen):
        outcome = draw(OUTCOMES, rng)
        labels = [("", "")]
        labels += [(name, value) for name, values in (("campaign", CAMPAIGNS), ("team", TEAMS)) if (value := draw(values, rng))]
        for label in labels:
            for key in ((day, label, ""), (day, label, outcome)):
                self.totals[key][0] += 1
                if (key, source) not in seen:
                    seen.add((key, source))
                    self.totals[key][1] += 1

    def week(self, monday):
        """The truth about a week: {table: {value: [requests, sources at least]}}; the table "" is the total."""
        first = (monday - EPOCH).days
        tables = {"": {"": [0, 0]}, "day": {(monday + datetime.timedelta(days=i)).isoformat(): [0, 0] for i in range(7)},
                  "outcome": {outcome: [0, 0] for outcome in (*OUTCOMES, "unfinished")}}

        def add(table, value, figures):
            cell = tables.setdefault(table, {}).setdefault(value, [0, 0])
            cell[0] += figures[0]
            cell[1] = max(cell[1], figures[1])

        for (day, (name, value), outcome), figures in self.totals.items():
            if not first <= day < first + 7:
                continue
            if not name and not outcome:
                add("", "", figures)
                add("day", (EPOCH + datetime.timedelta(days=day)).isoformat(), figures)
            elif not name:
                add("outcome", outcome, figures)
            elif not outcome:
                add(name, value, figures)
        for name in set(tables) - {"", "day", "outcome"}:
            rest = tables[""][""][0] - sum(cell[0] for cell in tables[name].values())
            if rest:
                tables[name][None] = [rest, 0]
        return tables


def write(connection, zones, k=10):
    """Into an empty visits.db, as closed days."""
    ids = {}

    def identity(table, *words):
        where = " AND ".join(f"{column} = ?" for column in (("name", "value") if table == "label" else ("word",)))
        if (table, words) not in ids:
            row = connection.execute(f"SELECT id FROM {table} WHERE {where}", words).fetchone()
            if not row:
                row = (1000 + len(ids),)
                connection.execute(f"INSERT INTO {table} VALUES (?, {', '.join('?' * len(words))})", (*row, *words))
            ids[table, words] = row[0]
        return ids[table, words]

    days = set()
    for zone in zones:
        for (day, label, outcome), (requests, sources) in zone.totals.items():
            days.add(day)
            connection.execute("INSERT INTO closed_total VALUES (?, ?, ?, ?, ?, ?, ?)",
                               (day, identity("word", zone.name), identity("label", *label), identity("word", outcome),
                                requests, sources, sources))
            if outcome:
                connection.execute("INSERT INTO closed_step_total VALUES (?, ?, ?, ?, ?, 0, ?)",
                                   (day, identity("word", zone.name), identity("label", *label), identity("word", outcome),
                                    identity("word", "issued" if outcome in ("issued", "stored") else "csr"), requests))
    for day in days:
        received = sum(z.totals[day, ("", ""), ""][0] for z in zones)
        connection.execute("INSERT INTO day_note (day, keys, received, recorded, flags, key_destroyed_ms, k) "
                           "VALUES (?, 1, ?, ?, 32, 1, ?)", (day, received, received, k))
    connection.commit()

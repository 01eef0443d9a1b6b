"""The matching attack: what does somebody find out who has all three databases, and copied analytics.db every hour?

He wants to know which visit (source, labels, client) led to which order: to a certificate, or to one that failed. Of orders he
has exact times; of visits their day, zone, key type and outcome, and of those that failed also the step and the reason, which
state.db has as well (COMMON). So he can always draw lots among those that fit: that is the baseline. He does better when
anything tells at what time, or in which order, visits came.
"""
import collections
import random
import sqlite3
import struct

ROW = ("zone", "src", "labels", "outcome", "reached", "error", "alg", "client", "n")
Visit = collections.namedtuple("Visit", ROW)
COMMON = {"issued": ("zone", "alg"), "failed": ("zone", "alg", "reached", "error")}  # of a visit and its order, on one day
Order = collections.namedtuple("Order", "ms common visit")  # visit: the row that it is really of
Found = collections.namedtuple("Found", "pairs right baseline variance")


# ---- What he reads ----------------------------------------------------------------------------------------------------------

def read_visits(path, day):
    """The day's rows, each with how often it came."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        words = dict(connection.execute("SELECT id, word FROM word"))
        sets = dict(connection.execute("SELECT id, labels FROM label_set"))
        rows = connection.execute(f"SELECT {', '.join(ROW)} FROM visit_{day}").fetchall()
    connection.close()
    return [Visit(words[zone], src, sets[labels].replace("\n", ","), *(words[word] for word in more), n)
            for zone, src, labels, *more, n in rows]


def read_truth(path, outcome):
    """{day: orders}, as state.db has them: a time, and what they have in common with their visits; and whose each is."""
    days = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        day, ms, zone, found, reached, error, alg, client, src, labels, _ = line.split("\t")
        if found == outcome:
            visit = Visit(zone, int(src), labels, found, reached, error, alg, client, 1)
            days[int(day)].append(Order(int(ms), common(visit), visit[:8]))
    return days


def common(visit):
    return tuple(getattr(visit, column) for column in COMMON[visit.outcome])


def varint(page, at):
    number = 0
    for i in range(9):
        byte = page[at + i]
        number = number << 8 | byte if i == 8 else number << 7 | byte & 127
        if byte < 128 or i == 8:
            return number, at + i + 1
    return number, at + 9


def integers(page, at):
    """The integers of a record."""
    size, body = varint(page, at)
    end = at + size
    body, at, values = end, body, []
    while at < end:
        kind, at = varint(page, at)
        width = (0, 1, 2, 3, 4, 6, 8)[kind] if kind < 7 else 0
        if kind not in range(10):
            raise ValueError("not a record of integers")
        values.append(kind - 8 if kind > 7 else int.from_bytes(page[body:body + width], "big", signed=True))
        body += width
    return values


def pages_of(path, table):
    """The rows of a table page by page, each page's in the order in which they were put into it: SQLite puts a new row in front
    of those that are there. Of a table with rowids, the rowids alone."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        roots = [connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]]
    connection.close()
    data = path.read_bytes()
    while roots:
        number = roots.pop()
        page = data[(number - 1) * size:number * size]
        kind, cells = page[0], struct.unpack(">H", page[3:5])[0]
        leaf = kind in (10, 13)
        first = 8 if leaf else 12
        places = struct.unpack(f">{cells}H", page[first:first + 2 * cells])
        if not leaf:
            roots.append(struct.unpack(">I", page[8:12])[0])
            roots += [struct.unpack(">I", page[at:at + 4])[0] for at in places]
        rows = []
        for at in sorted(places, reverse=True) if kind != 5 else ():
            size_of_row, body = varint(page, at if leaf else at + 4)
            rows.append(varint(page, body)[0] if kind == 13 else integers(page, body))
        yield rows


def places_in(pages):
    """{row: how far through its page it was put there, 0 to 1}."""
    return {row: (i + 1) / (len(rows) + 1) for rows in pages for i, row in enumerate(rows)}


def order_of_rows(path, day):
    """Of the rows (zone, src, labels, …) of the day, by ids."""
    return places_in([tuple(row[:8]) for row in rows] for rows in pages_of(path, f"visit_{day}"))


def order_of_totals(path, day):
    """Of the sets of labels (zone, labels) of the day, by ids, as far as the places of their totals tell."""
    return places_in([(row[1], row[2]) for row in rows if row[0] == day and row[3] == 0]
                     for table in ("open_set_total", "closed_set_total") for rows in pages_of(path, table))


def order_of_steps(path, day):
    """Of the labels (zone, label, outcome, reached, error) of the day, by ids: where the totals of their steps are."""
    return places_in([tuple(row[1:6]) for row in rows if row[0] == day]
                     for table in ("open_step_total", "closed_step_total") for rows in pages_of(path, table))


def order_of_words(path, before):
    """Of the sets of labels that came for the first time, which a copy of the day before does not have."""
    known = {row for rows in pages_of(before, "label_set") for row in rows} if before else set()
    return places_in([row for row in rows if row not in known] for rows in pages_of(path, "label_set"))


# ---- What he makes of it -----------------------------------------------------------------------------------------------------

def classes(visits, orders, outcome):
    """What fits together: {what they have in common: (rows, orders)}."""
    found = collections.defaultdict(lambda: ([], []))
    for visit in visits:
        if visit.outcome == outcome:
            found[common(visit)][0].append(visit)
    for order in orders:
        found[order.common][1].append(order)
    return found.values()


def by_lot(visits, orders, outcome):
    """The baseline: how many pairs are right when he draws lots, and the variance of that (Hoeffding 1951, theorem 2)."""
    pairs = right = variance = 0
    for rows, there in classes(visits, orders, outcome):
        pairs += len(there)
        lots = sum(row.n for row in rows)
        squares, cubes = sum(row.n ** 2 for row in rows), sum(row.n ** 3 for row in rows)
        if lots > 0:
            right += squares / lots
        if lots > 1:
            variance += (squares - 2 * cubes / lots + squares ** 2 / lots ** 2) / (lots - 1)
    return pairs, right, variance


def places_of(visit):
    """Under which keys its labels are counted in the views: one by one, with step and reason where it failed."""
    where = (visit.zone,) if visit.outcome == "issued" else (visit.zone, visit.reached, visit.error)
    return [(*where, label) for label in visit.labels.split(",")]


def fit(row, came, all_day):
    """How likely a visit of that row came in an hour, of which the copies of analytics.db tell which labels came in it, and how
    often they came all day: {(zone, "set of labels"), or as places_of() has it: requests}."""
    if (row.zone, row.labels) in all_day:
        return came[row.zone, row.labels] / all_day[row.zone, row.labels]
    weight = 1.0
    for place in places_of(row):
        weight *= came[place] / all_day[place] if place in all_day else 1
    return weight


def by_hour(visits, orders, outcome, labels_by_hour):
    """Each order's visit is one of those that fit best to its hour; lots among equals."""
    all_day = sum(labels_by_hour.values(), collections.Counter())
    right = 0
    for rows, there in classes(visits, orders, outcome):
        for hour in {order.ms // 3600000 for order in there}:
            came = labels_by_hour.get(hour, collections.Counter())
            weights = {row[:8]: fit(row, came, all_day) for row in rows}
            best = max(weights.values())
            tied = {row[:8]: row.n for row in rows if weights[row[:8]] == best}
            lots = sum(tied.values())
            right += sum(tied.get(order.visit, 0) / lots for order in there if order.ms // 3600000 == hour)
    return right


def by_order(visits, orders, outcome, place):
    """`place` gives rows a place in time, or none. Those that have one get the orders from first to last, spread over all of
    them; the others draw lots for the rest."""
    lots = random.Random(1)
    right = 0
    for rows, there in classes(visits, orders, outcome):
        there = sorted(there)
        each = [row for row in rows for _ in range(row.n)]
        lots.shuffle(each)
        placed = sorted((row for row in each if place(row) is not None), key=place)
        others = [row for row in each if place(row) is None]
        taken = {(2 * i + 1) * len(there) // (2 * len(placed)): row for i, row in enumerate(placed)}
        pairs = [taken[i] if i in taken else others.pop() for i in range(len(there))]
        right += sum(row[:8] == order.visit for row, order in zip(pairs, there))
    return right


class Ids:
    """The numbers of words, labels and sets of labels in a visits.db."""

    def __init__(self, path):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            self.words = {word: number for number, word in connection.execute("SELECT id, word FROM word")}
            self.labels = {f"{name}={value}": number
                           for number, name, value in connection.execute("SELECT id, name, value FROM label")}
            self.sets = {labels.replace("\n", ","): number
                         for number, labels in connection.execute("SELECT id, labels FROM label_set")}
        connection.close()

    def row(self, visit):
        zone, src, labels, *more = visit[:8]
        return (self.words[zone], src, self.sets[labels], *(self.words[word] for word in more))

    def steps(self, visit):
        end = tuple(self.words[word] for word in visit[3:6])
        return [(self.words[visit.zone], self.labels[label], *end) for label in visit.labels.split(",") if label]


def attack(path, day, orders, outcome, labels_by_hour, before=None):
    """Each way for itself: {way: Found}. `before`: a copy of the visits of the day before."""
    visits, ids = read_visits(path, day), Ids(path)
    rows, totals, texts = order_of_rows(path, day), order_of_totals(path, day), order_of_words(path, before)
    steps = order_of_steps(path, day)
    pairs, baseline, variance = by_lot(visits, orders, outcome)

    def place_by_steps(visit):  # it came no sooner than the first with its rarest label
        return max((steps[step] for step in ids.steps(visit) if step in steps), default=None)
    places = {"order of rows": lambda visit: rows[ids.row(visit)],
              "order of totals": lambda visit: totals.get((ids.words[visit.zone], ids.sets[visit.labels])),
              "order of steps": place_by_steps,
              "order of words": lambda visit: texts.get(ids.sets[visit.labels])}
    right = {"hours": by_hour(visits, orders, outcome, labels_by_hour),
             **{way: by_order(visits, orders, outcome, place) for way, place in places.items()}}
    return {way: Found(pairs, one, baseline, variance) for way, one in right.items()}


def together(days):
    """The findings of several days."""
    return {way: Found(*(sum(column) for column in zip(*(day[way] for day in days)))) for way in days[0]}

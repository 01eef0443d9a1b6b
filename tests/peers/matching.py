"""The matching attack: what does somebody find out who has all three databases, and copied analytics.db every hour?

He wants to know which visit (source, labels, client) led to which certificate. Of certificates he has exact times; of visits
their day, zone, key type and outcome, so he can always draw lots among those that fit: that is the baseline. He does better
when anything tells at what time, or in which order, visits came.
"""
import collections
import random
import sqlite3
import struct

ROW = ("zone", "src", "labels", "outcome", "reached", "error", "alg", "client", "n")
Visit = collections.namedtuple("Visit", ROW)
Certificate = collections.namedtuple("Certificate", "ms zone alg visit")  # visit: the row that it is really of
Found = collections.namedtuple("Found", "pairs right baseline")


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


def read_truth(path, outcome="issued"):
    """{day: certificates}, as state.db has them: a time, a zone, a key type; and whose each is."""
    days = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        day, ms, zone, found, reached, error, alg, client, src, labels, _ = line.split("\t")
        if found == outcome:
            days[int(day)].append(Certificate(int(ms), zone, alg, (zone, int(src), labels, found, reached, error, alg, client)))
    return days


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


def order_of_words(path, before):
    """Of the sets of labels that came for the first time, which a copy of the day before does not have."""
    known = {row for rows in pages_of(before, "label_set") for row in rows} if before else set()
    return places_in([row for row in rows if row not in known] for rows in pages_of(path, "label_set"))


# ---- What he makes of it -----------------------------------------------------------------------------------------------------

def classes(visits, certificates):
    """What fits together: {(zone, key type): (rows, certificates)}."""
    found = collections.defaultdict(lambda: ([], []))
    for visit in visits:
        if visit.outcome == "issued":
            found[visit.zone, visit.alg][0].append(visit)
    for certificate in certificates:
        found[certificate.zone, certificate.alg][1].append(certificate)
    return found


def by_lot(visits, certificates):
    """The baseline: how many pairs are right when he draws lots."""
    pairs = right = 0
    for rows, there in classes(visits, certificates).values():
        pairs += len(there)
        right += sum(row.n * row.n for row in rows) / max(1, sum(row.n for row in rows))
    return pairs, right


def fit(row, came, all_day):
    """How likely a visit of that row came in an hour, of which the copies of analytics.db tell which labels came in it, and how
    often they came all day: {(zone, "set of labels" or "name=value"): requests}."""
    if (row.zone, row.labels) in all_day:
        return came[row.zone, row.labels] / all_day[row.zone, row.labels]
    weight = 1.0
    for label in row.labels.split(","):
        weight *= came[row.zone, label] / all_day[row.zone, label] if (row.zone, label) in all_day else 1
    return weight


def by_hour(visits, certificates, labels_by_hour):
    """Each certificate's visit is one of those that fit best to its hour; lots among equals."""
    all_day = sum(labels_by_hour.values(), collections.Counter())
    right = 0
    for rows, there in classes(visits, certificates).values():
        for hour in {certificate.ms // 3600000 for certificate in there}:
            came = labels_by_hour.get(hour, collections.Counter())
            weights = {row[:8]: fit(row, came, all_day) for row in rows}
            best = max(weights.values())
            tied = {row[:8]: row.n for row in rows if weights[row[:8]] == best}
            lots = sum(tied.values())
            right += sum(tied.get(certificate.visit, 0) / lots for certificate in there if certificate.ms // 3600000 == hour)
    return right


def by_order(visits, certificates, order):
    """`order` gives rows a place in time, or none. Those that have one get the certificates from first to last, spread over all
    of them; the others draw lots for the rest."""
    lots = random.Random(1)
    right = 0
    for rows, there in classes(visits, certificates).values():
        there = sorted(there)
        each = [row for row in rows for _ in range(row.n)]
        lots.shuffle(each)
        placed = sorted((row for row in each if order(row) is not None), key=order)
        others = [row for row in each if order(row) is None]
        taken = {(2 * i + 1) * len(there) // (2 * len(placed)): row for i, row in enumerate(placed)}
        pairs = [taken[i] if i in taken else others.pop() for i in range(len(there))]
        right += sum(row[:8] == certificate.visit for row, certificate in zip(pairs, there))
    return right


def attack(path, day, certificates, labels_by_hour, before=None):
    """Each way for itself: {way: Found}. `before`: a copy of the visits of the day before."""
    visits = read_visits(path, day)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        words = {word: number for number, word in connection.execute("SELECT id, word FROM word")}
        sets = {labels.replace("\n", ","): number for number, labels in connection.execute("SELECT id, labels FROM label_set")}
    connection.close()
    rows, totals, texts = order_of_rows(path, day), order_of_totals(path, day), order_of_words(path, before)
    pairs, baseline = by_lot(visits, certificates)

    def place_of_row(visit):
        zone, src, labels, *more = visit[:8]
        return rows[words[zone], src, sets[labels], *(words[word] for word in more)]
    orders = {"order of rows": place_of_row,
              "order of totals": lambda visit: totals.get((words[visit.zone], sets[visit.labels])),
              "order of words": lambda visit: texts.get(sets[visit.labels])}
    return {"hours": Found(pairs, by_hour(visits, certificates, labels_by_hour), baseline),
            **{way: Found(pairs, by_order(visits, certificates, order), baseline) for way, order in orders.items()}}


def together(days):
    """The findings of several days."""
    return {way: Found(*(sum(column) for column in zip(*(day[way] for day in days)))) for way in days[0]}

"""What a reader of releases can find out: the numbers that a hidden cell may have, given everything that was released.

The reader knows the rules of docs/report.md and every released number. Weeks of a zone share no request with others, so each
release is looked at as a whole and alone. For one, he knows

- of a number r that is shown: the truth is r - 2 to r + 2, and a shown cell has k sources or more;
- of a hidden cell: it has less than k sources, or it is the one that was hidden besides, which has k or more, and not more than
  any cell that is shown. He does not know which is which, and tries every choice;
- that each table's requests are the same requests: they add up to the total, which all tables share;
- that a source of a cell is a source of the total, and every source of the best day is in some cell of a table;
- that a source's requests of one day beyond the first are repeats: the total less the sources of all days. A cell with a
  sources on its best day has 7 a on all days at most; what it has beyond is repeats.

`width` is how far rounding can move a number, 0 for releases that are not rounded; `besides` false says that nothing was hidden
but cells of few sources.
"""
import dataclasses
import itertools

FAR = 10 ** 9
DAYS = 7


@dataclasses.dataclass
class Cell:
    requests: int | None  # None: hidden
    sources: int | None
    counts_sources: bool = True  # False: the rest of a label's table, whose sources nobody counted
    several: bool = False        # True: the reader is told that more than one cell of the table was hidden besides


@dataclasses.dataclass
class Table:
    by: str
    cells: list

    @property
    def hidden(self):
        return [i for i, cell in enumerate(self.cells) if cell.requests is None]


@dataclasses.dataclass
class Box:
    """Bounds of a cell's requests (n) and sources (a)."""
    n_low: int
    n_high: int
    a_low: int
    a_high: int
    counts: bool


class Solver:
    def __init__(self, requests, sources, tables, k=10, width=2, besides=True):
        self.tables, self.k, self.width, self.besides = tables, k, width, besides
        self.totals = [(n, a) for n in self.around(requests) for a in self.around(sources) if a >= k and n >= a]

    def around(self, number):
        return range(max(0, number - self.width), number + self.width + 1)

    # ---- one table, roles given

    def boxes(self, table, besides):
        most = min((cell.sources + self.width for cell in table.cells if cell.requests is not None and cell.counts_sources),
                   default=FAR)
        found = []
        for i, cell in enumerate(table.cells):
            if cell.requests is not None:
                n = self.around(cell.requests)
                a = self.around(cell.sources) if cell.counts_sources else range(self.k, FAR)
                found.append(Box(n[0], n[-1], max(a[0], self.k), a[-1], cell.counts_sources))
            elif i in besides or not cell.counts_sources:
                found.append(Box(0, FAR, self.k if i in besides else 0, most if cell.counts_sources else FAR,
                                 cell.counts_sources))
            else:
                found.append(Box(0, FAR, 0, self.k - 1, True))
        return found

    def choices(self, table):
        """Which of the hidden cells were hidden besides the small ones."""
        hidden = table.hidden
        if not hidden or not self.besides:
            return [()]
        whole = len(hidden) == len(table.cells)
        several = any(cell.several for cell in table.cells)
        least, most = (0 if whole else 1), (len(hidden) if several else 1)
        return [c for size in range(least, most + 1) for c in itertools.combinations(hidden, size)]

    @staticmethod
    def narrowed(boxes, total_a):
        """Bounds that follow from each other; None when a cell has no number left."""
        out = []
        for box in boxes:
            a_high = min(box.a_high, total_a, box.n_high)
            n_low = max(box.n_low, box.a_low)
            if a_high < box.a_low or n_low > box.n_high:
                return None
            out.append(Box(n_low, box.n_high, box.a_low, a_high, box.counts))
        return out

    @staticmethod
    def fewest_repeats(boxes, total_n, total_a):
        """Of a table that is not of days; None: it cannot be filled in.

        Requests go where they do most good: a request that makes a new source possible, then one on another day of a source,
        then a repeat. Every cell begins at its least."""
        rest = total_n - sum(box.n_low for box in boxes)
        if rest < 0:
            return None
        sources = repeats = 0
        for_source = for_day = for_repeat = 0
        for box in boxes:
            days = box.a_high * DAYS if box.counts else FAR
            sources += min(box.a_high, box.n_low)
            repeats += max(0, box.n_low - days)
            steps = [box.n_low, max(box.n_low, min(box.n_high, box.a_high)), max(box.n_low, min(box.n_high, days)), box.n_high]
            for_source += steps[1] - steps[0]
            for_day += steps[2] - steps[1]
            for_repeat += steps[3] - steps[2]
        first = min(rest, for_source)
        second = min(rest - first, for_day)
        third = rest - first - second
        if third > for_repeat or sources + first < total_a:
            return None
        return repeats + third

    @staticmethod
    def most_repeats(boxes, total_n, total_a):
        """Of the days: one of them has all sources of the total. None: it cannot be filled in."""
        best = None
        for day, box in enumerate(boxes):
            if not box.a_low <= total_a <= box.a_high:
                continue
            low = sum(max(b.n_low, b.a_low if i != day else total_a) for i, b in enumerate(boxes))
            if box.n_high < total_a or not low <= total_n <= sum(b.n_high for b in boxes):
                continue
            repeats = total_n - sum(b.a_low if i != day else total_a for i, b in enumerate(boxes))
            best = repeats if best is None else max(best, repeats)
        return best

    def repeats(self, table, total, cell=None, number=None, of=None):
        """The best that a table allows, over every choice, with one cell's number given."""
        results = []
        for besides in self.choices(table):
            boxes = self.boxes(table, besides)
            if cell is not None:
                box = boxes[cell]
                if of == "requests":
                    box.n_low, box.n_high = max(box.n_low, number), min(box.n_high, number)
                else:
                    box.a_low, box.a_high = max(box.a_low, number), min(box.a_high, number)
                if box.n_low > box.n_high or box.a_low > box.a_high:
                    continue
            boxes = self.narrowed(boxes, total[1])
            if boxes is None:
                continue
            solve = self.most_repeats if table.by == "day" else self.fewest_repeats
            results.append(solve(boxes, *total))
        results = [r for r in results if r is not None]
        if not results:
            return None
        return max(results) if table.by == "day" else min(results)

    # ---- all tables

    def possible(self, table, cell, number, of):
        for total in self.totals:
            allowed, needed = total[0], 0
            for other in self.tables:
                found = self.repeats(other, total, cell, number, of) if other is table else self.rest(other, total)
                if found is None:
                    break
                if other.by == "day":
                    allowed = found
                else:
                    needed = max(needed, found)
            else:
                if needed <= allowed:
                    return True
        return False

    def rest(self, table, total):
        """repeats() of a table that is not asked about, once for each total."""
        known = self.__dict__.setdefault("known", {})
        key = id(table), total
        if key not in known:
            known[key] = self.repeats(table, total)
        return known[key]

    def count(self, table, cell, truth, of, enough=5):
        """How many numbers are possible, up to `enough`; the truth must be one of them, or the rules above are wrong."""
        assert self.possible(table, cell, truth, of), f"the truth is not possible: {table.by} {cell} {of} {truth}"
        found, distance = 1, 1
        while found < enough and distance <= 40:
            for number in (truth - distance, truth + distance):
                if number >= 0 and self.possible(table, cell, number, of):
                    found += 1
            distance += 1
        return found

"""The matrix of plugin and server by behaviour: what the tests saw, and what docs/dns-matrix.md says.

test_conformance.py fills it, conftest.py prints it at the end."""
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/dns-matrix.md"
COLUMNS = {
    "builtin": "dns-builtin",
    "pdns": "dns-pdns: PowerDNS",
    "rfc2136-bind": "dns-rfc2136: BIND",
    "rfc2136-knot": "dns-rfc2136: Knot",
    "rfc2136-powerdns": "dns-rfc2136: PowerDNS",
    "exec-bind": "dns-exec, nsupdate: BIND",
}
BEHAVIOURS = ["add", "add-twice", "two-values", "exchange", "foreign-value", "remove", "remove-missing", "100-owners",
              "100-values", "big-set", "long-names", "wildcard", "overlapping-zones",
              "repeat-after-reopen"]  # of `countersign plugin test --list`
TROUBLES = ["server-down", "server-slow", "server-hangs", "server-restarts", "reload", "wrong-key", "wrong-zone", "clock-off"]
NOT_APPLICABLE = {
    ("server-down", "builtin"): "a", ("server-slow", "builtin"): "a", ("server-hangs", "builtin"): "a",
    ("wrong-key", "builtin"): "b", ("clock-off", "builtin"): "b", ("clock-off", "pdns"): "b",
}
seen = {}


def cell(behaviour, column):
    """What stands in the page when all is well."""
    note = NOT_APPLICABLE.get((behaviour, column))
    return f"n/a ({note})" if note else "pass"


def note(behaviour, column, passed):
    seen[behaviour, column] = cell(behaviour, column) if passed else "FAIL"


def table(cells):
    """Of those columns and rows that have a cell."""
    rows = [row for row in BEHAVIOURS + TROUBLES if any((row, column) in cells for column in COLUMNS)]
    columns = [column for column in COLUMNS if any((row, column) in cells for row in rows)]
    lines = [["behaviour", *(COLUMNS[column] for column in columns)]]
    lines += [[row, *(cells.get((row, column), "not run") for column in columns)] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns) + 1)]
    lines.insert(1, ["-" * width for width in widths])
    return ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in lines]


def reason(behaviour, column):
    """Why it is not applicable, as the page explains it."""
    letter = NOT_APPLICABLE[behaviour, column]
    found = re.search(rf"^\({letter}\) (.+)$", PAGE.read_text(), re.M)
    return found and found.group(1)


def page():
    """The cells that docs/dns-matrix.md has."""
    text = re.search(r"^\| behaviour.*\n(?:\|.*\n)*", PAGE.read_text(), re.M).group(0)
    head, _, *lines = [[word.strip() for word in line.strip("|").split("|")] for line in text.splitlines()]
    by_title = {title: column for column, title in COLUMNS.items()}
    return {(line[0], by_title[title]): word for line in lines for title, word in zip(head[1:], line[1:])}

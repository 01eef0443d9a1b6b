"""docs/privacy.md lists each column of each table that the store makes, and none that is gone."""
import pathlib
import re
import sqlite3

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STORE = ROOT / "plugins/store-sqlite"
PAGE = ROOT / "docs/privacy.md"
FILES = {"state.db": ["schema*.sql"], "visits.db": ["visits*.sql"], "analytics.db": ["analytics*.sql"]}


def day_table():
    """The one table whose name has a day in it."""
    return (STORE / "visit-day.sql").read_text().replace("#", "DAY")


def stored_columns(name):
    """What the schema, brought up from nothing, has."""
    db = sqlite3.connect(":memory:")
    for pattern in FILES[name]:
        scripts = sorted(STORE.glob(pattern), key=lambda path: (len(path.name), path.name))
        assert scripts, pattern
        for script in scripts:
            db.executescript(script.read_text())
    if name == "visits.db":
        db.execute(day_table())
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return {f"{table}.{row[1]}" for table in tables for row in db.execute(f"PRAGMA table_info({table})")}


def listed(name):
    """The first cells of the table under a file's heading, and the other cells of each of its rows."""
    section = PAGE.read_text().split(f"### {name}\n", 1)[1].split("\n##", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`([a-z_A-Z0-9]+\.[a-z_0-9A-Z]+)`", cells[0]), [cell.strip() for cell in cells[1:]]) for cells in rows]


@pytest.mark.parametrize("name", FILES)
def test_every_stored_column_is_listed_once_and_nothing_that_is_gone(name):
    columns = [column for columns, _ in listed(name) for column in columns]
    assert sorted(columns) == sorted(set(columns)), "listed twice"
    assert sorted(stored_columns(name) - set(columns)) == [], "these are stored, but docs/privacy.md does not say why"
    assert sorted(set(columns) - stored_columns(name)) == [], "docs/privacy.md lists what is not stored"


@pytest.mark.parametrize("name", FILES)
def test_every_column_has_a_purpose_a_treatment_and_a_time(name):
    assert [columns for columns, cells in listed(name) if len(cells) != 3 or not all(cells)] == []


def test_a_column_that_nobody_described_would_be_noticed(tmp_path, monkeypatch):
    for script in STORE.glob("*.sql"):
        (tmp_path / script.name).write_text(script.read_text())
    with open(tmp_path / "visits-2.sql", "a") as file:
        file.write("\nALTER TABLE open_total ADD COLUMN address TEXT;\n")
    monkeypatch.setitem(globals(), "STORE", tmp_path)
    with pytest.raises(AssertionError, match="open_total.address"):
        test_every_stored_column_is_listed_once_and_nothing_that_is_gone("visits.db")

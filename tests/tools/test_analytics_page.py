"""The queries of docs/analytics.md, by the planner of the SQLite that runs them: whoever asks for some days reads no others."""
import pathlib
import re
import sqlite3

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = (ROOT / "plugins/store-sqlite/analytics.sql").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/analytics.md").read_text(), re.S)


def plan(folder, query, schema=SCHEMA):
    """Its steps. The file is closed in between: SQLite looks at what is said of the sizes of tables when it opens a file."""
    sqlite3.connect(folder / "analytics.db").executescript(schema).connection.close()
    connection = sqlite3.connect(folder / "analytics.db")
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    connection.close()
    return steps


def reads_other_days(steps):
    """All tables of totals are called t in the views, and their keys begin with the day."""
    return [step for step in steps if re.match(r"(SCAN|SEARCH) t\b", step) and "(day=?" not in step]


@pytest.mark.parametrize("query", QUERIES, ids=range(1, len(QUERIES) + 1))
def test_a_query_reads_the_days_that_it_asks_for(query, tmp_path):
    steps = plan(tmp_path, query)
    assert reads_other_days(steps) == [], steps
    assert [step for step in steps if step.startswith("SCAN d ")] == [], steps


def test_a_view_that_begins_with_labels_would_be_noticed(tmp_path):
    query, = (query for query in QUERIES if "FROM sources\nWHERE label = 'campaign'" in query)
    assert reads_other_days(plan(tmp_path, query, SCHEMA.replace("CROSS JOIN", "JOIN")))

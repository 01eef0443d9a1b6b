"""docs/analytics.md as its reader has it: every query of it, run by sqlite3 on a published file; its views and columns."""
import grp
import os
import pathlib
import re
import sqlite3
import subprocess
import time

import pytest

from simulation import Months, reading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/analytics.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def published(build, tmp_path_factory):
    """Two weeks until yesterday, and an open day; visits of one day were lost."""
    today = int(time.time()) // 86400
    with Months(build, tmp_path_factory.mktemp("analytics"), 30_000, first=today - 14, batch=1000) as months:
        for _ in range(14):
            months.day()
        months.do("hour")
        with sqlite3.connect(months.visits) as connection:
            connection.execute("UPDATE day_note SET received = received + 3 WHERE day = ?", (today - 5,))
        connection.close()
        months.do("publish")
        yield months.analytics


def sqlite3_says(path, query, before=()):
    done = subprocess.run([*before, "sqlite3", "-readonly", path, query], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, ""), (query, done)
    return done.stdout.splitlines()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: re.search(r"FROM (\w+)", query).group(1))
def test_each_query_of_the_page_has_an_answer(published, query):
    assert sqlite3_says(published, query)


def views(path):
    with reading(path) as connection:
        names = [name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view' OR name = 'about'")]
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}


def test_each_view_and_column_is_on_the_page_and_nothing_else_is(published):
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", PAGE, re.S | re.M))
    told = {}
    for name, section in sections.items():
        first_cells = re.findall(r"^\| (`.*?) \| ", section, re.M)
        told[name] = re.findall(r"`(\w+)`", " ".join(first_cells))
    assert told == views(published)


def test_tables_below_the_views_have_a_name_that_says_so(published):
    with reading(published) as connection:
        tables = {name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert all(name.startswith(("base_", "sqlite_stat")) for name in tables - {"about"}), tables


def test_five_questions_stand_first():
    questions = PAGE.split("## Five questions")[1].split("\n## ")[0]
    assert questions.count("```sql") == 5 and len(re.findall(r"^\*\*[^*]*\?\*\*", questions, re.M)) == 5


# ---- Who may read it ----------------------------------------------------------------------------------------------------

SERVER, GROUP, ANALYST = "nobody", "nogroup", 64999


def as_analyst(path, query, *groups):
    """sqlite3, run by a user who is in these groups only."""
    return subprocess.run(["sqlite3", path, query], capture_output=True, text=True, timeout=30, cwd="/", user=ANALYST,
                          group=ANALYST, extra_groups=groups)


def published_requests(path):
    try:
        with reading(path) as connection:
            return connection.execute("SELECT sum(requests) FROM requests WHERE label = ''").fetchone()[0]
    except sqlite3.OperationalError:
        return None  # not there yet


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become an analyst")
def test_a_member_of_the_group_reads_it_and_no_other_file_whether_the_server_runs_or_not(lab):
    server = lab.server().run_as(SERVER)
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["audit"] = {}
    server.config["store"]["main"]["analytics_group"] = GROUP
    server.start()
    server.add_zone("trial.example")
    server.add_subject("CN=www.trial.example", "trial.example")
    assert server.sign(lab.csr()).status == 200
    server.stop()
    server.start()  # it publishes at once
    folder = server.database.parent
    server.child.wait_until(lambda: published_requests(folder / "analytics.db") == 1, 15, "it had published")
    gid = grp.getgrnam(GROUP).gr_gid
    for running in (True, False):
        if not running:
            server.stop()
        done = as_analyst(folder / "analytics.db", "SELECT zone, outcome, requests FROM requests", gid)
        assert (done.stdout, done.stderr) == ("trial.example|issued|1\n", "")
        for name in ("state.db", "visits.db"):
            assert (folder / name).exists()
            assert "unable to open" in as_analyst(folder / name, "SELECT * FROM sqlite_schema", gid).stderr
        assert "unable to open" in as_analyst(folder / "analytics.db", "SELECT * FROM requests").stderr
        for place in (folder, folder.parent):
            listed = subprocess.run(["ls", place], capture_output=True, user=ANALYST, group=ANALYST, extra_groups=[gid])
            assert listed.returncode != 0
    assert "cannot reach" not in (server.folder / "server.log").read_text()

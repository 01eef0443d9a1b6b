"""`countersign privacy` as an operator uses it: beside a server, after it, and against the clock."""
import json
import os
import pathlib
import pty
import re
import sqlite3
import subprocess
import threading

import pytest

from chain import check_chain
from moved import MovedClock
from people import Visitors, runtime_folder
from scene import NAME, ZONE

ADDRESS, OTHER = "203.0.113.77", "203.0.113.78"


@pytest.fixture
def runtime():
    with runtime_folder() as folder:
        yield folder


@pytest.fixture
def scene(lab, runtime):
    scene = Visitors(lab, None, runtime).start()
    return scene


def privacy(server, *words, check=True, stdin=""):
    return server.command("privacy", *words, check=check, stdin=stdin)


def visit(scene):
    csr = scene.lab.csr().read_bytes()
    scene.posts([ADDRESS], csr)
    scene.posts([ADDRESS, OTHER], csr, "X-Countersign-Label: campaign=spring\r\n")
    scene.refused_posts([ADDRESS] * 3 + [OTHER])
    scene.wait_recorded(7)
    return csr


def requests(scene):
    with sqlite3.connect(f"file:{scene.visits_db}?mode=ro", uri=True) as db:
        n, = db.execute("SELECT coalesce(sum(requests), 0) FROM total WHERE label = 0 AND outcome = 0").fetchone()
    db.close()
    return n


def test_report_tells_people_and_programs_what_is_stored_with_a_server_and_without(scene):
    visit(scene)
    text = privacy(scene.server, "report").stdout
    assert "kept for 7 days after their day" in text
    assert re.search(r"^server +runs; visits under way: 0, waiting to be written: 0, lost since the start: 0$", text, re.M)
    assert f"in memory and in {scene.runtime}" in text
    assert "audit.ledger (audit-jsonl) gets the issuance ledger: outside of purge and erasure" in text
    report = scene.report()
    day, = report["days"]
    assert (day["received"], day["recorded"], day["missing"], day["keys"]) == (7, 7, 0, 1)
    assert report["server"]["day"] == day["day"] and report["server"]["received"] == 7
    scene.server.stop()
    text = privacy(scene.server, "report").stdout
    assert re.search(r"^server +does not run", text, re.M) and day["day"] in text
    assert scene.report()["server"] is None
    for said in (text, json.dumps(report)):
        assert ADDRESS not in said and "campaign" not in said
    assert report["aside"] == [] and "put aside" not in text
    tell_what_lies_aside(scene)


def tell_what_lies_aside(scene):
    """Also when the visits cannot be read, because they were damaged."""
    copy = scene.visits_db.with_name("visits.db.bak")
    copy.write_bytes(bytes(10))
    scene.visits_db.write_bytes(b"damaged" * 1000)
    done = privacy(scene.server, "report", check=False)
    assert done.returncode == 1 and "damaged" in done.stderr
    said = (r": \d+ bytes, written \S+Z \(0 d ago\); has requests with their pseudonyms, outside of purge and erasure: "
            "remove it$")
    for name in (re.escape(copy.name), r"visits\.db\.damaged-\w+Z"):
        assert re.search(f"^(put aside)? +{scene.visits_db.parent}/{name}{said}", done.stdout, re.M), done.stdout
    report = json.loads(privacy(scene.server, "report", "--format", "json", check=False).stdout)
    assert report["days"] is None and [pathlib.Path(file["file"]).name for file in report["aside"]][0] == copy.name


def test_export_counts_the_requests_of_a_source_and_says_that_it_may_be_shared(scene):
    visit(scene)
    done = privacy(scene.server, "export", "--ip", "-", stdin=f"{ADDRESS}\n")
    assert "Many people may share one" in done.stdout and ADDRESS not in done.stdout
    told = json.loads(privacy(scene.server, "export", "--ip", "-", "--format", "json", stdin=ADDRESS).stdout)
    counts = {(row["zone"], row["outcome"]): row["requests"] for row in told["counts"]}
    assert counts == {(ZONE, "issued"): 1, (ZONE, "stored"): 1, ("", "refused"): 3}
    assert told["attributable"] and told["days"] == [scene.status()["day"]]
    nobody = json.loads(privacy(scene.server, "export", "--ip", "192.0.2.1", "--format", "json").stdout)
    assert nobody["attributable"] and nobody["counts"] == []


def test_an_address_is_erased_and_written_nowhere_and_the_counts_follow(scene):
    visit(scene)
    done = privacy(scene.server, "erase", "--ip", "-", stdin=f"{ADDRESS}\n")
    assert done.stdout.startswith("erased: 5 requests\n")
    assert requests(scene) == 2
    assert json.loads(privacy(scene.server, "export", "--ip", "-", "--format", "json", stdin=ADDRESS).stdout)["counts"] == []
    with sqlite3.connect(f"file:{scene.analytics_db}?mode=ro", uri=True) as db:
        assert db.execute("SELECT sum(requests) FROM requests WHERE label = ''").fetchone() == (2,)
    db.close()
    assert "erased" in scene.report()["days"][0]["flags"]
    assert ADDRESS not in scene.server.log()
    for path in scene.files():
        assert ADDRESS.encode() not in path.read_bytes(), path


def test_a_label_is_taken_away_and_the_requests_stay(scene):
    visit(scene)
    told = json.loads(privacy(scene.server, "erase", "--label", "campaign=spring", "--format", "json").stdout)
    assert told["requests"] == 2 and not told["pending"]
    assert requests(scene) == 7
    assert not any(b"spring" in path.read_bytes() for path in scene.files() if "visits.db" in path.name)


def test_a_request_under_way_is_covered_and_its_answer_comes_all_the_same(held_world):
    world = held_world
    server = world.server
    server.stop()
    server.config["proxies"] = ["127.0.0.1"]
    server.start()
    csr, answers = world.csr(), []
    client = threading.Thread(target=lambda: answers.append(server.sign(csr, {"X-Forwarded-For": ADDRESS})))
    client.start()
    assert world.gate.asked.wait(30)
    told = json.loads(privacy(server, "export", "--ip", ADDRESS, "--format", "json").stdout)
    assert [(row["zone"], row["outcome"], row["requests"]) for row in told["counts"]] == [(ZONE, "under way", 1)]
    assert privacy(server, "erase", "--ip", ADDRESS).stdout.startswith("erased: 1 requests\n")
    world.gate.open()
    client.join()
    check_chain(answers[0], csr)
    assert json.loads(privacy(server, "export", "--ip", ADDRESS, "--format", "json").stdout)["counts"] == []
    server.stop()
    with sqlite3.connect(f"file:{server.folder}/state/store.main/visits.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM total").fetchone() == (0,)
    db.close()


def test_moved_clock_when_the_key_is_gone_nothing_can_be_attributed_which_is_no_failure(lab, build, runtime):
    scene = Visitors(lab, MovedClock(lab.folder, build), runtime).start()
    scene.refused_posts([ADDRESS])
    scene.wait_recorded(1)
    scene.past_midnight()
    scene.wait_until(scene.key_is_destroyed, "the key was destroyed")
    for verb in ("export", "erase"):
        done = privacy(scene.server, verb, "--ip", ADDRESS)
        assert "GDPR Article 11" in done.stdout, done.stdout
    assert requests(scene) == 1
    scene.server.stop()
    done = privacy(scene.server, "erase", "--ip", ADDRESS)
    assert "Nothing that is stored can be attributed to this address" in done.stdout


def is_made(folder):
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def test_what_the_analysts_still_see_is_told(scene):
    visit(scene)
    blocked = scene.analytics_db.with_name("analytics.db.new")
    scene.wait_until(lambda: is_made(blocked), "no publication was under way")
    done = privacy(scene.server, "erase", "--label", "campaign=spring", check=False)
    assert done.returncode == 4 and "it still has what was erased" in done.stderr
    assert done.stdout == "erased: 2 requests have lost that label\n"
    scene.server.stop()
    done = privacy(scene.server, "erase", "--zone", ZONE, check=False)
    assert done.returncode == 4 and "it still has what was erased" in done.stderr
    blocked.rmdir()
    assert privacy(scene.server, "erase", "--zone", ZONE).stdout == "erased: 0 requests\n"
    assert b"spring" not in scene.analytics_db.read_bytes()


def test_without_a_server_article_11_is_not_answered_while_there_is_a_key_of_any_day(scene):
    visit(scene)
    scene.server.stop()
    old = pathlib.Path(scene.runtime) / "day-2026-01-02.key"
    old.write_bytes(bytes(32))
    done = privacy(scene.server, "erase", "--ip", ADDRESS, check=False)
    assert done.returncode == 1 and "the key of 2026-01-02 is still in" in done.stderr
    old.unlink()
    assert "GDPR Article 11" in privacy(scene.server, "erase", "--ip", ADDRESS).stdout


def test_without_a_server_what_needs_no_key_is_erased_and_a_key_that_a_crash_left_is_not_forgotten(scene):
    visit(scene)
    scene.server.kill()
    done = privacy(scene.server, "erase", "--ip", ADDRESS, check=False)
    assert done.returncode == 1 and "start the server" in done.stderr
    told = json.loads(privacy(scene.server, "erase", "--zone", ZONE, "--format", "json").stdout)
    assert told["requests"] == 3
    assert requests(scene) == 4
    assert json.loads(privacy(scene.server, "erase", "--zone", "", "--format", "json").stdout)["requests"] == 4
    scene.server.start()
    assert json.loads(privacy(scene.server, "export", "--ip", ADDRESS, "--format", "json").stdout)["counts"] == []


def test_a_public_key_is_forgotten_with_its_certificates(scene):
    csr = visit(scene)
    path = scene.lab.folder / "certificate.pem"
    path.write_bytes(scene.server.sign(csr).body)
    line = path.read_text().splitlines()[3].encode()
    assert any(line in file.read_bytes() for file in scene.files() if "state.db" in file.name)
    done = privacy(scene.server, "erase", "--spki", path)
    assert re.match(r"erased: \d+ jobs and certificates\n", done.stdout) and not done.stdout.startswith("erased: 0")
    assert scene.server.sql("SELECT 1 FROM certificate UNION SELECT 1 FROM job") == []
    assert not any(line in file.read_bytes() for file in scene.files() if "state.db" in file.name)
    assert privacy(scene.server, "erase", "--spki", path).stdout == "erased: 0 jobs and certificates\n"


def at_a_terminal(server, typed, *words):
    """What a person sees who types; the exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(word) for word in (server.program, "-c", server.conf, "privacy", *words)], stdin=theirs,
                               stdout=theirs, stderr=theirs, env={**os.environ, **server.env}, close_fds=True)
    os.close(theirs)
    os.write(ours, typed.encode())
    seen = b""
    while True:
        try:
            more = os.read(ours, 1000)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        seen += more
    os.close(ours)
    return process.wait(30), seen.decode()


def test_at_a_terminal_an_erasure_has_to_be_confirmed(scene):
    visit(scene)
    code, seen = at_a_terminal(scene.server, "no\n", "erase", "--zone", ZONE)
    assert code == 1 and "nothing was erased" in seen and f"all requests in {ZONE}, for good?" in seen
    assert requests(scene) == 7
    code, seen = at_a_terminal(scene.server, f"{ADDRESS}\nyes\n", "erase", "--ip", "-")
    assert code == 0 and "erased: 5 requests" in seen
    code, seen = at_a_terminal(scene.server, "", "erase", "--zone", ZONE, "--yes")
    assert code == 0 and "erased: 1 requests" in seen


def test_the_unit_that_forgets_keys_runs_what_is_installed_and_leaves_today_alone(scene, installed):
    visit(scene)
    unit = next(installed.prefix.glob("**/countersign-forget-keys.service")).read_text()
    command = re.search(r"^ExecStart=(\S+) -c (\S+) (.*)$", unit, re.M)
    assert command.group(1).endswith("/bin/countersign") and command.group(2).endswith("/countersign.conf")
    done = scene.server.command(*command.group(3).split())
    assert done.stdout == "key files destroyed: 0\n" and scene.key_file().exists()
    stale = scene.runtime / "day-2020-01-01.key"
    stale.write_bytes(bytes(32))
    stale.chmod(0o600)
    assert scene.server.command(*command.group(3).split()).stdout == "key files destroyed: 1\n"
    assert not stale.exists() and scene.key_file().exists()
    assert next(installed.prefix.glob("**/countersign-forget-keys.timer"))


def test_who_asks_a_server_that_is_not_there_to_confirm_is_told(scene):
    assert privacy(scene.server, "confirm").returncode == 0
    scene.server.stop()
    done = privacy(scene.server, "confirm", check=False)
    assert done.returncode == 1 and "no server answers at" in done.stderr
    assert NAME not in done.stderr

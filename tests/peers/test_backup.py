"""`countersign backup` beside a server at work, `countersign restore` elsewhere: nothing that was issued is lost, what was open
goes on, and what is not whole is not taken."""
import concurrent.futures
import datetime
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import time

import pytest

from chaos import Chaos
from child import Failed
from scene import NAME, ZONE

NAMES = [NAME, *(f"w{number}.{ZONE}" for number in range(3))]


class Worlds:
    """A server in front of a CA that counts orders, and a second one that takes its place: another folder, the same ports of
    the DNS that the CA asks."""

    def __init__(self, lab, user=None):
        self.lab = lab
        self.old = lab.server()
        if user:
            self.old.run_as(user)
        self.chaos = Chaos(lab.place("chaos"), self.old.dns_port).start()
        lab.running.insert(0, self.chaos)
        self.gate = lab.gate(self.old)
        self.gate.open()
        self.old.use_pebble(self.chaos, "chaos").start()
        self.old.add_zone(ZONE, "--parallel", "100", dns_port=self.gate.port)
        for name in NAMES:
            self.old.add_subject(f"CN={name}", ZONE)
        self.backups = self.old.folder / "backups"

    def backup(self, *more):
        done = self.old.command("backup", self.backups, "--json", *more, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def elsewhere(self):
        new = self.lab.server()
        new.config["dns"]["builtin"]["listen"] = [f"127.0.0.1:{self.old.dns_port}"]
        return new.use_pebble(self.chaos, "chaos")

    def begin(self, csr):
        """An order that waits at the closed gate: the CA has it, and its challenge value is set. Where to ask for it."""
        place = self.old.sign(csr, {"Prefer": "respond-async"}).headers["location"]
        job = place.rpartition("/")[2]
        self.old.child.wait_until(lambda: self.old.sql("SELECT 1 FROM job_challenge WHERE job = ?", job), 10, "it waits")
        return place


@pytest.fixture
def worlds(lab):
    return Worlds(lab)


def chain_of(server, place):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = server.ask("GET", place)
        if answer.status != 202:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{place} is still open")


def count_in(server, backup):
    """How many certificates a whole backup has: each with its order, which is done."""
    assert "it is whole" in server.command("restore", backup, "--check").stdout
    done = subprocess.run(["sqlite3", "-readonly", f"{backup}/store/state.db", "PRAGMA integrity_check; SELECT count(*) "
                           "FROM job JOIN certificate ON certificate.job = job.id WHERE job.state <> 'done'; "
                           "SELECT count(*) FROM certificate;"], capture_output=True, text=True, check=True)
    ok, torn, n = done.stdout.split()
    assert (ok, torn) == ("ok", "0")
    return int(n)


def test_a_backup_while_orders_run_is_restored_elsewhere_with_all_chains_and_orders_go_on(lab, worlds):
    csrs = [lab.csr() for _ in range(24)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = pool.map(worlds.old.sign, csrs)
        made = [worlds.backup() for _ in range(20)]
        chains = {csr: answer for csr, answer in zip(csrs, answers)}
    assert {answer.status for answer in chains.values()} == {200}
    assert len({one["backup"] for one in made}) == 20 and len(list(worlds.backups.iterdir())) == 20
    counts = [count_in(worlds.old, one["backup"]) for one in made]
    assert counts == sorted(counts) and counts[0] < len(csrs), "no order ran beside"

    worlds.gate.close()
    places = [worlds.begin(lab.csr(name)) for name in NAMES[1:]]
    backup = worlds.backup()["backup"]
    orders = len(worlds.chaos.orders())
    worlds.old.kill()

    new = worlds.elsewhere()
    said = new.command("restore", backup).stdout
    assert "open orders that go on with the next start: 3\n" in said
    new.start()
    for csr, answer in chains.items():
        assert new.sign(csr).body == answer.body
    worlds.gate.open()
    for place in places:
        assert chain_of(new, place).body.startswith(b"-----BEGIN CERTIFICATE-----")
    assert len(worlds.chaos.orders()) == orders, "an order was made twice"
    assert [order["finalized"] for order in worlds.chaos.orders()] == [1] * orders
    new.stop()
    told = [json.loads(line) for line in (new.folder / "state/audit.jsonl").read_text().splitlines()]
    kinds = [event["kind"] for event in told]
    assert "restored" in kinds and kinds.count("issued") >= 3
    old = [json.loads(line) for line in (worlds.old.folder / "state/audit.jsonl").read_text().splitlines()]
    numbers = {event["number"]: event for event in old}
    assert len(numbers) == len(old) >= 24
    assert [event for event in told if numbers.get(event["number"], event) != event] == [], "a number means two things"


def test_an_order_that_was_issued_after_the_backup_is_fetched_and_not_made_again(lab, worlds):
    worlds.gate.close()
    place = worlds.begin(lab.csr())
    backup = worlds.backup()["backup"]
    worlds.gate.open()
    chain = chain_of(worlds.old, place).body
    worlds.old.stop()
    new = worlds.elsewhere()
    new.command("restore", backup)
    new.start()
    assert chain_of(new, place).body == chain
    assert len(worlds.chaos.orders()) == 1


# ---- what is refused -----------------------------------------------------------------------------------------------------

def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def lead_out(path):
    manifest = json.loads(path.read_text())
    manifest["files"][0]["path"] = "state/../../../etc/passwd"
    path.write_text(json.dumps(manifest))


HARMS = [
    (flip, "store/state.db", "is not as it was written"),
    (cut, "store/visits.db", "is not as it was written"),
    (flip, "state/ca.chaos/account.pem", "is not as it was written"),
    (lambda path: path.unlink(), "state/ca.chaos/account.pem", "cannot be read: No such file"),
    (lambda path: path.write_text("x"), "state/ca.chaos/extra.pem", "extra.pem is not in the manifest"),
    (lambda path: path.write_text(""), "store/state.db-wal", "state.db-wal is not in the manifest"),
    (lambda path: path.symlink_to("/etc"), "state/ca.other", "ca.other is not in the manifest"),
    (lambda path: path.unlink(), "manifest.json", "is no backup: it has no manifest.json"),
    (cut, "manifest.json", "is damaged: line"),
    (lead_out, "manifest.json", "is not as `countersign backup` writes it"),
    (lambda path: path.write_text('{"format":2,"version":"9.0.0"}'), "manifest.json", "the version that made it, 9.0.0"),
]


def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_touched(worlds):
    good = worlds.backup()["backup"]
    new = worlds.elsewhere()
    for number, (harm, file, says) in enumerate(HARMS):
        backup = shutil.copytree(good, worlds.old.folder / f"copy{number}")
        harm(backup / file)
        for more in (["--check"], ["--force"]):
            done = new.command("restore", backup, *more, check=False)
            assert done.returncode == 1 and says in done.stderr, done.stderr
    files = [str(path.relative_to(new.folder)) for path in new.folder.rglob("*") if path.is_file()]
    assert sorted(files) == ["countersign.conf", "state/lock"]


def test_a_state_in_use_and_one_that_is_there_are_not_overwritten(lab, worlds):
    csr = lab.csr()
    chain = worlds.old.sign(csr).body
    backup = worlds.backup()["backup"]
    done = worlds.old.command("restore", backup, "--force", check=False)
    assert done.returncode == 1 and f"in use by process {worlds.old.child.pid}" in done.stderr
    worlds.old.stop()
    done = worlds.old.command("restore", backup, check=False)
    assert done.returncode == 1 and "there is a state database already" in done.stderr and "--force" in done.stderr
    keys = worlds.old.folder / "state/ca.chaos"
    keys.rename(keys.with_name("away"))
    done = worlds.old.command("restore", backup, check=False)
    assert "there is a state database already" in done.stderr and not keys.exists(), "keys came before what refuses the store"
    keys.with_name("away").rename(keys)
    key = worlds.old.folder / "state/ca.chaos/account.pem"
    before = key.read_bytes()
    key.write_text("another")
    assert "other files" in worlds.old.command("restore", backup, check=False).stderr
    said = worlds.old.command("restore", backup, "--force").stdout
    assert key.read_bytes() == before and "visits.db stays as it is" in said
    put_aside, = worlds.old.folder.glob("state/ca.chaos.replaced-*/account.pem")
    assert put_aside.read_text() == "another"
    replaced, = worlds.old.folder.glob("state/store.main/state.db.replaced-*Z")
    replacing = replaced.rename(replaced.with_name(replaced.name.replace("replaced", "replacing")))
    worlds.old.database.rename(worlds.old.database.with_name("away"))  # a restore that was cut off in between
    with pytest.raises(Failed) as ended:
        worlds.old.start()
    assert "by a restore that did not come to its end" in ended.value.log
    assert f"{replaced} now" in worlds.old.command("restore", backup).stdout
    assert replaced.exists() and not replacing.exists()
    worlds.old.start()
    assert worlds.old.sign(csr).body == chain


def test_a_log_without_its_database_is_not_read_into_the_restored_one(lab, worlds):
    backup = worlds.backup("--visits", "all")["backup"]
    worlds.old.add_subject(f"CN=later.{ZONE}", ZONE)
    worlds.old.kill()
    folder = worlds.old.database.parent
    for name in ("state.db", "visits.db"):
        (folder / name).unlink()
        (folder / f"{name}-wal").touch()
    said = worlds.old.command("restore", backup).stdout
    for name in ("state.db", "visits.db"):
        log, = folder.glob(f"{name}.replaced-*Z-wal")
        assert str(log) in said
    assert f"later.{ZONE}" not in worlds.old.command("subject", "list").stdout


def test_when_only_the_database_is_lost_the_keys_that_are_there_stay(lab, worlds):
    csr = lab.csr()
    chain = worlds.old.sign(csr).body
    key, vault = worlds.old.folder / "state/ca.chaos/account.pem", worlds.old.folder / "vault.pem"
    key.rename(vault)
    key.symlink_to(vault)
    backup = worlds.backup()["backup"]
    copy = pathlib.Path(backup, "state/ca.chaos/account.pem")
    assert not copy.is_symlink() and copy.read_bytes() == vault.read_bytes()
    worlds.old.stop()
    for path in worlds.old.database.parent.glob("state.db*"):
        path.unlink()
    worlds.old.command("restore", backup)
    assert key.is_symlink() and not list(worlds.old.folder.glob("state/*replaced*"))
    worlds.old.start()
    assert worlds.old.sign(csr).body == chain


# ---- what fails on the way -----------------------------------------------------------------------------------------------

APART = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]


def with_mounts(server, before, after, *words):
    """A subcommand between lines of a shell in a mount namespace of its own."""
    server.write_config()
    command = " ".join(str(word) for word in (server.program, "-c", server.conf, *words))
    return subprocess.run([*APART, f"{before} && {{ {command}; code=$?; {after}; exit $code; }}"], capture_output=True,
                          text=True, timeout=60)


def other_keys(worlds):
    """A backup, and a server that was stopped and has another key by now: that key's file and the backup's content of it."""
    backup = worlds.backup()["backup"]
    worlds.old.stop()
    key = worlds.old.folder / "state/ca.chaos/account.pem"
    before = key.read_bytes()
    key.write_text("another")
    return backup, key, before


def test_what_is_in_the_way_of_a_copy_is_found_before_anything_has_changed(worlds):
    backup, key, before = other_keys(worlds)
    in_the_way = worlds.old.database.with_name("state.db.restored")
    in_the_way.mkdir()
    done = worlds.old.command("restore", backup, "--force", check=False)
    assert done.returncode == 1 and f"{in_the_way} is in the way: rename or remove it" in done.stderr
    assert done.stderr.endswith("nothing that was there has changed\n")
    assert key.read_text() == "another" and worlds.old.database.exists()
    in_the_way.rmdir()
    assert not [path for path in (worlds.old.folder / "state").rglob("*") if ".re" in path.name]
    key.parent.with_name("ca.chaos.restored").mkdir()  # of a run that was killed
    worlds.old.command("restore", backup, "--force")
    assert key.read_bytes() == before
    worlds.old.start()


def test_a_restore_that_ends_halfway_says_where_everything_lies_and_is_finished_by_the_next(lab, worlds):
    csr = lab.csr()
    chain = worlds.old.sign(csr).body
    backup, key, before = other_keys(worlds)
    database = worlds.old.database
    done = with_mounts(worlds.old, f"mount --bind {database} {database}", "true", "restore", backup, "--force")
    assert done.returncode == 1 and "state.db cannot be put aside" in done.stderr, done.stderr
    put_aside, = key.parent.parent.glob("ca.chaos.replaced-*")
    assert f"{key.parent} lies at {put_aside} now" in done.stderr and "Run the same command again" in done.stderr
    assert key.read_bytes() == before and (put_aside / "account.pem").read_text() == "another"
    assert database.exists() and not list(database.parent.glob("*.restored*"))
    said = worlds.old.command("restore", backup, "--force").stdout
    assert f"{put_aside} lies there since an earlier restore" in said
    replaced, = database.parent.glob("state.db.replaced-*Z")
    assert f"{replaced} now" in said
    assert sorted(path.name for path in key.parent.parent.glob("ca.*")) == ["ca.chaos", put_aside.name]
    worlds.old.start()
    assert worlds.old.sign(csr).body == chain


def test_the_room_of_all_files_is_looked_for_before_the_first_has_its_place(worlds):
    backup = worlds.backup("--visits", "all")["backup"]
    state = worlds.elsewhere()
    size = sum(os.stat(f"{backup}/store/{name}.db").st_size for name in ("state", "visits"))
    folder = state.folder / "state"
    folder.mkdir()

    def restore(room):
        disk = f"mount -t tmpfs -o size={room},mode=700 disk {folder}"
        return with_mounts(state, disk, f"find {folder} -type f", "restore", backup)

    done = restore(size)
    assert done.returncode == 1 and "there is no room for" in done.stderr, done.stderr
    assert done.stdout.split() == [f"{folder}/lock"] and "nothing that was there has changed" in done.stderr
    done = restore(size + (2 << 20))
    assert done.returncode == 0 and f"{folder}/ca.chaos/account.pem" in done.stdout, done.stderr


# ---- where it is made ----------------------------------------------------------------------------------------------------

def test_nobody_else_may_read_it_and_what_was_cut_off_goes(lab):
    worlds = Worlds(lab, "nobody")
    nobody = pwd.getpwnam("nobody")
    done = worlds.old.command("backup", worlds.backups, check=False)
    advice = re.search(r"install -d -o nobody -m 700 \S+", done.stderr)
    assert done.returncode == 1 and "Permission denied" in done.stderr and not worlds.backups.exists()
    subprocess.run(advice[0].split(), check=True)
    (worlds.backups / ".partial-99999/store").mkdir(parents=True)
    (worlds.backups / ".partial-99999/store/state.db").write_text("half")
    os.chown(worlds.backups / ".partial-99999/store", nobody.pw_uid, -1)
    os.chown(worlds.backups / ".partial-99999", nobody.pw_uid, -1)
    made = worlds.backup()
    assert {path.stat().st_uid for path in worlds.backups.rglob("*")} == {nobody.pw_uid}
    modes = {oct(path.stat().st_mode & 0o7777) for path in worlds.backups.rglob("*") if path.is_file()}
    assert modes == {"0o600"}
    assert {oct(path.stat().st_mode & 0o7777) for path in worlds.backups.rglob("*") if path.is_dir()} == {"0o700"}
    assert [str(path) for path in worlds.backups.iterdir()] == [made["backup"]]
    tomorrow = datetime.date.fromisoformat(made["created"][:10]) + datetime.timedelta(days=1)
    assert made["visits"] == "totals" and made["forget_by"] == str(tomorrow) and str(worlds.old.conf) in made["left_out"]
    assert str(worlds.chaos.ca_file) in made["left_out"] and str(worlds.old.folder / "state/audit.jsonl") in made["left_out"]


def test_what_cannot_be_backed_up_leaves_nothing_and_says_why(worlds):
    file = worlds.old.folder / "file"
    file.write_text("")
    done = worlds.old.command("backup", file, check=False)
    assert done.returncode == 1 and "install -d -o" in done.stderr
    worlds.old.sql("PRAGMA user_version = 99")
    done = worlds.old.command("backup", worlds.backups, check=False)
    assert done.returncode == 1 and "a newer Countersign wrote it" in done.stderr
    assert list(worlds.backups.iterdir()) == []
    for words in (["backup"], ["backup", "a", "b"], ["backup", "a", "--visits", "some"], ["restore"],
                  ["restore", "a", "--what"]):
        assert worlds.old.command(*words, check=False).returncode == 2

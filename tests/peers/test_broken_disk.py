"""A disk that breaks under a running server (docs/store.md): every failure of every file has an outcome that is known, nothing
is issued without its record, and all goes on by itself. The disk is tests/fakes/bad_disk.c, preloaded."""
import pathlib
import time

import pytest

from chain import check_chain
from child import run
from disks import PATIENCE_S, Books, end_of_start

FAKES = pathlib.Path(__file__).resolve().parent.parent / "fakes"


@pytest.fixture(scope="module")
def bad_disk(tmp_path_factory):
    """The shared object that makes calls on files fail."""
    shim = tmp_path_factory.mktemp("bad_disk") / "bad_disk.so"
    run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", shim, FAKES / "bad_disk.c"], "bad_disk.c was not built")
    return shim


class Breaking:
    """A scene whose disk fails as it is told: `writes, errno, pattern` as bad_disk.c has it."""

    def __init__(self, lab, shim):
        self.scene = Books(lab, reserve="1M")
        self.control = self.scene.server.folder / "bad_disk"
        self.control.write_text("")
        self.scene.server.env = {"LD_PRELOAD": str(shim), "BAD_DISK": str(self.control)}
        self.scene.start()

    def fail(self, *lines):
        new = self.control.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in lines))
        new.replace(self.control)

    def heal(self):
        self.fail()


@pytest.fixture
def breaking(lab, bad_disk, build):
    if build.name != "plain":
        pytest.fail("a preloaded object goes before a sanitizer's own: run this with the plain build")
    return Breaking(lab, bad_disk)


LOG_FAILS = {
    "the disk is full": ["write 28 *state.db-wal", "allocate 28 *state.db-wal"],
    "the quota is used up": ["write 122 *state.db-wal", "allocate 122 *state.db-wal"],
    "no fsync works": ["sync 5 *state.db-wal"],
    "the disk became read-only": ["write 30 *state.db-wal", "sync 30 *state.db-wal", "open 30 *state.db-wal"],
}


def test_whatever_the_log_fails_of_is_refused_said_once_and_healed(breaking, say):
    scene, server = breaking.scene, breaking.scene.server
    for what, lines in LOG_FAILS.items():
        path = scene.server.child.log_start + len(server.log().encode())
        breaking.fail(*lines)
        for _ in range(3):
            scene.refused()
        scene.until(lambda: not scene.ready()[0], PATIENCE_S, what)
        cpu = server.cpu_ms()
        time.sleep(0.25)
        assert server.cpu_ms() - cpu < 100, f"{what}: a hot loop"
        breaking.heal()
        seconds = scene.healed()
        log = server.log().encode()[path - server.child.log_start:].decode()
        assert log.count("records cannot be written:") <= 1 and log.count("new orders are refused:") <= 1, log
        say(f"{what}: refused, and a chain {seconds:.1f} s after it was over")
    scene.check_records()


def test_an_order_never_gets_to_finalize_while_nothing_can_be_written(breaking):
    scene = breaking.scene
    scene.chaos.change(validation_delay=0.5)
    path = scene.post_async()
    scene.until(lambda: scene.chaos.log("challenge"), 20, "the challenge's answer")
    breaking.fail(*LOG_FAILS["the disk is full"])
    time.sleep(1.6)  # validated, and a second for the next try
    assert scene.look(path).status == 202
    assert not scene.chaos.log("finalize")
    breaking.heal()
    scene.until(lambda: scene.look(path).status == 200, PATIENCE_S, "the chain")
    assert scene.check_records() == 1


def until_chain_is_kept(breaking):
    """An order whose certificate the CA has, while the store takes nothing; its path."""
    scene = breaking.scene
    scene.chaos.fault("processing-forever times=always")
    path = scene.post_async()
    scene.until(lambda: scene.chaos.log("finalize"), 20, "finalize")
    breaking.fail(*LOG_FAILS["the disk is full"])
    scene.chaos.clear()
    scene.until(lambda: "the store takes nothing of this order, trying again serial=" in scene.server.log(), 20, "the chain")
    return path


def test_a_chain_that_cannot_be_stored_is_kept_and_not_handed_out_before_its_record(breaking):
    scene = breaking.scene
    path = until_chain_is_kept(breaking)
    time.sleep(1.1)  # one more try
    assert scene.look(path).status == 202
    assert not scene.server.sql("SELECT serial FROM certificate")
    assert scene.server.log().count("the store takes nothing of this order") == 1
    breaking.heal()
    scene.until(lambda: scene.look(path).status == 200, PATIENCE_S, "the chain")
    assert scene.check_records() == 1


def test_a_chain_that_could_not_be_stored_before_the_stop_is_downloaded_by_the_next_start(breaking):
    scene, server = breaking.scene, breaking.scene.server
    path = until_chain_is_kept(breaking)
    child = server.child
    server.stop()
    assert "a chain could not be stored before the end, serial=" in child.log()
    breaking.heal()
    server.start()
    scene.until(lambda: scene.look(path).status == 200, 10, "the chain")
    assert scene.check_records() == 1
    assert len(scene.chaos.orders()) == 1


def test_what_the_database_fails_of_loses_nothing(breaking):
    """Commits go on in the log; the copy into the database fails, which refuses new orders."""
    scene, server = breaking.scene, breaking.scene.server
    breaking.fail("write 5 *state.db", "sync 5 *state.db")
    assert scene.post().status == 200
    # What the administrator adds fills the log; with the next order a thousand pages want to be copied.
    server.sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
               "INSERT INTO zone (zone, dns) SELECT 'zone-' || i || '-with-a-long-name.example', 'builtin' FROM n")
    scene.until(lambda: scene.post().status == 503, 10, "a refusal")
    scene.refused()
    scene.unready("check the disk")
    breaking.heal()
    scene.healed()
    scene.check_records()


def test_what_is_not_the_state_stops_no_certificate(breaking):
    scene = breaking.scene
    for lines in (["write 5 *visits.db*", "sync 5 *visits.db*"], ["write 5 *analytics.db*"], ["sync 5 *audit.jsonl"],
                  ["write 28 *audit.jsonl"]):
        breaking.fail(*lines)
        for _ in range(2):
            csr = scene.csr()
            check_chain(scene.post(csr), csr)
        assert scene.ready()[0]
    breaking.heal()
    assert scene.check_records() == 8


def test_reads_that_fail_are_answered_and_pass(breaking):
    scene, server = breaking.scene, breaking.scene.server
    scene.post()
    server.stop()
    server.start()
    breaking.fail("read 5 *state.db*")
    scene.refused()
    assert server.ask("GET", "/healthz", port=server.admin_port).status == 200
    breaking.heal()
    scene.healed()
    assert "damaged" not in server.log()
    scene.check_records()


def test_an_account_key_that_cannot_be_read_stops_the_start_with_its_name(breaking):
    scene, server = breaking.scene, breaking.scene.server
    scene.post()
    server.stop()
    breaking.fail("read 5 *account.pem")
    code, log = end_of_start(server)
    assert code == 1 and "account" in log and "cannot be read" in log
    breaking.heal()
    server.start()
    scene.healed()

"""A disk that is full or read-only, and a database that is damaged (docs/store.md): nothing is issued without its record,
nothing is lost, and all goes on by itself. The disk is a small tmpfs in a mount namespace of ours."""
import contextlib
import ctypes
import os
import re
import resource
import subprocess

import dns.message
import dns.query
import pytest

from chain import check_chain
from disks import Books, end_of_start
from scene import ZONE

NEWNS = 0x00020000


@pytest.fixture(scope="module")
def mounts():
    """From here on this process has mounts of its own: they are gone with it, whatever happens."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(NEWNS) == 0, os.strerror(ctypes.get_errno())
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def mount(scene, size):
    scene.state.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "disk", str(scene.state)], check=True)


def unmount(scene):
    subprocess.run(["umount", "-l", str(scene.state)], check=True)


def fill(scene):
    """To the last byte, as a log that runs away does."""
    with open(scene.state / "others", "wb", buffering=0) as file, contextlib.suppress(OSError):
        block = bytes(1 << 16)
        while True:
            if file.write(block) < len(block):
                block = bytes(1)


def asks_dns(server):
    reply = dns.query.udp(dns.message.make_query(ZONE, "SOA"), "127.0.0.1", port=server.dns_port, timeout=20)
    return len(reply.answer) == 1


@pytest.fixture
def tiny(lab, mounts):
    """The state folder is a file system of 48 MiB."""
    scene = Books(lab)
    mount(scene, "48m")
    yield scene.start()
    scene.server.stop()
    unmount(scene)


def test_a_disk_that_fills_up_under_orders_refuses_new_ones_ends_those_and_heals(tiny, say):
    scene, server = tiny, tiny.server
    stored = scene.csr()
    chain = scene.post(stored)
    check_chain(chain, stored)
    scene.chaos.change(validation_delay=0.8)
    under_way = [scene.post_async() for _ in range(12)]
    fill(scene)
    refused = [scene.refused() for _ in range(5)]
    scene.unready("full")
    assert server.metric("countersign_store_refusing") == 1
    assert server.ask("GET", "/healthz", port=server.admin_port).status == 200
    assert asks_dns(server)
    again = scene.post(stored)
    assert again.status == 200 and again.body == chain.body
    scene.until(lambda: all(scene.look(path).status == 200 for path in under_way), 40, "the end of what was under way")
    scene.chaos.change(validation_delay=0)
    assert os.statvfs(scene.state).f_bavail == 0
    done = server.command("check", check=False)
    assert done.returncode == 1 and "make room there" in done.stderr, done
    (scene.state / "others").unlink()
    seconds = scene.healed()
    for csr in refused:
        check_chain(scene.post(csr), csr)
    assert server.metric("countersign_store_refusing") == 0
    log = server.log()
    assert log.count("new orders are refused:") == 1 and log.count("new orders are taken again") == 1
    assert scene.check_records() == 1 + 12 + 1 + 5
    say(f"a full disk: 12 orders under way ended on it, 5 were refused, a chain {seconds:.1f} s after there was room")


def test_a_limit_on_the_size_of_files_is_a_full_disk_and_kills_nobody(lab):
    scene = Books(lab).start()
    server = scene.server
    _, hard = resource.prlimit(server.child.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.child.pid, resource.RLIMIT_FSIZE, (1 << 16, hard))
    scene.refused()
    scene.unready("LimitFSIZE")
    resource.prlimit(server.child.pid, resource.RLIMIT_FSIZE, (hard, hard))
    scene.healed()
    scene.check_records()


# ---- the start -----------------------------------------------------------------------------------------------------------


def test_a_read_only_disk_is_named_at_the_start(lab, mounts):
    scene = Books(lab)
    mount(scene, "48m")
    scene.start()
    scene.post()
    scene.server.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(scene.state)], check=True)
    code, log = end_of_start(scene.server)
    assert code == 1
    assert "cannot start:" in log and "Read-only file system" in log and "mount -o remount,rw" in log, log
    done = scene.server.command("check", check=False)
    assert done.returncode == 1 and "read-only" in done.stderr, done
    subprocess.run(["mount", "-o", "remount,rw", str(scene.state)], check=True)
    assert scene.server.command("check").returncode == 0
    scene.server.start()
    scene.healed()
    assert scene.check_records() == 2
    scene.server.stop()
    unmount(scene)


def damage(path, page=8):
    with open(path, "r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))


def test_a_damaged_database_is_put_aside_and_a_backup_brings_all_back(lab):
    scene, server = Books(lab), None
    scene.start()
    server = scene.server
    csr = scene.csr()
    check_chain(scene.post(csr), csr)
    backup = server.folder / "backup.db"
    server.sql(f"VACUUM INTO '{backup}'")
    server.stop()
    assert server.command("check").returncode == 0
    damage(server.database)
    done = server.command("check", check=False)
    assert done.returncode == 1 and "is damaged" in done.stderr, done
    assert server.database.exists()
    for _ in range(2):
        code, log = end_of_start(server)
        assert code == 1 and "to restore a backup: cp BACKUP" in log and "to begin anew:" in log, log
        assert not server.database.exists()
    (aside,) = server.database.parent.glob("state.db.damaged-*Z")
    assert aside.stat().st_mode & 0o777 == 0o600
    done = server.command("check", check=False)
    assert done.returncode == 1 and str(aside) in done.stderr
    command = re.search(r"to restore a backup: (.*)", log)[1].replace("BACKUP", str(backup))
    subprocess.run(["sh", "-ec", command], check=True)
    server.start()
    check_chain(scene.post(csr), csr)
    assert len(scene.chaos.orders()) == 1  # the chain that was stored
    assert aside.exists()


def test_damaged_visits_are_put_aside_and_certificates_issued(lab):
    scene = Books(lab).start()
    server = scene.server
    scene.post()
    server.stop()
    visits = server.database.with_name("visits.db")
    visits.write_bytes(b"x" * 9000)
    server.start()
    for _ in range(2):
        csr = scene.csr()
        check_chain(scene.post(csr), csr)
    assert server.metric("countersign_visits_lost_total") == 2
    metrics = server.ask("GET", "/metrics", port=server.admin_port).body.decode()
    assert 'countersign_store_failing{records="visits"} 1' in metrics
    assert "no visits are recorded until the next start" in server.log()
    (aside,) = visits.parent.glob("visits.db.damaged-*Z")
    done = server.command("check", check=False)
    assert done.returncode == 1 and str(aside) in done.stderr
    server.stop()
    aside.unlink()
    server.start()
    scene.post()
    assert server.metric("countersign_visits_lost_total") == 0
    assert scene.check_records() == 4

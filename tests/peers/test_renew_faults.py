"""Renewing when something goes wrong: the deploy program, kill -9, disks, many at once; and with real CAs (docs/renew.md)."""
import configparser
import datetime
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time

import pytest

from moved import DAY, MovedClock
from renewing import KINDS, Renewer, start_of
from scene import NAME as LAB_NAME
from scene import ZONE, World
from signer import DEPLOY_FAILED, FAILED, LATER, NAME, NOTHING_DUE, OK, running
from waiting import until

OLD = {"age_days": 61, "days": 29}
SIDE = ".countersign-"


@pytest.fixture
def server(signing):
    return signing.anew()


@pytest.fixture(params=KINDS[:2])
def client(request, installed, tmp_path, server):
    return Renewer(start_of(installed, request.param), tmp_path / "client", server.url)


# ---- The deploy program ------------------------------------------------------------------------------------------------

def test_the_deploy_program_is_told_all(client, server):
    seen = client.folder.parent / "seen"
    program = client.program(f'{{ echo "$0 $# $1 $2"; env; umask; cat; pwd; }} >"{seen}"; echo loud')
    done = client("--deploy", program, "--san", "b.trial.example", before=["sh", "-c", 'umask 027; exec "$@"', "-"])
    assert done.returncode == OK and done.json["deploy_exit"] == 0, done.stderr
    assert "loud" in done.stderr
    lines = seen.read_text().splitlines()
    assert lines[0] == f"{program} 2 {client.chain} {client.key}" and lines[-1] == str(client.folder)
    for line in (f"COUNTERSIGN_CHAIN={client.chain}", f"COUNTERSIGN_KEY={client.key}",
                 f"COUNTERSIGN_NAMES={NAME} b.trial.example", f"COUNTERSIGN_SERIAL={done.json['serial']}",
                 f"COUNTERSIGN_NOT_AFTER={done.json['not_after']}", "0027"):
        assert line in lines
    seen.unlink()
    assert client("--deploy", program, "--san", "b.trial.example").returncode == NOTHING_DUE
    assert not seen.exists()
    client.chain.unlink()
    assert client("--deploy", "true").returncode == OK, "PATH is searched"


@pytest.mark.parametrize("client, new_key", [("countersign", []), ("countersign", ["--new-key"]), ("dash", ["--new-key"]),
                                             ("busybox", ["--new-key"])], indirect=["client"])
def test_a_failed_deploy_program_keeps_the_old_files(client, server, new_key):
    client.put(server.authority, **OLD)
    before, inode = client.contents(), client.chain.stat().st_ino
    works = client.folder.parent / "works"
    program = client.program(f'[ -e "{works}" ] || exit 3; cmp -s "$1" "{client.chain}"')
    for _ in range(2):
        done = client("--deploy", program, *new_key)
        assert done.returncode == DEPLOY_FAILED and done.json["deploy_exit"] == 3, done.stderr
        assert "old files are in place again" in done.json["error"]
        assert {name: data for name, data in client.contents().items() if SIDE not in name} == before
        assert client.chain.stat().st_ino == inode
        assert int(done.json["serial"], 16) == client.leaf().serial_number
        assert sorted(name for name in client.files() if SIDE in name) == sorted(
            ["chain.pem" + SIDE + "new", *(["key.pem" + SIDE + "new"] if new_key else [])])
    works.touch()
    assert client("--deploy", program, *new_key).returncode == OK
    assert len(server.asked) == 1, "the certificate that there was is tried again"
    assert client.fits() and client.files() == ["chain.pem", "key.pem"]
    assert (client.key.read_bytes() != before["key.pem"]) == bool(new_key) and client.chain.read_bytes() != before["chain.pem"]


def test_a_deploy_program_that_hangs_or_is_missing_has_failed(client, server):
    client.put(server.authority, **OLD)
    before = client.contents()
    start = time.monotonic()
    done = client("--deploy", client.program("exec sleep 300"), "--deploy-timeout", "1")
    assert done.returncode == DEPLOY_FAILED and "within 1 s" in done.json["error"], done.stderr
    assert time.monotonic() - start < 60
    done = client("--deploy", "/nonexistent/program")
    assert done.returncode == DEPLOY_FAILED and done.json["deploy_exit"] == 127
    assert client.key.read_bytes() == before["key.pem"] and client.chain.read_bytes() == before["chain.pem"]
    server.asked.clear()
    shutil.rmtree(client.folder)
    client.folder.mkdir()
    done = client("--deploy", "false")
    assert done.returncode == DEPLOY_FAILED and "new ones stay" in done.json["error"]
    assert client.fits()
    assert client("--deploy", "false").returncode == DEPLOY_FAILED
    assert client("--deploy", "true").returncode == OK
    assert client("--deploy", "false").returncode == NOTHING_DUE
    assert len(server.asked) == 1 and client.files() == ["chain.pem", "key.pem"]


def test_a_program_that_fails_has_failed_whoever_ignores_sigchld(client, server):
    client.put(server.authority, **OLD)
    before = client.contents()
    done = client("--deploy", client.program("sleep 0.1; exit 3"), before=["env", "--ignore-signal=CHLD"])
    assert done.returncode == DEPLOY_FAILED and done.json["deploy_exit"] == 3, done.stderr
    assert client.key.read_bytes() == before["key.pem"] and client.chain.read_bytes() == before["chain.pem"]


def test_another_subject_is_still_due_when_the_deploy_program_fails(client, server):
    words = ["--csr", "kept.csr", "--new-key", "--subject"]
    assert client(*words, f"/O=One/CN={NAME}", name=None).returncode == OK
    before = client.contents()
    failed = client(*words, f"/O=Two/CN={NAME}", "--deploy", "false", name=None)
    assert failed.returncode == DEPLOY_FAILED and before.items() <= client.contents().items(), failed.stderr
    done = client(*words, f"/O=Two/CN={NAME}", "--deploy", "true", name=None)
    assert done.returncode == OK and done.json["deploy_exit"] == 0, done.stderr
    assert len(server.asked) == 2 and client.files() == ["chain.pem", "kept.csr", "key.pem"]
    assert client(*words, f"/O=Two/CN={NAME}", name=None).returncode == NOTHING_DUE


def test_a_run_that_is_ended_ends_its_deploy_program_first(client, server):
    """Otherwise the next run would start another one beside it."""
    client.put(server.authority, **OLD)
    started = client.folder.parent / "started"
    child = client.begin("--json", "--deploy", client.program(f'echo $$ >"{started}"; exec sleep 300', "long"))
    try:
        until(lambda: started.exists() and started.read_text(), 60)
        child.terminate()
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
        with pytest.raises(ProcessLookupError):
            os.kill(int(started.read_text()), signal.SIGKILL)
    assert child.returncode == LATER and json.loads(out)["result"] == "later" and "next run" in json.loads(out)["error"], err
    done = client("--deploy", client.program("exit 0", "works"))
    assert done.returncode == OK and done.json["deploy_exit"] == 0, done.stderr
    assert len(server.asked) == 1 and client.files() == ["chain.pem", "key.pem"]


def test_a_run_that_is_killed_in_its_deploy_program_deploys_at_the_next(client, server):
    client.put(server.authority, **OLD)
    started = client.folder.parent / "started"
    child = client.begin("--new-key", "--deploy", client.program(f'echo $$ >"{started}"; exec sleep 300', "hang"))
    try:
        until(lambda: started.exists() and started.read_text(), 60)
    finally:
        child.kill()
        child.wait()
        os.kill(int(started.read_text()), signal.SIGKILL)
    assert client.fits()
    done = client("--new-key", "--deploy", client.program("exit 0", "works"))
    assert done.returncode == OK and done.json["deploy_exit"] == 0, done.stderr
    assert len(server.asked) == 1 and client.files() == ["chain.pem", "key.pem"] and client.fits()


# ---- kill -9 -----------------------------------------------------------------------------------------------------------

def test_a_run_that_is_killed_while_it_waits_goes_on_with_the_same_key(client, server):
    client.put(server.authority, **OLD)
    before = client.contents()
    server.answers = [running("publish")]
    child = client.begin("--new-key")
    until(lambda: server.asked, 60)
    child.kill()
    child.wait()
    first = server.csr().public_key().public_numbers()
    assert client.key.read_bytes() == before["key.pem"] and client.chain.read_bytes() == before["chain.pem"]
    server.answers = [server.issue]
    done = client("--new-key")
    assert done.returncode == OK, done.stderr
    assert server.csr().public_key().public_numbers() == first, "the same order is joined"
    assert client.leaf().public_key().public_numbers() == first
    assert client.fits() and client.files() == ["chain.pem", "key.pem"]


SHIM = """#!/bin/sh
n=$(($(cat {folder}/count) + 1))
echo $n >{folder}/count
if [ $n = "$KILL_AT" ]; then
    kill -9 "$(cat {folder}/pid)"
    exit 1
fi
exec {program} "$@"
"""


def shims(folder):
    """An mv that kills its caller before the KILL_AT-th of them; the words that begin a run with it."""
    folder.mkdir()
    (folder / "mv").write_text(SHIM.format(folder=folder, program=shutil.which("mv")))
    (folder / "mv").chmod(0o755)
    return ["sh", "-c", f'echo 0 >{folder}/count; echo $$ >{folder}/pid; exec "$@"', "-"]


def test_the_shell_client_is_killed_between_key_and_chain_and_its_program_goes_on_failing(installed, tmp_path, server):
    client = Renewer(start_of(installed, "dash"), tmp_path / "client", server.url)
    before = shims(tmp_path / "shims")
    for at in (5, 6, 7):  # of key-new, chain-new, undeployed; key, chain; and back: key, chain
        for path in client.folder.iterdir():
            path.unlink()
        client.put(server.authority, **OLD)
        old = client.contents()
        client.env = {"PATH": f"{tmp_path}/shims:{os.environ['PATH']}", "KILL_AT": str(at)}
        child = client.begin("--new-key", "--deploy", "false", before=before)
        child.communicate(timeout=60)
        assert child.returncode == -signal.SIGKILL
        assert client.fits() == (at == 6), at
        client.env = {}
        assert client("--new-key", "--deploy", "false").returncode == DEPLOY_FAILED, at
        assert (client.key.read_bytes(), client.chain.read_bytes()) == (old["key.pem"], old["chain.pem"]), at
    done = client("--new-key", "--deploy", "true")
    assert done.returncode == OK and client.fits() and client.files() == ["chain.pem", "key.pem"], done.stderr


def test_each_client_mends_what_the_other_left(installed, tmp_path, server):
    one, other = (Renewer(start_of(installed, kind), tmp_path / "client", server.url) for kind in ("countersign", "dash"))
    for client in (one, other):
        client.put(server.authority, **OLD)
        (other if client is one else one)("--new-key", "--deploy", "false")
        (client.folder / ("key.pem" + SIDE + "new")).rename(client.key)  # cut off between the two renames
        done = client("--deploy", "true")
        assert done.returncode == OK and "put right" in done.stderr, done.stderr
        assert client.fits() and client.files() == ["chain.pem", "key.pem"]
    assert len(server.asked) == 2


# ---- Disks -------------------------------------------------------------------------------------------------------------

APART = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
FULL = ('cp "$0"/*.pem "$0"/.. && mount -t tmpfs -o size=24k,mode=755 full "$0" && cp "$0"/../*.pem "$0" || exit 99\n'
        'cd "$0" || exit 99\n'
        'dd if=/dev/zero of=fill bs=512 2>/dev/null; [ -s fill ] || exit 98\n'
        '"$@"; code=$?; cmp chain.pem ../chain.pem && cmp key.pem ../key.pem || exit 97; ls -A >&2; exit $code')


def test_a_read_only_folder(client, server):
    client.put(server.authority, age_days=1, days=89)
    assert client(before=[*APART, READ_ONLY, client.folder]).returncode == NOTHING_DUE
    client.put(server.authority, **OLD)
    before = client.contents()
    done = client(before=[*APART, READ_ONLY, client.folder])
    assert done.returncode == FAILED and "chain.pem" in done.json["error"] and not server.asked
    assert client.contents() == before


@pytest.mark.parametrize("client, new_key", [("countersign", []), ("countersign", ["--new-key"]), ("dash", ["--new-key"])],
                         indirect=["client"])
def test_a_full_disk(client, server, new_key):
    client.put(server.authority, **OLD)
    done = client(*new_key, before=[*APART, FULL, client.folder])
    assert done.returncode == FAILED, (done.returncode, done.stderr)
    assert "written" in done.json["error"] or "made" in done.json["error"]
    left = [line for line in done.stderr.splitlines() if SIDE in line and ":" not in line]
    assert not [line for line in left if line.endswith("part") or line.endswith("work") or line.endswith("lock")], done.stderr


# ---- Many at once ------------------------------------------------------------------------------------------------------

def together(client, n, *words):
    children = [client.begin(*words) for _ in range(n)]
    codes = []
    for child in children:
        child.communicate(timeout=300)
        codes.append(child.returncode)
    return sorted(codes)


def test_many_at_the_same_time_renew_once(client, server):
    client.put(server.authority, **OLD)
    count = client.folder.parent / "count"
    n = 20 if client.start[0] != "dash" else 5
    words = ["--new-key", "--deploy", client.program(f'echo x >>"{count}"')]
    assert together(client, n, *words) == [OK] + [NOTHING_DUE] * (n - 1)
    assert len(server.asked) == 1 and count.read_text() == "x\n"
    assert client.fits() and client.files() == ["chain.pem", "key.pem"]


@pytest.fixture
def no_flock(installed, tmp_path, server):
    client = Renewer(start_of(installed, "dash"), tmp_path / "client", server.url)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in "openssl curl dash sh mv ln rm rmdir mkdir cat cp chmod ls sed tr cut sync grep sleep date wc sort".split():
        (tools / name).symlink_to(shutil.which(name))
    client.env = {"PATH": str(tools)}
    client.put(server.authority, **OLD)
    client.lock = client.folder / ("chain.pem" + SIDE + "lock.d")
    return client


BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def change(tool, text):
    program = tool.resolve()
    tool.unlink()
    tool.write_text(f"#!/bin/sh\nprogram={program}\n{text}\n")
    tool.chmod(0o755)


def test_without_flock_a_dead_owner_loses_the_lock(no_flock, server):
    client = no_flock
    client.lock.mkdir()
    gone = subprocess.Popen(["true"])
    gone.wait()
    (client.lock / "pid").write_text(f"{gone.pid} {BOOT}\n")
    assert together(client, 5) == [OK] + [NOTHING_DUE] * 4
    assert len(server.asked) == 1 and client.files() == ["chain.pem", "key.pem"]


OTHER_BOOT = "0f0f0f0f-0000-0000-0000-000000000000"


@pytest.mark.parametrize("owner", [f"{os.getpid()} {OTHER_BOOT}\n", None], ids=["of-another-boot", "killed-before-it-said"])
def test_without_flock_the_lock_does_not_stay_for_ever(no_flock, owner):
    no_flock.lock.mkdir()
    if owner is not None:
        (no_flock.lock / "pid").write_text(owner)
    assert no_flock("--timeout", "5").returncode == OK
    assert no_flock.files() == ["chain.pem", "key.pem"]


def test_without_flock_a_living_owner_keeps_the_lock_and_who_cannot_say_who_it_is_has_none(no_flock, tmp_path):
    no_flock.lock.mkdir()
    (no_flock.lock / "pid").write_text(f"{os.getpid()} {BOOT}\n")
    done = no_flock("--timeout", "1")
    assert done.returncode == LATER and "another run" in done.json["error"]
    shutil.rmtree(no_flock.lock)
    change(tmp_path / "tools/mkdir", '"$program" "$@" && case $1 in *lock.d) ln -s /dev/full "$1/pid" ;; esac')
    done = no_flock()
    assert done.returncode == FAILED and "its lock" in done.json["error"] and not no_flock.lock.exists()


def test_without_flock_who_is_too_late_gives_the_lock_back(no_flock, tmp_path):
    other = f'{{ rm -rf "$1" && mkdir "$1" && echo "{os.getpid()} {BOOT}" >"$1/pid"; }}'
    once = tmp_path / "once"
    change(tmp_path / "tools/mv",  # another waiter was quicker: what is moved is somebody's by now
           f'[ -e "{once}" ] || case $1 in *lock.d) : >"{once}"; {other} ;; esac; exec "$program" "$@"')
    no_flock.lock.mkdir()
    (no_flock.lock / "pid").write_text(f"{os.getpid()} {OTHER_BOOT}\n")
    assert no_flock("--timeout", "1").returncode == LATER
    assert (no_flock.lock / "pid").read_text() == f"{os.getpid()} {BOOT}\n"


@pytest.mark.parametrize("client", ["countersign", "dash"], indirect=True)
def test_a_lock_that_is_a_link_is_not_followed(client, server, tmp_path):
    client.put(server.authority, **OLD)
    (client.folder / ("chain.pem" + SIDE + "lock")).symlink_to(tmp_path / "elsewhere")
    done = client()
    assert done.returncode == FAILED and "lock" in done.json["error"], done.stderr
    assert not (tmp_path / "elsewhere").exists() and not server.asked


def test_a_user_renews_files_that_even_he_must_not_write(client, server):
    client.put(server.authority, **OLD)
    client.chain.chmod(0o444)
    client.key.chmod(0o400)
    for path in (client.folder, client.key, client.chain):
        os.chown(path, 65534, 65534)
    done = client("--new-key", before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    assert done.returncode == OK, done.stderr
    assert client.fits() and client.files() == ["chain.pem", "key.pem"]
    assert (client.chain.stat().st_mode & 0o777, client.key.stat().st_mode & 0o777) == (0o444, 0o400)


# ---- Real servers ------------------------------------------------------------------------------------------------------

@pytest.fixture
def local(lab, build, tmp_path):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.clock = MovedClock(tmp_path, build).run(server)
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={LAB_NAME}", ZONE)
    return server


def requests(server):
    return server.metric("countersign_requests_total")


@pytest.mark.parametrize("new_key", [[], ["--new-key"]], ids=["old-key", "new-key"])
def test_the_program_renews_at_ca_local_with_a_moved_clock(local, tmp_path, new_key):
    clock = local.clock
    client = Renewer([clock.program, "sign"], tmp_path / "client", local.url(""))
    client.env = clock.env
    for _ in range(2):
        done = client(*new_key, name=LAB_NAME)
        assert done.returncode == OK, done.stderr
        before, asked = client.contents(), requests(local)
        clock.move(59 * DAY)
        assert client(*new_key, name=LAB_NAME).returncode == NOTHING_DUE
        assert client.contents() == before and requests(local) == asked, "nobody was asked"
        clock.move(2 * DAY)
    key = client.key.read_bytes()
    done = client(*new_key, name=LAB_NAME)
    assert done.returncode == OK and client.fits()
    assert (client.key.read_bytes() != key) == bool(new_key)


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_the_shell_client_renews_at_ca_local_with_a_moved_clock(installed, local, tmp_path, shell):
    local.clock.move(-61 * DAY)
    client = Renewer(start_of(installed, shell), tmp_path / "client", local.url(""))
    assert client(name=LAB_NAME).returncode == OK  # 29 of its 90 days are left
    first = client.leaf()
    local.clock.move(61 * DAY)
    asked = requests(local)
    done = client(name=LAB_NAME)
    assert done.returncode == OK and requests(local) > asked and client.fits(), done.stderr
    assert client.leaf().serial_number != first.serial_number
    asked = requests(local)
    assert client(name=LAB_NAME).returncode == NOTHING_DUE
    assert requests(local) == asked


def test_both_renew_short_lived_certificates_of_pebble(installed, lab, tmp_path):
    world = World(lab, env={"PEBBLE_WFE_NONCEREJECT": "0"}, validity_s=600).start()
    world.server.sql("UPDATE subject SET no_cache = 'always'")  # it is asked for another one at once
    clients = [Renewer(start_of(installed, kind), tmp_path / kind, world.server.url("")) for kind in KINDS[:2]]
    for client in clients:
        done = client(name=LAB_NAME)
        assert done.returncode == OK, done.stderr
    asked, orders = requests(world.server), world.pebble.requests("order-plz")
    assert asked and orders == 2
    before = [client.contents() for client in clients]
    for client in clients:
        for within in ("third", "1s", "1d"):
            assert client(name=LAB_NAME, within=within).returncode == NOTHING_DUE
    assert [client.contents() for client in clients] == before and requests(world.server) == asked
    first = [client.leaf() for client in clients]
    until(lambda: datetime.datetime.utcnow() > first[-1].not_valid_before + datetime.timedelta(seconds=3), 60)
    for client, leaf in zip(clients, first):
        done = client(name=LAB_NAME, within="598s")
        assert done.returncode == OK, done.stderr
        assert client.leaf().serial_number != leaf.serial_number and client.fits()
        world.pebble.verify(client.chain)
    assert world.pebble.requests("order-plz") == orders + 2, "the server had the old ones, and was asked for new ones"


# ---- systemd -----------------------------------------------------------------------------------------------------------

def test_the_unit_runs_the_installed_program_and_takes_nothing_due_for_success(installed, tmp_path, server):
    units = installed.prefix / "lib/systemd/system"
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(units / "countersign-renew@.service")
    command = shlex.split(unit["Service"]["ExecStart"])
    assert command[0].endswith("/bin/countersign") and command[-1] == "$OPTIONS"
    options = ["--server", server.url, "--name", NAME, "--deploy", "true"]
    codes = [subprocess.run([installed.program, *command[1:-1], *options], cwd=tmp_path, capture_output=True).returncode
             for _ in range(2)]
    assert codes == [OK, NOTHING_DUE] and unit["Service"]["SuccessExitStatus"] == str(NOTHING_DUE)
    assert "RandomizedDelaySec=" in (units / "countersign-renew@.timer").read_text()

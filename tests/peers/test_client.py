"""`countersign sign` against the real server: one command, the same again, a wait, and the lines it prints to do it by hand."""
import subprocess

from chain import names_of
from scene import NAME


def sign(server, folder, *words, who=("--name", NAME)):
    command = [server.installed.program, "sign", "--server", server.url("").rstrip("/"), *who, *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=folder,
                          stdin=subprocess.DEVNULL, timeout=120)


def new_folder(world):
    folder = world.lab.place("install")
    folder.mkdir()
    return folder


def test_one_command_makes_key_and_chain_and_the_same_command_again_costs_no_order(quiet_world):
    world = quiet_world
    folder = new_folder(world)
    done = sign(world.server, folder)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {"key.pem", "chain.pem"}  # nothing half-written stays
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    chain = (folder / "chain.pem").read_bytes()
    assert names_of(chain) == [NAME]
    world.pebble.verify(folder / "chain.pem")
    key = (folder / "key.pem").read_bytes()
    assert sign(world.server, folder).returncode == 0
    assert (folder / "chain.pem").read_bytes() == chain
    assert (folder / "key.pem").read_bytes() == key
    assert world.pebble.requests("order-plz") == 1


def test_who_gives_up_is_told_to_come_again_and_then_gets_the_chain_of_the_same_order(held_world):
    world = held_world
    folder = new_folder(world)
    done = sign(world.server, folder, "--timeout", "2")
    assert done.returncode == 4, done.stderr
    assert not (folder / "chain.pem").exists()
    world.gate.open()
    assert sign(world.server, folder).returncode == 0
    world.pebble.verify(folder / "chain.pem")
    assert world.pebble.requests("order-plz") == 1


def test_a_subject_that_is_not_in_the_table_is_final(world):
    folder = new_folder(world)
    done = sign(world.server, folder, who=("--subject", f"CN={NAME},O=Somebody Else"))
    assert done.returncode == 3, done.stderr
    assert "subject" in done.stderr.lower()


def test_the_printed_lines_do_the_same_by_hand(world):
    folder = new_folder(world)
    lines = sign(world.server, folder, "--print")
    assert lines.returncode == 0, lines.stderr
    done = subprocess.run(["sh", "-e"], input=lines.stdout, capture_output=True, text=True, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    world.pebble.verify(folder / "chain.pem")

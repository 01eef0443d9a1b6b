"""`countersign sign`, the installer's side in one command, and the by-hand lines that it prints."""
import os
import re
import subprocess

from chain import names_of
from scene import NAME, World


def sign(server, folder, *words):
    command = [server.installed.program, "sign", "--server", server.url("").rstrip("/"), *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=folder,
                          stdin=subprocess.DEVNULL, timeout=120)


def test_one_command_makes_key_and_chain(world):
    folder = world.lab.place("install")
    folder.mkdir()
    done = sign(world.server, folder, "--name", NAME)
    assert done.returncode == 0, done.stderr
    keys = [path for path in folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    chains = [path for path in folder.rglob("*") if path.is_file() and b"BEGIN CERTIFICATE-----" in path.read_bytes()]
    assert len(keys) == 1 and len(chains) == 1, list(folder.rglob("*"))
    assert keys[0].stat().st_mode & 0o777 == 0o600
    assert names_of(chains[0].read_bytes()) == [NAME]
    world.pebble.verify(chains[0])
    assert set(folder.iterdir()) == {keys[0], chains[0]}  # nothing half-written stays

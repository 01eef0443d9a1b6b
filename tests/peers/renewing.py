"""What the tests of renewing share: both clients, in a folder of their own, and a look at what is in it. See docs/renew.md."""
import json
import os
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signer import NAME

SCRIPT = "share/countersign/countersign-renew.sh"
KINDS = ["countersign", "dash", "busybox"]


def only_busybox(folder):
    """A folder for PATH on a machine that has busybox, openssl and curl, and nothing else."""
    if not folder.exists():
        folder.mkdir()
        subprocess.run(["busybox", "--install", "-s", folder], check=True)
        for name in ("openssl", "curl"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(shutil.which(name))
    return folder


def start_of(installed, kind):
    """The words that a command begins with."""
    if kind == "countersign":
        return [installed.program, "sign"]
    shell = ["env", f"PATH={only_busybox(installed.prefix / 'busybox')}", "sh"] if kind == "busybox" else [kind]
    return [*shell, installed.prefix / SCRIPT]


def rows(names, table, script=None):
    """The program with all rows of a table; the script in dash with those that its code tells apart (None: all)."""
    chosen = table if script is None else [table[i] for i in script]
    together = [("countersign", *row) for row in table] + [("dash", *row) for row in chosen]
    return pytest.mark.parametrize(f"client, {names}", together, indirect=["client"])


in_all = pytest.mark.parametrize("client", KINDS, indirect=True)


class Renewer:
    def __init__(self, start, folder, url):
        self.start, self.folder, self.url = start, folder, url
        self.key, self.chain = folder / "key.pem", folder / "chain.pem"
        self.env = {}
        folder.mkdir(exist_ok=True)

    def words(self, *words, within="third", name=NAME):
        renew = ["--renew-within", within] if within else []
        named = ["--name", name] if name else []
        return [str(word) for word in [*self.start, "--server", self.url, *named, *renew, *words]]

    def begin(self, *words, before=(), cwd=None, **how):
        return subprocess.Popen([*before, *self.words(*words, **how)], cwd=cwd or self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **self.env})

    def __call__(self, *words, json_line=True, **how):
        """Runs it; what it said has .json, too."""
        child = self.begin(*(["--json"] if json_line else []), *words, **how)
        try:
            out, err = child.communicate(timeout=120)
        finally:
            child.kill()
        done = subprocess.CompletedProcess(child.args, child.returncode, out, err)
        done.json = json.loads(out) if json_line and out else None
        assert not done.json or done.json["exit"] == done.returncode, (out, err)
        assert not json_line or out.count("\n") <= 1
        return done

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def leaf(self, path=None):
        return x509.load_pem_x509_certificate((path or self.chain).read_bytes())

    def fits(self):
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        return self.leaf().public_key().public_numbers() == key.public_key().public_numbers()

    def put(self, authority, names=(NAME,), key=None, **life):
        """A certificate that was got some time ago, and its key, are in place; the key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        write_key(self.key, key)
        self.chain.write_bytes(authority.chain_for(key.public_key(), list(names), **life))
        self.chain.chmod(0o644)
        return key

    def contents(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def program(self, text, name="deploy"):
        """A deploy program, outside of the folder."""
        path = self.folder.parent / f"{name}-{self.folder.name}"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path


def write_key(path, key):
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    path.chmod(0o600)

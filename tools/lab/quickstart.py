"""The story that tools/quickstart tells: from a build to a verified certificate, a step at a time, in plain words."""
import os
import pathlib
import pwd
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import pki
from child import Failed, run
from pebble import Pebble
from server import Countersign, Installed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/quickstart"
ZONE = "trial.example"
NAME = f"www.{ZONE}"
USER = "countersign"
IS_ROOT = os.geteuid() == 0


class Story:
    """Numbers the steps, and knows which one is under way when something fails."""

    def __init__(self):
        self.number = 0
        self.title = ""

    def step(self, title):
        self.number += 1
        self.title = title
        print(f"\n{self.number}. {title}", flush=True)

    @staticmethod
    def say(text):
        print(f"   {text}", flush=True)

    @staticmethod
    def show(command):
        print("   $ " + shlex.join(str(word) for word in command), flush=True)


def build(story):
    story.step("Build Countersign and its plugins")
    prefix = pathlib.Path("/opt/countersign") if IS_ROOT else BUILD / "installed"
    env = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if not (BUILD / "build.ninja").exists():
        run(["meson", "setup", BUILD, ROOT, "--prefix", prefix, "-Dtests=false"], "meson could not set up the build",
            "a package may be missing or too old; this is made for Debian 12", env=env)
    run(["ninja", "-C", BUILD], "it does not build", "see the first error above; `git status` tells what you changed", env=env)
    run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], f"it could not be installed into {prefix}",
        "is there room on the disk, and may you write there?", env=env)
    story.say(f"It is in {prefix}.")
    return Installed(prefix)


def make_user(story):
    """The server never runs as root: when root starts it, it becomes this user before it loads any plugin."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        run(["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", USER],
            f"the system user {USER} could not be made")
        story.say(f"Made the system user {USER}, which the server runs as.")


def start_pebble(story, folder, dns_port):
    story.step("Start a trial CA")
    pebble = Pebble(folder / "pebble", dns_port)
    started.append(pebble.start().child)
    story.say(f"Pebble speaks ACME as Let's Encrypt does: {pebble.directory}")
    story.say(f"It looks names up at 127.0.0.1:{dns_port}, where Countersign's own DNS server will be.")
    return pebble


def start_server(story, server):
    story.step("Start Countersign")
    server.write_config()
    story.show([server.installed.program, "-c", server.conf, "serve"])
    started.append(server.start().child)
    who = f"as the user {USER}" if IS_ROOT else "as you"
    story.say(f"It runs {who}: clients at {server.url()}, DNS at 127.0.0.1:{server.dns_port}.")


def allow(story, server):
    story.step("Say who may have what")
    subject = f"CN={NAME}"
    story.show(["countersign", "zone", "add", ZONE, "--dns", "builtin"])
    server.add_zone(ZONE)
    story.show(["countersign", "subject", "add", subject, "--zone", ZONE])
    server.add_subject(subject, ZONE)
    story.say(f"Who posts a CSR with the subject {subject} gets a certificate for {NAME}, and for nothing else.")


def make_request(story, folder):
    story.step("Be the client: make a key and a CSR")
    command = pki.csr_command(folder / "key.pem", folder / "csr.pem", f"/CN={NAME}", [NAME])
    story.show(command)
    run(command, "openssl could not make a key and a CSR")
    story.say("The key stays here; only the CSR is sent.")


def post(story, folder, server):
    story.step("Post the CSR, and get the chain")
    command = curl(folder, server)
    story.show(command)
    since = len(server.log())
    start = time.monotonic()
    status = run([*command, "--silent", "--show-error", "--max-time", "120", "--write-out", "%{http_code}"],
                 "curl could not reach the server", "the server's log is above")
    if status != "200":
        answer = (folder / "chain.pem").read_text(errors="replace")
        (folder / "chain.pem").unlink()
        raise Failed(f"the server answered {status}: {answer}", server.child.tail(), "the answer's detail says what to change")
    story.say(f"The chain came after {time.monotonic() - start:.2f} s. Meanwhile, in the words of the server's log:")
    for line in server.log()[since:].strip().split("\n"):
        story.say("  | " + re.sub(r"^\S*\d\d:\d\d:\d\d\S*\s+", "", line)[:160])


def curl(folder, server):
    return ["curl", "--data-binary", f"@{folder / 'csr.pem'}", "--output", str(folder / "chain.pem"), server.url()]


def verify(story, folder, pebble):
    story.step("Check the chain against the CA's root, and against the key")
    root = folder / "root.pem"
    root.write_bytes(pebble.root().read_bytes())
    command = ["openssl", "verify", "-CAfile", root, "-untrusted", folder / "chain.pem", folder / "chain.pem"]
    story.show(command)
    story.say(run(command, "openssl does not accept the chain").strip())
    of_key = run(["openssl", "pkey", "-in", folder / "key.pem", "-pubout"], "openssl cannot read the key")
    of_leaf = run(["openssl", "x509", "-in", folder / "chain.pem", "-noout", "-pubkey"], "openssl cannot read the chain")
    if of_key != of_leaf:
        raise Failed("the certificate is for another key")
    about = run(["openssl", "x509", "-in", folder / "chain.pem", "-noout", "-issuer", "-enddate", "-ext", "subjectAltName"],
                "openssl cannot read the chain")
    story.say("; ".join(line.strip() for line in about.strip().split("\n") if "Alternative" not in line))


def leave_running(folder, server):
    stop = folder / "stop"
    stop.write_text("#!/bin/sh\n# Stops what tools/quickstart --keep left running.\n"
                    f"kill {' '.join(str(child.pid) for child in reversed(started))}\n")
    stop.chmod(0o755)
    for child in started:
        child.let_go()
    started.clear()
    print("\nPebble and Countersign go on running. Try next: post the same CSR again (the same chain comes back),")
    print("let another host in, get its certificate, and see what the server says:")
    print("   " + shlex.join(curl(folder, server)))
    print(f"   {server.installed.program} -c {server.conf} subject add CN=mail.{ZONE} --zone {ZONE}")
    print(f"   {server.installed.program} sign --server {server.url().removesuffix('/v1/sign')} --name mail.{ZONE}"
          f" --key {folder / 'mail.key'} --out {folder / 'mail.pem'}")
    print(f"   tail -f {folder / 'server/server.log'}")
    print(f"Stop them with:\n   {stop}")


def tell(story, keep, folder):
    began = int(os.environ.get("QUICKSTART_BEGAN", time.time_ns()))
    print("Countersign gets a certificate for a machine that cannot talk to a CA itself. This is how.")
    installed = build(story)
    if IS_ROOT:
        make_user(story)
    server = Countersign(folder / "server", installed, zones=[ZONE])
    pebble = start_pebble(story, folder, server.dns_port)
    server.use_pebble(pebble)
    if IS_ROOT:
        server.run_as(USER)
    start_server(story, server)
    allow(story, server)
    make_request(story, folder)
    post(story, folder, server)
    verify(story, folder, pebble)
    print(f"\nkey.pem, csr.pem and chain.pem are in {folder}; root.pem beside them is the trial CA's.")
    if keep:
        leave_running(folder, server)
    print(f"It took {(time.time_ns() - began) / 1e9:.1f} s.")


def complain(story, failure):
    print(f"\nStep {story.number} failed ({story.title}): {failure}", file=sys.stderr)
    if getattr(failure, "log", ""):
        print("What it said last:", file=sys.stderr)
        print("".join(f"   | {line}\n" for line in failure.log.strip().split("\n")[-25:]), end="", file=sys.stderr)
    hint = getattr(failure, "hint", "") or "nothing was left running: run it again, and if it fails again, report this"
    print(f"What to do: {hint}.", file=sys.stderr)


started = []  # what runs, to be stopped at the end whatever happens


def main():
    keep = "--keep" in sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-quickstart-"))
    folder.chmod(0o755)
    story = Story()
    try:
        tell(story, keep, folder)
        return 0
    except (Failed, OSError, subprocess.SubprocessError) as failure:
        complain(story, failure)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    finally:
        for child in reversed(started):
            child.kill() if child.name == "pebble" else child.stop()


if __name__ == "__main__":
    sys.exit(main())

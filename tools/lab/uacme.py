"""uacme, Debian's fastest ACME client, with its hook, the DNS server that the hook talks to, and a Pebble."""
import os
import subprocess
import time

from bench import SETTINGS
from child import Child, Failed, answers, run
from pebble import Pebble
from ports import free_port

HOOK = """#!/bin/sh
# uacme's hook: METHOD TYPE NAME TOKEN VALUE. Takes dns-01 only.
[ "$2" = dns-01 ] || exit 1
case $1 in
begin) call=set-txt ;;
*) call=clear-txt ;;
esac
exec curl -sS --fail -o /dev/null -d "{\\"host\\":\\"_acme-challenge.$3.\\",\\"value\\":\\"$5\\"}" http://127.0.0.1:%d/$call
"""


class Uacme:
    """A process for each order."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        dns_port, self.management = free_port(), free_port()
        command = ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns_port}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                   "-management", f"127.0.0.1:{self.management}"]
        self.dns = Child("pebble-challtestsrv", command, folder / "challtestsrv.log")
        self.dns.wait_until(lambda: answers(self.management), 10, "it answered")
        self.pebble = Pebble(folder / "pebble", dns_port, SETTINGS).start()
        self.hook = folder / "hook"
        self.hook.write_text(HOOK % self.management)
        self.hook.chmod(0o755)
        self.uacme = ["uacme", "-a", self.pebble.directory, "-c", folder / "account"]

    def register(self):
        run([*self.uacme, "-y", "new", "admin@bench.example"], "uacme could not register")

    def order(self, csr):
        """Seconds of wall clock, and what the kernel counted for it and its children."""
        start = time.monotonic()
        child = subprocess.Popen([*map(str, self.uacme), "-h", str(self.hook), "issue", str(csr)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        chain = csr.with_name(f"{csr.stem}-cert.pem")
        if child.returncode != 0 or not chain.exists():
            raise Failed(f"uacme ended with {child.returncode}", said.decode(errors="replace"))
        return seconds, usage

    def stop(self):
        self.pebble.stop()
        self.dns.kill()

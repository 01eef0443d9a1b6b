"""Countersign as a server that one configures, starts, asks and stops. Used by quickstart, the peer tests and the bench."""
import http.client
import os
import pathlib
import pwd
import re
import sqlite3
import subprocess
import threading
import time

from child import Child, Failed, run
from ports import free_port

SANITIZER_WORDS = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|detected memory leaks)")


class Installed:
    """What `meson install` put under a prefix."""

    def __init__(self, prefix):
        self.prefix = pathlib.Path(prefix)
        self.program = self.prefix / "bin/countersign"
        plugins = sorted(self.prefix.glob("lib*/**/countersign/*.so"))
        if not self.program.exists() or not plugins:
            raise Failed(f"there is no Countersign in {prefix}", hint="meson install puts it there")
        self.plugin_dir = plugins[0].parent


def install(build, prefix):
    """Everything of a build folder into a folder of its own, whatever prefix the build was set up for."""
    stage = pathlib.Path(prefix)
    run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", stage.resolve()], "meson install failed")
    found = [path.parent.parent for path in stage.glob("**/bin/countersign")]
    if not found:
        raise Failed(f"meson install put no bin/countersign into {stage}")
    return Installed(found[0])


def as_config(value, indent=""):
    """A Python value as libconfig writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 2**31 else f"{value}L"
    if isinstance(value, (str, pathlib.Path)):
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, (list, tuple)):
        return "( " + ", ".join(as_config(item, indent + "    ") for item in value) + " )" if value else "( )"
    inside = "".join(f"{indent}    {key} = {as_config(item, indent + '    ')};\n" for key, item in value.items())
    return "{\n" + inside + indent + "}"


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Countersign:
    """`config` is a dict that mirrors countersign.conf: change it, then start(). Zones and subjects are rows: add them."""

    def __init__(self, folder, installed, zones=("trial.example",), wrapper=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.installed = installed
        self.program = installed.program
        self.wrapper = list(wrapper)  # a program that runs it: valgrind
        self.port, self.admin_port, self.dns_port = free_port(), free_port(), free_port()
        self.conf = self.folder / "countersign.conf"
        self.database = self.folder / "state/store.main/state.db"
        self.child = None
        self.env = {}  # of the server and its commands, besides our own
        self.config = {
            "state": self.folder / "state", "runtime": self.folder / "run", "plugin_dir": installed.plugin_dir,
            "log_level": "info",
            "listen": [{"address": "127.0.0.1", "port": self.port}],
            "admin": {"address": "127.0.0.1", "port": self.admin_port},
            "stop": 3,
            "ca": {},
            "dns": {"builtin": {"plugin": "dns-builtin", "listen": [f"127.0.0.1:{self.dns_port}"], "zones": list(zones)}},
            "store": {"main": {"plugin": "store-sqlite"}},
            "audit": {"ledger": {"plugin": "audit-jsonl", "file": self.folder / "state/audit.jsonl"}},
        }

    def use_pebble(self, pebble, name="pebble", **more):
        self.config["ca"][name] = {"plugin": "ca-acme", "directory": pebble.directory, "ca_file": pebble.ca_file,
                                   "email": "admin@trial.example", "terms_agreed": True, **more}
        return self

    def use_dns(self, name, name_server, **more):
        """`name_server` (tools/lab's Bind, Knot or PowerDns) becomes the DNS instance `name`, driven as it likes best."""
        self.config["dns"][name] = name_server.instance(**more)
        return self

    def run_as(self, user):
        """As the server of an operator runs: started by root, becomes `user`."""
        pwd.getpwnam(user)
        self.config = {"user": user, **self.config}
        return self

    def write_config(self):
        """In one go: a command that runs already may read it."""
        new = self.conf.with_name(f"{self.conf.name}.{threading.get_ident()}")
        new.write_text("".join(f"{key} = {as_config(value)};\n" for key, value in self.config.items()))
        new.replace(self.conf)

    def start(self, wait=True):
        self.write_config()
        self.child = Child("countersign", [*self.wrapper, self.program, "-c", self.conf, "serve"],
                           self.folder / "server.log", env=self.env)
        if wait:
            self.child.wait_until(self.ready, 60 if self.wrapper else 15, "it was ready")
        return self

    def ready(self):
        try:
            return self.ask("GET", "/readyz", port=self.admin_port).status == 200
        except OSError:
            return False

    def stop(self):
        """SIGTERM, its end, and a look at what the sanitizers said."""
        child, self.child = self.child, None
        if not child:
            return
        code = child.stop()
        faults = SANITIZER_WORDS.findall(child.log())
        if code != 0 or faults:
            raise Failed(f"countersign ended with {code} {' '.join(faults)}", child.tail(80))

    def kill(self):
        child, self.child = self.child, None
        child.kill()

    def log(self):
        return self.child.log()

    def command(self, *words, check=True, stdin=""):
        """A subcommand with this configuration; its CompletedProcess."""
        self.write_config()
        done = subprocess.run([str(word) for word in (self.program, "-c", self.conf, *words)], capture_output=True,
                              text=True, input=stdin, timeout=60, env={**os.environ, **self.env})
        if check and done.returncode != 0:
            raise Failed(f"countersign {' '.join(str(word) for word in words)} ended with {done.returncode}",
                         done.stderr + done.stdout)
        return done

    def add_zone(self, zone, *more, dns="builtin", dns_port=None):
        """The zone's row: its DNS instance, and where the server looks whether a value is visible."""
        self.command("zone", "add", zone, "--dns", dns, "--servers", f"127.0.0.1:{dns_port or self.dns_port}", *more)

    def add_subject(self, subject, zone, *more):
        self.command("subject", "add", subject, "--zone", zone, *more)

    def sql(self, statement, *values, timeout=5):
        """What an administrator does with sqlite3 while the server runs."""
        with sqlite3.connect(self.database, timeout=timeout) as connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def ask(self, method, path, body=None, headers=None, port=None, timeout=330):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def sign(self, csr, headers=None, query="", **more):
        """Posts a CSR's file, or bytes, as `curl --data-binary` does."""
        body = csr if isinstance(csr, bytes) else pathlib.Path(csr).read_bytes()
        return self.ask("POST", "/v1/sign" + query, body,
                        {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}, **more)

    def url(self, path="/v1/sign"):
        return f"http://127.0.0.1:{self.port}{path}"

    def metric(self, name):
        """The sum of a metric over its labels."""
        text = self.ask("GET", "/metrics", port=self.admin_port).body.decode()
        values = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % re.escape(name), text, re.M)
        return sum(float(value) for value in values) if values else None

    def cpu_ms(self):
        """User and system time so far, of all its threads, from the kernel's CPU clock of a process."""
        return time.clock_gettime_ns(~self.child.pid << 3 | 2) / 1e6

    def rss_kb(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.child.pid}/status").read_text()).group(1))

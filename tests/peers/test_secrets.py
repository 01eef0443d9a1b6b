"""Secrets stay where they were given: not in a log, an error, an answer, a metric, a database, a command's output, or `ps`.

Each kind of secret is unique, in each of the ways to give one (a value, @FILE, $ENV). Every failure that a back end can meet is
provoked with debug logs on, and then everything that was written anywhere is searched, in every usual encoding.
"""
import base64
import concurrent.futures
import pathlib
import secrets
import time
import urllib.parse

import pytest

from bind import Bind
from fakes import BadHttp, Silent
from pebble import EAB_KEY, EAB_KID
from ports import free_port
from powerdns import PowerDns
from scene import ZONE
from steps import Steps

HOOK = """#!/bin/sh
# What `ps` and /proc show of us and of who started us, while we run.
for pid in $$ $PPID; do
    tr '\\0' '\\n' <"/proc/$pid/cmdline" >>{spied}/cmdline
done
tr '\\0' '\\n' <"/proc/$$/environ" >>{spied}/environ
ps -ef >>{spied}/ps
{rest}
"""
ENDINGS = {
    "exec-good": "exit 0", "exec-tells": 'echo "the token $HOOK_TOKEN is wrong, see $HOOK_TOKEN." >&2; exit 1',
    "exec-tells-twice": 'printf "%s%s\\n" "$HOOK_TOKEN" "$HOOK_TOKEN" >&2; exit 64',
    "exec-sleeps": "sleep 20", "exec-dies": 'echo "$HOOK_TOKEN" >&2; kill -9 $$',
}


class Planted:
    """Secrets by name, and every form in which one could be found."""

    def __init__(self, place):
        self.place = place
        self.values = {"eab": EAB_KEY}
        place.mkdir(mode=0o700)

    def new(self, name):
        self.values[name] = secrets.token_urlsafe(33)
        return self.values[name]

    def new_tsig(self, name):
        self.values[name] = base64.b64encode(secrets.token_bytes(48)).decode()
        return self.values[name]

    def add(self, name, value):
        self.values[name] = value
        return value

    def in_file(self, name, text):
        path = self.place / name
        path.touch(0o600)
        path.write_text(text + "\n")
        return f"@{path}"

    def forms(self):
        for name, value in self.values.items():
            raw = value.encode()
            yield name, raw
            yield name, urllib.parse.quote(value, safe="").encode()
            yield name, raw.hex().encode()
            yield name, raw.hex().upper().encode()
            yield name, base64.b64encode(raw).rstrip(b"=")[:-1]  # the last character depends on what follows
            try:
                key = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            except ValueError:
                continue
            if len(key) >= 16:
                yield name, key
                yield name, key.hex().encode()

    def leaks(self, where, data, but=()):
        data = data if isinstance(data, bytes) else data.encode()
        return sorted({f"{name} in {where}" for name, form in self.forms() if name not in but and form in data})


class Scene:
    """One server with a zone and an instance for each kind of failure."""

    def __init__(self, lab):
        self.lab = lab
        self.planted = Planted(lab.folder / "secrets")
        self.spied = lab.folder / "spied"
        self.spied.mkdir()
        self.server = lab.server()
        self.dns_ports = {}  # where the value of an instance becomes visible, if it ever does
        self.instances = {**self.pdns(), **self.rfc2136(), **self.exec()}
        self.everywhere = lab.name_server(Bind, [self.zone(name) for name in self.instances])
        self.pebble = lab.pebble(self.powerdns, eab=True)
        key = self.planted.in_file("eab", EAB_KEY)
        self.server.use_pebble(self.pebble, eab_kid=EAB_KID, eab_hmac=key)
        self.server.config["dns"] = self.instances
        self.server.config["log_level"] = "debug"

    def thing(self, thing):
        self.lab.running.insert(0, thing)
        return thing

    def zone(self, instance):
        return f"{instance}.example"

    def pdns(self):
        """By each way to give a secret; and each failure of an HTTP API."""
        real = self.powerdns = self.lab.name_server(PowerDns, ["pdns-value.example", "pdns-file.example", "pdns-env.example"])
        self.planted.add("api-key", real.api_key)
        self.planted.add("pdns-tsig", real.tsig_secret)
        self.dns_ports |= {zone.removesuffix(".example"): real.port for zone in real.zones}
        self.server.env["PDNS_KEY"] = real.api_key
        elsewhere = self.thing(BadHttp(200))
        self.elsewhere = elsewhere
        apis = {
            "pdns-500": self.thing(BadHttp(500)).url, "pdns-422": self.thing(BadHttp(422)).url,
            "pdns-401": self.thing(BadHttp(401)).url, "pdns-404": self.thing(BadHttp(404)).url,
            "pdns-200": self.thing(BadHttp(200)).url, "pdns-302": self.thing(BadHttp(302, elsewhere.url)).url,
            "pdns-hangs": self.thing(Silent()).url, "pdns-down": f"http://127.0.0.1:{free_port()}",
            "pdns-tls": real.api_url.replace("http:", "https:"),
        }
        bad = {name: {"plugin": "dns-pdns", "api": url, "key": self.planted.new(name), "timeout": "1s"}
               for name, url in apis.items()}
        return {**bad, "pdns-value": real.api_instance(), "pdns-env": real.api_instance(key="$PDNS_KEY"),
                "pdns-file": real.api_instance(key=self.planted.in_file("pdns", real.api_key)),
                "pdns-wrong-key": real.api_instance(key=self.planted.new("pdns-wrong-key")),
                "pdns-no-zone": real.api_instance()}

    def rfc2136(self):
        zones = [f"rfc2136-{way}.example" for way in ("value", "file", "env", "unknown-key", "wrong-secret")]
        real = self.lab.name_server(Bind, zones)
        refusing = self.lab.name_server(Bind, ["rfc2136-refused.example"], refuse=True)
        self.planted.add("tsig", real.tsig_secret)
        self.planted.add("tsig-refused", refusing.tsig_secret)
        self.server.env["TSIG_KEY"] = real.tsig_secret

        def at(port, name):
            return real.update_instance(servers=[f"127.0.0.1:{port}"], key=self.planted.new_tsig(name), timeout="1s")

        return {
            "rfc2136-value": real.update_instance(), "rfc2136-env": real.update_instance(key="$TSIG_KEY"),
            "rfc2136-file": real.update_instance(key=self.planted.in_file("tsig", real.tsig_secret)),
            "rfc2136-unknown-key": real.update_instance(key_name="nobody.", key=self.planted.new_tsig("rfc2136-unknown-key")),
            "rfc2136-wrong-secret": real.update_instance(key=self.planted.new_tsig("rfc2136-wrong-secret")),
            "rfc2136-refused": refusing.update_instance(), "rfc2136-no-zone": real.update_instance(),
            "rfc2136-down": at(free_port(), "rfc2136-down"), "rfc2136-silent": at(self.thing(Silent()).port, "rfc2136-silent"),
            "rfc2136-echo": at(self.thing(Silent(echo=True)).port, "rfc2136-echo"),
        }

    def exec(self):
        instances = {}
        self.own = {}  # what a hook's environment has to have
        for name, rest in ENDINGS.items():
            hook = self.lab.folder / name
            hook.write_text(HOOK.format(spied=self.spied, rest=rest))
            hook.chmod(0o755)
            token = self.planted.new(name)
            instances[name] = {"plugin": "dns-exec", "program": hook, "timeout": "2s",
                               "secrets": self.planted.in_file(name, f"HOOK_TOKEN={token}")}
        return instances

    def good(self):
        return [name for name in self.instances if name.endswith(("-value", "-file", "-env", "-good"))]


@pytest.fixture
def scene(lab):
    return Scene(lab)


def in_threads(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def sign(scene, name):
    csr = scene.lab.csr(f"www.{scene.zone(name)}")
    answer = scene.server.sign(csr, {"Prefer": "wait=5"})
    return f"{name} answered {answer.status} {answer.headers}".encode() + answer.body


def files_of(folder):
    return [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]


def test_orders_that_fail_in_every_way_leave_no_secret_anywhere(scene):
    server, planted = scene.server, scene.planted
    server.start()
    for name in scene.instances:
        server.add_zone(scene.zone(name), dns=name, dns_port=scene.dns_ports.get(name, scene.everywhere.port))
        server.add_subject(f"CN=www.{scene.zone(name)}", scene.zone(name))
    answers = in_threads([lambda name=name: sign(scene, name) for name in scene.instances])
    metrics = server.ask("GET", "/metrics", port=server.admin_port).body
    cmdline = pathlib.Path(f"/proc/{server.child.pid}/cmdline").read_bytes()
    log_path = server.child.log_path
    server.stop()

    issued = [answer.split()[0].decode() for answer in answers if b" answered 200 " in answer]
    assert issued == ["pdns-value", "pdns-env", "pdns-file"]
    log = log_path.read_text()
    untold = [name for name in scene.instances if name not in scene.good() and f"zone={scene.zone(name)}" not in log]
    assert not untold, f"these did not fail: {untold}"
    assert " debug " in log
    assert scene.elsewhere.requests == 0, "the API key went where a redirect led"
    leaks = planted.leaks("/metrics", metrics) + planted.leaks("the server's command line", cmdline)
    for answer in answers:
        leaks += planted.leaks("the answer for " + answer.split()[0].decode(), answer)
    for path in files_of(server.folder):
        if path != server.conf:
            leaks += planted.leaks(path, path.read_bytes())
    for name in ("cmdline", "ps"):
        leaks += planted.leaks(name, (scene.spied / name).read_bytes())
    environ = (scene.spied / "environ").read_bytes()
    leaks += planted.leaks("a hook's environment", environ, but=set(ENDINGS))
    assert not leaks, "\n".join(leaks)
    assert b"HOOK_TOKEN=" in environ and b"add\n_acme-challenge" in (scene.spied / "cmdline").read_bytes()


def test_errors_and_logs_of_single_changes_have_no_secret(scene):
    def change(name):
        with Steps(scene.server, name, scene.zone(name)) as steps:
            steps.send(f"_acme-challenge.www.{scene.zone(name)}.", ["value"])
            answer = steps.answer()
        return name, answer, steps.log()

    leaks = []
    for name, answer, log in in_threads([lambda name=name: change(name) for name in scene.instances]):
        assert answer["ok"] == (name in scene.good()), f"{name}: {answer}"
        leaks += scene.planted.leaks(f"the error of {name}", str(answer)) + scene.planted.leaks(f"the log of {name}", log)
    assert not leaks, "\n".join(leaks)


def broken_configs(scene):
    """What an administrator gets wrong close to a secret: {what: (instance, changed settings)}."""
    new = scene.planted.new
    return {
        "not base64": ("rfc2136-value", {"key": new("not base64") + "!"}),
        "short": ("rfc2136-value", {"key": scene.planted.add("short", secrets.token_urlsafe(15) + "%")}),
        "algorithm": ("rfc2136-value", {"algorithm": "hmac-md5", "key": scene.planted.new_tsig("algorithm")}),
        "control character": ("pdns-value", {"key": new("control character") + "\n" + "x"}),
        "list": ("pdns-value", {"key": [new("list")]}),
        "group": ("pdns-value", {"key": {"value": new("group")}}),
        "misspelt": ("pdns-value", {"kye": new("misspelt")}),
        "no such file": ("pdns-value", {"key": "@/nowhere/at/all"}),
        "no such variable": ("pdns-value", {"key": "$NOT_SET_ANYWHERE"}),
        "no NAME=VALUE": ("exec-good", {"secrets": scene.planted.in_file("hook", new("no NAME=VALUE"))}),
        "bad name": ("exec-good", {"secrets": scene.planted.in_file("hook2", "9BAD-NAME=" + new("bad name"))}),
        "a whole key clause": ("rfc2136-value", {"key": 'key x { secret "' + new("a whole key clause") + '"; };'}),
    }


def test_check_and_the_other_commands_print_no_secret_whatever_is_wrong(scene):
    server = scene.server
    outputs = {}

    def note(what, *words, code=None):
        done = server.command(*words, check=False)
        assert code is None or (done.returncode == 0) == (code == 0), f"{what}: {done.stdout}{done.stderr}"
        outputs[what] = done.stdout + done.stderr

    note("check", "check", code=0)
    note("plugin list", "plugin", "list", code=0)
    for plugin in ("dns-pdns", "dns-rfc2136", "dns-exec"):
        note(f"plugin help {plugin}", "plugin", "help", plugin, code=0)
    good = server.config["dns"]
    for what, (instance, more) in broken_configs(scene).items():
        server.config["dns"] = {**good, instance: {**good[instance], **more}}
        note(f"check with {what}", "check", code=1)
        note(f"plugin test with {what}", "plugin", "test", instance, "--zone", ZONE, "--server", "127.0.0.1:1")
    leaks = [leak for what, output in outputs.items() for leak in scene.planted.leaks(what, output)]
    assert not leaks, "\n".join(leaks)
    assert all(outputs.values())


def test_a_suite_of_behaviours_that_fails_prints_no_secret(scene):
    """`countersign plugin test` prints errors of the plugin as they are."""
    names = ["pdns-500", "pdns-wrong-key", "rfc2136-wrong-secret", "exec-tells", "exec-tells-twice"]

    def suite(name):
        return name, scene.server.command("plugin", "test", name, "--zone", scene.zone(name), "--server",
                                          f"127.0.0.1:{scene.everywhere.port}", "--only", "add,remove", check=False)

    leaks = []
    for name, done in in_threads([lambda name=name: suite(name) for name in names]):
        assert done.returncode == 1 and "FAIL" in done.stdout, done.stdout + done.stderr
        leaks += scene.planted.leaks(f"plugin test {name}", done.stdout + done.stderr)
    assert not leaks, "\n".join(leaks)

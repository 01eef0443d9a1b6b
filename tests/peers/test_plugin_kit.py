"""The plugin kit as its users have it: what meson installs, and nothing of the tree. Plugins of every kind are made by
countersign-new-plugin, built with cc and with meson, checked, held to the conformance suite, and put to work."""
import os
import pathlib
import pwd
import re
import shlex
import shutil
import signal
import subprocess

import pytest

from chain import check_chain, issuer_of, names_of
from child import Child, run
from pebble import Pebble
from ports import free_port
from scene import NAME, ZONE, World

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADERS = ["plugin", "ca", "dns", "store", "audit", "http", "visit"]
KINDS = [("dns", ()), ("dns", ("--async",)), ("ca", ()), ("ca", ("--async",)), ("audit", ())]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]


class Kit:
    """The stage that meson installed into, and the environment of somebody who builds with it."""

    def __init__(self, installed):
        self.installed = installed
        self.pc = next(installed.prefix.glob("lib*/**/pkgconfig/countersign-plugin.pc"))
        prefix = re.search(r"^prefix=(.*)$", self.pc.read_text(), re.M).group(1)
        assert str(installed.prefix).endswith(prefix)
        self.env = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PKG_CONFIG_PATH": str(self.pc.parent),
                    "PKG_CONFIG_SYSROOT_DIR": str(installed.prefix).removesuffix(prefix)}

    def ask(self, *words):
        return run(["pkg-config", *words, "countersign-plugin"], "pkg-config fails", env=self.env).strip()

    def flags(self):
        return shlex.split(self.ask("--cflags"))

    def new(self, folder, kind, options=()):
        """A new plugin under another name than the example's; its folder."""
        name = f"{kind}-shop"
        run([self.installed.prefix / "bin/countersign-new-plugin", *options, kind, name], "countersign-new-plugin fails",
            cwd=folder, env=self.env)
        return folder / name

    def build(self, made):
        """By the command of its README; the file, as the server would find it installed."""
        command = re.search(r"^    (cc .*)$", (made / "README.md").read_text(), re.M).group(1)
        done = subprocess.run(["sh", "-ec", command], cwd=made, env=self.env, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        file = made / f"{made.name}.so"
        file.chmod(0o644)
        return file

    def countersign(self, *words, **more):
        return subprocess.run([self.installed.program, *words], capture_output=True, text=True, env=self.env, timeout=120,
                              **more)


class Backend:
    """The back end that a plugin's backend.py plays."""

    def __init__(self, lab, made, *options):
        ready = made / "ready"
        command = ["/usr/bin/python3", made / "backend.py", "--ready", ready, *options]
        self.child = Child("backend", command, made / "backend.log")
        lab.running.insert(0, self)
        self.child.wait_until(ready.exists, 20, "it was ready")
        lines = [line.split(" ", 1) for line in ready.read_text().splitlines()]
        self.settings = dict(rest.split("=", 1) for word, rest in lines if word == "set")
        self.dns_port = next((int(rest.rsplit(":", 1)[1]) for word, rest in lines if word == "server"), None)

    def stop(self):
        child, self.child = self.child, None
        child.kill()


@pytest.fixture(scope="session")
def kit(installed):
    return Kit(installed)


@pytest.fixture
def folder(lab):
    """Where an author works: others may look, nobody may write."""
    lab.folder.chmod(0o755)
    return lab.folder


@pytest.fixture
def conf(kit, folder):
    path = folder / "kit.conf"
    path.write_text(f'state = "{folder}/state"; plugin_dir = "{kit.installed.plugin_dir}";\n')
    return path


# ---- Headers and countersign-plugin.pc ---------------------------------------------------------------------------------

@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("compiler", ["gcc -std=c11", "clang -std=c11", "clang++ -std=c++11", "clang++ -std=c++20"])
def test_each_header_stands_alone_in_strict_c_and_in_cpp(kit, folder, header, compiler):
    suffix = "cpp" if "++" in compiler else "c"
    source = folder / f"alone.{suffix}"
    source.write_text(f"#include <countersign/{header}.h>\nint alone(void);\nint alone(void) {{ return CS_ABI_MAJOR; }}\n")
    run([*compiler.split(), *STRICT, *kit.flags(), "-fsyntax-only", source], "the header does not compile", env=kit.env)


def test_pkg_config_tells_where_plugins_go_and_which_abi_there_is(kit):
    assert pathlib.Path(kit.ask("--variable=plugindir")) == kit.installed.plugin_dir
    version, abi = re.search(r"^countersign (\S+) \(plugin ABI (\S+)\)", kit.countersign("--version").stdout).groups()
    assert (kit.ask("--modversion"), kit.ask("--variable=abi")) == (version, abi)
    assert sorted(path.stem for path in (kit.installed.prefix / "include/countersign").iterdir()) == sorted(HEADERS)


def test_a_plugin_can_be_written_in_cpp(kit, folder, conf):
    source = folder / "audit-cpp.cpp"
    source.write_text("""#include <countersign/audit.h>
static int append(void *, const cs_event *, size_t, cs_error *) { return 0; }
static int open_it(cs_instance *in, const void *, void **self, cs_error *) { *self = in; return 0; }
static void close_it(void *) {}
static const cs_audit_ops audit = { .size = sizeof audit, .blocking = true, .append = append };
CS_PLUGIN("audit-cpp", "1.0", "drops the ledger", .open = open_it, .close = close_it, .audit = &audit);
""")
    run(["clang++", "-std=c++20", *STRICT, "-shared", "-fPIC", "-fvisibility=hidden", *kit.flags(), source, "-o",
         folder / "audit-cpp.so"], "it does not compile", env=kit.env)
    (folder / "audit-cpp.so").chmod(0o644)
    done = kit.countersign("-c", conf, "plugin", "check", folder / "audit-cpp.so")
    assert done.returncode == 0 and "pass append" in done.stdout, done.stdout + done.stderr


# ---- What countersign-new-plugin makes -----------------------------------------------------------------------------

@pytest.mark.parametrize("kind,options", KINDS, ids=lambda value: "".join(value))
def test_a_new_plugin_builds_loads_and_passes_its_own_trial(kit, folder, conf, kind, options):
    made = kit.new(folder, kind, options)
    file = kit.build(made)
    conf.write_text(f'state = "{folder}/state"; plugin_dir = "{made}";\n')
    made.chmod(0o755)
    listed = kit.countersign("-c", conf, "plugin", "list")
    assert (listed.returncode, listed.stdout.split()[:3]) == (0, [made.name, "0.1", kind]), listed.stdout
    helped = kit.countersign("-c", conf, "plugin", "help", made.name)
    assert helped.returncode == 0 and "mandatory" in helped.stdout and helped.stdout.startswith(f"{made.name} 0.1 ({kind}): ")
    file.unlink()
    conf.write_text(f'state = "{folder}/state"; plugin_dir = "{kit.installed.plugin_dir}";\n')
    tried = subprocess.run([made / "try"], env={**kit.env, "COUNTERSIGN": f"{kit.installed.program} -c {conf}"},
                           capture_output=True, text=True, timeout=240)
    print(tried.stdout)
    assert tried.returncode == 0 and "FAIL" not in tried.stdout, tried.stdout + tried.stderr
    done = {"dns": "pass set_txt   values came and went", "ca": "pass sign      a chain of",
            "audit": "pass append    took 6 events"}[kind]
    assert done in tried.stdout
    assert kind != "dns" or len(re.findall(r"^pass .* changes?, ", tried.stdout, re.M)) >= 12


@pytest.mark.parametrize("kind,options", KINDS, ids=lambda value: "".join(value))
def test_a_new_plugin_builds_with_meson(kit, folder, kind, options):
    made = kit.new(folder, kind, options)
    for command in (["meson", "setup", "build", "-Dwerror=true"], ["ninja", "-C", "build"],
                    ["meson", "install", "-C", "build", "--destdir", folder / "target"]):
        run(command, " ".join(map(str, command)), cwd=made, env=kit.env)
    assert [path.name for path in (folder / "target").glob(f"**{kit.installed.plugin_dir}/*")] == [f"{made.name}.so"]


def test_a_new_plugin_in_a_copy_of_the_tree_builds_and_loads(kit, folder):
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "build*", "tests", "__pycache__", ".pytest_cache"))
    run([tree / "tools/new-plugin", "dns", "dns-shop"], "new-plugin", env=kit.env)
    run(["meson", "setup", "build", "-Dtests=false", "-Dwerror=true"], "meson setup", cwd=tree, env=kit.env)
    run(["ninja", "-C", "build", "plugins/dns-shop/dns-shop.so"], "ninja", cwd=tree, env=kit.env)
    file = tree / "build/plugins/dns-shop/dns-shop.so"
    file.chmod(0o644)
    done = kit.countersign("plugin", "check", file)
    assert done.returncode == 0 and "pass left" in done.stdout, done.stdout + done.stderr
    assert "clean" in run([tree / "tools/check-style"], "check-style")


def test_an_author_needs_no_privileges_and_no_configuration(kit, folder):
    nobody = pwd.getpwnam("nobody")
    home = folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    source = kit.build(kit.new(folder, "dns"))
    file = home / source.name
    shutil.copy(source, file)
    os.chown(file, nobody.pw_uid, nobody.pw_gid)
    done = kit.countersign("plugin", "check", file.name, cwd=home, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    assert done.returncode == 0 and "pass left" in done.stdout, done.stdout + done.stderr


def commands_of(kit, first, behind):
    """What the installed guide has one type, and the text around it."""
    guide = next(kit.installed.prefix.glob("share/doc/**/plugin-guide.md")).read_text()
    part = guide.split(f"\n## {first}\n")[1].split(f"\n## {behind}\n")[0]
    return re.findall(r"^    (\S.*)$", part, re.M)


def as_a_user(kit, folder, conf, commands, cwd):
    programs = folder / "programs"  # where `countersign` finds its plugins, as it would were it not in a stage
    programs.mkdir(exist_ok=True)
    (programs / "countersign").write_text(f'#!/bin/sh\n[ "$1" = -c ] || set -- -c {conf} "$@"\n'
                                          f'exec {kit.installed.program} "$@"\n')
    (programs / "countersign").chmod(0o755)
    path = f"{programs}:{kit.installed.prefix}/bin:{kit.env['PATH']}"
    done = subprocess.run(["bash", "-emc", "\n".join(commands)], cwd=cwd, env={**kit.env, "PATH": path}, capture_output=True,
                          text=True, timeout=240)
    print(done.stdout + done.stderr)
    return done


def test_the_guide_begins_with_commands_that_work_as_they_stand(kit, folder, conf):
    commands = commands_of(kit, "Begin", "What a plugin is")
    assert [line.split()[0] for line in commands] == ["countersign-new-plugin", "cd", "./try", "cc", "countersign"]
    done = as_a_user(kit, folder, conf, commands, folder)
    assert done.returncode == 0 and done.stdout.count("pass set_txt ") == 2 and "FAIL" not in done.stdout


def test_the_guide_leads_to_a_certificate(kit, folder, conf):
    """Ports and the folder of the state are replaced by free ones; all else is typed as it stands."""
    made = kit.new(folder, "dns")
    kit.build(made)
    words = {"8080": free_port(), "8081": free_port(), "5353": free_port(), "/tmp/trial": folder / "trial"}
    lines = commands_of(kit, "A certificate through it", "Install and package")
    for word, other in words.items():
        lines = [line.replace(word, str(other)) for line in lines]
    at = next(i for i, line in enumerate(lines) if line.startswith("mkdir "))
    (made / "trial.conf").write_text("\n".join([f'plugin_dir = "{kit.installed.plugin_dir}";', *lines[:at]]))
    done = as_a_user(kit, folder, conf, lines[at:], made)
    assert done.returncode == 0 and "order ended zone=trial.example outcome=issued" in done.stderr
    assert names_of((made / "www.pem").read_bytes()) == ["www.trial.example"]


def test_a_check_that_is_ended_leaves_nothing_behind(kit, folder, conf):
    file = kit.build(kit.new(folder, "dns"))
    temporary = folder / "tmp"
    temporary.mkdir()
    for number in (signal.SIGINT, signal.SIGTERM):
        child = subprocess.Popen([kit.installed.program, "-c", conf, "plugin", "check", file], stdout=subprocess.PIPE,
                                 text=True, env={**kit.env, "TMPDIR": str(temporary)},
                                 preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # ignored in a shell's job
        while not (line := child.stdout.readline()).startswith("pass deadline"):
            assert line
        assert list(temporary.iterdir())
        child.send_signal(number)  # while a call that gets no answer is under way
        assert child.wait(20) == -number
        child.stdout.close()
        assert list(temporary.iterdir()) == []


# ---- At work -----------------------------------------------------------------------------------------------------------

def txt(port, name):
    asked = run(["dig", "+short", "@127.0.0.1", "-p", port, "TXT", name], "dig")
    return sorted(line.strip('"') for line in asked.splitlines())


@pytest.mark.parametrize("options", [(), ("--async",)], ids=["blocking", "async"])
def test_a_certificate_is_issued_through_a_new_dns_plugin(kit, lab, folder, options):
    made = kit.new(folder, "dns", options)
    file, backend = kit.build(made), Backend(lab, made, "--zone", ZONE)
    foreign = "a-value-of-somebody-else"
    owner = f"_acme-challenge.{NAME}"
    put = run(["curl", "-sS", "--fail", "-i", "-H", f"Authorization: Bearer {backend.settings['key']}",
               f"{backend.settings['api']}/txt/{owner}."], "curl")
    etag = re.search(r"^ETag: (\S+)", put, re.M).group(1)
    run(["curl", "-sS", "--fail", "-X", "PUT", "--data-binary", foreign + "\n", "-H", f"If-Match: {etag}", "-H",
         f"Authorization: Bearer {backend.settings['key']}", f"{backend.settings['api']}/txt/{owner}."], "curl")
    server = lab.server()
    server.config["dns"] = {"shop": {"plugin": file, **backend.settings}}
    pebble = Pebble(lab.place("pebble"), backend.dns_port, {"PEBBLE_AUTHZREUSE": "0"})
    lab.running.insert(0, pebble)
    server.use_pebble(pebble.start())
    server.start()
    server.command("zone", "add", ZONE, "--dns", "shop", "--servers", f"127.0.0.1:{backend.dns_port}")
    server.add_subject(f"CN={NAME}", ZONE)
    csr = lab.csr()
    pem = check_chain(server.sign(csr), csr, pebble)
    assert names_of(pem) == [NAME]
    server.child.wait_until(lambda: txt(backend.dns_port, owner) == [foreign], 20, "our value went, and the foreign one stayed")
    assert backend.settings["key"] not in server.log()


@pytest.mark.parametrize("options", [(), ("--async",)], ids=["blocking", "async"])
def test_a_new_ca_plugin_has_another_countersign_sign(kit, lab, folder, options):
    file = kit.build(kit.new(folder, "ca", options))
    upstream = lab.server()
    upstream.config["ca"] = {"local": {"plugin": "ca-local", "name": "CA of the upstream"}}
    upstream.start()
    upstream.add_zone(ZONE)
    upstream.add_subject(f"CN={NAME}", ZONE)
    front = lab.server()
    front.config["ca"] = {"shop": {"plugin": file, "url": upstream.url()}}
    front.start()
    front.add_zone(ZONE)
    front.add_subject(f"CN={NAME}", ZONE)
    front.add_subject(f"CN=other.{ZONE}", ZONE)
    csr = lab.csr()
    assert "CA of the upstream" in issuer_of(check_chain(front.sign(csr), csr))
    refused = front.sign(lab.csr(name=f"other.{ZONE}"))
    assert refused.status == 502 and b"answered 400" in refused.body, refused


def test_a_new_audit_plugin_gets_each_event_once(kit, lab, folder):
    made = kit.new(folder, "audit")
    file, backend = kit.build(made), Backend(lab, made)
    world = World(lab)
    world.server.config["audit"] = {"shop": {"plugin": file, **backend.settings}}
    world.start()
    csr = world.csr()
    check_chain(world.server.sign(csr), csr, world.pebble)
    backend.child.wait_for_log(" issued ")
    lines = [line for line in backend.child.log().splitlines() if re.match(r"\d+ ", line)]
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == sorted(set(numbers)) and sum(" issued " in line and NAME in line for line in lines) == 1

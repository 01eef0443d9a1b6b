"""Tests of etc/systemd: what systemd thinks of the units, and that units and page say the same. No systemd has to run."""
import configparser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNITS = ROOT / "etc/systemd"
PAGE = (ROOT / "docs/service.md").read_text()


def settings(text):
    parser = configparser.ConfigParser(interpolation=None, strict=False, empty_lines_in_values=False)
    parser.optionxform = str
    parser.read_string(text)
    return parser


@pytest.fixture
def tree(tmp_path):
    """A root folder with the units as meson installs them, and enough of a system for systemd to look at them."""
    units = tmp_path / "usr/lib/systemd/system"
    for folder in (units, tmp_path / "usr/bin", tmp_path / "bin", tmp_path / "etc"):
        folder.mkdir(parents=True, exist_ok=True)
    for unit in UNITS.iterdir():
        if unit.suffix == ".in" and unit.stem.endswith(".service"):
            (units / unit.stem).write_text(unit.read_text().replace("@BINDIR@", "/usr/bin").replace("@SYSCONFDIR@", "/etc"))
        elif unit.suffix in (".socket", ".timer"):
            shutil.copy(unit, units)
    for target in ("sysinit", "basic", "shutdown", "sockets", "network-online", "nss-lookup", "time-sync", "multi-user",
                   "timers"):
        (units / f"{target}.target").write_text("[Unit]\n")
    (units / "-.slice").write_text("[Unit]\nDefaultDependencies=no\n")
    (units / "system.slice").write_text("[Unit]\nDefaultDependencies=no\n")
    for program in ("usr/bin/countersign", "bin/kill"):
        (tmp_path / program).write_text("")
        (tmp_path / program).chmod(0o755)
    return tmp_path


def drop_in(tree):
    folder = tree / "etc/systemd/system/countersign.service.d"
    folder.mkdir(parents=True)
    shutil.copy(UNITS / "socket-activated.conf", folder)


def analyze(tree, *words):
    return subprocess.run(["systemd-analyze", f"--root={tree}", "--no-pager", "--man=no", *words], capture_output=True,
                          text=True, timeout=60)


def exposure(tree):
    """The overall figure, in tenths."""
    whole = analyze(tree, "security", "--offline=true", "countersign.service").stdout
    return round(10 * float(re.search(r"Overall exposure level for countersign.service: ([\d.]+)", whole)[1]))


def test_the_unit_is_exposed_as_little_as_the_page_says(tree):
    assert exposure(tree) <= 16 and "gives **1.6** for the unit" in PAGE
    unit = tree / "usr/lib/systemd/system/countersign.service"
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=no"))
    assert exposure(tree) > 16, "a figure that never rises says nothing"


def test_with_sockets_it_has_no_capability_and_is_exposed_even_less(tree):
    drop_in(tree)
    assert exposure(tree) <= 13 and "**1.3** with the drop-in" in PAGE
    table = json.loads(analyze(tree, "security", "--offline=true", "--json=short", "countersign.service").stdout)
    held = [row["name"] for row in table if "Capabilit" in row["name"] and row["set"] is False]
    assert held == []


@pytest.mark.parametrize("unit", ["countersign.service", "countersign.socket", "countersign-forget-keys.service",
                                  "countersign-forget-keys.timer", "countersign-renew@one.service",
                                  "countersign-renew@one.timer"])
def test_systemd_understands_every_line(tree, unit):
    drop_in(tree)
    done = analyze(tree, "verify", "--recursive-errors=no", unit)
    assert done.stderr == "" and done.returncode == 0


def test_what_privacy_needs_of_the_folders_is_there():
    service = settings((UNITS / "countersign.service.in").read_text())["Service"]
    wanted = {"RuntimeDirectory": "countersign", "RuntimeDirectoryMode": "0700", "RuntimeDirectoryPreserve": "restart",
              "StateDirectory": "countersign", "StateDirectoryMode": "0700", "LogsDirectory": "countersign", "UMask": "0077",
              "LimitCORE": "0", "Type": "notify", "NotifyAccess": "main", "ExecReload": "/bin/kill -HUP $MAINPID"}
    assert {name: service.get(name) for name in wanted} == wanted
    assert "ProcSubset" not in service, "/proc/swaps must be there"
    folders = [line.split()[:5] for line in (UNITS / "tmpfiles.conf.in").read_text().splitlines() if line[:1] not in "#"]
    assert ["d", "/var/lib/countersign", "0700", "countersign", "countersign"] in folders
    assert ["x", "/run/countersign"] in folders, "nothing there may be removed by age, nor made for another time"


def test_a_cause_that_lasts_does_not_leave_the_server_down_for_ever():
    unit = settings((UNITS / "countersign.service.in").read_text())
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "10 starts in 5 min are over after seconds"
    assert unit["Service"]["Restart"] == "always" and unit["Service"]["RestartSec"] == "5s"
    assert all(line in PAGE for line in ("`Restart=always`", "`RestartSec=5s`", "`StartLimitIntervalSec=0`"))


def test_the_user_of_unit_sysusers_and_sample_is_one(tree):
    service = settings((UNITS / "countersign.service.in").read_text())["Service"]
    assert service["User"] == service["Group"] == "countersign"
    assert 'user = "countersign"' in (ROOT / "etc/countersign.conf").read_text()
    (tree / "usr/lib/sysusers.d").mkdir()
    shutil.copy(UNITS / "sysusers.conf", tree / "usr/lib/sysusers.d/countersign.conf")
    done = subprocess.run(["systemd-sysusers", f"--root={tree}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    user = [line.split(":") for line in (tree / "etc/passwd").read_text().splitlines() if line.startswith("countersign:")][0]
    assert int(user[2]) < 1000 and user[6].endswith("nologin")


def test_every_address_of_the_socket_unit_is_of_one_protocol():
    text = (UNITS / "countersign.socket").read_text()
    streams, datagrams = (re.findall(rf"^#?{kind}=(\S+)$", text, re.M) for kind in ("ListenStream", "ListenDatagram"))
    assert {"0.0.0.0:443", "0.0.0.0:8443", "0.0.0.0:53", "[::]:443", "[::]:8443", "[::]:53"} == set(streams)
    assert {"0.0.0.0:53", "[::]:53"} == set(datagrams) and "\nBindIPv6Only=ipv6-only\n" in text


def test_systemd_understands_the_socket_for_a_proxy(tree):
    page = (ROOT / "docs/deploy.md").read_text()
    text = block_after(page[page.index("countersign-http.socket"):], "[Unit]")
    (tree / "usr/lib/systemd/system/countersign-http.socket").write_text(text)
    (tree / "etc/group").write_text("www-data:x:33:\n")
    done = analyze(tree, "verify", "countersign-http.socket")
    assert (done.returncode, done.stderr) == (0, "")
    path = re.search("^ListenStream=(.*)$", text, re.M)[1]
    assert f"http://unix:{path}:" in page and f'address = "unix:{path}"' in page and "Service=countersign.service" in text


# ---- The deploy program that docs/renew.md shows -----------------------------------------------------------------------

RENEW = (ROOT / "docs/renew.md").read_text()
OWN_NGINX = "user www-data;\nevents {}\nhttp { server { listen 127.0.0.1:80; } }\n"  # Debian says where its files are


def block_after(text, line):
    """The lines of the indented block that begins with `line`."""
    found = re.search(rf"^    {re.escape(line)}\n(?:(?:    .*)?\n)*", text, re.M)
    return "\n".join(part[4:] for part in found[0].rstrip().split("\n")) + "\n"


@pytest.fixture
def deploy(tmp_path):
    """Runs the page's program for nginx as countersign-renew@.service does, with folders of its own for what nginx writes."""
    text = RENEW[RENEW.index("### nginx"):]
    tmp_path.chmod(0o755)
    for name, content in (("deploy", block_after(text, "#!/bin/sh")), ("systemctl", "#!/bin/sh\necho asked: \"$@\"\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "nginx.conf").write_text(OWN_NGINX)
    (tmp_path / "drop-in.conf").write_text(block_after(text, "[Service]"))
    (tmp_path / "state").mkdir()
    mounts = [*(f"mount -t tmpfs own {folder}" for folder in ("/run", "/var/log/nginx", "/var/lib/nginx")),
              f"mount --bind {tmp_path}/nginx.conf /etc/nginx/nginx.conf", "nginx -t -q"]  # as if it ran already

    def run(*drop_ins):
        command = [sys.executable, ROOT / "tests/peers/confined.py", UNITS / "countersign-renew@.service.in", *drop_ins,
                   f"--folder=StateDirectory={tmp_path}/state", f"--keep={tmp_path}", "--program", tmp_path / "deploy"]
        lines = " && ".join([*mounts, 'exec "$@"'])
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", lines, "sh", *command],
                              capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})

    return run


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what the unit takes away")
def test_the_deploy_program_for_nginx_works_in_the_unit_with_the_drop_in_of_the_page(deploy, tmp_path):
    without = deploy()
    assert without.returncode == 1 and "Read-only file system" in without.stderr, without.stderr
    done = deploy(tmp_path / "drop-in.conf")
    assert (done.returncode, done.stdout) == (0, "asked: reload nginx\n"), done.stderr

"""Tests of tools/packages: it installs what is missing and lets no daemon start, whatever the machine says of that."""
import os
import pathlib
import subprocess

import pytest

PACKAGES = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/packages"


class Machine:
    """dpkg, apt and root's id as the test wants them; apt writes down what it saw."""

    def __init__(self, folder):
        self.folder = folder
        self.policy = folder / "policy-rc.d"
        self.seen = folder / "seen"
        self.apt_ends_with = 0
        self.program("id", "echo 0")
        self.program("systemctl", f'echo "systemctl $*" >>{self.seen}')

    def program(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, missing):
        self.program("dpkg-query", "for last; do :; done\n"
                     f'case " {" ".join(missing)} " in *" $last "*) exit 1;; *) printf installed;; esac')
        self.program("apt-get", f'echo "apt-get $*" >>{self.seen}\n'
                     f'[ "$2" != install ] || {{ {self.policy} named start; echo "policy $?"; }} >>{self.seen} 2>&1\n'
                     f"[ \"$2\" != install ] || exit {self.apt_ends_with}")
        env = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "POLICY_RC_D": str(self.policy)}
        return subprocess.run([PACKAGES, "test"], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)

    def lines(self):
        return self.seen.read_text().splitlines() if self.seen.exists() else []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_nothing_is_done_when_all_is_there(machine):
    assert machine.run([]).returncode == 0
    assert machine.lines() == []


def test_a_daemon_may_not_start_while_it_is_installed_nor_at_boot_and_the_machine_is_as_before(machine):
    assert machine.run(["bind9", "knot", "valgrind"]).returncode == 0
    assert machine.lines() == ["apt-get -q update", "apt-get -q install -y --no-install-recommends bind9 knot valgrind",
                               "policy 101", "systemctl --quiet disable named", "systemctl --quiet disable knot"]
    assert not machine.policy.exists()


def test_a_policy_of_the_machine_that_forbids_all_stays_as_it_is(machine):
    machine.program("policy-rc.d", "exit 101")
    before = machine.policy.read_text()
    assert machine.run(["unbound"]).returncode == 0
    assert machine.policy.read_text() == before
    assert "policy 101" in machine.lines()


def test_a_policy_of_the_machine_that_lets_daemons_start_stays_and_nothing_is_installed(machine):
    machine.program("policy-rc.d", "exit 0")
    done = machine.run(["pdns-server"])
    assert done.returncode == 1
    assert "lets pdns start" in done.stderr
    assert machine.policy.exists()
    assert machine.lines() == []


def test_what_an_earlier_run_left_when_it_was_killed_is_taken_away(machine):
    mark = next(line for line in PACKAGES.read_text().splitlines() if line.startswith("mark=")).split('"')[1]
    machine.program("policy-rc.d", f"{mark}\nexit 101")
    assert machine.run(["knot"]).returncode == 0
    assert not machine.policy.exists()


def test_it_leaves_no_policy_behind_when_the_installation_fails(machine):
    machine.apt_ends_with = 100
    done = machine.run(["bind9"])
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert not machine.policy.exists()


def test_packages_without_daemons_need_no_policy(machine):
    machine.program("policy-rc.d", "exit 0")
    assert machine.run(["valgrind"]).returncode == 0
    assert [line for line in machine.lines() if line.startswith("systemctl")] == []

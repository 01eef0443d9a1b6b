"""One behaviour, one test, for each DNS plugin at its real server.

The behaviours of `countersign plugin test` run once for each column of the matrix; what the server is put through is done here.
The matrix is printed at the end of the run, and docs/dns-matrix.md has to say the same.
"""
import pathlib
import re
import subprocess
import time

import pytest

import matrix
from bind import Bind
from child import run
from knot import Knot
from nameserver import NameServer
from powerdns import PowerDns
from scene import ZONE, open_lab
from server import SANITIZER_WORDS
from steps import Steps

FAKES = pathlib.Path(__file__).resolve().parent.parent / "fakes"
ELSEWHERE = "elsewhere.example"
A, B = "a" * 43, "b" * 43
RETRY = ("CS_EUPSTREAM", "CS_ETIMEDOUT", "CS_EBUSY")  # worth trying again
NEVER = ("CS_EREFUSED", "CS_ECONFIG")  # the operator must act
SLOW_S = 1.2  # how long a server is frozen that is slow
PATIENCE_S = 2  # the `timeout` of an instance whose server hangs
COLUMNS = {
    "builtin": (None, None),
    "pdns": (PowerDns, "api_instance"),
    "rfc2136-bind": (Bind, "update_instance"),
    "rfc2136-knot": (Knot, "update_instance"),
    "rfc2136-powerdns": (PowerDns, "update_instance"),
    "exec-bind": (Bind, "exec_instance"),
}


class Inside:
    """dns-builtin as a server: it answers from within the process that makes the steps."""

    ask, txt = NameServer.ask, NameServer.txt

    def __init__(self, port):
        self.port = port


class Column:
    """A plugin and its server, which lives as long as the column."""

    def __init__(self, lab, name):
        kind, self.how = COLUMNS[name]
        self.name = name
        self.host = lab.server([ZONE])  # a configuration; it is never started
        self.has_server = kind is not None
        self.server = lab.name_server(kind, [ZONE]) if kind else Inside(self.host.dns_port)
        self.said = None
        self.opened = []

    def instance(self, **more):
        if not self.has_server:
            return {**self.host.config["dns"]["builtin"], **more}
        return getattr(self.server, self.how)(**more)

    def configure(self, instance):
        self.host.config["dns"] = {"builtin": self.host.config["dns"]["builtin"], "tried": instance}
        return "tried"

    def steps(self, zone=ZONE, instance=None):
        steps = Steps(self.host, self.configure(instance or self.instance()), zone)
        self.opened.append(steps)
        return steps

    def close_steps(self, check):
        for steps in self.opened:
            steps.close(check)
        self.opened.clear()

    def restart(self, steps):
        """The server is killed and started; returns the steps to go on with."""
        if self.has_server:
            self.server.kill()
            self.server.start()
            return steps
        steps.kill()
        self.opened.remove(steps)
        return self.steps()

    def reload(self, steps):
        if self.has_server:
            self.server.reload()
            return steps
        self.close_steps(check=True)
        return self.steps()

    def unreachable(self):
        """What an error says that has to tell which server cannot be reached; of a program, its last line."""
        if self.how == "exec_instance":
            return "could not reach any name server"
        return str(self.server.api_port if self.how == "api_instance" else self.server.port)

    def wrong_key(self):
        """An instance with a secret that the server does not know by this name, and that secret."""
        if self.how != "exec_instance":
            return self.instance(key=self.server.other_secret), self.server.other_secret
        key_file = self.server.folder / "wrong.key"
        key_file.write_text(self.server.key_file.read_text().replace(self.server.tsig_secret, self.server.other_secret))
        instance = self.instance()
        instance["environment"] = [re.sub("^(NSUPDATE_KEYFILE=).*", rf"\1{key_file}", line) for line in instance["environment"]]
        return instance, self.server.other_secret

    def codes_of_refusal(self):
        """A program's exit code seldom tells whether trying again is worth it."""
        return RETRY if self.how == "exec_instance" else NEVER

    def conformance(self):
        """The lines of `countersign plugin test`, by behaviour. It runs once."""
        if self.said is None:
            command = [self.host.installed.program, "-c", self.host.conf, "plugin", "test", self.configure(self.instance()),
                       "--zone", ZONE, "--server", f"127.0.0.1:{self.server.port}"]
            self.host.write_config()
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
            assert not SANITIZER_WORDS.search(done.stderr), done.stderr
            self.said = {line.split()[1]: line for line in done.stdout.splitlines()}
            self.complaints = done.stderr
        return self.said


@pytest.fixture(scope="module", params=COLUMNS)
def column(request, installed):
    with open_lab(installed) as lab:
        yield Column(lab, request.param)


@pytest.mark.parametrize("behaviour", matrix.BEHAVIOURS + matrix.TROUBLES)
def test_cell(column, behaviour, slow):
    matrix.note(behaviour, column.name, False)
    try:
        if (behaviour, column.name) in matrix.NOT_APPLICABLE:
            assert matrix.reason(behaviour, column.name)
        elif behaviour in matrix.BEHAVIOURS:
            line = column.conformance().get(behaviour, column.complaints)
            assert line.startswith("pass "), line
        else:
            TROUBLES[behaviour](column, f"_acme-challenge.{behaviour}.{ZONE}.", slow)
        column.close_steps(check=True)
    finally:
        column.close_steps(check=False)
    matrix.note(behaviour, column.name, True)


def test_the_suite_has_the_behaviours_of_the_matrix(installed):
    done = subprocess.run([installed.program, "plugin", "test", "--list"], capture_output=True, text=True, timeout=60)
    assert [line.split()[0] for line in done.stdout.splitlines()] == matrix.BEHAVIOURS


def test_the_page_says_what_these_tests_saw(request):
    """Of a part of the tests, about those cells."""
    page = matrix.page()
    assert {cell: page.get(cell) for cell in matrix.seen} == matrix.seen
    if not request.config.getoption("keyword") and not request.config.getoption("deselect"):
        assert page.keys() == matrix.seen.keys()


# ---- What the server is put through -----------------------------------------------------------------------------------------

def failure(steps, codes, *words):
    """The text of an answer that has to be a failure with one of these codes, and to say these words."""
    answer = steps.answer()
    assert not answer["ok"], answer
    assert answer["code"] in codes, answer
    for word in words:
        assert re.search(word, answer["text"]), answer
    return answer["text"]


def server_down(column, owner, slow):
    """An error that names the server, soon; and all is well when it is back."""
    steps = column.steps()
    column.server.stop()
    began = time.monotonic()
    steps.send(owner, want=[A])
    failure(steps, RETRY, column.unreachable())
    assert time.monotonic() - began < 12 * slow
    column.server.start()
    steps.set(owner, want=[A])
    assert column.server.txt(owner) == {A}
    steps.set(owner, gone=[A])
    assert column.server.txt(owner) == set()


def server_slow(column, owner, slow):
    """The plugin waits, and what it asked for is there once."""
    steps = column.steps()
    steps.set(owner, want=[A])
    column.server.freeze()
    steps.send(owner, want=[A, B])
    time.sleep(SLOW_S)
    column.server.thaw()
    answer = steps.answer()
    assert answer["ok"] and answer["ms"] > 1000 * SLOW_S / 2, answer
    assert column.server.txt(owner) == {A, B}
    steps.set(owner, gone=[A, B])
    assert column.server.txt(owner) == set()


def server_hangs(column, owner, slow):
    """An error when the instance's own time is over; and all is well when it answers again."""
    steps = column.steps(instance=column.instance(timeout=f"{PATIENCE_S}s"))
    steps.set(owner, want=[A])
    column.server.freeze()
    began = time.monotonic()
    steps.send(owner, want=[A, B])
    failure(steps, RETRY)
    assert time.monotonic() - began < (PATIENCE_S + 10) * slow
    column.server.thaw()
    steps.set(owner, want=[A, B])
    assert column.server.txt(owner) == {A, B}
    steps.set(owner, gone=[A, B])
    assert column.server.txt(owner) == set()


def server_restarts(column, owner, slow):
    """What was set before may be set again, and taken away."""
    steps = column.steps()
    steps.set(owner, want=[A, B])
    steps = column.restart(steps)
    steps.set(owner, want=[A, B])
    assert column.server.txt(owner) == {A, B}
    steps.set(owner, want=[B], gone=[A])
    assert column.server.txt(owner) == {B}
    steps = column.restart(steps)
    steps.set(owner, gone=[B])
    assert column.server.txt(owner) == set()


def reload(column, owner, slow):
    steps = column.steps()
    steps.set(owner, want=[A])
    steps = column.reload(steps)
    steps.set(owner, want=[A, B])
    assert column.server.txt(owner) == {A, B}
    steps = column.reload(steps)
    steps.set(owner, gone=[A, B])
    assert column.server.txt(owner) == set()


def wrong_key(column, owner, slow):
    """Nothing is changed, and no part of a secret is told."""
    instance, secret = column.wrong_key()
    steps = column.steps(instance=instance)
    steps.send(owner, want=[A])
    text = failure(steps, column.codes_of_refusal())
    assert secret not in text + steps.log()
    assert column.server.txt(owner) == set()


def wrong_zone(column, owner, slow):
    """The zone table has a zone that the server does not have."""
    steps = column.steps(zone=ELSEWHERE)
    steps.send(f"_acme-challenge.www.{ELSEWHERE}.", want=[A])
    failure(steps, column.codes_of_refusal(), re.escape(ELSEWHERE))


def clock_off(column, owner, slow):
    """TSIG (RFC 8945 5.2.3): the server's clock is an hour ahead."""
    steps = column.steps()
    ahead = column.host.folder / "clock_ahead.so"
    run(["cc", "-shared", "-fPIC", "-O1", "-o", ahead, FAKES / "clock_ahead.c"], "clock_ahead.c was not built")
    column.server.stop()
    column.server.wrapper = ["env", f"LD_PRELOAD={ahead}", "CLOCK_AHEAD=3600"]
    try:
        column.server.start()
        steps.send(owner, want=[A])
        failure(steps, column.codes_of_refusal(), "clock|BADTIME")
        assert column.server.txt(owner) == set()
    finally:
        column.server.wrapper = ()
        column.server.restart()
    steps.set(owner, want=[A])
    assert column.server.txt(owner) == {A}
    steps.set(owner, gone=[A])


TROUBLES = {function.__name__.replace("_", "-"): function for function in
            (server_down, server_slow, server_hangs, server_restarts, reload, wrong_key, wrong_zone, clock_off)}

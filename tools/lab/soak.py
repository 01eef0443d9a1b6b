"""kill -9 at a step of an order: a run of it, and what became of every order. Used by tools/soak and tests/peers/test_kill.py.

A run is a step, `at`, `before` or `after` it, and a seed, of which everything else about it comes: how often the step must
have been reached, the scene, the orders, what the CA does wrong. Clients ask; the server dies; it is started again, perhaps
dies once more, and the clients ask again. All is judged from outside: by the CA's books, the answers, the database, the audit
file, the DNS.
"""
import concurrent.futures
import contextlib
import functools
import json
import multiprocessing.util
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time

from server import install
from soak_stage import FOREIGN, Stage, Wish, ZONE

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/recovery.md"
PROGRAM = "tests/moved/countersign-moved"
ORDERS = 5
DIE_S = 2
DNS_S = 30
CHAIN_S = 2
IMPATIENT_S = 0.5  # of a CA that calls a name invalid when its DNS server is down for longer
# What an order survives; each comes once, wherever chance has it.
HARMLESS = ("lost at=finalize", "reset at=finalize", "lost at=new-order", "reset at=new-order", "cut-body at=certificate",
            "lost at=order", "lost at=challenge", "internal at=order", "bad-nonce at=finalize", "certificate-late",
            "lost at=certificate", "processing value=3", "lost at=authz", "busy-past at=order",
            "html at=certificate value=404", "html at=finalize value=403", "type at=certificate", "redirect at=certificate")
FATAL = ("csr-refused", "order-invalid", "validation-wrong", "finalize-refused")
AFTER_A_RESTART = ("load-order", "resuming", "reviving")
FIRST_KILLS = (("visible", "at"), ("answer", "at"), ("poll-authz", "at"), ("saved-finalize", "after"))
ONCE = ("saved-account", *AFTER_A_RESTART)


def page_steps(of="order"):
    """(name, told or written) of each step that docs/recovery.md has, `of` an order or a revocation."""
    orders, _, revocations = PAGE.read_text().partition("\n## A revocation")
    return re.findall(r"^\| `([a-z-]+)` \| (told|written) \|", orders if of == "order" else revocations, re.M)


def core_steps(build):
    """The same of the core's own table."""
    listed = subprocess.run([build / PROGRAM], env={"COUNTERSIGN_KILL": "list"}, capture_output=True, text=True, check=True)
    return [tuple(line.split()[:2]) for line in listed.stdout.splitlines()]


@functools.cache
def points():
    """(step, when) of each way to die."""
    return [(name, when) for name, kind in page_steps() for when in (("at",) if kind == "told" else ("before", "after"))]


class Run:
    """One run, and what it found: numbers, and a sentence for each limit that is broken."""

    def __init__(self, stages, step, when, seed):
        self.step, self.when, self.seed = step, when, seed
        self.random = random.Random(f"{step} {when} {seed}")
        self.kind = (seed + points().index((step, when))) % 4
        self.stage = stages.get(bind=self.kind == 1)
        self.kills = 0
        self.lost = self.twice = self.abandoned = self.unrecorded = self.left = 0
        self.slowest = None  # seconds from the restart to the chain, of jobs whose finalize was sent
        self.fatal = 0       # faults that an order does not survive
        self.reached = set()
        self.faults = []
        self.wishes = []
        self.sent = set()    # names and keys whose finalize was sent before the last kill

    # ---- The scene

    def _wishes(self):
        """Names of their own, and two with other keys for the first one's."""
        stem = f"{self.step}-{self.seed}-{self.stage.runs}"
        names = [[f"h{number}.{stem}.{ZONE}"] for number in range(ORDERS - 1)]
        names[1].append(f"*.{names[1][0]}" if self.kind != 1 else f"also.{names[1][0]}")
        self.wishes = [Wish(some, self.random.random() < 0.5) for some in [*names, names[0]]]

    def _options(self):
        """Without order reuse an order may be lost with each kill, so there one runs at a time."""
        reuse = self.kind in (0, 2)
        polls = self.random.randrange(2) + (self.step == "poll-order")
        return (20 if reuse else 1), {"order_reuse": reuse, "authz_reuse": reuse, "processing_polls": polls,
                                      "validation_delay": self.random.choice((0.0, 0.0, 0.02)),
                                      "dns_patience": IMPATIENT_S if self.kind == 3 else 3.0}

    def _faults(self):
        lines = []
        if self.step == "choose-chain":
            lines.append("alternate-chain times=always")
        if self.step in ("failing", "saved-failure"):
            lines.append(f"{self.random.choice(FATAL)} times=2")
            self.fatal = 2
        elif self.kind in (2, 3):
            lines += [f"{line} after={self.random.randrange(3)}" if "value" not in line else line
                      for line in self.random.sample(HARMLESS, 2) if self.kind == 2 or "new-order" not in line]
        if lines:
            self.stage.chaos.fault(*lines)

    def _kill(self, n=None):
        most = 1 if self.step in ONCE or self.fatal else len(self.wishes) - 1
        late = self.when == "at" and self.random.random() < 0.4
        return self.step, self.when, n or self.random.randint(1, most), self.random.randint(1, 25) if late else 0

    # ---- The run

    def go(self):
        parallel, options = self._options()
        self.stage.prepare(parallel, options)
        self._wishes()
        self.stage.add_foreign({name for wish in self.wishes for name in wish.names})
        self._faults()
        first = self.random.choice(FIRST_KILLS) if self.step in AFTER_A_RESTART else None
        try:
            self._until_it_dies((*first, 1, 0) if first else self._kill())
            again = self.random.random() < 0.25
            if self.kind == 3 and self.random.random() < 0.3:
                time.sleep(1.5 * IMPATIENT_S)
            began = self._restart(self._kill(1) if first or again else None, must_die=bool(first))
            self._ask_again(began)
            self._judge()
        finally:
            self.reached = self.stage.reached()
            if self.stage.server.child:
                self.stage.server.kill()
        return self

    def _together(self, call):
        with concurrent.futures.ThreadPoolExecutor(len(self.wishes)) as pool:
            list(pool.map(call, self.wishes))

    def _until_it_dies(self, kill):
        self.stage.start(kill)
        self._together(lambda wish: wish.ask(self.stage.server))
        self._count_kill(kill)

    def _count_kill(self, kill):
        if self.stage.died(DIE_S):
            self.kills += 1
            self._look_at_the_dead()
        else:
            self.faults.append(f"{' '.join(str(word) for word in kill)} was never reached")
            self.stage.server.kill()

    def _restart(self, kill, must_die):
        """The server lives when this returns."""
        began = self.stage.start(kill)
        if not kill:
            return began
        self._together(lambda wish: wish.serials or wish.ask(self.stage.server))
        if must_die:
            self._count_kill(kill)
        else:  # at its step, or now
            self.stage.server.kill()
            self.kills += 1
            self._look_at_the_dead()
        return self.stage.start()

    def _ask_again(self, began):
        def ask(wish):
            wish.problems.clear()
            wish.ask_again(self.stage.server, began)
            if wish.problems and self.fatal:
                wish.problems.clear()
                wish.post(self.stage.server)
        self._together(ask)
        self._together(lambda wish: wish.post(self.stage.server))

    # ---- What was found

    def _rows(self, statement):
        """Of the database, whether the server lives or not."""
        with contextlib.closing(sqlite3.connect(f"file:{self.stage.server.database}?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def _recorded(self):
        """Serials that have both a certificate's row and an audit event, delivered or on its way."""
        certificates = {serial.lower().lstrip("0") for serial, in self._rows("SELECT serial FROM certificate")}
        events = "".join(text for text, in self._rows("SELECT json FROM outbox"))
        audit = self.stage.server.folder / "state/audit.jsonl"
        events += audit.read_text() if audit.exists() else ""
        told = {serial.lower().lstrip("0") for serial in re.findall(r'"serial":\s*"([0-9A-Fa-f]+)"', events)}
        return certificates & told

    def _check_records(self):
        recorded = self._recorded()
        without = [serial for wish in self.wishes for serial in wish.serials if serial not in recorded]
        if without:
            self.unrecorded += len(without)
            self.faults.append(f"handed out without a record: {without}")

    def _look_at_the_dead(self):
        self._check_records()
        sent = self._rows("SELECT spki_sha256 FROM job WHERE state = 'open' AND step = 'finalize'")
        self.sent = {spki.hex() for spki, in sent}

    def _judge(self):
        self._check_records()
        names = {tuple(wish.names) for wish in self.wishes}
        orders = [order for order in self.stage.chaos.orders() if tuple(order["names"]) in names]
        recorded = self._recorded()
        for wish in self.wishes:
            self._judge_wish(wish, [order for order in orders if order["serial"] and order["spki_sha256"] == wish.spki],
                             recorded)
        if len({order["account"] for order in orders}) > 1:
            self.faults.append("a second account was registered")
        self._count_abandoned([order for order in orders if order["status"] != "valid"])
        self._look_into_the_dns()
        if not self.stage.server.child.running():
            self.faults.append(f"the server ended by itself: {self.stage.server.child.tail(5)}")

    def _judge_wish(self, wish, issued, recorded):
        serials = [order["serial"] for order in issued]
        if wish.problems:
            self.faults.append(f"{wish.names[0]} was refused: {wish.problems}")
        if wish.foreign:
            self.faults.append(f"{wish.names[0]} got a chain for another key")
        lost = [serial for serial in serials if serial not in recorded or serial not in wish.serials]
        if lost:
            self.lost += len(lost)
            self.faults.append(f"{wish.names[0]} lost {lost}, got {wish.serials}")
        if len(serials) > 1 or any(order["finalized"] > 1 for order in issued):
            self.twice += 1
            self.faults.append(f"{wish.names[0]} was issued {len(serials)} times: {serials}")
        if wish.spki in self.sent:
            self.slowest = max(self.slowest or 0, wish.seconds or 0)
            if not wish.seconds or wish.seconds > CHAIN_S:
                self.faults.append(f"{wish.names[0]} had sent finalize, and its chain came after {wish.seconds} s")

    def _count_abandoned(self, orders):
        self.abandoned = max(0, len(orders) - self.fatal)
        if self.abandoned > self.kills:
            self.faults.append(f"{self.abandoned} orders abandoned, {self.kills} kills: {json.dumps(orders)}")

    def _left(self):
        wanted = {FOREIGN} if self.stage.bind else set()
        return {name: found for name in {name for wish in self.wishes for name in wish.names}
                if (found := self.stage.texts(name)) != wanted}

    def _look_into_the_dns(self):
        end = time.monotonic() + DNS_S
        while (left := self._left()) and time.monotonic() < end:
            time.sleep(0.02)
        if left:
            self.left += len(left)
            self.faults.append(f"left in DNS, or not ours and gone: {left}")


class Stages:
    """Made when they are first wanted, each in a folder below `folder`."""

    def __init__(self, folder, installed, program):
        self.folder, self.installed, self.program = pathlib.Path(folder), installed, program
        self.made = {}

    def get(self, bind):
        if bind not in self.made:
            self.made[bind] = Stage(self.folder / ("bind" if bind else "builtin"), self.installed, self.program, bind)
        return self.made[bind]

    def close(self):
        for stage in list(self.made.values()):
            stage.close()


# ---- Many runs, in several processes: tools/soak and the test give work() to a pool ----------------------------------------

class Outcome:
    """What goes back to the one who counts."""

    def __init__(self, run, log):
        self.step, self.when, self.seed = run.step, run.when, run.seed
        self.kills, self.lost, self.twice, self.abandoned = run.kills, run.lost, run.twice, run.abandoned
        self.unrecorded, self.left, self.slowest = run.unrecorded, run.left, run.slowest
        self.faults, self.reached, self.log = run.faults, run.reached, log


def begin_worker(folder, installed, program):
    """First in each process of the pool; its stages end with it, however it ends, and before it does."""
    work.stages = Stages(folder / f"worker{os.getpid()}", installed, program)

    def leave():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which the pool sends to who is leaving already
        work.stages.close()

    def on_term(*_):
        leave()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_term)
    multiprocessing.util.Finalize(None, leave, exitpriority=10)


def work(point):
    """One run: (step, when, seed)."""
    run = Run(work.stages, *point)
    try:
        run.go()
    except Exception as fault:  # the other runs are still wanted
        run.faults.append(f"{type(fault).__name__}: {fault} {getattr(fault, 'log', '')}")
    log = run.stage.server.folder / "server.log"
    return Outcome(run, log.read_text(errors="replace")[-6000:] if run.faults else "")


def pool(jobs, folder, build):
    """Processes for work(). A build that changes meanwhile does not disturb them."""
    folder = pathlib.Path(folder)
    folder.chmod(0o755)
    program = shutil.copy(build / PROGRAM, folder)
    return multiprocessing.get_context("fork").Pool(jobs, begin_worker, (folder, install(build, folder / "installed"), program))

"""The parts of tools/test, which starts this: each builds or runs something and says how many tests passed and failed.

    tools/test [PART …]      all parts, or those named

Some parts run at a time; each is told of when it has ended. Nothing is skipped in silence: a skipped test counts as failed,
and so does a part that could not run.
"""
import argparse
import contextlib
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILDS = ROOT / "build"
FUZZ_SECONDS = 1
# gcc makes what ships, and clang what is searched for faults, both with warnings as errors. lld, line numbers alone and no
# optimization in what has a sanitizer take a third of the time.
SANITIZED = ["-Dwerror=true", "-Db_lundef=false", "-Doptimization=0", "-Dc_args=-g1"]
BUILD_OPTIONS = {
    "plain": ["-Dwerror=true"],
    "asan": [*SANITIZED, "-Db_sanitize=address,undefined", "-Dfuzz=true"],
    "tsan": [*SANITIZED, "-Db_sanitize=thread"],
}
BUILDING = {name: threading.Lock() for name in BUILD_OPTIONS}
NOTES = BUILDS / "plain/threads"
NOTING = threading.Lock()
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:exitcode=66",
}


class Result:
    """How many passed, and what failed, each with what a reader needs to see."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.notes = []  # what tests print: the matrix of DNS plugins and servers, and what they measured
        self.cpu_s = 0  # of the processes that it waited for

    def fail(self, what, output=""):
        self.failures.append((what, output.strip()))


class Children:
    """What runs for us, from whichever thread; stop() ends it all, so that an interrupted run leaves nothing behind."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = set()
        self._stopped = False

    def start(self, command, env):
        with self._lock:
            if self._stopped:
                raise SystemExit(1)
            child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, errors="replace", stdin=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
                                     env={**os.environ, **SANITIZERS, **(env or {})})
            self._running.add(child)
        return child

    def ended(self, child):
        with self._lock:
            self._running.discard(child)

    def stop(self):
        with self._lock:
            self._stopped = True
            for child in self._running:
                os.killpg(child.pid, signal.SIGKILL)


CHILDREN = Children()
CPU = threading.local()  # .seconds: what the children of this thread's part used


def run(command, timeout, env=None):
    """Exit code and output. Kills the whole group when the time is over, so that nothing stays behind."""
    child = CHILDREN.start(command, env)
    over = []
    limit = threading.Timer(timeout, lambda: (over.append(True), os.killpg(child.pid, signal.SIGKILL)))
    limit.start()
    try:
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        CPU.seconds = getattr(CPU, "seconds", 0) + usage.ru_utime + usage.ru_stime
        return (-1, f"{output}\nstopped after {timeout} s") if over else (child.returncode, output)
    finally:
        limit.cancel()
        child.stdout.close()
        CHILDREN.ended(child)


def tail(text, lines=40):
    """The end, or the head of a sanitizer's report, without its memory dump."""
    report = re.search(r"^.*(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:)", text, re.M)
    if report:
        return "\n".join(text[report.start():].split("Shadow bytes around")[0].strip().split("\n")[:lines])
    return "\n".join(text.strip().split("\n")[-lines:])


# ---- Building ----------------------------------------------------------------------------------------------------------

def build(name, targets=()):
    """An up-to-date build folder; None and a printed reason when it does not build."""
    with BUILDING[name]:  # two parts may want the same one
        return build_alone(name, targets)


def build_alone(name, targets):
    folder = BUILDS / name
    env = {"CC": "gcc" if name == "plain" else "clang", "CC_LD": "lld"}
    verb = ["configure", folder] if (folder / "build.ninja").exists() else ["setup", folder, ROOT]
    code, output = run(["meson", *verb, *BUILD_OPTIONS[name]], 120, env)
    if code == 0:
        code, output = run(["ninja", "-C", folder, *targets], 900)
    if code != 0:
        errors = [line for line in output.split("\n") if re.search(r"error|undefined|FAILED|ERROR|No such", line)]
        return None, "\n".join(errors[:30]) or tail(output)
    return folder, output


def built(name, result, targets=()):
    folder, output = build(name, targets)
    if folder:
        result.passed += 1
    else:
        result.fail(f"the {name} build", output)
    return folder


def targets(folder, kind):
    if not folder:
        return []
    _, output = run(["meson", "introspect", "--targets", folder], 60)
    return [target for target in json.loads(output) if target["type"] == kind]


# ---- Parts -------------------------------------------------------------------------------------------------------------

def meson_results(log, result):
    """Counts the sub-tests of every test in meson's log; a test that says nothing, or ends badly, is one that failed."""
    for line in log.read_text().splitlines():
        test = json.loads(line)
        points = re.findall(r"^(not )?ok\b[^\n]*", test.get("stdout") or "", re.M)
        rows = re.findall(r"^(?:not )?ok\b[^\n]*", test.get("stdout") or "", re.M)
        bad = [row for row, point in zip(rows, points) if point or re.search(r"#\s*skip", row, re.I)]
        result.passed += len(rows) - len(bad)
        output = (test.get("stdout") or "") + (test.get("stderr") or "")
        for row in bad:
            result.fail(f"{test['name']}: {row}", tail(output))
        if test["result"] == "OK" and not rows and "TAP" not in output:
            result.passed += 1
        elif test["result"] != "OK" and not bad:
            result.fail(f"{test['name']}: {test['result']}", tail(output))


def plain():
    """Beside the tests' results it leaves a file for each test that starts a thread."""
    result = Result()
    folder = built("plain", result)
    if not folder:
        return result
    with NOTING:
        shutil.rmtree(NOTES, ignore_errors=True)
        NOTES.mkdir()
        note = f"{ROOT}/tests/threads/note {folder}/tests/threads/thread_starts.so {NOTES}"
        return unit_tests(folder, result, "--wrapper", note)


def noted():
    with NOTING:
        return {path.name for path in NOTES.iterdir()} if NOTES.is_dir() else set()


def with_threads(result):
    """The names of the unit tests that start threads, as part plain saw them last, and the programs of the others. Only where
    there are threads ThreadSanitizer can find a race."""
    folder = built("plain", result)
    if folder and not noted():
        plain()
    _, output = run(["meson", "introspect", "--tests", folder], 60) if folder else (0, "[]")
    tests = {test["name"]: pathlib.Path(test["cmd"][0]) for test in json.loads(output)}
    alone = {name for name, program in tests.items() if program.name not in noted()}
    return sorted(set(tests) - alone), {os.path.relpath(tests[name], folder) for name in alone}


def tsan():
    """The unit tests under TSan."""
    result = Result()
    names, others = with_threads(result)
    folder, output = build("tsan", ["build.ninja"]) if names else (None, "no test is known to start threads")
    if not folder:
        result.fail("the tsan build", output)
        return result
    made = [os.path.relpath(name, folder) for target in targets(folder, "executable") + targets(folder, "shared module")
            for name in target["filename"]]
    folder = built("tsan", result, [name for name in made if name not in others])
    return unit_tests(folder, result, "-t", "5", *names) if folder else result


def asan():
    result = Result()
    folder = built("asan", result)
    return unit_tests(folder, result, "-t", "3") if folder else result


def unit_tests(folder, result, *words):
    """What `meson test` with these words says."""
    for log in folder.glob("meson-logs/testlog*"):
        log.unlink()
    code, output = run(["meson", "test", "-C", folder, "--no-rebuild", *words], 1200)
    logs = list(folder.glob("meson-logs/testlog*.json"))  # meson adds the wrapper's name
    for log in logs:
        meson_results(log, result)
    if (code != 0 or not logs) and not result.failures:
        result.fail("meson test", tail(output))
    return result


def pytest(arguments, timeout):
    result = Result()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        code, output = run(["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                            f"--junitxml={report.name}", *arguments], timeout)
        try:
            cases = list(xml.etree.ElementTree.parse(report.name).iter("testcase"))
        except xml.etree.ElementTree.ParseError:
            cases = []
    result.notes = re.findall(r"^\|.*\|$", output, re.M)
    for case in cases:
        result.notes += [what.get("value") for what in case.iter("property") if what.get("name") == "said"]
        faults = [child for child in case if child.tag in ("failure", "error", "skipped")]
        if not faults:
            result.passed += 1
        for fault in faults:
            result.fail(f"{case.get('classname')}.{case.get('name')} ({fault.tag})", fault.text or fault.get("message"))
    if (code != 0 or not cases) and not result.failures:
        result.fail("pytest " + " ".join(str(a) for a in arguments), tail(output))
    return result


def tools():
    return pytest(["tests/tools"], 300)  # one of them builds


def peers(name, *options, files=("tests/peers",)):
    """The installed server against a real Pebble; builds first what may have changed since the unit tests."""
    def part():
        folder, output = build(name)
        if folder:
            return pytest([*files, f"--build={folder}", *options], 1800)
        result = Result()
        result.fail(f"the {name} build", output)
        return result
    return part


def style():
    result = Result()
    folder, _ = build("plain")
    code, output = run([ROOT / "tools/check-style", *(["--build", folder] if folder else [])], 120)
    if code == 0:
        result.passed += 1
    else:
        result.fail("tools/check-style", output)
    return result


def lint():
    """clang-tidy reads the compile commands of a build that is clang's, and needs the headers that are made."""
    result = Result()
    folder, output = build("asan", ["build.ninja"])
    made = [os.path.relpath(name, folder) for target in targets(folder, "custom") for name in target["filename"]]
    if folder and made:
        folder, output = build("asan", made)
    if folder:
        code, output = run([ROOT / "tools/lint"], 1800)
    if folder and code == 0:
        result.passed += 1
    else:
        result.fail("tools/lint", output)
    return result


def fuzz():
    """Runs each fuzzer for some seconds on its corpus; one test each."""
    result = Result()
    folder, output = build("asan")
    if not folder:
        result.fail("the asan build", output)
        return result
    names = [target["name"] for target in targets(folder, "executable") if target["name"].startswith("fuzz_")]
    for name in names:
        with tempfile.TemporaryDirectory() as corpus:
            seeds = ROOT / "tests/fuzz/corpus" / name.removeprefix("fuzz_")
            if seeds.is_dir():
                shutil.copytree(seeds, corpus, dirs_exist_ok=True)
            options = [f"-max_total_time={FUZZ_SECONDS}", "-timeout=5", "-rss_limit_mb=1024",
                       f"-artifact_prefix={folder}/{name}-"]
            code, output = run([folder / "tests/fuzz" / name, *options, corpus], 120)
        if code == 0:
            result.passed += 1
        else:
            result.fail(name, tail(output))
    return result


# What goes wrong: crashes, disks, memory, clocks, a CA or a DNS that is out. They wait much, so they have a part of their own.
FAULTS = [f"tests/peers/test_{name}.py" for name in (
    "broken_disk", "clock", "descriptors", "disk", "dns_down", "faults", "kill", "memory", "once", "outage", "privacy_kill",
    "renew", "renew_faults", "scarce", "slow_clients", "stops")]
ALL = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "tests/peers").glob("test_*.py"))
WITHOUT_FAULTS = [file for file in ALL if file not in FAULTS]
# Under TSan runs what has many threads at work at once; valgrind wants the plain build.
WITHOUT_VALGRIND = ["--deselect=tests/peers/test_memory.py"]
# A sanitizer's own terabytes of memory cannot be searched, nothing is preloaded before it, what days, clocks, disks or a kill
# do to files is the same in every build, and a process that is killed reports nothing. What proxies make of bad requests, what
# good CSRs get, what a plugin's author is given, where secrets go, how a client renews, how long an outage lasts, and when a
# slow client's time is over are the same in every build, too; a shell has no sanitizer, and a server with one no sandbox. One
# server of each kind that there is for a DNS plugin is enough.
NOT_ASAN = ["broken_disk", "clock", "descriptors", "disk", "dns_down", "doctor", "good_csrs", "kill", "lab_dns", "manual",
            "memory", "months", "outage", "plugin_kit", "records", "renew_faults", "scarce", "secrets", "service",
            "sign_command", "slow_clients", "two_writers"]
UNDER_ASAN = [file for file in ALL if not any(file.endswith(f"/test_{name}.py") for name in NOT_ASAN)]
WITH_ASAN = ["--deselect=tests/peers/test_bad_requests.py::test_behind_proxies_one_request_gets_one_answer",
             "--deselect=tests/peers/test_revoke.py::test_a_server_that_dies_at_a_step_has_done_it_or_knows_nothing",
             "--interleavings=60", "-k", "not window and not moved_clock and not dash and not busybox and not shell_client "
             "and not knot and not rfc2136-powerdns"]
MANY_AT_ONCE = ["-k", "test_orders or test_reload and hundred or test_stops or test_names and flood or "
                      "test_issuance and exec and ten or test_conformance and builtin", *WITHOUT_VALGRIND]
# So many run at a time, begun in this order: what mostly computes beside what mostly waits for servers and clocks. Of these
# each second file stands in a part of its own, since one after the other they take longer than all the rest.
AT_A_TIME = 3
PARTS = {
    "plain": plain,
    "asan": asan,
    "tools": tools,
    "peers": peers("plain", files=WITHOUT_FAULTS[::2]),
    "peers-more": peers("plain", files=WITHOUT_FAULTS[1::2]),
    "lint": lint,
    "faults": peers("plain", files=FAULTS),
    "tsan": tsan,
    "peers-asan": peers("asan", *WITH_ASAN, files=UNDER_ASAN[::2]),
    "peers-asan-more": peers("asan", *WITH_ASAN, files=UNDER_ASAN[1::2]),
    "peers-tsan": peers("tsan", *MANY_AT_ONCE),
    "fuzz": fuzz,
    "style": style,
}


# ---- The run -----------------------------------------------------------------------------------------------------------

def show(name, result, seconds):
    print(f"{name:<15} {result.passed:5} passed {len(result.failures):4} failed   {seconds:6.1f} s, {result.cpu_s:.0f} s of "
          "CPU", flush=True)
    for line in result.notes:
        print(f"  {line}")
    for what, output in result.failures:
        print(f"  FAILED {what}")
        for line in output.split("\n"):
            print(f"      {line}")
    sys.stdout.flush()


class Run:
    """All that was asked for, in the order of PARTS."""

    def __init__(self, asked):
        self.left = queue.SimpleQueue()
        self.passed = 0
        self.failed = []
        self._said = threading.Lock()
        for name in PARTS:
            if name in asked:
                self.left.put(name)

    def part(self, name):
        start = time.monotonic()
        CPU.seconds = 0
        try:
            result = PARTS[name]()
        except Exception as fault:  # the other parts are still wanted
            result = Result()
            result.fail("the part itself", f"{type(fault).__name__}: {fault}")
        result.cpu_s = CPU.seconds
        with self._said:
            show(name, result, time.monotonic() - start)
            self.passed += result.passed
            self.failed += [f"{name}: {what}" for what, _ in result.failures]

    def work(self):
        with contextlib.suppress(queue.Empty):
            while True:
                self.part(self.left.get_nowait())

    def go(self):
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(AT_A_TIME)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            CHILDREN.stop()


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description="build Countersign and run its tests")
    parser.add_argument("parts", nargs="*", metavar="PART", help="all when none is named: " + " ".join(PARTS))
    asked = parser.parse_args().parts
    unknown = [name for name in asked if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are: {' '.join(PARTS)}")
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    whole = Run(asked or PARTS)
    whole.go()
    if whole.failed:
        print("\nFailed; the output stands above at each:")
        print("\n".join(f"  {what}" for what in whole.failed))
        print("Run one part alone with `tools/test PART`.")
    print(f"{whole.passed} passed, {len(whole.failed)} failed")
    return 1 if whole.failed else 0


if __name__ == "__main__":
    sys.exit(main())

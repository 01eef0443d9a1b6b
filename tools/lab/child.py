"""A server that runs beside us: started with its output in a log file, waited for, stopped by its process id."""
import os
import pathlib
import signal
import socket
import subprocess
import time


class Failed(Exception):
    """A step that did not work. `log` is what the reader wants to see, `hint` what to do."""

    def __init__(self, what, log="", hint=""):
        super().__init__(what)
        self.log = log
        self.hint = hint


class Child:
    def __init__(self, name, command, log, env=None, cwd=None, fds=()):
        self.name = name
        self.log_path = pathlib.Path(log)
        self.log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._log = open(self.log_path, "ab")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self._log,
                                        stderr=subprocess.STDOUT, cwd=cwd, env={**os.environ, **(env or {})},
                                        start_new_session=True, pass_fds=fds)
        self.pid = self.process.pid

    def log(self):
        """What it wrote since this start."""
        with open(self.log_path, "rb") as file:
            file.seek(self.log_start)
            return file.read().decode(errors="replace")

    def tail(self, lines=15):
        return "\n".join(self.log().strip().split("\n")[-lines:])

    def running(self):
        return self.process.poll() is None

    def wait_until(self, ready, seconds, what):
        """Asks `ready()` until it is true. Fails when the time is over, and at once when the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if ready():
                return
            if not self.running():
                raise Failed(f"{self.name} ended with {self.process.returncode} before {what}", self.tail())
            time.sleep(0.01)
        raise Failed(f"{self.name}: {what} did not happen within {seconds} s", self.tail())

    def wait_for_log(self, text, seconds=10):
        self.wait_until(lambda: text in self.log(), seconds, f'"{text}" in its log')

    def wait_end(self, seconds):
        """Its exit code; fails when it does not end by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not end within {seconds} s", self.tail()) from None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def stop(self, seconds=40):
        """SIGTERM, and SIGKILL to it and its children when that did not help in time. Returns the exit code."""
        try:
            self.signal(signal.SIGTERM)
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
            raise Failed(f"{self.name} did not stop within {seconds} s of SIGTERM", self.tail()) from None
        finally:
            self._log.close()

    def kill(self):
        """At once, without a chance to say good-bye."""
        if self.running():
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def let_go(self):
        """Leave it running when we end."""
        self._log.close()


def answers(port):
    """Does somebody accept TCP connections there?"""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(command, what, hint="", **more):
    """A command that must work; its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise Failed(what, (done.stderr + done.stdout).strip(), hint)
    return done.stdout

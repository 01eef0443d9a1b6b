"""One DNS instance driven without orders: `countersign plugin test INSTANCE --steps -`, kept open for many changes."""
import json
import os
import subprocess

from child import Failed
from server import SANITIZER_WORDS


class Steps:
    """`server` is a Countersign whose configuration has the instance; it needs not run."""

    def __init__(self, server, instance, zone):
        server.write_config()
        self.log_path = server.folder / f"steps.{instance}.{zone}.log"
        self._log = open(self.log_path, "ab")
        command = [server.installed.program, "-c", server.conf, "plugin", "test", instance, "--zone", zone, "--steps", "-"]
        self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._log, text=True, bufsize=1, start_new_session=True,
                                         env={**os.environ, **server.env})
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(check=kind is None)

    def send(self, owner, want=(), gone=(), ttl=10):
        self._process.stdin.write(json.dumps({"owner": owner, "want": list(want), "gone": list(gone), "ttl": ttl}) + "\n")

    def answer(self):
        """What became of the change sent before: {"ok": true, "ms": 1.2}, or with "code" and "text"."""
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"countersign plugin test ended with {self._process.wait()}", self.log())
        return json.loads(line)

    def set(self, owner, want=(), gone=(), ttl=10):
        """A change that must work; the milliseconds that it took."""
        self.send(owner, want, gone, ttl)
        answer = self.answer()
        if not answer["ok"]:
            raise Failed(f"{owner} could not be changed: {answer['code']}: {answer['text']}", self.log())
        return answer["ms"]

    def log(self):
        return self.log_path.read_text(errors="replace")

    def kill(self):
        """At once, as a crash would."""
        self._process.kill()
        self.close(check=False)

    def close(self, check=True):
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.stdout.close()
        code = self._process.wait(60)
        self._log.close()
        if check and (code not in (0, 1) or SANITIZER_WORDS.search(self.log())):
            raise Failed(f"countersign plugin test ended with {code}", self.log())

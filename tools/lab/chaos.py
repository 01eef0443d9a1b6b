"""The CA that misbehaves on command (tests/fakes/chaos-ca), as a server that one starts, asks and stops."""
import json
import pathlib
import re
import urllib.request

from child import Child

PROGRAM = pathlib.Path(__file__).resolve().parent.parent.parent / "tests/fakes/chaos-ca/chaos-ca"


class Chaos:
    """Asks 127.0.0.1:dns_port for TXT records. `options` as chaos-ca --options lists them; faults come as asked for."""

    def __init__(self, folder, dns_port, clock=None, **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.dns_port, self.clock, self.options = dns_port, clock, options
        self.ca_file = self.folder / "ca.pem"
        self.root_file = self.folder / "root.pem"
        self.directory = self.admin = self.child = None

    def start(self):
        words = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in self.options.items()]
        clock = ["--clock", self.clock] if self.clock else []
        self.child = Child("chaos-ca", ["/usr/bin/python3", "-B", PROGRAM, "--folder", self.folder, "--dns",
                                        f"127.0.0.1:{self.dns_port}", *clock, *words], self.folder / "chaos-ca.log")
        self.child.wait_for_log("ready directory=")
        self.directory, self.admin = re.search(r"directory=(\S+) admin=(\S+)", self.child.log()).groups()
        return self

    def stop(self):
        child, self.child = self.child, None
        if child:
            child.kill()

    def _tell(self, method, path, text=""):
        request = urllib.request.Request(self.admin + path, text.encode(), method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def fault(self, *lines):
        """As `NAME [at=…] [times=…] [after=…] [value=…]`."""
        return self._tell("POST", "/faults", "\n".join(lines))

    def clear(self):
        self._tell("DELETE", "/faults")

    def change(self, **options):
        self._tell("POST", "/options", " ".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}"
                                                for name, value in options.items()))

    def deactivate_accounts(self):
        self._tell("POST", "/accounts/deactivate")

    def came(self):
        """How often each fault came."""
        return {rule["name"]: rule["came"] for rule in self._tell("GET", "/faults")}

    def orders(self):
        return self._tell("GET", "/state")["orders"]

    def log(self, resource=None):
        """A dict for each request that it answered, in their order."""
        lines = [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]
        return [line for line in lines if resource in (None, line["resource"])]

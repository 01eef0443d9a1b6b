"""What the tests of bad disks share: a server and a CA whose books are compared at the end."""
import json
import time

from chain import check_chain
from chaos import Chaos
from scene import ZONE
from waiting import until

SOON_S = 5       # what a client is told
PATIENCE_S = 20  # on a machine that has much else to do


class Books:
    """A server and a CA that misbehaves on command; what the CA has issued is compared with what the server has."""

    def __init__(self, lab, **config):
        self.lab = lab
        self.server = lab.server()
        self.chaos = Chaos(lab.place("chaos"), self.server.dns_port, order_reuse=False, authz_reuse=False).start()
        lab.running.insert(0, self.chaos)
        self.server.use_pebble(self.chaos, "chaos", poll_first="50ms", poll_most="200ms")
        self.server.config["store"]["main"].update(config)
        self.server.config["stop"] = 1
        self.state = self.server.folder / "state"
        self.made = 0

    def start(self):
        self.server.start()
        self.server.add_zone(ZONE, "--parallel", "100")
        self.server.add_subject("O=Disk", ZONE, "--names", f".{ZONE}")
        return self

    def csr(self):
        self.made += 1
        return self.lab.csr(f"h{self.made}.{ZONE}", subject="/O=Disk")

    def post(self, csr=None, wait=20, **headers):
        return self.server.sign(csr or self.csr(), {"Prefer": f"wait={wait}", **headers})

    def post_async(self):
        answer = self.server.sign(self.csr(), {"Prefer": "respond-async"})
        assert answer.status == 202, answer
        return answer.headers["location"][answer.headers["location"].index("/v1/requests/"):]

    def look(self, path):
        return self.server.ask("GET", path)

    def until(self, done, seconds, what):
        until(done, seconds, what)

    def ready(self):
        answer = self.server.ask("GET", "/readyz", port=self.server.admin_port)
        return answer.status == 200, answer.body.decode()

    def unready(self, words):
        """It says so, with these words; just after the answer to the first who was refused."""
        self.until(lambda: words in self.ready()[1], PATIENCE_S, f"unreadiness: {words}")
        assert not self.ready()[0]

    def names_at_ca(self):
        return {name for order in self.chaos.orders() for name in order["names"]}

    def check_records(self):
        """Every certificate of the CA is in state.db and in the ledger, none twice; every order was finalized at most once."""
        issued = [order["serial"].lstrip("0") for order in self.chaos.orders() if order["serial"]]
        stored = [row[0].lstrip("0") for row in self.server.sql("SELECT serial FROM certificate")]
        ledger = self.state / "audit.jsonl"

        def told():
            events = [json.loads(line) for line in ledger.read_text().splitlines()]
            return [event["serial"].lstrip("0") for event in (e.get("data", e) for e in events) if event.get("serial")]

        assert sorted(stored) == sorted(issued)
        self.until(lambda: sorted(told()) == sorted(issued), 90, "every certificate's event in the ledger")
        assert all(order["finalized"] <= 1 for order in self.chaos.orders()), self.chaos.orders()
        return len(issued)

    def refused(self):
        """A new order is refused, and the CA does not hear of it."""
        csr = self.csr()
        answer = self.post(csr)
        assert answer.status == 503, answer
        problem = json.loads(answer.body)
        assert problem["type"] == "urn:countersign:error:storage-unavailable", problem
        assert str(self.server.folder) not in problem["detail"]
        assert 0 < int(answer.headers["retry-after"]) <= SOON_S
        assert f"h{self.made}.{ZONE}" not in self.names_at_ca()
        return csr

    def healed(self):
        """Soon, and without anybody's help, a new order ends in a chain; seconds."""
        csr = self.csr()
        answers = []

        def works():
            answers.append(self.post(csr))
            return answers[-1].status == 200

        began = time.monotonic()
        self.until(works, PATIENCE_S, "a chain after the disk was well")
        check_chain(answers[-1], csr)
        self.until(lambda: self.ready()[0], PATIENCE_S, "readiness")
        return time.monotonic() - began


def end_of_start(server):
    """Exit code and log of a server that does not start."""
    server.start(wait=False)
    child, server.child = server.child, None
    code = child.wait_end(20)
    return code, child.log()

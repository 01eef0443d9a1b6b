"""A DNS relay that holds questions until it is opened: how the tests stop an order in its middle, for as long as they like.

It stands between the server's check that a value is visible and the server that answers. Whether a name is an alias, which is
asked before a value is set, passes."""
import selectors
import socket
import threading

from ports import free_port

CNAME = (5).to_bytes(2, "big")  # the type of a question without EDNS, before its class


class DnsGate:
    def __init__(self, upstream_port):
        self.upstream = ("127.0.0.1", upstream_port)
        self.port = free_port()
        self.asked = threading.Event()  # somebody waits at the gate
        self._open = False
        self._over = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def open(self):
        self._open = True

    def close(self):
        self._open = False
        self.asked.clear()

    def stop(self):
        self._over = True
        self._thread.join()
        self._socket.close()

    def _run(self):
        with selectors.DefaultSelector() as ready:
            ready.register(self._socket, selectors.EVENT_READ)
            while not self._over:
                if not ready.select(0.05):
                    continue
                question, asker = self._socket.recvfrom(4096)
                if self._open or question[-4:-2] == CNAME:
                    self._relay(question, asker)
                else:
                    self.asked.set()

    def _relay(self, question, asker):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
            up.settimeout(2)
            up.sendto(question, self.upstream)
            try:
                self._socket.sendto(up.recv(4096), asker)
            except OSError:
                pass  # the server is down just now: the asker asks again

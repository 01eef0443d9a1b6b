"""Relays between a plugin and the server that it changes: they write down what goes by, and let a test act at a point of it."""
import collections
import contextlib
import json
import socket
import threading
import time
import urllib.parse

from ports import free_port

Exchange = collections.namedtuple("Exchange", "method began ended status")  # seconds; from the server's side of the relay


class UdpRelay:
    """Between dns-rfc2136 and a server, which may be down. `requests` are the messages that went by, as they were sent;
    `act(request)` is called when the server has answered one, before the answer goes on."""

    def __init__(self, upstream_port, act=None):
        self.act = act or (lambda request: None)
        self.upstream = ("127.0.0.1", upstream_port)
        self.port = free_port()
        self.requests = []
        self._over = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.settimeout(0.05)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._over = True
        self._thread.join()
        self._socket.close()

    def _run(self):
        while not self._over:
            try:
                request, asker = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            self.requests.append(request)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
                up.settimeout(0.5)
                up.connect(self.upstream)
                try:
                    up.send(request)
                    reply = up.recv(65535)
                except OSError:
                    continue
            self.act(request)
            self._socket.sendto(reply, asker)


class HttpRelay:
    """Between dns-pdns and PowerDNS's API. `requests` are those that went by, whole; `seen` has the exchanges about each owner.

    `act(moment, method, owner)` is called in the thread of the exchange; moment is "before" or "after" the server had it.
    There is one exchange about an owner at a time, so that what act() does before one is seen by all that come later. And there
    is one PATCH at a time: PowerDNS with SQLite answers 500 to writers that meet. Who writes past the relay takes `writing`."""

    def __init__(self, upstream_port, act=None):
        self.upstream = ("127.0.0.1", upstream_port)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.act = act or (lambda moment, method, owner: None)
        self.requests = []
        self.seen = collections.defaultdict(list)
        self.writing = threading.Lock()
        self.faults = []  # of act()
        self._locks = collections.defaultdict(threading.Lock)
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                request = read_request(client)
                if request:
                    client.sendall(self._relay(*request))
            except OSError:
                pass  # one of both went away: the other learns it by the closed connection

    def _relay(self, method, path, whole, body):
        self.requests.append(whole)
        owner = owner_of(method, path, body)
        if not owner:
            return self._exchange(whole)
        with self._locks[owner]:
            self._call("before", method, owner)
            with self.writing if method == "PATCH" else contextlib.nullcontext():
                began = time.monotonic()
                reply = self._exchange(whole)
            self.seen[owner].append(Exchange(method, began, time.monotonic(), int(reply[9:12])))
            self._call("after", method, owner)
            return reply

    def _exchange(self, whole):
        with socket.create_connection(self.upstream) as up:
            up.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up.sendall(whole)
            reply = b"".join(iter(lambda: up.recv(65536), b""))
        if not reply:
            raise ConnectionError("the server closed the connection without a word")
        return reply

    def _call(self, moment, method, owner):
        try:
            self.act(moment, method, owner)
        except Exception as fault:  # the test looks at them: no assertion reaches it from this thread
            self.faults.append(fault)


def read_request(client):
    """Method, path, all its bytes, and those of its body; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        body += client.recv(65536)
    # PowerDNS closes after each reply; a client that thinks otherwise is told so here, too.
    return method, path, head + b"\r\nConnection: close\r\n\r\n" + body, body


def owner_of(method, path, body):
    """The owner name whose record set a request reads or writes; None when it is about anything else."""
    if method == "PATCH":
        return json.loads(body)["rrsets"][0]["name"]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
    return query.get("rrset_name", [None])[0]

"""HTTP/1.1 with a thread for each connection, and all the ways in which an answer can go wrong on the wire."""
import dataclasses
import http.server
import socket
import socketserver
import struct
import threading
import time

MOST_BODY = 256 * 1024


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: object
    body: bytes
    address: str


@dataclasses.dataclass
class Reply:
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    links: list = dataclasses.field(default_factory=list)
    # how it goes over the wire
    delay_s: float = 0.0
    drip_s: float = 0.0     # between one byte and the next
    cut: int = -1           # bytes of the whole answer, then the end of the connection
    reset: bool = False     # the end is a TCP reset, before anything is sent when nothing else is said
    silent: bool = False    # no answer, until the client gives up
    date: str = ""          # instead of the right one
    without: tuple = ()     # fields that are left out


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def setup(self):
        if self.server.context:
            self.request.settimeout(20)
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_):
        pass

    def _handle(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BODY:
            self.close_connection = True
            return
        body = self.rfile.read(length)
        self._send(self.server.answer(Request(self.command, self.path, self.headers, body, self.client_address[0])))

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = _handle

    def _bytes(self, reply):
        headers = {"Server": "chaos-ca", "Date": reply.date or self.server.date(), "Content-Length": str(len(reply.body)),
                   **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} {http.server.BaseHTTPRequestHandler.responses.get(reply.status, ('Odd',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if name not in reply.without]
        lines += [f"Link: {link}" for link in reply.links]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        return head if self.command == "HEAD" else head + reply.body

    def _wait_for_the_end(self):
        """Until the client hangs up, however long it has patience."""
        self.connection.settimeout(600)
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            pass

    def _reset(self):
        raw = self.connection.detach() if hasattr(self.connection, "detach") else self.connection.fileno()
        with socket.socket(fileno=raw) as bare:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send(self, reply):
        time.sleep(reply.delay_s)
        data = self._bytes(reply)
        if reply.cut >= 0:
            data = data[:reply.cut]
        if reply.cut >= 0 or reply.reset or reply.silent:
            self.close_connection = True
        if reply.silent:
            self._wait_for_the_end()
        elif reply.drip_s:
            for at in range(len(data)):
                self.wfile.write(data[at:at + 1])
                time.sleep(reply.drip_s)
        elif not reply.reset or reply.cut > 0:
            self.wfile.write(data)
        if reply.reset:
            self._reset()

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):  # the client has gone, or we have
            self.close_connection = True

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    address_family = socket.AF_INET

    def __init__(self, port, answer, context):
        super().__init__(("127.0.0.1", port), Handler)
        self.answer, self.context = answer, context
        self.date = getattr(answer.__self__, "http_date", lambda: "")

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # without the look-up of our own name
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, *_):
        pass  # a handshake that failed


def serve(answer, port, context):
    """Answers on 127.0.0.1 from now on; `answer` takes a Request and gives a Reply."""
    server = Server(port, answer, context)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server

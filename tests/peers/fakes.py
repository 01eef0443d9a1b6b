"""Servers that answer badly: for tests of what is said when a DNS back end fails."""
import http.server
import json
import socket
import threading

from ports import free_port


class BadHttp:
    """Answers every request with `status` and all that it was told, so that a careless client writes its own secret down.

    With a `location` it is a redirect to there. `requests` counts."""

    def __init__(self, status, location=None):
        self.requests = 0
        bad = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                bad.requests += 1
                body = json.dumps({"error": f"you said {self.requestline}\n{self.headers}"}).encode()
                self.send_response(status, f"you said {self.headers.get('X-API-Key')}")
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # nobody waits for it any more

            do_PATCH = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Silent:
    """Takes what comes by UDP and TCP, and never says a word; with `echo` it sends packets back as they came."""

    def __init__(self, echo=False):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._over = False
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.settimeout(0.05)
        self._echo = echo
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._over = True
        self._thread.join()
        self._socket.close()
        self._listener.close()

    def _run(self):
        while not self._over:
            try:
                packet, sender = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            if self._echo:
                self._socket.sendto(packet, sender)

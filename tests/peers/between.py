"""A way to PowerDNS on which a test sees every request, and may do something before or after it."""
import http.client
import http.server
import threading


class Between:
    """`before` and `after`: functions of (method, path), called while the request waits. `seen`: (method, path, reply bytes).
    `tls`: an ssl.SSLContext; without it plain HTTP."""

    def __init__(self, port, tls=None):
        self.seen = []
        self.before = self.after = lambda method, path: None
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                between.before(self.command, self.path)
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request(self.command, self.path, body, dict(self.headers))
                reply = connection.getresponse()
                text = reply.read()
                connection.close()
                between.seen.append((self.command, self.path, len(text)))
                between.after(self.command, self.path)
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.getheader("Content-Type", "text/plain"))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PATCH = pass_on

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def on_path(self, fn, method, *words, times=1):
        """`fn` wrapped: called for the first `times` requests of that method whose path has the words."""
        left = [times]

        def maybe(made, path):
            if left[0] > 0 and made == method and all(word in path for word in words):
                left[0] -= 1
                fn()

        return maybe

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

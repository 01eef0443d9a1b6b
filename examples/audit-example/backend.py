#!/usr/bin/python3
"""Plays the receiver that the example posts to: prints each event once.

    backend.py [--http PORT] [--token TOKEN] [--ready FILE]

FILE gets what `try` must know, once everything listens.
"""
import argparse
import http.server
import json
import pathlib
import threading


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            return self.answer(401)
        number = self.headers["Event-Number"]  # a visit has none
        with self.server.lock:
            if number and number in self.server.seen:
                return self.answer(409)
            self.server.seen.add(number)
            print(number, self.headers["Event-Kind"], json.dumps(json.loads(body)), flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description="plays the receiver that the example posts to")
    parser.add_argument("--http", type=int, default=0)
    parser.add_argument("--token", default="secret-of-the-trial")
    parser.add_argument("--ready", type=pathlib.Path)
    asked = parser.parse_args()
    server = Server(("127.0.0.1", asked.http), Receiver)
    server.token, server.seen, server.lock = asked.token, set(), threading.Lock()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told = f"set url=http://127.0.0.1:{server.server_address[1]}/events\nset token={asked.token}\n"
    if asked.ready:
        asked.ready.with_suffix(".new").write_text(told)
        asked.ready.with_suffix(".new").rename(asked.ready)
    print(told, end="", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

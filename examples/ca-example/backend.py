#!/usr/bin/python3
"""Plays the service that the example has sign: takes a CSR over HTTP and answers a chain. Needs the program openssl.

    backend.py [--http PORT] [--ready FILE]

Its CA is made at the start and forgotten at the end. FILE gets what `try` must know, once everything listens.
"""
import argparse
import http.server
import pathlib
import subprocess
import tempfile
import threading

EXTENSIONS = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"


def openssl(*words, data=None):
    return subprocess.run(["openssl", *[str(word) for word in words]], input=data, capture_output=True, check=True).stdout


class Ca:
    def __init__(self, folder):
        self.key, self.certificate = folder / "ca.key", folder / "ca.pem"
        self.extensions = folder / "extensions"
        self.extensions.write_text(EXTENSIONS)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                self.certificate, "-days", 30, "-subj", "/CN=CA of the trial", "-addext", "keyUsage=critical,keyCertSign")

    def sign(self, csr):
        """The names are taken as they come: who asks has checked them."""
        leaf = openssl("x509", "-req", "-inform", "DER", "-CA", self.certificate, "-CAkey", self.key, "-days", 7,
                       "-copy_extensions", "copy", "-extfile", self.extensions, data=csr)
        return leaf + self.certificate.read_bytes()


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        csr = self.rfile.read(int(self.headers["Content-Length"] or 0))
        try:
            status, kind, body = 200, "application/pem-certificate-chain", self.server.ca.sign(csr)
        except subprocess.CalledProcessError:
            status, kind = 400, "application/problem+json"
            body = b'{"type":"about:blank","title":"Bad request","status":400,"detail":"that is no CSR"}'
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description="plays the service that the example has sign")
    parser.add_argument("--http", type=int, default=0)
    parser.add_argument("--ready", type=pathlib.Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="countersign-example-") as folder:
        server = Server(("127.0.0.1", asked.http), Service)
        server.ca = Ca(pathlib.Path(folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = f"set url=http://127.0.0.1:{server.server_address[1]}/sign\n"
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

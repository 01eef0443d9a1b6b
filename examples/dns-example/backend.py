#!/usr/bin/python3
"""Plays the back end that the example speaks to: TXT values over an HTTP API, and a DNS server that serves them.

    backend.py [--zone trial.example] [--http PORT] [--dns PORT] [--key KEY] [--ready FILE]

GET /txt/OWNER answers the values, one a line, with an ETag; PUT with If-Match replaces them. Ports that are not named are free
ones. FILE gets what `try` must know, once everything listens. Made for a trial: it keeps nothing.
"""
import argparse
import hashlib
import http.server
import pathlib
import socketserver
import struct
import threading

TXT, SOA, NS, ANY = 16, 6, 2, 255


class Zone:
    def __init__(self, name):
        self.name = name.lower().rstrip(".") + "."
        self.serial = 1
        self.values = {}  # owner: (ttl, [value])
        self.lock = threading.Lock()

    def holds(self, owner):
        return owner == self.name or owner.endswith("." + self.name)

    def get(self, owner):
        with self.lock:
            return self.values.get(owner, (60, []))

    def put(self, owner, ttl, values, if_match):
        """False: they are not what they were when `if_match` was read."""
        with self.lock:
            if etag(self.values.get(owner, (60, []))[1]) != if_match:
                return False
            self.values[owner] = (ttl, values)
            self.serial += 1
            return True


def etag(values):
    return '"' + hashlib.sha256("\n".join(values).encode()).hexdigest()[:32] + '"'


# ---- The API -----------------------------------------------------------------------------------------------------------

class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def owner(self):
        """None: the request was answered with an error."""
        if self.headers["Authorization"] != f"Bearer {self.server.key}":
            return self.answer(401)
        owner = self.path.removeprefix("/txt/")
        if owner == self.path or not self.server.zone.holds(owner):
            return self.answer(404)
        return owner

    def do_GET(self):
        if owner := self.owner():
            values = self.server.zone.get(owner)[1]
            self.answer(200, "".join(value + "\n" for value in values).encode(), ETag=etag(values))

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        if owner := self.owner():
            values = [line for line in body.split("\n") if line]
            done = self.server.zone.put(owner, int(self.headers["TTL"] or 60), values, self.headers["If-Match"])
            self.answer(204 if done else 412)

    def log_message(self, *_):
        pass


class ApiServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


# ---- DNS (RFC 1035) ----------------------------------------------------------------------------------------------------

def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


def read_name(packet, at):
    labels = []
    while packet[at]:
        if packet[at] > 63:
            raise ValueError("no plain name")
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii"))
        at += 1 + packet[at]
    return ".".join(labels).lower() + ".", at + 1


def record(owner, kind, ttl, data):
    return wire_name(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def answers(zone, owner, kind):
    """The records that answer, and whether there is something of any type."""
    ttl, values = zone.get(owner)
    found = []
    if kind in (TXT, ANY):
        for value in values:
            parts = [value.encode()[i:i + 255] for i in range(0, len(value.encode()), 255)]
            found.append(record(owner, TXT, ttl, b"".join(bytes([len(part)]) + part for part in parts)))
    if owner == zone.name and kind in (SOA, ANY):
        found.append(soa(zone))
    if owner == zone.name and kind in (NS, ANY):
        found.append(record(owner, NS, 60, wire_name("ns." + zone.name)))
    below = any(name.endswith("." + owner) and zone.get(name)[1] for name in list(zone.values))
    return found, bool(values) or owner == zone.name or below


def soa(zone):
    data = wire_name("ns." + zone.name) + wire_name("hostmaster." + zone.name)
    return record(zone.name, SOA, 60, data + struct.pack(">IIIII", zone.serial, 3600, 600, 86400, 1))


def reply(zone, packet, most):
    ident, flags, questions = struct.unpack(">HHH", packet[:6])
    owner, at = read_name(packet, 12)
    kind = struct.unpack(">H", packet[at:at + 2])[0]
    asked = packet[12:at + 4]
    flags = 0x8000 | (flags & 0x7900)
    if questions != 1 or flags & 0x7800:
        return struct.pack(">HHHHHH", ident, flags | 4, 0, 0, 0, 0)  # NOTIMP
    if not zone.holds(owner):
        return struct.pack(">HHHHHH", ident, flags | 5, 1, 0, 0, 0) + asked  # REFUSED
    found, exists = answers(zone, owner, kind)
    authority = b"" if found else soa(zone)
    whole = struct.pack(">HHHHHH", ident, flags | 0x0400 | (0 if exists else 3), 1, len(found), 0 if found else 1, 0)
    whole += asked + b"".join(found) + authority
    if len(whole) <= most:
        return whole
    return struct.pack(">HHHHHH", ident, flags | 0x0600, 1, 0, 0, 0) + asked  # TC: ask again over TCP


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        packet, sock = self.request
        try:
            sock.sendto(reply(self.server.zone, packet, 512), self.client_address)
        except (ValueError, IndexError, struct.error):
            pass  # not a question


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        while len(size := self.rfile.read(2)) == 2:
            try:
                answer = reply(self.server.zone, self.rfile.read(struct.unpack(">H", size)[0]), 65535)
            except (ValueError, IndexError, struct.error):
                return
            self.wfile.write(struct.pack(">H", len(answer)) + answer)


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


# ---- The run -----------------------------------------------------------------------------------------------------------

def listen_dns(port):
    """UDP and TCP on the same port."""
    while True:
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", port), Udp)
        try:
            return udp, TcpServer(("127.0.0.1", udp.server_address[1]), Tcp)
        except OSError:
            udp.server_close()
            if port:
                raise


def main():
    parser = argparse.ArgumentParser(description="plays the back end of the example")
    parser.add_argument("--zone", default="trial.example")
    parser.add_argument("--http", type=int, default=0)
    parser.add_argument("--dns", type=int, default=0)
    parser.add_argument("--key", default="secret-of-the-trial")
    parser.add_argument("--ready", type=pathlib.Path)
    asked = parser.parse_args()
    zone = Zone(asked.zone)
    api = ApiServer(("127.0.0.1", asked.http), Api)
    api.key = asked.key
    servers = [api, *listen_dns(asked.dns)]
    for server in servers:
        server.zone = zone
        threading.Thread(target=server.serve_forever, daemon=True).start()
    told = (f"set api=http://127.0.0.1:{api.server_address[1]}\nset key={asked.key}\n"
            f"server 127.0.0.1:{servers[1].server_address[1]}\nzone {zone.name}\n")
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

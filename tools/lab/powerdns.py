"""A real PowerDNS on loopback with SQLite: it takes changes by its HTTP API and by updates signed with a TSIG key."""
import http.client
import json
import secrets
import signal
import sqlite3

from child import Failed, answers, run
from nameserver import HOST, NameServer
from ports import free_port

SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"


class PowerDns(NameServer):
    """`instance()` is dns-pdns by its API, `update_instance()` dns-rfc2136."""

    good_ends = (0, -signal.SIGTERM)  # it leaves that signal to the kernel

    def __init__(self, folder, zones, **more):
        self.api_port = free_port()
        self.api_key = secrets.token_urlsafe(24)
        self.api_url = f"http://{HOST}:{self.api_port}"
        super().__init__(folder, zones, **more)

    def configure(self):
        (self.folder / "run").mkdir(exist_ok=True)
        database = self.folder / "pdns.db"
        with sqlite3.connect(database) as connection:
            connection.executescript("PRAGMA journal_mode = WAL;" + open(SCHEMA).read())
        connection.close()
        conf = self.folder / "pdns.conf"
        conf.touch(0o600)
        conf.write_text(f"""launch=gsqlite3
gsqlite3-database={database}
gsqlite3-pragma-synchronous=0
gsqlite3-pragma-foreign-keys=1
local-address={HOST}
local-port={self.port}
socket-dir={self.folder}/run
api=yes
api-key={self.api_key}
webserver=yes
webserver-address={HOST}
webserver-port={self.api_port}
webserver-allow-from={HOST}
webserver-loglevel=none
receiver-threads=1
distributor-threads=1
signing-threads=1
loglevel=4
daemon=no
guardian=no
setuid=
setgid=
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
{self.extra}
""")
        self._tool("import-tsig-key", "lab-key", self.algorithm, self.tsig_secret)
        self._tool("import-tsig-key", "other-key", "hmac-sha256", self.other_secret)
        for zone in self.zones:
            text = self.folder / f"{zone}.zone"
            text.write_text(self.zone_text())
            self._tool("load-zone", zone, text)
            self._tool("set-kind", zone, "native")
            self._tool("set-meta", zone, "TSIG-ALLOW-DNSUPDATE", self.granted)

    def _tool(self, *words):
        run(["pdnsutil", f"--config-dir={self.folder}", *words], f"pdnsutil {words[0]} did not work")

    def command(self):
        return ["pdns_server", f"--config-dir={self.folder}"]

    def serves(self):
        return answers(self.api_port) and super().serves()

    def reload(self):
        run(["pdns_control", f"--config-dir={self.folder}", f"--socket-dir={self.folder}/run", "rediscover"],
            "pdns_control rediscover did not work")

    def call(self, method, path, body=None):
        """A request to its API as some other client makes it; the reply's status and its text, read as JSON."""
        connection = http.client.HTTPConnection(HOST, self.api_port, timeout=30)
        try:
            connection.request(method, "/api/v1/servers/localhost" + path, json.dumps(body) if body is not None else None,
                               {"X-API-Key": self.api_key, "Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
            is_json = "json" in reply.getheader("Content-Type", "")
            return reply.status, json.loads(text) if text and is_json else text
        finally:
            connection.close()

    def replace(self, owner, values, ttl=10):
        """What a client does that knows of nobody else: the whole RRset is `values` now."""
        rrset = {"name": owner, "type": "TXT", "ttl": ttl, "changetype": "REPLACE" if values else "DELETE",
                 "records": [{"content": f'"{value}"', "disabled": False} for value in values]}
        status, reply = self.call("PATCH", f"/zones/{self.zone_of(owner)}.", {"rrsets": [rrset]})
        if status != 204:
            raise Failed(f"PowerDNS answers {status} to a PATCH", str(reply))

    def instance(self, **more):
        return self.api_instance(**more)

    def api_instance(self, **more):
        return {"plugin": "dns-pdns", "api": self.api_url, "key": self.api_key, **more}

"""A real Knot DNS on loopback, primary of some zones, that takes updates signed with a TSIG key.

Updates back to back cost 10 ms each, and sometimes one waits for a second: nobody should resend before that."""
from nameserver import HOST, NameServer


class Knot(NameServer):
    def configure(self):
        for name in ("run", "db", "zones"):
            (self.folder / name).mkdir(exist_ok=True)
        self.write_zones(self.folder / "zones")
        self.conf = self.folder / "knot.conf"
        zones = "".join(f"  - domain: {zone}\n    acl: update\n" for zone in self.zones)
        self.conf.touch(0o600)
        self.conf.write_text(f"""server:
    rundir: "{self.folder}/run"
    listen: {HOST}@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    automatic-acl: off
log:
  - target: stderr
    any: info
database:
    storage: "{self.folder}/db"
key:
  - id: lab-key
    algorithm: {self.algorithm}
    secret: {self.tsig_secret}
  - id: other-key
    algorithm: hmac-sha256
    secret: {self.other_secret}
acl:
  - id: update
    address: {HOST}
    key: {self.granted}
    action: update
template:
  - id: default
    storage: "{self.folder}/zones"
    file: "%s.zone"
zone:
{zones}{self.extra}
""")

    def command(self):
        return ["knotd", "-c", self.conf]

"""A real BIND on loopback, primary of some zones, that takes updates signed with a TSIG key."""
import signal

from nameserver import HOST, NameServer


class Bind(NameServer):
    def configure(self):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        self.write_zones(data)
        self.conf = self.folder / "named.conf"
        zones = "".join(f'zone "{zone}" {{ type primary; file "{zone}.zone"; '
                        f"update-policy {{ grant {self.granted}. zonesub any; }}; }};\n" for zone in self.zones)
        self.conf.touch(0o600)
        self.conf.write_text(f"""include "{self.key_file}";
key "other-key" {{ algorithm hmac-sha256; secret "{self.other_secret}"; }};
options {{
    directory "{data}"; managed-keys-directory "{data}"; lock-file none;
    pid-file "{self.folder}/named.pid"; session-keyfile "{self.folder}/session.key";
    listen-on port {self.port} {{ {HOST}; }}; listen-on-v6 {{ none; }};
    recursion no; allow-query {{ any; }}; dnssec-validation no; notify no; minimal-responses yes; empty-zones-enable no;
}};
controls {{ }};
logging {{ channel all {{ stderr; severity info; print-category yes; }}; category default {{ all; }}; }};
{zones}{self.extra}
""")

    def command(self):
        return ["named", "-f", "-4", "-n", "1", "-c", self.conf]

    def reload(self):
        """Until it has read its configuration again."""
        before = self.log().count("running")
        self.child.signal(signal.SIGHUP)
        self.child.wait_until(lambda: self.log().count("running") > before, 10, "it was reloaded")

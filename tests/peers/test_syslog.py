"""audit-syslog towards Debian's rsyslog by each way, and a TLS server: every message keeps to RFC 5424 and arrives."""
import json
import re
import socket
import ssl
import threading

import pytest

import pki
from chain import check_chain
from child import Child
from ports import free_port
from rfc5424 import Message, octet_counted
from scene import NAME, ZONE
from waiting import until

CONF = """
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
template(name="raw" type="string" string="%rawmsg%\\n")
template(name="parsed" type="string" string="%protocol-version% %timereported:::date-rfc3339% %msgid% %structured-data%\\n")
ruleset(name="keep") {{
    action(type="omfile" file="{folder}/raw-of-any" template="raw")
    action(type="omfile" file="{folder}/parsed" template="parsed")
}}
ruleset(name="udp") {{ action(type="omfile" file="{folder}/udp" template="raw") call keep }}
ruleset(name="tcp") {{ action(type="omfile" file="{folder}/tcp" template="raw") call keep }}
ruleset(name="unix") {{ action(type="omfile" file="{folder}/unix" template="raw") call keep }}
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="tcp")
input(type="imuxsock" Socket="{folder}/log" useSpecialParser="off" parseHostname="on" ruleset="unix")
"""


class Rsyslog:
    """Debian's rsyslogd in a folder of its own; what came by which way is in the file of that name."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o755)
        self.port = free_port()
        self.conf = folder / "rsyslog.conf"
        self.conf.write_text(CONF.format(folder=folder, port=self.port))
        self.child = None

    def start(self):
        self.child = Child("rsyslogd", ["rsyslogd", "-n", "-i", "NONE", "-f", self.conf], self.folder / "rsyslogd.out")
        self.child.wait_until(self.listens, 10, "it listened")
        return self

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return (self.folder / "log").exists()

    def stop(self):
        child, self.child = self.child, None
        if child:
            child.stop()

    def messages(self, way):
        path = self.folder / way
        return [Message(line) for line in path.read_bytes().splitlines()] if path.exists() else []


class TlsServer:
    """Takes connections, and keeps what each sent."""

    def __init__(self, folder):
        pki.make_server_pki(folder)
        self.ca_file = folder / "ca.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.streams = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.streams.append(bytearray())
            threading.Thread(target=self.read, args=(connection, self.streams[-1]), daemon=True).start()

    def read(self, connection, stream):
        try:
            with self.context.wrap_socket(connection, server_side=True) as tls:
                while data := tls.recv(65536):
                    stream += data
        except OSError:
            pass

    def messages(self):
        return [Message(octets) for stream in self.streams for octets in octet_counted(bytes(stream))]

    def stop(self):
        self.socket.close()


def local(lab, audit):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["audit"].update(audit)
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    return server


def syslog(server, **more):
    return {"plugin": "audit-syslog", "server": server, "timeout": 2, **more}


@pytest.fixture
def rsyslog(lab):
    rsyslog = Rsyslog(lab.folder / "rsyslog").start()
    yield rsyslog
    rsyslog.stop()


def kinds(messages):
    return [message.msgid for message in messages]


def check_ledger(messages, lines):
    """The messages tell the same as audit-jsonl's lines, which have the same numbers."""
    assert [json.loads(message.text) for message in messages] == lines
    for message, line in zip(messages, lines):
        assert (message.version, message.facility, message.app_name) == (1, 3, "countersign")
        assert message.timestamp == line["time"] and re.fullmatch(r"\S+\.\d{3}Z", message.timestamp)
        assert message.msgid == line["kind"] and message.procid.isdigit()
        assert message.data["meta"] == {"sequenceId": str(line["number"])}
        data = message.data["countersign@32473"]
        assert data["number"] == str(line["number"])
        for name, value in line.items():
            if isinstance(value, str) and name not in ("time", "kind"):
                assert data[name] == value


def test_every_way_carries_every_event_and_rsyslog_reads_it(lab, rsyslog):
    tls = TlsServer(lab.folder / "tls")
    server = local(lab, {
        "udp": syslog(f"udp:127.0.0.1:{rsyslog.port}"), "tcp": syslog(f"tcp:127.0.0.1:{rsyslog.port}"),
        "unix": syslog(f"unix:{rsyslog.folder}/log"),
        "tls": syslog(f"tls:localhost:{tls.port}", ca_file=tls.ca_file)})
    check_chain(server.sign(csr := lab.csr()), csr)
    for way in ("udp", "tcp", "unix"):
        until(lambda way=way: kinds(rsyslog.messages(way))[:2] == ["started", "issued"])
    until(lambda: kinds(tls.messages())[:2] == ["started", "issued"])
    lines = [json.loads(line) for line in (server.folder / "state/audit.jsonl").read_text().splitlines()]
    for way in ("udp", "tcp", "unix"):
        check_ledger(rsyslog.messages(way), lines)
    check_ledger(tls.messages(), lines)
    parsed = (rsyslog.folder / "parsed").read_text().splitlines()  # as rsyslog itself understood them
    assert len(parsed) == 3 * len(lines)
    assert all(re.match(r"1 \S+ (started|issued) \[meta sequenceId=\"\d+\"\]\[countersign@32473 ", line) for line in parsed)
    tls.stop()


def test_a_server_that_is_away_delays_nobody_and_gets_everything_later(lab, rsyslog):
    server = local(lab, {"tcp": syslog(f"tcp:127.0.0.1:{rsyslog.port}"), "unix": syslog(f"unix:{rsyslog.folder}/log"),
                         "nowhere": syslog(f"tcp:127.0.0.1:{free_port()}")})
    until(lambda: kinds(rsyslog.messages("tcp")) == kinds(rsyslog.messages("unix")) == ["started"])
    rsyslog.stop()
    check_chain(server.sign(csr := lab.csr()), csr)
    until(lambda: '"issued"' in (server.folder / "state/audit.jsonl").read_text())
    until(lambda: "audit.tcp: audit events cannot be delivered and are kept" in server.log())
    rsyslog.start()
    until(lambda: kinds(rsyslog.messages("tcp")) == kinds(rsyslog.messages("unix")) == ["started", "issued"])
    assert server.metric("countersign_audit_events_lost_total") == 0
    assert "audit.tcp: audit events are delivered again" in server.log()


def test_a_tls_server_with_another_name_gets_nothing(lab):
    tls = TlsServer(lab.folder / "tls")
    server = local(lab, {
        "good": syslog(f"tls:127.0.0.1:{tls.port}", ca_file=tls.ca_file),
        "name": syslog(f"tls:127.0.0.1:{tls.port}", ca_file=tls.ca_file, server_name="logs.example.com"),
        "unknown": syslog(f"tls:127.0.0.1:{tls.port}")})
    until(lambda: kinds(tls.messages()) == ["started"])
    until(lambda: "audit.name: audit events cannot be delivered" in server.log())
    until(lambda: "audit.unknown: audit events cannot be delivered" in server.log())
    assert "hostname mismatch" in server.log() and re.search("self.signed certificate|unable to get", server.log())
    assert kinds(tls.messages()) == ["started"]
    tls.stop()


def test_the_plugin_passes_the_check(lab, rsyslog):
    server = lab.server()
    plugin = server.installed.plugin_dir / "audit-syslog.so"
    # Who hangs up at once may have been sent everything before that is heard of.
    for at, words in (("tcp:127.0.0.1:{port}", "ended with an error|took 6 events"),
                      (f"tcp:127.0.0.1:{rsyslog.port}", "took 6 events"), (f"unix:{rsyslog.folder}/log", "took 6 events")):
        done = server.command("plugin", "check", "--set", f"server={at}", "--set", "timeout=2", plugin)
        assert "fail" not in done.stdout.split() and re.search(words, done.stdout), done.stdout
    assert len(rsyslog.messages("tcp")) >= 9  # the first of two batches of three came twice

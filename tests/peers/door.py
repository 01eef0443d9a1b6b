"""A server that wants to know who asks: its listeners, its subjects of each access, its clients. Used by test_access.py and
test_access_reload.py."""
import base64
import http.client
import json
import signal
import ssl

import pki
from client_pki import Clients
from ports import free_port

PROXY, CLIENT = "127.0.0.9", "127.0.0.1"  # the first is in `proxies`
ZONE = "trial.example"
ACCESS = ["open", "token", "certificate"]
SUBJECTS = ["own", "other", "disabled", "unknown"]
BEARER = 'Bearer realm="countersign"'
INVALID, CERTIFICATE = f'{BEARER}, error="invalid_token"', 'ClientCertificate realm="countersign"'
CHALLENGES = {"token-needed": BEARER, "bad-scheme": BEARER, "bad-authorization": f'{BEARER}, error="invalid_request"',
              "bad-token": INVALID, "token-expired": INVALID, "token-disabled": INVALID, "certificate-needed": CERTIFICATE,
              "unknown-certificate": CERTIFICATE, "certificate-expired": CERTIFICATE, "certificate-disabled": CERTIFICATE,
              "bad-certificate": CERTIFICATE}


class Door:
    """The server, its listeners, its clients."""

    def __init__(self, lab):
        self.server = lab.server(zones=(ZONE,))
        self.clients = Clients(lab.place("clients"))
        tls = lab.place("tls")
        pki.make_server_pki(tls)
        self.ca_file = tls / "ca.pem"
        self.ports = {name: free_port() for name in ("tls", "required", "plain-ca", "plain-proxy", "tls-proxy", "no-crl")}
        pair = {"certificate": tls / "server.pem", "key": tls / "server.key"}
        verified = {"client_ca": self.clients.folder / "all.pem", "client_crl": self.clients.folder / "crl.pem"}
        self.server.config["proxies"] = [PROXY]
        self.server.config["listen"] += [
            {"address": "127.0.0.1", "port": self.ports["tls"], **pair, **verified},
            {"address": "127.0.0.1", "port": self.ports["required"], **pair, **verified, "client_certificate": "required"},
            {"address": "127.0.0.1", "port": self.ports["plain-ca"], **verified},
            {"address": "127.0.0.1", "port": self.ports["plain-proxy"], **verified, "client_certificate": "proxy"},
            {"address": "127.0.0.1", "port": self.ports["tls-proxy"], **pair, **verified, "client_certificate": "proxy"},
            {"address": "127.0.0.1", "port": self.ports["no-crl"], **pair, "client_ca": self.clients.folder / "ca.pem"},
        ]
        self.ports["plain"] = self.server.port
        self.server.config["ca"]["local"] = {"plugin": "ca-local"}
        self.server.start()
        self.server.add_zone(ZONE)
        self.csrs = {}
        for access in ACCESS:
            for subject in SUBJECTS:
                self.csrs[access, subject] = lab.csr(f"{access}-{subject}.{ZONE}").read_bytes()
                if subject != "unknown":
                    self.server.command("subject", "add", f"CN={access}-{subject}.{ZONE}", "--access", access,
                                        "--no-cache", "always",
                                        *(["--disabled"] if subject == "disabled" else []))
        self.tokens = {"right": self.add("ci"), "late": self.add("late", "--expires", "2001-01-01"),
                       "off": self.add("off", "--disabled")}
        self.tokens["old"] = self.tokens["right"]
        self.tokens["right"] = self.server.command("client", "rotate", "ci").stdout.strip()
        self.tokens["nobody's"] = self.tokens["right"][:-1] + ("A" if self.tokens["right"][-1] != "A" else "B")
        for name in ("robot", "off", "late"):
            self.add(f"{name}-key", "--certificate", self.clients.pair(name)[0], *{"off": ["--disabled"],
                     "late": ["--expires", "2001-01-01"]}.get(name, []))
        self.add("web", "--issuer", "/O=Lab/CN=Inner CA", "--name", "URI:spiffe://lab.example/web")

    def add(self, name, *words):
        own = [word for access in ACCESS for subject in ("own", "disabled")
               for word in ("--subject", f"CN={access}-{subject}.{ZONE}")]
        return self.server.command("client", "add", name, *own, *words).stdout.strip()

    def connect(self, listener="plain", certificate=None, source=CLIENT, **more):
        port = self.ports[listener]
        if listener.startswith("plain"):
            return http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if certificate:
            context.load_cert_chain(*self.clients.pair(certificate))
        for name, value in more.items():
            setattr(context, name, value)
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, source_address=(source, 0), context=context)

    def post(self, connection, access, subject="own", headers=()):
        """What is answered, in a word: "chain", "Invalid subject", or the problem's type after a look at all else."""
        body = self.csrs[access, subject]
        connection.putrequest("POST", "/v1/sign")
        for name, value in [("Content-Length", str(len(body))), *headers]:
            connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        text = reply.read()
        if reply.status == 200:
            return "chain"
        if text == b"Invalid subject":
            assert reply.status == 400 and not reply.getheader("WWW-Authenticate")
            return "Invalid subject"
        problem = json.loads(text)
        word = problem["type"].removeprefix("urn:countersign:error:")
        expected = {"wrong-subject": 403, "bad-client-cert": 400}.get(word, 401)
        assert (reply.status, problem["status"]) == (expected, expected), problem
        assert reply.getheader("WWW-Authenticate") == CHALLENGES.get(word) and not reply.getheader("Retry-After")
        assert reply.getheader("Content-Type") == "application/problem+json" and problem["detail"]
        return word

    def ask(self, access, subject="own", headers=(), **how):
        connection = self.connect(**how)
        try:
            return self.post(connection, access, subject, headers)
        finally:
            connection.close()

    def reload(self):
        """The configuration as it is now, by SIGHUP."""
        done = "the configuration was read anew"
        before = self.server.log().count(done)
        self.server.write_config()
        self.server.child.signal(signal.SIGHUP)
        self.server.child.wait_until(lambda: self.server.log().count(done) > before, 20, done)


def client_cert(der):
    return [("Client-Cert", f":{base64.b64encode(der).decode()}:")]

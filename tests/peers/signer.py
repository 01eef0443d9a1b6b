"""A server that answers `countersign sign` and countersign-renew.sh as a test wants: later, refused, elsewhere, a wrong chain.
Used by test_sign_command.py and test_renew.py."""
import datetime
import http.server
import json
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "go.trial.example"
CHAIN_TYPE = "application/pem-certificate-chain"
PROBLEM_TYPE = "application/problem+json"
OK, FAILED, USAGE, REFUSED, LATER, MISFIT, NOTHING_DUE, DEPLOY_FAILED = range(8)


class Authority:
    """A CA with one intermediate, in memory."""

    def __init__(self):
        self.root_key, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = self._sign("Root", self.root_key, "Root", self.root_key, ca=True)
        self.certificate = self._sign("CA", self.key, "Root", self.root_key, ca=True)

    @staticmethod
    def _sign(subject, key, issuer, issuer_key, ca=False, names=(), days=90, age_days=100):
        now = datetime.datetime.utcnow()
        name = [[x509.NameAttribute(x509.NameOID.COMMON_NAME, text)] for text in (subject, issuer)]
        builder = (x509.CertificateBuilder().subject_name(x509.Name(name[0])).issuer_name(x509.Name(name[1]))
                   .public_key(key if names else key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=age_days))
                   .not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca, None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def chain(self, csr, key=None, names=None, **life):
        names = names or [n.lower() for n in names_of(csr)]
        return self.chain_for(key or csr.public_key(), names, **life)

    def chain_for(self, public_key, names, **life):
        return self._sign(names[0], public_key, "CA", self.key, names=names, **life) + self.certificate


def names_of(request):
    return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


class Asked:
    def __init__(self, handler, body):
        self.method, self.path, self.headers, self.body = handler.command, handler.path, handler.headers, body


class Server:
    """`answers` are used one after another, the last for ever: (status, headers, body), or a function of the question."""

    def __init__(self, pki=None):
        self.asked, self.answers, self.authority = [], [], Authority()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append(Asked(self, body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, headers, body = answer(outer.asked[-1]) if callable(answer) else answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # the client did not want to hear it all

            do_POST = do_GET = answer

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if pki:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pki / "server.pem", pki / "server.key")
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"{'https' if pki else 'http'}://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def anew(self):
        """For the next test: nobody has asked, and everybody gets a certificate."""
        self.asked, self.answers = [], [self.issue]
        return self

    def csr(self):
        return x509.load_pem_x509_csr(next(a.body for a in reversed(self.asked) if a.method == "POST"))

    def issue(self, _=None, **how):
        return 200, {"Content-Type": CHAIN_TYPE}, self.authority.chain(self.csr(), **how)


def running(step, retry_after="1", location="/v1/requests/abc"):
    return 202, {"Location": location, "Retry-After": retry_after}, json.dumps({"status": "running", "step": step}).encode()


def problem(status, headers=None, **members):
    return status, {"Content-Type": PROBLEM_TYPE, **(headers or {})}, json.dumps(members).encode()

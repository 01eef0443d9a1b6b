"""Who may ask, at the installed server: tokens and certificates for subjects of each access, over TLS and behind real proxies.
Every cell of access, credential and subject has its answer (docs/access.md); tests/unit/request/test_access.c has more."""
import base64
import http.client
import pathlib
import ssl
import subprocess

import pytest

from door import ACCESS, CLIENT, PROXY, SUBJECTS, ZONE, Door, client_cert
from proxy import nginx_user, start  # noqa: F401, a fixture


@pytest.fixture(scope="module")
def door(installed):
    from scene import open_lab
    with open_lab(installed) as lab:
        yield Door(lab)


def expected(cells, access, subject):
    """Of the answers for the client's own subjects by access, those for others."""
    if subject in ("disabled", "unknown"):
        return "Invalid subject"
    own = cells[ACCESS.index(access)]
    return "wrong-subject" if subject == "other" and access != "open" and own == "chain" else own


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


TOKENS = {
    "none": ["chain", "token-needed", "certificate-needed"],
    "malformed": ["bad-token"] * 3,
    "several": ["bad-authorization"] * 3,
    "basic": ["bad-scheme"] * 3,
    "nobody's": ["bad-token"] * 3,
    "late": ["token-expired"] * 3,
    "off": ["token-disabled"] * 3,
    "old": ["bad-token"] * 3,
    "right": ["chain", "chain", "certificate-needed"],
}


def fields(door, token):
    other = {"none": [], "malformed": bearer("a b"), "several": 2 * bearer(door.tokens["right"]),
             "basic": [("Authorization", "Basic dTpw")]}
    return other[token] if token in other else bearer(door.tokens[token])


@pytest.mark.parametrize("token", TOKENS)
def test_every_token_for_every_subject(door, token):
    connection = door.connect()
    got = {(access, subject): door.post(connection, access, subject, fields(door, token))
           for access in ACCESS for subject in SUBJECTS}
    connection.close()
    assert got == {cell: expected(TOKENS[token], *cell) for cell in got}


CERTIFICATES = {
    None: ["chain", "token-needed", "certificate-needed"],
    "stranger": ["chain", "token-needed", "unknown-certificate"],
    "off": ["certificate-disabled"] * 3,
    "late": ["certificate-expired"] * 3,
    "robot": ["chain", "token-needed", "chain"],
    "web": ["chain", "token-needed", "chain"],
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_every_certificate_for_every_subject(door, certificate, version):
    connection = door.connect("tls", certificate, maximum_version=version)
    got = {(access, subject): door.post(connection, access, subject) for access in ACCESS for subject in SUBJECTS}
    connection.close()
    assert got == {cell: expected(CERTIFICATES[certificate], *cell) for cell in got}


@pytest.mark.parametrize("token, certificate, cells", [
    ("right", "robot", ["chain", "chain", "chain"]),
    ("right", "stranger", ["chain", "chain", "unknown-certificate"]),
    ("right", "off", ["certificate-disabled"] * 3),
    ("nobody's", "robot", ["bad-token"] * 3),
    ("late", "robot", ["token-expired"] * 3),
])
def test_token_and_certificate(door, token, certificate, cells):
    connection = door.connect("tls", certificate)
    got = {(access, subject): door.post(connection, access, subject, bearer(door.tokens[token]))
           for access in ACCESS for subject in SUBJECTS}
    connection.close()
    assert got == {cell: expected(cells, *cell) for cell in got}


@pytest.mark.parametrize("listener", ["tls", "required"])
@pytest.mark.parametrize("certificate", ["revoked", "over", "server", "foreign"])
def test_a_bad_certificate_ends_the_handshake(door, listener, certificate):
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        door.ask("open", listener=listener, certificate=certificate)


def test_where_a_certificate_is_required_who_has_none_is_not_served(door):
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        door.ask("open", listener="required")
    assert door.ask("open", listener="required", certificate="stranger") == "chain"
    assert door.ask("certificate", listener="required", certificate="robot") == "chain"


def test_without_crls_a_revoked_one_is_a_stranger_s(door):
    assert door.ask("certificate", listener="no-crl", certificate="revoked") == "unknown-certificate"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_no_session_carries_an_identity_over(door, version):
    """Nothing to resume is given out: every connection shows its certificate anew."""
    context = ssl.create_default_context(cafile=str(door.ca_file))
    context.maximum_version = version
    context.load_cert_chain(*door.clients.pair("robot"))
    connection = http.client.HTTPSConnection("127.0.0.1", door.ports["tls"], timeout=30, source_address=(CLIENT, 0),
                                             context=context)
    assert door.post(connection, "certificate") == "chain"
    session = connection.sock.session
    connection.close()
    assert not session.has_ticket and (version == ssl.TLSVersion.TLSv1_3 or session.id == b"")


def test_rows_that_change_count_on_connections_that_are_there(door):
    connection = door.connect("tls", "robot")
    assert door.post(connection, "certificate") == "chain"
    door.server.command("client", "change", "robot-key", "--disable")
    assert door.post(connection, "certificate") == "certificate-disabled"
    door.server.sql("UPDATE client SET enabled = 1, expires = '2001-01-01T00:00:00Z' WHERE client = 'robot-key'")
    assert door.post(connection, "certificate") == "certificate-expired"
    door.server.command("client", "change", "robot-key", "--expires", "never")
    assert door.post(connection, "certificate") == "chain"
    connection.close()


# ---- Behind proxies

@pytest.mark.parametrize("listener, certificate, cells", [
    ("plain-proxy", "robot", ["chain", "token-needed", "chain"]),
    ("plain-proxy", "web", ["chain", "token-needed", "chain"]),
    ("plain-proxy", "stranger", ["chain", "token-needed", "unknown-certificate"]),
    ("plain-proxy", "foreign", ["bad-certificate"] * 3),
    ("plain-proxy", "revoked", ["bad-certificate"] * 3),
    ("plain-proxy", "over", ["bad-certificate"] * 3),
    ("plain-proxy", "server", ["bad-certificate"] * 3),
    ("tls-proxy", "robot", ["chain", "token-needed", "chain"]),
    ("tls-proxy", "revoked", ["bad-certificate"] * 3),
    # Where the listener does not say so, the field is not there, whoever is listed.
    ("plain", "robot", CERTIFICATES[None]),
    ("plain", "server", CERTIFICATES[None]),
    ("plain-ca", "robot", CERTIFICATES[None]),
    ("plain-ca", "foreign", CERTIFICATES[None]),
    ("tls", "robot", CERTIFICATES[None]),
])
def test_what_a_listed_proxy_hands_on(door, listener, certificate, cells):
    connection = door.connect(listener, source=PROXY)
    got = {(access, subject): door.post(connection, access, subject, client_cert(door.clients.der(certificate)))
           for access in ACCESS for subject in SUBJECTS}
    connection.close()
    assert got == {cell: expected(cells, *cell) for cell in got}


def test_what_a_client_makes_up_is_nobody_s_behind_a_proxy_that_passes_it_on(door):
    """His own certificate, with the issuer and the name that a row of the table wants: the proxy did not take it away."""
    forged = client_cert(door.clients.forged("web"))
    assert door.ask("certificate", headers=forged, source=PROXY) == "certificate-needed"
    assert door.ask("certificate", headers=forged, listener="plain-ca", source=PROXY) == "certificate-needed"
    assert door.ask("certificate", headers=forged, listener="plain-proxy", source=PROXY) == "bad-certificate"
    for listener in ("plain", "plain-ca", "tls"):
        assert door.ask("open", headers=[("Client-Cert", "nonsense")], listener=listener, source=PROXY) == "chain"


def test_nobody_else_s_word_counts(door):
    field = client_cert(door.clients.der("robot"))
    assert door.ask("certificate", headers=field) == "certificate-needed"
    assert door.ask("certificate", headers=field, listener="tls") == "certificate-needed"
    assert {door.ask("certificate", headers=field, listener=name) for name in ("plain-proxy", "tls-proxy")} == {
        "certificate-needed"}
    assert door.ask("certificate", headers=client_cert(door.clients.der("stranger")), listener="tls-proxy",
                    certificate="robot") == "chain"
    assert door.ask("certificate", headers=field, listener="tls", certificate="stranger") == "unknown-certificate"
    assert door.ask("open", headers=[("Client-Cert", "nonsense")]) == "chain"


def test_a_proxy_s_own_certificate_is_nobody_s(door):
    for listener in ("tls", "tls-proxy"):
        assert door.ask("certificate", listener=listener, certificate="robot", source=PROXY) == "certificate-needed"
    assert door.ask("certificate", listener="tls-proxy", certificate="robot", source=PROXY,
                    headers=client_cert(door.clients.der("stranger"))) == "unknown-certificate"


@pytest.mark.parametrize("make", [
    lambda der: 2 * client_cert(der), lambda der: [("Client-Cert", "")], lambda der: [("Client-Cert", "::")],
    lambda der: [("Client-Cert", base64.b64encode(der).decode())], lambda der: client_cert(der[:-1]),
    lambda der: client_cert(der + b"\0"), lambda der: [("Client-Cert", client_cert(der)[0][1] + ";a=1")],
    lambda der: [("Client-Cert", client_cert(der)[0][1] + ", " + client_cert(der)[0][1])],
    lambda der: [("Client-Cert", f":{base64.urlsafe_b64encode(b'~~~???').decode()}:")],
    lambda der: [("Client-Cert", "-----BEGIN%20CERTIFICATE-----")],
], ids=["several", "empty", "nothing", "bare", "cut", "more", "parameter", "list", "url", "pem"])
def test_a_field_that_cannot_be_read_is_refused(door, make):
    der = door.clients.der("robot")
    got = {door.ask(access, headers=make(der), listener="plain-proxy", source=PROXY) for access in ACCESS}
    assert got == {"bad-client-cert"}


HAPROXY = """
global
    maxconn 100
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend in
    bind 127.0.0.1:PORT ssl crt SERVER ca-file CA verify optional
    http-request del-header Client-Cert
    http-request set-header Client-Cert ":%[ssl_c_der,base64]:" if { ssl_c_used }
    default_backend out
backend out
    server one 127.0.0.1:TARGET source 127.0.0.9
"""

NGINX = """
daemon off;
pid FOLDER/pid;
error_log stderr;
USER
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    MAP
    server {
        listen 127.0.0.1:PORT ssl;
        ssl_certificate CERTIFICATE;
        ssl_certificate_key KEY;
        ssl_client_certificate CA;
        ssl_verify_client optional;
        ssl_verify_depth 4;
        location / {
            proxy_pass http://127.0.0.1:TARGET;
            proxy_bind 127.0.0.9;
            proxy_set_header Client-Cert $client_cert;
        }
    }
}
"""


def haproxy(door, start):
    pair = door.ca_file.with_name("both.pem")
    pair.write_bytes(b"".join(door.ca_file.with_name(name).read_bytes() for name in ("server.pem", "server.key")))
    text = HAPROXY.replace("TARGET", str(door.ports["plain-proxy"])).replace("SERVER", str(pair))
    return start("haproxy", ["haproxy", "-db", "-f"], text.replace("CA ", f"{door.clients.folder / 'all.pem'} "))


def nginx(door, start):
    made = subprocess.run(["sh", "-c", map_command()], capture_output=True, text=True, check=True).stdout
    text = NGINX.replace("CERTIFICATE;", f"{door.ca_file.with_name('server.pem')};").replace(
        "KEY;", f"{door.ca_file.with_name('server.key')};").replace("CA;", f"{door.clients.folder / 'all.pem'};")
    return start("nginx", ["nginx", "-c"], text.replace("TARGET", str(door.ports["plain-proxy"])).replace("USER", nginx_user())
                 .replace("MAP", made))


def map_command():
    """What docs/access.md tells who has nginx to type."""
    page = (pathlib.Path(__file__).resolve().parent.parent.parent / "docs/access.md").read_text()
    return page.split("<!-- nginx map -->\n\n", 1)[1].split("\n\n", 1)[0].replace(" > client_cert.map", "")


@pytest.mark.parametrize("kind", [haproxy, nginx])
def test_real_proxies_hand_certificates_on(door, start, kind):
    proxy = kind(door, start)
    door.ports["proxy"] = proxy.port
    lie = client_cert(door.clients.der("robot"))
    assert [door.ask("certificate", listener="proxy", certificate=name) for name in ("robot", "web", "stranger")] == [
        "chain", "chain", "unknown-certificate"]
    assert door.ask("certificate", listener="proxy") == "certificate-needed"
    assert door.ask("certificate", listener="proxy", headers=lie) == "certificate-needed"
    assert door.ask("certificate", listener="proxy", headers=lie, certificate="stranger") == "unknown-certificate"
    assert door.ask("open", listener="proxy") == "chain"


# ---- What stays of it

def test_names_and_secrets_stay_where_they_belong(door):
    """The client's name is in state.db alone, its token nowhere."""
    headers = [*bearer(door.tokens["right"]), ("Cache-Control", "no-cache")]
    assert door.ask("token", headers=headers) == "chain"
    jobs = door.server.sql("SELECT client FROM job WHERE subject = ? ORDER BY created_ms DESC", f"CN=token-own.{ZONE}")
    assert jobs[0] == ("ci",)
    log = door.server.log()
    names = ["robot-key", "spiffe://", *door.tokens.values()]
    assert [word for word in names if word in log] == []
    state = door.server.folder / "state"
    for path in [*state.rglob("*.jsonl"), *state.rglob("visits.db*"), *state.rglob("analytics.db*")]:
        assert [word for word in names if word.encode() in path.read_bytes()] == [], path
    for path in state.rglob("*"):
        if path.is_file():
            assert [word for word in door.tokens.values() if word.encode() in path.read_bytes()] == [], path


@pytest.mark.parametrize("change, words", [
    ({"client_ca": "MISSING"}, "cannot read client_ca"), ({"client_ca": "KEY"}, "must hold certificates of CAs in PEM"),
    ({"client_ca": "CA", "client_crl": "CA"}, "must hold CRLs in PEM"),
    ({"client_crl": "CRL"}, "`client_crl` needs `client_ca`"), ({"client_certificate": "required"}, "needs `client_ca`"),
    ({"client_certificate": "proxy"}, "`client_certificate` needs `client_ca`"),
    ({"client_ca": "CA", "client_certificate": "sometimes"}, 'must be "optional", "required" or "proxy", not "sometimes"'),
])
def test_a_wrong_configuration_is_told(lab, door, change, words):
    folder = door.clients.folder
    files = {"MISSING": folder / "none", "KEY": folder / "robot.key", "CA": folder / "ca.pem", "CRL": folder / "crl.pem"}
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    tls = {"certificate": door.ca_file.with_name("server.pem"), "key": door.ca_file.with_name("server.key")}
    server.config["listen"] = [{"address": "127.0.0.1", "port": server.port, **tls,
                                **{key: files.get(value, value) for key, value in change.items()}}]
    done = server.command("check", check=False)
    assert done.returncode == 1 and words in done.stdout + done.stderr


# ---- The other end

@pytest.mark.parametrize("kind", ["countersign", "dash", "busybox"])
def test_the_clients_show_tokens_and_certificates(installed, door, tmp_path, kind):
    from renewing import start_of

    def run(subject, *words):
        for name in ("key.pem", "chain.pem"):
            (tmp_path / name).unlink(missing_ok=True)
        command = [*start_of(installed, kind), "--server", f"https://{CLIENT}:{door.ports['tls']}", "--name", subject,
                   "--ca-file", door.ca_file, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=tmp_path)

    token, certificate = f"token-own.{ZONE}", f"certificate-own.{ZONE}"
    (tmp_path / "token").write_text(door.tokens["right"] + "\n")
    (tmp_path / "two words").write_text("a b\n")
    (tmp_path / "empty").write_text("")
    pair = [word for pair in zip(("--client-cert", "--client-key"), door.clients.pair("robot")) for word in pair]
    done = run(token, "--token-file", tmp_path / "token")
    assert (done.returncode, done.stderr) == (0, done.stderr) and (tmp_path / "chain.pem").exists(), done.stderr
    assert door.tokens["right"] not in done.stdout + done.stderr
    assert run(certificate, *pair).returncode == 0
    refused = run(token)
    assert refused.returncode == 3 and "token" in refused.stderr
    assert run(certificate).returncode == 3
    for name, words in (("two words", "must hold a token and nothing else"), ("empty", "is empty"), ("none", "cannot be read")):
        done = run(token, "--token-file", tmp_path / name)
        assert done.returncode == 1 and words in done.stderr, (name, done.stderr)
    assert run(certificate, "--client-cert", tmp_path / "none").returncode == 1
    assert run(certificate, "--client-key", tmp_path / "none").returncode == 2

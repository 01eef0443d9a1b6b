"""`countersign sign` against a server that answers as each test wants: later, refused, elsewhere, the wrong chain."""
import os
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki import make_server_pki
from signer import FAILED, LATER, MISFIT, NAME, OK, REFUSED, USAGE, Server, names_of, problem, running


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


class Client:
    def __init__(self, program, folder, server):
        self.program, self.folder, self.server = program, folder, server

    def __call__(self, *words, name=NAME, url=None, timeout=60):
        command = [self.program, "sign", "--server", url or self.server.url, *(["--name", name] if name else []), *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=self.folder,
                              stdin=subprocess.DEVNULL, timeout=timeout)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def client(installed, tmp_path, server):
    folder = tmp_path / "client"
    folder.mkdir()
    return Client(installed.program, folder, server)


def read_key(path):
    return serialization.load_pem_private_key(path.read_bytes(), None)


def test_a_chain_at_once(client, server):
    server.answers = [server.issue]
    done = client()
    assert done.returncode == OK, done.stderr
    assert client.files() == ["chain.pem", "key.pem"]
    assert (client.folder / "key.pem").stat().st_mode & 0o777 == 0o600
    assert (client.folder / "chain.pem").stat().st_mode & 0o777 == 0o644
    key = read_key(client.folder / "key.pem")
    assert isinstance(key.curve, ec.SECP256R1)
    leaf = x509.load_pem_x509_certificate((client.folder / "chain.pem").read_bytes())
    assert leaf.public_key().public_numbers() == key.public_key().public_numbers()
    assert (client.folder / "chain.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 2
    csr = server.csr()
    assert csr.subject.rfc4514_string() == f"CN={NAME}" and names_of(csr) == [NAME] and csr.is_signature_valid
    post = server.asked[0]
    assert (post.method, post.path) == ("POST", "/v1/sign")
    assert "respond-async" in post.headers["Prefer"]
    assert "chain.pem" in done.stdout and "until" in done.stdout


def test_what_is_asked_for_is_in_the_csr(client, server):
    server.answers = [server.issue]
    done = client("--subject", "/C=IT/O=Gufo, Labs/CN=Go.trial.example", "--san", "B.trial.example",
                  "--san", "a.trial.example", "--san", "b.trial.example", "--label", "campaign=autumn fair",
                  "--label", "edition=free", "--key-type", "rsa2048", "--csr", "csr.pem", "--out", "out.pem",
                  "--key", "private.pem", name=None)
    assert done.returncode == OK, done.stderr
    assert client.files() == ["csr.pem", "out.pem", "private.pem"]
    csr = x509.load_pem_x509_csr((client.folder / "csr.pem").read_bytes())
    assert csr.subject.rfc4514_string() == "CN=Go.trial.example,O=Gufo\\, Labs,C=IT"
    assert sorted(names_of(csr)) == ["a.trial.example", "b.trial.example", "go.trial.example"]
    assert csr.public_key().key_size == 2048
    assert server.asked[0].headers.get_all("X-Countersign-Label") == ["campaign=autumn fair", "edition=free"]


@pytest.mark.parametrize("kind, size", [("p384", 384), ("rsa3072", 3072), ("rsa4096", 4096)])
def test_every_kind_of_key(client, server, kind, size):
    server.answers = [server.issue]
    assert client("--key-type", kind).returncode == OK
    assert read_key(client.folder / "key.pem").key_size == size


def test_a_key_that_is_there_is_used_and_never_changed(client, server):
    server.answers = [server.issue]
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                            serialization.NoEncryption())
    (client.folder / "key.pem").write_bytes(pem)
    (client.folder / "key.pem").chmod(0o600)
    assert client().returncode == OK
    assert client().returncode == OK
    assert (client.folder / "key.pem").read_bytes() == pem
    assert server.csr().public_key().public_numbers() == key.public_key().public_numbers()
    other = client("--key-type", "p256")
    assert other.returncode == FAILED and "rsa2048 already" in other.stderr
    assert client("--key-type", "rsa2048").returncode == OK


def test_a_key_that_cannot_be_used_is_told_apart(client, server):
    server.answers = [server.issue]
    path = client.folder / "key.pem"
    path.write_text("not a key\n")
    path.chmod(0o600)
    assert client().returncode == FAILED and path.read_text() == "not a key\n"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.BestAvailableEncryption(b"secret")))
    done = client()
    assert done.returncode == FAILED and "passphrase" in done.stderr
    path.write_bytes(ec.generate_private_key(ec.SECP521R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    done = client()
    assert done.returncode == FAILED and "P-256 or P-384" in done.stderr
    assert not server.asked and client.files() == ["key.pem"]


def test_progress_is_told_in_words_while_it_waits(client, server):
    server.answers = [running("new-order"), running("publish"), running("publish"), running("poll-authz"), server.issue]
    done = client()
    assert done.returncode == OK, done.stderr
    assert [a.path for a in server.asked] == ["/v1/sign"] + ["/v1/requests/abc"] * 4
    assert [a.method for a in server.asked] == ["POST"] + ["GET"] * 4
    assert done.stderr.count("waiting for the DNS record to be visible") == 1
    order = [done.stderr.index(words) for words in ("orders at the CA", "DNS record to be visible", "CA to look")]
    assert order == sorted(order)


def test_quiet_tells_nothing(client, server):
    server.answers = [running("publish"), server.issue]
    done = client("--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (OK, "", "")


def test_retry_after_is_kept(client, server):
    server.answers = [running("publish", retry_after="3"), server.issue]
    start = time.monotonic()
    assert client().returncode == OK
    assert 2.9 < time.monotonic() - start < 20


def test_a_refusal_is_final_and_told_whole(client, server):
    server.answers = [problem(403, type="urn:x", title="This subject may not ask for this name",
                              detail="foreign.example is not yours")]
    done = client()
    assert done.returncode == REFUSED
    assert "403: This subject may not ask for this name: foreign.example is not yours" in done.stderr
    assert client.files() == ["key.pem"]
    server.answers = [(400, {"Content-Type": "text/plain"}, b"Invalid subject")]
    done = client()
    assert done.returncode == REFUSED and "400: Invalid subject" in done.stderr


def test_what_the_ca_said_is_told(client, server):
    upstream = {"type": "urn:ietf:params:acme:error:dns", "detail": "no TXT record\x1b[31m found", "subproblems": [
        {"identifier": {"type": "dns", "value": NAME}, "detail": "NXDOMAIN"}]}
    server.answers = [running("poll-authz"), problem(502, title="The CA refused", detail="challenge failed", upstream=upstream)]
    done = client()
    assert done.returncode == LATER
    assert "the CA: no TXT record" in done.stderr and f"{NAME}: NXDOMAIN" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_refusal_by_the_ca_is_final(client, server):
    server.answers = [problem(502, type="urn:countersign:error:ca-caa", title="CAA forbids it", detail="ask the zone's owner")]
    done = client()
    assert done.returncode == REFUSED and "CAA forbids it" in done.stderr and "later" not in done.stderr
    server.answers = [problem(502, {"Retry-After": "60"}, type="urn:countersign:error:ca-unavailable", title="The CA is down")]
    assert client().returncode == LATER


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_later_says_when(client, server, status):
    server.answers = [problem(status, {"Retry-After": "7200"}, title="Not now", detail="busy")]
    done = client()
    assert done.returncode == LATER
    assert "Not now: busy" in done.stderr and "or after" in done.stderr
    when = time.strftime("%Y-%m-%d %H", time.localtime(time.time() + 7200))
    assert when in done.stderr or time.strftime("%Y-%m-%d %H", time.localtime(time.time() + 7199)) in done.stderr


def test_a_server_that_restarts_meanwhile_is_asked_again(client, server):
    stopping = problem(503, {"Retry-After": "1"}, title="The server is stopping")
    server.answers = [running("publish"), stopping, running("publish"), server.issue]
    done = client()
    assert done.returncode == OK, done.stderr


def test_the_time_is_kept(client, server):
    server.answers = [running("publish")]
    start = time.monotonic()
    done = client("--timeout", "2")
    assert done.returncode == LATER and time.monotonic() - start < 20
    assert "run the same command again" in done.stderr


def test_a_server_that_says_nothing_is_left(client, server):
    over = threading.Event()
    server.answers = [lambda _: (over.wait(60), server.issue())[1]]
    start = time.monotonic()
    done = client("--timeout", "1")
    over.set()
    assert done.returncode == LATER and time.monotonic() - start < 30


def test_nobody_there(client):
    done = client(url="http://127.0.0.1:1")
    assert done.returncode == LATER and "127.0.0.1" in done.stderr


def test_redirects_are_not_followed(client, server):
    server.answers = [(307, {"Location": "/v1/sign"}, b"")]
    done = client()
    assert done.returncode == FAILED and "redirects are not followed" in done.stderr
    assert len(server.asked) == 1


@pytest.mark.parametrize("location", ["http://127.0.0.2/v1/requests/abc", "//elsewhere.example/v1/requests/abc",
                                      "http://127.0.0.1:9/v1/requests/abc", "file:///etc/passwd", ""])
def test_a_place_on_another_server_is_not_asked(client, server, location):
    status, headers, body = running("publish", location=location)
    server.answers = [(status, {k: v for k, v in headers.items() if v}, body)]
    done = client("--timeout", "3")
    assert done.returncode == MISFIT, done.stderr
    assert len(server.asked) == 1


def wrong_answers(server):
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    yield "another key", lambda _: server.issue(key=other)
    yield "not asked for", lambda _: server.issue(names=[NAME, "evil.example"])
    yield "not asked for", lambda _: server.issue(names=["evil.example"])
    yield "expired", lambda _: server.issue(days=-1)
    yield "no certificate", (200, {}, b"")
    yield "text outside", (200, {}, b"<html>hello</html>")
    yield "was not issued", lambda _: (200, {}, server.authority.chain(server.csr()).replace(server.authority.certificate,
                                                                                           server.authority.root))
    yield "longer than", (200, {}, b"\n" * (2 << 20))
    yield "201", (201, {}, b"")


def test_an_answer_that_does_not_fit_is_not_written(client, server):
    (client.folder / "chain.pem").write_text("the old chain\n")
    for words, answer in wrong_answers(server):
        server.answers = [answer]
        server.asked.clear()
        done = client()
        assert done.returncode == MISFIT, (words, done.stderr)
        assert words in done.stderr
        assert (client.folder / "chain.pem").read_text() == "the old chain\n"
        assert client.files() == ["chain.pem", "key.pem"]


def test_the_old_chain_stays_whole_until_the_new_one_is(client, server):
    server.answers = [server.issue]
    path = client.folder / "chain.pem"
    path.write_text("the old chain\n")
    before = path.open()
    assert client().returncode == OK
    assert before.read() == "the old chain\n"  # who has it open reads on: it was replaced, not overwritten
    assert path.read_text().startswith("-----BEGIN CERTIFICATE-----")
    before.close()


def test_no_place_to_write_is_found_before_the_server_is_asked(client, server):
    server.answers = [server.issue]
    done = client("--out", "missing/chain.pem")
    assert done.returncode == FAILED and "missing/chain.pem" in done.stderr
    done = client("--out", ".")
    assert done.returncode == FAILED
    done = client("--key", "missing/key.pem")
    assert done.returncode == FAILED and "missing/key.pem" in done.stderr
    assert not server.asked and client.files() == []


def test_https_is_verified(client, server, tmp_path):
    make_server_pki(tmp_path / "pki")
    secure = Server(tmp_path / "pki")
    try:
        secure.answers = [secure.issue]
        done = client(url=secure.url)
        assert done.returncode == FAILED and "--ca-file" in done.stderr
        assert not secure.asked
        done = client("--ca-file", tmp_path / "pki/ca.pem", url=secure.url)
        assert done.returncode == OK, done.stderr
        done = client("--ca-file", tmp_path / "missing.pem", url=secure.url)
        assert done.returncode == FAILED
    finally:
        secure.close()


@pytest.mark.parametrize("words, fault", [
    (["--name", NAME], "--server"), (["--server", "URL"], "--name"), (["--server", "ftp://x", "--name", NAME], "--server"),
    (["--server", "http://192.0.2.1", "--name", NAME], "--insecure-http"),
    (["--server", "https://user:word@x", "--name", NAME], "--server"),
    (["--server", "https://x/?y", "--name", NAME], "--server"),
    (["--server", "URL", "--name", "localhost"], "two labels"), (["--server", "URL", "--name", "a_b.example"], "underscore"),
    (["--server", "URL", "--name", NAME, "--subject", f"CN={NAME}"], "beside"),
    (["--server", "URL", "--subject", "O=x"], "--san"), (["--server", "URL", "--subject", "CN=a,CN=b"], "more than one CN"),
    (["--server", "URL", "--subject", "nonsense"], "TYPE=value"),
    (["--server", "URL", "--name", NAME, "--key-type", "dsa"], "p256"),
    (["--server", "URL", "--name", NAME, "--label", "x"], "NAME=VALUE"),
    (["--server", "URL", "--name", NAME, "--label", "x=a\r\nEvil: y"], "control"),
    (["--server", "URL", "--name", NAME, "--timeout", "0"], "86400"), (["--server", "URL", "--name", NAME, "more"], "more"),
    (["--server", "URL", "--name", NAME, "--out", "key.pem"], "different files"),
    (["--server", "URL", "--name", NAME, "--nonsense"], "--help"), (["--server"], "--help")])
def test_a_wrong_command_line_is_told_and_does_nothing(installed, client, server, words, fault):
    words = [server.url if word == "URL" else word for word in words]
    done = subprocess.run([installed.program, "sign", *words], capture_output=True, text=True, cwd=client.folder)
    assert done.returncode == USAGE, done.stderr
    assert fault in done.stderr
    assert client.files() == [] and not server.asked


def test_help_has_the_exit_codes(installed):
    done = subprocess.run([installed.program, "sign", "--help"], capture_output=True, text=True)
    assert done.returncode == OK and done.stderr == ""
    for code in range(6):
        assert f"\n  {code}  " in done.stdout
    assert max(len(line) for line in done.stdout.split("\n")) <= 130


@pytest.mark.parametrize("words", [
    ["--name", NAME], ["--name", NAME, "--key-type", "rsa2048", "--san", "b.trial.example"],
    ["--subject", f"CN={NAME},O=it's \\\"odd\\\" $HOME `id`,C=IT", "--key-type", "p384", "--label", "a=it's b",
     "--key", "my key.pem", "--csr", "my csr.pem", "--out", "my chain.pem"]])
def test_the_printed_lines_do_the_same_by_hand(client, server, words):
    server.answers = [server.issue]
    printed = client("--print", *words, name=None)
    assert printed.returncode == OK and client.files() == [] and not server.asked
    by_hand = subprocess.run(["sh", "-eu", "-c", printed.stdout], capture_output=True, text=True, cwd=client.folder)
    assert by_hand.returncode == 0, by_hand.stderr
    key = next(path for path in client.folder.iterdir() if b"PRIVATE KEY" in path.read_bytes())
    assert key.stat().st_mode & 0o777 == 0o600
    first, labels = server.csr(), server.asked[0].headers.get_all("X-Countersign-Label")
    server.asked.clear()
    done = client(*words, name=None)
    assert done.returncode == OK, done.stderr
    second = server.csr()
    assert first.public_key().public_numbers() == second.public_key().public_numbers()
    assert first.subject == second.subject and sorted(names_of(first)) == sorted(names_of(second))
    assert labels == server.asked[0].headers.get_all("X-Countersign-Label")
    again = client("--print", *words, name=None)
    assert "genpkey" not in again.stdout and "genpkey" in printed.stdout


def test_two_at_once_do_not_share_a_half_written_key(client, server):
    server.answers = [server.issue]
    command = [client.program, "sign", "--server", server.url, "--name", NAME]
    pair = [subprocess.Popen(command, cwd=client.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    codes = []
    for one in pair:
        one.communicate(timeout=60)
        codes.append(one.returncode)
    assert codes == [OK] * 4
    read_key(client.folder / "key.pem")
    assert client.files() == ["chain.pem", "key.pem"]
    assert os.stat(client.folder / "key.pem").st_nlink == 1

"""Renewing: `countersign sign --renew-within` and countersign-renew.sh, in dash and busybox, do the same (docs/renew.md)."""
import re
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki import make_server_pki
from renewing import KINDS, Renewer, in_all, rows, start_of, write_key
from signer import (DEPLOY_FAILED, FAILED, LATER, MISFIT, NAME, NOTHING_DUE, OK, REFUSED, USAGE, Server, names_of, problem,
                    running)

OLD = {"age_days": 61, "days": 29}    # of 90 days, less than a third is left
YOUNG = {"age_days": 50, "days": 40}
FOLDERS = ["plain", "with space", "it's $(echo \"x\") `y` *\\n;", "-n", "ünï"]


@pytest.fixture
def server(signing):
    return signing.anew()


@pytest.fixture(params=KINDS[:2])
def client(request, installed, tmp_path, server):
    return Renewer(start_of(installed, request.param), tmp_path / "client", server.url)


# ---- Is it time? -------------------------------------------------------------------------------------------------------

@in_all
def test_the_first_run_gets_a_certificate_and_the_second_asks_nobody(client, server):
    first = client()
    assert first.returncode == OK, first.stderr
    assert client.files() == ["chain.pem", "key.pem"] and client.fits()
    assert client.key.stat().st_mode & 0o777 == 0o600 and client.chain.stat().st_mode & 0o777 == 0o644
    leaf = client.leaf()
    assert first.json["result"] == "renewed" and first.json["names"] == [NAME] and first.json["new_key"] is False
    assert int(first.json["serial"], 16) == leaf.serial_number
    assert first.json["not_after"] == leaf.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert first.json["not_before"] == leaf.not_valid_before.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "no key yet" in first.json["reason"]
    before, asked = client.contents(), len(server.asked)
    second = client()
    assert second.returncode == NOTHING_DUE and second.json["result"] == "nothing-due", second.stderr
    assert "reason" not in second.json
    third = (leaf.not_valid_after - leaf.not_valid_before) / 3
    assert second.json["renew_at"] == (leaf.not_valid_after - third).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(server.asked) == asked and client.contents() == before


def test_what_people_see_says_until_when(client, server):
    client.put(server.authority, **YOUNG)
    done = client(json_line=False, within="30d")
    assert done.returncode == NOTHING_DUE
    assert re.search(r"nothing to do until \d{4}-\d\d-\d\d", done.stdout) and "is valid until" in done.stdout
    done = client("--quiet", json_line=False)
    assert (done.returncode, done.stdout, done.stderr) == (NOTHING_DUE, "", "")
    client.put(server.authority, **OLD)
    done = client("--quiet", json_line=False)
    assert (done.returncode, done.stdout, done.stderr) == (OK, "", "")
    assert not server.asked[1:]


@rows("life, within, due", [
    (OLD, "third", True), (YOUNG, "third", False), (YOUNG, "41d", True), (YOUNG, "39d", False), (YOUNG, "959h", False),
    (YOUNG, "961h", True), (YOUNG, "365d", False), (OLD, "365d", True), ({"age_days": 4.1, "days": 1.9}, "30d", True),
    ({"age_days": 3.9, "days": 2.1}, "30d", False), ({"age_days": 1, "days": 500}, "3000000", False)],
      script=[0, 1, 4, 8])
def test_the_time_before_the_end(client, server, life, within, due):
    client.put(server.authority, **life)
    before = client.contents()
    done = client(within=within)
    assert done.returncode == (OK if due else NOTHING_DUE), done.stderr
    assert (len(server.asked) > 0) == due
    assert (client.contents() == before) == (not due)
    assert not due or "comes to its end" in done.json["reason"]
    assert client.files() == ["chain.pem", "key.pem"] and client.fits()


def stale(client, authority):
    """Ways in which a certificate is due although there is time: (what the reason says, what makes it so)."""
    young = {"authority": authority, **YOUNG}
    yield "names? (that were|not|that was)|asked for", lambda: client.put(names=[NAME, "more.trial.example"], **young)
    yield "names?|asked for", lambda: client.put(names=["else.trial.example"], **young)
    yield "another key", lambda: (client.put(**young), write_key(client.key, ec.generate_private_key(ec.SECP256R1())))
    unreadable = "read|CERTIFICATE|no certificate in it|text outside"
    yield unreadable, lambda: (client.put(**young), client.chain.write_text("-----BEGIN CERTIFICATE-----\nQUJD\n"))
    yield unreadable, lambda: (client.put(**young), client.chain.write_bytes(b"\0\xff" * 1000))
    yield unreadable, lambda: (client.put(**young), client.chain.write_bytes(b""))
    yield "no certificate yet", lambda: (client.put(**young), client.chain.unlink())
    yield "no key yet", lambda: (client.put(**young), client.key.unlink())
    yield "expired", lambda: client.put(authority, age_days=90, days=-0.01)
    yield "not yet valid", lambda: client.put(authority, age_days=-1, days=90)


def test_what_is_due_besides_time(client, server):
    ways = list(stale(client, server.authority))
    for words, make in ways if client.start[0] != "dash" else ways[:1] + ways[2:4] + ways[7:9]:
        make()
        key = client.key.read_bytes() if client.key.exists() else None
        server.asked.clear()
        done = client()
        assert done.returncode == OK, (words, done.stderr)
        assert re.search(words, done.json["reason"]), done.json
        assert len(server.asked) == 1 and client.fits() and client.files() == ["chain.pem", "key.pem"]
        assert key in (None, client.key.read_bytes())
        assert client().returncode == NOTHING_DUE


def test_a_kept_csr_tells_when_the_subject_has_changed(client, server):
    subject = "/O=One/CN=" + NAME
    words = ["--csr", "kept.csr", "--subject"]
    assert client(*words, subject, name=None).returncode == OK
    assert client(*words, subject, name=None).returncode == NOTHING_DUE
    server.answers = [problem(403, title="no"), server.issue]
    refused = client(*words, "/O=Two/CN=" + NAME, name=None)
    assert refused.returncode == REFUSED and "subject" in refused.json["reason"]
    done = client(*words, "/O=Two/CN=" + NAME, name=None)
    assert done.returncode == OK, "what was refused is still due"
    assert server.csr().subject.rfc4514_string() == f"CN={NAME},O=Two"
    assert client(*words, "/O=Two/CN=" + NAME, name=None).returncode == NOTHING_DUE
    server.answers = [(200, {}, client.chain.read_bytes())]
    done = client(*words, "/O=Three/CN=" + NAME, name=None)
    assert done.returncode == OK, "for the same key and names a server has one certificate, whatever the subject"
    assert client(*words, "/O=Three/CN=" + NAME, name=None).returncode == NOTHING_DUE
    assert client.files() == ["chain.pem", "kept.csr", "key.pem"]


def test_the_key_stays_and_its_type_may_be_any(client, server):
    elliptic = [ec.generate_private_key(ec.SECP384R1())] if client.start[0] != "dash" else []
    for key in [*elliptic, rsa.generate_private_key(65537, 2048)]:
        client.put(server.authority, key=key, **OLD)
        before = client.key.read_bytes()
        done = client()
        assert done.returncode == OK, done.stderr
        assert client.key.read_bytes() == before and client.fits()


@rows("kind, check", [
    ("p384", lambda key: isinstance(key.curve, ec.SECP384R1)), ("rsa2048", lambda key: key.key_size == 2048)], script=[0])
def test_a_new_key_of_the_type_asked_for(client, server, kind, check):
    client.put(server.authority, **OLD)
    before = client.contents()
    done = client("--new-key", "--key-type", kind)
    assert done.returncode == OK and done.json["new_key"] is True, done.stderr
    assert client.fits() and client.files() == ["chain.pem", "key.pem"]
    assert client.key.read_bytes() != before["key.pem"] and check(client.leaf().public_key())
    assert client("--new-key").returncode == NOTHING_DUE
    client.chain.unlink()
    assert client("--key-type", "p256").returncode == FAILED  # it has a key of another type


def test_mode_and_owner_stay(client, server):
    client.put(server.authority, **OLD)
    client.key.chmod(0o640)
    subprocess.run(["chown", "0:1", client.key], check=True)
    client.chain.chmod(0o600)
    assert client("--new-key").returncode == OK
    assert (client.key.stat().st_mode & 0o777, client.key.stat().st_gid) == (0o640, 1)
    assert client.chain.stat().st_mode & 0o777 == 0o600


@rows("name", [(name,) for name in FOLDERS], script=[2, 3])
def test_hostile_names_of_files(client, server, name):
    folder = client.folder / name
    folder.mkdir()
    done = client("--key", f"{name}/{name}.key", "--out", f"{name}/{name}.pem", "--deploy", "true")
    assert done.returncode == OK, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{name}.key", f"{name}.pem"])
    assert done.json["chain"] == f"{name}/{name}.pem"
    (client.folder / "flat").mkdir()
    assert client(f"--key={name}.key", "--out", f"{name}.pem", cwd=client.folder / "flat").returncode == OK
    assert client.files() == sorted([name, "flat"])


# ---- The server's answers ----------------------------------------------------------------------------------------------

def test_a_server_that_has_the_old_chain_is_asked_for_a_new_one(client, server):
    key = client.put(server.authority, **OLD)
    old = client.chain.read_bytes()
    server.answers = [(200, {}, old), server.issue]
    done = client()
    assert done.returncode == OK, done.stderr
    assert [asked.headers.get("Cache-Control") for asked in server.asked] == [None, "no-cache"]
    assert client.fits() and client.chain.read_bytes() != old
    newer = server.authority.chain_for(key.public_key(), [NAME], **YOUNG)
    client.put(server.authority, key=key, **OLD)
    server.answers, server.asked[:] = [(200, {}, newer)], []
    assert client().returncode == OK
    assert len(server.asked) == 1, "a chain that was ready was enough"
    client.put(server.authority, key=key, **OLD)
    server.answers = [(200, {}, client.chain.read_bytes())]
    done = client()
    assert done.returncode == LATER and "old certificate again" in done.json["error"]


def test_it_waits_asks_at_the_place_and_keeps_retry_after(installed, tmp_path, server):
    still = problem(503, {"Retry-After": "2", "Location": "/v1/requests/abc"}, type="urn:countersign:error:still-running")
    other = Server()
    runs = []
    try:
        for kind, asked, first in (("countersign", server, still), ("dash", other, running("publish", retry_after="2"))):
            client = Renewer(start_of(installed, kind), tmp_path / kind, asked.url)
            client.put(asked.authority, **OLD)
            asked.answers = [first, asked.issue]
            runs.append((asked, client.begin()))
        start = time.monotonic()
        for asked, child in runs:
            assert child.wait(60) == OK, child.communicate()
            assert time.monotonic() - start > 1.9
            child.communicate()
            assert [question.path for question in asked.asked] == ["/v1/sign", "/v1/requests/abc"]
    finally:
        other.close()


@rows("answer, code, words", [
    ((400, {"Content-Type": "text/plain"}, b"Invalid subject"), REFUSED, "400: Invalid subject"),
    (problem(403, type="urn:countersign:error:foreign-name", title="A title", detail='It is "yours"\n\x1b[31m'), REFUSED,
     'A title: It is "yours"'),
    (problem(502, type="urn:countersign:error:ca-caa", title="CAA forbids it"), REFUSED, "CAA forbids it"),
    (problem(429, {"Retry-After": "7200"}, title="Not now"), LATER, "Not now"),
    (problem(503, {"Retry-After": "7"}, type="urn:countersign:error:busy", title="Busy"), LATER, "Busy"),
    ((502, {"Content-Type": "text/html"}, b"<html>\x1b]0;bad gateway"), LATER, "<html>"),
    ((307, {"Location": "/v1/sign"}, b""), FAILED, "redirects are not followed"),
    ((201, {}, b""), MISFIT, "201"), ((200, {}, b""), MISFIT, "no certificate"),
    ((200, {}, b"<html>hello</html>"), MISFIT, "text outside"), ((200, {}, b"\n" * (2 << 20)), MISFIT, "longer than"),
    ((202, {}, b"{}"), MISFIT, "does not say where"),
    ((202, {"Location": "//else.example/v1/requests/abc"}, b"{}"), MISFIT, "does not say where"),
    ((202, {"Location": "http://127.0.0.1:9/v1/requests/abc"}, b"{}"), MISFIT, "does not say where"),
    ((202, {"Location": "file:///etc/passwd"}, b"{}"), MISFIT, "does not say where")], script=[0, 1, 3, 5, 6, 8, 13])
def test_every_answer_has_its_code_and_leaves_the_old_files(client, server, answer, code, words):
    client.put(server.authority, **OLD)
    before = client.contents()
    server.answers = [answer]
    done = client()
    assert done.returncode == code, done.stderr
    assert words in done.json["error"] and words in done.stderr and "\x1b" not in done.stderr
    assert client.contents() == before
    assert code != LATER or done.json.get("retry_after") == (int(answer[1].get("Retry-After", 0)) or None)


def misfits(server):
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    authority = server.authority
    yield lambda _: server.issue(key=other)
    yield lambda _: server.issue(names=[NAME, "evil.example"])
    yield lambda _: server.issue(names=["evil.example"])
    yield lambda _: server.issue(days=-1)
    yield lambda _: server.issue(age_days=-1)
    yield lambda _: (200, {}, authority.chain(server.csr()).replace(authority.certificate, authority.root))
    yield lambda _: (200, {}, authority.chain(server.csr())[:-60])
    yield lambda _: (200, {}, authority.chain(server.csr()) + b"-----BEGIN PRIVATE KEY-----\n")


def test_a_chain_that_does_not_fit_is_not_written(client, server):
    client.put(server.authority, **OLD)
    before = client.contents()
    ways = list(misfits(server))
    for answer in ways if client.start[0] != "dash" else ways[:2] + ways[3:4] + ways[5:6] + ways[7:]:
        server.answers = [answer]
        done = client()
        assert done.returncode == MISFIT and "does not fit" in done.json["error"], done.stderr
        assert client.contents() == before


def test_nobody_there_and_nobody_who_answers(client, server):
    client.put(server.authority, **OLD)
    before = client.contents()
    if client.start[0] != "dash":  # curl's deadline is the program's as well
        server.answers = [lambda _: (time.sleep(2), (200, {}, b""))[1]]
        assert client("--timeout", "1").returncode == LATER
    client.url = "http://127.0.0.1:1"
    done = client()
    assert done.returncode == LATER and "127.0.0.1" in done.json["error"]
    assert client.contents() == before


def test_https_is_verified(client, server, tmp_path):
    make_server_pki(tmp_path / "pki")
    secure = Server(tmp_path / "pki")
    try:
        secure.answers = [secure.issue]
        client.url = secure.url
        done = client()
        assert done.returncode == FAILED and "--ca-file" in done.stderr and not secure.asked
        assert client("--ca-file", tmp_path / "pki/ca.pem").returncode == OK
    finally:
        secure.close()


@in_all
def test_what_is_asked_for_is_in_the_csr(client, server):
    done = client("--subject", f"/C=IT/O=M\xfcller, \"$(x)\" & S\xf6hne/CN={NAME}", "--san", "B.trial.example",
                  "--san=a.trial.example", "--label", "campaign=autumn fair *", "--label", "edition=$(free)", name=None)
    assert done.returncode == OK, done.stderr
    csr = server.csr()
    assert csr.subject.rfc4514_string() == f'CN={NAME},O=M\xfcller\\, \\"$(x)\\" & S\xf6hne,C=IT' and csr.is_signature_valid
    assert sorted(names_of(csr)) == ["a.trial.example", "b.trial.example", NAME]
    assert server.asked[0].headers.get_all("X-Countersign-Label") == ["campaign=autumn fair *", "edition=$(free)"]
    assert "respond-async" in server.asked[0].headers["Prefer"]
    assert client("--san", "a.trial.example", "--san", "b.trial.example").returncode == NOTHING_DUE


def test_a_wildcard_is_no_pattern(client, server):
    (client.folder / "a.trial.example").touch()
    assert client(name="*.trial.example").returncode == OK
    assert names_of(server.csr()) == ["*.trial.example"]


# ---- The command line --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, fault", [
    (["--renew-within", "soon"], "third"), (["--renew-within", "0"], "third"), (["--renew-within", "08x"], "third"),
    (["--splay", "x"], "--splay"), (["--splay", "8d"], "7d"), (["--deploy", ""], "--deploy"),
    (["--deploy-timeout", "0"], "86400"),
    (["--timeout", "1x"], "86400"), (["--out", "key.pem"], "different files"), (["--name", "a_b.example"], ""),
    (["--name", "$(id).example"], ""), (["--key-type", "dsa"], "p256"), (["--label", "x"], "NAME=VALUE"), (["more"], "more"),
    (["--label", "x=a\r\nEvil: y"], "control"), (["--server", "ftp://x"], "--server"), (["--nonsense"], ""), (["--key"], ""),
    (["--server", "http://192.0.2.1"], "--insecure-http"), (["--server", "https://user@x"], "--server"),
    (["--subject", f"/CN={NAME}"], "beside")])
def test_a_wrong_command_line_is_told_and_does_nothing(client, server, words, fault):
    done = client(*words, json_line=False)
    assert done.returncode == USAGE and fault in done.stderr, done.stderr
    assert client.files() == [] and not server.asked


def test_help_has_the_options_and_the_exit_codes_of_the_page(client, request):
    page = (request.config.rootpath / "docs/renew.md").read_text()
    done = client("--help", json_line=False)
    assert done.returncode == 0
    for code, word in re.findall(r"^\| (\d) \| `([\w-]+)` \|", page, re.M):
        assert re.search(rf"^  {code}  {word} ", done.stdout, re.M)
    for option in re.findall(r"^\| `(--[\w-]+)", page, re.M):
        assert option in done.stdout


def test_splay_waits_when_something_is_due_and_only_then(client, server):
    client.put(server.authority, **YOUNG)
    start = time.monotonic()
    assert client("--splay", "7d").returncode == NOTHING_DUE
    client.chain.unlink()
    assert client("--splay", "7d").returncode == OK  # the first certificate
    client.put(server.authority, age_days=90, days=-1)
    assert client("--splay", "7d").returncode == OK  # there is no time left
    assert time.monotonic() - start < 60
    client.put(server.authority, **OLD)
    child = client.begin("--splay", "7d")
    try:
        assert "waiting for" in child.stderr.readline()
    finally:
        child.terminate()
        child.communicate(timeout=30)
    assert client.files() == ["chain.pem", "key.pem"] and not server.asked[2:]

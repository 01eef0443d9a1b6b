"""Every class of bad CSR gets the answer that docs/csr.md has for it, from the real server; and good ones beside them pass."""
import hashlib
import json
import pathlib
import re
import signal

import pytest

import bad_csr_shapes
import bad_csrs
import client_pki
from bad_csrs import DER, SUBJECTS, ZONE, good
from client_pki import Ca, name_of
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from csr_parts import key, make, public
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLASSES = {**bad_csrs.CLASSES, **bad_csr_shapes.CLASSES}
GOOD = {**bad_csrs.GOOD, **bad_csr_shapes.GOOD}


def page():
    """The table "Every class" of docs/csr.md: class and answer."""
    text = (ROOT / "docs/csr.md").read_text().partition("## Every class")[2]
    return dict(re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| (\d+ `[a-z-]+`) \|$", text, re.M))


def post(server, made):
    body, headers = made if isinstance(made, tuple) else (made, DER)
    return server.ask("POST", "/v1/sign", body, {"Accept": "application/problem+json", **headers})


def said(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer
    problem = json.loads(answer.body)
    assert problem["status"] == answer.status and len(problem["detail"]) > 20, answer
    return f"{answer.status} `{problem['type'].removeprefix('urn:countersign:error:')}`"


def show(server, one):
    """The files of a listener's certificate of this key."""
    issued = Ca.sign(name_of("Listener"), one.public_key(), Ca("Listeners"))
    files = {"certificate": server.folder / "listener.pem", "key": server.folder / "listener.key"}
    files["certificate"].write_bytes(client_pki.pem(issued))
    files["key"].write_bytes(as_pem(one))
    return files


def as_pem(one):
    return one.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def spki_hash(one):
    return hashlib.sha256(public(one)).hexdigest()


@pytest.fixture
def server(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.blocked = lab.place("blocked")
    server.blocked.write_text(f"# leaked\n{spki_hash(key('p256', 'blocked'))}  -\n")
    server.config["blocked_keys"] = [server.blocked]
    server.config["listen"].append({"address": "127.0.0.1", "port": free_port(), **show(server, key("p256", "listener"))})
    server.start()
    server.add_zone(ZONE)
    for subject, names in SUBJECTS.items():
        server.add_subject(subject, ZONE, "--names", names)
    return server


def test_the_page_has_every_class():
    assert len(CLASSES) >= 60
    assert set(page()) == set(CLASSES)


def test_every_bad_csr_gets_its_documented_answer(server, say):
    seen = {name: said(post(server, made())) for name, made in CLASSES.items()}
    say(f"bad CSRs: {len(seen)} classes, {len(set(seen.values()))} different answers")
    assert {name: answer for name, answer in seen.items() if page().get(name) != answer} == {}
    assert not server.metric("countersign_orders_total")
    assert {name: answer.status for name, made in GOOD.items() if (answer := post(server, made())).status != 200} == {}


def test_the_list_of_blocked_keys_is_read_anew_on_sighup(server):
    one, other = (make(bad_csrs.ME, [bad_csrs.san(bad_csrs.NAME)], signer=key("p256", which)) for which in ("blocked", "other"))
    assert said(post(server, one)) == "400 `compromised-key`"
    server.blocked.write_text(spki_hash(key("p256", "other")))
    server.child.signal(signal.SIGHUP)
    server.child.wait_for_log("blocked keys read keys=1 files=1\n", 10)
    server.child.wait_until(lambda: post(server, other).status == 400, 10, "the key was refused")
    assert post(server, one).status == 200
    server.blocked.write_text("# nothing\nabc\n")
    server.child.signal(signal.SIGHUP)
    server.child.wait_for_log(f"cannot take the new configuration, the old one stays: {server.blocked}:2: ", 10)
    assert said(post(server, other)) == "400 `compromised-key`"
    checked = server.command("check", check=False)
    assert checked.returncode == 1 and f"{server.blocked}:2: a hash has 64" in checked.stderr, checked


def test_keys_of_the_server_get_no_certificate_until_it_has_others(server):
    def answers():
        return {name: post(server, good(signer=one)).status for name, one in keys.items()}
    keys = {name: key("p256", name) for name in ("listener", "listener-2", "account", "account-2")}
    files = {name: server.folder / f"state/{name}.key" for name in ("account", "account-2")}
    for name, path in files.items():
        path.write_bytes(as_pem(keys[name]))
        path.chmod(0o600)
    server.config["ca"]["far"] = {"plugin": "ca-acme", "directory": "https://127.0.0.1:1/", "terms_agreed": True,
                                  "account_key": files["account"]}
    server.add_subject(f"CN={bad_csrs.NAME}", ZONE, "--names", bad_csrs.NAME, "--ca", "local")
    keys["ca"] = load_pem_private_key((server.folder / "state/ca.local/ca.key").read_bytes(), None)
    hang_up(server)
    assert answers() == {"listener": 400, "listener-2": 200, "account": 400, "account-2": 200, "ca": 400}
    assert said(post(server, good(signer=keys["ca"]))) == "400 `own-key`"
    server.config["ca"]["far"]["account_key"] = files["account-2"]
    show(server, keys["listener-2"])
    hang_up(server)
    assert answers() == {"listener": 200, "listener-2": 400, "account": 200, "account-2": 400, "ca": 400}


def hang_up(server):
    """SIGHUP with another configuration, and wait until it is taken."""
    done = "the configuration was read anew"
    before = server.log().count(done)
    server.write_config()
    server.child.signal(signal.SIGHUP)
    server.child.wait_until(lambda: server.log().count(done) > before, 10, done)


def test_a_zone_takes_the_types_of_key_that_its_row_has(server):
    assert post(server, good()).status == 200
    server.command("zone", "add", ZONE, "--dns", "builtin", "--keys", "rsa2048 p384")
    answer = post(server, good())
    assert said(answer) == "400 `key-type`" and "rsa2048 p384" in json.loads(answer.body)["detail"]
    assert [post(server, GOOD[name]()).status for name in ("p384", "rsa2048")] == [200, 200]
    assert server.sql("SELECT count(*) FROM job") == [(3,)]

"""POST /v1/sign from a client's side: every shape of a good request gets its chain, every bad one its own answer."""
import base64
import json
import subprocess

import pytest

from chain import check_chain, names_of
from scene import NAME, ZONE


def curl(server, *words):
    """As a client types it: (status, body)."""
    done = subprocess.run(["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", *words, server.url()],
                          capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


def problem(answer, status, reason):
    """It is that problem document, and its sentence is one a person can use."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json", answer
    document = json.loads(answer.body)
    assert document["status"] == status
    assert document["type"].endswith(reason), document
    assert document["title"] and len(document["detail"]) > 10
    return document


@pytest.mark.parametrize("flag", ["-d", "--data-binary"])
def test_both_ways_to_post_with_curl_get_a_chain(world, flag):
    csr = world.csr()
    status, body = curl(world.server, flag, f"@{csr}")
    assert status == 200
    assert body.count(b"BEGIN CERTIFICATE") == 2
    path = csr.with_suffix(".pem")
    path.write_bytes(body + b"\n" if not body.endswith(b"\n") else body)
    world.pebble.verify(path)
    assert names_of(body) == [NAME]


def crlf(pem):
    return pem.replace(b"\n", b"\r\n")


def one_line(pem):
    return pem.replace(b"\n", b"")


def text_around(pem):
    return b"Here is my request:\n\n" + pem + b"\nThank you.\n"


def new_label(pem):
    return pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")


@pytest.mark.parametrize("shape", [crlf, one_line, text_around, new_label])
def test_every_shape_of_pem_that_clients_send_is_taken(world, shape):
    csr = world.csr()
    check_chain(world.server.sign(shape(csr.read_bytes())), csr, world.pebble)


def to_der(csr):
    return subprocess.run(["openssl", "req", "-in", csr, "-outform", "DER"], capture_output=True, check=True).stdout


def test_der_is_taken_with_its_content_type(world):
    csr = world.csr()
    check_chain(world.server.sign(to_der(csr), {"Content-Type": "application/pkcs10"}), csr, world.pebble)


@pytest.mark.parametrize("key_type", ["p384", "rsa2048", "rsa4096"])
def test_every_key_type_on_the_list_is_signed(world, key_type):
    csr = world.csr(key_type=key_type)
    check_chain(world.server.sign(csr), csr, world.pebble)


def test_a_trailing_slash_and_an_absolute_target_find_the_same_call(world):
    csr = world.csr()
    answer = world.server.ask("POST", "/v1/sign/", csr.read_bytes())
    if answer.status == 307:
        assert answer.headers["location"].endswith("/v1/sign")
        answer = world.server.sign(csr)
    check_chain(answer, csr)
    check_chain(world.server.ask("POST", world.server.url(), csr.read_bytes()), csr)


def test_the_same_request_again_is_answered_from_the_store(quiet_world):
    world = quiet_world
    csr = world.csr()
    first = check_chain(world.server.sign(csr), csr)
    assert check_chain(world.server.sign(csr), csr) == first
    assert world.pebble.requests("order-plz") == 1


def test_a_wrong_subject_is_answered_exactly_as_old_clients_know_it(world):
    answer = world.server.sign(world.csr(subject="/CN=other.trial.example"))
    assert (answer.status, answer.body) == (400, b"Invalid subject")
    assert world.pebble.requests("order-plz") == 0


def test_a_wrong_subject_is_a_problem_document_for_who_accepts_one(world):
    answer = world.server.sign(world.csr(subject="/CN=other.trial.example"), {"Accept": "application/problem+json"})
    problem(answer, 400, "unknown-subject")


def test_a_broken_signature_is_refused(world):
    der = bytearray(to_der(world.csr()))
    der[-1] ^= 1
    answer = world.server.sign(bytes(der), {"Content-Type": "application/pkcs10"})
    problem(answer, 400, "bad-signature")


def test_a_key_of_512_bits_is_refused(world):
    problem(world.server.sign(world.csr(key_type="rsa512")), 400, "weak-key")


def test_a_curve_that_no_ca_takes_is_refused(world):
    problem(world.server.sign(world.csr(key_type="p521")), 400, "key-type")


def test_a_name_of_the_zone_that_the_row_does_not_list_is_refused(world):
    document = problem(world.server.sign(world.csr(names=[NAME, f"login.{ZONE}"])), 403, "name-not-allowed")
    assert f"login.{ZONE}" in document["detail"]
    assert world.pebble.requests("order-plz") == 0


def test_a_foreign_name_is_refused(world):
    problem(world.server.sign(world.csr(names=[NAME, "www.elsewhere.example"])), 403, "foreign-name")
    assert world.pebble.requests("order-plz") == 0


def test_a_wildcard_needs_to_be_listed(world):
    problem(world.server.sign(world.csr(names=[NAME, f"*.{ZONE}"])), 403, "name-not-allowed")
    world.server.add_subject("O=Wild", ZONE, "--names", f"*.{ZONE} {ZONE}")
    csr = world.csr(subject="/O=Wild", names=[f"*.{ZONE}", ZONE])
    answer = world.server.sign(csr)
    assert names_of(check_chain(answer, csr, world.pebble)) == [f"*.{ZONE}", ZONE]


def test_garbage_in_der_is_refused(world):
    problem(world.server.sign(b"\x30\x82\x01\x00" + b"\xff" * 200, {"Content-Type": "application/pkcs10"}), 400, "bad-der")


def test_garbage_in_pem_is_refused(world):
    body = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.b64encode(b"\x30\x03\x02\x01\x05") + \
        b"\n-----END CERTIFICATE REQUEST-----\n"
    problem(world.server.sign(body), 400, "bad-der")


def test_a_body_without_a_csr_is_refused(world):
    problem(world.server.sign(b"hello"), 400, "no-csr")
    problem(world.server.sign(b""), 400, "no-csr")


def test_two_csrs_at_once_are_refused(world):
    pem = world.csr().read_bytes()
    problem(world.server.sign(pem + pem), 400, "several-csrs")


def test_a_body_of_a_mebibyte_is_refused(world):
    status, body = curl(world.server, "-H", "Expect:", "--data-binary", f"@{big_file(world)}")
    assert status == 413
    assert b"16" in body  # says what the limit is


def big_file(world):
    path = world.lab.place("big")
    path.write_bytes(b"A" * (1 << 20))
    return path


def test_a_csr_without_san_is_answered_with_the_command_that_makes_a_good_one(world):
    document = problem(world.server.sign(world.csr(names=[])), 400, "cn-only")
    assert f"-addext subjectAltName=DNS:{NAME}" in document["detail"]


def test_a_csr_without_san_is_taken_where_the_ca_says_so(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local", "cn_only": True}
    server.start()
    server.add_zone(ZONE)
    server.add_subject(f"CN={NAME}", ZONE)
    csr = lab.csr(names=[])
    assert names_of(check_chain(server.sign(csr), csr)) == [NAME]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_another_method_is_told_which_one_works(world, method):
    answer = world.server.ask(method, "/v1/sign")
    assert answer.status == 405
    assert "POST" in answer.headers["allow"]
    assert (answer.body == b"") == (method == "HEAD")


def test_another_path_is_not_found(world):
    assert world.server.ask("GET", "/").status == 404
    assert world.server.ask("GET", "/v1/requests/aaaaaaaaaaaaaaaaaaaaaaaaaa").status == 404


def test_labels_are_taken_from_the_query_and_from_headers(world):
    csr = world.csr()
    answer = world.server.sign(csr, {"X-Countersign-Label": "edition=free"}, query="?label.campaign=autumn")
    check_chain(answer, csr, world.pebble)


def test_the_server_is_well_after_all_that_is_wrong(world):
    """A flood of bad posts, and then a good one."""
    bad = [b"", b"\x00" * 100, b"-----BEGIN CERTIFICATE REQUEST-----", b"\x30\x80\x00\x00", b"A" * 16384]
    for body in bad * 20:
        assert 400 <= world.server.sign(body).status < 500
    csr = world.csr()
    check_chain(world.server.sign(csr), csr, world.pebble)

"""Every class of bad HTTP request gets the answer that docs/http.md has for it: directly, pipelined, behind nginx and HAProxy.

One request in, one answer out: behind each stands a request of ours, which must be answered as itself or, on a connection that
was closed, not at all; what somebody would smuggle (INNER) is never answered, and the proxy's next client gets its own answer.
"""
import collections
import json
import pathlib
import re
import socket

import pytest

from bad_requests import SHAPES
from proxy import Proxy, nginx_user
from test_proxies import HAPROXY, NGINX

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BEFORE, BEFORE_SAYS = b"GET /nothing HTTP/1.1\r\nHost: sign.example\r\n\r\n", "404 `not-found`"
BEHIND, BEHIND_SAYS = b"DELETE /v1/sign HTTP/1.1\r\nHost: sign.example\r\nConnection: close\r\n\r\n", "405 `method-not-allowed`"
PATIENCE_S = 1.5

Answer = collections.namedtuple("Answer", "says ours closes")


def page():
    """The table of docs/http.md: class, answer, status behind nginx and behind HAProxy."""
    row = r"^\| `([a-z0-9.-]+)` \| .+ \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$"
    rows = re.findall(row, (ROOT / "docs/http.md").read_text(), re.M)
    return {name: (direct, behind_nginx, behind_haproxy) for name, direct, behind_nginx, behind_haproxy in rows}


# ---- Answers ----

def take(data):
    """The first answer and the rest; None when it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = int(lines[0].split()[1])
    length = 0 if status < 200 or status == 204 else int(fields["content-length"])
    if len(rest) < length:
        return None
    ours = "x-content-type-options" in fields
    problem = ours and fields.get("content-type") == "application/problem+json"
    slug = f" `{json.loads(rest[:length])['type'].rpartition(':')[2]}`" if problem else ""
    return Answer(f"{status}{slug}", ours, fields.get("connection") == "close"), rest[length:]


def converse(port, sent):
    """What is answered to these bytes until the connection is closed; or until nothing comes any more: then True."""
    data, answers = b"", []
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(sent)
        try:
            while more := client.recv(65536):
                data += more
            silent = False
        except (ConnectionResetError, TimeoutError) as end:
            silent = isinstance(end, TimeoutError)
    while taken := take(data):
        answers += [taken[0]] if not taken[0].says.startswith("1") else []
        data = taken[1]
    if data and not answers:
        answers.append(Answer("bare", data.startswith(b'{"type":"urn:countersign:'), True))  # as HTTP/0.9 had it
    return answers, silent


def answered(server):
    """How many answers the server has given, and how many of them to INNER."""
    text = server.ask("GET", "/metrics", port=server.admin_port).body.decode()
    rows = re.findall(r'^countersign_http_answers_total\{listener="public",route="([a-z]+)",status="\d+"\} (\d+)$', text, re.M)
    return sum(int(n) for _, n in rows), sum(int(n) for route, n in rows if route == "request")


# ---- Directly ----

def direct(port, name):
    """As the page has it; the same alone, in front of another request and behind one."""
    answers, silent = converse(port, SHAPES[name] + BEHIND)
    first, *more = answers
    assert not silent and [answer.says for answer in more] == ([] if first.closes else [BEHIND_SAYS]), (name, answers)
    assert converse(port, BEFORE + SHAPES[name] + BEHIND) == ([Answer(BEFORE_SAYS, True, False), *answers], False), name
    return first.says + (", closed" if first.closes else "")


# ---- Behind proxies ----

def behind_proxy(server, proxy, name):
    """The status that the client sees; "-" when the proxy closes without a word, or waits."""
    before = answered(server)
    answers, _ = converse(proxy.port, SHAPES[name] + BEHIND)
    after = answered(server)
    assert after[1] == before[1], f"{name}: what was smuggled was answered"
    ours = sum(answer.ours for answer in answers)
    assert ours <= after[0] - before[0] <= 2 and len(answers) <= 2, (name, before, after, answers)
    assert [answer.says for answer in answers[1:] if answer.ours] in ([], [BEHIND_SAYS]), (name, answers)
    for _ in range(2):  # whatever was left on the proxy's connection to the server would be answered to this one
        assert [answer.says for answer in converse(proxy.port, BEHIND)[0]] == [BEHIND_SAYS], name
    if not answers:
        return "-"
    return answers[0].says.split()[0]


@pytest.fixture
def server(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    return server.start()


@pytest.fixture
def proxies(lab, server):
    """Both keep one connection to the server open, and send everybody's requests over it."""
    kept = f"upstream one {{ server 127.0.0.1:{server.port}; keepalive 1; }}\n    server {{"
    header = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    both = [
        Proxy(lab, "nginx", ["nginx", "-c"], NGINX.replace("server {", kept).replace("TARGET", "http://one")
              .replace("HEADER", header).replace("USER", nginx_user())),
        Proxy(lab, "haproxy", ["haproxy", "-db", "-f"], HAPROXY.replace("MODE", "http").replace("TARGET", str(server.port))
              .replace("SEND", "").replace("OPTION", "").replace("defaults", "defaults\n    http-reuse always")),
    ]
    yield both
    for proxy in both:
        proxy.stop()


def test_the_page_has_every_class():
    assert len(SHAPES) >= 40
    assert set(page()) == set(SHAPES)


def test_every_bad_request_gets_its_documented_answer(server, say):
    seen = {name: direct(server.port, name) for name in SHAPES}
    say(f"bad requests: {len(seen)} classes, {len(set(seen.values()))} different answers")
    assert {name: answer for name, answer in seen.items() if page()[name][0] != answer} == {}
    assert answered(server)[1] == 0


def test_behind_proxies_one_request_gets_one_answer(server, proxies):
    seen = {name: tuple(behind_proxy(server, proxy, name) for proxy in proxies) for name in SHAPES}
    assert {name: answers for name, answers in seen.items() if page()[name][1:] != answers} == {}

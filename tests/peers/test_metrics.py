"""/metrics as Prometheus' own tool reads it, and as docs/metrics.md tells it."""
import json
import pathlib
import re
import subprocess

import pytest

from chain import check_chain
from scene import NAME, ZONE, World

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/metrics.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ((?:`[a-z]+`(?:, )?)*) ?\|", re.M)
SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$')
SECRET_LABEL, WRONG_SUBJECT = "campaign-of-a-lifetime", "CN=who.is.this.example"


def documented():
    """Type and labels of each metric, as the page has them."""
    return {name: (kind, set(re.findall(r"`([a-z]+)`", labels))) for name, kind, labels in ROW.findall(PAGE.read_text())}


def shown(text):
    """The same as the server tells it: every label that a line has."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    found = {name: (kind, set()) for name, kind in kinds.items()}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        assert match, line
        name = match[1]
        if name not in found:
            name = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in found, f"a value without a TYPE: {line}"
        found[name][1].update(set(re.findall(r'([a-z]+)="', match[2] or "")) - {"le"})
    return found


def check_metrics(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)


@pytest.fixture
def text(lab):
    """What there is to be told after a little of everything."""
    world = World(lab)
    server = world.server
    server.config["audit"]["people"] = {"plugin": "audit-jsonl", "file": server.folder / "state/visits.jsonl",
                                        "ledger": "visits"}
    world.start()
    check_chain(server.sign(csr := world.csr(), query=f"?label.campaign={SECRET_LABEL}"), csr, world.pebble)
    assert server.sign(lab.csr(WRONG_SUBJECT.removeprefix("CN="))).status == 400
    assert server.sign(b"no CSR").status == 400
    answer = server.ask("GET", "/metrics", port=server.admin_port)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def test_promtool_has_nothing_to_say_and_the_page_tells_it_all(text):
    done = check_metrics(text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page, now = documented(), shown(text)
    assert len(page) > 30
    assert set(now) == set(page), "docs/metrics.md and /metrics differ"
    for name, (kind, labels) in now.items():
        assert kind == page[name][0], name
        assert labels <= page[name][1], name
    values = dict(SAMPLE.match(line).group(1, 3) for line in text.splitlines()
                  if not line.startswith("#") and "{" not in line)
    assert float(values["process_resident_memory_bytes"]) > 1 << 20
    for line in ('countersign_requests_total{outcome="issued"} 1', 'countersign_requests_total{outcome="unknown-subject"} 1',
                 'countersign_requests_total{outcome="no-csr"} 1', 'countersign_certificates_issued_total{ca="pebble"} 1',
                 'countersign_order_seconds_count{ca="pebble",result="issued"} 1',
                 'countersign_dns_visible_seconds_count{dns="builtin",result="visible"} 1',
                 'countersign_store_failing{records="state"} 0', 'countersign_audit_events_lost_total 0',
                 'countersign_visits_sink_lost_total{sink="people"} 0'):
        assert line in text.splitlines()
    assert re.search(r'^countersign_dns_queries_total\{dns="builtin",type="TXT",rcode="NOERROR"\} [1-9]', text, re.M)
    assert re.search(r'^countersign_order_step_seconds_count\{ca="pebble",step="new-order"\} 1$', text, re.M)
    assert re.search(r'^countersign_plugin_info\{role="audit",instance="people",plugin="audit-jsonl",version="[0-9.]+"\} 1$',
                     text, re.M)
    for secret in (SECRET_LABEL, "campaign", "who.is.this", ZONE, NAME, "127.0.0.1"):
        assert secret not in text


def test_promtool_would_say_so():
    done = check_metrics("# TYPE x_seconds counter\nx_seconds 1\n")
    assert done.returncode != 0 and "_total" in done.stderr


def test_the_alerts_of_the_page_are_sound(tmp_path):
    rules = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)[1]
    (tmp_path / "rules.yml").write_text(rules)
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    named = set(re.findall(r"\b((?:countersign|process)_[a-z_]+)", rules))
    assert named <= {name + suffix for name in documented() for suffix in ("", "_bucket", "_sum", "_count")}


def test_input_makes_no_new_series(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.start()

    def series():
        text = server.ask("GET", "/metrics", port=server.admin_port).body.decode()
        return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    def ask_oddly(n):
        server.ask("GET", f"/x{n}", headers={"User-Agent": f"agent-{n}", "X-Countersign-Label": f"l{n}=v{n}"})
        server.ask("POST", f"/v1/sign?label.n{n}=v{n}", json.dumps({"n": n}), {"Content-Type": f"text/x{n}"})
        server.ask("PUT", f"/v1/sign?{n}")
        server.ask("GET", f"/v1/requests/{n:026}")

    ask_oddly(0)
    series()  # asking counts, too
    before = series()
    for n in range(1, 30):
        ask_oddly(n)
    assert series() == before

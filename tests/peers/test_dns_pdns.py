"""dns-pdns with a real PowerDNS: what others have there survives, a second writer's overwriting is repaired, errors say why."""
import ssl
import statistics
import time

import pytest

import pki
from between import Between
from ports import free_port
from powerdns import PowerDns
from scene import ZONE
from steps import Steps
from waiting import until

OWNER = f"_acme-challenge.www.{ZONE}."
VALUE = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
RECORD = {"content": f'"{VALUE}"', "disabled": False}
THEIRS = [{"content": '"one" "two\\\\ \\"three\\" \\195\\169"', "disabled": False}, {"content": '"parked"', "disabled": True}]
NOTE = {"account": "they", "content": "hands off, please", "modified_at": 1700000000}


@pytest.fixture
def pdns(lab):
    return lab.name_server(PowerDns)


@pytest.fixture
def between(pdns):
    between = Between(pdns.api_port)
    yield between
    between.stop()


def steps(lab, pdns, zone=ZONE, **more):
    return Steps(lab.server().use_dns("pdns", pdns, **more), "pdns", zone)


def rrset(pdns, owner=OWNER):
    """The whole set, disabled records too, which this version shows with the whole zone only."""
    status, zone = pdns.call("GET", f"/zones/{pdns.zone_of(owner)}.")
    assert status == 200
    return next((found for found in zone["rrsets"] if found["name"] == owner and found["type"] == "TXT"), None)


def patch(pdns, records, comments=None, owner=OWNER, ttl=300):
    change = {"name": owner, "type": "TXT", "ttl": ttl, "changetype": "REPLACE", "records": records}
    if comments is not None:
        change["comments"] = comments
    status, reply = pdns.call("PATCH", f"/zones/{pdns.zone_of(owner)}.", {"rrsets": [change]})
    assert status == 204, reply


def fails(lab, pdns, code, *words, **more):
    server = lab.server().use_dns("pdns", pdns, **more)
    with Steps(server, "pdns", ZONE) as driver:
        driver.send(OWNER, [VALUE])
        answer = driver.answer()
        log = driver.log()
    assert not answer["ok"] and answer["code"] == code, answer
    for word in (*words, f"zone {ZONE}", more.get("api", pdns.api_url)):
        assert word in answer["text"], answer["text"]
    assert pdns.api_key not in answer["text"] + log
    return answer


def test_what_others_have_there_survives_byte_for_byte(lab, pdns):
    patch(pdns, THEIRS, [NOTE])
    before = rrset(pdns)
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [VALUE])
        during = rrset(pdns)
        assert VALUE in pdns.txt(OWNER)
        driver.set(OWNER, [], [VALUE])
    assert sorted(record["content"] for record in during["records"]) == sorted(r["content"] for r in [*THEIRS, RECORD])
    assert during["comments"] == [NOTE] and during["ttl"] == 300
    assert rrset(pdns) == before


def test_comments_of_a_set_that_becomes_empty_survive(lab, pdns):
    patch(pdns, [RECORD], [NOTE])
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [], [VALUE])
    assert rrset(pdns)["comments"] == [NOTE] and rrset(pdns)["records"] == []


def test_an_empty_set_is_gone(lab, pdns):
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [VALUE, "second"])
        driver.set(OWNER, ["second"], [VALUE])
        assert pdns.txt(OWNER) == {"second"}
        driver.set(OWNER, [], ["second"])
    assert rrset(pdns) is None


def test_values_of_any_kind_arrive_as_they_are(lab, pdns):
    values = ['with "quotes" and \\backslash', "v" * 255, "w" * 256, "x" * 700, "; a comment?", "\u00e9", " blank "]
    with steps(lab, pdns) as driver:
        driver.set(OWNER, values)
        reply = pdns.ask(OWNER)
        served = {b"".join(record.strings).decode() for record in reply.answer[0]}
        assert served == set(values)
        driver.set(OWNER, [], values)
    assert pdns.txt(OWNER) == set()


def test_a_value_that_was_overwritten_before_we_looked_again_is_repaired(lab, pdns, between):
    between.after = between.on_path(lambda: pdns.replace(OWNER, ["theirs"]), "PATCH", times=2)
    with steps(lab, pdns, api=between.url) as driver:
        driver.set(OWNER, [VALUE])
        assert pdns.txt(OWNER) == {VALUE, "theirs"}
        assert "another program overwrote our change" in driver.log()


def test_a_value_that_was_overwritten_after_the_end_is_put_back_and_one_that_came_back_is_taken_away(lab, pdns):
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [VALUE])
        pdns.replace(OWNER, ["theirs"])  # they had read the set before
        until(lambda: pdns.txt(OWNER) == {VALUE, "theirs"})
        driver.set(OWNER, [], [VALUE])
        pdns.replace(OWNER, ["theirs", VALUE])
        until(lambda: pdns.txt(OWNER) == {"theirs"})


def test_the_window_of_this_version_is_between_our_reading_and_our_writing(lab, pdns, between):
    """What docs/dns-pdns.md says of 4.7.3: a foreign value committed in it is lost, before and after it survives."""
    with steps(lab, pdns, api=between.url, keep_disabled=False) as driver:
        driver.set(OWNER, [VALUE])
        between.before = between.on_path(lambda: pdns.replace(OWNER, [VALUE, "before"]), "GET", "rrset_name")
        driver.set(OWNER, [VALUE, "second"])
        assert pdns.txt(OWNER) == {VALUE, "second", "before"}
        between.after = between.on_path(lambda: pdns.replace(OWNER, [VALUE, "second", "before", "after"]), "PATCH")
        driver.set(OWNER, [VALUE], ["second"])
        assert pdns.txt(OWNER) == {VALUE, "before", "after"}
        between.before = between.on_path(lambda: pdns.replace(OWNER, [VALUE, "within"]), "PATCH")
        driver.set(OWNER, [VALUE, "second"])
        assert pdns.txt(OWNER) == {VALUE, "second", "before", "after"}


def test_of_a_zone_with_ten_thousand_records_one_set_is_read(lab):
    pdns = lab.name_server(PowerDns, filler=10000)
    pdns._tool("set-meta", ZONE, "API-RECTIFY", "0")  # else each PATCH walks through the whole zone
    between = Between(pdns.api_port)
    try:
        with steps(lab, pdns, api=between.url, recheck=0) as driver:
            driver.set(OWNER, ["first"])
            between.seen.clear()
            took_ms = [driver.set(f"_acme-challenge.h{i}.{ZONE}.", [VALUE]) for i in range(20)]
    finally:
        between.stop()
    assert not [path for _, path, _ in between.seen if "/zones/" in path and "rrset_name" not in path and "?" in path]
    assert max(size for _, _, size in between.seen) < 2000, between.seen
    whole_ms = []
    for _ in range(5):
        start = time.monotonic()
        assert len(pdns.call("GET", f"/zones/{ZONE}.")[1]["rrsets"]) > 10000
        whole_ms.append((time.monotonic() - start) * 1000)
    assert statistics.median(took_ms) < statistics.median(whole_ms), (took_ms, whole_ms)


def test_the_zone_is_found_below_and_above_the_one_of_the_zone_table(lab):
    deep = f"www.{ZONE}"
    pdns = lab.name_server(PowerDns, zones=[ZONE, deep])
    with steps(lab, pdns, zone=f"sub.{ZONE}") as driver:
        driver.set(f"_acme-challenge.a.sub.{ZONE}.", [VALUE])
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [VALUE])
        driver.set(f"_acme-challenge.{ZONE}.", [VALUE])
    for owner, zone in ((f"_acme-challenge.a.sub.{ZONE}.", ZONE), (OWNER, deep), (f"_acme-challenge.{ZONE}.", ZONE)):
        names = [found["name"] for found in pdns.call("GET", f"/zones/{zone}.")[1]["rrsets"]]
        assert owner in names


def test_a_zone_that_was_made_anew_while_we_remember_it_is_found_again(lab, pdns):
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [VALUE])
        assert pdns.call("DELETE", f"/zones/{ZONE}.")[0] == 204
        driver.send(OWNER, [VALUE, "more"])
        answer = driver.answer()
        assert answer["code"] == "CS_ECONFIG" and "has no zone for" in answer["text"]
        status, reply = pdns.call("POST", "/zones", {"name": f"{ZONE}.", "kind": "Native", "nameservers": [f"ns1.{ZONE}."]})
        assert status == 201, reply
    with steps(lab, pdns) as driver:
        driver.set(OWNER, [VALUE])
    assert pdns.txt(OWNER) == {VALUE}


def test_a_secondary_zone_is_refused(lab, pdns):
    assert pdns.call("PUT", f"/zones/{ZONE}.", {"kind": "Slave", "masters": ["127.0.0.1"]})[0] == 204
    fails(lab, pdns, "CS_ECONFIG", "is a secondary for", "set `api` to the primary")


def test_each_thing_that_is_wrong_is_named(lab, pdns):
    fails(lab, pdns, "CS_ECONFIG", "`key` must be its api-key", key="another")
    fails(lab, pdns, "CS_ECONFIG", "`server` must be its server id", server="elsewhere")
    fails(lab, pdns, "CS_ECONFIG", "`api` lead to its webserver", api=pdns.api_url + "/elsewhere")
    fails(lab, pdns, "CS_EUPSTREAM", "does it speak https there?", api=pdns.api_url.replace("http:", "https:"))
    fails(lab, pdns, "CS_EUPSTREAM", "cannot connect", api=f"http://127.0.0.1:{free_port()}")
    pdns.call("DELETE", f"/zones/{ZONE}.")
    fails(lab, pdns, "CS_ECONFIG", "has no zone for", "make one there")


def test_a_server_that_does_not_let_us_in_says_nothing_and_the_error_what_it_may_be(lab):
    pdns = lab.name_server(PowerDns, extra="webserver-allow-from=192.0.2.1", start=False)
    pdns.serves = lambda: super(PowerDns, pdns).serves()
    pdns.start()
    fails(lab, pdns, "CS_EUPSTREAM", "its webserver-allow-from must name this host")


def test_a_server_without_its_api_is_named_as_such(lab):
    pdns = lab.name_server(PowerDns, extra="api=no", start=False)
    pdns.serves = lambda: super(PowerDns, pdns).serves()
    pdns.start()
    fails(lab, pdns, "CS_ECONFIG", "it must run with api=yes")


def test_a_server_that_hangs_stops_or_starts_again_is_waited_for_no_longer_than_the_time_out(lab, pdns):
    with steps(lab, pdns, timeout=1, recheck=0) as driver:
        driver.set(OWNER, [VALUE])
        pdns.freeze()
        driver.send(OWNER, ["second"])
        answer = driver.answer()
        assert answer["code"] == "CS_ETIMEDOUT", answer
        assert 900 < answer["ms"] < 5000
        pdns.thaw()
        pdns.restart()
        driver.set(OWNER, ["second"], [VALUE])
        assert pdns.txt(OWNER) == {"second"}


def test_https_needs_a_certificate_that_we_trust(lab, pdns):
    folder = lab.place("tls")
    pki.make_server_pki(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    between = Between(pdns.api_port, context)
    try:
        server = lab.server().use_dns("pdns", pdns, api=between.url)
        with Steps(server, "pdns", ZONE) as driver:
            driver.send(OWNER, [VALUE])
            answer = driver.answer()
            assert not answer["ok"] and "certificate" in answer["text"] and between.url in answer["text"], answer
        with steps(lab, pdns, api=between.url, ca_file=folder / "ca.pem") as driver:
            driver.set(OWNER, [VALUE])
    finally:
        between.stop()
    assert pdns.txt(OWNER) == {VALUE}


def test_check_refuses_what_cannot_work_and_never_shows_the_key(lab, pdns):
    server = lab.server().use_dns("pdns", pdns)
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    done = server.command("check")
    assert pdns.api_key not in done.stdout + done.stderr
    for setting, value, words in (("api", "http://192.0.2.1:8081", "insecure"), ("api", pdns.api_url + "/?x", "api:"),
                                  ("key", "", "key:"), ("key", "sec\nret", "key:"), ("server", "a/b", "server:"),
                                  ("ca_file", "/nonexistent", "ca_file"), ("zone_cache", 0, "zone_cache")):
        server.use_dns("pdns", pdns, **{setting: value})
        done = server.command("check", check=False)
        assert done.returncode == 1 and words in done.stdout + done.stderr, (setting, done.stdout + done.stderr)
        assert pdns.api_key not in done.stdout + done.stderr

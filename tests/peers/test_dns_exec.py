"""dns-exec and its hooks, with a real BIND behind them."""
import os
import subprocess

import pytest

from bind import Bind

ZONE = "trial.example"
OWNER = f"_acme-challenge.www.{ZONE}."
VALUE = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
OTHER = "gfj9Xq0Rg85nM0cbZ4mQy6gTXyQ0xI6Gd8pNkLrwfaA"

LEGO_PROGRAM = """#!/bin/sh
case $1 in
present) change="add $2 10 TXT \\"$3\\"" ;;
cleanup) change="del $2 TXT \\"$3\\"" ;;
*) exit 1 ;;
esac
printf '%s\\n' "server $NSUPDATE_SERVER" "$change" send | nsupdate -k "$NSUPDATE_KEYFILE"
"""
CERTBOT_HOOK = """#!/bin/sh
printf '%%s\\n' "server $NSUPDATE_SERVER" "%s _acme-challenge.$CERTBOT_DOMAIN. 10 TXT \\"$CERTBOT_VALIDATION\\"" send |
    nsupdate -k "$NSUPDATE_KEYFILE"
"""
# Debian 12 has no acme.sh: this one does what the hook relies on, and no more.
ACME_SH = """#!/bin/sh
_initpath() { ready=yes; }
main() { [ -z "$1" ] && echo "a help text" && return; "$@"; }
main "$@"
"""
ACME_SH_API = """#!/bin/sh
_change() { printf '%s\\n' "server $NSUPDATE_SERVER" "$1" send | nsupdate -k "$NSUPDATE_KEYFILE"; }
dns_lab_add() { [ "$ready" = yes ] && _change "add $1. 10 TXT \\"$2\\"" || { echo "the API failed"; return 1; }; }
dns_lab_rm() { _change "del $1. TXT \\"$2\\""; }
"""


@pytest.fixture
def bind(lab):
    return lab.name_server(Bind)


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def hook_words(name, place):
    if name == "lego":
        return [write_program(place / "program", LEGO_PROGRAM)]
    if name == "certbot":
        return [write_program(place / verb, CERTBOT_HOOK % verb) for verb in ("add", "del")]
    if name == "acme.sh":
        write_program(place / "acme.sh", ACME_SH)
        write_program(place / "dnsapi/dns_lab.sh", ACME_SH_API)
        return ["dns_lab"]
    return []


@pytest.mark.parametrize("name", ["nsupdate", "lego", "certbot", "acme.sh"])
def test_each_hook_adds_and_removes_single_values_and_may_be_repeated(lab, bind, name):
    place = lab.place("hook")
    words = hook_words(name, place)
    place.mkdir(exist_ok=True)
    hook = lab.installed.prefix / "share/countersign/hooks" / name
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(place), "ACME_SH": str(place / "acme.sh"),
                   "NSUPDATE_SERVER": f"127.0.0.1 {bind.port}", "NSUPDATE_KEYFILE": str(bind.key_file)}

    def call(verb, value, code=0):
        done = subprocess.run([hook, *words, verb, OWNER, value, f"{ZONE}."], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == code, done.stderr
        return done

    bind.update(OWNER, add=["foreign"])
    for value in (VALUE, OTHER, VALUE):
        call("add", value)
    assert bind.txt(OWNER) == {VALUE, OTHER, "foreign"}
    for value in (VALUE, VALUE):
        call("remove", value)
    assert bind.txt(OWNER) == {OTHER, "foreign"}
    assert "usage" in call("set", VALUE, code=64).stderr
    bind.stop()
    environment["NSUPDATE_SERVER"] = "127.0.0.1 1"
    done = subprocess.run([hook, *words, "add", OWNER, VALUE, f"{ZONE}."], env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode != 0 and done.stderr


def test_the_key_may_come_from_secrets_alone(lab, bind):
    environment = {"PATH": "/usr/bin:/bin", "NSUPDATE_SERVER": f"127.0.0.1 {bind.port}", "NSUPDATE_ZONE": f"{ZONE}.",
                   "NSUPDATE_KEY": f"hmac-sha256:{bind.tsig_name} {bind.tsig_secret}"}
    hook = lab.installed.prefix / "share/countersign/hooks/nsupdate"
    subprocess.run([hook, "add", OWNER, VALUE, f"{ZONE}."], env=environment, check=True, timeout=60)
    assert bind.txt(OWNER) == {VALUE}


def test_the_nsupdate_hook_does_not_go_on_without_its_key(lab, bind):
    environment = {"PATH": "/usr/bin:/bin", "NSUPDATE_SERVER": f"127.0.0.1 {bind.port}", "NSUPDATE_KEYFILE": "/nonexistent"}
    hook = lab.installed.prefix / "share/countersign/hooks/nsupdate"
    words = [hook, "add", OWNER, VALUE, f"{ZONE}."]
    done = subprocess.run(words, env=environment, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 78 and "cannot read /nonexistent" in done.stderr and bind.txt(OWNER) == set()


def test_a_program_that_others_can_change_is_refused_by_check(lab):
    server = lab.server()
    program = lab.folder / "open/hook"
    write_program(program, "#!/bin/sh\n")
    os.chmod(program, 0o777)
    server.config["dns"]["provider"] = {"plugin": "dns-exec", "program": program}
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    done = server.command("check", check=False)
    assert done.returncode == 1 and "others can change the program" in done.stderr + done.stdout
    os.chmod(program, 0o755)
    server.command("check")

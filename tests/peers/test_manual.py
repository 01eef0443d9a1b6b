"""The manual and the completion as they are installed: made of the program's own tables, so nothing may be missing."""
import pathlib
import re
import subprocess

import pytest

PAGES = ["man1/countersign.1", "man5/countersign.conf.5", "man7/countersign-plugins.7"]


@pytest.fixture(scope="module")
def share(installed):
    return next(pathlib.Path(installed.prefix).rglob("man1")).parent.parent


def page(share, name):
    """As who reads it on a wide terminal sees it."""
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-rLL=400n", "-P-cbou", share / "man" / name],
                          capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return re.sub(r" +", " ", done.stdout.replace("‐", "-").replace("−", "-"))


def said(installed, *words):
    return subprocess.run([installed.program, *words], capture_output=True, text=True, check=False)


def commands(installed):
    return re.findall(r"^  ([a-z]+) ", said(installed, "--help").stdout, re.M)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_there_and_roff_has_nothing_to_complain_of(share, name):
    text = page(share, name)
    assert "SEE ALSO" in text
    assert not re.search(r"@[A-Z]+@", text), "a mark of the template is left"


def test_countersign_1_has_every_command_and_every_option(installed, share):
    text = page(share, "man1/countersign.1")
    assert len(commands(installed)) >= 9
    for command in commands(installed):
        assert f"countersign {command}" in text
        for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", said(installed, command, "--help").stdout, re.M):
            assert option in text, f"{command} {option}"


def test_countersign_conf_5_has_every_setting_that_the_server_knows(installed, share, tmp_path):
    conf = tmp_path / "x.conf"
    conf.write_text("listen = { nonsense = 1; }; admin = { nonsense = 1; }; visits = { nonsense = 1; }; nonsense = 1;")
    known = re.findall(r"known here: (.*)", said(installed, "-c", conf, "check").stderr)
    text = page(share, "man5/countersign.conf.5")
    assert len(known) == 4
    for key in {key for line in known for key in line.split(", ")}:
        assert re.search(rf"^ {key}( |$)", text, re.M), key


def test_countersign_plugins_7_has_every_setting_of_every_plugin(installed, share, tmp_path):
    conf = tmp_path / "x.conf"
    conf.write_text(f'plugin_dir = "{installed.plugin_dir}";')
    plugins = [line.split()[0] for line in said(installed, "-c", conf, "plugin", "list").stdout.splitlines()]
    text = page(share, "man7/countersign-plugins.7")
    assert len(plugins) >= 9
    for plugin in plugins:
        assert re.search(rf"^ {plugin}$", text, re.M), plugin
        told = said(installed, "-c", conf, "plugin", "help", plugin).stdout
        settings = told.split("Settings of its block:\n")[1].split("\n\n")[0]
        for key in re.findall(r"^(\w+) ", settings, re.M):
            assert re.search(rf"^ {key}( |$)", text, re.M), f"{plugin}: {key}"


def completed(share, *words):
    """What bash offers for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _countersign; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "-", share / "bash-completion/completions/countersign", *words],
                          capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_verbs_options_and_values(installed, share):
    assert set(commands(installed)) <= set(completed(share, "countersign", ""))
    assert completed(share, "countersign", "zo") == ["zone"]
    assert set(completed(share, "countersign", "-c", "/x.conf", "zone", "")) >= {"add", "list", "show", "remove"}
    assert completed(share, "countersign", "zone", "add", "x.example", "--vis") == ["--visible"]
    assert completed(share, "countersign", "zone", "add", "--visible", "w") == ["warn"]
    assert completed(share, "countersign", "sign", "--renew") == ["--renew-within"]
    assert completed(share, "countersign", "privacy", "erase", "--be") == ["--before"]

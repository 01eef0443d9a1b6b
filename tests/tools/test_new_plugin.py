"""Tests of tools/new-plugin: what it makes, where, and what it refuses. tests/peers/test_plugin_kit.py has its plugins work."""
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KINDS = [("dns", ()), ("dns", ("--async",)), ("ca", ()), ("ca", ("--async",)), ("audit", ())]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]


def new_plugin(*words, tool=ROOT / "tools/new-plugin", cwd=None):
    return subprocess.run([tool, *words], capture_output=True, text=True, cwd=cwd)


def refused(tmp_path, *words):
    done = new_plugin(*words, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == "" and list(tmp_path.iterdir()) == [], done
    return done.stderr


@pytest.mark.parametrize("kind,options", KINDS, ids=lambda value: "".join(value))
def test_it_makes_a_folder_with_all_that_is_needed_under_its_own_name(tmp_path, kind, options):
    name = f"{kind}-shop-2"
    done = new_plugin(*options, kind, name, tmp_path / name)
    assert done.returncode == 0, done.stderr
    made = tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert {path.name for path in made.iterdir()} == {f"{name}.c", "meson.build", "README.md", "try", "backend.py"}
    assert f'CS_PLUGIN("{name}", "0.1"' in (made / f"{name}.c").read_text()
    for path in made.iterdir():
        assert not re.search(r"(dns|ca|audit)-example|example-plugin|-async", path.read_text()), path
    assert (".blocking = true" in (made / f"{name}.c").read_text()) == (not options)


@pytest.mark.parametrize("kind,options", KINDS, ids=lambda value: "".join(value))
def test_what_it_makes_compiles_without_a_warning_as_strict_c11(tmp_path, kind, options):
    assert new_plugin(*options, kind, f"{kind}-x", tmp_path / f"{kind}-x").returncode == 0
    done = subprocess.run(["cc", *STRICT, "-shared", "-fPIC", "-fvisibility=hidden", f"-I{ROOT}/core/include", "-o",
                           tmp_path / "x.so", tmp_path / f"{kind}-x/{kind}-x.c"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_in_the_tree_it_is_named_among_the_plugins_in_order(tmp_path):
    tree = tmp_path / "tree"
    (tree / "plugins").mkdir(parents=True)
    (tree / "tools").mkdir()
    shutil.copy(ROOT / "tools/new-plugin", tree / "tools")
    shutil.copytree(ROOT / "examples", tree / "examples")
    shutil.copy(ROOT / "plugins/meson.build", tree / "plugins")
    before = (tree / "plugins/meson.build").read_text().splitlines()
    done = new_plugin("dns", "dns-a", tool=tree / "tools/new-plugin", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = (tree / "plugins/meson.build").read_text().splitlines()
    assert [line for line in after if line != "  'dns-a',"] == before and after.count("  'dns-a',") == 1
    names = re.findall(r"^  '(.*)',$", "\n".join(after), re.M)
    at = names.index("dns-a")
    assert all(name < "dns-a" for name in names[:at]) and names[at + 1] > "dns-a"
    assert "project(" not in (tree / "plugins/dns-a/meson.build").read_text()
    assert sorted(path.name for path in (tree / "plugins").iterdir()) == ["dns-a", "meson.build"]
    again = new_plugin("dns", "dns-a", tool=tree / "tools/new-plugin")
    assert again.returncode == 1 and "is there already" in again.stderr
    assert (tree / "plugins/meson.build").read_text().splitlines() == after


def test_a_store_is_refused_with_the_reason(tmp_path):
    assert "take plugins/store-sqlite as it is" in refused(tmp_path, "store", "store-x")


@pytest.mark.parametrize("kind,name,why", [
    ("dns", "shop", "begins with dns-: dns-shop"), ("dns", "ca-shop", "begins with dns-"), ("dns", "dns-", "is no name"),
    ("dns", "dns-Shop", "lower case letters"), ("dns", "dns-a/b", "is no name"), ("dns", "dns-a--b", "single hyphens"),
    ("dns", "dns-a-", "is no name"), ("dns", "dns-ä", "is no name"), ("dns", "dns-" + "x" * 40, "at most 40"),
    ("front", "front-x", 'no kind "front"')])
def test_names_and_kinds_are_checked(tmp_path, kind, name, why):
    assert why in refused(tmp_path, kind, name)


def test_an_audit_plugin_has_no_async_form(tmp_path):
    assert "leave --async out" in refused(tmp_path, "--async", "audit", "audit-x")


def test_what_is_there_is_not_touched(tmp_path):
    (tmp_path / "dns-x").symlink_to("/nonexistent")
    done = new_plugin("dns", "dns-x", "dns-x", cwd=tmp_path)
    assert done.returncode == 1 and "is there already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["dns-x"]
    done = new_plugin("dns", "dns-y", tmp_path / "gone/dns-y")
    assert done.returncode == 1 and "there is no folder" in done.stderr


def test_too_few_and_too_many_words_are_explained(tmp_path):
    for words in ([], ["dns"], ["dns", "dns-x", "a", "b"], ["--fast", "dns", "dns-x"]):
        done = new_plugin(*words, cwd=tmp_path)
        assert done.returncode == 2 and "usage:" in done.stderr
    assert list(tmp_path.iterdir()) == []

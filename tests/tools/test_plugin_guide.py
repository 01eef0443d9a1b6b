"""Tests of docs/plugin-guide.md: its code is that of the examples and headers, and what it names is there."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs/plugin-guide.md").read_text()
HEADERS = {path.name: path.read_text() for path in (ROOT / "core/include/countersign").glob("*.h")}


def source(name):
    if name.startswith("countersign/"):
        return HEADERS[name.removeprefix("countersign/")]
    return (ROOT / "examples" / name.removesuffix(".c") / name).read_text()


def test_each_piece_of_code_stands_in_the_file_that_it_names():
    marked = re.findall(r"<!-- (\S+) -->\n```c\n(.*?)```\n", GUIDE, re.S)
    assert len(marked) >= 8 and len(marked) == GUIDE.count("```c\n") == GUIDE.count("```") / 2
    assert [(name, code) for name, code in marked if code not in source(name)] == []


def test_each_service_and_code_that_it_names_is_in_the_headers():
    headers = "".join(HEADERS.values())
    names = set(re.findall(r"\bcs_\w+|\bCS_\w+", GUIDE))
    assert len(names) > 30
    assert [name for name in sorted(names) if name != "cs_" and not re.search(rf"\b{name}\b", headers)] == []


def test_its_table_of_types_is_that_of_the_header():
    types = set(re.findall(r"^    CS_OPTION_(\w+)", HEADERS["plugin.h"], re.M)) - {"END"}
    section = GUIDE.split("\n## Settings\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z]+)` \|", section, re.M)) == types


def test_its_table_of_codes_has_each_that_a_dns_plugin_may_meet():
    section = GUIDE.split("\n## Errors\n")[1].split("\n## ")[0]
    rows = set(re.findall(r"`(CS_E\w+)`", "".join(line for line in section.splitlines() if line.startswith("| `"))))
    assert rows == set(re.findall(r"^    (CS_E[A-Z]+),? +/\*", HEADERS["plugin.h"], re.M)) - {
        "CS_EINPUT", "CS_EDENIED", "CS_ENOTFOUND", "CS_ERESTART", "CS_ECREDENTIAL"}
    kinds = (ROOT / "core/base/error.c").read_text()
    for code, again in re.findall(r"\[(CS_E\w+)\].*(true|false) \}", kinds):
        row = next((line for line in section.splitlines() if f"`{code}`" in line and line.startswith("|")), None)
        if row and code != "CS_ESHUTDOWN":
            assert ("**not**" in row) == (again == "false"), row


def test_each_option_that_it_names_is_known():
    sources = ["tools/new-plugin", "examples/dns-example/backend.py"]
    sources += [f"core/command/{name}.c" for name in ("plugin_check", "plugin_test", "zone", "subject", "sign_options")]
    words = "".join((ROOT / name).read_text() for name in sources)
    options = {word for word in re.findall(r"`[^`\n]*`|^    .*$", GUIDE, re.M)}
    named = {option for word in options if "pkg-config" not in word and "gdb" not in word
             for option in re.findall(r"--[a-z]+", word)}
    assert {"--set", "--zone", "--server", "--async", "--log"} <= named
    assert [option for option in sorted(named) if option not in words and f'"{option[2:]}"' not in words] == []

"""Tests of tools/check-style: each rule finds its fault in a small bad file, and a good tree is clean."""
import pathlib
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/check-style"
OPENING = "/*\n * Counts sheep. Called by the tests of check-style.\n */\n"
GOOD_HEADER = OPENING + "#ifndef BASE_SHEEP_H\n#define BASE_SHEEP_H\n\nint sheep_count(int n);\n\n#endif\n"
GOOD_SOURCE = OPENING + '#include "base/sheep.h"\n\nint sheep_count(int n)\n{\n    return n;\n}\n'


@pytest.fixture
def tree(tmp_path):
    write(tmp_path, "core/base/sheep.h", GOOD_HEADER)
    write(tmp_path, "core/base/sheep.c", GOOD_SOURCE)
    write(tmp_path, "core/engine/dog.h", OPENING + '#include "base/sheep.h"\n')
    write(tmp_path, "core/plugin_api.syms", "{\n  cs_fail;\n};\n")
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def check(root, *more):
    done = subprocess.run([CHECK, "--root", root, *more], capture_output=True, text=True)
    return done.returncode, done.stdout


def body(*lines):
    inside = "".join(f"    {line}\n" for line in lines)
    return OPENING + '#include "base/sheep.h"\n\nint sheep_count(int n)\n{\n' + inside + "}\n"


def test_a_good_tree_is_clean(tree):
    assert check(tree) == (0, "check-style: clean\n")


@pytest.mark.parametrize("name, text, complaint", [
    ("core/base/sheep.c", body(*["n++;"] * 80, "return n;"), "core/base/sheep.c:6: sheep_count() has 84 lines, at most 80"),
    ("core/base/sheep.c", GOOD_SOURCE + "/* x */\n" * 500, "the file has 509 lines, at most 500"),
    ("core/base/sheep.c", GOOD_SOURCE.replace("    return", "\treturn"), "sheep.c:8: a tab"),
    ("core/base/sheep.c", GOOD_SOURCE + "/* " + "x" * 130 + " */\n", "136 columns, at most 128"),
    ("core/base/sheep.c", GOOD_SOURCE + "/* x */ \n", "white space at the end"),
    ("core/base/sheep.c", GOOD_SOURCE.rstrip("\n"), "no newline"),
    ("core/base/sheep.c", GOOD_SOURCE + "/* TO" "DO: more */\n", "no notes to oneself"),
    ("core/base/sheep.c", GOOD_SOURCE.removeprefix(OPENING), "sheep.c:1: a file opens with a comment"),
    ("tools/shear", "#!/bin/sh\necho shorn\n", "tools/shear:1: a file opens with a comment"),
    ("tools/shear.py", "import sys\n", "tools/shear.py:1: a file opens with a comment"),
    ("core/base/sheep.c", body('sprintf(name, "%d", n);'), "sheep.c:8: sprintf() is banned"),
    ("core/base/sheep.c", body("strcpy(name, other);"), "strcpy() is banned"),
    ("core/base/sheep.c", body("return atoi(name);"), "atoi() is banned"),
    ("core/base/sheep.c", body("char *p = alloca(3);"), "alloca() is banned"),
    ("core/base/sheep.c", body("return strtol(name, NULL, 10);"), "whose end nobody looks at"),
    ("core/base/sheep.c", body("ldns_resolver_new();"), "ldns_resolver_new is banned"),
    ("core/base/sheep.c", body("ldns_send(a, b, c);"), "ldns_send is banned"),
    ("core/base/sheep.c", body("goto again;"), "the one label is `out:`"),
    ("core/base/sheep.c", GOOD_SOURCE + "typedef struct sheep sheep_t;\n", "without a typedef"),
    ("core/base/sheep.c", OPENING + "int sheep_count(int n)\n{\n#ifdef WOOL\n    n++;\n#endif\n    return n;\n}\n",
     "no #if inside a function"),
    ("core/base/sheep.c", GOOD_SOURCE.replace("sheep_count", "count_sheep"), "does not begin with the noun"),
    ("core/base/sheep.c", GOOD_SOURCE + '#include "engine/dog.h"\n', "base/ may not know engine/"),
    ("core/base/sheep.c", GOOD_SOURCE.replace("base/sheep.h", "sheep.h"), "write the layer and the file"),
    ("core/include/countersign/plugin.h", OPENING + '#include "base/sheep.h"\n', "the plugin API includes"),
    ("plugins/dns-sheep/sheep.c", OPENING + '#include "engine/dog.h"\n', "a plugin includes <countersign/…>"),
])
def test_each_fault_is_found(tree, name, text, complaint):
    write(tree, name, text)
    code, output = check(tree)
    assert code == 1
    assert complaint in output


@pytest.mark.parametrize("name, text", [
    ("core/base/sheep.c", body('return n; /* not sprintf() */')),
    ("core/base/sheep.c", body('text_add(&t, "strcpy(a, b)");')),
    ("core/base/sheep.c", body("snprintf(name, sizeof name, \"%d\", n);")),
    ("core/base/sheep.c", body("n = strtol(name, &end, 10);")),
    ("core/base/sheep.c", body("goto out;")),
    ("plugins/dns-sheep/sheep.c", OPENING + '#include <countersign/dns.h>\n#include "base/sheep.h"\n#include "wool.h"\n'),
])
def test_what_only_looks_like_a_fault_passes(tree, name, text):
    write(tree, name, text)
    assert check(tree) == (0, "check-style: clean\n")


def test_an_include_circle_is_found(tree):
    write(tree, "core/base/sheep.h", OPENING + '#include "base/wool.h"\n')
    write(tree, "core/base/wool.h", OPENING + '#include "base/sheep.h"\n')
    code, output = check(tree)
    assert code == 1
    assert "an include circle: base/sheep.h -> base/wool.h -> base/sheep.h" in output
    assert output.count("circle") == 1


def compile_c(path, source, *flags):
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-fPIC", "-x", "c", "-", "-o", path, *flags], input=source, text=True, check=True)


def test_a_plugin_that_exports_more_than_its_descriptor_is_found(tree):
    compile_c(tree / "build/plugins/dns-sheep/dns-sheep.so", "const int cs_plugin = 1; int wool(void) { return 1; }", "-shared")
    code, output = check(tree, "--build", tree / "build")
    assert code == 1
    assert "wool is exported: a plugin exports cs_plugin alone" in output


def test_a_program_that_exports_more_or_less_than_the_api_is_found(tree):
    compile_c(tree / "build/core/countersign", "int shear(void) { return 1; } int main(void) { return 0; }", "-rdynamic")
    code, output = check(tree, "--build", tree / "build")
    assert code == 1
    assert "shear is exported, but not in core/plugin_api.syms" in output
    assert "cs_fail of core/plugin_api.syms is missing" in output


@pytest.mark.parametrize("source, found", [
    ("static int flock = 3; int *sheep(void) { return &flock; }", True),
    ("int sheep(void) { static int counted; return ++counted; }", True),
    ("static __thread int flock; int *sheep(void) { return &flock; }", True),
    ("static const char *const names[] = { \"a\", \"b\" }; const char *sheep(int n) { return names[n]; }", False),
    ("static const int legs = 4; int sheep(void) { return legs; }", False),
])
def test_a_variable_in_a_plugin_is_found_and_a_table_is_not(tree, source, found):
    compile_c(tree / "build/plugins/dns-sheep/dns-sheep.so.p/sheep.c.o", source, "-c")
    code, output = check(tree, "--build", tree / "build")
    assert (code == 1) == found
    assert ("is a variable" in output) == found

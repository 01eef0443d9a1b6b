#!/usr/bin/python3
"""What the program and the plugins show to each other, by their dynamic symbols.

    test_exports.py SYMS PROGRAM PLUGIN …

The program exports the names of core/plugin_api.syms, all of them and no other; each plugin exports cs_plugin alone, asks the
program for nothing else, and can be loaded by it. Run by `meson test`.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SYMS, PROGRAM, *PLUGINS = [pathlib.Path(word) for word in sys.argv[1:]]


def symbols(path, *options):
    """Names, without versions. Those that begin with _ belong to the compiler and to sanitizers."""
    lines = subprocess.run(["nm", "-D", *options, str(path)], check=True, capture_output=True, text=True).stdout.splitlines()
    return {name for name in (line.split()[-1].split("@")[0] for line in lines) if not name.startswith("_")}


class Exports(unittest.TestCase):
    api = set(re.findall(r"\b(cs_\w+);", SYMS.read_text()))

    def test_the_program_exports_the_api_and_nothing_else(self):
        self.assertTrue(self.api)
        self.assertEqual(symbols(PROGRAM, "--defined-only") - {"stdin", "stdout", "stderr", "environ"}, self.api)

    def test_a_plugin_exports_its_descriptor_and_nothing_else(self):
        self.assertTrue(PLUGINS)
        for plugin in PLUGINS:
            with self.subTest(plugin.name):
                self.assertEqual(symbols(plugin, "--defined-only"), {"cs_plugin"})

    def test_a_plugin_asks_the_program_for_the_api_and_nothing_else(self):
        for plugin in PLUGINS:
            with self.subTest(plugin.name):
                asked = {name for name in symbols(plugin, "--undefined-only") if name.startswith("cs_")}
                self.assertLessEqual(asked, self.api)

    def test_the_program_loads_every_plugin(self):
        with tempfile.TemporaryDirectory(prefix="countersign-plugins-") as folder:  # 0700, whatever the build folder is
            for plugin in PLUGINS:
                shutil.copy(plugin, folder)
                (pathlib.Path(folder) / plugin.name).chmod(0o644)
            conf = pathlib.Path(folder) / "test.conf"
            conf.write_text(f'state = "{folder}"; plugin_dir = "{folder}";')
            done = subprocess.run([PROGRAM, "-c", conf, "plugin", "list"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], sorted(path.stem for path in PLUGINS))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

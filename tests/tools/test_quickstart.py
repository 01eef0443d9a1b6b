"""Tests of tools/quickstart: a newcomer's first command ends well, leaves what it says, and says what to do when it cannot."""
import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def quickstart(*words, env=None):
    return subprocess.run([ROOT / "tools/quickstart", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=600, env={**os.environ, **(env or {})})


def running_in(folder):
    """Processes whose command line names a file of the folder."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder) in entry.read_bytes().decode(errors="replace"):
                found.append(int(entry.parent.name))
        except OSError:
            pass  # it ended just now
    return found


def folder_of(output):
    return pathlib.Path(re.search(r"(/\S*countersign-quickstart-\w+)", output).group(1))


def remove(folder):
    subprocess.run(["rm", "-rf", folder], check=True)


def test_it_gets_a_verified_chain_and_leaves_key_csr_and_chain_and_nothing_running():
    done = quickstart()
    assert done.returncode == 0, done.stdout + done.stderr
    folder = folder_of(done.stdout)
    assert f"{folder}/chain.pem: OK" in done.stdout
    assert {"key.pem", "csr.pem", "chain.pem"} <= {path.name for path in folder.iterdir()}
    assert running_in(folder) == []
    remove(folder)


def test_it_takes_less_than_ten_seconds_when_all_is_built():
    start = time.monotonic()
    done = quickstart()
    assert done.returncode == 0
    assert time.monotonic() - start < 10
    remove(folder_of(done.stdout))


def test_keep_leaves_it_running_and_its_curl_line_and_stop_script_work():
    done = quickstart("--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = folder_of(done.stdout)
    line = re.findall(r"^   (curl .*)$", done.stdout, re.M)[-1]
    (folder / "chain.pem").unlink()
    subprocess.run(line, shell=True, check=True, capture_output=True)
    assert (folder / "chain.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert len(running_in(folder)) >= 2
    subprocess.run([folder / "stop"], check=True)
    end = time.monotonic() + 15
    while running_in(folder) and time.monotonic() < end:
        time.sleep(0.1)
    assert running_in(folder) == []
    remove(folder)


def test_a_step_that_fails_is_named_with_its_log_and_what_to_do(tmp_path):
    pebble = tmp_path / "pebble"
    pebble.write_text("#!/bin/sh\necho the moon is in the way\nexit 7\n")
    pebble.chmod(0o755)
    done = quickstart(env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1
    assert re.search(r"Step \d failed \(Start a trial CA\): pebble ended with 7", done.stderr)
    assert "the moon is in the way" in done.stderr
    assert "What to do:" in done.stderr


def test_a_wrong_word_is_answered_with_the_usage():
    done = quickstart("--kepe")
    assert done.returncode == 2
    assert "--keep" in done.stderr

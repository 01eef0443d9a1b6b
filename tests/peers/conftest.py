"""What the peer tests start: a real Pebble and the installed Countersign, each in a folder of its own, on free ports.

    pytest tests/peers --build build/plain

Everything that a test starts is stopped after it; a server that ends badly, or a sanitizer's report, fails the test.
"""
import pathlib
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools/lab"), str(pathlib.Path(__file__).resolve().parent)]

import matrix  # noqa: E402
from scene import World, open_lab  # noqa: E402
from server import install  # noqa: E402
from signer import Server  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--build", type=pathlib.Path, default=ROOT / "build/plain", help="the build folder to install and test")
    parser.addoption("--interleavings", type=int, help="how many orders of two writers test_two_writers.py tries")


def pytest_terminal_summary(terminalreporter):
    if matrix.seen:
        terminalreporter.section("DNS plugins, servers and behaviours")
        for line in matrix.table(matrix.seen):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def build(request):
    return request.config.getoption("--build").resolve()


@pytest.fixture(scope="session")
def slow(build):
    """By how much a build with a sanitizer may be slower."""
    return {"asan": 4, "tsan": 10}.get(build.name, 1)


@pytest.fixture(scope="session")
def interleavings(request):
    """How many a test tries, when it usually tries that many."""
    return lambda usual: request.config.getoption("--interleavings") or usual


@pytest.fixture
def say(capsys, record_property):
    """A line that people see, whether the test passes or not; in the report that tools/test reads, too."""
    def line(text):
        record_property("said", text)
        with capsys.disabled():
            print(f"\n    {text}", end="", flush=True)
    return line


@pytest.fixture(scope="session")
def installed(build):
    """In a folder that other users can read, since the server may run as one."""
    with tempfile.TemporaryDirectory(prefix="countersign-installed-") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield install(build, folder)


@pytest.fixture(scope="session")
def signing():
    """One server for all tests of the clients: they say what it answers."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def lab(installed):
    with open_lab(installed) as lab:
        yield lab


@pytest.fixture
def world(lab):
    return World(lab).start()


@pytest.fixture
def quiet_world(lab):
    """The same with a Pebble that rejects no nonce, for tests that count requests."""
    return World(lab, env={"PEBBLE_WFE_NONCEREJECT": "0"}).start()


@pytest.fixture
def held_world(lab):
    """The same, but every order waits at the gate, between its DNS change and the CA's look, until gate.open()."""
    world = World(lab, env={"PEBBLE_WFE_NONCEREJECT": "0"})
    world.gate = lab.gate(world.server)
    return world.start(["--servers", f"127.0.0.1:{world.gate.port}"])

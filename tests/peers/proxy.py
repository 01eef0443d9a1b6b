"""HAProxy and nginx with a configuration of a test's. The fixture `start` begins them: import it beside Proxy."""
import grp
import os
import socket

import pytest

from child import Child
from ports import free_port


class Proxy:
    def __init__(self, lab, name, command, text):
        self.folder = lab.place(name)
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.port = free_port()
        conf = self.folder / "conf"
        conf.write_text(text.replace("PORT", str(self.port)).replace("FOLDER", str(self.folder)))
        self.child = Child(name, [*command, conf], self.folder / "log")
        self.child.wait_until(self.accepts, 15, "it listened")

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.child.stop()


@pytest.fixture
def start(lab):
    running = []

    def start(*what):
        running.append(Proxy(lab, *what))
        return running[-1]

    yield start
    for proxy in running:
        proxy.stop()


WORKERS = "www-data"  # as Debian has it


def nginx_user():
    return f"user {WORKERS};" if os.geteuid() == 0 else ""


def nginx_group():
    """Of the processes that connect."""
    return WORKERS if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name

"""What the benches against Pebble share: its settings, a bundle of CAs for all, and how figures are printed."""
import os
import pathlib
import sys

from child import run

SYSTEM_BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
SETTINGS = {"PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_NONCEREJECT": "0"}


def trust(folder, *pebbles):
    """One bundle for both: the system's and both Pebbles'. uacme has no option for it, so it is mounted over the system's."""
    bundle = folder / "bundle.pem"
    bundle.write_bytes(SYSTEM_BUNDLE.read_bytes() + b"".join(pebble.ca_file.read_bytes() for pebble in pebbles))
    run(["mount", "--bind", bundle, SYSTEM_BUNDLE], "the bundle could not be mounted", "run the bench as root")
    return bundle


def holds(value, limit):
    return limit is None or (value >= float(limit[2:]) if limit.startswith(">=") else value <= float(limit[2:]))


def own_mounts():
    """Start again in a mount namespace of our own, so that the bundle is nobody else's."""
    if os.environ.get("BENCH_MOUNTS") != "own":
        os.environ["BENCH_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def print_figures(figures):
    """A line for each (name, value, unit, limit or None); 1 when one is short, otherwise 0."""
    short = False
    for name, value, unit, limit in figures:
        good = holds(value, limit)
        short |= not good
        print(f"figure {name} {value:.2f} {unit} limit {limit or '-'} {'ok' if good else 'short'}")
    return 1 if short else 0

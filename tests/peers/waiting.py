"""Waiting for what a test wants to see where no one process stands for it; Child.wait_until() also hears when its own ends."""
import time


def until(ready, seconds=20, what="what is waited for"):
    """Asks `ready()` until it says something true, and returns that."""
    end = time.monotonic() + seconds
    while not (said := ready()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)
    return said

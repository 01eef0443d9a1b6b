"""Free ports on loopback. Used by everything in the lab that starts a server."""
import random
import socket

_given = set()


def free_port(above=0):
    """A port that is free for TCP and UDP, below the range that outgoing connections take, and not given out before.

    With `above` the port that many higher is free as well."""
    for _ in range(1000):
        port = random.randrange(10240, 31000)
        wanted = {port, port + above}
        if not wanted & _given and all(_is_free(p) for p in wanted):
            _given.update(wanted)
            return port
    raise RuntimeError("no free port on 127.0.0.1")


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True

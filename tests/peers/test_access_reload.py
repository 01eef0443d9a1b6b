"""What SIGHUP takes away is taken away from connections that are there, too: docs/access.md."""
import http.client
import ssl

import pytest

from client_pki import pem
from door import PROXY, Door, client_cert
from ports import free_port


@pytest.fixture
def door(lab):
    return Door(lab)


def revoke(door, name):
    """In the file; nobody has read it yet."""
    inner = door.clients.inner
    inner.revoked.append(door.clients.certificates[name].serial_number)
    (door.clients.folder / "crl.pem").write_bytes(pem(door.clients.root.crl(), inner.crl()))


def settings(door, listener):
    """Of the configuration."""
    return next(listen for listen in door.server.config["listen"] if listen["port"] == door.ports[listener])


def test_other_cas_and_a_new_crl_count_on_connections_that_are_there(door):
    """Without CAs who has shown a certificate is as one without."""
    connection, listener = door.connect("tls", "robot"), settings(door, "tls")
    assert door.post(connection, "certificate") == "chain"
    cas = {name: listener.pop(name) for name in ("client_ca", "client_crl")}
    door.reload()
    assert [door.post(connection, access) for access in ("open", "certificate")] == ["chain", "certificate-needed"]
    assert connection.sock, "it goes on"
    listener.update(cas)
    door.reload()
    assert door.post(connection, "certificate") == "chain"
    revoke(door, "robot")
    assert door.post(connection, "certificate") == "chain"
    door.reload()
    assert door.post(connection, "certificate") == "bad-certificate"
    connection.close()
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        door.ask("open", listener="tls", certificate="robot")


def test_a_proxy_that_is_believed_no_more_is_not_on_connections_that_are_there(door):
    """Somebody has learnt that his proxy passes on what clients make up, and turns it off."""
    listeners, field = ("plain-proxy", "tls-proxy"), client_cert(door.clients.der("robot"))
    connections = [door.connect(name, source=PROXY) for name in listeners]

    def answers():
        return [door.post(connection, "certificate", headers=field) for connection in connections]
    assert answers() == ["chain", "chain"]
    for name in listeners:
        del settings(door, name)["client_certificate"]
    door.reload()
    assert answers() == ["certificate-needed", "certificate-needed"]
    for name in listeners:
        settings(door, name)["client_certificate"] = "proxy"
    door.reload()
    assert answers() == ["chain", "chain"]
    for connection in connections:
        connection.close()


def test_a_listener_that_is_gone_leaves_no_trust_behind(door):
    """Nobody reads CRLs for it any more. Each connection gets one more answer; then it ends."""
    robot, moved, nobody = (door.connect(name, certificate) for name, certificate in
                            (("tls", "robot"), ("required", "robot"), ("tls", None)))
    proxy, field = door.connect("plain-proxy", source=PROXY), client_cert(door.clients.der("robot"))
    assert [door.post(connection, "certificate") for connection in (robot, moved)] == ["chain", "chain"]
    assert door.post(proxy, "certificate", headers=field) == "chain" and door.post(nobody, "open") == "chain"
    revoke(door, "robot")
    settings(door, "required")["port"] = free_port()
    for name in ("tls", "plain-proxy"):
        door.server.config["listen"].remove(settings(door, name))
    door.reload()
    assert [door.post(connection, "certificate") for connection in (robot, moved)] == ["bad-certificate", "bad-certificate"]
    assert door.post(proxy, "certificate", headers=field) == "certificate-needed" and door.post(nobody, "open") == "chain"
    assert [connection.sock for connection in (robot, moved, proxy, nobody)] == [None] * 4, "they have ended"

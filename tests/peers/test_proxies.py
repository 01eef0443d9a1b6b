"""Real proxies in front of the server: HAProxy with PROXY headers, nginx with X-Forwarded-For and Forwarded. Who said where a
request comes from is in /metrics; the addresses themselves are nowhere."""
import http.client
import re
import socket
import sqlite3
import ssl

import pytest

import pki
from ports import free_port
from proxy import nginx_group, nginx_user, start  # noqa: F401, a fixture

CLIENT, OTHER = "127.0.0.2", "127.0.0.3"  # the proxies are at 127.0.0.1


def post(port, headers=None, client=CLIENT, tls=None, path="/v1/sign"):
    """A body without a CSR: what becomes of it does not matter here."""
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    more = {"context": tls} if tls else {}
    connection = kind("127.0.0.1", port, timeout=30, source_address=(client, 0), **more)
    try:
        connection.request("POST", path, b"no CSR", {"User-Agent": "curl/8", **(headers or {})})
        reply = connection.getresponse()
        reply.read()
        return reply.status
    finally:
        connection.close()


def sources(server):
    """How many requests came from whom, by who said it."""
    text = server.ask("GET", "/metrics", port=server.admin_port).body.decode()
    return {word: int(n) for word, n in re.findall(r'^countersign_http_sources_total\{from="([a-z-]+)"\} (\d+)$', text, re.M)}


@pytest.fixture
def proxied(lab):
    """Listeners for everybody, for proxies with PROXY headers (plain, TLS), and a unix socket."""
    server = lab.server()
    folder = lab.place("tls")
    pki.make_server_pki(folder)
    certificate, key = folder / "server.pem", folder / "server.key"
    server.proxy_port, server.proxy_tls_port = free_port(), free_port()
    server.socket = folder / "http.sock"
    server.ca_file = folder / "ca.pem"
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.config["proxies"] = ["127.0.0.1", "unix"]
    server.config["listen"] += [
        {"address": "127.0.0.1", "port": server.proxy_port, "proxy_protocol": True},
        {"address": "127.0.0.1", "port": server.proxy_tls_port, "proxy_protocol": True, "certificate": certificate, "key": key},
        {"address": f"unix:{server.socket}", "group": nginx_group()},
    ]
    server.start()
    return server


HAPROXY = """
global
    maxconn 100
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend in
    bind 127.0.0.1:PORT
    mode MODE
    OPTION
    default_backend out
backend out
    mode MODE
    server one 127.0.0.1:TARGET SEND
"""


def haproxy(start, target, mode="tcp", send="", option=""):
    text = HAPROXY.replace("MODE", mode).replace("TARGET", str(target)).replace("SEND", send).replace("OPTION", option)
    return start("haproxy", ["haproxy", "-db", "-f"], text)


NGINX = """
daemon off;
pid FOLDER/pid;
error_log stderr;
USER
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen 127.0.0.1:PORT;
        location / { proxy_pass TARGET; HEADER }
    }
}
"""


def nginx(start, target, header):
    text = NGINX.replace("TARGET", target).replace("HEADER", header).replace("USER", nginx_user())
    return start("nginx", ["nginx", "-c"], text)


def test_haproxys_header_says_who_the_client_is(proxied, start):
    proxy = haproxy(start, proxied.proxy_port, send="send-proxy-v2")
    assert post(proxy.port) == 400
    assert post(proxy.port, {"X-Forwarded-For": "192.0.2.9"}) == 400  # the client's own word: it is no trusted proxy
    assert sources(proxied) == {"proxy": 2}


def test_haproxys_checksum_and_other_tlvs_pass(proxied, start):
    proxy = haproxy(start, proxied.proxy_port, mode="http",
                    send="send-proxy-v2 proxy-v2-options crc32c,ssl,authority check check-send-proxy inter 200")
    assert post(proxy.port) == 400
    assert sources(proxied) == {"proxy": 1}


def test_tls_goes_through_haproxy_behind_its_header(proxied, start):
    proxy = haproxy(start, proxied.proxy_tls_port, send="send-proxy-v2")
    context = ssl.create_default_context(cafile=str(proxied.ca_file))
    assert post(proxy.port, tls=context) == 400
    assert sources(proxied) == {"proxy": 1}


def test_haproxys_forwardfor_is_believed(proxied, start):
    proxy = haproxy(start, proxied.port, mode="http", option="option forwardfor")
    assert post(proxy.port) == 400
    assert sources(proxied) == {"forwarded": 1}


def test_what_the_client_says_to_nginx_is_not(proxied, start):
    """$proxy_add_x_forwarded_for appends to what the client sent; a Forwarded of the client's passes as it is."""
    proxy = nginx(start, f"http://127.0.0.1:{proxied.port}", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")
    assert post(proxy.port) == 400
    assert post(proxy.port, {"X-Forwarded-For": "192.0.2.9, \""}) == 400
    assert sources(proxied) == {"forwarded": 2}
    assert post(proxy.port, {"Forwarded": "for=192.0.2.9"}) == 400
    assert sources(proxied) == {"forwarded": 2, "malformed": 1}


def test_nginx_over_a_unix_socket(proxied, start):
    proxy = nginx(start, f"http://unix:{proxied.socket}:", 'proxy_set_header Forwarded "for=$remote_addr";')
    assert post(proxy.port) == 400
    assert sources(proxied) == {"forwarded": 1}


def test_a_source_is_the_same_by_whatever_way_it_comes(proxied, start):
    """Four requests of two clients, by four ways: two sources in visits.db."""
    first = haproxy(start, proxied.proxy_port, send="send-proxy-v2")
    second = nginx(start, f"http://unix:{proxied.socket}:", "proxy_set_header X-Forwarded-For $remote_addr;")
    third = haproxy(start, proxied.port, mode="http", option="option forwardfor")
    assert [post(port, client=client) for port, client in (
        (first.port, CLIENT), (second.port, CLIENT), (third.port, OTHER), (proxied.port, OTHER))] == [400] * 4
    assert sources(proxied) == {"proxy": 1, "forwarded": 2, "socket": 1}
    proxied.stop()  # what is under way is written then
    with sqlite3.connect(proxied.database.with_name("visits.db")) as connection:
        rows = connection.execute("SELECT requests, uniques FROM total WHERE label = 0 AND outcome = 0").fetchall()
    connection.close()
    assert rows == [(4, 2)]


def test_nobody_else_is_believed(proxied):
    lie = {"X-Forwarded-For": "192.0.2.9", "Forwarded": "for=192.0.2.9"}
    assert post(proxied.port, lie) == 400
    assert sources(proxied) == {"socket": 1}


def test_who_speaks_without_a_proxy_header_is_not_served(proxied):
    with socket.create_connection(("127.0.0.1", proxied.proxy_port), timeout=10) as client:
        client.sendall(b"POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            pass
    text = proxied.ask("GET", "/metrics", port=proxied.admin_port).body.decode()
    assert 'countersign_http_connection_events_total{listener="public",event="no-proxy-header"} 1' in text
    assert sources(proxied) == {}

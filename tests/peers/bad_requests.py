"""Every class of HTTP request that is wrong, doubtful or unusual: what becomes of each stands in docs/http.md, and
test_bad_requests.py compares. SHAPES maps a class to the bytes of one request.

INNER is what somebody would smuggle: it is never to be answered. Where a shape has it, it is a part of the body for one way to
read the framing, and a request of its own for another.
"""
HOST = "Host: sign.example"
INNER = "GET /v1/requests/aaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: inner.example\r\n\r\n"
BODY = "no CSR"
CHUNKED = "6\r\nno CSR\r\n0\r\n\r\n"


def request(*fields, line="POST /v1/sign HTTP/1.1", host=HOST, body="", end="\r\n"):
    return end.join([line, *([host] if host else []), *fields, "", ""]) + body


def get(target, *fields, **more):
    return request(*fields, line=f"GET {target} HTTP/1.1", **more)


def sized(*fields, body=BODY, **more):
    """With a right Content-Length."""
    return request(f"Content-Length: {len(body)}", *fields, body=body, **more)


def chunked(body=CHUNKED, coding="Transfer-Encoding: chunked", *fields, **more):
    return request(coding, *fields, body=body, **more)


def both(coding, first="Content-Length"):
    """Content-Length reaches over all; by chunks, INNER is behind the end."""
    body = "0\r\n\r\n" + INNER
    fields = [f"Content-Length: {len(body)}", coding]
    return request(*(fields if first == "Content-Length" else reversed(fields)), body=body)


LINES = {
    "lf-only": sized(end="\n"),
    "lf-in-fields": f"POST /v1/sign HTTP/1.1\r\n{HOST}\nContent-Length: 6\r\n\r\n{BODY}",
    "cr-in-line": sized(line="POST /v1/sign\r HTTP/1.1"),
    "cr-in-value": sized("X: a\rb"),
    "cr-before-field": sized("\rX: a"),
    "cr-lf-cr-lf-in-front": "\r\n\r\n" + sized(),
    "three-empty-lines": "\r\n\r\n\r\n" + sized(),
    "version-0.9": "GET /v1/sign\r\n",
    "version-1.2": sized(line="POST /v1/sign HTTP/1.2"),
    "version-2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version-3-digits": sized(line="POST /v1/sign HTTP/1.10"),
    "version-zero": sized(line="POST /v1/sign HTTP/01.1"),
    "version-lower-case": sized(line="POST /v1/sign http/1.1"),
    "version-missing": sized(line="POST /v1/sign "),
    "version-other": sized(line="POST /v1/sign ICAP/1.1"),
    "method-lower-case": sized(line="post /v1/sign HTTP/1.1"),
    "method-unknown": sized(line="BREW /v1/sign HTTP/1.1"),
    "method-not-token": sized(line="PO(ST /v1/sign HTTP/1.1"),
    "method-missing": sized(line="/v1/sign HTTP/1.1"),
    "method-trace": request(line="TRACE /v1/sign HTTP/1.1"),
    "method-connect": request(line="CONNECT sign.example:443 HTTP/1.1"),
    "space-in-front": sized(line=" POST /v1/sign HTTP/1.1"),
    "two-spaces": sized(line="POST  /v1/sign HTTP/1.1"),
    "tabs": sized(line="POST\t/v1/sign\tHTTP/1.1"),
    "space-at-end": sized(line="POST /v1/sign HTTP/1.1 "),
    "tls": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 32,
}

TARGETS = {
    "target-nul": get("/v1/\x00sign"),
    "target-space": get("/v1/si gn"),
    "target-utf8": get("/v1/s\u00c3\u00bcgn"),
    "target-not-utf8": get("/v1/s\xff\xfegn"),
    "target-percent-broken": get("/v1/%zz"),
    "target-percent-cut": get("/v1/sign%2"),
    "target-percent-nul": get("/v1/sign%00"),
    "target-percent-slash": sized(line="POST /v1%2fsign HTTP/1.1"),
    "target-percent-letter": sized(line="POST /v1/%73ign HTTP/1.1"),
    "target-percent-overlong": get("/v1/%c0%ae%c0%ae/sign"),
    "target-percent-crlf": get("/v1/sign%0d%0aX:%20y"),
    "target-dots": get("/v1/x/../../../etc/passwd"),
    "target-percent-dots": get("/v1/%2e%2e/%2e%2e/etc/passwd"),
    "target-two-slashes": sized(line="POST //v1//sign HTTP/1.1"),
    "target-backslash": get("/v1\\sign"),
    "target-fragment": sized(line="POST /v1/sign#x HTTP/1.1"),
    "target-semicolon": get("/v1/sign;x=y"),
    "target-empty": sized(line="POST  HTTP/1.1"),
    "target-relative": sized(line="POST v1/sign HTTP/1.1"),
    "target-asterisk": sized(line="POST * HTTP/1.1"),
    "target-authority": sized(line="POST sign.example:80 HTTP/1.1"),
    "target-absolute": sized(line="POST http://sign.example/v1/sign HTTP/1.1"),
    "target-absolute-other-host": sized(line="POST http://other.example/v1/sign HTTP/1.1"),
    "target-absolute-user": sized(line="POST http://user@sign.example/v1/sign HTTP/1.1"),
    "target-absolute-ftp": sized(line="POST ftp://sign.example/v1/sign HTTP/1.1"),
    "target-absolute-no-host": sized(line="POST http:///v1/sign HTTP/1.1"),
    "target-9000": get("/" + "a" * 9000),
    "target-query-9000": get("/v1/sign?" + "a" * 9000),
}

FIELDS = {
    "host-missing": sized(host=None),
    "host-twice": sized("Host: other.example"),
    "host-twice-same": sized(HOST),
    "host-empty": sized(host="Host:"),
    "host-space": sized(host="Host: a b"),
    "host-path": sized(host="Host: sign.example/v1"),
    "host-user": sized(host="Host: user@sign.example"),
    "host-port": sized(host="Host: sign.example:99999"),
    "host-not-ascii": sized(host="Host: s\xfcgn.example"),
    "field-no-colon": sized("Nothing"),
    "field-no-name": sized(": x"),
    "field-space-in-name": sized("A B: c"),
    "field-space-before-colon": sized("X : y"),
    "field-tab-before-colon": sized("X\t: y"),
    "field-not-ascii-name": sized("X\xfc: y"),
    "field-bracket-name": sized("[X]: y"),
    "field-nul": sized("X: a\x00b"),
    "field-nul-in-name": sized("X\x00Y: b"),
    "field-control": sized("X: a\x0bb"),
    "field-delete": sized("X: a\x7fb"),
    "field-not-ascii": sized("X: caf\xe9"),
    "fold": sized("X: a", " b"),
    "fold-tab": sized("X: a", "\tb"),
    "fold-first": f"POST /v1/sign HTTP/1.1\r\n X: a\r\n{HOST}\r\nContent-Length: 6\r\n\r\n{BODY}",
    "fields-101": sized(*[f"X{i}: y" for i in range(101)]),
    "fields-20000": sized(*[f"X{i}: {'y' * 2000}" for i in range(10)]),
    "field-20000": sized("X: " + "y" * 20000),
    "expect-other": sized("Expect: 200-ok"),
    "expect-continue": sized("Expect: 100-continue"),
    "expect-twice": sized("Expect: 100-continue", "Expect: 100-continue"),
    "content-encoding": sized("Content-Encoding: gzip"),
    "upgrade-h2c": sized("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    "upgrade-websocket": get("/v1/sign", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    "connection-names-length": sized("Connection: Content-Length"),
    "connection-names-host": sized("Connection: Host, keep-alive"),
    "version-1.0": sized(line="POST /v1/sign HTTP/1.0"),
    "version-1.0-no-host": sized(line="POST /v1/sign HTTP/1.0", host=None),
    "version-1.0-keep-alive": sized("Connection: keep-alive", line="POST /v1/sign HTTP/1.0"),
}

LENGTHS = {
    "length-twice": request("Content-Length: 6", "Content-Length: 6", body=BODY),
    "length-twice-other": request("Content-Length: 6", f"Content-Length: {6 + len(INNER)}", body=BODY + INNER),
    "length-list": request("Content-Length: 6, 6", body=BODY),
    "length-list-other": request(f"Content-Length: 6, {6 + len(INNER)}", body=BODY + INNER),
    "length-plus": request("Content-Length: +6", body=BODY),
    "length-minus": request("Content-Length: -6", body=BODY),
    "length-hex": request("Content-Length: 0x6", body=BODY),
    "length-point": request("Content-Length: 6.0", body=BODY),
    "length-word": request("Content-Length: six", body=BODY),
    "length-space-inside": request("Content-Length: 0 6", body=BODY),
    "length-empty": request("Content-Length:", body=""),
    "length-zeros": request("Content-Length: 0000000000000000000006", body=BODY),
    "length-16385": request("Content-Length: 16385", body="x" * 16385),
    "length-2-to-64": request("Content-Length: 18446744073709551622", body=BODY),
    "length-2-to-32": request("Content-Length: 4294967302", body=BODY),
    "length-fold": request("Content-Length:", " 6", body=BODY),
    "length-space-before-colon": request("Content-Length : 6", body=BODY),
    "length-underscore": request("Content_Length: 77", "Content-Length: 6", body=BODY),
    "length-of-get": get("/v1/sign", "Content-Length: 6", body=BODY),
    "length-cr-in-front": request(f"X: a\rContent-Length: {len(INNER)}", body=INNER),
    "length-none": request(body=""),
}

CODINGS = {
    "both": both("Transfer-Encoding: chunked"),
    "both-coding-first": both("Transfer-Encoding: chunked", "Transfer-Encoding"),
    "both-space-before-colon": both("Transfer-Encoding : chunked"),
    "both-tab": both("Transfer-Encoding:\tchunked"),
    "both-vertical-tab": both("Transfer-Encoding: \x0bchunked"),
    "both-nul": both("Transfer-Encoding: chunked\x00"),
    "both-fold": both("Transfer-Encoding:\r\n chunked"),
    "both-fold-before": both("X: a\r\n Transfer-Encoding: chunked"),
    "both-lf": both("X: a\nTransfer-Encoding: chunked"),
    "both-cr": both("X: a\rTransfer-Encoding: chunked"),
    "both-quoted": both('Transfer-Encoding: "chunked"'),
    "both-x": both("Transfer-Encoding: xchunked"),
    "both-comma": both("Transfer-Encoding: ,chunked"),
    "both-upper-case": both("TRANSFER-ENCODING: CHUNKED"),
    "both-version-1.0": both("Transfer-Encoding: chunked").replace("HTTP/1.1", "HTTP/1.0", 1),
    "both-get": both("Transfer-Encoding: chunked").replace("POST", "GET", 1),
    "coding-twice": chunked(CHUNKED, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "coding-twice-other": chunked("0\r\n\r\n" + INNER, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    "coding-twice-other-first": chunked("0\r\n\r\n" + INNER, "Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
    "coding-list-twice": chunked(CHUNKED, "Transfer-Encoding: chunked, chunked"),
    "coding-not-last": chunked(CHUNKED, "Transfer-Encoding: chunked, identity"),
    "coding-gzip": chunked(CHUNKED, "Transfer-Encoding: gzip, chunked"),
    "coding-gzip-alone": chunked(CHUNKED, "Transfer-Encoding: gzip"),
    "coding-identity": chunked(CHUNKED, "Transfer-Encoding: identity"),
    "coding-parameter": chunked(CHUNKED, "Transfer-Encoding: chunked;q=1"),
    "coding-empty": chunked(CHUNKED, "Transfer-Encoding:"),
    "coding-underscore": chunked(BODY, "Transfer_Encoding: chunked", "Content-Length: 6"),
    "coding-version-1.0": chunked(line="POST /v1/sign HTTP/1.0"),
}

CHUNKS = {
    "chunks": chunked(),
    "chunk-zeros": chunked("000000006\r\nno CSR\r\n000\r\n\r\n"),
    "chunk-plus": chunked("+6\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-minus": chunked("-6\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-hex-prefix": chunked("0x6\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-empty-size": chunked("\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-space-in-front": chunked(" 6\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-space-behind": chunked("6 \r\nno CSR\r\n0\r\n\r\n"),
    "chunk-16385": chunked("4001\r\n" + "x" * 16385 + "\r\n0\r\n\r\n"),
    "chunk-2-to-64": chunked("10000000000000006\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-2-to-64-less-1": chunked("ffffffffffffffff\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-2-to-32": chunked("100000006\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-extension": chunked('6;a=b;c="d;e"\r\nno CSR\r\n0;f\r\n\r\n'),
    "chunk-extension-2000": chunked(f"6;a={'b' * 2000}\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-extension-lf": chunked("6;a\nno CSR\r\n0\r\n\r\n"),
    "chunk-extension-cr": chunked("6;a\rb\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-extension-nul": chunked("6;a\x00b\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-extension-inner": chunked("6;\nx\r\nno CSR\r\n0\r\n\r\n" + INNER),
    "chunk-lf": chunked("6\nno CSR\n0\n\n"),
    "chunk-lf-at-end": chunked("6\r\nno CSR\n0\r\n\r\n"),
    "chunk-too-long": chunked("5\r\nno CSR\r\n0\r\n\r\n"),
    "chunk-no-end": chunked("6\r\nno CSR0\r\n\r\n"),
    "chunk-junk-at-end": chunked("6\r\nno CSRxx\r\n0\r\n\r\n"),
    "chunks-of-one-byte": chunked("1\r\nx\r\n" * 16000 + "0\r\n\r\n"),
    "trailer": chunked("6\r\nno CSR\r\n0\r\nX: y\r\n\r\n"),
    "trailer-length": chunked("6\r\nno CSR\r\n0\r\nContent-Length: 77\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "trailer-no-colon": chunked("6\r\nno CSR\r\n0\r\nNothing\r\n\r\n"),
    "trailer-space-before-colon": chunked("6\r\nno CSR\r\n0\r\nX : y\r\n\r\n"),
    "trailer-lf": chunked("6\r\nno CSR\r\n0\r\nX: y\n\n"),
    "trailer-5000": chunked("6\r\nno CSR\r\n0\r\n" + "".join(f"X{i}: {'y' * 490}\r\n" for i in range(10)) + "\r\n"),
}

SHAPES = {name: text.encode("latin-1") for name, text in
          {**LINES, **TARGETS, **FIELDS, **LENGTHS, **CODINGS, **CHUNKS}.items()}

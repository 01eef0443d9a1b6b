/* http/message.c: the head of a request. Each case is read at once, byte by byte, and cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/message.h"

#define HOST  "Host: a.example\r\n"
#define GET   "GET / HTTP/1.1\r\n"
#define POST  "POST /v1/sign HTTP/1.1\r\n" HOST
#define NUL(text) text, sizeof(text) - 1
#define READY 200

struct expected {
    const char *bytes;
    size_t len; /* 0: strlen */
    int status; /* READY, 0: more is needed, otherwise the refusal */
};

static void fail_case(const struct expected *e, const char *how, int status, const char *fault)
{
    fprintf(stderr, "# %s: status %d instead of %d (%s) for: %s\n", how, status, e->status, fault ? fault : "", e->bytes);
}

static int read_cut(const struct expected *e, size_t step, size_t first, struct message *m)
{
    size_t len = e->len ? e->len : strlen(e->bytes);
    enum message_state state = MESSAGE_MORE;

    *m = (struct message){ 0 };
    for (size_t have = first < len ? first : len; state == MESSAGE_MORE; have = have + step < len ? have + step : len) {
        char *copy = malloc(have ? have : 1); /* of exactly this size, so that a sanitizer sees a read beyond it */

        memcpy(copy, e->bytes, have);
        state = message_read(m, copy, have);
        m->at = e->bytes;
        free(copy);
        if (have == len)
            break;
    }
    return state == MESSAGE_MORE ? 0 : state == MESSAGE_READY ? READY : m->status;
}

static void check_cases(const struct expected *cases, size_t n)
{
    struct message m;

    for (size_t i = 0; i < n; i++) {
        const struct expected *e = &cases[i];
        size_t len = e->len ? e->len : strlen(e->bytes);
        int status = read_cut(e, len, len, &m);

        if (status != e->status)
            fail_case(e, "at once", status, m.fault);
        assert_int_equal(status, e->status);
        status = read_cut(e, 1, 0, &m);
        if (status != e->status)
            fail_case(e, "byte by byte", status, m.fault);
        assert_int_equal(status, e->status);
        for (size_t cut = 1; cut < len && len < 2000; cut++)
            assert_int_equal(read_cut(e, len, cut, &m), e->status);
        if (status != READY && status != 0)
            assert_true(m.fault && m.fault[0]);
    }
}

static void request_lines_are_read_strictly(void **state)
{
    static const struct expected cases[] = {
        { GET HOST "\r\n", 0, READY },
        { "\r\n" GET HOST "\r\n", 0, READY },
        { "\r\n\r\n" GET HOST "\r\n", 0, READY },
        { "\r\n\r\n\r\n" GET HOST "\r\n", 0, 400 },
        { "\n" GET HOST "\r\n", 0, 400 },
        { " " GET HOST "\r\n", 0, 400 },
        { "\t" GET HOST "\r\n", 0, 400 },
        { "GET  / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET /  HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.1 \r\n" HOST "\r\n", 0, 400 },
        { "GET /\tHTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.1\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.1\r" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.1\r\r\n" HOST "\r\n", 0, 400 },
        { "GET /\r\n", 0, 400 },
        { "GET\r\n", 0, 400 },
        { "GET / \r\n" HOST "\r\n", 0, 400 },
        { " / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "G(T / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET / /x HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET /a b HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "BREW / HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "get / HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "\x16\x03\x01\x02", 0, 400 }, /* a TLS ClientHello is refused at its first byte */
        { NUL("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), 400 },
        { NUL("G\0T / HTTP/1.1\r\n" HOST "\r\n"), 400 },
        { "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.0\r\n\r\n", 0, READY },
        { "GET / HTTP/1.2\r\n" HOST "\r\n", 0, 505 },
        { "GET / HTTP/0.9\r\n\r\n", 0, 505 },
        { "GET / HTTP/2.0\r\n" HOST "\r\n", 0, 505 },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505 },
        { "GET / HTTP/1.10\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/11\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1,1\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.x\r\n" HOST "\r\n", 0, 400 },
        { "GET / http/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET / ICY/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET / HTTP/1.\r\n" HOST "\r\n", 0, 400 },
        { "", 0, 0 },
        { "G", 0, 0 },
        { "\r", 0, 0 },
        { "\r\n\r", 0, 0 },
        { "GET / HTTP/1.1\r", 0, 0 },
        { "GET / HTTP/1.1\r\n", 0, 0 },
        { GET HOST, 0, 0 },
        { GET HOST "\r", 0, 0 },
    };

    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void targets_have_the_form_their_method_wants(void **state)
{
    static const struct expected cases[] = {
        { "GET http://a.example/x?y HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "GET https://b.example HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "GET http:// HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET http://u:p@a.example/ HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET ftp://a.example/ HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET * HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET x HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET a.example:80 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "GET /ok%00x HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "GET /x#y HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "OPTIONS /v1/sign HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n", 0, READY },
        { "CONNECT a.example HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "CONNECT / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
        { "POST a.example:443 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
    };

    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void there_is_exactly_one_valid_host(void **state)
{
    static const struct expected cases[] = {
        { GET "\r\n", 0, 400 },
        { GET HOST HOST "\r\n", 0, 400 },
        { GET HOST "host: b.example\r\n\r\n", 0, 400 },
        { GET "Host:\r\n\r\n", 0, 400 },
        { GET "Host: \t \r\n\r\n", 0, 400 },
        { GET "Host: a b\r\n\r\n", 0, 400 },
        { GET "Host: a.example, b.example\r\n\r\n", 0, 400 },
        { GET "Host: a/b\r\n\r\n", 0, 400 },
        { GET "Host: u@a\r\n\r\n", 0, 400 },
        { GET "Host: a:port\r\n\r\n", 0, 400 },
        { GET "Host: a:65536\r\n\r\n", 0, 400 },
        { GET "Host: http://a\r\n\r\n", 0, 400 },
        { GET "Host: ::1\r\n\r\n", 0, 400 },
        { GET "Host: [::1\r\n\r\n", 0, 400 },
        { GET "Host: [::1]:8443\r\n\r\n", 0, READY },
        { GET "Host: 127.0.0.1:80\r\n\r\n", 0, READY },
        { GET "HOST:a.example\r\n\r\n", 0, READY },
        { GET "hOsT:\t a.example \t\r\n\r\n", 0, READY },
        { GET "Hosts: a\r\n\r\n", 0, 400 },
        { "GET http://a.example/ HTTP/1.1\r\n\r\n", 0, 400 },
        { "GET / HTTP/1.0\r\n" HOST "\r\n", 0, READY },
        { "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 0, 400 },
        { "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 0, 400 },
    };

    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void header_fields_are_read_strictly(void **state)
{
    static const struct expected cases[] = {
        { GET HOST "X: y\r\n\r\n", 0, READY },
        { GET HOST "X:y\r\n\r\n", 0, READY },
        { GET HOST "X:\r\n\r\n", 0, READY },
        { GET HOST "X: \r\n\r\n", 0, READY },
        { GET HOST "X:\ty\tz\t\r\n\r\n", 0, READY },
        { GET HOST "X: a:b:c\r\n\r\n", 0, READY },
        { GET HOST "X: caf\xc3\xa9 \xff\r\n\r\n", 0, READY },
        { GET HOST "!#$%&'*+-.^_`|~09: y\r\n\r\n", 0, READY },
        { GET HOST ": y\r\n\r\n", 0, 400 },
        { GET HOST "X : y\r\n\r\n", 0, 400 },
        { GET HOST "X\t: y\r\n\r\n", 0, 400 },
        { GET HOST " X: y\r\n\r\n", 0, 400 },
        { GET " X: y\r\n" HOST "\r\n", 0, 400 },
        { GET "\tX: y\r\n" HOST "\r\n", 0, 400 },
        { GET HOST "X: y\r\n z\r\n\r\n", 0, 400 },
        { GET HOST "X: y\r\n\tz\r\n\r\n", 0, 400 },
        { GET HOST "X: y\r\n \r\n\r\n", 0, 400 },
        { GET HOST "X\r\n\r\n", 0, 400 },
        { GET HOST "X y: z\r\n\r\n", 0, 400 },
        { GET HOST "X(: y\r\n\r\n", 0, 400 },
        { GET HOST "X,Y: z\r\n\r\n", 0, 400 },
        { GET HOST "\"X\": z\r\n\r\n", 0, 400 },
        { GET HOST "X\xc3\xa9: y\r\n\r\n", 0, 400 },
        { GET HOST "X: y\n\r\n", 0, 400 },
        { GET HOST "X: y\r\r\n\r\n", 0, 400 },
        { GET HOST "X: y\rz\r\n\r\n", 0, 400 },
        { GET HOST "X: y\r\n\n", 0, 400 },
        { GET HOST "\n", 0, 400 },
        { GET HOST "\rx", 0, 400 },
        { GET HOST "X: y\n\n", 0, 400 },
        { NUL(GET HOST "X: y\0z\r\n\r\n"), 400 },
        { NUL(GET HOST "X\0: y\r\n\r\n"), 400 },
        { GET HOST "X: \x01\r\n\r\n", 0, 400 },
        { GET HOST "X: \x1b[2J\r\n\r\n", 0, 400 },
        { GET HOST "X: \x7f\r\n\r\n", 0, 400 },
        { GET HOST "X: \x0b\r\n\r\n", 0, 400 },
        { GET HOST "X: \x0c\r\n\r\n", 0, 400 },
    };

    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void the_end_of_a_body_is_never_in_doubt(void **state)
{
    static const struct expected cases[] = {
        { POST "Content-Length: 3\r\n\r\n", 0, READY },
        { POST "Content-Length: 0\r\n\r\n", 0, READY },
        { POST "Content-Length: 16384\r\n\r\n", 0, READY },
        { POST "Content-Length: 0000016384\r\n\r\n", 0, READY },
        { POST "content-length:\t3 \r\n\r\n", 0, READY },
        { POST "\r\n", 0, READY },
        { POST "Content-Length: 16385\r\n\r\n", 0, 413 },
        { POST "Content-Length: 1048576\r\n\r\n", 0, 413 },
        { POST "Content-Length: 18446744073709551617\r\n\r\n", 0, 413 },
        { POST "Content-Length: 99999999999999999999999999999999999999\r\n\r\n", 0, 413 },
        { POST "Content-Length: +3\r\n\r\n", 0, 400 },
        { POST "Content-Length: -1\r\n\r\n", 0, 400 },
        { POST "Content-Length: 0x5\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3.0\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3a\r\n\r\n", 0, 400 },
        { POST "Content-Length: 1 2\r\n\r\n", 0, 400 },
        { POST "Content-Length:\r\n\r\n", 0, 400 },
        { POST "Content-Length: \"3\"\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3, 3\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3, 4\r\n\r\n", 0, 400 },
        { POST "Content-Length: \xd9\xa3\r\n\r\n", 0, 400 }, /* an Arabic three */
        { POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3\r\nX: y\r\ncontent-length: 4\r\n\r\n", 0, 400 },
        { POST "Content-Length : 3\r\n\r\n", 0, 400 },
        { POST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked\r\n\r\n", 0, READY },
        { POST "transfer-encoding:Chunked\r\n\r\n", 0, READY },
        { POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 0, 400 },
        { POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
        { POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
        { POST "Content-Length: 99999\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 501 },
        { POST "Transfer-Encoding: identity, chunked\r\n\r\n", 0, 501 },
        { POST "Transfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n", 0, 501 },
        { POST "Transfer-Encoding: gzip\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: identity\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked, identity\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: xchunked\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunkedx\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked,\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding:\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 0, 400 },
        { POST "Transfer-Encoding : chunked\r\n\r\n", 0, 400 },
        { POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n", 0, 400 },
        { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
        { "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n", 0, READY },
        { GET HOST "Content-Length: 3\r\n\r\n", 0, READY },
        { GET HOST "Content-Length: 16385\r\n\r\n", 0, 413 },
    };

    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void only_100_continue_can_be_expected(void **state)
{
    static const struct expected cases[] = {
        { POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", 0, READY },
        { POST "expect: 100-Continue\r\n\r\n", 0, READY },
        { POST "Expect: 100-continue\r\nContent-Length: 16385\r\n\r\n", 0, 413 },
        { POST "Expect: 200-ok\r\n\r\n", 0, 417 },
        { POST "Expect: 100-continue, x\r\n\r\n", 0, 417 },
        { POST "Expect:\r\n\r\n", 0, 417 },
        { POST "Expect: 100-continue\r\nExpect: x\r\n\r\n", 0, 417 },
        { "POST / HTTP/1.0\r\nExpect: x\r\n\r\n", 0, READY },
    };

    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

/* "GET /aaa… HTTP/1.1" of `line` bytes, then `fields` bytes of header block in `lines` lines with the empty one. */
static char *long_request(size_t line, size_t fields, size_t lines)
{
    struct text t = TEXT_MAX(100000);
    size_t left = fields - strlen(HOST) - 2;

    text_add(&t, "GET /");
    for (size_t i = strlen("GET / HTTP/1.1"); i < line; i++)
        text_add_char(&t, 'a');
    text_add(&t, " HTTP/1.1\r\n" HOST);
    for (size_t i = 2; i < lines; i++, left -= 5)
        text_add(&t, "X:y\r\n");
    text_add(&t, "Y:");
    for (size_t i = strlen("Y:\r\n"); i < left; i++)
        text_add_char(&t, 'y');
    text_add(&t, "\r\n\r\n");
    return text_take(&t);
}

static void check_long(size_t line, size_t fields, size_t lines, int status)
{
    char *bytes = long_request(line, fields, lines);
    struct expected e = { bytes, 0, status };

    assert_int_equal(strlen(bytes), line + 2 + fields);
    check_cases(&e, 1);
    free(bytes);
}

static void sizes_have_limits_to_the_byte(void **state)
{
    (void)state;
    check_long(MESSAGE_MAX_LINE, 100, 2, READY);
    check_long(MESSAGE_MAX_LINE + 1, 100, 2, 414);
    check_long(30000, 100, 2, 414);
    check_long(100, MESSAGE_MAX_FIELDS, 2, READY);
    check_long(100, MESSAGE_MAX_FIELDS + 1, 2, 431);
    check_long(100, 40000, 2, 431);
    check_long(MESSAGE_MAX_LINE, MESSAGE_MAX_FIELDS, 100, READY);
    check_long(MESSAGE_MAX_LINE, MESSAGE_MAX_FIELDS + 1, 100, 431);
    check_long(100, 1000, 100, READY);
    check_long(100, 1000, 101, 431);
}

static void endless_lines_are_refused_before_they_end(void **state)
{
    char *bytes = malloc(MESSAGE_MAX_HEAD);
    struct message m = { 0 };

    (void)state;
    memset(bytes, 'a', MESSAGE_MAX_HEAD);
    assert_int_equal(message_read(&m, bytes, MESSAGE_MAX_LINE + 1), MESSAGE_MORE);
    assert_int_equal(message_read(&m, bytes, MESSAGE_MAX_LINE + 2), MESSAGE_BAD);
    assert_int_equal(m.status, 414);
    m = (struct message){ 0 };
    memcpy(bytes, "\r\n\r\n" GET, strlen("\r\n\r\n" GET));
    assert_int_equal(message_read(&m, bytes, MESSAGE_MAX_FIELDS + 20), MESSAGE_MORE);
    assert_int_equal(message_read(&m, bytes, MESSAGE_MAX_FIELDS + 21), MESSAGE_BAD);
    assert_int_equal(m.status, 431);
    assert_int_equal(message_read(&m, bytes, MESSAGE_MAX_FIELDS + 22), MESSAGE_BAD);
    free(bytes);
}

static void reading_stops_at_the_end_of_the_head(void **state)
{
    const char *bytes = POST "Content-Length: 4\r\n\r\nbodyGET / HTTP/1.1\n";
    struct message m = { 0 };

    (void)state;
    assert_int_equal(message_read(&m, bytes, strlen(bytes)), MESSAGE_READY);
    assert_int_equal(m.head_len, strstr(bytes, "body") - bytes);
    assert_int_equal(m.body, MESSAGE_LENGTH);
    assert_int_equal(m.body_len, 4);
    assert_int_equal(message_read(&m, bytes, strlen(bytes)), MESSAGE_READY);
}

static void what_a_message_says_can_be_asked(void **state)
{
    const char *bytes = "\r\nPOST http://a.example/v1/sign?x=1 HTTP/1.1\r\nHost: b.example\r\nA: 1\r\nB: 2\r\na:\t 3 \r\n\r\n";
    struct message m = { 0 };
    struct span value;

    (void)state;
    assert_int_equal(message_read(&m, bytes, strlen(bytes)), MESSAGE_READY);
    assert_int_equal(m.method, METHOD_POST);
    assert_int_equal(m.minor, 1);
    assert_int_equal(m.body, MESSAGE_NO_BODY);
    assert_true(syntax_same(message_path(&m), "/v1/sign"));
    assert_true(syntax_same(message_query(&m), "x=1"));
    assert_true(message_field(&m, "a", 0, &value) && syntax_same(value, "1"));
    assert_true(message_field(&m, "A", 1, &value) && syntax_same(value, "3"));
    assert_false(message_field(&m, "a", 2, &value));
    assert_false(message_field(&m, "c", 0, &value));
}

static void paths_that_are_not_there_have_a_meaning(void **state)
{
    static const struct {
        const char *bytes, *path;
        enum method method;
    } cases[] = {
        { "GET http://a.example HTTP/1.1\r\n" HOST "\r\n", "/", METHOD_GET },
        { "GET http://a.example?x HTTP/1.1\r\n" HOST "\r\n", "/", METHOD_GET },
        { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "*", METHOD_OPTIONS },
        { "OPTIONS http://a.example HTTP/1.1\r\n" HOST "\r\n", "*", METHOD_OPTIONS },
        { "CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n", "", METHOD_CONNECT },
        { "HEAD /h HTTP/1.1\r\n" HOST "\r\n", "/h", METHOD_HEAD },
        { "PUT /p HTTP/1.1\r\n" HOST "\r\n", "/p", METHOD_PUT },
        { "DELETE /d HTTP/1.1\r\n" HOST "\r\n", "/d", METHOD_DELETE },
        { "TRACE /t HTTP/1.1\r\n" HOST "\r\n", "/t", METHOD_TRACE },
        { "PATCH /x HTTP/1.1\r\n" HOST "\r\n", "/x", METHOD_PATCH },
        { "Post /x HTTP/1.1\r\n" HOST "\r\n", "/x", METHOD_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message m = { 0 };

        assert_int_equal(message_read(&m, cases[i].bytes, strlen(cases[i].bytes)), MESSAGE_READY);
        assert_int_equal(m.method, cases[i].method);
        assert_true(syntax_same(message_path(&m), cases[i].path));
    }
}

static void connections_persist_as_the_version_and_the_field_say(void **state)
{
    static const struct {
        const char *bytes;
        bool keep_alive, expect_continue;
    } cases[] = {
        { GET HOST "\r\n", true, false },
        { GET HOST "Connection: close\r\n\r\n", false, false },
        { GET HOST "Connection: x , Close\r\n\r\n", false, false },
        { GET HOST "Connection: x\r\nconnection: close\r\n\r\n", false, false },
        { GET HOST "Connection: closed\r\n\r\n", true, false },
        { GET HOST "Connection: keep-alive, close\r\n\r\n", false, false },
        { "GET / HTTP/1.0\r\n\r\n", false, false },
        { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false },
        { "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false, false },
        { POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", true, true },
        { POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true, true },
        { POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", true, false },
        { POST "Expect: 100-continue\r\n\r\n", true, false },
        { "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message m = { 0 };

        assert_int_equal(message_read(&m, cases[i].bytes, strlen(cases[i].bytes)), MESSAGE_READY);
        assert_int_equal(m.keep_alive, cases[i].keep_alive);
        assert_int_equal(m.expect_continue, cases[i].expect_continue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines_are_read_strictly),
        cmocka_unit_test(targets_have_the_form_their_method_wants),
        cmocka_unit_test(there_is_exactly_one_valid_host),
        cmocka_unit_test(header_fields_are_read_strictly),
        cmocka_unit_test(the_end_of_a_body_is_never_in_doubt),
        cmocka_unit_test(only_100_continue_can_be_expected),
        cmocka_unit_test(sizes_have_limits_to_the_byte),
        cmocka_unit_test(endless_lines_are_refused_before_they_end),
        cmocka_unit_test(reading_stops_at_the_end_of_the_head),
        cmocka_unit_test(what_a_message_says_can_be_asked),
        cmocka_unit_test(paths_that_are_not_there_have_a_meaning),
        cmocka_unit_test(connections_persist_as_the_version_and_the_field_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

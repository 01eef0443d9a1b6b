/* audit-syslog's server.c: what may stand in the setting `server`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "server.h"

static struct server server;
static struct cs_error err;

static void expect(const char *text, enum server_kind kind, const char *host, const char *port)
{
    err = (struct cs_error){ 0 };
    assert_int_equal(server_parse(&server, text, &err), 0);
    assert_int_equal(server.kind, kind);
    assert_string_equal(server.host, host);
    assert_string_equal(server.port, port);
}

static void refuse(const char *text, const char *words)
{
    assert_int_equal(server_parse(&server, text, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void each_way_is_known(void **state)
{
    (void)state;
    expect("unix:/dev/log", SERVER_UNIX, "/dev/log", "");
    expect("udp:192.0.2.7:5514", SERVER_UDP, "192.0.2.7", "5514");
    expect("udp:192.0.2.7", SERVER_UDP, "192.0.2.7", "514");
    expect("tcp:logs.example.com", SERVER_TCP, "logs.example.com", "514");
    expect("tls:logs.example.com", SERVER_TLS, "logs.example.com", "6514");
    expect("tcp:[2001:db8::7]:601", SERVER_TCP, "2001:db8::7", "601");
    expect("tls:[2001:db8::7]", SERVER_TLS, "2001:db8::7", "6514");
}

static void everything_else_is_refused_with_what_there_is(void **state)
{
    char path[200] = "unix:/";

    (void)state;
    refuse("", "has no known way: write \"unix:/dev/log\"");
    refuse("logs.example.com:514", "has no known way");
    refuse("unix:dev/log", "has no absolute path");
    memset(path + 6, 'x', 150);
    refuse(path, "too long for a socket");
    refuse("udp:", "names no host");
    refuse("udp::514", "names no host");
    refuse("tcp:a b", "names no host");
    refuse("tcp:host:0", "has no port from 1 to 65535");
    refuse("tcp:host:65536", "has no port from 1 to 65535");
    refuse("tcp:host:", "has no port from 1 to 65535");
    refuse("tcp:host:syslog", "has no port from 1 to 65535");
    refuse("tcp:2001:db8::7:601", "has no port from 1 to 65535");
    refuse("tcp:[2001:db8::7", "has no closing bracket");
    refuse("tcp:[2001:db8::7]601", "has no port from 1 to 65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_is_known),
        cmocka_unit_test(everything_else_is_refused_with_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* http/arrival.c, forwarded.c and proxies.c: where a request comes from, behind proxies that are trusted and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include "http/arrival.h"
#include "request_head.h"

static const char *const trusted[] = { "10.0.0.0/8", "2001:db8:f::/48", "unix" };

static struct peer peer_of(const char *address, bool from_proxy)
{
    struct peer peer = { .from_proxy = from_proxy };

    if (inet_pton(AF_INET, address, &peer.address.v4.sin_addr) == 1) {
        peer.address.v4.sin_family = AF_INET;
        peer.len = sizeof peer.address.v4;
    } else if (inet_pton(AF_INET6, address, &peer.address.v6.sin6_addr) == 1) {
        peer.address.v6.sin6_family = AF_INET6;
        peer.len = sizeof peer.address.v6;
    } else {
        peer.address.any.sa_family = strcmp(address, "unix") == 0 ? AF_UNIX : AF_UNSPEC;
        peer.len = sizeof peer.address.any.sa_family;
    }
    return peer;
}

static const char *text_of_source(const struct source *source)
{
    static char text[INET6_ADDRSTRLEN];
    uint8_t v6[16] = { 0 };

    memcpy(v6, source->address, sizeof source->address);
    switch (source->family) {
    case SOURCE_IPV4:
        return inet_ntop(AF_INET, source->address, text, sizeof text);
    case SOURCE_IPV6:
        return inet_ntop(AF_INET6, v6, text, sizeof text);
    default:
        return "-";
    }
}

/* "from source" */
static const char *arrival_of(const char *peer, bool from_proxy, size_t n_trusted, const char *fields)
{
    static char text[100];
    struct proxies proxies;
    struct request_head head;
    struct arrival arrival;
    struct peer at = peer_of(peer, from_proxy);

    assert_int_equal(proxies_read(&proxies, trusted, n_trusted, NULL), 0);
    arrival_read(&arrival, request_head_of(&head, fields), &at, &proxies);
    proxies_clear(&proxies);
    snprintf(text, sizeof text, "%s %s", arrival_word(arrival.from), text_of_source(&arrival.source));
    assert_string_equal(arrival.client, "none");
    return text;
}

static void without_a_trusted_proxy_the_socket_counts(void **state)
{
    static const char liar[] = "Forwarded: for=203.0.113.9\r\nX-Forwarded-For: 203.0.113.9\r\n";

    (void)state;
    assert_string_equal(arrival_of("192.0.2.1", false, 0, ""), "socket 192.0.2.1");
    assert_string_equal(arrival_of("192.0.2.1", false, 0, liar), "socket 192.0.2.1");
    assert_string_equal(arrival_of("10.0.0.1", false, 0, liar), "socket 10.0.0.1");
    assert_string_equal(arrival_of("192.0.2.1", false, 3, liar), "socket 192.0.2.1");
    assert_string_equal(arrival_of("::ffff:192.0.2.1", false, 3, liar), "socket 192.0.2.1");
    assert_string_equal(arrival_of("2001:db8:1:2:3::4", false, 3, liar), "socket 2001:db8:1:2::");
    assert_string_equal(arrival_of("192.0.2.1", true, 3, liar), "proxy 192.0.2.1");
    assert_string_equal(arrival_of("unix", false, 0, liar), "unknown -");
    assert_string_equal(arrival_of("nothing", true, 3, liar), "unknown -");
}

static void a_trusted_proxy_is_believed(void **state)
{
    static const struct {
        const char *fields, *arrival;
    } cases[] = {
        { "", "socket 10.0.0.1" }, /* it asks for itself */
        { "X-Forwarded-For: 192.0.2.1\r\n", "forwarded 192.0.2.1" },
        { "x-forwarded-for:192.0.2.1:4711\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: 2001:db8::1\r\n", "forwarded 2001:db8::" },
        { "X-Forwarded-For: [2001:db8::1]\r\n", "forwarded 2001:db8::" },
        { "X-Forwarded-For: [2001:db8::1]:4711\r\n", "forwarded 2001:db8::" },
        { "X-Forwarded-For: fe80::1%eth0\r\n", "forwarded fe80::" },
        { "X-Forwarded-For: ::ffff:192.0.2.1\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: rubbish, \", 192.0.2.1\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.1.1.1\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: 192.0.2.1, 10.1.1.1, 2001:db8:f::1,, ::ffff:10.2.2.2 ,\r\n", "forwarded 192.0.2.1" },
        { "X-Forwarded-For: 10.3.3.3, 10.1.1.1\r\n", "forwarded 10.3.3.3" },
        { "X-Forwarded-For: unknown\r\n", "unknown -" },
        { "X-Forwarded-For: 192.0.2.1, unknown, 10.1.1.1\r\n", "unknown -" },
        { "X-Forwarded-For:\r\n", "unknown -" },
        { "X-Forwarded-For: 192.0.2.1, localhost\r\n", "malformed -" },
        { "X-Forwarded-For: 192.0.2.1, rubbish, 10.1.1.1\r\n", "malformed -" },
        { "X-Forwarded-For: 192.0.2.01\r\n", "malformed -" },
        { "X-Forwarded-For: 192.0.2.1:\r\n", "malformed -" },
        { "X-Forwarded-For: 192.0.2.1:99999\r\n", "malformed -" },
        { "X-Forwarded-For: 192.0.2.1:http\r\n", "malformed -" },
        { "X-Forwarded-For: [192.0.2.1]\r\n", "malformed -" },
        { "X-Forwarded-For: [2001:db8::1\r\n", "malformed -" },
        { "X-Forwarded-For: [2001:db8::1]4711\r\n", "malformed -" },
        { "X-Forwarded-For: [2001:db8::1]:\r\n", "malformed -" },
        { "X-Forwarded-For: fe80::1%\r\n", "malformed -" },
        { "X-Forwarded-For: 2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001\r\n", "malformed -" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(arrival_of("10.0.0.1", false, 3, cases[i].fields), cases[i].arrival) != 0)
            fail_msg("%s gives %s", cases[i].fields, arrival_of("10.0.0.1", false, 3, cases[i].fields));
}

static void forwarded_is_read_as_rfc_7239_has_it(void **state)
{
    static const struct {
        const char *field, *arrival;
    } cases[] = {
        { "for=192.0.2.1", "forwarded 192.0.2.1" },
        { "For=\"192.0.2.1\"", "forwarded 192.0.2.1" },
        { "FOR=\"192.0.2.1:4711\"", "forwarded 192.0.2.1" },
        { "for=192.0.2.1:4711", "forwarded 192.0.2.1" }, /* should be quoted */
        { "for=\"[2001:db8:cafe::17]:4711\"", "forwarded 2001:db8:cafe::" },
        { "for=\"[2001:db8:cafe::17]\"", "forwarded 2001:db8:cafe::" },
        { "for=[2001:db8:cafe::17]", "forwarded 2001:db8:cafe::" },
        { "for=\"[2001:db8:cafe::17]:_port\"", "forwarded 2001:db8:cafe::" },
        { "for=\"\\1\\9\\2.0.2.1\"", "forwarded 192.0.2.1" },
        { "for=192.0.2.1;proto=http;by=203.0.113.43", "forwarded 192.0.2.1" },
        { "proto=https ; for=192.0.2.1 ; host=\"a;b,c\"", "forwarded 192.0.2.1" },
        { "by=\"x, for=203.0.113.9\";for=192.0.2.1", "forwarded 192.0.2.1" },
        { "x=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\";for=192.0.2.1",
          "forwarded 192.0.2.1" },
        { ";;for=192.0.2.1;", "forwarded 192.0.2.1" },
        { "for=203.0.113.9, for=192.0.2.1", "forwarded 192.0.2.1" },
        { "for=192.0.2.1,for=10.1.1.1", "forwarded 192.0.2.1" },
        { "for=192.0.2.1, for=\"[2001:db8:f::1]\", for=10.1.1.1;by=10.9.9.9", "forwarded 192.0.2.1" },
        { "for=unknown", "unknown -" },
        { "for=\"unknown:4711\"", "unknown -" },
        { "for=_gazonk", "unknown -" },
        { "for=\"_gazonk:_x\"", "unknown -" },
        { "for=192.0.2.1, for=_hidden, for=10.1.1.1", "unknown -" },
        { "proto=https", "unknown -" },
        { "for=192.0.2.1, proto=https", "unknown -" },
        { "", "unknown -" },
        { "for", "malformed -" },
        { "for=", "malformed -" },
        { "for=\"\"", "malformed -" },
        { "for=_", "malformed -" },
        { "for=_a b", "malformed -" },
        { "for=192.0.2.1 x", "malformed -" },
        { "for =192.0.2.1", "malformed -" },
        { "for= 192.0.2.1", "malformed -" },
        { "for=\"192.0.2.1", "malformed -" },
        { "for=\"192.0.2.1\"x", "malformed -" },
        { "for=192.0.2.1;for=192.0.2.1", "malformed -" },
        { "for=192.0.2.1;x", "malformed -" },
        { "for=somebody", "malformed -" },
        { "for=\"[2001:db8::1]:99999\"", "malformed -" },
        { "for=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", "malformed -" },
        /* A client's open quote swallows what the proxy adds to its line: then nothing is known, and nothing is made up. */
        { "for=203.0.113.9;x=\", for=192.0.2.1", "malformed -" },
        { "for=203.0.113.9;x=\", for=\"[2001:db8::1]\"", "malformed -" },
        { "for=203.0.113.9;x=\\, for=192.0.2.1", "forwarded 192.0.2.1" },
    };
    char field[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(field, sizeof field, "Forwarded: %s\r\n", cases[i].field);
        if (strcmp(arrival_of("10.0.0.1", false, 3, field), cases[i].arrival) != 0)
            fail_msg("%s gives %s", cases[i].field, arrival_of("10.0.0.1", false, 3, field));
    }
}

static void two_fields_must_agree(void **state)
{
    (void)state;
    assert_string_equal(arrival_of("10.0.0.1", false, 3, "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\n"),
                        "forwarded 192.0.2.1");
    assert_string_equal(arrival_of("10.0.0.1", false, 3, "Forwarded: for=203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n"),
                        "malformed -");
    assert_string_equal(arrival_of("10.0.0.1", false, 3, "Forwarded: for=unknown\r\nX-Forwarded-For: 192.0.2.1\r\n"),
                        "malformed -");
    assert_string_equal(
        arrival_of("10.0.0.1", false, 3, "Forwarded: for=\"[2001:db8::1]\"\r\nX-Forwarded-For: 2001:db8::2\r\n"),
        "malformed -");
}

static void other_ways_in_are_followed_too(void **state)
{
    (void)state;
    assert_string_equal(arrival_of("unix", false, 3, "X-Forwarded-For: 192.0.2.1\r\n"), "forwarded 192.0.2.1");
    assert_string_equal(arrival_of("unix", false, 3, ""), "unknown -");
    assert_string_equal(arrival_of("unix", false, 2, "X-Forwarded-For: 192.0.2.1\r\n"), "unknown -");
    assert_string_equal(arrival_of("10.7.7.7", true, 3, "Forwarded: for=192.0.2.1\r\n"), "forwarded 192.0.2.1");
    assert_string_equal(arrival_of("10.7.7.7", true, 3, ""), "proxy 10.7.7.7");
}

static void a_way_of_too_many_proxies_is_not_followed(void **state)
{
    char field[4000] = "X-Forwarded-For: 192.0.2.1";

    (void)state;
    for (int i = 0; i < 31; i++)
        snprintf(field + strlen(field), sizeof field - strlen(field), ", 10.0.0.%d", i);
    snprintf(field + strlen(field), sizeof field - strlen(field), "\r\n");
    assert_string_equal(arrival_of("10.0.0.1", false, 3, field), "forwarded 192.0.2.1");
    snprintf(field + strlen(field) - 2, sizeof field - strlen(field), ", 10.0.0.9\r\n");
    assert_string_equal(arrival_of("10.0.0.1", false, 3, field), "malformed -");
}

static void a_list_of_proxies_that_cannot_be_read_is_refused(void **state)
{
    static const char *const wrong[] = { "10.0.0.0/8", "proxy.example" };
    struct cs_error err = { 0 };
    struct proxies proxies;

    (void)state;
    assert_int_equal(proxies_read(&proxies, wrong, 2, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_null(proxies.networks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_trusted_proxy_the_socket_counts),
        cmocka_unit_test(a_trusted_proxy_is_believed),
        cmocka_unit_test(forwarded_is_read_as_rfc_7239_has_it),
        cmocka_unit_test(two_fields_must_agree),
        cmocka_unit_test(other_ways_in_are_followed_too),
        cmocka_unit_test(a_way_of_too_many_proxies_is_not_followed),
        cmocka_unit_test(a_list_of_proxies_that_cannot_be_read_is_refused),
    };

    return cmocka_run_group_tests_name("arrival", tests, NULL, NULL);
}

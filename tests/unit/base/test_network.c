/* base/network.c: networks of the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/network.h"

static bool has(const char *network, const char *address)
{
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct cs_error err = { 0 };
    struct network n;

    if (network_parse(network, &n, &err) < 0)
        fail_msg("%s", err.text);
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return network_has(&n, (const struct sockaddr *)&v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return network_has(&n, (const struct sockaddr *)&v6, sizeof v6);
}

static void an_address_lies_in_a_network_or_not(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.1.2"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("192.0.2.128/25", "192.0.2.200"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("192.0.2.7", "192.0.2.7"));
    assert_false(has("192.0.2.7", "192.0.2.6"));
    assert_true(has("0.0.0.0/0", "255.255.255.255"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(has("2001:db8::/32", "2001:db9::1"));
    assert_true(has("2001:db8::/31", "2001:db9::1"));
    assert_true(has("::/0", "2001:db9::1"));
    assert_false(has("::/0", "192.0.2.1"));
    assert_true(has("::1", "::1"));
    assert_false(has("::1", "::2"));
    assert_true(has("fe80::/10", "febf::1"));
    assert_false(has("fe80::/10", "fec0::1"));
}

static void a_mapped_address_is_the_one_in_it(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(has("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"));
    assert_false(has("::ffff:10.0.0.0/104", "11.1.2.3"));
    assert_false(has("::/0", "::ffff:10.1.2.3"));
}

static void other_sockets_lie_in_no_network(void **state)
{
    const struct sockaddr local = { .sa_family = AF_UNIX };
    const struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct network all;

    (void)state;
    assert_int_equal(network_parse("0.0.0.0/0", &all, NULL), 0);
    assert_false(network_has(&all, &local, sizeof local));
    assert_false(network_has(&all, (const struct sockaddr *)&v4, sizeof v4 - 1));
}

static void refused(const char *text, const char *why)
{
    struct cs_error err = { 0 };
    struct network n;

    if (network_parse(text, &n, &err) == 0 || err.code != CS_ECONFIG || !strstr(err.text, why))
        fail_msg("\"%s\": %s", text, err.text);
}

static void what_is_no_network_is_refused_with_the_reason(void **state)
{
    (void)state;
    refused("", "is not a network");
    refused("10.0.0.0.0/8", "is not a network");
    refused("10/8", "is not a network");
    refused("proxy.example", "is not a network");
    refused("[::1]", "is not a network");
    refused("fe80::1%lo", "is not a network");
    refused("2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000/32", "is not a network");
    refused("10.0.0.0/", "a number up to 32 is needed");
    refused("10.0.0.0/33", "a number up to 32 is needed");
    refused("10.0.0.0/8 ", "a number up to 32 is needed");
    refused("10.0.0.0/-1", "a number up to 32 is needed");
    refused("10.0.0.0/0008", "a number up to 32 is needed");
    refused("2001:db8::/129", "a number up to 128 is needed");
    refused("10.1.0.0/8", "has bits behind its 8 bits of network");
    refused("2001:db8::1/64", "has bits behind its 64 bits of network");
    refused("10.0.0.0/0", "has bits behind its 0 bits of network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_lies_in_a_network_or_not),
        cmocka_unit_test(a_mapped_address_is_the_one_in_it),
        cmocka_unit_test(other_sockets_lie_in_no_network),
        cmocka_unit_test(what_is_no_network_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}

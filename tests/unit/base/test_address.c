/* base/address.c: addresses as they stand in the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/address.h"

static void to_and_fro(const char *text, uint16_t default_port, int family, const char *back)
{
    struct sockaddr_storage address;
    struct cs_error err = { 0 };
    char shown[128];
    socklen_t len = 0;

    if (address_parse(text, default_port, &address, &len, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(address.ss_family, family);
    address_text(shown, (const struct sockaddr *)&address, len);
    assert_string_equal(shown, back);
}

static void addresses_are_read_and_shown(void **state)
{
    (void)state;
    to_and_fro("127.0.0.1:53", 0, AF_INET, "127.0.0.1:53");
    to_and_fro("0.0.0.0", 8443, AF_INET, "0.0.0.0:8443");
    to_and_fro("127.0.0.1:0", 53, AF_INET, "127.0.0.1:0");
    to_and_fro("127.0.0.1:65535", 53, AF_INET, "127.0.0.1:65535");
    to_and_fro("[::1]:53", 0, AF_INET6, "[::1]:53");
    to_and_fro("[::]", 443, AF_INET6, "[::]:443");
    to_and_fro("[2001:DB8:0::0:1]:1", 0, AF_INET6, "[2001:db8::1]:1");
    to_and_fro("[fe80::1%lo]:53", 0, AF_INET6, "[fe80::1%lo]:53");
    to_and_fro("unix:/run/countersign/http.sock", 0, AF_UNIX, "unix:/run/countersign/http.sock");
}

static void refused(const char *text, uint16_t default_port, const char *why)
{
    struct sockaddr_storage address;
    struct cs_error err = { 0 };
    socklen_t len = 0;

    assert_int_equal(address_parse(text, default_port, &address, &len, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
    static char path[200], host[200];

    (void)state;
    memset(path, 'x', sizeof path - 1);
    memcpy(path, "unix:/", 6);
    memset(host, '1', sizeof host - 1);
    refused("", 53, "is not an IPv4 address");
    refused("localhost:53", 0, "names are not looked up");
    refused("127.1:53", 0, "is not an IPv4 address");
    refused("127.0.0.1", 0, "there is no port");
    refused("127.0.0.1:", 53, "the port must be a number up to 65535");
    refused("127.0.0.1:65536", 53, "up to 65535");
    refused("127.0.0.1:+53", 53, "up to 65535");
    refused("127.0.0.1:000053", 53, "up to 65535");
    refused("::1", 53, "[2001:db8::1]:53");
    refused("[::1", 53, "is not an address");
    refused("[::1]53", 53, "is not an address");
    refused("[127.0.0.1]:53", 53, "is not an IPv6 address");
    refused("[::1%no-such-card]:53", 53, "is not an IPv6 address");
    refused(host, 53, "is not an address");
    refused("unix:relative", 0, "must begin with a slash");
    refused("unix:", 0, "must begin with a slash");
    refused(path, 0, "has at most 107 bytes");
}

static void an_address_cut_short_is_not_read_past_its_end(void **state)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    char shown[128];

    (void)state;
    address_text(shown, (const struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path)); /* an unnamed peer */
    assert_string_equal(shown, "unix:");
    memset(un.sun_path, 'x', sizeof un.sun_path);
    address_text(shown, (const struct sockaddr *)&un, sizeof un);
    assert_int_equal(strlen(shown), 5 + sizeof un.sun_path);
    address_text(shown, (const struct sockaddr *)&v4, 4);
    assert_string_equal(shown, "unknown address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_shown),
        cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
        cmocka_unit_test(an_address_cut_short_is_not_read_past_its_end),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}

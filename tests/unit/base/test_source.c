/* base/source.c: what counts as one source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/source.h"

#define V4(a, b, c, d) { .family = SOURCE_IPV4, .address = { a, b, c, d } }

static const struct {
    const char *text;
    struct source source;
} known[] = {
    { "192.0.2.1", V4(192, 0, 2, 1) },
    { "0.0.0.0", V4(0, 0, 0, 0) },
    { "255.255.255.255", V4(255, 255, 255, 255) },
    { "::ffff:192.0.2.1", V4(192, 0, 2, 1) },
    { "::FFFF:c000:0201", V4(192, 0, 2, 1) },
    { "0:0:0:0:0:ffff:192.0.2.1", V4(192, 0, 2, 1) },
    { "64:ff9b::192.0.2.1", V4(192, 0, 2, 1) },
    { "64:ff9b::c000:201", V4(192, 0, 2, 1) },
    { "2001:db8:1:2:3:4:5:6", { SOURCE_IPV6, { 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2 } } },
    { "2001:db8:1:2::", { SOURCE_IPV6, { 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2 } } },
    { "2001:DB8::1", { SOURCE_IPV6, { 0x20, 0x01, 0x0d, 0xb8 } } },
    { "::1", { SOURCE_IPV6, { 0 } } },
    { "::192.0.2.1", { SOURCE_IPV6, { 0 } } },               /* IPv4-compatible: nobody has such an address any more */
    { "::ffff:0:192.0.2.1", { SOURCE_IPV6, { 0 } } },        /* not a mapped one */
    { "64:ff9b:1::192.0.2.1", { SOURCE_IPV6, { 0, 0x64, 0xff, 0x9b, 0, 1 } } }, /* RFC 8215: it may stand anywhere */
    { "64:ff9b::1:192.0.2.1", { SOURCE_IPV6, { 0, 0x64, 0xff, 0x9b } } },
    { "fe80::1%eth0", { SOURCE_IPV6, { 0xfe, 0x80 } } },
    { "fe80::1%3", { SOURCE_IPV6, { 0xfe, 0x80 } } },
};

static bool is_same(struct source a, struct source b)
{
    return a.family == b.family && memcmp(a.address, b.address, sizeof a.address) == 0;
}

static void text_is_cut_down_to_a_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct source source;

        if (!source_parse(known[i].text, &source) || !is_same(source, known[i].source))
            fail_msg("%s is read wrong", known[i].text);
    }
}

static void a_socket_and_a_text_give_the_same_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = 7, .sin6_flowinfo = 9, .sin6_scope_id = 3 };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = 7 };
        char *text = strdup(known[i].text);

        text[strcspn(text, "%")] = '\0';
        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
            assert_true(is_same(source_of((const struct sockaddr *)&v4, sizeof v4), known[i].source));
        else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
            assert_true(is_same(source_of((const struct sockaddr *)&v6, sizeof v6), known[i].source));
        else
            fail_msg("%s", text);
        free(text);
    }
}

static void what_is_no_address_is_no_source(void **state)
{
    static const char *const garbage[] = {
        "", " ", "unknown", "_hidden", "192.0.2", "192.0.2.1.", "192.0.2.256", "192.0.2.01", "0x7f.0.0.1", "192.0.2.1 ",
        " 192.0.2.1", "192.0.2.1:80", "192.0.2.1%eth0", "192.0.2.0/24", "[::1]", "::1 ", ":::1", "1:2:3:4:5:6:7", "12345::",
        "1:2:3:4:5:6:7:8:9", "::1/64", "fe80::1%", "fe80::1%%", "fe80::1%a b", "fe80::1%a/b", "%eth0",
        "fe80::1%sixteen-letters-",
        "::ffff:192.0.2.1.1", "2001:db8:0000:0000:0000:0000:0000:00001", "localhost", "\xef\xbc\x91.0.0.1",
    };
    char longer[4096];
    struct source source;

    (void)state;
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        if (source_parse(garbage[i], &source) || source.family != SOURCE_UNKNOWN)
            fail_msg("\"%s\" was taken", garbage[i]);
    memset(longer, '1', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_false(source_parse(longer, &source));
}

static void other_sockets_have_no_source(void **state)
{
    const struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/run/x" };
    const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    const struct sockaddr_in v4 = { .sin_family = AF_INET };

    (void)state;
    assert_int_equal(source_of((const struct sockaddr *)&local, sizeof local).family, SOURCE_UNKNOWN);
    assert_int_equal(source_of((const struct sockaddr *)&v4, sizeof v4 - 1).family, SOURCE_UNKNOWN);
    assert_int_equal(source_of((const struct sockaddr *)&v6, sizeof v6 - 1).family, SOURCE_UNKNOWN);
    assert_int_equal(source_of((const struct sockaddr *)&v6, 0).family, SOURCE_UNKNOWN);
}

/* Text made of the characters of addresses: what inet_pton() takes is taken, and nothing else. */
static void random_text_is_taken_exactly_when_it_is_an_address(void **state)
{
    static const char letters[] = "0123456789abcdefABCDEF::::....%%ff";
    size_t n_addresses = 0;

    (void)state;
    srandom(4);
    for (int i = 0; i < 300000; i++) {
        size_t len = (size_t)random() % 12;
        struct source source;
        uint8_t bytes[16];
        char text[16] = "";
        bool is_address;

        for (size_t k = 0; k < len; k++)
            text[k] = letters[(size_t)random() % (sizeof letters - 1)];
        is_address = inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
        if (!strchr(text, '%') && source_parse(text, &source) != is_address)
            fail_msg("\"%s\"", text);
        n_addresses += is_address;
        source_parse(text, &source);
    }
    assert_true(n_addresses > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_down_to_a_source),
        cmocka_unit_test(a_socket_and_a_text_give_the_same_source),
        cmocka_unit_test(what_is_no_address_is_no_source),
        cmocka_unit_test(other_sockets_have_no_source),
        cmocka_unit_test(random_text_is_taken_exactly_when_it_is_an_address),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}

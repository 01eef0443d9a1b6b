/* http/proxy_header.c: the PROXY protocol, version 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "http/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x20\xfb" /* 192.0.2.1:4711 to 10.0.0.1:8443 */
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" "\x12\x67\x20\xfb"
#define CHECKSUM "\x9e\x3e\xe2\x71"
#define BYTES(text) text, sizeof text - 1

static struct peer peer;
static size_t need;

static enum proxy_header read_bytes(const char *bytes, size_t len)
{
    peer = (struct peer){ .address.v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) },
                          .len = sizeof peer.address.v4 };
    return proxy_header_read((const uint8_t *)bytes, len, &need, &peer);
}

static void assert_peer(const char *address)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (peer.address.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &peer.address.v4.sin_addr, text, sizeof text);
    else if (peer.address.any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &peer.address.v6.sin6_addr, text, sizeof text);
    assert_string_equal(text, address);
}

static void good(const char *bytes, size_t len)
{
    assert_int_equal(read_bytes(bytes, len), PROXY_HEADER_READY);
    assert_int_equal(need, len);
    for (size_t i = 0; i < len; i++) {
        if (read_bytes(bytes, i) != PROXY_HEADER_MORE || need <= i || need > len)
            fail_msg("after %zu bytes", i);
        assert_peer("127.0.0.1");
    }
    read_bytes(bytes, len);
}

static void clients_addresses_are_read(void **state)
{
    (void)state;
    good(BYTES(SIGNATURE "\x21\x11\x00\x0c" V4));
    assert_peer("192.0.2.1");
    assert_true(peer.from_proxy);
    good(BYTES(SIGNATURE "\x21\x21\x00\x24" V6));
    assert_peer("2001:db8::1");
    assert_true(peer.from_proxy);
}

static void a_proxy_that_speaks_for_itself_changes_nothing(void **state)
{
    (void)state;
    good(BYTES(SIGNATURE "\x20\x00\x00\x00"));
    assert_peer("127.0.0.1");
    assert_false(peer.from_proxy);
    good(BYTES(SIGNATURE "\x20\x11\x00\x0c" V4));
    assert_peer("127.0.0.1");
}

static void a_client_that_is_not_named_is_not_known(void **state)
{
    char local[PROXY_HEADER_FIRST + 216] = SIGNATURE "\x21\x31\x00\xd8";

    (void)state;
    good(BYTES(SIGNATURE "\x21\x00\x00\x00"));
    assert_int_equal(peer.address.any.sa_family, AF_UNSPEC);
    good(BYTES(SIGNATURE "\x21\x00\x00\x05" "abcde"));
    assert_int_equal(peer.address.any.sa_family, AF_UNSPEC);
    good(local, sizeof local);
    assert_int_equal(peer.address.any.sa_family, AF_UNIX);
}

static void other_tlvs_are_passed_over(void **state)
{
    (void)state;
    good(BYTES(SIGNATURE "\x21\x11\x00\x17" V4 "\x01\x00\x02" "h1" "\xee\x00\x00" "\x04\x00\x00"));
    assert_peer("192.0.2.1");
}

/* The sums were made with the reference algorithm of RFC 3720 B.4 in another language. */
static void a_checksum_must_be_right(void **state)
{
    static const char right[] = SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04" "SUMS";
    char bytes[sizeof right];

    (void)state;
    memcpy(bytes, right, sizeof right);
    memcpy(bytes + sizeof right - 5, "\x00\x00\x00\x00", 4);
    assert_int_equal(read_bytes(bytes, sizeof right - 1), PROXY_HEADER_BAD);
    memcpy(bytes + sizeof right - 5, CHECKSUM, 4);
    good(bytes, sizeof right - 1);
    assert_peer("192.0.2.1");
    bytes[PROXY_HEADER_FIRST] ^= 1;
    assert_int_equal(read_bytes(bytes, sizeof right - 1), PROXY_HEADER_BAD);
}

static void what_is_no_header_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        { BYTES("POST / HTTP/1.1\r\n") },
        { BYTES("\x16\x03\x01") },                                  /* TLS */
        { BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 4711 8443\r\n") },   /* version 1 */
        { BYTES("\r\n\r\nP") },
        { BYTES(SIGNATURE "\x11") },                                /* version 1 in version 2's clothes */
        { BYTES(SIGNATURE "\x31") },
        { BYTES(SIGNATURE "\x22") },                                /* no such command */
        { BYTES(SIGNATURE "\x21\x12\x00\x0c" V4) },                 /* a datagram */
        { BYTES(SIGNATURE "\x21\x10\x00\x0c" V4) },
        { BYTES(SIGNATURE "\x21\x41\x00\x0c" V4) },                 /* no such family */
        { BYTES(SIGNATURE "\x21\x11\x00\x0b" V4) },                 /* shorter than its addresses */
        { BYTES(SIGNATURE "\x21\x21\x00\x0c" V4) },
        { BYTES(SIGNATURE "\x21\x11\xff\xff") },                    /* too long */
        { BYTES(SIGNATURE "\x21\x11\x10\x01") },
        { BYTES(SIGNATURE "\x21\x11\x00\x0d" V4 "\x01") },          /* a cut TLV */
        { BYTES(SIGNATURE "\x21\x11\x00\x0e" V4 "\x01\x00") },
        { BYTES(SIGNATURE "\x21\x11\x00\x10" V4 "\x01\x00\x02" "h") },
        { BYTES(SIGNATURE "\x21\x11\x00\x0f" V4 "\x01\xff\xff") },
        { BYTES(SIGNATURE "\x21\x11\x00\x0f" V4 "\x03\x00\x00") },  /* an empty checksum */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (read_bytes(cases[i].bytes, cases[i].len) != PROXY_HEADER_BAD)
            fail_msg("case %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_addresses_are_read),
        cmocka_unit_test(a_proxy_that_speaks_for_itself_changes_nothing),
        cmocka_unit_test(a_client_that_is_not_named_is_not_known),
        cmocka_unit_test(other_tlvs_are_passed_over),
        cmocka_unit_test(a_checksum_must_be_right),
        cmocka_unit_test(what_is_no_header_is_refused),
    };

    return cmocka_run_group_tests_name("proxy_header", tests, NULL, NULL);
}

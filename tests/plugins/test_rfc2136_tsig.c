/* dns-rfc2136, tsig.c: what dnspython signed must come out the same, and nothing else may pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tsig.h"
#include "tsig_vectors.h"

enum { FUDGE = 300, TSIG = 250 };

struct found {
    struct dns_record owner;
    struct dns_tsig tsig;
    size_t at;
};

/* The TSIG at the end of a message with one question and `records` others before it; false: there is none. */
static bool find_tsig(struct found *found, const uint8_t *packet, size_t len)
{
    struct dns_reader r = { packet, len, DNS_HEADER };
    unsigned records = (unsigned)dns_reader_get16(packet + 6) + dns_reader_get16(packet + 8) + dns_reader_get16(packet + 10);
    uint8_t name[DNS_NAME_MOST];
    size_t name_len;

    if (!dns_reader_name(&r, false, name, &name_len))
        return false;
    r.at += 4;
    for (; records > 0; records--) {
        found->at = r.at;
        if (!dns_reader_record(&r, &found->owner))
            return false;
    }
    return found->owner.type == TSIG && r.at == len && dns_reader_tsig(&found->tsig, &found->owner);
}

static void make_key(struct tsig_key *key, const char *algorithm)
{
    struct cs_error err = { 0 };

    if (tsig_key_init(key, VECTOR_KEY, VECTOR_SECRET, algorithm, &err) < 0)
        fail_msg("%s", err.text);
}

/* The request of a vector without its TSIG, signed by us. */
static size_t sign_request(const struct vector *v, const struct tsig_key *key, uint8_t *message, struct tsig_mac *mac)
{
    struct found found;
    size_t len;

    memcpy(message, v->request, v->request_len);
    assert_true(find_tsig(&found, message, v->request_len));
    len = found.at;
    message[11]--;
    assert_int_equal(tsig_sign(key, VECTOR_TIME, FUDGE, message, &len, mac, NULL), 0);
    return len;
}

static void our_mac_is_theirs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        uint8_t message[1024];
        struct found theirs, ours;
        struct tsig_key key;
        struct tsig_mac mac;
        size_t len;

        make_key(&key, v->algorithm);
        len = sign_request(v, &key, message, &mac);
        assert_true(find_tsig(&theirs, (const uint8_t *)v->request, v->request_len));
        assert_true(find_tsig(&ours, message, len));
        assert_int_equal(mac.len, theirs.tsig.mac_len);
        assert_memory_equal(mac.at, theirs.tsig.mac, mac.len);
        assert_int_equal(ours.tsig.mac_len, mac.len);
        assert_memory_equal(ours.tsig.mac, mac.at, mac.len);
        assert_int_equal(ours.tsig.time_s, VECTOR_TIME);
        assert_int_equal(ours.tsig.fudge_s, FUDGE);
        assert_int_equal(ours.tsig.original_id, 0x1234);
        assert_memory_equal(ours.owner.owner, "\3key\7example", 13);
        assert_string_equal((const char *)ours.tsig.algorithm + 1, v->algorithm);
        assert_int_equal(message[11], 1);
    }
}

static enum tsig_verdict verify(const struct vector *v, const uint8_t *packet, size_t len, uint64_t now_s)
{
    uint8_t message[1024];
    struct found found;
    struct tsig_key key;
    struct tsig_mac mac;

    make_key(&key, v->algorithm);
    sign_request(v, &key, message, &mac);
    if (!find_tsig(&found, packet, len))
        return TSIG_NOT_OURS;
    return tsig_verify(&key, &mac, now_s, FUDGE, &(struct tsig_answer){ packet, found.at, &found.owner, &found.tsig });
}

static void their_answers_are_good_within_the_fudge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        const uint8_t *answer = (const uint8_t *)v->answer;

        assert_int_equal(verify(v, answer, v->answer_len, VECTOR_TIME), TSIG_GOOD);
        assert_int_equal(verify(v, answer, v->answer_len, VECTOR_TIME + FUDGE), TSIG_GOOD);
        assert_int_equal(verify(v, answer, v->answer_len, VECTOR_TIME - FUDGE), TSIG_GOOD);
        assert_int_equal(verify(v, answer, v->answer_len, VECTOR_TIME + FUDGE + 1), TSIG_STALE);
        assert_int_equal(verify(v, answer, v->answer_len, VECTOR_TIME - FUDGE - 1), TSIG_STALE);
        assert_int_equal(verify(v, answer, v->answer_len, 0), TSIG_STALE);
        assert_int_equal(verify(v, (const uint8_t *)v->badtime, v->badtime_len, VECTOR_TIME), TSIG_GOOD);
    }
}

static void no_changed_byte_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        uint8_t packet[512];

        for (size_t at = 2; at < v->badtime_len; at++) /* not the id: the original one, in the TSIG, is signed */
            for (unsigned bit = 1; bit < 256; bit <<= 1) {
                memcpy(packet, v->badtime, v->badtime_len);
                packet[at] ^= (uint8_t)bit;
                if (bit == 0x20 && verify(v, packet, v->badtime_len, VECTOR_TIME) == TSIG_GOOD)
                    continue; /* upper and lower case of the key's and the algorithm's name are the same */
                assert_int_not_equal(verify(v, packet, v->badtime_len, VECTOR_TIME), TSIG_GOOD);
            }
    }
}

static void the_answer_to_another_request_is_not_ours(void **state)
{
    const struct vector *v = &vectors[0];
    struct found found;
    struct tsig_key key;
    struct tsig_mac mac = { .len = 32 };

    (void)state;
    make_key(&key, v->algorithm);
    assert_true(find_tsig(&found, (const uint8_t *)v->answer, v->answer_len));
    assert_int_equal(tsig_verify(&key, &mac, VECTOR_TIME, FUDGE,
                                 &(struct tsig_answer){ (const uint8_t *)v->answer, found.at, &found.owner, &found.tsig }),
                     TSIG_NOT_OURS);
}

static void keys_and_algorithms_are_pinned(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i], *other = &vectors[(i + 1) % 3];

        assert_int_equal(verify(other, (const uint8_t *)v->answer, v->answer_len, VECTOR_TIME), TSIG_NOT_OURS);
    }
}

static const char *complaint(const char *name, const char *secret, const char *algorithm)
{
    static struct cs_error err;
    struct tsig_key key;

    err.text[0] = '\0';
    assert_int_equal(tsig_key_init(&key, name, secret, algorithm, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_null(strlen(secret) > 3 ? strstr(err.text, secret) : NULL);
    return err.text;
}

static void settings_that_make_no_key_are_refused_without_the_secret(void **state)
{
    char longest[1000];

    (void)state;
    memset(longest, 'A', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_non_null(strstr(complaint("a..b", VECTOR_SECRET, "hmac-sha256"), "\"a..b\" is not a DNS name"));
    assert_non_null(strstr(complaint("key", "", "hmac-sha256"), "`key` is not"));
    assert_non_null(strstr(complaint("key", "c2VjcmV0!", "hmac-sha256"), "not base64"));
    assert_non_null(strstr(complaint("key", longest, "hmac-sha256"), "longer than 512 bytes"));
    assert_non_null(strstr(complaint("key", VECTOR_SECRET, "hmac-shac384"), "none of hmac-sha256"));
    assert_non_null(strstr(complaint("key", VECTOR_SECRET, "hmac-md5"), "none of hmac-sha256"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_mac_is_theirs),
        cmocka_unit_test(their_answers_are_good_within_the_fudge),
        cmocka_unit_test(no_changed_byte_passes),
        cmocka_unit_test(the_answer_to_another_request_is_not_ours),
        cmocka_unit_test(keys_and_algorithms_are_pinned),
        cmocka_unit_test(settings_that_make_no_key_are_refused_without_the_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

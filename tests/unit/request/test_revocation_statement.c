/* request/revocation_statement.c: what a key's holder signs, and all that is not that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request/revocation_statement.h"
#include "statement_maker.h"

#define NOW_MS INT64_C(1795273200000) /* 2026-11-21T15:00:00Z */
#define NOW    "2026-11-21T15:00:00Z"

static struct holder holder, other;
static struct revocation_statement statement;
static struct cs_error err;

static int begin(void **state)
{
    (void)state;
    holder_make(&holder, "p256", 0x3a1f4);
    holder_make(&other, "p256", 0x3a1f4); /* the same number, another key */
    return 0;
}

static int end(void **state)
{
    (void)state;
    holder_free(&holder);
    holder_free(&other);
    return 0;
}

static int read_it(const struct statement_wish *wish)
{
    size_t len;
    uint8_t *message = holder_sign(&holder, wish, &len);
    int rc;

    err = (struct cs_error){ 0 };
    rc = revocation_statement_read(&statement, message, len, NOW_MS, &err);
    free(message);
    return rc;
}

static void refused(const struct statement_wish *wish, const char *reason, const char *words)
{
    assert_int_equal(read_it(wish), -1);
    assert_null(statement.cms);
    assert_string_equal(err.reason, reason);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void text_refused(const char *text, const char *reason, const char *words)
{
    refused(&(struct statement_wish){ .text = text }, reason, words);
}

/* ---- what is right ---- */

static void read_and_prove(const char *kind, bool pem)
{
    struct holder one;
    char text[400];
    size_t len;
    uint8_t *message;

    holder_make(&one, kind, 0x0fe);
    holder_text(text, &one, "cessationOfOperation", NOW);
    message = holder_sign(&one, &(struct statement_wish){ .text = text, .pem = pem }, &len);
    assert_int_equal(revocation_statement_read(&statement, message, len, NOW_MS, &err), 0);
    assert_string_equal(statement.serial, "fe");
    assert_int_equal(statement.reason, 5);
    assert_int_equal(statement.time_ms, NOW_MS);
    assert_int_equal(revocation_statement_prove(&statement, one.der, one.len, &err), 0);
    assert_int_equal(revocation_statement_prove(&statement, one.der, one.len, &err), 0); /* a replay says the same */
    revocation_statement_free(&statement);
    revocation_statement_free(&statement);
    free(message);
    holder_free(&one);
}

static void every_kind_of_key_in_both_forms(void **state)
{
    static const char *const kinds[] = { "p256", "p384", "rsa2048" };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        read_and_prove(kinds[i], false);
        read_and_prove(kinds[i], true);
    }
}

static void lines_may_end_in_crlf_and_the_last_in_nothing(void **state)
{
    char text[400], crlf[500] = "";
    size_t n = 0;

    (void)state;
    holder_text(text, &holder, "superseded", NOW);
    for (const char *at = text; *at; at++) {
        if (*at == '\n')
            crlf[n++] = '\r';
        crlf[n++] = *at;
    }
    assert_int_equal(read_it(&(struct statement_wish){ .text = crlf }), 0);
    revocation_statement_free(&statement);
    holder_text(text, &holder, "superseded", NOW);
    text[strlen(text) - 1] = '\0';
    assert_int_equal(read_it(&(struct statement_wish){ .text = text }), 0);
    revocation_statement_free(&statement);
}

/* ---- the text ---- */

static void only_this_text_counts(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } rows[] = {
        { "revocation 1", "revocation 2", "first line" },
        { "countersign", "Countersign", "first line" },
        { "revocation 1\n", "revocation 1 \n", "first line" },
        { "certificate: ", "Certificate: ", "second line" },
        { "certificate: ", "certificate:", "second line" },
        { "certificate: ", "certificate: 0", "second line" },
        { "\nreason", "\n\nreason", "third line" },
        { "reason: ", "reason=", "third line" },
        { "time: ", "when: ", "fourth line" },
        { "T15", " 15", "fourth line" },
        { "11-21", "13-21", "fourth line" },
        { "11-21", "02-30", "fourth line" },
        { "15:00:00Z", "25:00:00Z", "fourth line" },
        { "15:00:00Z", "15:00:00+00:00", "fourth line" },
        { "15:00:00Z\n", "15:00:00Z\nmore\n", "more text" },
        { "15:00:00Z\n", "15:00:00Z\n\n", "more text" },
    };
    char text[400], wrong[500];

    (void)state;
    holder_text(text, &holder, "superseded", NOW);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *at = strstr(text, rows[i].from);

        assert_non_null(at);
        snprintf(wrong, sizeof wrong, "%.*s%s%s", (int)(at - text), text, rows[i].to, at + strlen(rows[i].from));
        text_refused(wrong, "bad-revocation", rows[i].words);
    }
    text_refused("", "bad-revocation", "first line");
    text_refused("countersign revocation 1", "bad-revocation", "second line");
    memset(wrong, 'x', sizeof wrong - 1);
    wrong[sizeof wrong - 1] = '\0';
    text_refused(wrong, "bad-revocation", "first line");
}

static void a_reason_is_one_of_the_five(void **state)
{
    static const char *const words[] = { "privilegeWithdrawn", "certificateHold", "1", "", "superseded " };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        holder_text(text, &holder, words[i], NOW);
        text_refused(text, "bad-reason", "keyCompromise");
    }
}

static void a_day_from_our_clock_is_too_far(void **state)
{
    static const char *const fresh[] = { "2026-11-20T15:00:00Z", "2026-11-22T15:00:00Z" };
    static const char *const stale[] = { "2026-11-20T14:59:59Z", "2026-11-22T15:00:01Z", "2025-11-21T15:00:00Z" };
    char text[400];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        holder_text(text, &holder, "superseded", fresh[i]);
        assert_int_equal(read_it(&(struct statement_wish){ .text = text }), 0);
        revocation_statement_free(&statement);
    }
    for (size_t i = 0; i < 3; i++) {
        holder_text(text, &holder, "superseded", stale[i]);
        text_refused(text, "revocation-stale", "2026-11-21");
        assert_int_equal(err.code, CS_EDENIED);
    }
}

/* ---- the message ---- */

static void only_this_kind_of_message_counts(void **state)
{
    char text[400];

    (void)state;
    holder_text(text, &holder, "superseded", NOW);
    refused(&(struct statement_wish){ .text = text, .flags = CMS_DETACHED }, "bad-revocation", "not inside");
    refused(&(struct statement_wish){ .text = text, .flags = CMS_USE_KEYID }, "bad-revocation", "-keyid");
    refused(&(struct statement_wish){ .text = text, .flags = CMS_NOATTR }, "bad-revocation", "-noattr");
    refused(&(struct statement_wish){ .text = text, .digest = EVP_sha1() }, "bad-revocation", "SHA-256");
    refused(&(struct statement_wish){ .text = text, .digest = EVP_sha224() }, "bad-revocation", "SHA-256");
    refused(&(struct statement_wish){ .text = text, .second = &other }, "bad-revocation", "one signer");
    refused(&(struct statement_wish){ .text = text, .content_type = NID_id_smime_ct_TSTInfo }, "bad-revocation", "signed data");
    assert_int_equal(read_it(&(struct statement_wish){ .text = text, .digest = EVP_sha512() }), 0);
    revocation_statement_free(&statement);
}

static void bytes_before_or_behind_are_refused(void **state)
{
    char text[400];
    size_t len;
    uint8_t *message, *longer;

    (void)state;
    holder_text(text, &holder, "superseded", NOW);
    for (int pem = 0; pem < 2; pem++) {
        message = holder_sign(&holder, &(struct statement_wish){ .text = text, .pem = pem }, &len);
        longer = malloc(2 * len);
        assert_non_null(longer);
        memcpy(longer, message, len);
        memcpy(longer + len, message, len);
        assert_int_equal(revocation_statement_read(&statement, longer, 2 * len, NOW_MS, &err), -1);
        longer[len] = 'x';
        assert_int_equal(revocation_statement_read(&statement, longer, len + 1, NOW_MS, &err), -1);
        for (size_t cut = 0; cut + 2 < len; cut++) {
            if (pem && cut > len - 30)
                break; /* of the last line's end PEM may lack the newline */
            assert_int_equal(revocation_statement_read(&statement, message, cut, NOW_MS, &err), -1);
        }
        free(longer);
        free(message);
    }
    assert_int_equal(revocation_statement_read(&statement, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 57,
                                               NOW_MS, &err),
                     -1);
}

/* ---- the proof ---- */

static void another_key_proves_nothing(void **state)
{
    char text[400];

    (void)state;
    /* His text names the other's certificate, and number and issuer are the same. */
    holder_text(text, &other, "superseded", NOW);
    assert_int_equal(read_it(&(struct statement_wish){ .text = text }), 0);
    assert_int_equal(revocation_statement_prove(&statement, other.der, other.len, &err), -1);
    assert_string_equal(err.reason, "revocation-proof");
    assert_int_equal(err.code, CS_EDENIED);
    /* The text names one certificate, the signature is good by another. */
    assert_int_equal(revocation_statement_prove(&statement, holder.der, holder.len, &err), -1);
    revocation_statement_free(&statement);
}

/* Some bytes are not signed, such as the syntax's version: whatever they are, the same is said. */
static void no_changed_byte_changes_what_is_proven(void **state)
{
    char text[400];
    size_t len, proven = 0;
    uint8_t *message, hash[32];

    (void)state;
    holder_text(text, &holder, "superseded", NOW);
    message = holder_sign(&holder, &(struct statement_wish){ .text = text }, &len);
    assert_int_equal(revocation_statement_read(&statement, message, len, NOW_MS, &err), 0);
    memcpy(hash, statement.certificate_sha256, sizeof hash);
    revocation_statement_free(&statement);
    for (size_t i = 0; i < 8 * len; i++) {
        message[i / 8] ^= (uint8_t)(1 << i % 8);
        if (revocation_statement_read(&statement, message, len, NOW_MS, &err) == 0 &&
            revocation_statement_prove(&statement, holder.der, holder.len, &err) == 0) {
            proven++;
            assert_memory_equal(statement.certificate_sha256, hash, sizeof hash);
            assert_int_equal(statement.reason, 4);
            assert_int_equal(statement.time_ms, NOW_MS);
        }
        revocation_statement_free(&statement);
        message[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(proven < len / 2); /* of eight times as many */
    free(message);
}

static void serial_numbers_as_people_write_them(void **state)
{
    static const struct {
        const char *typed, *is;
    } rows[] = { { "03A1F4", "03a1f4" },
                 { "3a1f4", "03a1f4" },
                 { "0x3A1F4", "03a1f4" },
                 { "03:A1:F4", "03a1f4" },
                 { "0003a1f4", "03a1f4" },
                 { "0", "0" },
                 { "00", "0" },
                 { "ff", "ff" },
                 { "f", "0f" } };
    static const char *const wrong[] = { "", "xyz", "12 34", ":12", "12:", "0x", "-1" };
    char out[REVOCATION_SERIAL_MOST + 1], most[80];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(revocation_serial(out, rows[i].typed));
        assert_string_equal(out, rows[i].is);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(revocation_serial(out, wrong[i]));
    memset(most, 'a', sizeof most);
    most[REVOCATION_SERIAL_MOST] = '\0';
    assert_true(revocation_serial(out, most));
    assert_string_equal(out, most);
    most[REVOCATION_SERIAL_MOST] = 'a';
    most[REVOCATION_SERIAL_MOST + 1] = '\0';
    assert_false(revocation_serial(out, most));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_in_both_forms),
        cmocka_unit_test(lines_may_end_in_crlf_and_the_last_in_nothing),
        cmocka_unit_test(only_this_text_counts),
        cmocka_unit_test(a_reason_is_one_of_the_five),
        cmocka_unit_test(a_day_from_our_clock_is_too_far),
        cmocka_unit_test(only_this_kind_of_message_counts),
        cmocka_unit_test(bytes_before_or_behind_are_refused),
        cmocka_unit_test(another_key_proves_nothing),
        cmocka_unit_test(no_changed_byte_changes_what_is_proven),
        cmocka_unit_test(serial_numbers_as_people_write_them),
    };

    return cmocka_run_group_tests_name("revocation_statement", tests, begin, end);
}

/* http/json_request.c: a signing request as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http/json_request.h"

static char csr_text[4000];

/* "name=value;" of each label, or "!reason: text". The header of the request brought "h=1". */
static const char *read_json(const char *body)
{
    static char found[1000];
    struct labels labels = { 0 };
    struct text csr = TEXT_MAX(MESSAGE_MAX_BODY);
    struct cs_error err = { 0 };
    size_t len = 0;

    found[0] = '\0';
    assert_int_equal(labels_add(&labels, syntax_span("h"), syntax_span("1"), &err), 0);
    if (json_request_read(&csr, &labels, body, strlen(body), &err) < 0) {
        assert_int_equal(err.code, CS_EINPUT);
        snprintf(found, sizeof found, "!%s: %s", err.reason, err.text);
    } else {
        for (size_t i = 0; i < labels.n; i++)
            len += (size_t)snprintf(found + len, sizeof found - len, "%s=%s;", labels.v[i].name, labels.v[i].value);
    }
    snprintf(csr_text, sizeof csr_text, "%s", text_of(&csr));
    text_free(&csr);
    return found;
}

static void a_csr_comes_as_pem_or_as_base64(void **state)
{
    (void)state;
    assert_string_equal(read_json("{\"csr\": \"x -----BEGIN NEW CERTIFICATE REQUEST-----\\nMA==\\n-----END\"}"), "h=1;");
    assert_string_equal(csr_text, "x -----BEGIN NEW CERTIFICATE REQUEST-----\nMA==\n-----END");
    assert_string_equal(read_json("{\"csr\": \"MA==\"}"), "h=1;");
    assert_string_equal(csr_text, "-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n");
}

static void labels_are_added_to_those_of_the_header(void **state)
{
    (void)state;
    assert_string_equal(read_json("{\"labels\": {\"a\": \"b\", \"c\": \"caf\\u00e9\"}, \"csr\": \"MA==\"}"),
                        "h=1;a=b;c=caf\xc3\xa9;");
    assert_string_equal(read_json("{\"labels\": {}, \"csr\": \"MA==\"}"), "h=1;");
}

static void what_is_wrong_is_said_without_the_clients_words(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        { "", "!bad-json" },
        { "{", "!bad-json" },
        { "[]", "!bad-json" },
        { "\"csr\"", "!bad-json" },
        { "{\"csr\": \"MA==\"} {", "!bad-json" },
        { "{\"csr\": \"MA==\", \"secret-word\": 1}", "!bad-json" },
        { "{\"csr\": \"MA==\", \"csr\": \"secret-word\"}", "!bad-json: The JSON object has a member twice." },
        { "{\"csr\": 7}", "!bad-json" },
        { "{\"csr\": [\"secret-word\"]}", "!bad-json" },
        { "{\"csr\": \"a\\u0000b\"}", "!bad-json" },
        { "{\"csr\": \"\xff\"}", "!bad-json" },
        { "{\"csr\": \"MA==\", \"labels\": []}", "!bad-json" },
        { "{\"csr\": \"MA==\", \"labels\": null}", "!bad-json" },
        { "{\"csr\": \"MA==\", \"labels\": {\"secret-word\": 1}}", "!bad-json" },
        { "{\"csr\": \"MA==\", \"labels\": {\"a\": \"secret-word\", \"a\": \"c\"}}", "!bad-json" },
        { "{\"labels\": {}}", "!no-csr" },
        { "{\"csr\": \"\"}", "!no-csr" },
        { "{\"csr\": null}", "!no-csr" },
        { "{\"csr\": \"MA==\", \"labels\": {\"Secret-word\": \"b\"}}", "!bad-label" },
        { "{\"csr\": \"MA==\", \"labels\": {\"\": \"b\"}}", "!bad-label" },
        { "{\"csr\": \"MA==\", \"labels\": {\"a\": \"\"}}", "!bad-label" },
        { "{\"csr\": \"MA==\", \"labels\": {\"a\": \"secret-word\\n\"}}", "!bad-label" },
        { "{\"csr\": \"MA==\", \"labels\": {\"h\": \"secret-word\"}}", "!bad-label" }, /* in the header, too */
        { "{\"csr\": \"MA==\", \"labels\": {\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\",\"e\":\"1\",\"f\":\"1\","
          "\"g\":\"1\",\"i\":\"secret-word\"}}", "!bad-label" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = read_json(cases[i].body);

        if (strncmp(found, cases[i].reason, strlen(cases[i].reason)) != 0 || strcasestr(found, "secret"))
            fail_msg("%s gives %s", cases[i].body, found);
    }
}

static void deep_json_is_refused(void **state)
{
    char body[15000];

    (void)state;
    memset(body, '[', sizeof body);
    body[sizeof body - 1] = '\0';
    assert_non_null(strstr(read_json(body), "!bad-json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_csr_comes_as_pem_or_as_base64),
        cmocka_unit_test(labels_are_added_to_those_of_the_header),
        cmocka_unit_test(what_is_wrong_is_said_without_the_clients_words),
        cmocka_unit_test(deep_json_is_refused),
    };

    return cmocka_run_group_tests_name("json_request", tests, NULL, NULL);
}

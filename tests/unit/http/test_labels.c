/* http/labels.c: labels from header fields and from the query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http/labels.h"

#define LONG_NAME  "abcdefghijklmnopqrstuvwxyz_-0123"
#define LONG_VALUE "0123456789012345678901234567890123456789012345678901234567890123"

/* "name=value;" of each label, or "!reason". */
static const char *read_labels(const char *target, const char *fields)
{
    static char found[1200];
    char head[4096];
    struct message m = { 0 };
    struct labels labels;
    struct cs_error err = { 0 };
    size_t len = 0;

    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, fields);
    assert_int_equal(message_read(&m, head, strlen(head)), MESSAGE_READY);
    found[0] = '\0';
    if (labels_read(&labels, &m, &err) < 0) {
        assert_int_equal(err.code, CS_EINPUT);
        assert_true(err.text[0]);
        snprintf(found, sizeof found, "!%s", err.reason);
        return found;
    }
    for (size_t i = 0; i < labels.n; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s=%s;", labels.v[i].name, labels.v[i].value);
    return found;
}

static void good_labels_are_read(void **state)
{
    static const struct {
        const char *target, *fields, *found;
    } cases[] = {
        { "/", "", "" },
        { "/", "X-Countersign-Label: campaign=spring\r\n", "campaign=spring;" },
        { "/", "x-countersign-label:\ta=b \r\nX-COUNTERSIGN-LABEL: c=d=e, f\r\n", "a=b;c=d=e, f;" },
        { "/?label.a=b", "", "a=b;" },
        { "/?label.a=b&label.c=d", "X-Countersign-Label: e=f\r\n", "e=f;a=b;c=d;" },
        { "/?x=y&label.a=b&&z", "", "a=b;" },
        { "/?label.a=b%20c+d%2b", "", "a=b c d+;" },
        { "/?label%2Ea=%62", "", "a=b;" },
        { "/?%6cabel.a=b=c", "", "a=b=c;" },
        { "/?label.a=caf%C3%A9", "", "a=caf\xc3\xa9;" },
        { "/", "X-Countersign-Label: a=caf\xc3\xa9 \xf0\x9f\x98\x80\r\n", "a=caf\xc3\xa9 \xf0\x9f\x98\x80;" },
        { "/?labels.a=b&Label.a=b&label=x&%zz=%&=x&label%zz=1", "", "" },
        { "/?label." LONG_NAME "=" LONG_VALUE, "", LONG_NAME "=" LONG_VALUE ";" },
        { "/?label.a=1&label.b=2&label.c=3&label.d=4", "X-Countersign-Label: e=5\r\nX-Countersign-Label: f=6\r\n"
          "X-Countersign-Label: g=7\r\nX-Countersign-Label: h=8\r\n", "e=5;f=6;g=7;h=8;a=1;b=2;c=3;d=4;" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(read_labels(cases[i].target, cases[i].fields), cases[i].found);
}

static void bad_labels_are_refused(void **state)
{
    static const struct {
        const char *target, *fields;
    } cases[] = {
        { "/?label.=b", "" },
        { "/?label.a", "" },
        { "/?label.a=", "" },
        { "/?label.A=b", "" },
        { "/?label.a.b=c", "" },
        { "/?label.a%20=c", "" },
        { "/?label.a%00=c", "" },
        { "/?label.a%=c", "" },
        { "/?label.a%zz=c", "" },
        { "/?label.a=%", "" },
        { "/?label.a=%4", "" },
        { "/?label.a=%zz", "" },
        { "/?label.a=%00", "" },
        { "/?label.a=b%0a", "" },
        { "/?label.a=%7f", "" },
        { "/?label.a=%ff", "" },
        { "/?label.a=%c0%80", "" },
        { "/?label.a=%c2%85", "" },         /* U+0085, a control */
        { "/?label.a=%e2%80%a8", "" },      /* U+2028, a line separator */
        { "/?label.a=%e2%80%ae", "" },      /* U+202E, turns the direction */
        { "/?label.a=%ef%bb%bf", "" },      /* U+FEFF */
        { "/?label.a=%ef%bf%bf", "" },      /* U+FFFF */
        { "/?label.a=%ed%a0%80", "" },      /* a surrogate */
        { "/?label." LONG_NAME "4=b", "" },
        { "/?label.a=" LONG_VALUE "4", "" },
        { "/?label.a=b&label.a=b", "" },
        { "/?label.a=b", "X-Countersign-Label: a=c\r\n" },
        { "/", "X-Countersign-Label:\r\n" },
        { "/", "X-Countersign-Label: a\r\n" },
        { "/", "X-Countersign-Label: a=\r\n" },
        { "/", "X-Countersign-Label: =b\r\n" },
        { "/", "X-Countersign-Label: a =b\r\n" },
        { "/", "X-Countersign-Label: A=b\r\n" },
        { "/", "X-Countersign-Label: a=b\tc\r\n" },
        { "/", "X-Countersign-Label: a=\xff\r\n" },
        { "/", "X-Countersign-Label: a=" LONG_VALUE "4\r\n" },
        { "/?label.a=1&label.b=2&label.c=3&label.d=4&label.e=5&label.f=6&label.g=7&label.h=8&label.i=9", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(read_labels(cases[i].target, cases[i].fields), "!bad-label");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_labels_are_read),
        cmocka_unit_test(bad_labels_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

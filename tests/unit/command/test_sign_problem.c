/* command/sign_problem.c: a server's problem in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/sign.h"
#include "command/sign_problem.h"

static void says(long status, const char *body, const char *expected)
{
    struct text out = TEXT_MAX(2000);

    sign_problem_add(&out, status, body, strlen(body));
    assert_string_equal(text_of(&out), expected);
    text_free(&out);
}

static void a_problem_is_told_with_what_the_ca_said(void **state)
{
    (void)state;
    says(403, "{\"type\":\"urn:x\",\"title\":\"Not allowed\",\"detail\":\"not yours\",\"status\":403}",
         "the server answered 403: Not allowed: not yours");
    says(502, "{\"title\":\"The CA refused\",\"upstream\":{\"detail\":\"no\",\"subproblems\":["
              "{\"identifier\":{\"value\":\"a.x\"},\"detail\":\"NXDOMAIN\"},{\"detail\":\"why\"},7]}}",
         "the server answered 502: The CA refused\nthe CA: no\n  a.x: NXDOMAIN: why");
    says(502, "{\"title\":\"T\",\"upstream\":\"plain words\"}", "the server answered 502: T\nthe CA: plain words");
}

static void anything_else_is_told_by_its_first_line(void **state)
{
    (void)state;
    says(400, "Invalid subject", "the server answered 400: Invalid subject");
    says(500, "<html>\n<body>", "the server answered 500: <html>");
    says(500, "", "the server answered 500");
    says(500, "{\"title\":7}", "the server answered 500");
    says(500, "[1]", "the server answered 500: [1]");
    says(500, "{\"title\":\"a\",\"title\":\"b\"}", "the server answered 500: {\"title\":\"a\",\"title\":\"b\"}");
}

static void nothing_reaches_the_terminal_as_a_command(void **state)
{
    (void)state;
    says(400, "a\x1b[31mred\x07\x9b", "the server answered 400: a [31mred  ");
    says(400, "{\"detail\":\"x\\u001b]0;t\\u0007\\u009by\\n\\u00fc\"}", "the server answered 400: x ]0;t  y \xc3\xbc");
}

static void a_long_text_is_cut(void **state)
{
    char body[5000];
    struct text out = TEXT_MAX(2000);

    (void)state;
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    sign_problem_add(&out, 400, body, strlen(body));
    assert_false(text_failed(&out));
    assert_true(out.len < 700);
    text_free(&out);
}

static void our_documents_are_known_by_their_type(void **state)
{
    static const char ours[] = "{\"type\":\"urn:countersign:error:weak-key\"}", other[] = "{\"type\":\"about:blank\"}";

    (void)state;
    assert_true(sign_problem_is_ours(ours, strlen(ours)));
    assert_false(sign_problem_is_ours(other, strlen(other)));
    assert_false(sign_problem_is_ours("urn:countersign:error:x", 23));
    assert_false(sign_problem_is_ours("", 0));
}

static void every_step_has_words(void **state)
{
    (void)state;
    assert_string_equal(sign_step_words("publish"), "waiting for the DNS record to be visible");
    assert_string_equal(sign_step_words("waiting-for-zone"), "waiting for another order in this zone to end");
    assert_string_equal(sign_step_words("of another plugin"), "waiting for the CA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_is_told_with_what_the_ca_said),
        cmocka_unit_test(anything_else_is_told_by_its_first_line),
        cmocka_unit_test(nothing_reaches_the_terminal_as_a_command),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(our_documents_are_known_by_their_type),
        cmocka_unit_test(every_step_has_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

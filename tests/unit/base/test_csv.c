/* base/csv.c: fields of comma-separated values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/csv.h"
#include "base/glyph.h"

static void shows(const char *s, const char *expected)
{
    struct text out = TEXT_MAX(1000);

    csv_add(&out, s);
    assert_false(text_failed(&out));
    assert_string_equal(text_of(&out), expected);
    text_free(&out);
}

static void quotes_what_must_be_quoted(void **state)
{
    (void)state;
    shows("spring-2026", "spring-2026");
    shows("", "\"\"");
    shows("a,b", "\"a,b\"");
    shows("say \"hi\"", "\"say \"\"hi\"\"\"");
    shows("gr\xc3\xbc\xc3\x9f" "e", "\"gr\xc3\xbc\xc3\x9f" "e\"");
    shows("a\r\nb", "\"a" GLYPH_REPLACEMENT GLYPH_REPLACEMENT "b\"");
}

static void tells_nothing_from_an_empty_text(void **state)
{
    struct text out = TEXT_MAX(100);

    (void)state;
    csv_add(&out, NULL);
    assert_int_equal(out.len, 0);
    csv_add_number(&out, NULL);
    csv_add_number(&out, "-5");
    assert_string_equal(text_of(&out), "-5");
    text_free(&out);
}

static void keeps_spreadsheets_from_computing(void **state)
{
    (void)state;
    shows("=1+1", "\"'=1+1\"");
    shows("+1", "\"'+1\"");
    shows("-2+3", "\"'-2+3\"");
    shows("@SUM(A1)", "\"'@SUM(A1)\"");
    shows("  =HYPERLINK(\"http://x\")", "\"'  =HYPERLINK(\"\"http://x\"\")\"");
    shows("\t=1", "\"'" GLYPH_REPLACEMENT "=1\"");
    shows("\xef\xbc\x9d" "1", "\"'\xef\xbc\x9d" "1\"");
    shows("'=1", "\"''=1\"");
    shows("a=b", "\"a=b\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_what_must_be_quoted),
        cmocka_unit_test(tells_nothing_from_an_empty_text),
        cmocka_unit_test(keeps_spreadsheets_from_computing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

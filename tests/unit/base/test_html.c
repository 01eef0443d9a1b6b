/* base/html.c: text of anybody's making inside a document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/html.h"
#include "base/glyph.h"

static void shows(const char *s, const char *expected)
{
    struct text out = TEXT_MAX(1000);

    html_add(&out, s);
    assert_false(text_failed(&out));
    assert_string_equal(text_of(&out), expected);
    text_free(&out);
}

static void leaves_no_tag_and_no_quote(void **state)
{
    (void)state;
    shows("", "");
    shows("spring 2026", "spring 2026");
    shows("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
    shows("\" onload='x' `y`", "&quot; onload=&#39;x&#39; &#96;y&#96;");
    shows("&amp;", "&amp;amp;");
}

static void replaces_what_nobody_can_see(void **state)
{
    (void)state;
    shows("a\x1b[31mb\x01", "a" GLYPH_REPLACEMENT "[31mb" GLYPH_REPLACEMENT);
    shows("user\xe2\x80\xaegnp.exe", "user" GLYPH_REPLACEMENT "gnp.exe");
    shows("gr\xc3\xbc\xc3\x9f \xe6\x9d\xb1", "gr\xc3\xbc\xc3\x9f \xe6\x9d\xb1");
    shows("\xc0\xbcscript>\xff", GLYPH_REPLACEMENT GLYPH_REPLACEMENT "script&gt;" GLYPH_REPLACEMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_no_tag_and_no_quote),
        cmocka_unit_test(replaces_what_nobody_can_see),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

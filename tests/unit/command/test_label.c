/* command/label.c: what is typed, what is stored, what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "command_test.h"

static int set_up(void **state)
{
    (void)state;
    command_test_open();
    expect_part("zone|add|lab.example|--dns|builtin", 0, "added");
    expect_part("zone|add|b.example|--dns|builtin", 0, "added");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    command_test_close();
    return 0;
}

static void a_label_is_added_listed_replaced_and_removed(void **state)
{
    (void)state;
    expect("label|list", 0, "ZONE  NAME  ALLOWED  PATTERN  ENABLED\n");
    expect("label|add|Lab.Example.|campaign|spring|trade fair|caf\xc3\xa9", 0,
           "label campaign of zone lab.example added: 3 values\n");
    expect("label|add|lab.example|release|--pattern|[0-9]*.[0-9]*|nightly|--disabled", 0,
           "label release of zone lab.example added: 1 value, and what fits [0-9]*.[0-9]*; it is disabled\n");
    expect("label|add|b.example|release|--pattern=v?", 0, "label release of zone b.example added: what fits v?\n");
    expect("label|list", 0,
           "ZONE         NAME      ALLOWED                   PATTERN        ENABLED\n"
           "b.example    release   -                         v?             yes\n"
           "lab.example  campaign  spring, trade fair, caf\xc3\xa9  -              yes\n"
           "lab.example  release   nightly                   [0-9]*.[0-9]*  no\n");
    expect("label|list|b.example|--json", 0,
           "{\"zone\":\"b.example\",\"name\":\"release\",\"allowed\":\"\",\"pattern\":\"v?\",\"enabled\":true}\n");
    expect("label|add|lab.example|campaign|autumn|winter", 0, "label campaign of zone lab.example replaced: 2 values\n");
    expect("label|list|lab.example|--json", 0,
           "{\"zone\":\"lab.example\",\"name\":\"campaign\",\"allowed\":\"autumn\\nwinter\",\"pattern\":\"\","
           "\"enabled\":true}\n"
           "{\"zone\":\"lab.example\",\"name\":\"release\",\"allowed\":\"nightly\",\"pattern\":\"[0-9]*.[0-9]*\","
           "\"enabled\":false}\n");
    expect("label|remove|Lab.example|campaign", 0, "label campaign of zone lab.example removed\n");
    expect("label|remove|lab.example|campaign", 1, "countersign label: zone lab.example has no label campaign\n");
}

static void many_values_are_shortened_for_people(void **state)
{
    (void)state;
    expect_part("label|add|lab.example|a|one-of-the-first|two-of-the-first|three-of-the-first|four|five|six|seven", 0,
                "7 values");
    expect_part("label|list", 0, "one-of-the-first, two-of-the-first, three-of-the-first, four and 3 more");
    expect_part("label|list|--json", 0, "six\\nseven\"");
}

static void what_looks_like_somebodys_is_refused_and_not_repeated(void **state)
{
    static const char *const values[] = { "ann@lab.example", "192.0.2.1", "2001:db8::1", "123456",
                                          "c0ffee00-dead-beef-cafe-0123456789ab" };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[200];

        snprintf(line, sizeof line, "label|add|lab.example|a|spring|%s", values[i]);
        expect_part(line, 2, "countersign label add: value 2 looks like somebody's: a mail or IP address, a UUID, a telephone "
                             "number, or six digits in a row. Such values never reach a disk");
        expect_part(line, 2, "this one would always count as \"other\"");
        assert_null(strstr(command_test_run(line)->text, values[i]));
    }
}

static void a_pattern_that_fits_everything_is_warned_about(void **state)
{
    (void)state;
    expect_part("label|add|lab.example|a|--pattern|*", 0, "the pattern * fits everything: whatever clients send is kept, up to "
                                                          "1,000 new values a day");
    expect("label|add|lab.example|a|--pattern|x*", 0, "label a of zone lab.example replaced: what fits x*\n");
}

static void what_is_typed_wrong_is_explained(void **state)
{
    (void)state;
    expect_part("label", 2, "countersign label: say what to do\nusage: countersign label add");
    expect_part("label|--help", 0, "usage: countersign label add ZONE NAME VALUE");
    expect_part("label|add|lab.example", 2, "countersign label add: name a zone and a label");
    expect_part("label|add|lab.example|a", 2, "countersign label add: name the allowed values, or a --pattern");
    expect_part("label|add|lab..example|a|b", 2, "ZONE: the name has an empty label");
    expect_part("label|add|lab.example|a|b|--colour", 2, "unrecognized option '--colour'");
    expect_part("label|add|lab.example|a|b\nc", 2, "value 1: a value has 1 to 64 bytes of UTF-8 without control characters");
    expect_part("label|add|lab.example|a|b|\xff", 2, "value 2: a value has 1 to 64 bytes");
    expect_part("label|add|lab.example|a|other", 2, "value 1: \"other\" is what all values become that are not allowed");
    expect_part("label|list|a.example|b.example", 2, "countersign label list: name one zone, or none");
    expect_part("label|list|--yaml", 2, "countersign label list takes --json only");
    expect_part("label|remove|lab.example", 2, "countersign label remove: name a zone and a label");
    /* What the table says. */
    expect_part("label|add|no.example|a|b", 1, "countersign label: zone must be one of the table zone");
    expect_part("label|add|lab.example|A|b", 1, "name must have 1 to 32 of the characters");
    expect_part("label|add|lab.example|a|--pattern|*a*a*a*a*", 1, "at most four *");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_label_is_added_listed_replaced_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_values_are_shortened_for_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_looks_like_somebodys_is_refused_and_not_repeated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pattern_that_fits_everything_is_warned_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_typed_wrong_is_explained, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("command_label", tests, NULL, NULL);
}

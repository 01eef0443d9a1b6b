/* core/command/usage.c, and the tables of all subcommands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

static const struct usage_option options[] = {
    { "name", "NAME", 'n', "how it is called" },
    { "far", NULL, 'f',
      "a help text of many words that goes on and on until it does not fit into one line of a terminal, which "
      "then must be broken between two words" },
    { "quiet", NULL, 'q', "nothing" },
    USAGE_END,
};
static const struct usage_form forms[] = { { "go", "PLACE [OPTION …]", options }, { "stop", "", NULL }, { NULL, NULL, NULL } };
static const struct usage usage = { "walk", forms, "Goes.\n", "And ends.\n" };

static int next(char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return usage_next(options, argc, argv);
}

static void options_are_read_by_the_table(void **state)
{
    char walk[] = "walk", name[] = "--name", x[] = "x", quiet[] = "-q", far[] = "--far", f[] = "-f", y[] = "y";
    char *argv[] = { walk, name, x, quiet, far, f, y, NULL };

    (void)state;
    optind = 0;
    assert_int_equal(next(argv), 'n');
    assert_string_equal(optarg, "x");
    assert_int_equal(next(argv), 'q');
    assert_int_equal(next(argv), 'f');
    assert_int_equal(next(argv), USAGE_WRONG); /* an id alone makes no letter */
    assert_int_equal(next(argv), USAGE_OVER);
    assert_string_equal(argv[optind], "y");
}

static void help_says_all_in_lines_that_fit(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    usage_help(&usage, to);
    fclose(to);
    assert_string_equal(text,
                        "usage: countersign walk go PLACE [OPTION …]\n"
                        "       countersign walk stop\n"
                        "\n"
                        "Goes.\n"
                        "\n"
                        "countersign walk go:\n"
                        "  --name NAME  how it is called\n"
                        "  --far        a help text of many words that goes on and on until it does not fit into one line of a "
                        "terminal,\n"
                        "               which then must be broken between two words\n"
                        "  -q, --quiet  nothing\n"
                        "\n"
                        "And ends.\n");
    free(text);
}

/* ---- The tables of the program ---- */

static void check_form(const char *command, const struct usage_form *form)
{
    for (const struct usage_option *o = form->options; o && o->name; o++) {
        if (!o->help || !*o->help || o->id <= 0 || o->id == '?')
            fail_msg("%s %s --%s has no help, or an id of getopt's own", command, form->verb, o->name);
        for (const struct usage_option *p = form->options; p < o; p++)
            if (p->id == o->id || strcmp(p->name, o->name) == 0)
                fail_msg("%s %s: --%s and --%s are the same", command, form->verb, p->name, o->name);
    }
}

static void every_option_has_an_id_of_its_own_and_help(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct command *c = commands; c->name; c++)
        for (const struct usage_form *form = c->usage ? c->usage->forms : NULL; form && form->verb; form++, n++) {
            assert_string_equal(c->usage->command, c->name);
            check_form(c->name, form);
        }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read_by_the_table),
        cmocka_unit_test(help_says_all_in_lines_that_fit),
        cmocka_unit_test(every_option_has_an_id_of_its_own_and_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

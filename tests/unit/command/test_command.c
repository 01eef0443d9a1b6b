/* core/command/command.c: the command line before the subcommand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "../plugin/plugin_test.h"
#include "program.h"

static void help_goes_to_stdout_and_names_every_command(void **state)
{
    (void)state;
    assert_int_equal(RUN("--help"), 0);
    assert_has(said.out, "usage: countersign [-c FILE] COMMAND");
    assert_has(said.out, "\n  check ");
    assert_has(said.out, "\n  plugin ");
    assert_has(said.out, "-c, --config FILE");
    assert_string_equal(said.err, "");
    assert_int_equal(RUN("-h"), 0);
}

static void the_version_names_program_and_abi(void **state)
{
    (void)state;
    assert_int_equal(RUN("--version"), 0);
    assert_string_equal(said.out, "countersign " CS_VERSION " (plugin ABI 1.1)\n");
}

static void a_wrong_command_line_ends_with_2(void **state)
{
    (void)state;
    assert_int_equal(RUN("nonsense"), 2);
    assert_has(said.err, "there is no command `nonsense`; there are: ");
    assert_has(said.err, " check");
    assert_int_equal(RUN("--nonsense", "check"), 2);
    assert_has(said.err, "`countersign --help` tells what can be said");
    assert_int_equal(RUN("-c"), 2);
    assert_int_equal(run_program((const char *const[]){ NULL }), 2);
    assert_has(said.err, "usage: countersign");
    assert_string_equal(said.out, "");
    assert_int_equal(RUN("check", "more"), 2);
    assert_has(said.err, "usage: countersign [-c FILE] check");
    assert_int_equal(RUN("plugin"), 2);
    assert_int_equal(RUN("plugin", "help"), 2);
    assert_int_equal(RUN("plugin", "list", "more"), 2);
    assert_has(said.err, "usage: countersign plugin list");
}

static void every_command_tells_what_it_takes(void **state)
{
    static const char *const names[] = { "serve", "check", "plugin", "sign", "subject", "zone" };
    char wanted[100];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(RUN(names[i], "--help"), 0);
        snprintf(wanted, sizeof wanted, " %s", names[i]);
        assert_has(said.out, "usage: countersign ");
        assert_has(said.out, wanted);
        assert_string_equal(said.err, "");
        assert_int_equal(RUN(names[i], "-h"), 0);
    }
    assert_int_equal(RUN("zone", "add", "--help"), 0);
    assert_has(said.out, "usage: countersign zone add ZONE");
    assert_int_equal(RUN("subject", "list", "-h"), 0);
    assert_has(said.out, "countersign subject list");
}

static void a_configuration_is_named_in_three_ways(void **state)
{
    (void)state;
    assert_int_equal(RUN("-c", "/nonexistent/a.conf", "check"), 1);
    assert_has(said.err, "/nonexistent/a.conf: cannot be read: No such file");
    assert_has(said.err, "/countersign.conf.example, or name another with -c FILE");
    assert_int_equal(RUN("--config", "/nonexistent/b.conf", "check"), 1);
    assert_has(said.err, "/nonexistent/b.conf: ");
    assert_int_equal(RUN("--config=/nonexistent/c.conf", "check"), 1);
    assert_has(said.err, "/nonexistent/c.conf: ");
}

static void what_follows_the_command_is_the_commands(void **state)
{
    (void)state;
    assert_int_equal(RUN("check", "--version"), 2); /* check knows no --version: it is not ours to take */
    assert_has(said.err, "usage: countersign [-c FILE] check");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_goes_to_stdout_and_names_every_command),
        cmocka_unit_test(the_version_names_program_and_abi),
        cmocka_unit_test(a_wrong_command_line_ends_with_2),
        cmocka_unit_test(every_command_tells_what_it_takes),
        cmocka_unit_test(a_configuration_is_named_in_three_ways),
        cmocka_unit_test(what_follows_the_command_is_the_commands),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

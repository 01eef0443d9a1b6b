/* core/command/plugin.c: `countersign plugin list` and `countersign plugin help`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "../plugin/plugin_test.h"
#include "program.h"

static const char *conf(const char *plugin_dir)
{
    char text[2 * PATH_MAX];

    snprintf(text, sizeof text, "state = \"%s\"; plugin_dir = \"%s\";\n", test_folder, plugin_dir);
    return write_text("test.conf", text);
}

static void a_list_has_version_roles_and_summary_of_each(void **state)
{
    (void)state;
    copy_plugin("no-fault", "no-fault");
    copy_built("STORE_FOLDER", "store-sqlite", "store-sqlite");
    assert_int_equal(RUN("-c", conf(test_folder), "plugin", "list"), 0);
    assert_has(said.out, "no-fault         1.2      dns        does nothing, and does it well\n");
    assert_has(said.out, "\nstore-sqlite     ");
    assert_true(strstr(said.out, "no-fault") < strstr(said.out, "store-sqlite"));
    assert_string_equal(said.err, "");
}

static void what_cannot_be_loaded_is_told_and_the_rest_is_listed(void **state)
{
    (void)state;
    copy_plugin("wrong-major", "wrong-major");
    copy_plugin("no-set-txt", "no-set-txt");
    assert_int_equal(RUN("-c", conf(test_folder), "plugin", "list"), 1);
    assert_has(said.out, "wrong-major      cannot be loaded: ");
    assert_has(said.out, "was built for plugin ABI 2.1");
    assert_has(said.out, "no-set-txt       cannot be loaded: ");
    assert_has(said.out, "has no function `set_txt`");
    assert_has(said.out, "no-fault         1.2 ");
}

static void an_empty_or_missing_folder_is_said(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("empty"), 0700), 0);
    assert_int_equal(RUN("-c", conf(in_folder("empty")), "plugin", "list"), 0);
    assert_has(said.out, "there is no plugin in ");
    assert_int_equal(RUN("-c", conf("/nonexistent"), "plugin", "list"), 1);
    assert_has(said.err, "the plugin folder /nonexistent cannot be read: No such file");
}

static void help_prints_the_table_of_settings(void **state)
{
    (void)state;
    copy_plugin("outside-settings", "outside-settings");
    assert_int_equal(RUN("-c", conf(test_folder), "plugin", "help", "outside-settings"), 0);
    assert_has(said.out, "outside-settings 1.0 (dns): is broken\n\nSettings of its block:\n");
    assert_has(said.out, "tries                number   1                    how often\n");
    assert_has(said.out, "Words of the server in the same block:\nplugin ");
    assert_has(said.out, "max_parallel         number   4                    "
                         "Threads of a plugin whose calls wait. (1 to 256)\n");
    assert_null(strstr(said.out, "cn_only"));
}

static void help_takes_a_path(void **state)
{
    (void)state;
    assert_int_equal(RUN("-c", conf("/nonexistent"), "plugin", "help", in_folder("no-fault.so")), 0);
    assert_has(said.out, "no-fault 1.2 (dns): does nothing, and does it well\n");
}

static void help_for_what_is_not_there_fails(void **state)
{
    (void)state;
    assert_int_equal(RUN("-c", conf(test_folder), "plugin", "help", "absent"), 1);
    assert_has(said.err, "/absent.so is not there: install the plugin, or mend its name");
    assert_string_equal(said.out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_version_roles_and_summary_of_each),
        cmocka_unit_test(what_cannot_be_loaded_is_told_and_the_rest_is_listed),
        cmocka_unit_test(an_empty_or_missing_folder_is_said),
        cmocka_unit_test(help_prints_the_table_of_settings),
        cmocka_unit_test(help_takes_a_path),
        cmocka_unit_test(help_for_what_is_not_there_fails),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

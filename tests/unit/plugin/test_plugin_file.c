/* core/plugin/plugin_file.c: which files may be loaded at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/plugin_file.h"

static struct cs_error err;

static char *find(const char *name)
{
    err = (struct cs_error){ 0 };
    return plugin_file_find(test_folder, name, getuid(), getuid(), &err);
}

static void assert_found(const char *name)
{
    char *path = find(name);

    if (!path)
        fail_msg("%s", err.text);
    free(path);
}

static void assert_refused(const char *name, const char *why)
{
    assert_null(find(name));
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(err.text, why);
}

static void a_name_is_a_file_in_the_folder_and_a_slash_makes_a_path(void **state)
{
    char *path;

    (void)state;
    write_text("x.so", "");
    path = find("x");
    assert_string_equal(path, in_folder("x.so"));
    free(path);
    path = plugin_file_find("/nonexistent", in_folder("x.so"), getuid(), getuid(), &err);
    assert_string_equal(path, in_folder("x.so"));
    free(path);
}

static void what_is_not_there_is_named(void **state)
{
    (void)state;
    assert_refused("absent", "/absent.so is not there: install the plugin, or mend its name");
    assert_refused("/nonexistent/x.so", "the plugin folder /nonexistent cannot be opened: No such file");
    assert_refused("/nonexistent/x", "names no plugin: write its name, or the path of a file NAME.so");
    assert_refused("", "names no plugin");
    assert_refused("x/", "names no plugin");
}

static void a_file_that_others_can_write_is_refused(void **state)
{
    const char *path = write_text("x.so", "");

    (void)state;
    assert_found("x");
    chmod(path, 0646);
    assert_refused("x", "/x.so can be written by others (mode 646)");
    assert_has(err.text, "chmod go-w it");
    chmod(path, 0664);
    assert_refused("x", "/x.so can be written by others (mode 664)");
    chmod(path, 0644);
    assert_found("x");
}

static void a_folder_that_others_can_write_is_refused(void **state)
{
    (void)state;
    write_text("x.so", "");
    chmod(test_folder, 0777);
    assert_refused("x", test_folder);
    assert_has(err.text, " can be written by others (mode 777)");
    chmod(test_folder, 0770);
    assert_refused("x", " can be written by others (mode 770)");
    chmod(test_folder, 0755);
    assert_found("x");
}

static void a_linked_folder_is_checked_where_it_leads(void **state)
{
    (void)state;
    write_text("x.so", "");
    assert_int_equal(symlink(test_folder, in_folder("link")), 0);
    chmod(test_folder, 0777);
    assert_null(plugin_file_find(in_folder("link"), "x", getuid(), getuid(), &err));
    assert_has(err.text, "can be written by others (mode 777)");
    chmod(test_folder, 0700);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    (void)state;
    write_text("x.so", "");
    assert_int_equal(symlink("x.so", in_folder("linked.so")), 0);
    assert_refused("linked", "/linked.so is a symbolic link: name the file that it leads to");
    assert_int_equal(mkdir(in_folder("folder.so"), 0700), 0);
    assert_refused("folder", "/folder.so is not a regular file");
    assert_int_equal(mkfifo(in_folder("pipe.so"), 0600), 0);
    assert_refused("pipe", "/pipe.so is not a regular file");
}

static void a_stranger_may_own_neither_file_nor_folder(void **state)
{
    const char *path = write_text("x.so", "");
    char *found;

    (void)state;
    if (getuid() != 0) { /* only root can give files away: so it is we who are the stranger */
        assert_null(plugin_file_find(test_folder, "x", getuid() + 1, getuid() + 2, &err));
        assert_has(err.text, ": code is loaded only when it belongs to root");
        return;
    }
    assert_int_equal(chown(path, 12345, 0), 0);
    assert_refused("x", "/x.so belongs to uid 12345: code is loaded only when it belongs to root");
    found = plugin_file_find(test_folder, "x", 12345, 0, &err); /* the user that the server runs as */
    assert_non_null(found);
    free(found);
    found = plugin_file_find(test_folder, "x", 0, 12345, &err); /* who started it */
    assert_non_null(found);
    free(found);
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(chown(test_folder, 12345, 0), 0);
    assert_refused("x", test_folder);
    assert_has(err.text, " belongs to uid 12345");
    assert_int_equal(chown(test_folder, 0, 0), 0);
    assert_found("x");
}

static void the_name_is_the_files_without_its_suffix(void **state)
{
    char *name = plugin_file_name("/usr/lib/dns-x.so");

    (void)state;
    assert_string_equal(name, "dns-x");
    free(name);
    assert_null(plugin_file_name("/usr/lib/dns-x"));
    assert_null(plugin_file_name("/usr/lib/.so"));
    assert_null(plugin_file_name("x.so.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_a_file_in_the_folder_and_a_slash_makes_a_path),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(a_file_that_others_can_write_is_refused),
        cmocka_unit_test(a_folder_that_others_can_write_is_refused),
        cmocka_unit_test(a_linked_folder_is_checked_where_it_leads),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_stranger_may_own_neither_file_nor_folder),
        cmocka_unit_test(the_name_is_the_files_without_its_suffix),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* core/command/plugin_check.c and dryrun*.c: what `countersign plugin check` says of sound and of faulty plugins. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../plugin/plugin_test.h"
#include "program.h"

static const char *conf(void)
{
    char text[3 * PATH_MAX];

    snprintf(text, sizeof text, "state = \"%s\"; plugin_dir = \"%s\";\n", test_folder, test_folder);
    return write_text("test.conf", text);
}

static int check(const char *name)
{
    return RUN("-c", conf(), "plugin", "check", copy_plugin(name, name));
}

static int check_rude(const char *fault)
{
    char set[64];

    snprintf(set, sizeof set, "fault=%s", fault);
    return RUN("-c", conf(), "plugin", "check", "--wait", "2", "--set", set, "--set", "key=a-secret-of-the-test",
               copy_plugin("rude", "rude"));
}

static void assert_fault(int rc, const char *line)
{
    if (rc != 1 || !strstr(said.out, line) || !strstr(said.out, "fault"))
        fail_msg("it ended with %d and has no \"%s\": %s%s", rc, line, said.out, said.err);
}

/* Nothing stays behind in the folder for temporary files, which is the test's, whatever became of the plugin. */
static void assert_nothing_left(void)
{
    const struct dirent *entry;
    DIR *folder = opendir(test_folder);

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        if (strncmp(entry->d_name, "countersign-check.", 18) == 0)
            fail_msg("%s was left", entry->d_name);
    closedir(folder);
}

static void a_sound_plugin_passes(void **state)
{
    (void)state;
    assert_int_equal(check_rude("none"), 0);
    assert_null(strstr(said.out, "FAIL"));
    assert_has(said.out, "pass file      ");
    assert_has(said.out, "pass exports   cs_plugin and nothing else\n");
    assert_has(said.out, "pass load      plugin ABI 1.1, this server (" CS_VERSION ") has 1.1\n");
    assert_has(said.out, "pass words     rude 1.0: is rude when asked to be\n");
    assert_has(said.out, "pass roles     dns\n");
    assert_has(said.out, "pass settings  2 in the table");
    assert_has(said.out, "pass set_txt   values came and went, one after another and 16 owners at once");
    assert_has(said.out, "pass deadline  ");
    assert_has(said.out, "pass left      ");
    assert_has(said.out, "pass secrets   ");
    assert_string_equal(said.err, "");
    assert_nothing_left();
}

static void each_bad_plugin_is_named(void **state)
{
    static const struct {
        const char *name, *line;
    } bad[] = {
        { "no-symbol", "FAIL exports   cs_plugin is not among its symbols" },
        { "wrong-major", "was built for plugin ABI 2.1, this server (" CS_VERSION ") has 1.1: build it anew" },
        { "newer-minor", "was built for plugin ABI 1.2" },
        { "newer-service", "needs cs_of_tomorrow, which this server" },
        { "missing-library", "needs function_of_no_library, which nothing provides" },
        { "small-descriptor", "describes itself in 56 bytes" },
        { "small-option", "has settings of 48 bytes each" },
        { "odd-option", "has settings of 59 bytes each" },
        { "no-version", "has no name, version or summary" },
        { "other-name", "says that it is \"some-other\": name the file some-other.so" },
        { "no-open", "has no function `open`" },
        { "no-close", "has no function `close`" },
        { "no-role", "plays no role" },
        { "small-role", "describes its role `dns` in 8 bytes" },
        { "no-set-txt", "FAIL roles     " },
        { "no-sign", "has no function `sign`" },
        { "no-append", "has no function `append`" },
        { "no-migrate", "has no function `migrate`" },
        { "not-blocking", "does not say .blocking = true" },
        { "outside-settings", "FAIL settings  `tries` lies at 8 to 16, outside of the settings struct of 8 bytes" },
        { "borrows", "FAIL needs     json_object is there only because the server links /" },
        { "loose", "FAIL exports   besides cs_plugin it shows helper_of_mine, which may clash" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strcmp(bad[i].name, "borrows") != 0 && strcmp(bad[i].name, "loose") != 0)
            assert_fault(check(bad[i].name), bad[i].line);
    /* These two are opened in spite of their fault, and never finish a call. */
    for (size_t i = sizeof bad / sizeof *bad - 2; i < sizeof bad / sizeof *bad; i++)
        assert_fault(RUN("-c", conf(), "plugin", "check", "--wait", "1", copy_plugin(bad[i].name, bad[i].name)), bad[i].line);
    assert_has(said.out, "note variables instances_so_far live outside of functions");
    assert_has(said.out, "FAIL set_txt   a call was not finished 1 s after its deadline");
}

static void what_it_does_wrong_at_work_is_named(void **state)
{
    (void)state;
    assert_fault(check_rude("crashes"), "FAIL set_txt   it ended the process by signal 6 (Aborted)");
    assert_has(said.out, "plugin check --here");
    assert_fault(check_rude("exits"), "FAIL set_txt   it ended the process with exit code 0: a plugin never calls exit()");
    assert_fault(check_rude("twice"), "FAIL set_txt   it ended the process by signal 6");
    assert_has(said.out, "dns.check");
    assert_fault(check_rude("sleeps"), "FAIL set_txt   it held the loop for ");
    assert_fault(check_rude("no-text"), "FAIL set_txt   ended with an error without a text");
    assert_fault(check_rude("refuses"), "FAIL open      dns.check: it refuses to open");
    assert_fault(check_rude("refuses-silently"), "FAIL open      ");
    assert_fault(check_rude("timer"), "FAIL left      a timer is still set after `close`");
    assert_fault(check_rude("watch"), "FAIL left      a watch is still set after `close`");
    assert_fault(check_rude("fd"), "FAIL left      1 file descriptors were left open");
    assert_fault(check_rude("logs"), "FAIL secrets   a setting of type SECRET stands in the log");
    assert_null(strstr(said.out, "a-secret-of-the-test"));
    assert_nothing_left();
}

static void one_that_hangs_is_ended(void **state)
{
    (void)state;
    assert_fault(check_rude("hangs"), "FAIL set_txt   it hangs, and was killed");
    assert_nothing_left();
}

static void what_was_made_up_is_told(void **state)
{
    (void)state;
    assert_int_equal(RUN("-c", conf(), "plugin", "check", copy_plugin("rude", "rude")), 0);
    assert_has(said.out, "note open      with values made up for key; --set NAME=VALUE gives real ones\n");
    assert_int_equal(RUN("-c", conf(), "plugin", "check", "--set", "fault=refuses", in_folder("rude.so")), 0);
    assert_has(said.out,
               "note open      refused with values made up for key, so no call was tried (dns.check: it refuses to open)");
    assert_int_equal(RUN("-c", conf(), "plugin", "check", "--set", "falt=none", in_folder("rude.so")), 1);
    assert_has(said.out, "there is no setting `falt`: `countersign plugin help ");
}

/* A setting that is no URL can be led to them, too; that is no real back end, so its calls may fail. */
static void the_back_ends_of_the_check_have_a_port(void **state)
{
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof path, "%s", copy_built("EXAMPLES", "dns-example-async", "dns-example-async"));
    assert_int_equal(RUN("-c", conf(), "plugin", "check", "--set", "api=http://127.0.0.1:{port}/{port}", "--set",
                         "key=k", path), 0);
    assert_has(said.out, "pass set_txt   ended with an error, as it has no real back end here: http://127.0.0.1:");
    assert_null(strstr(said.out, "{port}"));
    assert_has(said.out, " answered 503 for _acme-challenge.check");
    assert_has(said.out, "pass deadline  a call whose back end never answers was finished ");
    assert_has(said.out, "pass stop      a call under way was finished ");
    assert_fault(RUN("-c", conf(), "plugin", "check", "--set", "api=http://127.0.0.1:1", "--set", "key=k", path),
                 "FAIL set_txt   ended with an error, although --set names its back end: ");
}

static void our_own_plugins_pass(void **state)
{
    char file[PATH_MAX + 8];

    (void)state;
    copy_built("DNS_BUILTIN_FOLDER", "dns-builtin", "dns-builtin");
    copy_built("STORE_FOLDER", "store-sqlite", "store-sqlite");
    assert_int_equal(RUN("-c", conf(), "plugin", "check", in_folder("store-sqlite.so")), 0);
    assert_has(said.out, "pass store     migrated; a row was kept, and one was taken back\n");
    copy_built("CA_LOCAL_FOLDER", "ca-local", "ca-local");
    assert_int_equal(RUN("-c", conf(), "plugin", "check", "--set", "challenge=true", in_folder("ca-local.so")), 0);
    assert_has(said.out, "pass roles     ca (blocking)\n");
    assert_has(said.out, "pass sign      a chain of ");
    copy_built("AUDIT_JSONL_FOLDER", "audit-jsonl", "audit-jsonl");
    snprintf(file, sizeof file, "file=%s/x", test_folder);
    assert_int_equal(RUN("-c", conf(), "plugin", "check", "--set", file, in_folder("audit-jsonl.so")), 0);
    assert_has(said.out, "pass append    took 6 events, and the first of them twice\n");
    copy_built("CA_ACME_FOLDER", "ca-acme", "ca-acme");
    assert_int_equal(RUN("-c", conf(), "plugin", "check", "--wait", "1", in_folder("ca-acme.so")), 0);
    assert_has(said.out, "pass sign      ended with an error, as it has no real back end here: ");
    assert_has(said.out, "pass deadline  an order whose CA never answers ended at its deadline");
}

static void a_file_that_others_can_change_is_not_loaded(void **state)
{
    const char *path = copy_plugin("no-fault", "no-fault");

    (void)state;
    assert_int_equal(chmod(path, 0666), 0);
    assert_fault(RUN("-c", conf(), "plugin", "check", path), "FAIL file      ");
    assert_has(said.out, "can be written by others (mode 666)");
    assert_null(strstr(said.out, "pass load"));
    write_text("text.so", "not an object\n");
    assert_fault(RUN("-c", conf(), "plugin", "check", in_folder("text.so")), "FAIL object    it is no ELF file");
    assert_fault(RUN("-c", conf(), "plugin", "check", "absent.so"), "FAIL file      ");
}

static void a_wrong_command_line_is_explained(void **state)
{
    (void)state;
    assert_int_equal(RUN("plugin", "check"), 2);
    assert_int_equal(RUN("plugin", "check", "a.so", "b.so"), 2);
    assert_int_equal(RUN("plugin", "check", "--set", "nothing", "a.so"), 2);
    assert_int_equal(RUN("plugin", "check", "--wait", "0", "a.so"), 2);
    assert_int_equal(RUN("plugin", "check", "--zone", "Not A Zone", "a.so"), 2);
    assert_has(said.err, "countersign plugin check ");
    assert_int_equal(RUN("plugin", "check", "--wait", "9223372036854775807", "a.so"), 2);
    assert_int_equal(RUN("plugin", "check", "--help"), 0);
    assert_has(said.out, "countersign plugin check ");
}

static int open_folder(void **state)
{
    return make_test_folder(state) == 0 ? setenv("TMPDIR", test_folder, 1) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_plugin_passes),
        cmocka_unit_test(each_bad_plugin_is_named),
        cmocka_unit_test(what_it_does_wrong_at_work_is_named),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(what_was_made_up_is_told),
        cmocka_unit_test(the_back_ends_of_the_check_have_a_port),
        cmocka_unit_test(our_own_plugins_pass),
        cmocka_unit_test(a_file_that_others_can_change_is_not_loaded),
        cmocka_unit_test(a_wrong_command_line_is_explained),
    };

    return cmocka_run_group_tests(tests, open_folder, remove_test_folder);
}

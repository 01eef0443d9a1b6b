/* audit-jsonl: what stands in the file, and that it survives rotation, half lines and a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <countersign/audit.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct cs_plugin cs_plugin;

static char folder[64], path[96], moved[96];
static struct {
    const char *file;
} conf;
static void *sink;
static struct cs_error err;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sizeof conf, cs_plugin.settings_size);
    snprintf(folder, sizeof folder, "/tmp/countersign-audit-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/audit.jsonl", folder);
    snprintf(moved, sizeof moved, "%s/audit.jsonl.1", folder);
    conf.file = path;
    err = (struct cs_error){ 0 };
    assert_int_equal(cs_plugin.open(NULL, &conf, &sink, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cs_plugin.close(sink);
    unlink(path);
    unlink(moved);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static struct cs_event event(int64_t number, const char *json)
{
    return (struct cs_event){ .size = sizeof(struct cs_event), .number = number, .time_ms = 1700000000123 + number,
                              .kind = "issued", .json = json, .json_len = strlen(json) };
}

static int append_one(int64_t number)
{
    struct cs_event e = event(number, "{\"zone\":\"lab.example\"}");

    return cs_plugin.audit->append(sink, &e, 1, &err);
}

#define LINE_1 "{\"number\":1,\"time\":\"2023-11-14T22:13:20.124Z\",\"kind\":\"issued\",\"zone\":\"lab.example\"}\n"
#define LINE_2 "{\"number\":2,\"time\":\"2023-11-14T22:13:20.125Z\",\"kind\":\"issued\",\"zone\":\"lab.example\"}\n"

static void expect_file(const char *file, const char *text)
{
    static char got[65536];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, got, sizeof got - 1);
    assert_true(n >= 0);
    got[n] = '\0';
    close(fd);
    assert_string_equal(got, text);
}

static void write_file(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void a_batch_is_lines_in_order(void **state)
{
    struct cs_event events[] = { event(1, "{\"zone\":\"lab.example\"}"), event(2, "{\"zone\":\"lab.example\"}"),
                                 event(3, "{}"), event(4, "{\"text\":\"two\\nlines\",\"kind\":\"forged\",\"number\":9}") };

    (void)state;
    assert_int_equal(cs_plugin.audit->append(sink, events, 4, &err), 0);
    expect_file(path, LINE_1 LINE_2 "{\"number\":3,\"time\":\"2023-11-14T22:13:20.126Z\",\"kind\":\"issued\"}\n"
                "{\"number\":4,\"time\":\"2023-11-14T22:13:20.127Z\",\"kind\":\"issued\",\"text\":\"two\\nlines\"}\n");
}

static void what_is_no_json_is_kept_and_holds_up_nobody(void **state)
{
    struct cs_event e = event(1, "{broken\n"), odd = event(2, "\xff\xfe");

    (void)state;
    assert_int_equal(cs_plugin.audit->append(sink, &e, 1, &err), 0);
    assert_int_equal(cs_plugin.audit->append(sink, &odd, 1, &err), 0);
    assert_int_equal(append_one(2), 0);
    expect_file(
        path, "{\"number\":1,\"time\":\"2023-11-14T22:13:20.124Z\",\"kind\":\"issued\",\"unreadable\":\"{broken\\n\"}\n"
              "{\"number\":2,\"time\":\"2023-11-14T22:13:20.125Z\",\"kind\":\"issued\",\"unreadable\":\"not UTF-8\"}\n" LINE_2);
}

static void a_visit_has_no_number_and_no_time(void **state)
{
    const char *json = "{\"day\":\"2026-11-21\",\"n\":2}";
    struct cs_event visit = { .size = sizeof visit, .kind = "visit", .json = json, .json_len = strlen(json) };

    (void)state;
    assert_int_equal(cs_plugin.audit->append(sink, &visit, 1, &err), 0);
    expect_file(path, "{\"kind\":\"visit\",\"day\":\"2026-11-21\",\"n\":2}\n");
}

static void a_new_file_is_for_owner_and_group(void **state)
{
    mode_t before = umask(077);
    struct stat st;

    (void)state;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(append_one(1), 0);
    umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_file_that_was_moved_away_is_followed_by_a_new_one(void **state)
{
    (void)state;
    assert_int_equal(append_one(1), 0);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(append_one(2), 0);
    expect_file(moved, LINE_1);
    expect_file(path, LINE_2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(append_one(1), 0);
    expect_file(path, LINE_1);
}

/* Nothing need be written for the old file to be let go of. */
static void a_hangup_begins_a_new_file_at_once(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(append_one(1), 0);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(cs_plugin.audit->reopen(sink, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(append_one(2), 0);
    expect_file(moved, LINE_1);
    expect_file(path, LINE_2);
}

static void a_hangup_that_finds_no_way_is_told_and_heals(void **state)
{
    (void)state;
    assert_int_equal(append_one(1), 0);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(cs_plugin.audit->reopen(sink, &err), -1);
    assert_non_null(strstr(err.text, "it is a symbolic link"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(append_one(2), 0);
    expect_file(path, LINE_2);
}

static void a_file_that_was_put_in_its_place_is_used_and_keeps_its_mode(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(append_one(1), 0);
    assert_int_equal(rename(path, moved), 0);
    write_file(path, "");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(append_one(2), 0);
    expect_file(path, LINE_2);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_that_was_emptied_in_place_goes_on_from_its_start(void **state)
{
    (void)state;
    assert_int_equal(append_one(1), 0);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(append_one(2), 0);
    expect_file(path, LINE_2);
}

static void half_a_line_spoils_no_other(void **state)
{
    (void)state;
    write_file(path, LINE_1 "{\"numb");
    assert_int_equal(append_one(2), 0);
    expect_file(path, LINE_1 "{\"numb\n" LINE_2);
}

static void a_batch_that_does_not_fit_leaves_nothing_behind(void **state)
{
    struct rlimit before, small;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(append_one(1), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){ .rlim_cur = strlen(LINE_1) + 10, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(append_one(2), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err.code, CS_EBUSY);
    assert_non_null(strstr(err.text, "cannot write to"));
    assert_non_null(strstr(err.text, "File too large"));
    expect_file(path, LINE_1);
    assert_int_equal(append_one(2), 0);
    expect_file(path, LINE_1 LINE_2);
}

static void expect_refusal(const char *file, const char *words)
{
    struct {
        const char *file;
    } other = { file };
    void *self = NULL;

    assert_int_equal(cs_plugin.open(NULL, &other, &self, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void a_path_that_cannot_work_is_told_at_the_start(void **state)
{
    char nowhere[128];

    (void)state;
    expect_refusal("audit.jsonl", "file must be an absolute path");
    expect_refusal("", "file must be an absolute path");
    snprintf(nowhere, sizeof nowhere, "%s/nowhere/audit.jsonl", folder);
    expect_refusal(nowhere, "No such file or directory; the folder must be there");
    expect_refusal(folder, "cannot open");
    assert_int_equal(symlink(path, moved), 0);
    expect_refusal(moved, "it is a symbolic link");
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(mkfifo(moved, 0600), 0);
    expect_refusal(moved, "is not a file");
}

static void two_sinks_cannot_share_a_file(void **state)
{
    (void)state;
    expect_refusal(path, "another sink or server writes to");
    assert_int_equal(rename(path, moved), 0); /* the lock is the file's, not the name's */
    assert_int_equal(append_one(1), 0);
    expect_refusal(path, "another sink or server writes to");
}

static void a_path_that_became_bad_fails_and_heals(void **state)
{
    (void)state;
    assert_int_equal(append_one(1), 0);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(append_one(2), -1);
    assert_non_null(strstr(err.text, "it is a symbolic link"));
    assert_int_equal(append_one(2), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(append_one(2), 0);
    expect_file(path, LINE_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_is_lines_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_json_is_kept_and_holds_up_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_visit_has_no_number_and_no_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hangup_begins_a_new_file_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hangup_that_finds_no_way_is_told_and_heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_sinks_cannot_share_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_file_is_for_owner_and_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_moved_away_is_followed_by_a_new_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_put_in_its_place_is_used_and_keeps_its_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_emptied_in_place_goes_on_from_its_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_line_spoils_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_that_does_not_fit_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_cannot_work_is_told_at_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_became_bad_fails_and_heals, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* core/command/setup.c: what the subcommands have in common, with the real store-sqlite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../plugin/plugin_test.h"

#include "command/setup.h"

static struct setup setup;
static struct cs_error err;

static const char *conf(const char *more)
{
    char text[4 * PATH_MAX];

    snprintf(text, sizeof text, "state = \"%s\"; plugin_dir = \"%s\"; log_level = \"error\";\n%s\n", in_folder("state"),
             test_folder, more);
    return write_text("test.conf", text);
}

/* Our own stderr as a file, while fn runs. */
static const char *complaints_of(int (*fn)(void), int expected)
{
    static char text[4096];
    int saved = dup(STDERR_FILENO), rc;
    FILE *f = fopen(in_folder("stderr"), "w+");
    size_t len;

    assert_non_null(f);
    fflush(stderr);
    assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
    rc = fn();
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    rewind(f);
    len = fread(text, 1, sizeof text - 1, f);
    text[len] = '\0';
    fclose(f);
    assert_int_equal(rc, expected);
    return text;
}

static int read_conf(void)
{
    return setup_read(&setup, in_folder("test.conf"));
}

static void a_good_file_is_read(void **state)
{
    (void)state;
    conf("store = { main = { plugin = \"store-sqlite\"; }; };");
    assert_string_equal(complaints_of(read_conf, 0), "");
    assert_int_equal(setup.user, geteuid());
    assert_int_equal(setup.group, getegid());
    assert_int_equal(setup.starter, getuid());
    assert_int_equal(setup.state_lock, -1);
    assert_int_equal(setup.settings.n_blocks, 1);
    setup_free(&setup);
    setup_free(&setup); /* harmless */
}

static void every_complaint_is_printed_and_nothing_is_left(void **state)
{
    const char *text;

    (void)state;
    conf("wiat = 1;\nstore = 5;\nuser = \"no-such-user\";");
    text = complaints_of(read_conf, -1);
    assert_has(text, "/test.conf:2: unknown key `wiat`");
    assert_has(text, "/test.conf:3: `store` must be a group");
    assert_has(text, "/test.conf:4: there is no user \"no-such-user\": make it with `useradd --system no-such-user`");
    assert_null(setup.config);
}

static void a_file_that_cannot_be_parsed_is_one_line(void **state)
{
    const char *text;

    (void)state;
    conf("= =");
    text = complaints_of(read_conf, -1);
    assert_has(text, "/test.conf:2: syntax error\n");
}

static void a_user_is_looked_up(void **state)
{
    (void)state;
    conf("user = \"root\";");
    assert_int_equal(setup_read(&setup, in_folder("test.conf")), 0);
    assert_int_equal(setup.user, 0);
    assert_int_equal(setup.group, 0);
    setup_free(&setup);
}

static void the_process_is_prepared(void **state)
{
    struct rlimit limit;
    struct sigaction action;
    mode_t mask;
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        setup_process();
        mask = umask(0);
        if (mask != 077 || sigaction(SIGPIPE, NULL, &action) < 0 || action.sa_handler != SIG_IGN)
            _exit(1);
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur != limit.rlim_max)
            _exit(2);
        if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur != 0 || limit.rlim_max != 0)
            _exit(3);
        if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
            _exit(4);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- The store, each in a process of its own, as commands are ---- */

static int count_zone(void *arg, const struct cs_zone *zone)
{
    (void)zone;
    ++*(int *)arg;
    return 0;
}

static int add_and_count(const struct store_conn *c, void *arg, struct cs_error *failure)
{
    const struct cs_zone zone = { .size = sizeof zone, .zone = "example.org", .dns = "d", .parallel = 1, .challenge_zone = "",
                                  .servers = "", .visible = CS_VISIBLE_REQUIRE, .enabled = true };

    if (c->ops->zone_put(c->conn, &zone, failure) < 0)
        return -1;
    return c->ops->zone_list(c->conn, count_zone, arg, failure);
}

static int use_store(void)
{
    int zones = 0, rc = -1;

    if (setup_read(&setup, in_folder("test.conf")) < 0)
        return -1;
    if (setup_store(&setup, &err) == 0 && setup.state_lock >= 0)
        rc = store_with(setup.store, CS_STATE_WRITER, add_and_count, &zones, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    setup_free(&setup);
    return zones == 1 ? rc : -1;
}

static int in_child(int (*fn)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        exit(fn() == 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_store_is_made_opened_and_used(void **state)
{
    struct stat st;

    (void)state;
    conf("store = { main = { plugin = \"store-sqlite\"; }; }; ca = { c = { plugin = \"absent\"; }; };");
    assert_int_equal(in_child(use_store), 0);
    assert_int_equal(in_child(use_store), 0);
    assert_int_equal(stat(in_folder("state/lock"), &st), 0);
}

static int use_locked_store(void)
{
    int zones = 0;

    if (setup_read(&setup, in_folder("test.conf")) < 0 || setup_store(&setup, &err) < 0 || setup.state_lock >= 0 ||
        store_with(setup.store, CS_STATE_WRITER, add_and_count, &zones, &err) < 0)
        return -1;
    setup_free(&setup);
    return zones == 1 ? 0 : -1;
}

/* As `serve` holds the lock while `countersign zone …` is used. */
static void a_held_lock_forbids_to_migrate_but_not_to_use(void **state)
{
    struct setup holder = { .state_lock = -1 };

    (void)state;
    conf("store = { main = { plugin = \"store-sqlite\"; }; };");
    assert_int_equal(in_child(use_store), 0);
    holder.settings.state = in_folder("state");
    assert_int_equal(setup_lock_state(&holder, &err), 0);
    assert_int_equal(in_child(use_locked_store), 0);
    close(holder.state_lock);
}

static int refuse_locked_store(void)
{
    int rc;

    if (setup_read(&setup, in_folder("test.conf")) < 0)
        return -1;
    rc = setup_store(&setup, &err);
    setup_free(&setup);
    return rc < 0 ? 0 : -1;
}

static void a_held_lock_and_no_schema_is_refused(void **state)
{
    struct setup holder = { .state_lock = -1 };
    char text[2 * PATH_MAX];

    (void)state;
    assert_int_equal(mkdir(in_folder("new"), 0700), 0);
    snprintf(text, sizeof text, "state = \"%s\"; plugin_dir = \"%s\"; store = { main = { plugin = \"store-sqlite\"; }; };",
             in_folder("new"), test_folder);
    write_text("test.conf", text);
    holder.settings.state = in_folder("new");
    assert_int_equal(setup_lock_state(&holder, &err), 0);
    assert_int_equal(in_child(refuse_locked_store), 0);
    close(holder.state_lock);
}

static int refuse_store(void)
{
    int rc;

    if (setup_read(&setup, in_folder("test.conf")) < 0)
        return -2;
    rc = setup_store(&setup, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    setup_free(&setup);
    return rc;
}

static int told_without_store(void)
{
    return strstr(complaints_of(refuse_store, -1), "the configuration has no store: add store = {") ? 0 : -1;
}

static int told_absent_plugin(void)
{
    return strstr(complaints_of(refuse_store, -1), "/store-absent.so is not there") ? 0 : -1;
}

static void without_a_store_or_its_plugin_it_says_so(void **state)
{
    (void)state;
    conf("");
    assert_int_equal(in_child(told_without_store), 0);
    conf("store = { main = { plugin = \"store-absent\"; }; };");
    assert_int_equal(in_child(told_absent_plugin), 0);
}

static int make_folder_with_store(void **state)
{
    if (make_test_folder(state) < 0)
        return -1;
    copy_built("STORE_FOLDER", "store-sqlite", "store-sqlite");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(every_complaint_is_printed_and_nothing_is_left),
        cmocka_unit_test(a_file_that_cannot_be_parsed_is_one_line),
        cmocka_unit_test(a_user_is_looked_up),
        cmocka_unit_test(the_process_is_prepared),
        cmocka_unit_test(the_store_is_made_opened_and_used),
        cmocka_unit_test(a_held_lock_forbids_to_migrate_but_not_to_use),
        cmocka_unit_test(a_held_lock_and_no_schema_is_refused),
        cmocka_unit_test(without_a_store_or_its_plugin_it_says_so),
    };

    return cmocka_run_group_tests(tests, make_folder_with_store, remove_test_folder);
}

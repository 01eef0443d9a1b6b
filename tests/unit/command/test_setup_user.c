/* core/command/setup_user.c: folders, the change of user, the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../plugin/plugin_test.h"

#include "command/setup.h"

static struct setup setup;
static struct cs_error err;

static int fresh(void **state)
{
    (void)state;
    err = (struct cs_error){ 0 };
    setup = (struct setup){ .state_lock = -1, .user = geteuid(), .group = getegid(), .starter = getuid() };
    setup.settings.state = test_folder;
    return 0;
}

static int unlock(void **state)
{
    (void)state;
    if (setup.state_lock >= 0)
        close(setup.state_lock);
    return 0;
}

/* In a child, as what it does cannot be undone: the exit code. */
static int in_child(int (*fn)(void))
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(fn());
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- Folders ---- */

static void a_folder_is_made_for_the_user_alone(void **state)
{
    const char *path = in_folder("made");
    struct stat st;

    (void)state;
    assert_int_equal(setup_make_folder(&setup, path, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(setup_make_folder(&setup, path, &err), 0);
}

static void a_folder_that_is_there_keeps_its_mode(void **state)
{
    const char *path = in_folder("shared");
    struct stat st;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(setup_make_folder(&setup, path, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

static void a_folder_that_others_can_write_is_refused(void **state)
{
    const char *path = in_folder("open");

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0770), 0);
    assert_int_equal(setup_make_folder(&setup, path, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(err.text, "/open can be written by others (mode 770): chmod go-w it");
}

static void what_is_no_folder_or_has_no_parent_is_refused(void **state)
{
    (void)state;
    write_text("file", "");
    assert_int_equal(setup_make_folder(&setup, in_folder("file"), &err), -1);
    assert_has(err.text, "cannot use the folder ");
    assert_int_equal(symlink(test_folder, in_folder("link")), 0);
    assert_int_equal(setup_make_folder(&setup, in_folder("link"), &err), -1);
    assert_int_equal(setup_make_folder(&setup, in_folder("no/parent"), &err), -1);
    assert_has(err.text, "cannot make the folder ");
}

static void a_folder_of_somebody_else_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("foreign"), 0700), 0);
    if (geteuid() == 0)
        setup.user = 12345;
    else
        assert_int_equal(setup_make_folder(&setup, "/", &err), -1);
    if (geteuid() == 0)
        assert_int_equal(setup_make_folder(&setup, in_folder("foreign"), &err), -1);
    assert_has(err.text, "belongs to uid 0, but the server runs as uid ");
}

/* ---- The user ---- */

static int drop(void)
{
    struct stat st;

    if (setup_become_user(&setup, &err) < 0)
        return 2;
    if (getuid() != setup.user || geteuid() != setup.user || getgid() != setup.group || setuid(0) == 0)
        return 3;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 4;
    return stat(setup.settings.state, &st) == 0 && st.st_uid == setup.user && (st.st_mode & 07777) == 0700 ? 0 : 5;
}

static void root_becomes_the_user_and_cannot_go_back(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");

    (void)state;
    setup.settings.state = in_folder("state");
    setup.settings.runtime = in_folder("runtime");
    if (geteuid() == 0) { /* anybody else stays who he is, and the rest holds all the same */
        assert_non_null(nobody);
        assert_int_equal(chmod(test_folder, 0755), 0);
        setup.settings.user = "nobody";
        setup.user = nobody->pw_uid;
        setup.group = nobody->pw_gid;
    }
    assert_int_equal(in_child(drop), 0);
    assert_int_equal(chmod(test_folder, 0700), 0);
}

static int drop_as_stranger(void)
{
    if (geteuid() == 0 && setuid(12345) < 0)
        return 2;
    if (setup_drop_privileges(&setup, &err) == 0)
        return 3;
    return err.code == CS_ECONFIG && strstr(err.text, "but `user` is \"somebody\": start it as root or as that user") ? 0 : 4;
}

static void who_is_neither_root_nor_the_user_is_refused(void **state)
{
    (void)state;
    setup.settings.user = "somebody";
    setup.user = 54321;
    assert_int_equal(in_child(drop_as_stranger), 0);
}

/* ---- The lock ---- */

static void the_lock_holds_our_pid(void **state)
{
    char text[32] = "", expected[32];
    FILE *f;

    (void)state;
    assert_int_equal(setup_lock_state(&setup, &err), 0);
    assert_true(setup.state_lock >= 0);
    f = fopen(in_folder("lock"), "r");
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    assert_string_equal(text, expected);
}

static int lock_too(void)
{
    struct setup other = setup;
    char expected[64];

    other.state_lock = -1;
    snprintf(expected, sizeof expected, "is in use by process %ld: stop that one first", (long)getppid());
    if (setup_lock_state(&other, &err) == 0)
        return 2;
    return err.code == CS_EBUSY && strstr(err.text, expected) && other.state_lock == -1 ? 0 : 3;
}

static void a_second_one_is_refused_and_told_the_pid(void **state)
{
    (void)state;
    assert_int_equal(setup_lock_state(&setup, &err), 0);
    assert_int_equal(in_child(lock_too), 0);
}

static int see_holder(void)
{
    char holder[32], expected[32];

    snprintf(expected, sizeof expected, "%ld", (long)getppid());
    setup_state_holder(&setup, holder);
    return strcmp(holder, expected) == 0 ? 0 : 1;
}

static void who_holds_the_lock_can_be_asked(void **state)
{
    char holder[32] = "x";

    (void)state;
    setup_state_holder(&setup, holder);
    assert_string_equal(holder, "");
    assert_int_equal(setup_lock_state(&setup, &err), 0);
    assert_int_equal(in_child(see_holder), 0);
}

static int lock_and_die(void)
{
    return setup_lock_state(&setup, &err) == 0 ? 0 : 1;
}

static void the_lock_ends_with_its_process(void **state)
{
    (void)state;
    assert_int_equal(in_child(lock_and_die), 0);
    assert_int_equal(setup_lock_state(&setup, &err), 0);
}

static void a_lock_that_cannot_be_opened_is_named(void **state)
{
    (void)state;
    setup.settings.state = "/nonexistent";
    assert_int_equal(setup_lock_state(&setup, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(err.text, "cannot open /nonexistent/lock: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_folder_is_made_for_the_user_alone, fresh),
        cmocka_unit_test_setup(a_folder_that_is_there_keeps_its_mode, fresh),
        cmocka_unit_test_setup(a_folder_that_others_can_write_is_refused, fresh),
        cmocka_unit_test_setup(what_is_no_folder_or_has_no_parent_is_refused, fresh),
        cmocka_unit_test_setup(a_folder_of_somebody_else_is_refused, fresh),
        cmocka_unit_test_setup(root_becomes_the_user_and_cannot_go_back, fresh),
        cmocka_unit_test_setup(who_is_neither_root_nor_the_user_is_refused, fresh),
        cmocka_unit_test_setup_teardown(the_lock_holds_our_pid, fresh, unlock),
        cmocka_unit_test_setup_teardown(a_second_one_is_refused_and_told_the_pid, fresh, unlock),
        cmocka_unit_test_setup_teardown(who_holds_the_lock_can_be_asked, fresh, unlock),
        cmocka_unit_test_setup_teardown(the_lock_ends_with_its_process, fresh, unlock),
        cmocka_unit_test_setup(a_lock_that_cannot_be_opened_is_named, fresh),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* command/sign_files.c: a run that is killed before any of its steps leaves nothing that the next one does not mend, and no
 * step that fails costs a key. The list of docs/renew.md, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <sys/wait.h>
#include <unistd.h>

#include "command/sign_files.h"
#include "sign_pair.h"

/* The program goes on failing, and then it works. */
static void run_to_the_end(int at, const struct pair *to, bool new_key)
{
    assert_int_equal(run_apart(0, KILLED, to, new_key, PROGRAM_FAILS), 0);
    if (!is_pair(&old))
        fail_msg("killed before step %d, and then the program failed: the old files are not in place", at);
    assert_int_equal(run_apart(0, KILLED, to, new_key, PROGRAM_WORKS), 0);
    assert_true(is_pair(to));
    assert_int_equal(count_files(), 2);
}

static void a_failing_program_and_kills_never_cost_the_old_key(void **state)
{
    const struct pair *to[] = { &renewed, &next };
    int at, code;

    (void)state;
    for (int new_key = 0; new_key <= 1; new_key++) {
        for (at = 1, code = 9; code == 9; at++) {
            start_with_old();
            code = run_apart(at, KILLED, to[new_key], new_key, PROGRAM_FAILS);
            run_to_the_end(at, to[new_key], new_key);
        }
        assert_true(at > 5);
    }
}

/* Killed before each of its renames, links and removals in turn, until it comes to its end. */
static void kill_everywhere(const struct pair *to, bool new_key, enum deploying deploying)
{
    int at = 1, code;

    do {
        start_with_old();
        code = run_apart(at, KILLED, to, new_key, deploying);
        assert_true(code == 0 || code == 9);
        assert_true(holds("key.pem", old.key) || holds("key.pem", to->key));
        assert_true(holds("chain.pem", old.chain) || holds("chain.pem", to->chain));
        if (deploying == PROGRAM_FAILS && is_pair(to) && !is_there("chain.pem" SIDE "undeployed"))
            fail_msg("killed before step %d: what is in place would never be deployed", at);
        mend();
        if (!is_pair(&old) && !is_pair(to))
            fail_msg("killed before step %d: key and chain do not fit, and were not mended", at);
        assert_false(is_there("key.pem" SIDE "part") || is_there("chain.pem" SIDE "part"));
        assert_int_equal(run_apart(0, KILLED, to, new_key, PROGRAM_WORKS), 0);
        assert_true(is_pair(to));
        assert_int_equal(count_files(), 2);
        at++;
    } while (code == 9);
    assert_true(at > 5);
}

static void a_run_that_is_killed_anywhere_is_mended(void **state)
{
    (void)state;
    for (int deploying = NO_PROGRAM; deploying <= PROGRAM_FAILS; deploying++) {
        kill_everywhere(&next, true, (enum deploying)deploying);
        kill_everywhere(&renewed, false, (enum deploying)deploying);
    }
}

static void a_step_that_fails_leaves_a_pair(void **state)
{
    int code = 1;

    (void)state;
    for (int at = 1; at < 40; at++) {
        start_with_old();
        code = run_apart(at, FAILS, &next, true, PROGRAM_WORKS);
        if (!is_pair(&old) && !is_pair(&next))
            fail_msg("step %d failed: key and chain do not fit", at);
    }
    assert_int_equal(code, 0);
}

static void a_mend_that_is_killed_is_mended(void **state)
{
    int code;

    (void)state;
    for (int at = 1;; at++) {
        start_with_old();
        put("key.pem", next.key); /* cut off between the two renames */
        put("key.pem" SIDE "old", old.key);
        put("chain.pem" SIDE "old", old.chain);
        put("chain.pem" SIDE "new", next.chain);
        code = run_apart(at, KILLED, &next, false, NO_PROGRAM);
        if (code != 9)
            break;
        mend();
        assert_true(is_pair(&next));
    }
    assert_true(code == 0);
}

/* 0: it is in place, 1: it is not. */
static int first_key_apart(int at, enum flaw what)
{
    struct sign_files files;
    pid_t child = fork();
    int status;

    if (child == 0) {
        assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", NULL, NULL), 0);
        flaw_at_step(at, what);
        _exit(sign_files_first_key(&files, next.key, strlen(next.key), NULL) == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void a_first_key_is_whole_or_not_there_and_leaves_nothing(void **state)
{
    int at = 1, code;

    (void)state;
    do {
        empty();
        code = first_key_apart(at++, KILLED);
        assert_true(code == 0 || code == 9);
        assert_true(!is_there("key.pem") || holds("key.pem", next.key));
        mend();
        assert_int_equal(count_files(), is_there("key.pem"));
    } while (code == 9);
    assert_true(at > 3);
    for (at = 1; at <= 2; at++) { /* where link() fails, too */
        empty();
        assert_int_equal(first_key_apart(at, FAILS), 0);
        assert_true(holds("key.pem", next.key));
        assert_int_equal(count_files(), 1);
    }
    start_with_old();
    assert_int_equal(first_key_apart(0, FAILS), 1);
    assert_true(is_pair(&old)); /* a key that is there stays */
    assert_int_equal(count_files(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_program_and_kills_never_cost_the_old_key),
        cmocka_unit_test(a_run_that_is_killed_anywhere_is_mended),
        cmocka_unit_test(a_step_that_fails_leaves_a_pair),
        cmocka_unit_test(a_mend_that_is_killed_is_mended),
        cmocka_unit_test(a_first_key_is_whole_or_not_there_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

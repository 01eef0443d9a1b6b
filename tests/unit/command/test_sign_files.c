/* command/sign_files.c: a key and its chain change together, and what an earlier run left is mended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "command/sign_files.h"
#include "sign_pair.h"

static void a_whole_run_leaves_two_files(void **state)
{
    (void)state;
    for (int deploying = NO_PROGRAM; deploying <= PROGRAM_WORKS; deploying++) {
        start_with_old();
        assert_int_equal(run_apart(0, KILLED, &next, true, (enum deploying)deploying), 0);
        assert_true(is_pair(&next));
        assert_int_equal(count_files(), 2);
        start_with_old();
        assert_int_equal(run_apart(0, KILLED, &renewed, false, (enum deploying)deploying), 0);
        assert_true(is_pair(&renewed));
        assert_int_equal(count_files(), 2);
    }
}

static void a_failed_program_gets_the_old_files_back_and_the_new_are_kept(void **state)
{
    (void)state;
    start_with_old();
    assert_int_equal(run_apart(0, KILLED, &next, true, PROGRAM_FAILS), 0);
    assert_true(is_pair(&old));
    assert_true(holds("key.pem" SIDE "new", next.key));
    assert_true(holds("chain.pem" SIDE "new", next.chain));
    assert_int_equal(count_files(), 4);
    assert_int_equal(run_apart(0, KILLED, &next, true, PROGRAM_WORKS), 0);
    assert_true(is_pair(&next));
    assert_int_equal(count_files(), 2);
}

static void where_nothing_was_the_new_files_stay(void **state)
{
    (void)state;
    empty();
    put("key.pem", old.key);
    assert_int_equal(run_apart(0, KILLED, &old, false, PROGRAM_FAILS), 0);
    assert_true(is_pair(&old));
    assert_true(is_there("chain.pem" SIDE "undeployed"));
    put("chain.pem", "no chain at all\n");
    assert_int_equal(run_apart(0, KILLED, &next, true, PROGRAM_FAILS), 0);
    assert_true(is_pair(&next));
    assert_false(is_there("chain.pem" SIDE "old"));
}

static void an_old_chain_without_its_key_is_not_put_back(void **state)
{
    (void)state;
    start_with_old();
    put("key.pem", next.key);
    put("chain.pem", next.chain);
    put("chain.pem" SIDE "old", old.chain);
    put("chain.pem" SIDE "undeployed", "");
    assert_int_equal(run_apart(0, KILLED, &next, false, PROGRAM_FAILS), 0);
    assert_true(is_pair(&next));
}

static void mended_files_are_to_be_deployed(void **state)
{
    (void)state;
    start_with_old();
    put("key.pem", next.key);
    put("chain.pem" SIDE "new", next.chain);
    mend();
    assert_true(is_pair(&next));
    assert_true(is_there("chain.pem" SIDE "undeployed"));
    start_with_old();
    put("chain.pem", next.chain);
    put("key.pem" SIDE "new", next.key);
    mend();
    assert_true(is_pair(&next));
}

static void a_key_that_came_into_use_is_no_next_key(void **state)
{
    (void)state;
    start_with_old();
    put("key.pem" SIDE "new", old.key);
    put("key.pem" SIDE "part", "half a k");
    mend();
    assert_int_equal(count_files(), 2);
    put("key.pem" SIDE "new", next.key);
    mend();
    assert_true(holds("key.pem" SIDE "new", next.key));
}

static void what_others_put_there_is_not_touched(void **state)
{
    (void)state;
    start_with_old();
    put("chain.pem.old", "mine");
    put("key.pem", next.key);
    put("key.pem.bak", old.key);
    mend();
    assert_true(holds("key.pem", next.key) && holds("chain.pem", old.chain) && holds("chain.pem.old", "mine"));
    assert_int_equal(count_files(), 4);
}

static void one_run_at_a_time(void **state)
{
    struct sign_files a, b;
    struct cs_error err = { 0 };

    (void)state;
    start_with_old();
    assert_int_equal(sign_files_open(&a, "key.pem", "chain.pem", NULL, NULL), 0);
    assert_int_equal(sign_files_open(&b, "key.pem", "chain.pem", NULL, NULL), 0);
    assert_int_equal(sign_files_lock(&a, 0, NULL), 0);
    assert_int_equal(sign_files_lock(&b, 150, &err), -1);
    assert_int_equal(err.code, CS_EBUSY);
    sign_files_close(&a);
    assert_int_equal(sign_files_lock(&b, 0, NULL), 0);
    sign_files_close(&b);
    assert_int_equal(count_files(), 2);
}

static void a_key_on_a_read_only_mount_is_as_good(void **state)
{
    (void)state;
    for (int deploying = NO_PROGRAM; deploying <= PROGRAM_FAILS; deploying++) {
        start_with_old();
        assert_int_equal(run_apart(0, READ_ONLY, &renewed, false, (enum deploying)deploying), 0);
        assert_true(is_pair(deploying == PROGRAM_FAILS ? &old : &renewed));
    }
    put("key.pem" SIDE "part", "half a k"); /* what is there and cannot be removed is told */
    assert_int_equal(run_apart(0, READ_ONLY, &renewed, false, NO_PROGRAM), 1);
}

static void begin_with_csr(struct sign_files *files, const char *pem)
{
    assert_int_equal(sign_files_open(files, "key.pem", "chain.pem", "csr.pem", NULL), 0);
    assert_int_equal(sign_files_lock(files, 0, NULL), 0);
    assert_int_equal(sign_files_keep_csr(files, pem, strlen(pem), NULL), 0);
    assert_string_equal(sign_files_csr(files), "csr.pem");
    assert_int_equal(sign_files_place(files, renewed.chain, strlen(renewed.chain), false, true, NULL), 0);
}

static void a_csr_comes_into_place_when_the_program_has_worked(void **state)
{
    struct sign_files files;
    bool were_there;

    (void)state;
    start_with_old();
    put("csr.pem", "one");
    begin_with_csr(&files, "two");
    assert_true(holds("csr.pem", "one") && holds(sign_files_csr(&files), "two"));
    assert_int_equal(sign_files_put_back(&files, &were_there, NULL), 0);
    assert_true(were_there && holds("csr.pem", "one") && !is_there("csr.pem" SIDE "new"));
    assert_string_equal(sign_files_csr(&files), "csr.pem");
    sign_files_close(&files);
    begin_with_csr(&files, "two");
    sign_files_close(&files); /* cut off: the next run goes on with what is in place, which was asked with the second */
    assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", "csr.pem", NULL), 0);
    assert_true(holds(sign_files_csr(&files), "two"));
    assert_int_equal(sign_files_done(&files, NULL), 0);
    assert_true(holds("csr.pem", "two"));
    sign_files_close(&files);
    assert_int_equal(count_files(), 3);
}

static void mode_and_owner_are_taken_over(void **state)
{
    struct stat about;

    (void)state;
    start_with_old();
    assert_int_equal(chmod("key.pem", 0640), 0);
    assert_int_equal(chmod("chain.pem", 0600), 0);
    assert_int_equal(run_apart(0, KILLED, &next, true, NO_PROGRAM), 0);
    assert_int_equal(stat("key.pem", &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    assert_int_equal(stat("chain.pem", &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(about.st_nlink, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_run_leaves_two_files),
        cmocka_unit_test(a_failed_program_gets_the_old_files_back_and_the_new_are_kept),
        cmocka_unit_test(where_nothing_was_the_new_files_stay),
        cmocka_unit_test(an_old_chain_without_its_key_is_not_put_back),
        cmocka_unit_test(mended_files_are_to_be_deployed),
        cmocka_unit_test(a_key_that_came_into_use_is_no_next_key),
        cmocka_unit_test(what_others_put_there_is_not_touched),
        cmocka_unit_test(one_run_at_a_time),
        cmocka_unit_test(a_key_on_a_read_only_mount_is_as_good),
        cmocka_unit_test(a_csr_comes_into_place_when_the_program_has_worked),
        cmocka_unit_test(mode_and_owner_are_taken_over),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

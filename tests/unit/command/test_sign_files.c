/* command/sign_files.c: a key and its chain change together, and a run that is killed before any of its steps leaves nothing
 * that the next one does not mend. The table of docs/renew.md, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "command/sign_files.h"

#define SIDE ".countersign-"

enum flaw { KILLED, FAILS }; /* what happens at the step `flaw_at`, counted from 1; 0: nothing */

struct pair {
    char key[512], chain[2048];
};

static struct pair old, next, renewed; /* `renewed`: another chain for the old key */
static int flaw_at, n_steps;
static enum flaw flaw;

int __real_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_rename(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_unlink(const char *path);

static bool step_fails(void)
{
    if (++n_steps != flaw_at)
        return false;
    if (flaw == KILLED)
        _exit(9);
    errno = EIO;
    return true;
}

int __wrap_rename(const char *from, const char *to)
{
    return step_fails() ? -1 : __real_rename(from, to);
}

int __wrap_link(const char *from, const char *to)
{
    return step_fails() ? -1 : __real_link(from, to);
}

int __wrap_unlink(const char *path)
{
    return step_fails() ? -1 : __real_unlink(path);
}

/* ---- Keys, chains, files ----------------------------------------------------------------------------------------------- */

static void take(BIO *bio, char *out, size_t size)
{
    int len = BIO_read(bio, out, (int)size - 1);

    assert_true(len > 0);
    out[len] = '\0';
    BIO_free(bio);
}

static void make_chain(char *out, size_t size, EVP_PKEY *key, long serial)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 1000);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    take(bio, out, size);
    X509_free(certificate);
}

static EVP_PKEY *make_pair(struct pair *out, long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    take(bio, out->key, sizeof out->key);
    make_chain(out->chain, sizeof out->chain, key, serial);
    return key;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static bool holds(const char *path, const char *text)
{
    char read[4096] = "";
    FILE *file = fopen(path, "r");

    if (!file)
        return false;
    assert_true(fread(read, 1, sizeof read - 1, file) < sizeof read - 1);
    fclose(file);
    return strcmp(read, text) == 0;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static int count_files(void)
{
    DIR *here = opendir(".");
    int n = -2;

    assert_non_null(here);
    while (readdir(here))
        n++;
    closedir(here);
    return n;
}

static void empty(void)
{
    DIR *here = opendir(".");
    struct dirent *entry;

    assert_non_null(here);
    while ((entry = readdir(here)))
        if (entry->d_name[0] != '.')
            __real_unlink(entry->d_name);
    closedir(here);
}

static char folder[] = "/tmp/countersign-pair-XXXXXX";

static int enter_folder(void **state)
{
    EVP_PKEY *key = make_pair(&old, 1);

    (void)state;
    renewed = old;
    make_chain(renewed.chain, sizeof renewed.chain, key, 2);
    EVP_PKEY_free(key);
    EVP_PKEY_free(make_pair(&next, 3));
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    empty();
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

/* ---- A run ------------------------------------------------------------------------------------------------------------- */

enum deploying { NO_PROGRAM, PROGRAM_WORKS, PROGRAM_FAILS };

/* What the command does from a checked chain on. -1: a step failed. */
static int run(const struct pair *to, bool new_key, enum deploying deploying)
{
    struct sign_files files;
    bool mended, were_there;
    int rc = -1;

    assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", NULL), 0);
    if (sign_files_lock(&files, 0, NULL) != 0 || sign_files_mend(&files, &mended, NULL) != 0 ||
        (new_key && sign_files_keep_key(&files, to->key, strlen(to->key), NULL) != 0) ||
        sign_files_place(&files, to->chain, strlen(to->chain), new_key, deploying != NO_PROGRAM, NULL) != 0)
        goto out;
    if (deploying == PROGRAM_FAILS)
        rc = sign_files_put_back(&files, &were_there, NULL);
    else
        rc = sign_files_done(&files, NULL);
out:
    sign_files_close(&files);
    return rc;
}

/* 0: it came to its end, 9: it was killed, 1: a step failed. */
static int run_apart(int at, enum flaw what, const struct pair *to, bool new_key, enum deploying deploying)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        n_steps = 0;
        flaw_at = at;
        flaw = what;
        _exit(run(to, new_key, deploying) == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* What the next run does first. The lock of who was killed is nobody's. */
static void mend(void)
{
    struct sign_files files;
    bool mended;

    assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", NULL), 0);
    assert_int_equal(sign_files_lock(&files, 0, NULL), 0);
    assert_int_equal(sign_files_mend(&files, &mended, NULL), 0);
    sign_files_close(&files);
}

static bool is_pair(const struct pair *pair)
{
    return holds("key.pem", pair->key) && holds("chain.pem", pair->chain);
}

static void start_with_old(void)
{
    empty();
    put("key.pem", old.key);
    put("chain.pem", old.chain);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------------- */

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
    assert_int_equal(sign_files_open(&a, "key.pem", "chain.pem", NULL), 0);
    assert_int_equal(sign_files_open(&b, "key.pem", "chain.pem", NULL), 0);
    assert_int_equal(sign_files_lock(&a, 0, NULL), 0);
    assert_int_equal(sign_files_lock(&b, 150, &err), -1);
    assert_int_equal(err.code, CS_EBUSY);
    sign_files_close(&a);
    assert_int_equal(sign_files_lock(&b, 0, NULL), 0);
    sign_files_close(&b);
    assert_int_equal(count_files(), 2);
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
        cmocka_unit_test(a_run_that_is_killed_anywhere_is_mended),
        cmocka_unit_test(a_step_that_fails_leaves_a_pair),
        cmocka_unit_test(a_mend_that_is_killed_is_mended),
        cmocka_unit_test(mended_files_are_to_be_deployed),
        cmocka_unit_test(a_key_that_came_into_use_is_no_next_key),
        cmocka_unit_test(what_others_put_there_is_not_touched),
        cmocka_unit_test(one_run_at_a_time),
        cmocka_unit_test(mode_and_owner_are_taken_over),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

/* See sign_pair.h. Linked with --wrap=rename,link,unlink. */
#include "sign_pair.h"

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
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "command/sign_files.h"

struct pair old, next, renewed;
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

void flaw_at_step(int at, enum flaw what)
{
    n_steps = 0;
    flaw_at = at;
    flaw = what;
}

/* Of a name that is not there, too. */
static bool is_read_only(const char *path)
{
    if (flaw != READ_ONLY || strncmp(path, "key.pem", strlen("key.pem")) != 0)
        return false;
    errno = EROFS;
    return true;
}

int __wrap_rename(const char *from, const char *to)
{
    return step_fails() || is_read_only(to) ? -1 : __real_rename(from, to);
}

int __wrap_link(const char *from, const char *to)
{
    return step_fails() || is_read_only(to) ? -1 : __real_link(from, to);
}

int __wrap_unlink(const char *path)
{
    return step_fails() || is_read_only(path) ? -1 : __real_unlink(path);
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

void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

bool holds(const char *path, const char *text)
{
    char read[4096] = "";
    FILE *file = fopen(path, "r");

    if (!file)
        return false;
    assert_true(fread(read, 1, sizeof read - 1, file) < sizeof read - 1);
    fclose(file);
    return strcmp(read, text) == 0;
}

bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

int count_files(void)
{
    DIR *here = opendir(".");
    int n = -2;

    assert_non_null(here);
    while (readdir(here))
        n++;
    closedir(here);
    return n;
}

void empty(void)
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

int enter_folder(void **state)
{
    EVP_PKEY *key = make_pair(&old, 1);

    (void)state;
    renewed = old;
    make_chain(renewed.chain, sizeof renewed.chain, key, 2);
    EVP_PKEY_free(key);
    EVP_PKEY_free(make_pair(&next, 3));
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int leave_folder(void **state)
{
    (void)state;
    empty();
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

/* ---- A run ------------------------------------------------------------------------------------------------------------- */

/* What the command does from a checked chain on. -1: a step failed. */
static int run(const struct pair *to, bool new_key, enum deploying deploying)
{
    struct sign_files files;
    bool mended, were_there;
    int rc = -1;

    assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", NULL, NULL), 0);
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

int run_apart(int at, enum flaw what, const struct pair *to, bool new_key, enum deploying deploying)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        flaw_at_step(at, what);
        _exit(run(to, new_key, deploying) == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void mend(void)
{
    struct sign_files files;
    bool mended;

    assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", NULL, NULL), 0);
    assert_int_equal(sign_files_lock(&files, 0, NULL), 0);
    assert_int_equal(sign_files_mend(&files, &mended, NULL), 0);
    sign_files_close(&files);
}

bool is_pair(const struct pair *pair)
{
    return holds("key.pem", pair->key) && holds("chain.pem", pair->chain);
}

void start_with_old(void)
{
    empty();
    put("key.pem", old.key);
    put("chain.pem", old.chain);
}

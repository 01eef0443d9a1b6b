/*
 * The file of the account key; see account_key.h. Whoever has this key can revoke every certificate of the account, and losing
 * it loses the account: 0600, written beside and renamed, synced before the CA hears of it.
 */
#include "account_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define KEY_FILE_MOST 65536

static int fail_with_errno(struct cs_error *err, const char *what, const char *path)
{
    return cs_fail(err, CS_ECONFIG, "%s %s: %s", what, path, strerror(errno));
}

/* Reads until the end; -1: an error, or more than `size`. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
    size_t n = 0;
    ssize_t got;

    do {
        got = read(fd, buf + n, size - n);
        if (got > 0)
            n += (size_t)got;
    } while ((got > 0 && n < size) || (got < 0 && errno == EINTR));
    return got < 0 || n == size ? -1 : (ssize_t)n;
}

static int write_all(int fd, const char *buf, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, buf, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        buf += put;
        len -= (size_t)put;
    }
    return 0;
}

static int check_mode(int fd, const char *path, struct cs_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail_with_errno(err, "cannot look at", path);
    if (!S_ISREG(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is not a file", path);
    if (st.st_mode & (S_IWGRP | S_IRWXO))
        return cs_fail(err, CS_ECONFIG, "%s can be read or written by others; run: chmod 600 %s", path, path);
    return 0;
}

static int read_key(struct jose_key **out, int fd, const char *path, struct cs_error *err)
{
    char *pem = malloc(KEY_FILE_MOST);
    ssize_t len;
    int rc = -1;

    if (!pem)
        return cs_fail(err, CS_EBUSY, "out of memory");
    len = check_mode(fd, path, err) == 0 ? read_all(fd, pem, KEY_FILE_MOST) : 0;
    if (len < 0)
        cs_fail(err, CS_ECONFIG, "%s cannot be read, or is too long for a key", path);
    else if (len == 0 && !err->code)
        cs_fail(err, CS_ECONFIG, "%s is empty; remove it to have a new key made", path);
    else if (len > 0)
        rc = jose_key_read(out, pem, (size_t)len, err) < 0 ? cs_fail_in(err, "%s", path) : 0;
    jose_wipe(pem, KEY_FILE_MOST);
    return rc;
}

static int sync_folder(const char *path, struct cs_error *err)
{
    char *copy = text_copy(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = 0;

    if (fd < 0 || fsync(fd) < 0)
        rc = fail_with_errno(err, "cannot sync the folder of", path);
    if (fd >= 0)
        close(fd);
    free(copy);
    return rc;
}

/* Write `temporary` and give it its name; a file that has that name already is kept (EEXIST). */
static int write_key(const char *temporary, const char *path, const char *pem, size_t len, struct cs_error *err)
{
    int fd, rc;

    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_with_errno(err, "cannot write", temporary);
    rc = write_all(fd, pem, len) < 0 || fsync(fd) < 0 ? fail_with_errno(err, "cannot write", temporary) : 0;
    if (close(fd) < 0 && rc == 0)
        rc = fail_with_errno(err, "cannot write", temporary);
    if (rc == 0 && link(temporary, path) < 0)
        rc = fail_with_errno(err, "cannot make", path);
    unlink(temporary);
    return rc < 0 ? -1 : sync_folder(path, err);
}

static int make_key(struct jose_key **out, const char *path, const char *key_type, struct cs_error *err)
{
    struct text temporary = TEXT_MAX(4096);
    struct jose_key *key = NULL;
    char *pem = NULL;
    size_t len = 0;
    int rc = -1;

    text_addf(&temporary, "%s.new", path);
    if (text_failed(&temporary))
        cs_fail(err, CS_ECONFIG, "account_key is too long");
    else if (jose_key_make(&key, key_type, err) == 0 && jose_key_write(key, &pem, &len, err) == 0)
        rc = write_key(text_of(&temporary), path, pem, len, err);
    if (rc == 0)
        *out = key;
    else
        jose_key_free(key);
    jose_wipe(pem, len);
    text_free(&temporary);
    return rc;
}

int account_key_look(struct jose_key **out, const char *path, struct cs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

    *out = NULL;
    *err = (struct cs_error){ 0 };
    if (fd < 0)
        return errno == ENOENT ? 0 : fail_with_errno(err, "cannot open", path);
    rc = read_key(out, fd, path, err);
    close(fd);
    return rc;
}

int account_key_open(struct jose_key **out, const char *path, const char *key_type, struct cs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

    *err = (struct cs_error){ 0 };
    if (fd < 0 && errno == ENOENT)
        return make_key(out, path, key_type, err);
    if (fd < 0)
        return fail_with_errno(err, "cannot open", path);
    rc = read_key(out, fd, path, err);
    close(fd);
    return rc;
}

/*
 * Files of the state folder; see file.h.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        text += put;
        len -= (size_t)put;
    }
    return fsync(fd);
}

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return rc;
}

int file_write(const char *folder, const char *name, BIO *content, unsigned mode, struct cs_error *err)
{
    struct text path = TEXT_MAX(4096), temporary = TEXT_MAX(4096);
    char *at = NULL;
    long len = BIO_get_mem_data(content, &at);
    int fd = -1, rc = 0;

    text_addf(&path, "%s/%s", folder, name);
    text_addf(&temporary, "%s/%s.new", folder, name);
    unlink(text_of(&temporary));
    if (!text_failed(&temporary))
        fd = open(text_of(&temporary), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, (mode_t)mode) < 0 || write_all(fd, at, (size_t)len) < 0 ||
        rename(text_of(&temporary), text_of(&path)) < 0 || sync_folder(folder) < 0)
        rc = cs_fail(err, CS_ECONFIG, "cannot write %s: %s", text_of(&path), strerror(errno));
    if (fd >= 0)
        close(fd);
    text_free(&path);
    text_free(&temporary);
    return rc;
}

BIO *file_read(const char *folder, const char *name, struct cs_error *err)
{
    struct text path = TEXT_MAX(4096);
    BIO *bio;

    text_addf(&path, "%s/%s", folder, name);
    bio = BIO_new_file(text_of(&path), "r");
    *err = (struct cs_error){ 0 };
    if (!bio && errno != ENOENT)
        cs_fail(err, CS_ECONFIG, "cannot read %s: %s", text_of(&path), strerror(errno));
    ERR_clear_error();
    text_free(&path);
    return bio;
}

/*
 * A key and its chain as two files that change together; see sign_files.h.
 *
 * No system renames two files at once. So each step leaves names from which the next run can tell how far this one came, and
 * every state in between is mended by one rename.
 */
#include "command/sign_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/pem.h"
#include "base/text.h"
#include "command/file_write.h"

#define LOCK_PAUSE_MS 100
#define KEY_MODE      0600
#define CHAIN_MODE    0644

static char *beside(const char *path, const char *what)
{
    struct text name = TEXT_MAX(4096);

    text_addf(&name, "%s.countersign-%s", path, what);
    return text_take(&name);
}

int sign_files_open(struct sign_files *files, const char *key, const char *chain, const char *csr, struct cs_error *err)
{
    *files = (struct sign_files){ .key = key,
                                  .chain = chain,
                                  .csr = csr,
                                  .csr_new = csr ? beside(csr, "new") : NULL,
                                  .key_new = beside(key, "new"),
                                  .chain_new = beside(chain, "new"),
                                  .key_old = beside(key, "old"),
                                  .chain_old = beside(chain, "old"),
                                  .key_part = beside(key, "part"),
                                  .chain_part = beside(chain, "part"),
                                  .undeployed = beside(chain, "undeployed"),
                                  .lock = beside(chain, "lock"),
                                  .lock_fd = -1 };
    if (files->key_new && files->chain_new && files->key_old && files->chain_old && files->key_part && files->chain_part &&
        files->undeployed && files->lock && !files->csr_new == !csr)
        return 0;
    return cs_fail(err, CS_EINPUT, "the name of a file is too long");
}

void sign_files_close(struct sign_files *files)
{
    if (files->lock_fd >= 0) {
        unlink(files->lock); /* while it is ours: who waits for it sees that the name is gone */
        close(files->lock_fd);
    }
    free(files->key_new);
    free(files->chain_new);
    free(files->key_old);
    free(files->chain_old);
    free(files->key_part);
    free(files->chain_part);
    free(files->csr_new);
    free(files->undeployed);
    free(files->lock);
    *files = (struct sign_files){ .lock_fd = -1 };
}

static int fail_errno(struct cs_error *err, const char *path, const char *what)
{
    return cs_fail(err, CS_ECONFIG, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- The lock ---------------------------------------------------------------------------------------------------------- */

/* 1: it is ours, 0: somebody's, -1: cannot be. A lock on a file whose name was taken away meanwhile is nobody's. */
static int try_lock(struct sign_files *files, struct cs_error *err)
{
    struct stat held, named;
    int fd = open(files->lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, KEY_MODE);

    if (fd < 0)
        return fail_errno(err, files->chain, "cannot be written, nor its lock");
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (fstat(fd, &held) == 0 && lstat(files->lock, &named) == 0 && held.st_ino == named.st_ino &&
            held.st_dev == named.st_dev) {
            files->lock_fd = fd;
            return 1;
        }
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
        close(fd);
        return fail_errno(err, files->lock, "cannot be locked");
    }
    close(fd);
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int sign_files_lock(struct sign_files *files, int64_t timeout_ms, struct cs_error *err)
{
    int64_t until_ms = now_ms() + timeout_ms;
    int got;

    while ((got = try_lock(files, err)) == 0) {
        if (now_ms() >= until_ms)
            return cs_fail(err, CS_EBUSY, "%s: another run works on it (%s)", files->chain, files->lock);
        nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_MS * 1000000 }, NULL);
    }
    return got > 0 ? 0 : -1;
}

/* ---- What is there ----------------------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct stat about;

    return lstat(path, &about) == 0;
}

bool sign_files_undeployed(const struct sign_files *files)
{
    return is_there(files->undeployed);
}

const char *sign_files_csr(const struct sign_files *files)
{
    return files->csr && sign_files_undeployed(files) && is_there(files->csr_new) ? files->csr_new : files->csr;
}

bool sign_files_unfinished(const struct sign_files *files)
{
    const char *left[] = { files->undeployed, files->key_old, files->chain_old, files->key_part, files->chain_part };

    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (is_there(left[i]))
            return true;
    return false;
}

static EVP_PKEY *key_in(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, pem_no_passphrase, NULL) : NULL;

    if (file)
        fclose(file);
    return key;
}

static X509 *leaf_in(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *leaf = file ? PEM_read_X509(file, NULL, pem_no_passphrase, NULL) : NULL;

    if (file)
        fclose(file);
    return leaf;
}

bool sign_files_fit(const char *key_path, const char *chain_path)
{
    EVP_PKEY *key = key_in(key_path);
    X509 *leaf = leaf_in(chain_path);
    EVP_PKEY *certified = leaf ? X509_get0_pubkey(leaf) : NULL;
    bool fit = key && certified && EVP_PKEY_eq(key, certified) == 1;

    EVP_PKEY_free(key);
    X509_free(leaf);
    ERR_clear_error();
    return fit;
}

static bool same_key(const char *a_path, const char *b_path)
{
    EVP_PKEY *a = key_in(a_path), *b = key_in(b_path);
    bool same = a && b && EVP_PKEY_eq(a, b) == 1;

    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    ERR_clear_error();
    return same;
}

/* ---- Moving ------------------------------------------------------------------------------------------------------------ */

static int move(const char *from, const char *to, struct cs_error *err)
{
    if (rename(from, to) != 0)
        return fail_errno(err, to, "cannot be replaced");
    return file_write_sync_name(to, err);
}

/* Where all is read-only, such as a key's folder, the system says so even of a name that is not there. */
static int take_away(const char *path, struct cs_error *err)
{
    if (unlink(path) == 0 || errno == ENOENT || (errno == EROFS && !is_there(path)))
        return 0;
    return fail_errno(err, path, "cannot be removed");
}

static int copy(const char *from, const char *part, const char *to, struct cs_error *err)
{
    char data[256 * 1024];
    FILE *file = fopen(from, "re");
    size_t len = file ? fread(data, 1, sizeof data, file) : 0;
    bool whole = file && !ferror(file) && feof(file);
    int rc = whole ? 0 : cs_fail(err, CS_ECONFIG, "%s: cannot be read whole", from);

    if (file)
        fclose(file);
    if (rc == 0)
        rc = file_write_part(part, data, len, from, KEY_MODE, err);
    OPENSSL_cleanse(data, sizeof data);
    return rc == 0 ? move(part, to, err) : rc;
}

/* Another name for a file, or a copy where the file system knows no links. */
static int name_also(const char *from, const char *part, const char *to, struct cs_error *err)
{
    if (take_away(to, err) != 0)
        return -1;
    return link(from, to) == 0 ? file_write_sync_name(to, err) : copy(from, part, to, err);
}

/* ---- Mending ----------------------------------------------------------------------------------------------------------- */

static int mark_undeployed(struct sign_files *files, struct cs_error *err)
{
    if (file_write_part(files->chain_part, "", 0, files->undeployed, KEY_MODE, err) != 0)
        return -1;
    return move(files->chain_part, files->undeployed, err);
}

/* What is moved here has to be deployed, and whoever was cut off may not have come as far as to say so. */
static int move_if(struct sign_files *files, bool fits, const char *from, const char *to, bool *moved, struct cs_error *err)
{
    if (*moved || !fits)
        return 0;
    *moved = true;
    return mark_undeployed(files, err) == 0 ? move(from, to, err) : -1;
}

/* Key and chain do not belong together: is there what was to be put beside one of them? The old chain of an old key is put
 * back before anything moves over that key: whoever was putting them back has no other name for it. */
static int mend_pair(struct sign_files *f, bool *mended, struct cs_error *err)
{
    if (move_if(f, sign_files_fit(f->key, f->chain_new), f->chain_new, f->chain, mended, err) != 0 ||
        move_if(f, sign_files_fit(f->key, f->chain_old), f->chain_old, f->chain, mended, err) != 0 ||
        move_if(f, sign_files_fit(f->key_new, f->chain), f->key_new, f->key, mended, err) != 0)
        return -1;
    return move_if(f, sign_files_fit(f->key_old, f->chain), f->key_old, f->key, mended, err);
}

int sign_files_mend(struct sign_files *files, bool *mended, struct cs_error *err)
{
    *mended = false;
    if (take_away(files->key_part, err) != 0 || take_away(files->chain_part, err) != 0)
        return -1;
    if (is_there(files->chain) && !sign_files_fit(files->key, files->chain) &&
        mend_pair(files, mended, err) != 0)
        return -1;
    if (sign_files_undeployed(files) || !sign_files_fit(files->key, files->chain))
        return 0;
    if (same_key(files->key, files->key_new) && take_away(files->key_new, err) != 0)
        return -1; /* it came into use, and is no next key any more */
    return take_away(files->chain_old, err) == 0 ? take_away(files->key_old, err) : -1;
}

/* ---- Replacing --------------------------------------------------------------------------------------------------------- */

/* By a link, which replaces nothing; where the file system knows no links, by a rename that does not. */
static int name_first(const char *part, const char *key, struct cs_error *err)
{
    if (link(part, key) != 0 &&
        (errno == EEXIST || renameat2(AT_FDCWD, part, AT_FDCWD, key, RENAME_NOREPLACE) != 0)) {
        fail_errno(err, key, "cannot be written");
        unlink(part);
        return -1;
    }
    return take_away(part, err) == 0 ? file_write_sync_name(key, err) : -1;
}

int sign_files_first_key(struct sign_files *files, const char *pem, size_t len, struct cs_error *err)
{
    if (file_write_part(files->key_part, pem, len, files->key, KEY_MODE, err) != 0)
        return -1;
    return name_first(files->key_part, files->key, err);
}

int sign_files_keep_key(struct sign_files *files, const char *pem, size_t len, struct cs_error *err)
{
    if (file_write_part(files->key_part, pem, len, files->key, KEY_MODE, err) != 0)
        return -1;
    return move(files->key_part, files->key_new, err);
}

int sign_files_keep_csr(struct sign_files *files, const char *pem, size_t len, struct cs_error *err)
{
    return files->csr ? file_write_part(files->csr_new, pem, len, files->csr, CHAIN_MODE, err) : 0;
}

int sign_files_use_csr(struct sign_files *files, struct cs_error *err)
{
    return files->csr && is_there(files->csr_new) ? move(files->csr_new, files->csr, err) : 0;
}

/* Old files that are kept already are the last that were deployed; a pair that does not fit is nothing to go back to. */
static int keep_old(struct sign_files *f, bool new_key, struct cs_error *err)
{
    bool kept = sign_files_undeployed(f) && is_there(f->chain_old);

    if (!sign_files_fit(f->key, f->chain))
        return 0;
    if (!kept && name_also(f->chain, f->chain_part, f->chain_old, err) != 0)
        return -1;
    if (new_key && !(kept && is_there(f->key_old)))
        return name_also(f->key, f->key_part, f->key_old, err);
    return 0;
}

/* The key goes first: an old chain with a new key is refused by every server, so that nothing new is half in use. */
static int move_both(struct sign_files *f, bool new_key, struct cs_error *err)
{
    if (new_key && move(f->key_new, f->key, err) != 0)
        return -1;
    if (move(f->chain_new, f->chain, err) == 0)
        return 0;
    if (new_key && is_there(f->key_old) && name_also(f->key, f->key_part, f->key_new, NULL) == 0)
        move(f->key_old, f->key, NULL);
    return -1;
}

int sign_files_place(struct sign_files *files, const char *pem, size_t len, bool new_key, bool deploying, struct cs_error *err)
{
    if (file_write_part(files->chain_part, pem, len, files->chain, CHAIN_MODE, err) != 0 ||
        move(files->chain_part, files->chain_new, err) != 0 || keep_old(files, new_key, err) != 0 ||
        (deploying && mark_undeployed(files, err) != 0))
        return -1;
    return move_both(files, new_key, err);
}

int sign_files_put_back(struct sign_files *f, bool *were_there, struct cs_error *err)
{
    bool key_too = is_there(f->key_old);

    *were_there = sign_files_fit(key_too ? f->key_old : f->key, f->chain_old);
    if (!*were_there)
        return 0;
    if (name_also(f->chain, f->chain_part, f->chain_new, err) != 0 ||
        (key_too && name_also(f->key, f->key_part, f->key_new, err) != 0) ||
        (key_too && move(f->key_old, f->key, err) != 0) || move(f->chain_old, f->chain, err) != 0 ||
        take_away(f->undeployed, err) != 0)
        return -1;
    return f->csr ? take_away(f->csr_new, err) : 0;
}

int sign_files_done(struct sign_files *files, struct cs_error *err)
{
    const char *left[] = { files->undeployed, files->chain_new, files->key_new, files->chain_old, files->key_old };

    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (take_away(left[i], err) != 0)
            return -1;
    return sign_files_use_csr(files, err);
}

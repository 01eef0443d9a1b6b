/*
 * A day's key in memory and in its file; see day_key.h. The kernel writes the bytes straight into the page: no generator's
 * state in this process, and no buffer of a library, ever had them.
 */
#include "records/day_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/log.h"

#define LOG_WHO   "visits"
#define FILE_NAME sizeof "day-2026-11-21.key"

enum { FILE_MOST = 4096 };

struct day_key {
    uint8_t *page;
    size_t page_len;
    int folder; /* fd, -1: there is no file */
    char name[FILE_NAME];
    int64_t made_ms;
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

static void name_of(char out[FILE_NAME], int64_t day)
{
    char text[DAY_TEXT];

    day_text(text, day);
    memcpy(out, "day-0000-00-00.key", FILE_NAME);
    memcpy(out + 4, text, DAY_TEXT - 1);
}

static bool day_of_name(const char *name, int64_t *day)
{
    char text[DAY_TEXT], again[FILE_NAME];

    if (strlen(name) != FILE_NAME - 1)
        return false;
    memcpy(text, name + 4, DAY_TEXT - 1);
    text[DAY_TEXT - 1] = '\0';
    if (!day_parse(text, day))
        return false;
    name_of(again, *day);
    return strcmp(name, again) == 0;
}

static int open_folder(const char *folder)
{
    return open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int map_page(struct day_key *key, int64_t day, struct cs_error *err)
{
    char text[DAY_TEXT];
    void *page;

    key->page_len = (size_t)sysconf(_SC_PAGESIZE);
    page = mmap(NULL, key->page_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return cs_fail(err, CS_EBUSY, "no memory for the key of the day: %s", strerror(errno));
    key->page = page;
    day_text(text, day);
    if (mlock(page, key->page_len) < 0)
        log_line(CS_LOG_WARN, LOG_WHO, "",
                 "the key of %s cannot be locked in memory, so it could be swapped out: raise the "
                 "limit of locked memory (LimitMEMLOCK): %s",
                 text, strerror(errno));
    if (madvise(page, key->page_len, MADV_DONTDUMP) < 0 || madvise(page, key->page_len, MADV_DONTFORK) < 0)
        log_line(CS_LOG_WARN, LOG_WHO, "", "the key of %s cannot be kept out of core dumps and children: %s", text,
                 strerror(errno));
    return 0;
}

static void free_key(struct day_key *key)
{
    if (key->page) {
        mprotect(key->page, key->page_len, PROT_READ | PROT_WRITE);
        OPENSSL_cleanse(key->page, key->page_len);
        munmap(key->page, key->page_len);
    }
    if (key->folder >= 0)
        close(key->folder);
    free(key);
}

static int fill_page(struct day_key *key, struct cs_error *err)
{
    ssize_t n;

    do
        n = getrandom(key->page, DAY_KEY_LEN, 0);
    while (n < 0 && errno == EINTR);
    if (n != DAY_KEY_LEN)
        return cs_fail(err, CS_EINTERNAL, "the kernel gave no random bytes for the key of the day: %s", strerror(errno));
    return 0;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Only what is certainly ours is written to: a link could lead anywhere. What it is named after is removed in any case. */
static int destroy_file(int folder, const char *name, struct cs_error *err)
{
    static const char zeros[FILE_MOST];
    const int fd = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st, of_folder;
    bool overwritten = true;

    if (fd >= 0 && fstat(fd, &st) == 0 && fstat(folder, &of_folder) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        st.st_uid == of_folder.st_uid) {
        const size_t len = st.st_size < FILE_MOST ? (size_t)st.st_size : FILE_MOST;

        overwritten = pwrite(fd, zeros, len, 0) == (ssize_t)len && fdatasync(fd) == 0;
    }
    if (fd >= 0)
        close(fd);
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return cs_fail(err, CS_EINTERNAL, "the key file %s cannot be removed: %s", name, strerror(errno));
    return overwritten ? 0 : cs_fail(err, CS_EINTERNAL, "the key file %s was removed, but not overwritten", name);
}

static bool destroy_file_or_log(int folder, const char *name)
{
    struct cs_error err;

    if (destroy_file(folder, name, &err) == 0)
        return true;
    log_line(CS_LOG_ERROR, LOG_WHO, "", "%s", err.text);
    return false;
}

static bool is_as_we_write_it(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && (st->st_mode & 07777) == 0600 && st->st_nlink == 1 &&
           st->st_size == DAY_KEY_LEN;
}

/* True: the page has it. */
static bool read_file(struct day_key *key)
{
    const int fd = openat(key->folder, key->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    bool is_read;

    if (fd < 0 && errno == ENOENT)
        return false;
    is_read = fd >= 0 && fstat(fd, &st) == 0 && is_as_we_write_it(&st) && read(fd, key->page, DAY_KEY_LEN) == DAY_KEY_LEN;
    if (fd >= 0)
        close(fd);
    if (is_read) {
        key->made_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        return true;
    }
    log_line(CS_LOG_WARN, LOG_WHO, "", "the key file %s is not one that this server has written: it is destroyed", key->name);
    destroy_file_or_log(key->folder, key->name);
    return false;
}

static bool write_file(const struct day_key *key)
{
    const int fd = openat(key->folder, key->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    const struct timespec made = { .tv_sec = key->made_ms / 1000, .tv_nsec = key->made_ms % 1000 * 1000000 };
    bool is_written = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, key->page, DAY_KEY_LEN) == DAY_KEY_LEN &&
                      futimens(fd, (const struct timespec[]){ made, made }) == 0;

    if (fd >= 0 && close(fd) < 0)
        is_written = false;
    if (is_written)
        return true;
    log_line(CS_LOG_WARN, LOG_WHO, "", "the key file %s cannot be written, so the key is in memory only: %s", key->name,
             strerror(errno));
    if (fd >= 0)
        destroy_file_or_log(key->folder, key->name);
    return false;
}

static void leave_folder(struct day_key *key)
{
    close(key->folder);
    key->folder = -1;
}

/* ---- a key's life ------------------------------------------------------------------------------------------------ */

static int make_new(struct day_key *key, bool keep, struct cs_error *err)
{
    key->made_ms = cs_wall_ms();
    if (fill_page(key, err) < 0)
        return -1;
    if (key->folder >= 0 && (!keep || !write_file(key)))
        leave_folder(key);
    return 0;
}

struct day_key *day_key_open(const char *folder, bool keep, int64_t day, bool *is_new, struct cs_error *err)
{
    struct day_key *key = calloc(1, sizeof *key);

    if (!key) {
        cs_fail(err, CS_EBUSY, "no memory for the key of the day");
        return NULL;
    }
    key->folder = open_folder(folder);
    name_of(key->name, day);
    if (map_page(key, day, err) < 0) {
        free_key(key);
        return NULL;
    }
    if (key->folder >= 0 && !keep)
        destroy_file_or_log(key->folder, key->name);
    *is_new = key->folder < 0 || !keep || !read_file(key);
    if (*is_new && make_new(key, keep, err) < 0) {
        free_key(key);
        return NULL;
    }
    mprotect(key->page, key->page_len, PROT_READ);
    return key;
}

const uint8_t *day_key_bytes(const struct day_key *key)
{
    return key->page;
}

int64_t day_key_made_ms(const struct day_key *key)
{
    return key->made_ms;
}

bool day_key_has_file(const struct day_key *key)
{
    return key->folder >= 0;
}

bool day_key_destroy(struct day_key *key)
{
    bool is_gone;

    if (!key)
        return true;
    is_gone = key->folder < 0 || destroy_file_or_log(key->folder, key->name);
    free_key(key);
    return is_gone;
}

void day_key_put_away(struct day_key *key)
{
    if (key)
        free_key(key);
}

/* ---- what should be gone ----------------------------------------------------------------------------------------- */

static bool is_stale(int folder, const char *name, int64_t day, int64_t wall_ms, int64_t grace_ms)
{
    struct stat st;
    int64_t made_ms;

    if (wall_ms >= day_start_ms(day + 1) + grace_ms)
        return true;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    made_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    return wall_ms > made_ms + DAY_MS + grace_ms || made_ms > wall_ms + DAY_MS;
}

static int forget_one(int folder, const char *name, int *n, struct cs_error *err)
{
    (*n)++;
    return destroy_file(folder, name, err);
}

/* NULL and 0: there is no such folder. */
static DIR *list_folder(const char *folder, int *rc, struct cs_error *err)
{
    const int fd = open_folder(folder);
    DIR *all = fd < 0 ? NULL : fdopendir(fd);

    *rc = all || errno == ENOENT
              ? 0
              : cs_fail(err, CS_ECONFIG, "the runtime folder %.200s cannot be read: %s", folder, strerror(errno));
    if (!all && fd >= 0)
        close(fd);
    return all;
}

int day_key_forget_stale(const char *folder, int64_t wall_ms, int64_t grace_ms, int64_t but_day, int *n, struct cs_error *err)
{
    const struct dirent *entry;
    int64_t day;
    int rc;
    DIR *all = list_folder(folder, &rc, err);

    *n = 0;
    if (!all)
        return rc;
    while ((entry = readdir(all)))
        if (day_of_name(entry->d_name, &day) && day != but_day &&
            is_stale(dirfd(all), entry->d_name, day, wall_ms, grace_ms) && forget_one(dirfd(all), entry->d_name, n, err) < 0)
            rc = -1;
    closedir(all);
    return rc;
}

int day_key_find(const char *folder, int64_t *day, struct cs_error *err)
{
    const struct dirent *entry;
    int64_t of_name;
    int rc;
    DIR *all = list_folder(folder, &rc, err);

    if (!all)
        return rc;
    while ((entry = readdir(all)))
        if (day_of_name(entry->d_name, &of_name) && (rc == 0 || of_name < *day)) {
            *day = of_name;
            rc = 1;
        }
    closedir(all);
    return rc;
}

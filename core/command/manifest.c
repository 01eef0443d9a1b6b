/*
 * The manifest of a backup; see manifest.h.
 */
#include "command/manifest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "command/file_write.h"

enum { FORMAT = 1, PATH_MOST = 4000, MANIFEST_MOST = 16 << 20, HEX_ROOM = 2 * EVP_MAX_MD_SIZE + 1 };

/* ---- Sums ---- */

struct sum {
    int64_t bytes;
    char hex[HEX_ROOM];
};

static int write_all(int fd, const uint8_t *data, size_t len)
{
    for (ssize_t n; len; data += n, len -= (size_t)n)
        if ((n = write(fd, data, len)) < 0)
            return -1;
    return 0;
}

/* `to`: -1, or where to write what was read. */
static int digest(int fd, EVP_MD_CTX *md, int to, struct sum *sum)
{
    uint8_t buffer[65536], hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    ssize_t n;

    if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        return -1;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 && EVP_DigestUpdate(md, buffer, (size_t)n) == 1) {
        if (to >= 0 && write_all(to, buffer, (size_t)n) < 0)
            return -1;
        sum->bytes += n;
    }
    if (n != 0 || EVP_DigestFinal_ex(md, hash, &len) != 1)
        return -1;
    for (unsigned i = 0; i < len; i++) {
        sum->hex[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        sum->hex[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    return 0;
}

/* Of a backup, which has no links. */
static int open_to_read(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int sum_of_open(const char *path, int fd, struct sum *sum, struct cs_error *err)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int rc;

    *sum = (struct sum){ 0 };
    errno = fd < 0 ? errno : 0;
    rc = fd >= 0 && digest(fd, md, -1, sum) == 0
             ? 0
             : cs_fail(err, CS_EINPUT, "%s cannot be read: %s", path, errno ? strerror(errno) : "OpenSSL failed");
    EVP_MD_CTX_free(md);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int sum_of(const char *path, struct sum *sum, struct cs_error *err)
{
    return sum_of_open(path, open_to_read(path), sum, err);
}

/* FOLDER/NAME; the caller frees it. */
static char *join(const char *folder, const char *name, struct cs_error *err)
{
    struct text path = TEXT_MAX(PATH_MOST);
    char *joined;

    text_addf(&path, "%s/%s", folder, name);
    joined = text_take(&path);
    if (!joined)
        cs_fail(err, CS_EINPUT, "the path %.100s… is too long", folder);
    return joined;
}

/* ---- Writing ---- */

int manifest_add(json_t *manifest, const char *folder, const char *path, int64_t schema, struct cs_error *err)
{
    json_t *files = json_object_get(manifest, "files"), *entry;
    char *whole = join(folder, path, err);
    struct sum sum;
    int rc = whole ? sum_of(whole, &sum, err) : -1;

    free(whole);
    if (rc < 0)
        return -1;
    if (!files) {
        files = json_array();
        json_object_set_new(manifest, "files", files);
    }
    entry = json_pack("{s:s, s:I, s:s}", "path", path, "bytes", (json_int_t)sum.bytes, "sha256", sum.hex);
    if (!entry)
        return cs_fail(err, CS_EINPUT, "%s/%s has a name that is not UTF-8", folder, path);
    if (schema && json_object_set_new(entry, "schema", json_integer(schema)) < 0)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    return json_array_append_new(files, entry) == 0 ? 0 : cs_fail(err, CS_EINTERNAL, "out of memory");
}

int manifest_write(const json_t *manifest, const char *folder, struct cs_error *err)
{
    json_t *whole = json_pack("{s:i}", "format", FORMAT);
    char *text = NULL, *path = join(folder, "manifest.json", err);
    int rc = -1;

    if (whole && json_object_update(whole, (json_t *)(uintptr_t)manifest) == 0)
        text = json_dumps(whole, JSON_INDENT(1));
    if (path && !text)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    else if (path)
        rc = file_write_replace(path, text, strlen(text), 0600, err);
    free(text);
    free(path);
    json_decref(whole);
    return rc;
}

/* ---- Reading ---- */

static bool is_word(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (iscntrl((unsigned char)word[i]))
            return false;
    return len && strncmp(word, "..", len) != 0;
}

/* "state/ca.le/account.pem" */
static bool is_inside(const char *path)
{
    const char *slash = strchr(path, '/');

    if (strncmp(path, BACKUP_STORE "/", 6) != 0 && strncmp(path, BACKUP_STATE "/", 6) != 0)
        return false;
    for (; slash; path = slash + 1, slash = strchr(path, '/'))
        if (!is_word(path, (size_t)(slash - path)))
            return false;
    return is_word(path, strlen(path));
}

static bool is_entry(const json_t *entry)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    const char *sha256 = json_string_value(json_object_get(entry, "sha256"));

    return path && is_inside(path) && sha256 && strlen(sha256) == 64 && json_is_integer(json_object_get(entry, "bytes"));
}

static int check_shape(const json_t *manifest, const char *path, struct cs_error *err)
{
    const json_t *files = json_object_get(manifest, "files"), *entry;
    const json_int_t format = json_integer_value(json_object_get(manifest, "format"));
    size_t i;

    if (format > FORMAT)
        return cs_fail(err, CS_EINPUT, "%s has form %lld, this version knows %d: restore it with the version that made it, %s",
                       path, (long long)format, FORMAT, manifest_text(manifest, "version"));
    if (format != FORMAT || !json_array_size(files))
        return cs_fail(err, CS_EINPUT, "%s is not the manifest of a backup", path);
    json_array_foreach(files, i, entry)
        if (!is_entry(entry))
            return cs_fail(err, CS_EINPUT, "%s: entry %zu of `files` is not as `countersign backup` writes it", path, i + 1);
    return 0;
}

json_t *manifest_read(const char *folder, struct cs_error *err)
{
    char *path = join(folder, "manifest.json", err);
    json_t *manifest = NULL;
    json_error_t why;

    if (!path)
        return NULL;
    if (access(path, R_OK) < 0) {
        if (errno == ENOENT)
            cs_fail(err, CS_EINPUT, "%s is no backup: it has no manifest.json; name the folder that `countersign backup` made",
                    folder);
        else
            cs_fail(err, CS_EINPUT, "%s cannot be read: %s; give the backup to the server's user, `chown -R`", path,
                    strerror(errno));
    } else {
        manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
        if (!manifest)
            cs_fail(err, CS_EINPUT, "%s is damaged: line %d: %s", path, why.line, why.text);
        else if (check_shape(manifest, path, err) < 0) {
            json_decref(manifest);
            manifest = NULL;
        }
    }
    free(path);
    return manifest;
}

const char *manifest_text(const json_t *manifest, const char *key)
{
    const char *text = json_string_value(json_object_get(manifest, key));

    return text ? text : "";
}

/* ---- Comparing ---- */

static bool is_sum(const json_t *entry, const struct sum *sum)
{
    return json_integer_value(json_object_get(entry, "bytes")) == sum->bytes &&
           strcmp(manifest_text(entry, "sha256"), sum->hex) == 0;
}

bool manifest_is_same(const json_t *entry, const char *path)
{
    struct cs_error none;
    struct sum sum;

    return sum_of_open(path, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), &sum, &none) == 0 && is_sum(entry, &sum);
}

static int fail_changed(const json_t *entry, const char *path, const struct sum *sum, struct cs_error *err)
{
    return cs_fail(err, CS_EINPUT,
                   "%s is not as it was written (%lld bytes, now %lld; or its SHA-256 is another): the backup is damaged, take "
                   "another one",
                   path, (long long)json_integer_value(json_object_get(entry, "bytes")), (long long)sum->bytes);
}

static int verify_listed(const json_t *manifest, const char *folder, struct cs_error *err)
{
    const json_t *files = json_object_get(manifest, "files"), *entry;
    int rc = 0;
    size_t i;

    json_array_foreach(files, i, entry) {
        char *path = join(folder, manifest_text(entry, "path"), err);
        struct sum sum;

        rc = path ? sum_of(path, &sum, err) : -1;
        if (rc == 0 && !is_sum(entry, &sum))
            rc = fail_changed(entry, path, &sum, err);
        free(path);
        if (rc < 0)
            break;
    }
    return rc;
}

/* The paths of its files, as an object, since there may be many. */
static json_t *paths_of(const json_t *manifest)
{
    const json_t *files = json_object_get(manifest, "files"), *entry;
    json_t *paths = json_object();
    size_t i;

    json_object_set_new(paths, "manifest.json", json_true());
    json_array_foreach(files, i, entry) {
        json_object_set_new(paths, manifest_text(entry, "path"), json_true());
    }
    return paths;
}

static int look_at(const json_t *paths, const char *folder, const FTSENT *at, struct cs_error *err)
{
    const char *path = at->fts_path + strlen(folder);

    if (at->fts_info == FTS_D || at->fts_info == FTS_DP)
        return 0;
    if (at->fts_info == FTS_DNR || at->fts_info == FTS_NS || at->fts_info == FTS_ERR)
        return cs_fail(err, CS_EINPUT, "%s cannot be read: %s", at->fts_path, strerror(at->fts_errno));
    if (at->fts_info == FTS_F && json_object_get(paths, path + strspn(path, "/")))
        return 0;
    return cs_fail(err, CS_EINPUT,
                   "%s is not in the manifest: somebody put it there after the backup was made; find out who, and restore "
                   "the backup without it",
                   at->fts_path);
}

static int verify_nothing_else(const json_t *manifest, const char *folder, struct cs_error *err)
{
    char *folders[] = { (char *)(uintptr_t)folder, NULL };
    FTS *tree = fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    json_t *paths = paths_of(manifest);
    const FTSENT *at = NULL;
    int rc = 0;

    while (rc == 0 && tree && (at = fts_read(tree)))
        rc = look_at(paths, folder, at, err);
    if (rc == 0 && (!tree || errno))
        rc = cs_fail(err, CS_EINPUT, "%s cannot be read: %s", folder, strerror(errno));
    json_decref(paths);
    if (tree)
        fts_close(tree);
    return rc;
}

int manifest_verify(const json_t *manifest, const char *folder, struct cs_error *err)
{
    return verify_listed(manifest, folder, err) < 0 ? -1 : verify_nothing_else(manifest, folder, err);
}

/* ---- Copying ---- */

const json_t *manifest_find(const json_t *manifest, const char *path)
{
    const json_t *files = json_object_get(manifest, "files"), *entry;
    size_t i;

    json_array_foreach(files, i, entry) {
        if (strcmp(manifest_text(entry, "path"), path) == 0)
            return entry;
    }
    return NULL;
}

static int copy(const json_t *entry, const char *from, const char *to, struct cs_error *err)
{
    const int in = open_to_read(from);
    const int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    struct sum sum = { 0 };
    int rc = -1;

    if (out < 0 && in >= 0 && errno == EEXIST)
        cs_fail(err, CS_ECONFIG, "%s is in the way: rename or remove it", to);
    else if (out < 0 || digest(in, md, out, &sum) < 0 || fsync(out) < 0)
        cs_fail(err, CS_ECONFIG, "%s cannot be copied to %s: %s", from, to, strerror(errno));
    else
        rc = is_sum(entry, &sum) ? 0 : fail_changed(entry, from, &sum, err);
    EVP_MD_CTX_free(md);
    if (out >= 0 && close(out) < 0 && rc == 0)
        rc = cs_fail(err, CS_ECONFIG, "%s cannot be written: %s", to, strerror(errno));
    if (out >= 0 && rc < 0)
        unlink(to);
    if (in >= 0)
        close(in);
    return rc;
}

int manifest_copy(const json_t *entry, const char *folder, const char *to, struct cs_error *err)
{
    char *from = join(folder, manifest_text(entry, "path"), err);
    const int rc = from ? copy(entry, from, to, err) : -1;

    free(from);
    return rc;
}

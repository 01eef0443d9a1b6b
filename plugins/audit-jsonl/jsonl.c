/*
 * audit-jsonl: a ledger as a file, one JSON object a line. The simplest audit plugin, to read and to copy.
 *
 * The core calls append() in a worker thread, one call at a time, with some events in order. When it returns 0 they must be
 * safe; when it fails the core calls again later with the same events, so that a line may stand in the file twice: who reads
 * it goes by "number". Lines of visits have none, and no time.
 *
 * The file may be moved away or emptied at any time (logrotate): the next batch begins a new one, SIGHUP does so at once.
 */
#include <countersign/audit.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct settings {
    const char *file;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct settings, file, NULL, "the file that is appended to, an absolute path"),
    CS_SETTINGS_END,
};

struct sink {
    const char *path;
    int fd; /* -1: not open */
};

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* A new name in a folder is safe only when the folder is. */
static int sync_folder(const char *path)
{
    char folder[4096];
    int fd, rc;

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path + 1), path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

/* A file that we make gets 0640, whatever the umask; one that is there keeps its mode. No symbolic link is followed. */
static int open_or_make(const char *path)
{
    const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open(path, flags | O_CREAT | O_EXCL, 0640);

    if (fd < 0)
        return errno == EEXIST ? open(path, flags) : -1;
    if (fchmod(fd, 0640) < 0 || sync_folder(path) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void close_file(struct sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
}

/* Two sinks in one file would take each other's half lines for a crash's, and a visit's place among certificates tells when it
 * was made. The lock is the open file's: it goes with it. */
static int open_file(struct sink *sink, struct cs_error *err)
{
    struct stat st;

    sink->fd = open_or_make(sink->path);
    if (sink->fd < 0)
        return cs_fail(err, CS_ECONFIG, "cannot open %s: %s; the folder must be there and belong to the server's user",
                       sink->path, errno == ELOOP ? "it is a symbolic link" : strerrordesc_np(errno));
    if (fstat(sink->fd, &st) < 0 || !S_ISREG(st.st_mode))
        cs_fail(err, CS_ECONFIG, "%s is not a file: set `file` to another path", sink->path);
    else if (flock(sink->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        cs_fail(err, CS_ECONFIG, "another sink or server writes to %s: set `file` to another path", sink->path);
    else
        return 0;
    close_file(sink);
    return -1;
}

/* Is what we have open still what the path leads to? */
static bool was_moved(const struct sink *sink)
{
    struct stat ours, there;

    return sink->fd < 0 || fstat(sink->fd, &ours) < 0 || lstat(sink->path, &there) < 0 || ours.st_dev != there.st_dev ||
           ours.st_ino != there.st_ino;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd);
}

/* Half a line that a crash left behind is closed, so that it spoils no other. */
static int close_half_line(int fd, off_t size)
{
    char last = '\n';

    if (size > 0 && pread(fd, &last, 1, size - 1) < 0)
        return -1;
    return last == '\n' ? 0 : write_all(fd, "\n", 1);
}

/* A batch that does not fit is taken away again; when even that fails, the half line is closed later. */
static int append_or_undo(struct sink *sink, const char *lines, size_t len)
{
    struct stat st;
    int was;

    if (fstat(sink->fd, &st) < 0 || close_half_line(sink->fd, st.st_size) < 0 || fstat(sink->fd, &st) < 0)
        return -1;
    if (write_all(sink->fd, lines, len) == 0)
        return 0;
    was = errno;
    if (ftruncate(sink->fd, st.st_size) < 0)
        close_file(sink);
    errno = was;
    return -1;
}

static int append_lines(struct sink *sink, const char *lines, size_t len, struct cs_error *err)
{
    if (was_moved(sink)) {
        close_file(sink);
        if (open_file(sink, err) < 0)
            return -1;
    }
    if (append_or_undo(sink, lines, len) == 0)
        return 0;
    return cs_fail(err, CS_EBUSY, "cannot write to %s: %s", sink->path, strerrordesc_np(errno));
}

/* ---- the lines --------------------------------------------------------------------------------------------------- */

/* RFC 3339, in UTC. */
static json_t *time_text(int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    char date[32], text[48];

    if (!gmtime_r(&seconds, &utc) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc))
        return json_null();
    snprintf(text, sizeof text, "%s.%03dZ", date, (int)(time_ms % 1000));
    return json_string(text);
}

/* NULL without memory only. */
static json_t *as_text(const struct cs_event *event)
{
    json_t *text = json_stringn(event->json, event->json_len);

    return text ? text : json_string("not UTF-8");
}

/* A visit has neither number nor time. */
static json_t *line_of(const struct cs_event *event)
{
    if (!event->number)
        return json_pack("{s:s}", "kind", event->kind);
    return json_pack("{s:I, s:o, s:s}", "number", (json_int_t)event->number, "time", time_text(event->time_ms), "kind",
                     event->kind);
}

/* Number, time and kind, then whatever else the event tells. What cannot be read is kept as it is rather than held up. */
static int write_line(FILE *out, const struct cs_event *event)
{
    json_t *rest = json_loadb(event->json, event->json_len, 0, NULL);
    json_t *line = line_of(event);
    int rc = -1;

    if (!line)
        goto out;
    if (json_is_object(rest))
        rc = json_object_update_missing(line, rest);
    else
        rc = json_object_set_new(line, "unreadable", as_text(event));
    if (rc == 0)
        rc = json_dumpf(line, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF ? 0 : -1;
out:
    json_decref(rest);
    json_decref(line);
    return rc;
}

static int jsonl_append(void *self, const struct cs_event *events, size_t n, struct cs_error *err)
{
    char *lines = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&lines, &len);
    int rc = out ? 0 : -1;

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = write_line(out, &events[i]);
    if (out && fclose(out) != 0)
        rc = -1;
    if (rc == 0)
        rc = append_lines(self, lines, len, err);
    else
        cs_fail(err, CS_EBUSY, "no memory for %zu audit events", n);
    free(lines);
    return rc;
}

/* The old file is let go of at once, even if nothing happens for long: it may be waiting to be compressed. */
static int jsonl_reopen(void *self, struct cs_error *err)
{
    close_file(self);
    return open_file(self, err);
}

/* ---- the plugin -------------------------------------------------------------------------------------------------- */

static void jsonl_close(void *self)
{
    struct sink *sink = self;

    close_file(sink);
    free(sink);
}

static int jsonl_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    const char *path = ((const struct settings *)conf)->file;

    (void)listen;
    if (path[0] != '/' || strlen(path) > 4000)
        return cs_fail(err, CS_ECONFIG, "file must be an absolute path, such as /var/log/countersign/audit.jsonl");
    return 0;
}

/* A path that cannot be opened is told at the start and not only with the first certificate. */
static int jsonl_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct sink *sink;
    const char *path = ((const struct settings *)conf)->file;

    (void)in;
    if (jsonl_check(conf, NULL, err) < 0)
        return -1;
    sink = malloc(sizeof *sink);
    if (!sink)
        return cs_fail(err, CS_EBUSY, "no memory");
    *sink = (struct sink){ .path = path, .fd = -1 };
    if (open_file(sink, err) < 0) {
        free(sink);
        return -1;
    }
    *self = sink;
    return 0;
}

static const struct cs_audit_ops audit = { .size = sizeof audit, .blocking = true, .append = jsonl_append,
                                           .reopen = jsonl_reopen };

CS_PLUGIN("audit-jsonl", "0.1.0", "writes a ledger to a file, one JSON object a line", .settings = settings,
          .settings_size = sizeof(struct settings), .open = jsonl_open, .close = jsonl_close, .audit = &audit,
          .check = jsonl_check);

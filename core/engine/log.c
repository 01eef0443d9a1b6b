/*
 * The log: one line, one fact, one write(2) to stderr. Called from everywhere, by any thread.
 */
#include "engine/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/host.h"

#define LINE_MAX_BYTES 4096

static _Atomic int most_talkative = CS_LOG_INFO;
static atomic_bool to_journal;

static const struct {
    const char *name;
    const char *word;     /* padded, so that lines align */
    const char *priority; /* of sd-daemon(3) */
} levels[] = {
    [CS_LOG_ERROR] = { "error", "error ", "<3>" },
    [CS_LOG_WARN]  = { "warn",  "warn  ", "<4>" },
    [CS_LOG_INFO]  = { "info",  "info  ", "<6>" },
    [CS_LOG_DEBUG] = { "debug", "debug ", "<7>" },
};

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the journal's socket. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat st;
    char *end;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    device = strtoumax(stream, &end, 10);
    if (end == stream || *end != ':')
        return false;
    stream = end + 1;
    inode = strtoumax(stream, &end, 10);
    return end != stream && *end == '\0' && st.st_dev == device && st.st_ino == inode;
}

void log_setup(enum cs_log_level level)
{
    most_talkative = (int)level;
    to_journal = stderr_is_journal();
}

int log_level_of(const char *word)
{
    for (int level = CS_LOG_ERROR; level <= CS_LOG_DEBUG; level++)
        if (strcmp(levels[level].name, word) == 0)
            return level;
    return -1;
}

bool log_wants(enum cs_log_level level)
{
    return (int)level <= most_talkative;
}

static size_t utf8_len(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* How many bytes at `at` are one printable character of UTF-8 (RFC 3629); 0: not one. C1 controls do not print. */
static size_t printable(const unsigned char *at, size_t left)
{
    size_t len = utf8_len(*at);

    if (len == 1)
        return *at >= 0x20 && *at != 0x7f;
    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90))
        return 0;
    return len;
}

static void make_printable(char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = printable((unsigned char *)text + i, len - i);

        if (n == 0)
            text[i] = '?';
        i += n ? n : 1;
    }
}

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static void addv(struct line *line, const char *format, va_list args) CS_PRINTF(2, 0);
static void addv(struct line *line, const char *format, va_list args)
{
    size_t room = sizeof line->text - line->len;
    int n = vsnprintf(line->text + line->len, room, format, args);

    if (n > 0)
        line->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void add(struct line *line, const char *format, ...) CS_PRINTF(2, 3);
static void add(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    addv(line, format, args);
    va_end(args);
}

static void add_time(struct line *line)
{
    int64_t now_ms = cs_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
        utc.tm_min, utc.tm_sec, (int)(now_ms % 1000));
}

static void send_line(struct line *line)
{
    ssize_t n;

    make_printable(line->text, line->len);
    line->text[line->len++] = '\n';
    do
        n = write(STDERR_FILENO, line->text, line->len);
    while (n < 0 && errno == EINTR);
}

void log_linev(enum cs_log_level level, const char *who, const char *about, const char *format, va_list args)
{
    int saved_errno = errno;
    struct line line;

    if (level < CS_LOG_ERROR || level > CS_LOG_DEBUG)
        level = CS_LOG_ERROR;
    if (!log_wants(level))
        return;
    line.len = 0;
    if (to_journal)
        add(&line, "%s", levels[level].priority);
    else
        add_time(&line);
    add(&line, "%s%s", levels[level].word, who);
    if (about && *about)
        add(&line, " [%s]", about);
    add(&line, ": ");
    errno = saved_errno; /* for %m */
    addv(&line, format, args);
    send_line(&line);
    errno = saved_errno;
}

void log_line(enum cs_log_level level, const char *who, const char *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_linev(level, who, about, format, args);
    va_end(args);
}

void cs_log(struct cs_instance *in, enum cs_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_linev(level, in->who, "", format, args);
    va_end(args);
}

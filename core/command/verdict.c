/*
 * One line for each thing that was looked at; see verdict.h.
 */
#include "command/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTER "enter "

enum { LINE_MOST = 1024 };

/* One write for a line, so that lines of two processes do not mix. */
static void put(int fd, char *line)
{
    size_t len = strlen(line);

    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    line[len++] = '\n';
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, line + at, len - at);

        if (n < 0 && errno != EINTR)
            return;
        at += n > 0 ? (size_t)n : 0;
    }
}

CS_PRINTF(4, 0)
static void say(struct verdicts *verdicts, const char *verdict, const char *name, const char *format, va_list args)
{
    char text[LINE_MOST - 64], line[LINE_MOST + 1];

    vsnprintf(text, sizeof text, format, args);
    snprintf(line, LINE_MOST, "%s %-9s %s", verdict, name, text);
    put(verdicts->fd, line);
}

void verdict_pass(struct verdicts *verdicts, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(verdicts, "pass", name, format, args);
    va_end(args);
}

void verdict_fail(struct verdicts *verdicts, const char *name, const char *format, ...)
{
    va_list args;

    verdicts->failures++;
    va_start(args, format);
    say(verdicts, "FAIL", name, format, args);
    va_end(args);
}

void verdict_note(struct verdicts *verdicts, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(verdicts, "note", name, format, args);
    va_end(args);
}

void verdict_enter(const struct verdicts *verdicts, const char *name, int64_t ms)
{
    char line[128];

    if (!verdicts->watched)
        return;
    snprintf(line, sizeof line - 1, ENTER "%" PRId64 " %s", ms, name);
    put(verdicts->fd, line);
}

bool verdict_is_enter(char *line, const char **name, int64_t *ms)
{
    char *end;

    if (strncmp(line, ENTER, strlen(ENTER)) != 0)
        return false;
    *ms = strtoll(line + strlen(ENTER), &end, 10);
    if (*end != ' ')
        return false;
    *name = end + 1;
    return true;
}

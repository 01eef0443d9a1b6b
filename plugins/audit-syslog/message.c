/*
 * Events as syslog messages; see message.h.
 */
#include "message.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEQUENCE_MOST INT64_C(2147483647) /* RFC 5424 7.3.1 */
enum { SD_NAME_MOST = 32 };
enum { WARNING = 4, NOTICE = 5, INFORMATIONAL = 6 };

int message_facility(const char *word)
{
    static const char *const words[] = { "kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
                                         "uucp",   "cron",   "authpriv", "ftp",  "ntp",    "audit",  "alert",  "clock",
                                         "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

bool message_is_word(const char *text, size_t most)
{
    size_t len = 0;

    for (; text[len]; len++)
        if (text[len] < 0x21 || text[len] > 0x7e)
            return false;
    return len >= 1 && len <= most;
}

static int severity_of(const char *kind)
{
    if (strcmp(kind, "failed") == 0 || strcmp(kind, "revocation-failed") == 0 || strcmp(kind, "shared-prime") == 0)
        return WARNING;
    if (strcmp(kind, "started") == 0 || strcmp(kind, "stopped") == 0)
        return NOTICE;
    return INFORMATIONAL;
}

/* RFC 3339, in UTC, to the millisecond. False: a time that no calendar has. */
static bool write_time(char out[48], int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    char date[32];

    if (time_ms < 0 || !gmtime_r(&seconds, &utc) || utc.tm_year > 9999 - 1900 ||
        !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc))
        return false;
    snprintf(out, 48, "%s.%03dZ", date, (int)(time_ms % 1000));
    return true;
}

static void add_header(struct text *out, const struct message_style *style, const struct cs_event *event)
{
    const char *kind = message_is_word(event->kind, SD_NAME_MOST) ? event->kind : "-";
    char time[48];

    text_addf(out, "<%d>1 ", style->facility * 8 + severity_of(event->kind));
    text_add(out, event->number && write_time(time, event->time_ms) ? time : "-");
    text_addf(out, " %s %s ", style->hostname, style->app_name);
    if (event->number)
        text_addf(out, "%ld", style->pid);
    else
        text_add_char(out, '-');
    text_addf(out, " %s ", kind);
}

/* ---- Structured data, RFC 5424 6.3 ----------------------------------------------------------------------------------- */

static bool is_sd_name(const char *name)
{
    return message_is_word(name, SD_NAME_MOST) && !name[strcspn(name, "=]\"")];
}

/* Control characters are allowed there, but not good for anybody; the text has them as JSON does. */
static void add_param(struct text *out, const char *name, const char *value)
{
    text_addf(out, " %s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\' || *p == ']')
            text_add_char(out, '\\');
        text_add_char(out, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
    }
    text_add_char(out, '"');
}

/* What is no list and no object. */
static void add_value(struct text *out, const char *name, const json_t *value)
{
    char number[32];

    if (!is_sd_name(name) || strcmp(name, "number") == 0 || strcmp(name, "cut") == 0)
        return;
    if (json_is_string(value))
        add_param(out, name, json_string_value(value));
    if (json_is_boolean(value))
        add_param(out, name, json_is_true(value) ? "true" : "false");
    if (!json_is_integer(value))
        return;
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    add_param(out, name, number);
}

static void add_data(struct text *out, const struct message_style *style, const struct cs_event *event, json_t *rest, bool cut)
{
    char number[32];

    if (event->number)
        text_addf(out, "[meta sequenceId=\"%" PRId64 "\"]", (event->number - 1) % SEQUENCE_MOST + 1);
    text_addf(out, "[countersign@%" PRId64, style->enterprise);
    if (event->number) {
        snprintf(number, sizeof number, "%" PRId64, event->number);
        add_param(out, "number", number);
    }
    if (cut)
        add_param(out, "cut", "true");
    for (void *at = cut ? NULL : json_object_iter(rest); at; at = json_object_iter_next(rest, at))
        add_value(out, json_object_iter_key(at), json_object_iter_value(at));
    text_add_char(out, ']');
}

/* ---- The text ---------------------------------------------------------------------------------------------------------- */

/* The event as audit-jsonl writes it, in ASCII: so it needs no byte order mark, which JSON may not have. NULL: no memory. */
static char *json_line(const struct cs_event *event, json_t *rest)
{
    json_t *line = json_object();
    char time[48], *text = NULL;
    int rc = line ? 0 : -1;

    if (rc == 0 && event->number)
        rc = json_object_set_new(line, "number", json_integer(event->number));
    if (rc == 0 && event->number)
        rc = json_object_set_new(line, "time", write_time(time, event->time_ms) ? json_string(time) : json_null());
    if (rc == 0)
        rc = json_object_set_new(line, "kind", json_string(event->kind));
    if (rc == 0)
        rc = json_object_update_missing(line, rest);
    if (rc == 0)
        text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(line);
    return text;
}

/* What cannot be read is kept as it is rather than held up. */
static json_t *read_event(const struct cs_event *event)
{
    json_t *rest = json_loadb(event->json, event->json_len, 0, NULL), *text;

    if (json_is_object(rest))
        return rest;
    json_decref(rest);
    text = json_stringn(event->json, event->json_len);
    return json_pack("{s:o}", "unreadable", text ? text : json_string("not UTF-8"));
}

int message_write(struct text *out, const struct message_style *style, const struct cs_event *event, struct cs_error *err)
{
    const size_t begin = out->len;
    json_t *rest = read_event(event);
    char *line = rest ? json_line(event, rest) : NULL;
    int rc = -1;

    if (!line)
        goto out;
    add_header(out, style, event);
    add_data(out, style, event, rest, false);
    text_add_char(out, ' ');
    text_add(out, line);
    if (!text_failed(out) && out->len - begin > style->most) {
        out->len = begin;
        add_header(out, style, event);
        add_data(out, style, event, rest, true);
    }
    rc = text_failed(out) ? -1 : 0;
out:
    free(line);
    json_decref(rest);
    return rc < 0 ? cs_fail(err, CS_EINTERNAL, "no memory for a syslog message") : 0;
}

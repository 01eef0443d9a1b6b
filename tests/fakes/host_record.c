/* The records and the log of the fake core; see host.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host_event.h"

struct record {
    struct record *next;
    char *key, *data;
    size_t len;
};

static struct record *records;
static struct cs_error keep_error;
static bool hold_keep;
static char *log_lines;

void host_record_begin(void)
{
    log_lines = text_copy("");
    keep_error = (struct cs_error){ 0 };
    hold_keep = false;
}

void host_record_end(void)
{
    free(log_lines);
    log_lines = NULL;
}

void host_forget(void)
{
    while (records) {
        struct record *record = records;

        records = record->next;
        free(record->key);
        free(record->data);
        free(record);
    }
}

struct asked { /* a cs_keep_*() on its way */
    char *key;
    cs_keep_fn *get;
    cs_done_fn *put;
    void *arg;
};

static struct record *find_record(const char *key)
{
    struct record *record = records;

    while (record && strcmp(record->key, key) != 0)
        record = record->next;
    return record;
}

static void on_kept(void *arg)
{
    struct asked *asked = arg;
    const struct cs_error *err = keep_error.code ? &keep_error : NULL;
    const struct record *record = asked->get && !err ? find_record(asked->key) : NULL;

    if (asked->get && hold_keep) {
        host_event(NULL, 1, on_kept, asked);
        return;
    }
    if (asked->get)
        asked->get(asked->arg, record ? record->data : NULL, record ? record->len : 0, err);
    else
        asked->put(asked->arg, err);
    free(asked->key);
    free(asked);
}

static void tell_kept(const char *key, cs_keep_fn *get, cs_done_fn *put, void *arg)
{
    struct asked *asked = malloc(sizeof *asked);

    if (strlen(key) > 127)
        host_misuse("a key of more than 127 bytes");
    *asked = (struct asked){ text_copy(key), get, put, arg };
    host_event(NULL, 0, on_kept, asked);
}

void cs_keep_get(struct cs_instance *in, const char *key, cs_keep_fn *done, void *arg)
{
    (void)in;
    tell_kept(key, done, NULL, arg);
}

void cs_keep_put(struct cs_instance *in, const char *key, const void *data, size_t len, cs_done_fn *done, void *arg)
{
    struct record *record = find_record(key);

    (void)in;
    if (!record) {
        record = calloc(1, sizeof *record);
        *record = (struct record){ .next = records, .key = text_copy(key) };
        records = record;
    }
    free(record->data);
    record->data = data ? text_copy_n(data, len) : NULL;
    record->len = data ? len : 0;
    tell_kept(key, NULL, done, arg);
}

const char *host_kept(const char *key)
{
    const struct record *record = find_record(key);

    return record ? record->data : NULL;
}

void host_hold_keep(bool hold)
{
    hold_keep = hold;
}

void host_fail_keep(const struct cs_error *err)
{
    keep_error = err ? *err : (struct cs_error){ 0 };
}

CS_PRINTF(1, 0) static void add_line(const char *format, va_list args)
{
    size_t len = strlen(log_lines);
    char line[2000], *more;

    vsnprintf(line, sizeof line, format, args);
    if (strchr(line, '\n'))
        host_misuse("a line of the log with a newline in it: %s", line);
    more = realloc(log_lines, len + strlen(line) + 2);
    snprintf(more + len, strlen(line) + 2, "%s\n", line);
    log_lines = more;
}

void cs_log(struct cs_instance *in, enum cs_log_level level, const char *format, ...)
{
    va_list args;

    (void)in, (void)level;
    va_start(args, format);
    add_line(format, args);
    va_end(args);
}

void cs_op_log(struct cs_op *op, enum cs_log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    host_must_be_open(op, "cs_op_log()");
    va_start(args, format);
    add_line(format, args);
    va_end(args);
}

const char *host_log(void)
{
    return log_lines;
}

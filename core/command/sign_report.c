/*
 * What `countersign sign` says at its end, to people or, with --json, to machines: docs/renew.md, "The JSON line". See sign.h.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/sign.h"

void sign_time_text(char out[32], int64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm tm;

    if (!gmtime_r(&at, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, 32, "?");
}

static const char *result(enum sign_exit exit)
{
    switch (exit) {
    case SIGN_OK:
        return "renewed";
    case SIGN_FAILED:
        return "failed";
    case SIGN_USAGE:
        return "usage";
    case SIGN_REFUSED:
        return "refused";
    case SIGN_LATER:
        return "later";
    case SIGN_MISFIT:
        return "misfit";
    case SIGN_NOTHING_DUE:
        return "nothing-due";
    case SIGN_DEPLOY_FAILED:
        return "deploy-failed";
    }
    return "failed";
}

/* Names of files are bytes; what is not UTF-8 in them becomes question marks. */
static json_t *string(const char *bytes)
{
    char *copy = strdup(bytes);
    json_t *text = copy ? json_string(copy) : NULL;

    for (char *c = copy; !text && c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    if (!text && copy)
        text = json_string(copy);
    free(copy);
    return text;
}

static void set_string(json_t *to, const char *name, const char *value)
{
    if (*value)
        json_object_set_new(to, name, string(value));
}

static void set_time(json_t *to, const char *name, int64_t ms)
{
    char text[32];

    if (ms == 0)
        return;
    sign_time_text(text, ms);
    json_object_set_new(to, name, json_string(text));
}

static void set_certificate(json_t *to, const struct sign_due *now)
{
    set_string(to, "reason", now->reason);
    set_string(to, "serial", now->serial);
    set_time(to, "not_before", now->not_before_ms);
    set_time(to, "not_after", now->not_after_ms);
    set_time(to, "renew_at", now->renew_at_ms);
}

static void print_json(const struct sign_report *report, const struct sign_options *options)
{
    json_t *line = json_object(), *names = json_array();

    for (size_t i = 0; i < options->n_names; i++)
        json_array_append_new(names, json_string(options->names[i]));
    json_object_set_new(line, "result", json_string(result(report->exit)));
    json_object_set_new(line, "exit", json_integer((json_int_t)report->exit));
    set_string(line, "chain", options->out_file);
    set_string(line, "key", options->key_file);
    json_object_set_new(line, "names", names);
    json_object_set_new(line, "new_key", json_boolean(report->new_key));
    set_certificate(line, &report->now);
    if (report->deploy_exit >= 0)
        json_object_set_new(line, "deploy_exit", json_integer(report->deploy_exit));
    if (report->retry_after_s > 0)
        json_object_set_new(line, "retry_after", json_integer(report->retry_after_s));
    set_string(line, "error", report->error);
    json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
}

static void date(char out[32], int64_t ms)
{
    sign_time_text(out, ms);
    out[strcspn(out, "T")] = ' ';
    if (strlen(out) > strlen("2027-01-30 12:00"))
        out[strlen("2027-01-30 12:00")] = '\0';
}

void sign_report_print(const struct sign_report *report, const struct sign_options *options)
{
    FILE *people = options->json ? stderr : stdout;
    char until[32], then[32];

    if (options->json)
        print_json(report, options);
    date(until, report->now.not_after_ms);
    date(then, report->now.renew_at_ms);
    if (!options->quiet && report->exit == SIGN_OK)
        fprintf(people, "%s: certificate %s for %s%s, until %s UTC\n", options->out_file, report->now.serial, options->names[0],
                options->n_names > 1 ? " and more" : "", until);
    if (!options->quiet && report->exit == SIGN_NOTHING_DUE)
        fprintf(people, "%s: nothing to do until %s UTC; certificate %s is valid until %s UTC\n", options->out_file, then,
                report->now.serial, until);
}

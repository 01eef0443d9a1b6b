/*
 * Puts the privacy report together, and prints it; see privacy_report.h.
 */
#include <inttypes.h>
#include <string.h>

#include "command/columns.h"
#include "command/privacy_report.h"
#include "http/privacy.h"

#define LABEL_WIDTH 18

/* ---- What there is to say -------------------------------------------------------------------------------------------- */

/* What is sent to a sink is out of our hands. */
static json_t *sinks_of(const struct settings *settings)
{
    json_t *sinks = json_array();

    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == ROLE_AUDIT)
            json_array_append_new(sinks, json_pack("{s:s, s:s?, s:s}", "name", settings->blocks[i].name, "plugin",
                                                   settings->blocks[i].plugin, "ledger",
                                                   settings_ledger_name(settings->blocks[i].ledger)));
    return sinks;
}

static json_t *retention_of(const struct settings *settings)
{
    const struct visits_settings *v = &settings->visits;

    return json_pack("{s:b, s:I, s:I, s:I, s:I}", "enabled", v->enabled, "visits_days", (json_int_t)v->keep_days, "labels_days",
                     (json_int_t)v->label_days, "totals_months", (json_int_t)v->total_months, "k", (json_int_t)v->k);
}

json_t *privacy_report_make(const struct settings *settings, const json_t *status, const json_t *days, const json_t *aside)
{
    return json_pack("{s:o, s:o, s:O?, s:O?, s:O?, s:o, s:s}", "at", privacy_moment(cs_wall_ms()), "retention",
                     retention_of(settings), "server", status, "days", days, "aside", aside, "sinks", sinks_of(settings),
                     "runtime", settings->runtime);
}

/* ---- For people ------------------------------------------------------------------------------------------------------ */

static const json_t *at(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

static int64_t number(const json_t *object, const char *name)
{
    return json_integer_value(at(object, name));
}

static const char *words(const json_t *object, const char *name)
{
    const char *text = json_string_value(at(object, name));

    return text ? text : "";
}

static void head(FILE *to, const char *label)
{
    fprintf(to, "%-*s", LABEL_WIDTH, label);
}

static void print_retention(const json_t *r, FILE *to)
{
    head(to, "visits");
    if (!json_is_true(at(r, "enabled"))) {
        fprintf(to, "not recorded (visits.enabled = false); what was recorded before stands below\n");
    } else {
        fprintf(to, "kept for %" PRId64 " days after their day, without any address\n", number(r, "visits_days"));
        head(to, "labels");
        fprintf(to, "those of less than %" PRId64 " sources become \"other\" after %" PRId64 " days\n", number(r, "k"),
                number(r, "labels_days"));
        head(to, "counts");
        fprintf(to, "kept for %" PRId64 " months\n", number(r, "totals_months"));
    }
    head(to, "certificates");
    fprintf(to, "kept until 30 days after their end\n");
}

static void print_key(const json_t *s, bool enabled, const char *runtime, FILE *to)
{
    head(to, "key");
    if (number(s, "keys") == 0 && !*words(s, "key_made")) {
        fprintf(to, enabled ? "none for %s: it could not be made (the log says why), so sources are not counted\n"
                            : "none for %s: no visits are recorded\n", words(s, "day"));
        return;
    }
    fprintf(to, "of %s, made %s, ", words(s, "day"), *words(s, "key_made") ? words(s, "key_made") : "(destroyed)");
    if (json_is_true(at(s, "key_in_file")))
        fprintf(to, "in memory and in %s\n", runtime);
    else
        fprintf(to, "in memory only%s%s\n", *words(s, "key_why_not") ? ": " : "", words(s, "key_why_not"));
    if (number(s, "keys") > 1) {
        head(to, "");
        fprintf(to, "%" PRId64 " keys were made for that day: a source may count more than once\n", number(s, "keys"));
    }
}

static void print_upkeep(const json_t *s, FILE *to)
{
    head(to, "purged");
    if (json_is_true(at(s, "must_confirm")))
        fprintf(to, "NOT: the clock is more than 48 h past the last record (%s). If it is right: countersign privacy confirm\n",
                words(s, "recorded"));
    else
        fprintf(to, "%s%s\n", *words(s, "purged") ? words(s, "purged") : "not since the start",
                json_is_true(at(s, "scrubbed")) ? "" : "; bytes of it are still in the files, because somebody reads them");
    head(to, "published");
    fprintf(to, "%s\n", *words(s, "published") ? words(s, "published") : "not since the start");
}

static void print_server(const json_t *s, bool enabled, const char *runtime, FILE *to)
{
    head(to, "server");
    if (!s || json_is_null(s)) {
        fprintf(to, "does not run, or records no visits; so there is no key but what is in %s\n", runtime);
        return;
    }
    fprintf(to, "runs; visits under way: %" PRId64 ", waiting to be written: %" PRId64 ", lost since the start: %" PRId64 "\n",
            number(s, "open"), number(s, "queued"), number(s, "lost"));
    print_key(s, enabled, runtime, to);
    print_upkeep(s, to);
}

static void print_sinks(const json_t *sinks, FILE *to)
{
    const json_t *sink;
    size_t i;

    json_array_foreach(sinks, i, sink) {
        head(to, i == 0 ? "copies outside" : "");
        fprintf(to, "audit.%s (%s) gets the %s ledger: outside of purge and erasure\n", words(sink, "name"),
                *words(sink, "plugin") ? words(sink, "plugin") : "a plugin named elsewhere", words(sink, "ledger"));
    }
}

/* Damaged, replaced or copied databases, beside those in use. */
static void print_aside(const json_t *files, FILE *to)
{
    const json_t *file;
    size_t i;

    json_array_foreach(files, i, file) {
        head(to, i == 0 ? "put aside" : "");
        fprintf(to, "%s: %" PRId64 " bytes, written %s (%" PRId64 " d ago); has %s, outside of purge and erasure: %s\n",
                words(file, "file"), number(file, "bytes"), words(file, "written"), number(file, "age_days"),
                json_is_true(at(file, "visits")) ? "requests with their pseudonyms" : "orders and certificates",
                json_is_true(at(file, "visits")) ? "remove it" : "remove it when all is well");
    }
}

static json_t *row_of(const json_t *day)
{
    struct text flags = TEXT_MAX(200);
    const json_t *flag;
    json_t *row;
    size_t i;

    json_array_foreach(at(day, "flags"), i, flag) {
        text_addf(&flags, "%s%s", i ? " " : "", json_string_value(flag));
    }
    row = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:s}", "day", words(day, "day"), "received",
                    (json_int_t)number(day, "received"), "recorded", (json_int_t)number(day, "recorded"), "missing",
                    (json_int_t)number(day, "missing"), "keys", (json_int_t)number(day, "keys"), "key_destroyed",
                    words(day, "key_destroyed"), "flags", text_of(&flags));
    text_free(&flags);
    return row;
}

static void print_days(const json_t *days, FILE *to)
{
    static const char *const names[] = { "day", "received", "recorded", "missing", "keys", "key_destroyed", "flags", NULL };
    struct columns columns;
    const json_t *day;
    size_t i;

    if (json_array_size(days) == 0)
        return;
    columns_open(&columns, names);
    json_array_foreach(days, i, day) {
        columns_add(&columns, row_of(day));
    }
    fputc('\n', to);
    columns_print(&columns, false, to);
    columns_close(&columns);
}

void privacy_report_print(const json_t *report, FILE *to)
{
    const char *runtime = words(report, "runtime");

    print_retention(at(report, "retention"), to);
    print_server(at(report, "server"), json_is_true(at(at(report, "retention"), "enabled")), runtime, to);
    print_sinks(at(report, "sinks"), to);
    print_aside(at(report, "aside"), to);
    print_days(at(report, "days"), to);
}

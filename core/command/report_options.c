/*
 * The command line of `countersign report`; see report_options.h. Called by report.c.
 */
#include "command/report_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "command/report_views.h"
#include "command/table.h"

enum { FORMAT = 1, LABEL, LIST, OUTPUT, PUBLIC, SINCE, UNTIL, WEEK, ZONE };

static const struct usage_option options[] = {
    { "since", "DAY|Nd", SINCE, "from that day on (2026-11-21), or the last N days with today; default 7d" },
    { "until", "DAY", UNTIL, "up to that day; default today" },
    { "zone", "ZONE", ZONE, "of that zone; '' for subjects that no zone has" },
    { "label", "NAME[=VALUE]", LABEL, "of requests with that label" },
    { "format", "table|csv|json|html", FORMAT, "table (the default), csv (one NAME), json, or html: one file with charts" },
    { "output", "FILE", OUTPUT, "written as a whole or not at all; default the standard output" },
    { "public", NULL, PUBLIC, "what may be shown to anybody" },
    { "week", "YYYY-Www", WEEK, "with --public: the week, as ISO 8601 counts" },
    { "list", NULL, LIST, "with --public: which releases there are" },
    { "help", NULL, 'h', "this text, and which tables there are" },
    USAGE_END,
};

static const struct usage_form forms[] = {
    { "", "[NAME…] [--since DAY|Nd] [--until DAY] [--zone ZONE] [--label NAME[=VALUE]] [--format FORMAT] [--output FILE]",
      options },
    { "", "--public --zone ZONE --week YYYY-Www [--format FORMAT] [--output FILE]", options },
    { "", "--public --list", options },
    { NULL, NULL, NULL },
};

const struct usage usage_report = {
    "report", forms,
    "Who asked, how many, for which campaign: the tables of the analytics database, for internal use. NAME is a table;\n"
    "without any, an overview.\n"
    "\n"
    "With --public: what may be shown to anybody. One zone in one complete week; what is about few sources is hidden. It is\n"
    "decided once, kept, and printed the same ever after.\n",
    NULL,
};

static void print_help(void)
{
    usage_help(&usage_report, stdout);
    printf("\nThe tables:\n");
    for (size_t i = 0; i < report_n_views; i++)
        printf("  %-12s %s\n", report_views[i].name, report_views[i].about);
}

static int read_format(struct report_options *o, const char *typed, struct cs_error *err)
{
    static const char *const names[] = {
        [REPORT_TEXT] = "table",
        [REPORT_CSV] = "csv",
        [REPORT_JSON] = "json",
        [REPORT_HTML] = "html",
    };

    for (size_t i = REPORT_TEXT; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], typed) == 0) {
            o->format = (enum report_format)i;
            return 0;
        }
    return cs_fail(err, CS_EINPUT, "--format is table, csv, json or html, not `%s`", typed);
}

/* "7d" is today and the six days before. */
static int read_since(struct report_options *o, const char *typed, int64_t today, struct cs_error *err)
{
    char *end;
    long days;

    if (day_parse(typed, &o->since))
        return 0;
    errno = 0;
    days = strtol(typed, &end, 10);
    if (*typed < '0' || *typed > '9' || errno || strcmp(end, "d") != 0 || days < 1 || days > 36525)
        return cs_fail(err, CS_EINPUT, "--since is a day such as 2026-11-21, or a number of days such as 30d, not `%s`", typed);
    o->since = today - days + 1;
    return 0;
}

static int read_until(struct report_options *o, const char *typed, struct cs_error *err)
{
    return day_parse(typed, &o->until) ? 0 : cs_fail(err, CS_EINPUT, "--until is a day such as 2026-11-21, not `%s`", typed);
}

static int read_week(struct report_options *o, const char *typed, struct cs_error *err)
{
    if (!report_week_parse(typed, &o->monday))
        return cs_fail(err, CS_EINPUT, "--week is a week such as 2026-W47, not `%s`", typed);
    snprintf(o->week, sizeof o->week, "%s", typed);
    return 0;
}

static int read_zone(struct report_options *o, const char *typed, struct cs_error *err)
{
    o->zone = o->zone_name;
    return *typed ? table_name(o->zone_name, typed, NAME_ONE_LABEL | NAME_UNDERSCORE, "--zone", err) : 0;
}

static int read_label(struct report_options *o, const char *typed, struct cs_error *err)
{
    size_t name = strcspn(typed, "=");

    if (name < 1 || name > 32 || strspn(typed, "abcdefghijklmnopqrstuvwxyz0123456789_-") < name)
        return cs_fail(err, CS_EINPUT, "--label is NAME or NAME=VALUE with a name of a-z, 0-9, - and _, not `%s`", typed);
    o->label = typed;
    return 0;
}

static int read_option(struct report_options *o, int option, const char *typed, int64_t today, struct cs_error *err)
{
    switch (option) {
    case FORMAT:
        return read_format(o, typed, err);
    case LABEL:
        return read_label(o, typed, err);
    case SINCE:
        return read_since(o, typed, today, err);
    case UNTIL:
        return read_until(o, typed, err);
    case WEEK:
        return read_week(o, typed, err);
    case ZONE:
        return read_zone(o, typed, err);
    case OUTPUT:
        o->output = typed;
        return 0;
    case PUBLIC:
        o->released = true;
        return 0;
    case LIST:
        o->list = true;
        return 0;
    }
    return -1; /* getopt has said why */
}

static int read_tables(struct report_options *o, int n, char **names, struct cs_error *err)
{
    struct text known = TEXT_MAX(300);

    for (int i = 0; i < n; i++) {
        if (!report_view(names[i])) {
            for (size_t j = 0; j < report_n_views; j++)
                text_addf(&known, "%s%s", j ? ", " : "", report_views[j].name);
            cs_fail(err, CS_EINPUT, "there is no table `%s`; there are: %s", names[i], text_of(&known));
            text_free(&known);
            return -1;
        }
        if (o->n_tables == REPORT_TABLES_MOST)
            return cs_fail(err, CS_EINPUT, "name at most %d tables", REPORT_TABLES_MOST);
        o->tables[o->n_tables++] = names[i];
    }
    return 0;
}

/* Words that do not go together. */
static int check(const struct report_options *o, bool ranged, struct cs_error *err)
{
    if (!o->released && (o->list || o->week[0]))
        return cs_fail(err, CS_EINPUT, "%s needs --public", o->list ? "--list" : "--week");
    if (o->released && (ranged || o->label || o->n_tables > 0))
        return cs_fail(err, CS_EINPUT, "a release has --zone and --week, and neither tables, days nor labels to choose");
    if (o->released && !o->list && (!o->zone || !*o->zone || !o->week[0]))
        return cs_fail(err, CS_EINPUT, "a release needs both --zone and --week, such as --zone go.example.com --week 2026-W47");
    if (!o->released && o->format == REPORT_CSV && o->n_tables != 1)
        return cs_fail(err, CS_EINPUT, "csv holds one table: name it, as in `countersign report requests --format csv`");
    if (o->since > o->until)
        return cs_fail(err, CS_EINPUT, "--since is later than --until");
    return 0;
}

int report_options_read(struct report_options *o, int argc, char **argv, int64_t today)
{
    struct cs_error err = { 0 };
    bool ranged = false;
    int option, rc = 0;

    *o = (struct report_options){ .format = REPORT_TEXT, .since = INT64_MIN, .until = today };
    optind = 0;
    while (rc == 0 && (option = usage_next(options, argc, argv)) != USAGE_OVER) {
        if (option == 'h') {
            print_help();
            return 0;
        }
        ranged |= option == SINCE || option == UNTIL;
        rc = read_option(o, option, optarg, today, &err);
    }
    if (o->since == INT64_MIN)
        o->since = o->until - 6;
    if (rc == 0)
        rc = read_tables(o, argc - optind, argv + optind, &err);
    if (rc == 0)
        rc = check(o, ranged, &err);
    return rc == 0 ? -1 : usage_wrong(&usage_report, "countersign report: %s", err.text[0] ? err.text : "see above");
}

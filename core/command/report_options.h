/*
 * What `countersign report` was told on its command line. Used by report.c, report_views.c and release_*.c.
 */
#ifndef COMMAND_REPORT_OPTIONS_H
#define COMMAND_REPORT_OPTIONS_H

#include <countersign/plugin.h>

#include "base/day.h"

enum { REPORT_TABLES_MOST = 16 };
enum report_format { REPORT_TEXT = 1, REPORT_CSV, REPORT_JSON, REPORT_HTML };

#define REPORT_WEEK_TEXT sizeof "2026-W47"

struct report_options {
    enum report_format format;
    const char *tables[REPORT_TABLES_MOST]; /* as named; none: those of the overview */
    size_t n_tables;
    int64_t since, until; /* days, both included */
    const char *zone;     /* NULL: all */
    char zone_name[254];
    const char *label;  /* "NAME" or "NAME=VALUE"; NULL: whatever labels */
    const char *output; /* NULL: stdout */
    bool released;      /* --public */
    bool list;
    int64_t monday; /* of --week */
    char week[REPORT_WEEK_TEXT];
};

/* Returns -1 when it is to go on, otherwise the exit code: help was printed, or what is wrong with the words. */
int report_options_read(struct report_options *options, int argc, char **argv, int64_t today);

/* ISO 8601: "2026-W47" into its Monday; false: there is no such week. And a day into the week that it lies in. */
bool report_week_parse(const char *text, int64_t *monday);
void report_week_text(char out[REPORT_WEEK_TEXT], int64_t day);

#endif

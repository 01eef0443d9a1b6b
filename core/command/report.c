/*
 * `countersign report`: the views of the analytics database as tables, CSV, JSON or a page with charts, for internal use; with
 * --public, frozen releases (report_public.c).
 */
#include "command/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/file_write.h"
#include "command/report_public.h"
#include "command/report_views.h"
#include "command/setup.h"

enum { OUTPUT_MOST = 256 * 1024 * 1024 };

static int write_report(const struct report *report, enum report_format format, struct text *out)
{
    switch (format) {
    case REPORT_TEXT:
        return report_text(report, out);
    case REPORT_CSV:
        return report_csv(report, out);
    case REPORT_JSON:
        return report_json(report, out);
    case REPORT_HTML:
        return report_html(report, out);
    }
    return -1;
}

/* The file is the user's own: what is in it is not for everybody. */
int report_put(const struct text *out, const char *path, mode_t mode, struct cs_error *err)
{
    if (path)
        return file_write_replace(path, text_of(out), out->len, mode, err);
    if (fwrite(text_of(out), 1, out->len, stdout) != out->len || fflush(stdout) != 0)
        return cs_fail(err, CS_EINTERNAL, "the output could not be written: %s", strerror(errno));
    return 0;
}

int report_print(const struct report *report, const struct report_options *options, mode_t mode, struct cs_error *err)
{
    struct text out = TEXT_MAX(OUTPUT_MOST);
    int rc = write_report(report, options->format, &out);

    rc = rc < 0 ? cs_fail(err, CS_EINTERNAL, "the report is too large: ask for fewer days, or for one zone")
                : report_put(&out, options->output, mode, err);
    text_free(&out);
    return rc;
}

/* ---- the internal report ----------------------------------------------------------------------------------------- */

struct asked {
    const struct report_options *options;
    struct report *report;
};

static int read_it(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct asked *asked = arg;

    return report_read(c, asked->options, asked->report, err);
}

/* Rows stand for themselves; only where there are none it is asked whether that could be. */
static bool is_empty(const struct report *report)
{
    for (size_t i = 0; i < report->n_grids; i++)
        if (report->grids[i].n_rows > 0 && grid_has(&report->grids[i], "zone"))
            return false;
    return true;
}

static int on_zone(void *arg, const struct cs_zone *row)
{
    (void)row;
    *(bool *)arg = true;
    return 0;
}

static int check_zone(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const char *zone = arg;
    bool found = false;

    if (c->ops->zone_find(c->conn, zone, on_zone, &found, err) < 0)
        return -1;
    return found ? 0
                 : cs_fail(err, CS_ENOTFOUND, "there is no zone %s, and no request for it; `countersign zone list` shows all",
                           zone);
}

static int print_internal(struct setup *setup, const struct report_options *options, struct cs_error *err)
{
    struct report report = { 0 };
    struct asked asked = { options, &report };
    int rc = store_with(setup->store, CS_ANALYTICS_READER, read_it, &asked, err);

    if (rc == 0 && options->zone && *options->zone && is_empty(&report))
        rc = store_with(setup->store, CS_STATE_READER, check_zone, (void *)(uintptr_t)options->zone, err);
    if (rc == 0)
        rc = report_print(&report, options, 0600, err);
    report_free(&report);
    return rc;
}

int command_report(const struct command_line *line)
{
    struct report_options options;
    struct cs_error err = { 0 };
    struct setup setup;
    int code = report_options_read(&options, line->argc, line->argv, day_of_ms(cs_wall_ms()));
    int rc;

    if (code >= 0)
        return code;
    if (setup_read(&setup, line->config_path) < 0)
        return 1;
    rc = setup_store(&setup, &err);
    if (rc == 0)
        rc = options.released ? report_public(&setup, &options, &err) : print_internal(&setup, &options, &err);
    if (rc < 0 && err.text[0])
        fprintf(stderr, "countersign report: %s\n", err.text);
    setup_free(&setup);
    return rc == 0 ? 0 : 1;
}

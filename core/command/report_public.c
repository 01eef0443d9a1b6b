/*
 * Frozen releases; see report_public.h. Called by report.c.
 */
#include "command/report_public.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/terminal.h"
#include "command/file_write.h"
#include "command/release_make.h"
#include "command/release_show.h"

struct frozen {
    const struct report_options *options;
    int64_t today;
    struct release release;
    char *text; /* NULL: there is none yet */
    size_t len;
    bool no_memory;
};

/* ---- in the store ------------------------------------------------------------------------------------------------ */

static int on_text(void *arg, const void *data, size_t len)
{
    struct frozen *frozen = arg;

    frozen->text = text_copy_n(data, len);
    frozen->no_memory = !frozen->text;
    frozen->len = len;
    return 1;
}

static int get(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct frozen *frozen = arg;

    if (!c->ops->release_get || !c->ops->release_put || !c->ops->release_list)
        return cs_fail(err, CS_ECONFIG, "the store's plugin keeps no releases");
    if (c->ops->release_get(c->conn, frozen->options->zone, frozen->options->week, on_text, frozen, err) < 0)
        return -1;
    return frozen->no_memory ? cs_fail(err, CS_EINTERNAL, "no memory for the release") : 0;
}

static int put(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct frozen *frozen = arg;

    return c->ops->release_put(c->conn, frozen->options->zone, frozen->options->week, frozen->text, frozen->len, err);
}

static int read_figures(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct frozen *frozen = arg;

    return release_read(c, frozen->options, frozen->today, &frozen->release, err);
}

/* ---- making one -------------------------------------------------------------------------------------------------- */

/* Nothing is shown before it is kept. When somebody else was quicker, his release is the one. */
static int freeze(struct setup *setup, struct frozen *frozen, struct cs_error *err)
{
    struct cs_error refused = { 0 };

    if (store_with(setup->store, CS_ANALYTICS_READER, read_figures, frozen, err) < 0)
        return -1;
    release_hide(&frozen->release);
    frozen->text = release_json(&frozen->release, frozen->options, frozen->today);
    if (!frozen->text)
        return cs_fail(err, CS_EINTERNAL, "no memory for the release");
    frozen->len = strlen(frozen->text);
    if (store_with(setup->store, CS_VISITS_WRITER, put, frozen, &refused) == 0)
        return 0;
    if (refused.code != CS_ECONFLICT) {
        *err = refused;
        return -1;
    }
    free(frozen->text);
    frozen->text = NULL;
    return store_with(setup->store, CS_VISITS_WRITER, get, frozen, err);
}

/* JSON is what was kept, byte for byte; the rest is made of it. */
static int print(const struct frozen *frozen, struct cs_error *err)
{
    const struct report_options *o = frozen->options;
    struct text json = TEXT_MAX(16 * 1024 * 1024);
    struct report report = { 0 };
    int rc;

    if (o->format == REPORT_JSON) {
        text_add_n(&json, frozen->text, frozen->len);
        text_add_char(&json, '\n');
        rc = text_failed(&json) ? cs_fail(err, CS_EINTERNAL, "no memory for the release")
                                : report_put(&json, o->output, 0644, err);
        text_free(&json);
        return rc;
    }
    rc = release_show(frozen->text, frozen->len, o->format == REPORT_CSV, &report, err);
    if (rc == 0)
        rc = report_print(&report, o, 0644, err);
    report_free(&report);
    return rc;
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static int on_release(void *arg, const char *zone, const char *week)
{
    struct text line = TEXT_MAX(400);

    terminal_add(&line, zone);
    text_addf(&line, "  %s", week);
    puts(text_of(&line));
    text_free(&line);
    ++*(size_t *)arg;
    return 0;
}

static int list(const struct store_conn *c, void *arg, struct cs_error *err)
{
    if (!c->ops->release_list)
        return cs_fail(err, CS_ECONFIG, "the store's plugin keeps no releases");
    return c->ops->release_list(c->conn, on_release, arg, err);
}

int report_public(struct setup *setup, const struct report_options *options, struct cs_error *err)
{
    struct frozen frozen = { .options = options, .today = day_of_ms(cs_wall_ms()) };
    size_t n = 0;
    int rc;

    if (options->list) {
        rc = store_with(setup->store, CS_VISITS_READER, list, &n, err);
        if (rc == 0 && n == 0)
            puts("no releases yet");
        return rc;
    }
    rc = store_with(setup->store, CS_VISITS_READER, get, &frozen, err);
    if (rc == 0 && !frozen.text)
        rc = freeze(setup, &frozen, err);
    if (rc == 0)
        rc = print(&frozen, err);
    free(frozen.text);
    release_free(&frozen.release);
    return rc;
}

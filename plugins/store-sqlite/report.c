/*
 * The views of analytics.db as named reports, for `countersign report`: see store.h. Arguments, each of them optional: since
 * and until (days, both included), zone, label ("NAME", "NAME=VALUE", or "" for all requests whatever their labels). A view
 * takes those that it has a column for, and refuses the others.
 */
#include "analytics.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct view {
    const char *name;
    const char *since, *until; /* conditions; NULL: it has no days */
    bool zone, label;
    const char *order;
} views[] = {
    { "requests", "day >= ?1", "day <= ?2", true, true, "day, zone, label, value, outcome" },
    { "sources", "day >= ?1", "day <= ?2", true, true, "day, zone, label, value" },
    { "label_sets", "day >= ?1", "day <= ?2", true, false, "day, zone, labels, outcome" },
    { "set_sources", "day >= ?1", "day <= ?2", true, false, "day, zone, labels" },
    { "funnel", "day >= ?1", "day <= ?2", true, true, "day, zone, label, value" },
    { "failures", "day >= ?1", "day <= ?2", true, true, "day, zone, label, value, outcome, reached, reason" },
    { "latencies", "day >= ?1", "day <= ?2", false, false, "day, role, instance" },
    { "hours", "day >= ?1", "day <= ?2", true, false, "day, zone, hour" },
    { "weeks", "monday > date(?1, '-7 days')", "monday <= ?2", true, true, "monday, zone, label, value" },
    { "days", "day >= ?1", "day <= ?2", false, false, "day" },
    { "about", NULL, NULL, false, false, "name" },
};

enum argument { SINCE, UNTIL, ZONE, LABEL, N_ARGUMENTS };
static const char *const argument_names[] = { "since", "until", "zone", "label" };

enum { MOST_COLUMNS = 16 };

/* ---- The arguments ---- */

static bool is_day(const char *text)
{
    return strlen(text) == 10 && strspn(text, "0123456789") == 4 && strspn(text + 5, "0123456789") == 2 &&
           strspn(text + 8, "0123456789") == 2 && text[4] == '-' && text[7] == '-';
}

static int takes(const struct view *view, enum argument argument, const char *text, struct cs_error *err)
{
    const bool has[] = { view->since, view->until, view->zone, view->label };

    if (!has[argument])
        return cs_fail(err, CS_EINPUT, "the report %s is not made by %s", view->name, argument_names[argument]);
    if ((argument == SINCE || argument == UNTIL) && !is_day(text))
        return cs_fail(err, CS_EINPUT, "%s must be a day such as 2026-11-21", argument_names[argument]);
    return 0;
}

static int read_arguments(const struct view *view, const struct cs_report_value *args, size_t n, const char *out[N_ARGUMENTS],
                          struct cs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t a = 0;

        if (!args[i].text)
            continue;
        while (a < N_ARGUMENTS && strcmp(args[i].name, argument_names[a]) != 0)
            a++;
        if (a == N_ARGUMENTS)
            return cs_fail(err, CS_EINPUT, "reports know since, until, zone and label, not %s", args[i].name);
        if (takes(view, (enum argument)a, args[i].text, err) < 0)
            return -1;
        out[a] = args[i].text;
    }
    return 0;
}

/* ---- The question ---- */

/* Conditions that nobody asked for are left out, rather than true, so that the others find their index. */
static int prepare(struct conn *c, const struct view *view, const char *const given[N_ARGUMENTS], sqlite3_stmt **s,
                   struct cs_error *err)
{
    struct text sql = TEXT_MAX(1000);
    int rc = SQLITE_NOMEM;

    text_addf(&sql, "SELECT * FROM %s WHERE TRUE", view->name);
    if (given[SINCE])
        text_addf(&sql, " AND %s", view->since);
    if (given[UNTIL])
        text_addf(&sql, " AND %s", view->until);
    if (given[ZONE])
        text_add(&sql, " AND zone = ?3");
    if (given[LABEL])
        text_add(&sql, " AND label = ?4");
    if (given[LABEL] && strchr(given[LABEL], '='))
        text_add(&sql, " AND value = ?5");
    text_addf(&sql, " ORDER BY %s", view->order);
    if (!text_failed(&sql))
        rc = sqlite3_prepare_v2(c->sq, text_of(&sql), -1, s, NULL);
    text_free(&sql);
    return rc == SQLITE_OK ? 0 : conn_fail(c, rc, err);
}

static int bind(struct conn *c, sqlite3_stmt *s, int place, const char *text, size_t len, struct cs_error *err)
{
    int rc = sqlite3_bind_text64(s, place, text, len, SQLITE_STATIC, SQLITE_UTF8);

    return rc == SQLITE_OK ? 0 : conn_fail(c, rc, err);
}

static int bind_all(struct conn *c, sqlite3_stmt *s, const char *const given[N_ARGUMENTS], struct cs_error *err)
{
    const char *label = given[LABEL], *equals = label ? strchr(label, '=') : NULL;

    for (int i = SINCE; i <= ZONE; i++)
        if (given[i] && bind(c, s, i + 1, given[i], strlen(given[i]), err) < 0)
            return -1;
    if (label && bind(c, s, LABEL + 1, label, equals ? (size_t)(equals - label) : strlen(label), err) < 0)
        return -1;
    return equals ? bind(c, s, LABEL + 2, equals + 1, strlen(equals + 1), err) : 0;
}

static int hand_over(struct conn *c, sqlite3_stmt *s, cs_report_fn *fn, void *arg, struct cs_error *err)
{
    struct cs_report_value values[MOST_COLUMNS] = { 0 };
    int n = sqlite3_column_count(s), rc;

    if (n > MOST_COLUMNS)
        return cs_fail(err, CS_EINTERNAL, "a report has %d columns, at most %d are handed over", n, MOST_COLUMNS);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++)
            values[i] = (struct cs_report_value){ sqlite3_column_name(s, i), (const char *)sqlite3_column_text(s, i) };
        if (fn(arg, values, (size_t)n))
            return 0;
    }
    return rc == SQLITE_DONE ? 0 : conn_fail(c, rc, err);
}

static const struct view *find_view(const char *name)
{
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (strcmp(views[i].name, name) == 0)
            return &views[i];
    return NULL;
}

int db_report(void *conn, const char *name, const struct cs_report_value *args, size_t n_args, cs_report_fn *fn, void *arg,
              struct cs_error *err)
{
    struct conn *c = conn;
    const struct view *view = find_view(name);
    const char *given[N_ARGUMENTS] = { NULL };
    sqlite3_stmt *s = NULL;
    int rc = -1;

    if (!view)
        return cs_fail(err, CS_ENOTFOUND, "there is no report %s", name);
    if (c->file->kind != &file_analytics)
        return cs_fail(err, CS_EINTERNAL, "reports are read from the analytics database");
    if (read_arguments(view, args, n_args, given, err) < 0 || analytics_refresh(c, err) < 0)
        return -1;
    if (prepare(c, view, given, &s, err) == 0 && bind_all(c, s, given, err) == 0)
        rc = hand_over(c, s, fn, arg, err);
    sqlite3_finalize(s);
    return rc;
}

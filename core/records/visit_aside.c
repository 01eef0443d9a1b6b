/*
 * Files that lie aside with visits in them, damaged, replaced or copied: no purge and no erasure reaches them. After each purge
 * the log says so of those whose last visits should have been forgotten by now. Called by visit_upkeep.c; see visit_parts.h.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/visit_parts.h"

#define LOG_WHO "visits"

enum { PATH_MOST = 400 };

struct look {
    struct visits *visits;
    void *plugin;
    int64_t kept_from; /* a day */
    int64_t n;
    struct text first;
};

static int on_file(void *arg, const struct cs_aside *file)
{
    struct look *look = arg;

    if (file->has_visits && day_of_ms(file->written_ms) < look->kept_from && look->n++ == 0)
        text_add(&look->first, file->path);
    return 0;
}

static int look_aside(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct look *look = arg;

    return c->ops->list_aside(look->plugin, on_file, look, err);
}

static void on_looked(void *arg, const struct cs_error *err)
{
    struct look *look = arg;
    const char *first = text_failed(&look->first) ? "" : text_of(&look->first);

    if (err)
        log_line(CS_LOG_WARN, LOG_WHO, "", "cannot tell whether old visits lie aside: %s", err->text);
    else if (look->n)
        log_line(CS_LOG_WARN, LOG_WHO, "",
                 "visits that should be forgotten by now lie aside, where no purge reaches them: remove these files, which "
                 "`countersign privacy report` lists files=%" PRId64 " first=%s",
                 look->n, first);
    look->visits->calls--;
    text_free(&look->first);
    free(look);
}

void visit_aside_look(struct visits *visits)
{
    struct look *look;

    if (!visits->with.plugin->plugin.store.list_aside || visits->stopping)
        return;
    look = calloc(1, sizeof *look);
    if (!look)
        return; /* the next purge looks again */
    *look = (struct look){ .visits = visits,
                           .plugin = visits->with.plugin->self,
                           .kept_from = visits->days->day - visits->with.settings->keep_days,
                           .first = TEXT_MAX(PATH_MOST) };
    visits->calls++;
    store_read_alone(visits->store, look_aside, look, on_looked, look);
}

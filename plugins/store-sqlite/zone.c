/* The table zone: see store.h. */
#include "db.h"

#include <string.h>

static const char *const visible_words[] = {
    [CS_VISIBLE_REQUIRE] = "require", [CS_VISIBLE_WARN] = "warn", [CS_VISIBLE_OFF] = "off"
};

/* A word that nobody can have written past the triggers is read as the strictest. */
static enum cs_visible visible_of(const char *word)
{
    if (!strcmp(word, "off"))
        return CS_VISIBLE_OFF;
    return !strcmp(word, "warn") ? CS_VISIBLE_WARN : CS_VISIBLE_REQUIRE;
}

static const char *keys_of(const struct cs_zone *zone)
{
    return zone->size > offsetof(struct cs_zone, keys) && zone->keys ? zone->keys : "";
}

static bool binds_keys(const struct cs_zone *zone)
{
    return zone->size > offsetof(struct cs_zone, bind_keys) && zone->bind_keys;
}

int db_zone_put(void *conn, const struct cs_zone *zone, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.zone_put);

    if (zone->visible < CS_VISIBLE_REQUIRE || zone->visible > CS_VISIBLE_OFF)
        return cs_fail(err, CS_EINPUT, "visible must be require, warn or off");
    query_text(&q, zone->zone);
    query_text(&q, zone->dns);
    query_int(&q, zone->parallel);
    query_text(&q, zone->challenge_zone);
    query_text(&q, zone->servers);
    query_text(&q, visible_words[zone->visible]);
    query_int(&q, zone->enabled);
    query_text(&q, keys_of(zone));
    query_int(&q, binds_keys(zone));
    return query_run(&q, err);
}

int db_zone_remove(void *conn, const char *zone, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.zone_remove);

    query_text(&q, zone);
    if (query_run(&q, err) < 0)
        return -1;
    if (!query_changed(c))
        return cs_fail(err, CS_ENOTFOUND, "there is no zone %s", zone);
    return 0;
}

static int each(struct query *q, cs_zone_fn *fn, void *arg, struct cs_error *err)
{
    int got;

    while ((got = query_next(q, err)) == 1) {
        struct cs_zone zone = {
            .size = sizeof zone,
            .zone = row_text(q, 0),
            .dns = row_text(q, 1),
            .parallel = row_int(q, 2),
            .challenge_zone = row_text(q, 3),
            .servers = row_text(q, 4),
            .visible = visible_of(row_text(q, 5)),
            .enabled = row_int(q, 6) != 0,
            .keys = row_text(q, 7),
            .bind_keys = row_int(q, 8) != 0,
        };

        if (fn(arg, &zone)) {
            query_end(q);
            return 0;
        }
    }
    return got;
}

int db_zone_list(void *conn, cs_zone_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.zone_list);

    return each(&q, fn, arg, err);
}

int db_zone_find(void *conn, const char *zone, cs_zone_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.zone_find);

    query_text(&q, zone);
    return each(&q, fn, arg, err);
}

/*
 * The dry run of the role `store`: a schema, a row that a transaction keeps, and one that it does not.
 */
#include <string.h>

#include "command/dryrun.h"
#include "records/store.h"

enum { STORE_MS = 20000 };

static int put(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->zone_put(c->conn, arg, err);
}

static int put_and_fail(const struct store_conn *c, void *arg, struct cs_error *err)
{
    if (put(c, arg, err) < 0)
        return -1;
    return cs_fail(err, CS_EDENIED, "on purpose");
}

static int on_zone(void *arg, const struct cs_zone *row)
{
    *(bool *)arg = strcmp(row->zone, "check.example") == 0 && strcmp(row->dns, "check") == 0 && row->parallel == 7;
    return 0;
}

static int find(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->zone_find(c->conn, "check.example", on_zone, arg, err);
}

static int fail(struct dryrun *run, const char *what, const struct cs_error *err)
{
    verdict_fail(run->verdicts, "store", "%s: %s", what, *err->text ? err->text : "an error without a text");
    return 0;
}

int dryrun_store(struct dryrun *run)
{
    struct cs_zone zone = { .size = sizeof zone,
                            .zone = "check.example",
                            .dns = "check",
                            .parallel = 7,
                            .challenge_zone = "",
                            .servers = "",
                            .visible = CS_VISIBLE_OFF,
                            .enabled = true };
    struct cs_error err = { 0 };
    bool found = false;

    verdict_enter(run->verdicts, "store", STORE_MS);
    if (store_migrate(run->instance, true, &err) < 0 || store_migrate(run->instance, false, &err) < 0)
        return fail(run, "migrate", &err);
    if (store_with(run->instance, CS_STATE_WRITER, put_and_fail, &zone, &err) == 0 || err.code != CS_EDENIED)
        return fail(run, "a transaction that is taken back", &err);
    if (store_with(run->instance, CS_STATE_READER, find, &found, &err) < 0)
        return fail(run, "zone_find", &err);
    if (found)
        return fail(run, "rollback", &(struct cs_error){ .text = "a row is there, although its transaction was taken back" });
    if (store_with(run->instance, CS_STATE_WRITER, put, &zone, &err) < 0)
        return fail(run, "zone_put", &err);
    if (store_with(run->instance, CS_STATE_READER, find, &found, &err) < 0 || !found)
        return fail(run, "a row that was put", &err);
    verdict_pass(run->verdicts, "store", "migrated; a row was kept, and one was taken back");
    return 0;
}

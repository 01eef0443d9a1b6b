/*
 * The privacy commands' own work on the store; see privacy_store.h.
 */
#include "command/privacy_store.h"

#include <string.h>

#include "base/day.h"
#include "base/error.h"
#include "engine/log.h"
#include "http/control.h"
#include "http/privacy.h"
#include "records/day_key.h"

/* ---- Without a server ------------------------------------------------------------------------------------------------ */

/* With the state folder's lock in our hands no server starts meanwhile. A server that is to record no visits does not mind; one
 * that runs without them, because they could not be opened, may still have their key. *err: how asking the server ended. */
static int open_alone(struct setup *setup, struct cs_error *err)
{
    const bool runs_without = strcmp(error_reason(err), CONTROL_NO_VISITS) == 0;
    char holder[32];

    if (setup_store(setup, err) < 0)
        return -1;
    if (setup->state_lock >= 0 || !setup->settings.visits.enabled)
        return 0;
    setup_state_holder(setup, holder);
    if (runs_without)
        return cs_fail(err, CS_EBUSY, "the server (process %s) runs without visits, whose database it could not use when it "
                       "started: restart it, then ask again", holder);
    return cs_fail(err, CS_EBUSY, "the server (process %s) is starting or stopping, and does not answer: try again in a moment",
                   holder);
}

/* Is there a key that could still tell whose a pseudonym is? Only a server takes one up. */
static int check_no_key(const struct setup *setup, struct cs_error *err)
{
    char text[DAY_TEXT];
    int64_t day;
    const int found = day_key_find(setup->settings.runtime, &day, err);

    if (found <= 0)
        return found;
    day_text(text, day);
    return cs_fail(err, CS_EBUSY,
                   "the key of %s is still in %s, but no server runs that could use it: start the server and ask again, or "
                   "destroy the key with `countersign privacy forget-keys` once its day is over", text,
                   setup->settings.runtime);
}

static int tell_unattributable(const struct setup *setup, json_t *answer, json_t **out, struct cs_error *err)
{
    if (check_no_key(setup, err) < 0) {
        json_decref(answer);
        return -1;
    }
    *out = answer;
    return *out ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");
}

int privacy_export_here(struct setup *setup, json_t **answer, struct cs_error *err)
{
    if (open_alone(setup, err) < 0)
        return -1;
    return tell_unattributable(setup, json_pack("{s:b, s:[], s:[]}", "attributable", false, "days", "counts"), answer, err);
}

/* ---- erase ----------------------------------------------------------------------------------------------------------- */

struct erasure {
    struct cs_visits_erasure what;
    int64_t n;
    bool scrubbed, published;
};

static int lacks(const char *what, struct cs_error *err)
{
    return cs_fail(err, CS_ECONFIG, "the store of the configuration keeps no visits (it has no %s)", what);
}

static int erase(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct erasure *e = arg;

    return c->ops->visits_erase ? c->ops->visits_erase(c->conn, &e->what, &e->n, err) : lacks("visits_erase", err);
}

static int scrub(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->scrub ? c->ops->scrub(c->conn, arg, err) : lacks("scrub", err);
}

static int publish(const struct store_conn *c, void *arg, struct cs_error *err)
{
    (void)arg;
    return c->ops->publish ? c->ops->publish(c->conn, err) : lacks("publish", err);
}

static int erase_all(struct setup *setup, struct erasure *e, struct cs_error *err)
{
    if (store_with(setup->store, CS_VISITS_WRITER, erase, e, err) < 0 ||
        store_with_alone(setup->store, CS_VISITS_WRITER, scrub, &e->scrubbed, err) < 0)
        return -1;
    e->published = store_with_alone(setup->store, CS_VISITS_READER, publish, NULL, err) == 0;
    if (!e->published)
        log_line(CS_LOG_WARN, "privacy", "", "the analysts' file cannot be written: %s", err->text);
    return 0;
}

int privacy_erase_here(struct setup *setup, const struct privacy_options *o, json_t **answer, struct cs_error *err)
{
    struct erasure e = { .what = { .size = sizeof e.what,
                                   .day = -1,
                                   .zone = o->has_zone ? o->zone : NULL,
                                   .label_name = o->label_name[0] ? o->label_name : NULL,
                                   .label_value = o->has_value ? o->label_value : NULL,
                                   .before_day = o->before ? o->before_day : 0 } };

    if (open_alone(setup, err) < 0)
        return -1;
    if (o->address[0])
        return tell_unattributable(
            setup, json_pack("{s:i, s:b, s:b, s:[]}", "requests", 0, "pending", false, "attributable", false, "days"), answer,
            err);
    if (erase_all(setup, &e, err) < 0)
        return -1;
    *answer = json_pack("{s:I, s:b, s:b}", "requests", (json_int_t)e.n, "pending", !e.scrubbed, "published",
                        e.published);
    return *answer ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");
}

/* ---- spki ------------------------------------------------------------------------------------------------------------ */

struct spki_erasure {
    const uint8_t *spki;
    int64_t n;
};

static int erase_key(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct spki_erasure *e = arg;

    return c->ops->spki_erase ? c->ops->spki_erase(c->conn, e->spki, &e->n, err) : lacks("spki_erase", err);
}

int privacy_erase_spki(struct setup *setup, const uint8_t spki[SPKI_HASH_LEN], json_t **answer, struct cs_error *err)
{
    struct spki_erasure e = { .spki = spki };
    bool scrubbed = false;

    if (setup_store(setup, err) < 0 || store_with(setup->store, CS_STATE_WRITER, erase_key, &e, err) < 0 ||
        store_with_alone(setup->store, CS_STATE_WRITER, scrub, &scrubbed, err) < 0)
        return -1;
    *answer = json_pack("{s:I, s:b}", "rows", (json_int_t)e.n, "pending", !scrubbed);
    return *answer ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");
}

/* ---- days ------------------------------------------------------------------------------------------------------------ */

static int on_day(void *arg, const struct cs_day *day)
{
    json_t *row = json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "day", privacy_day(day->day), "keys", (json_int_t)day->keys,
                            "received", (json_int_t)day->received, "recorded", (json_int_t)day->recorded, "missing",
                            (json_int_t)(day->received - day->recorded), "flags", privacy_flags(day->flags), "key_destroyed",
                            privacy_moment(day->key_destroyed_ms));

    return row && json_array_append_new(arg, row) == 0 ? 0 : 1;
}

static int list_days(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->day_list ? c->ops->day_list(c->conn, on_day, arg, err) : lacks("day_list", err);
}

int privacy_days(struct setup *setup, json_t **days, struct cs_error *err)
{
    *days = json_array();
    if (setup_store(setup, err) == 0 && store_with(setup->store, CS_VISITS_READER, list_days, *days, err) == 0)
        return 0;
    json_decref(*days);
    *days = NULL;
    return -1;
}

/* ---- aside ----------------------------------------------------------------------------------------------------------- */

static int on_aside(void *arg, const struct cs_aside *file)
{
    const int64_t age_ms = cs_wall_ms() - file->written_ms;
    json_t *row = json_pack("{s:s, s:b, s:I, s:o, s:I}", "file", file->path, "visits", file->has_visits, "bytes",
                            (json_int_t)file->bytes, "written", privacy_moment(file->written_ms), "age_days",
                            (json_int_t)(age_ms > 0 ? age_ms / DAY_MS : 0));

    return row && json_array_append_new(arg, row) == 0 ? 0 : 1;
}

int privacy_aside(const struct setup *setup, json_t **files, struct cs_error *err)
{
    const struct instance *store = setup->store;

    *files = json_array();
    if (!store->plugin.store.list_aside || store->plugin.store.list_aside(store->self, on_aside, *files, err) == 0)
        return 0;
    json_decref(*files);
    *files = NULL;
    return -1;
}

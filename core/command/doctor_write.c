/*
 * Can a value be set? A random one, through the zone's DNS plugin, at the place where a challenge for the zone's own name would
 * go; then a look at all name servers, then away with it. Values of others at that name stay. Called by doctor_zone.c, with
 * --write only.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64url.h"
#include "command/doctor_dns.h"
#include "request/owner.h"
#include "request/visible.h"

enum { CALL_MS = 8000, VISIBLE_MS = 8000, LATE_MS = 2000, EXPIRES_MS = 600 * 1000, VALUE = 43 };

struct ended {
    bool ended;
    struct cs_error err; /* code CS_OK: it worked */
};

static void on_set(void *arg, const struct op_result *result)
{
    struct ended *ended = arg;

    if (result->late)
        return;
    ended->err = result->err ? *result->err : (struct cs_error){ 0 };
    ended->ended = true;
}

static void on_visible(void *arg, const struct cs_error *err)
{
    struct ended *ended = arg;

    ended->err = err ? *err : (struct cs_error){ 0 };
    ended->ended = true;
}

static void wait_for(struct doctor *d, const struct ended *ended)
{
    while (!ended->ended)
        loop_run_once(d->setup.loop, 100);
}

struct place {
    struct instance *instance;
    const struct doctor_zone *zone; /* that the owner lies in */
    char zone_name[NAME_MAX_LEN + 2], owner[1024], value[VALUE + 1];
};

/* At least two seconds, so that what was set can be taken away when all time is over. */
static int64_t until(const struct doctor *d, int64_t ms)
{
    const int64_t left_ms = doctor_left_ms(d);

    return cs_now_ms() + (left_ms < ms ? (left_ms < LATE_MS ? LATE_MS : left_ms) : ms);
}

static int set(struct doctor *d, const struct place *place, bool gone, struct cs_error *err)
{
    const char *const values[] = { place->value };
    const struct cs_txt_change change = { .size = sizeof change, .zone = place->zone_name, .owner = place->owner,
                                          .want = values, .n_want = !gone, .gone = values, .n_gone = gone, .ttl = OWNER_TTL_S,
                                          .expires_ms = cs_wall_ms() + EXPIRES_MS };
    struct ended ended = { 0 };

    instance_set_txt(place->instance, &change, "", until(d, CALL_MS), on_set, &ended);
    wait_for(d, &ended);
    *err = ended.err;
    return err->code == CS_OK ? 0 : -1;
}

static int see(struct doctor *d, const struct place *place, struct cs_error *err)
{
    const struct settings *settings = &d->setup.settings;
    struct visible *visible =
        visible_new(d->setup.loop, (const char *const *)settings->resolvers, settings->n_resolvers, err);
    const struct visible_want want = { .owner = place->owner, .zone = place->zone_name, .value = place->value,
                                       .servers = place->zone->servers, .deadline_ms = until(d, VISIBLE_MS) };
    struct ended ended = { 0 };

    if (!visible)
        return -1;
    if (!visible_wait(visible, &want, on_visible, &ended))
        cs_fail(&ended.err, CS_EBUSY, "no memory");
    else
        wait_for(d, &ended);
    visible_free(visible);
    *err = ended.err;
    return err->code == CS_OK ? 0 : -1;
}

static const char *advice(const struct cs_error *err)
{
    if (err->code == CS_EREFUSED || err->code == CS_EDENIED || err->code == CS_ECONFIG)
        return "mend the key and the rights of its block of the configuration, or those at the DNS server";
    if (err->code == CS_EUPSTREAM || err->code == CS_ETIMEDOUT)
        return "see that the DNS server runs and that this host reaches it";
    return "see what the DNS server says in its log";
}

static void try_it(struct doctor *d, const struct place *place)
{
    struct cs_error err = { 0 }, after = { 0 };
    const int64_t began_ms = cs_now_ms();
    int rc = set(d, place, false, &err);

    if (rc < 0)
        doctor_fail(d, place->zone->zone, "a value could not be set at %s: %s\n%s", place->owner, err.text, advice(&err));
    else if (see(d, place, &err) < 0 && (rc = -1))
        doctor_fail(d, place->zone->zone, "a value was set at %s, but %s\nsee why its name servers do not have it: zone "
                    "transfers, or "
                    "another server than the one that was written to", place->owner, err.text);
    if (set(d, place, true, &after) < 0 && rc == 0)
        doctor_fail(d, place->zone->zone, "a value was set at %s and seen, but not taken away: %s\ntake the TXT value %s away "
                    "yourself; %s", place->owner, after.text, place->value, advice(&after));
    else if (rc == 0)
        doctor_ok(d, place->zone->zone, "a value was set at %s, seen at all name servers, and taken away, %d ms", place->owner,
                  (int)(cs_now_ms() - began_ms));
}

static int open_instance(struct doctor *d, struct instance *instance, struct cs_error *err)
{
    instance->in.keep = d->keep;
    if (instance_open(instance, err) < 0)
        return -1;
    if (instance->started || !instance->plugin.about.start)
        return 0;
    if (instance->plugin.about.start(instance->self, err) < 0)
        return -1;
    instance->started = true;
    return 0;
}

void doctor_write(struct doctor *d, const struct doctor_zone *zone, bool own)
{
    struct place place = { .zone = zone };
    struct cs_error err = { 0 };
    char owner[NAME_MAX_LEN + 20], said[64];
    uint8_t random[32];

    d->check = "write";
    if (own) {
        doctor_ok(d, zone->zone, "dns.%s answers by itself: nothing has to be written anywhere", zone->dns);
        return;
    }
    snprintf(owner, sizeof owner, "_acme-challenge.%s.", zone->zone);
    if (!zone->in_table || !doctor_follow(d, zone, owner, place.owner, said) || getrandom(random, 32, 0) != 32)
        return; /* other checks have said why */
    place.zone = doctor_zone_of(d, place.owner);
    place.instance = place.zone ? instances_find(d->setup.instances, ROLE_DNS, place.zone->dns) : NULL;
    if (!place.instance || !place.instance->options || place.instance->plugin.dns.caught_up)
        return;
    snprintf(place.zone_name, sizeof place.zone_name, "%s.", place.zone->zone);
    base64url_encode(place.value, random, sizeof random);
    if (open_instance(d, place.instance, &err) < 0)
        doctor_fail(d, zone->zone, "%s\nmend its block of the configuration", err.text);
    else
        try_it(d, &place);
}

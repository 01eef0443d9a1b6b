/*
 * What is right and wrong with a chain of CNAME records, in words for an operator; see place_rules.h. Pure.
 */
#include "request/place_rules.h"

#include <stdio.h>
#include <string.h>

enum { CHAIN_MOST = 220 /* bytes of the chain in an error's text */ };

/* "a. CNAME b. CNAME c." */
static void write_chain(const struct challenge_place *p, struct text *text)
{
    for (size_t i = 0; i < p->n; i++)
        text_addf(text, "%s%s", i ? " CNAME " : "", p->links[i].name);
    if (!text_failed(text))
        return;
    text_clear(text);
    text_addf(text, "%.100s CNAME … CNAME %.100s", p->links[0].name, p->links[p->n - 1].name);
}

const char *place_rules_zone(const struct challenge_place *p)
{
    return p->job->row->challenge_zone;
}

bool place_rules_in(const char *absolute, const char *zone)
{
    char name[NAME_MAX_LEN + 2];

    snprintf(name, sizeof name, "%.*s", (int)strlen(absolute) - 1, absolute);
    return name_in_zone(name, zone);
}

/* Is the last name outside of the zone that the challenges must go to? */
static bool is_outside(const struct challenge_place *p)
{
    return place_rules_zone(p)[0] && !place_rules_in(p->links[p->n - 1].name, place_rules_zone(p));
}

static bool was_met(const struct challenge_place *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->links[i].name, name) == 0)
            return true;
    return false;
}

int place_rules_target(const struct challenge_place *p, const char *target, struct cs_error *err)
{
    struct text chain = TEXT_MAX(CHAIN_MOST);
    char checked[NAME_MAX_LEN + 1];
    int rc = -1;

    write_chain(p, &chain);
    if (name_check(checked, target, strlen(target) - 1, NAME_UNDERSCORE | NAME_ONE_LABEL, err) < 0)
        cs_fail_as(err, CS_EREFUSED, "cname-chain", "%s is a CNAME to something that no challenge can be at", text_of(&chain));
    else if (was_met(p, target))
        cs_fail_as(err, CS_EREFUSED, "cname-chain", "the CNAME records of the challenge lead in a circle: %s CNAME %.200s",
                   text_of(&chain), target);
    else if (p->n > PLACE_ALIASES)
        cs_fail_as(err, CS_EREFUSED, "cname-chain", "more than %d CNAME records in a row: %s CNAME …", PLACE_ALIASES,
                   text_of(&chain));
    else
        rc = 0;
    text_free(&chain);
    return rc;
}

static int refuse_missing(const struct challenge_place *p, struct cs_error *err)
{
    return cs_fail_as(err, CS_EREFUSED, "cname-missing",
                      "the challenges of zone %s go to %s (challenge_zone), but no CNAME record leads there; create it: "
                      "%s CNAME %s.%s.",
                      p->job->row->zone, place_rules_zone(p), p->links[0].name, p->name, place_rules_zone(p));
}

int place_rules_end(const struct challenge_place *p, struct cs_error *err)
{
    const struct place_link *end = &p->links[p->n - 1];
    struct text chain = TEXT_MAX(CHAIN_MOST);
    int rc = -1;

    if (is_outside(p) && p->n == 1)
        return refuse_missing(p, err);
    write_chain(p, &chain);
    if (is_outside(p))
        cs_fail_as(err, CS_EREFUSED, "cname-target",
                   "%s: this leads out of %.100s, where the row of zone %.100s says that its challenges go (challenge_zone): "
                   "change the record, or the row",
                   text_of(&chain), place_rules_zone(p), p->job->row->zone);
    else if (!end->zone[0])
        cs_fail_as(err, CS_EREFUSED, "cname-target",
                   "%s: the last name lies in no zone of the table: add its zone with `countersign zone add`, or change the "
                   "record",
                   text_of(&chain));
    else if (end->row && !end->row->enabled)
        cs_fail_as(err, CS_EREFUSED, "cname-target", "%s: the row of zone %.200s is disabled: enable it, or change the record",
                   text_of(&chain), end->row->zone);
    else
        rc = 0;
    text_free(&chain);
    return rc;
}

int place_rules_unknown(const struct challenge_place *p, const char *said, struct cs_error *err)
{
    if (!is_outside(p))
        return 0;
    return cs_fail(err, CS_EUPSTREAM,
                   "the challenges of zone %.100s go to %.100s (challenge_zone), and no server says where the CNAME at %.200s "
                   "leads: %s",
                   p->job->row->zone, place_rules_zone(p), p->links[p->n - 1].name, said);
}

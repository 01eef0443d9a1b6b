/*
 * Where the challenges of a zone's names go: CNAME records at _acme-challenge, followed as request/challenge_place.c follows
 * them. Called by doctor_zone.c.
 */
#include <stdio.h>
#include <string.h>

#include "command/doctor_dns.h"
#include "request/alias.h"

enum { HOPS_MOST = 8, ANSWER_MS = 3000 };

struct asked {
    bool answered;
    struct alias_reply reply;
};

static void on_reply(void *arg, const struct alias_reply *reply)
{
    struct asked *asked = arg;

    asked->reply = *reply;
    asked->answered = true;
}

/* One hop; `zone` NULL: nobody of the table knows the name's zone. */
static void ask(struct doctor *d, const struct doctor_zone *zone, const char *name, struct asked *asked)
{
    const int64_t ms = doctor_left_ms(d) < ANSWER_MS ? doctor_left_ms(d) : ANSWER_MS;
    char absolute[NAME_MAX_LEN + 2];
    const struct alias_want want = { .name = name, .zone = zone ? absolute : name, .servers = zone ? zone->servers : "",
                                     .deadline_ms = cs_now_ms() + ms };

    *asked = (struct asked){ .reply.kind = ALIAS_UNKNOWN };
    if (zone)
        snprintf(absolute, sizeof absolute, "%.253s.", zone->zone);
    if (!alias_find(d->setup.loop, d->name_servers, &want, on_reply, asked))
        return;
    while (!asked->answered)
        loop_run_once(d->setup.loop, 100);
}

bool doctor_follow(struct doctor *d, const struct doctor_zone *zone, const char *name, char end[1024], char said[64])
{
    struct asked asked;

    snprintf(end, 1024, "%s", name);
    for (int hops = 0; hops < HOPS_MOST; hops++) {
        ask(d, hops ? doctor_zone_of(d, end) : zone, end, &asked);
        snprintf(said, 64, "%.60s", asked.reply.said);
        if (asked.reply.kind == ALIAS_NONE)
            return true;
        if (asked.reply.kind != ALIAS_TO)
            return false;
        snprintf(end, 1024, "%s", asked.reply.target);
    }
    snprintf(said, 64, "more than %d aliases, one after the other", HOPS_MOST);
    return false;
}

/* What stands against the place where a name's challenge goes. True: nothing. */
static bool judge_end(struct doctor *d, const struct doctor_zone *zone, const char *name, const char *end)
{
    const struct doctor_zone *there = doctor_zone_of(d, end);
    const char *wanted = zone->challenge_zone[0] ? zone->challenge_zone : NULL;
    char bare[1024];

    snprintf(bare, sizeof bare, "%.*s", (int)(strlen(end) - (end[strlen(end) - 1] == '.')), end);
    if (wanted && !name_in_zone(bare, wanted))
        doctor_fail(d, zone->zone, "challenges must go to zone %s, but %s ends at %s\nadd `%s CNAME "
                    "%.*s.%s.`", wanted, name, end,
                    name, (int)(strlen(name) - 1), name, wanted);
    else if (strcmp(name, end) != 0 && !there)
        doctor_fail(d, zone->zone, "%s is an alias that leads to %s, which lies in no zone of the table\n`countersign zone "
                    "add` the "
                    "zone of that name, or take the CNAME record away", name, end);
    else
        return true;
    return false;
}

void doctor_aliases(struct doctor *d, const struct doctor_zone *zone)
{
    struct doctor_name names[DOCTOR_NAMES_MOST];
    const size_t n = doctor_names(d, zone, names);
    size_t aliases = 0, bad = 0, looked = 0;
    char owner[NAME_MAX_LEN + 20], end[1024], said[64] = "";
    bool known = true;

    d->check = "alias";
    if (!d->name_servers || !zone->in_table)
        return;
    for (size_t i = 0; i < n && known && doctor_left_ms(d) > 0; i++) {
        snprintf(owner, sizeof owner, "_acme-challenge.%.253s.", names[i].name);
        known = doctor_follow(d, zone, owner, end, said) || (strcmp(owner, end) != 0 && !doctor_zone_of(d, end));
        looked++;
        bad += known && !judge_end(d, zone, owner, end);
        aliases += known && strcmp(owner, end) != 0;
    }
    if (!known)
        doctor_fail(d, zone->zone, "whether %s is an alias cannot be told: at %s it ends with %s\nmend the name servers of "
                    "that "
                    "name", owner, end, said);
    else if (!bad && looked == n && !aliases)
        doctor_ok(d, zone->zone, "no alias at _acme-challenge of its names (%zu)", n);
    else if (!bad && looked == n)
        doctor_ok(d, zone->zone, "%zu of %zu names have an alias at _acme-challenge, each leads to a zone of the "
                  "table", aliases, n);
}

/*
 * set_txt, step by step; see change.h.
 */
#include "change.h"

#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "update.h"
#include "zone_cut.h"

enum { OPCODE_QUERY = 0, NOTAUTH = 9, NOTZONE = 10 };

struct change {
    struct changes *all;
    const struct cs_txt_change *change;
    struct cs_op *op;
    struct exchange *exchange;
    uint8_t owner[DNS_NAME_MOST]; /* lower case */
    size_t owner_len;
    size_t asked_at; /* the zone of this end of the owner is asked for */
    uint8_t zone[DNS_NAME_MOST];
    size_t zone_len;
    char zone_text[1024];
    bool remembered; /* the zone comes from the cache: perhaps it has changed */
};

static void send_update(struct change *c);

static struct wire_name owner_of(const struct change *c)
{
    return (struct wire_name){ c->owner, c->owner_len };
}

static struct wire_name asked_of(const struct change *c)
{
    return (struct wire_name){ c->owner + c->asked_at, c->owner_len - c->asked_at };
}

/* ---- The end ------------------------------------------------------------------------------------------------------- */

static void finish(struct change *c, const struct cs_error *err)
{
    struct cs_op *op = c->op;

    free(c);
    if (err)
        cs_op_err(op, err);
    else
        cs_op_ok(op);
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct change *c = arg;
    struct cs_error err = { 0 };

    exchange_cancel(c->exchange, &err);
    err.code = why == CS_SHUTDOWN ? CS_ESHUTDOWN : CS_ETIMEDOUT;
    cs_fail_in(&err, why == CS_SHUTDOWN ? "the server is stopping" : "no time left");
    finish(c, &err);
}

/* ---- The zone ------------------------------------------------------------------------------------------------------ */

static void on_zone(void *arg, const struct exchange_result *result);

static void ask_zone(struct change *c)
{
    struct exchange_ask ask = { .opcode = OPCODE_QUERY,
                                .message = malloc(ZONE_CUT_QUESTION_MOST),
                                .question = asked_of(c),
                                .owner = c->change->owner,
                                .fn = on_zone,
                                .arg = c };
    struct cs_error err = { 0 };

    if (!ask.message) {
        cs_fail(&err, CS_EBUSY, "no memory");
        finish(c, &err);
        return;
    }
    ask.len = zone_cut_question(ask.message, ask.question);
    exchange_start(&c->all->exchanges, &ask, &c->exchange);
}

/* What is a CNAME, or below a DNAME, is not the top of a zone: so its zone is that of the name above. */
static void ask_above(struct change *c)
{
    struct cs_error err = { 0 };

    c->asked_at += (size_t)c->owner[c->asked_at] + 1;
    if (c->asked_at + 1 < c->owner_len) {
        ask_zone(c);
        return;
    }
    cs_fail(&err, CS_EUPSTREAM, "the zone of %.200s cannot be found, everything up to the root is an alias: set `zone`",
            c->change->owner);
    finish(c, &err);
}

static void on_zone(void *arg, const struct exchange_result *result)
{
    struct change *c = arg;
    struct cs_error err = { 0 };

    if (result->err) {
        finish(c, result->err);
        return;
    }
    switch (zone_cut_read(c->zone, &c->zone_len, result->packet, result->len, asked_of(c), &err)) {
    case ZONE_CUT_FOUND:
        zone_cache_put(&c->all->cache, owner_of(c), (struct wire_name){ c->zone, c->zone_len }, cs_now_ms());
        send_update(c);
        break;
    case ZONE_CUT_ALIAS:
        ask_above(c);
        break;
    case ZONE_CUT_FAILED:
        cs_fail_in(&err, "%s", result->server);
        finish(c, &err);
        break;
    }
}

static void find_zone(struct change *c)
{
    struct changes *all = c->all;
    struct cs_error err = { 0 };

    if (all->zone_len == 0) {
        c->remembered = zone_cache_find(&all->cache, owner_of(c), cs_now_ms(), c->zone, &c->zone_len);
        if (c->remembered)
            send_update(c);
        else
            ask_zone(c);
        return;
    }
    memcpy(c->zone, all->zone, all->zone_len);
    c->zone_len = all->zone_len;
    if (dns_reader_lies_in(c->owner, c->owner_len, c->zone, c->zone_len)) {
        send_update(c);
        return;
    }
    dns_name_from_wire(c->zone_text, c->zone, c->zone_len);
    cs_fail(&err, CS_ECONFIG, "%.200s does not lie in %.200s, the `zone` of this DNS instance: correct that, or leave it out",
            c->change->owner, c->zone_text);
    finish(c, &err);
}

/* ---- The update ---------------------------------------------------------------------------------------------------- */

static void on_updated(void *arg, const struct exchange_result *result)
{
    struct change *c = arg;

    if (result->err && c->remembered && (result->rcode == NOTAUTH || result->rcode == NOTZONE)) {
        c->remembered = false;
        zone_cache_forget(&c->all->cache, owner_of(c));
        ask_zone(c);
        return;
    }
    finish(c, result->err);
}

static void send_update(struct change *c)
{
    const struct wire_name zone = { c->zone, c->zone_len };
    struct exchange_ask ask = {
        .opcode = UPDATE_OPCODE, .question = zone, .owner = c->change->owner, .zone = c->zone_text, .fn = on_updated, .arg = c
    };
    struct cs_error err = { 0 };

    dns_name_from_wire(c->zone_text, c->zone, c->zone_len);
    if (update_build(&ask.message, &ask.len, zone, owner_of(c), c->change, &err) < 0) {
        finish(c, &err);
        return;
    }
    exchange_start(&c->all->exchanges, &ask, &c->exchange);
}

/* ---- The beginning ------------------------------------------------------------------------------------------------- */

void change_start(struct changes *all, const struct cs_txt_change *change, struct cs_op *op)
{
    struct change *c = calloc(1, sizeof *c);
    struct cs_error err = { 0 };
    int len;

    if (!c) {
        cs_fail(&err, CS_EBUSY, "no memory");
        cs_op_err(op, &err);
        return;
    }
    *c = (struct change){ .all = all, .change = change, .op = op };
    len = dns_name_to_wire(c->owner, change->owner);
    if (len < 0) {
        cs_fail(&err, CS_EINPUT, "\"%.260s\" is not a DNS name", change->owner);
        finish(c, &err);
        return;
    }
    for (int i = 0; i < len; i++)
        c->owner[i] = dns_reader_lower(c->owner[i]);
    c->owner_len = (size_t)len;
    if (change->n_want + change->n_gone == 0) {
        finish(c, NULL);
        return;
    }
    cs_op_on_cancel(op, on_cancel, c);
    find_zone(c);
}

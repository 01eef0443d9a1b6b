/*
 * From one server to the next until one has answered; see exchange.h.
 */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "attempt.h"

struct exchange {
    struct exchanges *all;
    struct exchange *next, *before; /* among those that wait for their turn */
    struct exchange **handle;
    struct exchange_ask ask;
    struct attempt attempt;
    bool under_way;
    uint8_t order[SERVERS_MOST];
    size_t turn; /* in `order` */
    int64_t until_ms;
    uint8_t *out; /* length, message, TSIG */
    uint16_t id;
    struct tsig_mac mac;
    unsigned rcode;
    struct cs_error failed; /* what the servers so far have said or not said */
};

static void server_begin(struct exchange *e);

/* ---- The line of those that wait ----------------------------------------------------------------------------------- */

static void enter_line(struct exchange *e)
{
    struct exchanges *all = e->all;

    e->before = all->waiting_last;
    if (e->before)
        e->before->next = e;
    else
        all->waiting_first = e;
    all->waiting_last = e;
}

static void leave_line(struct exchange *e)
{
    struct exchanges *all = e->all;

    *(e->before ? &e->before->next : &all->waiting_first) = e->next;
    *(e->next ? &e->next->before : &all->waiting_last) = e->before;
    e->next = e->before = NULL;
}

static struct exchange *take_first(struct exchanges *all)
{
    struct exchange *e = all->waiting_first;

    all->waiting_first = e->next;
    *(e->next ? &e->next->before : &all->waiting_last) = NULL;
    e->next = NULL;
    return e;
}

/* One that fails at once comes back here from inside: it must not go deeper for each. */
static void pump(struct exchanges *all)
{
    if (all->pumping)
        return;
    all->pumping = true;
    while (all->waiting_first && all->under_way < EXCHANGES_AT_ONCE) {
        struct exchange *e = take_first(all);

        e->under_way = true;
        all->under_way++;
        servers_order(&all->servers, cs_now_ms(), e->order);
        server_begin(e);
    }
    all->pumping = false;
}

static void release(struct exchange *e)
{
    attempt_end(&e->attempt);
    free(e->ask.message);
    free(e->out);
    free(e);
}

/* It is under way. */
static void finish(struct exchange *e, const struct exchange_result *result)
{
    struct exchanges *all = e->all;

    *e->handle = NULL;
    e->ask.fn(e->ask.arg, result);
    release(e);
    all->under_way--;
    pump(all);
}

static const struct server *server_of(const struct exchange *e)
{
    return &e->all->servers.v[e->order[e->turn]];
}

static void finish_failed(struct exchange *e, const struct cs_error *err)
{
    finish(e, &(struct exchange_result){ .err = err, .rcode = e->rcode });
}

/* ---- One server after the other ------------------------------------------------------------------------------------ */

static bool may_work_later(enum cs_code code)
{
    return code == CS_EUPSTREAM || code == CS_ETIMEDOUT || code == CS_EINTERNAL;
}

/* Joins the sentences; as long as one of the servers may come back the whole may work later. */
static void note_failure(struct exchange *e, const struct cs_error *err)
{
    const size_t len = strlen(e->failed.text);

    if (e->failed.code == CS_OK || (may_work_later(err->code) && !may_work_later(e->failed.code)))
        e->failed.code = err->code;
    snprintf(e->failed.text + len, sizeof e->failed.text - len, "%s%s", len ? "; " : "", err->text);
}

static void server_failed(struct exchange *e, const struct cs_error *err)
{
    struct exchanges *all = e->all;

    note_failure(e, err);
    servers_failed(&all->servers, e->order[e->turn], cs_now_ms());
    if (e->turn + 1 == all->servers.n) {
        finish_failed(e, &e->failed);
        return;
    }
    cs_log(all->in, CS_LOG_WARN, "a DNS server failed, asking the next one: %s", err->text);
    e->turn++;
    server_begin(e);
}

/* ---- One transport after the other --------------------------------------------------------------------------------- */

static bool is_signed(const struct exchange *e)
{
    return e->all->key.algorithm != NULL;
}

static uint64_t now_s(void)
{
    return (uint64_t)(cs_wall_ms() / 1000);
}

static int prepare(struct exchange *e, size_t *len, struct cs_error *err)
{
    uint8_t *message = e->out + 2;

    if (getrandom(&e->id, sizeof e->id, 0) != sizeof e->id)
        return cs_fail(err, CS_EINTERNAL, "no random numbers");
    memcpy(message, e->ask.message, e->ask.len);
    message[0] = (uint8_t)(e->id >> 8);
    message[1] = (uint8_t)e->id;
    *len = e->ask.len;
    if (is_signed(e) && tsig_sign(&e->all->key, now_s(), e->all->fudge_s, message, len, &e->mac, err) < 0)
        return -1;
    e->out[0] = (uint8_t)(*len >> 8);
    e->out[1] = (uint8_t)*len;
    return 0;
}

static attempt_take_fn on_packet;
static attempt_over_fn on_over;

static void transport_begin(struct exchange *e, bool tcp)
{
    const int64_t patience_ms = e->all->server_ms / (ATTEMPT_SENDS + 1);
    struct cs_error err = { 0 };
    size_t len = 0;

    if (prepare(e, &len, &err) < 0) {
        finish_failed(e, &err);
        return;
    }
    e->attempt = (struct attempt){ .in = e->all->in,
                                   .server = server_of(e),
                                   .tcp = tcp || len > EXCHANGE_UDP_MOST,
                                   .out = e->out,
                                   .out_len = 2 + len,
                                   .until_ms = e->until_ms,
                                   .patience_ms = patience_ms > EXCHANGE_PATIENCE_MS ? patience_ms : EXCHANGE_PATIENCE_MS,
                                   .take = on_packet,
                                   .over = on_over,
                                   .arg = e };
    attempt_start(&e->attempt);
}

static void server_begin(struct exchange *e)
{
    e->until_ms = cs_now_ms() + e->all->server_ms;
    transport_begin(e, e->all->tcp_always);
}

static void on_over(void *arg)
{
    struct exchange *e = arg;
    struct cs_error err = e->attempt.err;

    if (!e->attempt.tcp && cs_now_ms() < e->until_ms) {
        transport_begin(e, true);
        return;
    }
    if (err.code == CS_ETIMEDOUT)
        cs_fail(&err, CS_ETIMEDOUT, "no answer within %.3g s: is it running, and does no firewall stop UDP and TCP?",
                (double)e->all->server_ms / 1000);
    cs_fail_in(&err, "%s", server_of(e)->text);
    server_failed(e, &err);
}

/* ---- Answers ------------------------------------------------------------------------------------------------------- */

static void take_refusal(struct exchange *e, const struct reply *reply)
{
    const struct advice_about about = { .server = server_of(e)->text,
                                        .owner = e->ask.owner,
                                        .zone = e->ask.zone,
                                        .key_name = is_signed(e) ? e->all->key_name : NULL,
                                        .algorithm = is_signed(e) ? tsig_key_algorithm(&e->all->key) : NULL,
                                        .now_s = now_s() };
    struct cs_error err = { 0 };

    e->rcode = reply->rcode;
    advice_fail(&about, reply, &err);
    attempt_end(&e->attempt);
    if (advice_tries_next(reply, e->ask.zone != NULL)) {
        server_failed(e, &err);
        return;
    }
    note_failure(e, &err);
    e->failed.code = err.code;
    finish_failed(e, &e->failed);
}

static bool on_packet(void *arg, const uint8_t *packet, size_t len, struct cs_error *err)
{
    struct exchange *e = arg;
    const struct reply_expected expected = { .id = e->id,
                                             .opcode = e->ask.opcode,
                                             .question = e->ask.question,
                                             .key = is_signed(e) ? &e->all->key : NULL,
                                             .mac = &e->mac,
                                             .now_s = now_s(),
                                             .fudge_s = e->all->fudge_s };
    struct reply reply;

    if (reply_read(&reply, &expected, packet, len, err) < 0)
        return false;
    if (reply.truncated && e->attempt.tcp) {
        cs_fail(err, CS_EUPSTREAM, "TCP: a truncated answer");
        return false;
    }
    if (reply.truncated) {
        attempt_end(&e->attempt);
        transport_begin(e, true);
    } else if (reply.vouched && reply_succeeded(&reply, e->ask.opcode)) {
        servers_worked(&e->all->servers, e->order[e->turn]);
        finish(e,
               &(struct exchange_result){ .rcode = reply.rcode, .server = server_of(e)->text, .packet = packet, .len = len });
    } else {
        take_refusal(e, &reply);
    }
    return true;
}

/* ---- Beginning, and being cut short -------------------------------------------------------------------------------- */

void exchange_start(struct exchanges *all, const struct exchange_ask *ask, struct exchange **handle)
{
    struct exchange *e = calloc(1, sizeof *e);
    uint8_t *out = e ? malloc(2 + ask->len + TSIG_ROOM) : NULL;
    struct cs_error err = { 0 };

    *handle = NULL;
    if (!out) {
        free(e);
        free(ask->message);
        cs_fail(&err, CS_EBUSY, "no memory");
        ask->fn(ask->arg, &(struct exchange_result){ .err = &err });
        return;
    }
    *e = (struct exchange){ .all = all, .handle = handle, .ask = *ask, .out = out };
    *handle = e;
    enter_line(e);
    pump(all);
}

void exchange_cancel(struct exchange *e, struct cs_error *err)
{
    struct exchanges *all;

    if (!e)
        return;
    all = e->all;
    if (!e->under_way)
        cs_fail(err, CS_EBUSY, "it still waited for its turn, behind %zu others", all->under_way);
    else if (e->failed.text[0])
        *err = e->failed;
    else
        cs_fail(err, CS_ETIMEDOUT, "no answer from %s yet", server_of(e)->text);
    *e->handle = NULL;
    if (e->under_way)
        all->under_way--;
    else
        leave_line(e);
    release(e);
    pump(all);
}

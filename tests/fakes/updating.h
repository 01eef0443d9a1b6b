/*
 * dns-rfc2136 on the core's own loop, and the primary of one zone that does to it what a test says; for tests of the whole
 * plugin. Needs cmocka.h before it.
 */
#ifndef FAKES_UPDATING_H
#define FAKES_UPDATING_H

#include <countersign/dns.h>

#include "dns_server.h"
#include "tsig_maker.h"

enum { UPDATING_ZONE_SOA = 6, UPDATING_SEEN = 64 };
#define UPDATING_OWNER  "_acme-challenge.www.lab.example."
#define UPDATING_KEY    "key.example."
#define UPDATING_BYTES  "0123456789abcdef0123456789abcdef"
#define UPDATING_BASE64 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

struct updating_request { /* as a server saw it */
    bool tcp, update, is_signed;
    unsigned id;
    uint16_t port;
    size_t len;
    uint8_t at[4096];
    uint64_t time_s;
    uint8_t mac[64];
    size_t mac_len;
};

struct updating_server;
/* What to say to an update (or, in answer_soa, to the question for a SOA). `reply` is a good, unsigned NOERROR without records:
 * change it, then updating_sign() it. Its len 0: say nothing. */
typedef void updating_answer_fn(struct updating_server *server, const struct fake_question *question, struct message *reply);

struct updating_server {
    struct fake_server fake;
    updating_answer_fn *answer, *answer_soa; /* NULL: a good one */
    struct updating_request seen[UPDATING_SEEN]; /* a ring */
    size_t n, updates, questions;
};

const struct updating_request *updating_last(const struct updating_server *server);
/* The answer to the request seen last, signed as it should be; the caller may change it before updating_sign_as(). */
struct tsig_maker updating_maker(const struct updating_server *server);
void updating_sign(const struct updating_server *server, struct message *reply);
void updating_sign_as(struct message *reply, const struct tsig_maker *maker);
/* An SOA record of `zone` in the authority section. */
void updating_put_soa(struct message *reply, const char *zone);
void updating_set_rcode(struct message *reply, unsigned rcode);
/* Send it at once, before what the answer function returns. */
void updating_send(const struct updating_server *server, uint16_t port, const struct message *reply);

struct updating_op {
    struct cs_op *op;
    bool over;
    struct cs_error err;      /* code 0: it worked */
    struct cs_error late_err; /* what the plugin said after the call was cancelled */
    const char *want[100], *gone[4];
    struct cs_txt_change change;
};

struct updating {
    struct loop *loop;
    struct updating_server servers[3];
    size_t n;
    void *settings, *self;
};

/* `n` servers; settings with the fallbacks, the servers and the key. Change them, then open. */
void updating_up(struct updating *u, size_t n);
void updating_set(struct updating *u, const char *setting, const char *value);
void updating_set_servers(struct updating *u, const char *const *addresses, size_t n);
void updating_set_ms(struct updating *u, const char *setting, int64_t ms);
void updating_open(struct updating *u);
void updating_down(struct updating *u);

/* Set (want) or take away (gone) one value; NULL: neither. */
void updating_begin(struct updating *u, struct updating_op *op, const char *owner, const char *want, const char *gone);
void updating_call(struct updating *u, struct updating_op *op); /* with op->change as filled */
/* Until it is over; the clock stands still. */
void updating_finish(struct updating *u, struct updating_op *op);
/* The same, but the clock runs while nothing happens. */
void updating_hurry(struct updating *u, struct updating_op *op);
void updating_pass(struct updating *u, int64_t ms); /* time passes, and what is due happens */
void updating_settle(struct updating *u);
void updating_until(struct updating *u, const size_t *counter, size_t n);

/* One change with all that belongs to it. */
void updating_do(struct updating *u, struct updating_op *op);
/* It failed with this code, and its text has these words. */
void updating_expect(const struct updating_op *op, enum cs_code code, const char *words);
void updating_expect_late(const struct updating_op *op, enum cs_code code, const char *words);

#endif

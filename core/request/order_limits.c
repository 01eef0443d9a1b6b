/*
 * Counts orders against their limits; see order_limits.h.
 */
#include "request/order_limits.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/base64url.h"

#define HOUR_MS  (3600 * INT64_C(1000))
#define DAY_MS   (24 * HOUR_MS)
#define WEEK_MS  (7 * DAY_MS)
#define AHEAD_MS HOUR_MS /* what is stamped later was stamped by a clock that was wrong */

static const char *const reasons[] = { [CS_ORDERS_OF_SUBJECT] = "too-many-orders-subject",
                                       [CS_ORDERS_OF_CLIENT] = "too-many-orders-client",
                                       [CS_ORDERS_OF_ZONE] = "too-many-orders-zone" };

static bool can_count(const struct store_conn *c)
{
    return c->ops->order_count && c->ops->order_uncount && c->ops->order_nth && c->ops->certificate_of_names;
}

static bool limits_any(const struct order_limits *limits)
{
    for (int scope = 0; scope < CS_ORDER_SCOPES; scope++)
        if (limits->day[scope] || limits->week[scope])
            return true;
    return false;
}

static struct cs_counted_order order_of(const struct cs_job *row)
{
    struct cs_counted_order order = { .size = sizeof order, .job = row->id, .at_ms = row->created_ms };

    order.name[CS_ORDERS_OF_SUBJECT] = row->subject;
    order.name[CS_ORDERS_OF_CLIENT] = row->client && *row->client ? row->client : NULL;
    order.name[CS_ORDERS_OF_ZONE] = row->zone;
    return order;
}

/* ---- Is it a renewal that is due, and the first one? ---- */

/* That a set of names was let past is noted like an order, of a subject that no row can be: a subject has a `=`. */
#define PASS "renewal "

struct pass {
    char name[sizeof PASS + 64];
    struct cs_counted_order order; /* of that name */
};

static int make_pass(struct pass *out, const struct cs_job *row, struct cs_error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                      EVP_DigestUpdate(md, row->zone, strlen(row->zone) + 1) == 1 &&
                      EVP_DigestUpdate(md, row->subject, strlen(row->subject) + 1) == 1 &&
                      EVP_DigestUpdate(md, row->names, strlen(row->names)) == 1 && EVP_DigestFinal_ex(md, hash, NULL) == 1;

    EVP_MD_CTX_free(md);
    if (!good)
        return cs_fail(err, CS_EBUSY, "out of memory");
    memcpy(out->name, PASS, sizeof PASS);
    hex_encode(out->name + strlen(PASS), hash, 32);
    out->order = (struct cs_counted_order){ .size = sizeof out->order, .job = row->id, .at_ms = row->created_ms };
    out->order.name[CS_ORDERS_OF_SUBJECT] = out->name;
    return 0;
}

struct renewal {
    const struct cs_job *row;
    bool is_due, is_under_way;
};

static int look_at_newest(void *arg, const struct cs_certificate *newest)
{
    struct renewal *renewal = arg;
    const int64_t left_ms = newest->not_after_ms - renewal->row->created_ms;

    renewal->is_due = left_ms <= (newest->not_after_ms - newest->not_before_ms) / 3;
    return 1;
}

static int look_at_open(void *arg, const struct cs_job *open)
{
    struct renewal *renewal = arg;
    const struct cs_job *row = renewal->row;

    renewal->is_under_way = strcmp(open->names, row->names) == 0 && strcmp(open->subject, row->subject) == 0 &&
                            strcmp(open->zone, row->zone) == 0 && strcmp(open->id, row->id) != 0;
    return renewal->is_under_way;
}

/* 1: it passes the limits of zone and client. The old certificate stays due until there is a new one, so many orders could say
 * that they renew it: one at a time may, and one a day. */
static int may_pass(const struct store_conn *c, const struct cs_job *row, const struct pass *pass, struct cs_error *err)
{
    struct renewal renewal = { .row = row };
    int64_t passed_ms;

    if (c->ops->certificate_of_names(c->conn, row->zone, row->subject, row->names, look_at_newest, &renewal, err) < 0)
        return -1;
    if (!renewal.is_due)
        return 0;
    if (c->ops->order_nth(c->conn, CS_ORDERS_OF_SUBJECT, pass->name, 1, row->created_ms - DAY_MS, row->created_ms + AHEAD_MS,
                          &passed_ms, err) < 0)
        return -1;
    if (passed_ms)
        return 0;
    if (c->ops->job_list_open(c->conn, look_at_open, &renewal, err) < 0)
        return -1;
    return !renewal.is_under_way;
}

/* ---- The windows ---- */

struct passed {
    int64_t wait_ms; /* 0: no limit was passed */
    int64_t most;
    enum cs_order_scope scope;
    const char *window;
};

/* The limit that takes longest is told: when it is over, the others are. */
static int look_at_window(const struct store_conn *c, const struct cs_counted_order *order, enum cs_order_scope scope,
                          int64_t most, int64_t window_ms, struct passed *passed, struct cs_error *err)
{
    int64_t at_ms = 0, wait_ms;

    if (!most || !order->name[scope])
        return 0;
    if (c->ops->order_nth(c->conn, scope, order->name[scope], most, order->at_ms - window_ms, order->at_ms + AHEAD_MS, &at_ms,
                          err) < 0)
        return -1;
    wait_ms = at_ms ? at_ms + window_ms - order->at_ms : 0;
    if (wait_ms > window_ms)
        wait_ms = window_ms;
    if (wait_ms > passed->wait_ms)
        *passed = (struct passed){ wait_ms, most, scope, window_ms == DAY_MS ? "24 hours" : "7 days" };
    return 0;
}

static int refuse(const struct passed *passed, struct cs_error *err)
{
    static const char *const words[] = { [CS_ORDERS_OF_SUBJECT] = "this subject",
                                         [CS_ORDERS_OF_CLIENT] = "this client",
                                         [CS_ORDERS_OF_ZONE] = "the zone of this subject" };

    cs_fail_as(err, CS_ELIMIT, reasons[passed->scope],
               "%s may make %" PRId64 " orders in %s, and has; the oldest of them counts for %" PRId64 " s more. A chain that "
               "is still good is handed out all the same: post the CSR that it was issued for",
               words[passed->scope], passed->most, passed->window, (passed->wait_ms + 999) / 1000);
    err->retry_after_ms = passed->wait_ms;
    return -1;
}

static int check(const struct store_conn *c, const struct order_limits *limits, const struct cs_counted_order *order,
                 struct cs_error *err)
{
    struct passed passed = { 0 };

    for (int i = 0; i < CS_ORDER_SCOPES; i++) {
        const enum cs_order_scope scope = (enum cs_order_scope)i;

        if (look_at_window(c, order, scope, limits->day[i], DAY_MS, &passed, err) < 0 ||
            look_at_window(c, order, scope, limits->week[i], WEEK_MS, &passed, err) < 0)
            return -1;
    }
    return passed.wait_ms ? refuse(&passed, err) : 0;
}

/* ---- What job_save.c calls ---- */

int order_limits_take(const struct store_conn *c, const struct order_limits *limits, const struct cs_job *row,
                      struct cs_error *err)
{
    struct cs_counted_order order = order_of(row);
    struct pass pass;
    int passes;

    if (!can_count(c))
        return limits_any(limits) ? cs_fail(err, CS_ECONFIG, "the store's plugin cannot count orders: take `orders` out of "
                                                             "`limits`, or another store")
                                  : 0;
    if (make_pass(&pass, row, err) < 0 || (passes = may_pass(c, row, &pass, err)) < 0)
        return -1;
    if (passes)
        order.name[CS_ORDERS_OF_CLIENT] = order.name[CS_ORDERS_OF_ZONE] = NULL; /* it counts for its subject alone */
    if (check(c, limits, &order, err) < 0 || c->ops->order_count(c->conn, &order, err) < 0)
        return -1;
    return passes ? c->ops->order_count(c->conn, &pass.order, err) : 0;
}

int order_limits_give_back(const struct store_conn *c, const struct cs_job *row, struct cs_error *err)
{
    const struct cs_counted_order order = order_of(row);
    struct pass pass;

    if (!can_count(c))
        return 0;
    if (make_pass(&pass, row, err) < 0 || c->ops->order_uncount(c->conn, &order, err) < 0)
        return -1;
    return c->ops->order_uncount(c->conn, &pass.order, err);
}

int order_limits_count(const struct store_conn *c, const struct cs_job *row, struct cs_error *err)
{
    const struct cs_counted_order order = order_of(row);

    return can_count(c) ? c->ops->order_count(c->conn, &order, err) : 0;
}

const char *order_limits_word(const struct cs_error *err)
{
    for (int scope = 0; err->code == CS_ELIMIT && scope < CS_ORDER_SCOPES; scope++)
        if (strcmp(err->reason, reasons[scope]) == 0)
            return reasons[scope] + strlen("too-many-");
    return NULL;
}

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

static const char *const reasons[LIMITED_SCOPES] = { [CS_ORDERS_OF_SUBJECT] = "too-many-orders-subject",
                                                     [CS_ORDERS_OF_CLIENT] = "too-many-orders-client",
                                                     [CS_ORDERS_OF_ZONE] = "too-many-orders-zone" };

static bool can_count(const struct store_conn *c)
{
    return c->ops->order_count && c->ops->order_uncount && c->ops->order_nth && c->ops->certificate_of_names;
}

static bool limits_any(const struct order_limits *limits)
{
    for (int scope = 0; scope < LIMITED_SCOPES; scope++)
        if (limits->day[scope] || limits->week[scope])
            return true;
    return false;
}

/* ---- Is it a renewal that is due, and the first one? ---- */

#define RENEWAL_SIZE (2 * 32 + 1)

/* By what it counts in CS_RENEWALS: short, however many names it is for. */
static int name_renewal(char out[RENEWAL_SIZE], const struct cs_job *row, struct cs_error *err)
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
    hex_encode(out, hash, 32);
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

/* 1: it is let past the limits of client and zone. The old certificate stays due until there is a new one, so many orders could
 * say that they renew it: one at a time may, and one a day. */
static int is_let_past(const struct store_conn *c, const struct cs_job *row, const char *name, struct cs_error *err)
{
    const int64_t now_ms = row->created_ms;
    struct renewal renewal = { .row = row };
    int64_t last_ms;

    if (c->ops->certificate_of_names(c->conn, row->zone, row->subject, row->names, look_at_newest, &renewal, err) < 0)
        return -1;
    if (!renewal.is_due)
        return 0;
    if (c->ops->order_nth(c->conn, CS_RENEWALS, name, 1, now_ms - DAY_MS, now_ms + AHEAD_MS, &last_ms, err) < 0)
        return -1;
    if (last_ms)
        return 0;
    if (c->ops->job_list_open(c->conn, look_at_open, &renewal, err) < 0)
        return -1;
    return !renewal.is_under_way;
}

/* ---- What it counts as ---- */

struct order {
    struct cs_counted_order counted;
    char renewal[RENEWAL_SIZE];
};

static int in_all_scopes(struct order *out, const struct cs_job *row, struct cs_error *err)
{
    out->counted = (struct cs_counted_order){
        .size = sizeof out->counted,
        .job = row->id,
        .name = { [CS_ORDERS_OF_SUBJECT] = row->subject,
                  [CS_ORDERS_OF_CLIENT] = row->client && *row->client ? row->client : NULL,
                  [CS_ORDERS_OF_ZONE] = row->zone,
                  [CS_RENEWALS] = out->renewal },
        .at_ms = row->created_ms,
    };
    return name_renewal(out->renewal, row, err);
}

static int in_its_scopes(struct order *out, const struct store_conn *c, const struct cs_job *row, struct cs_error *err)
{
    int let_past;

    if (in_all_scopes(out, row, err) < 0 || (let_past = is_let_past(c, row, out->renewal, err)) < 0)
        return -1;
    if (let_past)
        out->counted.name[CS_ORDERS_OF_CLIENT] = out->counted.name[CS_ORDERS_OF_ZONE] = NULL;
    else
        out->counted.name[CS_RENEWALS] = NULL;
    return 0;
}

/* ---- The windows ---- */

struct reached {
    int64_t wait_ms; /* 0: no limit is reached */
    int64_t most;
    enum cs_order_scope scope;
    const char *window;
};

/* The limit that takes longest is told: when it is over, the others are. */
static int look_at_window(const struct store_conn *c, const struct cs_counted_order *order, enum cs_order_scope scope,
                          int64_t most, int64_t window_ms, struct reached *reached, struct cs_error *err)
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
    if (wait_ms > reached->wait_ms)
        *reached = (struct reached){ wait_ms, most, scope, window_ms == DAY_MS ? "24 hours" : "7 days" };
    return 0;
}

static int refuse(const struct reached *reached, struct cs_error *err)
{
    static const char *const words[LIMITED_SCOPES] = { [CS_ORDERS_OF_SUBJECT] = "this subject",
                                                       [CS_ORDERS_OF_CLIENT] = "this client",
                                                       [CS_ORDERS_OF_ZONE] = "the zone of this subject" };

    cs_fail_as(err, CS_ELIMIT, reasons[reached->scope],
               "%s may make %" PRId64 " orders in %s, and has; the oldest of them counts for %" PRId64 " s more. A chain that "
               "is still good is handed out all the same: post the CSR that it was issued for",
               words[reached->scope], reached->most, reached->window, (reached->wait_ms + 999) / 1000);
    err->retry_after_ms = reached->wait_ms;
    return -1;
}

static int check(const struct store_conn *c, const struct order_limits *limits, const struct cs_counted_order *order,
                 struct cs_error *err)
{
    struct reached reached = { 0 };

    for (int i = 0; i < LIMITED_SCOPES; i++) {
        const enum cs_order_scope scope = (enum cs_order_scope)i;

        if (look_at_window(c, order, scope, limits->day[i], DAY_MS, &reached, err) < 0 ||
            look_at_window(c, order, scope, limits->week[i], WEEK_MS, &reached, err) < 0)
            return -1;
    }
    return reached.wait_ms ? refuse(&reached, err) : 0;
}

/* ---- A new order, and one that failed ---- */

int order_limits_take(const struct store_conn *c, const struct order_limits *limits, const struct cs_job *row,
                      struct cs_error *err)
{
    struct order order;

    if (!can_count(c) && limits_any(limits))
        return cs_fail(err, CS_ECONFIG,
                       "the store's plugin cannot count orders: take `orders` out of `limits`, or another store");
    if (!can_count(c))
        return 0;
    if (in_its_scopes(&order, c, row, err) < 0 || check(c, limits, &order.counted, err) < 0)
        return -1;
    return c->ops->order_count(c->conn, &order.counted, err);
}

/* In all scopes: those in which it was not counted are no harm. */
int order_limits_give_back(const struct store_conn *c, const struct cs_job *row, struct cs_error *err)
{
    struct order order;

    if (!can_count(c))
        return 0;
    return in_all_scopes(&order, row, err) < 0 ? -1 : c->ops->order_uncount(c->conn, &order.counted, err);
}

int order_limits_count(const struct store_conn *c, const struct cs_job *row, struct cs_error *err)
{
    struct order order;

    if (!can_count(c))
        return 0;
    return in_its_scopes(&order, c, row, err) < 0 ? -1 : c->ops->order_count(c->conn, &order.counted, err);
}

const char *order_limits_word(const struct cs_error *err)
{
    for (int scope = 0; err->code == CS_ELIMIT && scope < LIMITED_SCOPES; scope++)
        if (strcmp(err->reason, reasons[scope]) == 0)
            return reasons[scope] + strlen("too-many-");
    return NULL;
}

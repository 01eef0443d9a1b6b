/*
 * What the steps of one order share: step.c (moving between steps, asking, waiting, failing) with order.c, authorization.c,
 * finalize.c and certificate.c, which hold the steps. Nobody else includes this.
 */
#ifndef CA_ACME_STEP_H
#define CA_ACME_STEP_H

#include "object.h"
#include "transport.h"
#include "waiter.h"

enum step {
    ACCOUNT,
    LOAD_ORDER,
    NEW_ORDER,
    FETCH_AUTHZ,
    PUBLISH,
    ANSWER,
    POLL_AUTHZ,
    SAVE_FINALIZE,
    FINALIZE,
    POLL_ORDER,
    DOWNLOAD,
    CHOOSE,
    FINISHED
};

/* How the order came to us, and with it what may be done when the CA does not know it any more. */
enum origin {
    ORIGIN_NEW = 1,
    ORIGIN_SAVED_ORDER,   /* resumed: may be started anew                                              */
    ORIGIN_SAVED_FINALIZE /* resumed: the CA may have issued already, so it must not be started anew   */
};

struct authz {
    struct order *order;
    char *url;
    json_t *json;                       /* as fetched last */
    struct authorization_object object; /* of json */
    const char *name;                   /* as asked for, without "*."; NULL before it was fetched */
    char value[JOSE_THUMBPRINT_LEN + 1]; /* of the TXT record */
    bool published, answered;
    bool answer_unsure; /* sent once, and no answer came */
};

#define SAVED_FINALIZE "finalize" /* the core's word, too: ca.h */
#define LIMITED_MS     60000      /* until a limit is over, when the CA does not say for how long */

struct chain_kept {
    char *pem;
    size_t len;
};

struct order {
    struct acme *acme;
    const struct cs_order *asked; /* the core's, until the op ends */
    struct cs_op *op;
    enum origin origin;
    enum step step, furthest, later; /* later: what go_in() will enter */
    unsigned moves;

    struct waiter waiter;      /* for the account */
    struct exchange *exchange; /* under way, or NULL */
    int64_t poll_ms;           /* the next wait between two polls */
    unsigned polls, failures;  /* since the order got further; polls: of the order itself */
    struct cs_error last;      /* the last passing failure, for the day the deadline comes */
    bool account_renewed, without_replaces;

    char *account; /* that the order is made under, or NULL before that is known */
    char *url;     /* of the order, or NULL */
    json_t *json;  /* the order as read last */
    struct order_object object; /* of json */
    bool finalize_saved, finalize_sent, finalize_taken;
    bool ours;                  /* the CA took our finalize, once: in this run, or as an earlier one has saved */
    bool ours_saved;
    bool finalize_unsure;       /* sent, and no answer of the CA's came: the order is looked at before it is sent again */

    struct authz *authz;
    size_t n_authz, at; /* at: the one that this step is busy with */
    size_t publishing;

    struct chain_kept chain;
    char **alternates;
    size_t n_alternates;
};

/* The only place that changes order->step. Call it last: the order may be over when it returns. */
void go(struct order *order, enum step next);
void go_in(struct order *order, enum step next, int64_t ms); /* the same in `ms` */
void again_in(struct order *order, int64_t ms);              /* enter the same step once more in `ms` */

/* Enter a step that polls, or the same once more, after Retry-After, or else after a wait from poll_first doubling to
 * poll_most, with jitter. A Retry-After that is later than the order's deadline ends it for now: the core is told, and goes on
 * with it. */
void poll_in(struct order *order, enum step next, int64_t retry_after_ms);

/* Ask the CA under the account; the callback first sets order->exchange = NULL. Call it last. */
void ask(struct order *order, const char *url, const char *payload, enum reply_kind kind, exchange_fn *fn);

/* Finalize was sent, perhaps by an earlier run. */
bool may_be_issued(const struct order *order);

/* Is it of no use to ask the same again? Once the CA may have issued only its refusal, in a problem document of its own, is
 * final: a proxy's page, an answer that makes no sense, a limit, or a set-up that the operator can mend say nothing of the
 * certificate. */
bool is_final(const struct order *order, const struct failure *failure);

/* What every callback does with a failure that it has no special use for: again later if it may pass, else the end. Of one that
 * may be issued the core is told, by a Retry-After, that it is worth asking for it again. */
void failed(struct order *order, const struct failure *failure);
void misread(struct order *order, const struct cs_error *err); /* the same of an answer of 200 that is not what belongs there */

/* The end: the op is finished and the order released. Call them last. */
void give_up(struct order *order, const struct cs_error *err);
void give_up_with(struct order *order, const struct cs_error *err, const json_t *problem); /* and the CA's own words */
void give_up_failed(struct order *order, const struct failure *failure);
void give_up_refused(struct order *order, const struct cs_error *err, const json_t *problem); /* or have it made anew */
void no_memory(struct order *order);

/* An order from the beginning; the first step has not been entered yet. NULL: no memory, and the op is finished. */
struct order *order_new(struct acme *acme, const struct cs_order *asked, struct cs_op *op);

/* The steps, in protocol order; each file says which are its own. */
void step_account(struct order *order);     /* order.c */
void step_load_order(struct order *order);  /* order.c */
void step_new_order(struct order *order);   /* order.c */
void step_fetch_authz(struct order *order); /* authorization.c */
void step_publish(struct order *order);     /* authorization.c */
void step_answer(struct order *order);      /* authorization.c */
void step_poll_authz(struct order *order);  /* authorization.c */
void step_save_finalize(struct order *order); /* finalize.c */
void step_finalize(struct order *order);    /* finalize.c */
void step_poll_order(struct order *order);  /* finalize.c */
void step_download(struct order *order);    /* certificate.c */
void step_choose(struct order *order);      /* certificate.c */

/* order.c, for finalize.c. Each but the first two ends the order, or asks once more later: call it last. */
int order_take(struct order *order, const struct reply *reply, struct cs_error *err); /* -1: it is not our order */
char *order_saved_data(const struct order *order); /* what a saved step keeps, for free(); NULL: no memory */
void order_refused(struct order *order);
void order_gone(struct order *order);
void order_makes_no_sense(struct order *order, const char *when);

void authorizations_free(struct order *order); /* authorization.c */
void chains_free(struct order *order);         /* certificate.c */
bool chain_is_foreign(const struct order *order); /* certificate.c: for another key; the core judges what cannot be read */

#endif

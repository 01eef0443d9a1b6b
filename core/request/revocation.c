/*
 * Those who ask for a revocation; see revocation.h. An ask looks its certificate up, sees whether it is its to ask, and joins
 * the certificate's revocation, which there may be already.
 */
#include "request/revocation.h"

#include <stdlib.h>
#include <string.h>

#include "base/revocation_reason.h"
#include "base/text.h"
#include "engine/log.h"
#include "request/revocation_parts.h"

static void free_ask(struct revocation_ask *ask)
{
    timer_clear(&ask->deadline);
    timer_clear(&ask->later);
    revocation_leave(ask);
    revocation_statement_free(&ask->statement);
    revocation_certificates_free(ask->found);
    free(ask->ca);
    free(ask);
}

void revocation_answer(struct revocation_ask *ask, const struct revocation_answer *answer)
{
    revocation_leave(ask);
    if (!ask->detached)
        ask->fn(ask->arg, answer);
    ask->detached = true;
    if (!ask->looking)
        free_ask(ask);
}

static void refuse(struct revocation_ask *ask, const struct cs_error *err)
{
    revocation_answer(ask, &(struct revocation_answer){ .err = err });
}

void revocation_detach(struct revocation_ask *ask)
{
    ask->detached = true;
    timer_clear(&ask->deadline);
    revocation_leave(ask);
    if (!ask->looking)
        free_ask(ask);
}

static void on_deadline(void *arg)
{
    struct revocation_ask *ask = arg;
    struct cs_error err;

    if (ask->of && ask->of->phase != REVOCATION_STORING)
        revocation_pending(ask->of, &err);
    else
        cs_fail(&err, CS_EBUSY, "the store did not take the revocation in time; ask again in a moment");
    refuse(ask, &err);
}

/* ---- It is looked up ----------------------------------------------------------------------------------------------------- */

static int unknown(struct cs_error *err)
{
    return cs_fail_as(
        err, CS_ENOTFOUND, "not-issued-here",
        "this server did not issue that certificate, or it ended long ago: ask the server, or the CA, that it is of");
}

static int check_end(const struct revocation_certificate *certificate, struct cs_error *err)
{
    if (certificate->state == CS_REVOCATION_DONE || certificate->not_after_ms > cs_wall_ms())
        return 0;
    return cs_fail_as(err, CS_EINPUT, "certificate-ended", "the certificate has ended already: there is nothing to revoke");
}

static int check(const struct revocation_ask *ask, struct cs_error *err)
{
    const struct revocation_certificate *certificate = ask->found;

    if (!certificate)
        return unknown(err);
    if (ask->by_operator && (certificate->next || ask->dry_run))
        return 0;
    if (check_end(certificate, err) < 0)
        return -1;
    if (ask->by_operator || ask->is_proven)
        return 0;
    *err = ask->unproven;
    return -1;
}

static void tell_done(struct revocation_ask *ask, const struct revocation_certificate *certificate)
{
    revocation_answer(ask, &(struct revocation_answer){ .serial = certificate->serial,
                                                        .reason = certificate->reason,
                                                        .revoked_ms = certificate->ended_ms,
                                                        .again = true });
}

static struct revocation *begin(struct revocation_ask *ask)
{
    struct revocation_certificate *certificate = ask->found;

    ask->found = NULL;
    certificate->reason = ask->reason;
    certificate->by_operator = ask->by_operator;
    certificate->asked_ms = cs_wall_ms();
    certificate->ended_ms = 0;
    log_line(CS_LOG_INFO, "revocation", certificate->job, "revocation asked for zone=%s ca=%s serial=%s reason=%s by=%s",
             certificate->zone, certificate->ca, certificate->serial, revocation_reason_word(ask->reason),
             ask->by_operator ? "operator" : "key-holder");
    return revocation_begin(ask->all, certificate, false);
}

static void join(struct revocation_ask *ask)
{
    struct revocation *of = revocation_under_way(ask->all, ask->found->job);
    struct cs_error err;

    if (!of && ask->found->state == CS_REVOCATION_DONE) {
        tell_done(ask, ask->found);
        return;
    }
    if (!of && ask->all->heart->stopping) {
        cs_fail(&err, CS_ESHUTDOWN, "the server is stopping; try again in a moment");
        refuse(ask, &err);
        return;
    }
    if (!of)
        of = begin(ask);
    if (of) {
        revocation_attach(of, ask);
        return;
    }
    cs_fail(&err, CS_EBUSY, "no memory for a revocation; try again in a moment");
    refuse(ask, &err);
}

static bool prove(struct revocation_ask *ask)
{
    const struct revocation_certificate *of = ask->found;

    return check_end(of, &ask->unproven) == 0 &&
           revocation_statement_prove(&ask->statement, of->der, of->der_len, &ask->unproven) == 0;
}

/* In the store's thread, which has time for a public-key operation; the ask waits here until it is back. */
static int look(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct revocation_ask *ask = arg;
    struct revocation_search search = { .serial = ask->serial, .sha256 = ask->any ? NULL : ask->sha256, .ca = ask->ca };
    int rc = revocation_find_certificates(c, &search, err);

    ask->found = search.found;
    ask->is_proven = rc == 0 && ask->found && !ask->by_operator && prove(ask);
    return rc;
}

static void on_looked(void *arg, const struct cs_error *err);

static void on_unsent(void *arg)
{
    struct revocation_ask *ask = arg;
    const struct cs_error err = ask->unsent;

    on_looked(ask, &err);
}

static void on_looked(void *arg, const struct cs_error *err)
{
    struct revocation_ask *ask = arg;
    struct cs_error refused;

    if (ask->sending) {
        ask->unsent = *err;
        timer_set_in(ask->all->heart->loop, &ask->later, 0, on_unsent, ask);
        return;
    }
    ask->looking = false;
    ask->all->n_looking--;
    if (ask->detached)
        free_ask(ask);
    else if (err)
        refuse(ask, err);
    else if (check(ask, &refused) < 0)
        refuse(ask, &refused);
    else if (ask->by_operator && (ask->found->next || ask->dry_run))
        revocation_answer(ask, &(struct revocation_answer){ .certificates = ask->found });
    else
        join(ask);
}

/* ---- It is asked --------------------------------------------------------------------------------------------------------- */

static int admit(const struct heart *heart, struct cs_error *err)
{
    if (heart->stopping)
        return cs_fail(err, CS_ESHUTDOWN, "the server is stopping; try again in a moment");
    if (heart->revocations->n_looking >= (size_t)heart->settings->max_in_flight)
        return cs_fail(err, CS_EBUSY, "too many requests are waiting; try again in a moment");
    return 0;
}

static struct revocation_ask *make(struct heart *heart, const char *serial, const char *ca, struct cs_error *err)
{
    struct revocation_ask *ask = calloc(1, sizeof *ask);

    if (ask) {
        ask->all = heart->revocations;
        ask->ca = text_copy(ca);
        memcpy(ask->serial, serial, strnlen(serial, REVOCATION_SERIAL_MOST));
    }
    if (ask && ask->ca)
        return ask;
    free(ask);
    cs_fail(err, CS_EBUSY, "no memory for a revocation; try again in a moment");
    return NULL;
}

static struct revocation_ask *start(struct revocation_ask *ask, int64_t deadline_ms, revocation_fn *fn, void *arg)
{
    struct heart *heart = ask->all->heart;

    ask->fn = fn;
    ask->arg = arg;
    ask->looking = true;
    ask->all->n_looking++;
    timer_set_at(heart->loop, &ask->deadline, deadline_ms, on_deadline, ask);
    ask->sending = true;
    store_read(heart->store, look, ask, on_looked, ask);
    ask->sending = false;
    return ask;
}

struct revocation_ask *revocation_by_holder(struct heart *heart, const void *body, size_t len, int64_t deadline_ms,
                                            revocation_fn *fn, void *arg, struct cs_error *err)
{
    struct revocation_statement statement;
    struct revocation_ask *ask;

    if (admit(heart, err) < 0 || revocation_statement_read(&statement, body, len, cs_wall_ms(), err) < 0)
        return NULL;
    ask = make(heart, statement.serial, "", err);
    if (!ask) {
        revocation_statement_free(&statement);
        return NULL;
    }
    ask->statement = statement;
    ask->reason = statement.reason;
    memcpy(ask->sha256, statement.certificate_sha256, sizeof ask->sha256);
    return start(ask, deadline_ms, fn, arg);
}

struct revocation_ask *revocation_by_operator(struct heart *heart, const struct revocation_wish *wish, int64_t deadline_ms,
                                              revocation_fn *fn, void *arg, struct cs_error *err)
{
    struct revocation_ask *ask = admit(heart, err) < 0 ? NULL : make(heart, wish->serial, wish->ca, err);

    if (!ask)
        return NULL;
    ask->by_operator = true;
    ask->dry_run = wish->dry_run;
    ask->reason = wish->reason;
    ask->any = !wish->sha256;
    if (wish->sha256)
        memcpy(ask->sha256, wish->sha256, sizeof ask->sha256);
    return start(ask, deadline_ms, fn, arg);
}

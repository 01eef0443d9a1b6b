/*
 * The holder's side of a revocation in HTTP; see revoke.h.
 */
#include "http/revoke.h"

#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "base/error.h"
#include "base/revocation_reason.h"
#include "engine/log.h"

#define OVERTIME_MS 5000 /* the heart keeps the deadline; should it fail to, the connection answers */

struct posted {
    struct revoke_from from;
    struct revocation_ask *ask;
};

/* RFC 9110 15.5.10: it clashes with how the certificate is now. */
static bool is_conflict(const struct cs_error *err)
{
    return strcmp(err->reason, "certificate-ended") == 0;
}

static void answer_error(const struct revoke_from *from, const struct cs_error *err, const char *upstream)
{
    struct problem problem = problem_of_error(err, "", upstream, false);

    if (from->limits)
        limits_failed(from->limits, &from->source, err);
    if (is_conflict(err))
        problem.status = 409;
    if (problem_is_internal(err))
        log_line(CS_LOG_ERROR, "http", "", "a revocation failed: %s", err->text);
    connection_answer_problem(from->c, &problem,
                              &(struct reply){ .route = from->route, .retry_after_s = problem_retry_after_s(err, false) });
}

json_t *revoke_json(const struct revocation_answer *answer)
{
    char moment[DAY_MOMENT];

    day_moment(moment, answer->revoked_ms);
    return json_pack("{s:s, s:s, s:s, s:s, s:b}", "status", "revoked", "serial", answer->serial, "reason",
                     revocation_reason_word(answer->reason), "revoked", moment, "again", answer->again);
}

static void answer_revoked(const struct posted *p, const struct revocation_answer *answer)
{
    json_t *json = revoke_json(answer);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    connection_answer(p->from.c, &(struct reply){ .status = 200,
                                                  .route = p->from.route,
                                                  .content_type = text ? "application/json" : NULL,
                                                  .body = text,
                                                  .body_len = text ? strlen(text) : 0 });
    free(text);
    json_decref(json);
}

static void on_answer(void *arg, const struct revocation_answer *answer)
{
    struct posted *p = arg;

    limits_answered(&p->from.wait);
    if (answer->err)
        answer_error(&p->from, answer->err, answer->problem);
    else
        answer_revoked(p, answer);
    free(p);
}

static void on_gone(void *arg)
{
    struct posted *p = arg;

    limits_answered(&p->from.wait);
    revocation_detach(p->ask);
    free(p);
}

void revoke_post(struct heart *heart, const struct revoke_from *from, const char *body, size_t body_len, int64_t wait_ms)
{
    const int64_t deadline_ms = cs_now_ms() + (wait_ms < REVOKE_WAIT_MS ? wait_ms : REVOKE_WAIT_MS);
    struct posted *p = calloc(1, sizeof *p);
    struct limits_wait wait = from->wait;
    struct cs_error err = { 0 };

    if (!p) {
        cs_fail(&err, CS_EBUSY, "The server has no room for another request at the moment.");
    } else {
        *p = (struct posted){ .from = *from };
        p->ask = revocation_by_holder(heart, body, body_len, deadline_ms, on_answer, p, &err);
    }
    if (p && p->ask) {
        connection_wait(from->c, deadline_ms + OVERTIME_MS, on_gone, p);
        return;
    }
    free(p);
    limits_answered(&wait);
    answer_error(from, &err, NULL);
}

/*
 * From an answer to the word that is recorded; see outcome.h.
 */
#include "request/outcome.h"

#include <string.h>

#include "base/error.h"
#include "request/order_limits.h"

const char *outcome_alg(const char *key_type)
{
    static const struct {
        const char *type, *alg;
    } algs[] = {
        { "p256", "ecdsa-p256" },  { "p384", "ecdsa-p384" },  { "rsa2048", "rsa-2048" },
        { "rsa3072", "rsa-3072" }, { "rsa4096", "rsa-4096" },
    };

    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
        if (strcmp(algs[i].type, key_type) == 0)
            return algs[i].alg;
    return "other";
}

static enum visit_outcome outcome_of(const struct cs_error *err)
{
    if (order_limits_word(err) || strcmp(err->reason, "too-many-open-orders") == 0)
        return VISIT_REFUSED;
    switch (err->code) {
    case CS_EINPUT:
    case CS_EDENIED:
    case CS_ENOTFOUND:
    case CS_ECREDENTIAL:
        return VISIT_REFUSED;
    case CS_ESHUTDOWN:
        return VISIT_UNFINISHED;
    case CS_ECONFLICT:
    case CS_ELIMIT:
    case CS_EBUSY:
    case CS_ETIMEDOUT:
    case CS_EUPSTREAM:
    case CS_EREFUSED:
    case CS_ECONFIG:
    case CS_EINTERNAL:
    case CS_ERESTART:
    case CS_OK:
        break;
    }
    return VISIT_FAILED;
}

void outcome_error(struct visit *visit, const struct cs_error *err)
{
    visit_end(visit, outcome_of(err), err->code == CS_ESHUTDOWN ? "" : error_reason(err));
}

void outcome_news(struct visit *visit, const struct job_news *news)
{
    if (news->err)
        outcome_error(visit, news->err);
    else
        visit_end(visit, news->is_old ? VISIT_STORED : VISIT_ISSUED, "");
}

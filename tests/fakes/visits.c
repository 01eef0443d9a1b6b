/*
 * The fake visits; see visits.h.
 */
#include "visits.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct visit *visit_begin(struct visits *visits, const struct visit_arrival *arrival)
{
    struct visit *visit;

    if (!visits)
        return NULL;
    assert(visits->n < sizeof visits->visit / sizeof *visits->visit);
    visit = &visits->visit[visits->n++];
    *visit = (struct visit){ .arrival = *arrival };
    return visit;
}

void visit_labels(struct visit *visit, const struct visit_label *labels, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; visit && i < n; i++)
        len += (size_t)snprintf(visit->labels + len, sizeof visit->labels - len, "%s=%s;", labels[i].name, labels[i].value);
}

void visit_end(struct visit *visit, enum visit_outcome outcome, const char *error)
{
    if (!visit)
        return;
    assert(!visit->ended);
    visit->ended = true;
    visit->outcome = outcome;
    snprintf(visit->error, sizeof visit->error, "%s", error);
}

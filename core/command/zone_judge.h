/*
 * What is wrong with a zone, by the facts that zone_look.c has gathered. Called by doctor_zone.c. Pure.
 */
#ifndef COMMAND_ZONE_JUDGE_H
#define COMMAND_ZONE_JUDGE_H

#include "command/doctor_report.h"
#include "command/zone_look.h"

struct zone_finding {
    enum doctor_verdict verdict;
    char text[1500]; /* what was seen; behind a newline, what to do */
};

/* `own`: our dns-builtin serves it, so it must be a zone of its own. `has_servers`: its row names servers, as in a private
 * network, where no delegation is needed. */
void zone_judge_delegation(struct zone_finding *out, const struct zone_facts *facts, bool own, bool has_servers);
void zone_judge_server(struct zone_finding *out, const struct zone_facts *facts, const struct zone_server *server);
void zone_judge_serials(struct zone_finding *out, const struct zone_facts *facts);
void zone_judge_dnssec(struct zone_finding *out, const struct zone_facts *facts);
void zone_judge_negative(struct zone_finding *out, const struct zone_server *server);

#endif

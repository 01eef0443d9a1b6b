/*
 * What the doctor's checks of a zone share. Used by doctor_zone.c, doctor_caa.c, doctor_alias.c, doctor_write.c.
 */
#ifndef COMMAND_DOCTOR_DNS_H
#define COMMAND_DOCTOR_DNS_H

#include "command/doctor.h"

/* Names that certificates of the zone are for: its own, and those that its subjects may have. */
enum { DOCTOR_NAMES_MOST = 16 };
struct doctor_name {
    char name[NAME_MAX_LEN + 1]; /* without "*." */
    bool wildcard;
    const struct doctor_subject *subject; /* NULL: the zone itself */
};
size_t doctor_names(const struct doctor *d, const struct doctor_zone *zone, struct doctor_name out[DOCTOR_NAMES_MOST]);

/* The enabled zone of the table that an absolute name lies in; NULL: none. */
const struct doctor_zone *doctor_zone_of(const struct doctor *d, const char *absolute);

void doctor_caa(struct doctor *d, const struct doctor_zone *zone);
void doctor_aliases(struct doctor *d, const struct doctor_zone *zone);
/* Sets a value, looks for it, takes it away. `own`: our own DNS server has it, and nothing is to be written. */
void doctor_write(struct doctor *d, const struct doctor_zone *zone, bool own);

/* Where the aliases of an absolute name lead: false when no server says; then `end` is the last name that was reached. */
bool doctor_follow(struct doctor *d, const struct doctor_zone *zone, const char *name, char end[1024], char said[64]);

#endif

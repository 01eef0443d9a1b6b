/*
 * The row of the zone table that a name belongs to, whoever asks: where the target of a CNAME lies. Called by
 * challenge_place.c.
 */
#ifndef REQUEST_ZONE_ROW_H
#define REQUEST_ZONE_ROW_H

#include "records/store.h"

struct zone_row {
    char *zone, *dns, *servers;
    enum cs_visible visible;
    bool enabled;
};

/* In a reader's thread: the row of the longest zone that `name` lies in, enabled or not; *out is NULL when there is none.
 * `name` is lower case, without a trailing dot. */
int zone_row_read(const struct store_conn *c, const char *name, struct zone_row **out, struct cs_error *err);
void zone_row_free(struct zone_row *row); /* NULL is allowed */

#endif

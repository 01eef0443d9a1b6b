/*
 * The longest zone of the table that a name lies in; see zone_row.h.
 */
#include "request/zone_row.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void zone_row_free(struct zone_row *row)
{
    if (!row)
        return;
    free(row->zone);
    free(row->dns);
    free(row->servers);
    free(row);
}

struct found {
    struct zone_row *row;
    bool called; /* there is a row, even when there was no memory for it */
};

static int on_row(void *arg, const struct cs_zone *from)
{
    struct found *found = arg;
    struct zone_row *row = found->row = calloc(1, sizeof *row);

    found->called = true;
    if (!row)
        return 1;
    row->zone = text_copy(from->zone);
    row->dns = text_copy(from->dns);
    row->servers = text_copy(from->servers);
    row->visible = from->visible;
    row->enabled = from->enabled;
    return 1;
}

int zone_row_read(const struct store_conn *c, const char *name, struct zone_row **out, struct cs_error *err)
{
    struct found found = { 0 };

    *out = NULL;
    for (const char *zone = name; zone && !found.called; zone = strchr(zone, '.') ? strchr(zone, '.') + 1 : NULL)
        if (c->ops->zone_find(c->conn, zone, on_row, &found, err) < 0)
            return -1;
    if (found.called && (!found.row || !found.row->zone || !found.row->dns || !found.row->servers)) {
        zone_row_free(found.row);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    *out = found.row;
    return 0;
}

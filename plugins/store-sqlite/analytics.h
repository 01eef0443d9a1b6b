/*
 * The analytics database from the inside: what publish.c, analytics.c, report.c and connection.c share.
 */
#ifndef STORE_SQLITE_ANALYTICS_H
#define STORE_SQLITE_ANALYTICS_H

#include "db.h"

/* ---- analytics.c */

extern const struct file_kind file_analytics;

/* Opens the file that is there now. CS_ENOTFOUND: nothing was published yet. */
int analytics_open(struct conn *c, struct cs_error *err);
/* Outside a transaction: go over to what was published meanwhile. When that fails, the old one stays open. */
int analytics_refresh(struct conn *c, struct cs_error *err);

/* ---- analyst_group.c */

/* The number of the setting's group; 0 and nothing else when it is not set. */
int analyst_group_find(struct db *db, struct cs_error *err);
/* Its members may pass through the store's own folders to the published file, and see nothing else there. Where they can not
 * because of somebody else's folder, that is logged. */
void analyst_group_let_in(const struct db *db);

#endif

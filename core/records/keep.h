/*
 * cs_keep_get() and cs_keep_put(): small durable state of plugin instances. Made by command/serve.c, or without
 * a store by command/lone.c; reached through struct cs_instance.
 */
#ifndef RECORDS_KEEP_H
#define RECORDS_KEEP_H

#include "records/store.h"

struct keep;
/* `store` NULL: what is kept lives as long as this. NULL: no memory. */
struct keep *keep_new(struct store *store);
void keep_free(struct keep *keep);

#endif

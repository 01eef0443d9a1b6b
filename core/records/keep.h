/*
 * cs_keep_get() and cs_keep_put(): small durable state of plugin instances. Made by command/serve.c, reached through
 * struct cs_instance.
 */
#ifndef RECORDS_KEEP_H
#define RECORDS_KEEP_H

#include "records/store.h"

struct keep;
struct keep *keep_new(struct store *store); /* NULL: no memory */
void keep_free(struct keep *keep);

#endif

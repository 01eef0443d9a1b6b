/*
 * What the privacy commands do on the store themselves: when no server runs, and for what needs no server. Used by privacy*.c.
 */
#ifndef COMMAND_PRIVACY_STORE_H
#define COMMAND_PRIVACY_STORE_H

#include "command/privacy.h"

/* The answers of the server's control socket (http/privacy.h), without a server; *err has why that gave none. CS_EBUSY: there
 * is a server, which does not answer now, or runs without visits; or a key of the day is there, which only a server may use.
 * The caller's setup was read, not more. */
int privacy_erase_here(struct setup *setup, const struct privacy_options *o, json_t **answer, struct cs_error *err);
int privacy_export_here(struct setup *setup, json_t **answer, struct cs_error *err);

/* Forget the jobs and certificates with a key that are over; a server may run. The answer: {"rows", "pending"}. */
int privacy_erase_spki(struct setup *setup, const uint8_t spki[SPKI_HASH_LEN], json_t **answer, struct cs_error *err);

/* The days that the visits store knows, oldest first: an array of {"day", "keys", "received", "recorded", "lost", "flags",
 * "key_destroyed"}. A server may run. */
int privacy_days(struct setup *setup, json_t **days, struct cs_error *err);

/* Files with records that purging and erasing do not reach (cs_store_ops.list_aside): an array of {"file", "visits", "bytes",
 * "written", "age_days"}; empty when the store's plugin cannot tell. The store is open; its visits need not be readable. */
int privacy_aside(const struct setup *setup, json_t **files, struct cs_error *err);

#endif

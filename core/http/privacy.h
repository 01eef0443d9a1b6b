/*
 * What the control socket's questions mean for visits: struct control_ops over records/visits.h, and the JSON of its answers.
 * Given to the server by command/serve.c.
 */
#ifndef HTTP_PRIVACY_H
#define HTTP_PRIVACY_H

#include "http/control.h"
#include "records/visits.h"

/* `arg` is a struct visits.
 *
 * status:  {"day", "keys", "key_made", "key_in_file", "key_why_not", "flags": […], "received", "open", "queued", "lost",
 *           "purged", "published", "scrubbed", "must_confirm", "recorded"}; moments as "2026-11-21T15:04:05Z" or null
 * confirm: {}
 * erase:   {"requests", "pending", "published"}, and by address "attributable" and "days"
 * export:  {"attributable", "days", "counts": [{"day", "zone", "outcome", "requests"}]} */
extern const struct control_ops privacy_ops;

/* The names of a day's flags, a JSON array; NULL without memory. */
json_t *privacy_flags(int64_t flags);

/* "2026-11-21T15:04:05Z" of the wall clock; null for 0. */
json_t *privacy_moment(int64_t wall_ms);

/* A day as people write it. */
json_t *privacy_day(int64_t day);

#endif

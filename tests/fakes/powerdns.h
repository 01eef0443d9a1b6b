/*
 * A PowerDNS on the fake host: answers the requests of dns-pdns as versions 4.7.3, 4.9.12 and 5.1 of the real one do, with
 * their differences: EXTEND and PRUNE, whether one record set is shown with its disabled records, and what each refuses.
 */
#ifndef FAKES_POWERDNS_H
#define FAKES_POWERDNS_H

#include "host.h"

#define POWERDNS_URL "http://127.0.0.1:8081"
#define POWERDNS_KEY "the-secret-key"

void powerdns_begin(const char *version);
void powerdns_end(void);
void powerdns_become(const char *version);

void powerdns_add_zone(const char *name, const char *kind);
void powerdns_remove_zone(const char *name);

/* As another client of the API does it: the whole set; records and comments are lists in JSON without the brackets. */
void powerdns_replace(const char *owner, int ttl, const char *records, const char *comments);
/* "TTL [records] [comments]" as they are stored now; valid until the next call. */
const char *powerdns_set(const char *owner);

/* Called before the request is carried out; true: it answered by itself. NULL: none. */
typedef bool powerdns_fn(const struct host_http *request);
void powerdns_on_request(powerdns_fn *fn);

/* Answer the oldest request. */
void powerdns_answer(void);
/* Answer all requests and run what is due now, until there is nothing more to do. */
void powerdns_settle(void);
/* The same while time passes. */
void powerdns_pass(int64_t ms);

/* "GET zones?zone=a.\nPATCH zones/a.\n": method, path and query of all since the last call; valid until the next one. */
const char *powerdns_requests(void);

#endif

/*
 * From the JSON of PowerDNS's replies to what the plugin works with. Everything in them was written by somebody else: sizes,
 * types, depth and counts are checked here, once. Used by zones.c, step.c, server.c and api.c. Pure, fuzzed.
 */
#ifndef DNS_PDNS_REPLY_H
#define DNS_PDNS_REPLY_H

#include <jansson.h>

#include <countersign/plugin.h>

#define REPLY_MOST    ((size_t)8 * 1024 * 1024) /* bytes; before 4.9 a reply has all comments of the zone */
#define REPLY_ID_MOST 1100                      /* a name of 255 bytes, each as "=XX", and some */
#define REPLY_WORDS   200
#define REPLY_VERSION 32

struct reply_zone {
    bool found;
    char id[REPLY_ID_MOST]; /* letters, digits, and "._=-" only: safe as one part of a path */
    bool secondary;         /* its records come from elsewhere */
};

/* The answer to zones?zone=NAME. -1 and *err (CS_EUPSTREAM) when it is not one. */
int reply_read_zone(struct reply_zone *out, const char *body, size_t len, const char *name, struct cs_error *err);

/* The TXT records of one name, also none. `records` and `comments` are checked arrays of checked objects. */
struct reply_rrset {
    json_int_t ttl;
    json_t *records;  /* each has "content" (a string) and "disabled" (a bool) */
    json_t *comments; /* each has "content", "account" (strings) and "modified_at" (a number) */
};

/* The answer to zones/ID?rrset_name=OWNER&rrset_type=TXT. reply_release() in both cases. */
int reply_read_rrset(struct reply_rrset *out, const char *body, size_t len, const char *owner, struct cs_error *err);
/* The answer to search-data: OWNER's disabled TXT records in zone `id`. `most`: what was asked for at most. */
int reply_read_disabled(struct reply_rrset *out, const char *body, size_t len, const char *owner, const char *id, size_t most,
                        struct cs_error *err);
/* Add those to what reading the record set showed. `disabled` {0}: none. -1: no memory. */
int reply_add_disabled(struct reply_rrset *rrset, const struct reply_rrset *disabled);
void reply_release(struct reply_rrset *rrset); /* {0} is allowed */

/* The answer to servers/SERVER. */
int reply_read_version(char out[REPLY_VERSION], const char *body, size_t len, struct cs_error *err);

/* What PowerDNS says of an error, for ours: its "error", or the beginning of a text; printable, cut, and never with `key`. */
void reply_words(char out[REPLY_WORDS], const char *body, size_t len, const char *key);

#endif

/*
 * The objects of RFC 8555 7.1 as structs: directory, order, authorization. Each borrows its strings from the JSON it was read
 * from. Used by directory.c, order.c and authorization.c. Pure, fuzzed.
 */
#ifndef CA_ACME_OBJECT_H
#define CA_ACME_OBJECT_H

#include <jansson.h>

#include "url.h"

#define OBJECT_MOST_AUTHORIZATIONS 200

enum object_status { /* RFC 8555 7.1.6 */
    STATUS_UNKNOWN = 0,
    STATUS_PENDING,
    STATUS_PROCESSING,
    STATUS_READY,
    STATUS_VALID,
    STATUS_INVALID,
    STATUS_DEACTIVATED,
    STATUS_EXPIRED,
    STATUS_REVOKED
};

struct directory_object {
    const char *new_nonce, *new_account, *new_order;
    const char *revoke_cert, *renewal_info; /* "": not offered */
    const char *terms;                      /* meta.termsOfService or "" */
    bool eab_required;
    const json_t *profiles;   /* an object of name and description, or NULL */
    const json_t *identities; /* meta.caaIdentities: an array, or NULL */
};

struct order_object {
    enum object_status status;
    const char *finalize, *certificate; /* certificate: "" until it is valid */
    const char *profile;                /* or "" */
    const json_t *authorizations;       /* an array of checked URLs, at least one */
    json_t *error;                      /* a problem document, or NULL */
};

struct authorization_object {
    enum object_status status;
    const char *name; /* without "*." */
    bool wildcard;
    const char *url, *token; /* of its dns-01 challenge; "": it offers none that can be used */
    enum object_status challenge_status;
    json_t *error;       /* of the challenge that failed, or NULL */
    const char *offered; /* when there is no dns-01: the first other type, or "" */
};

/* Each fails with -1 and CS_EUPSTREAM "ca-bad-reply" or CS_EREFUSED "ca-bad-url". */
int object_directory(struct directory_object *out, const json_t *json, const struct url_rules *rules, struct cs_error *err);
/* `names` as asked: an order for anything else is refused. */
int object_order(struct order_object *out, const json_t *json, const struct url_rules *rules, const char *const *names,
                 size_t n_names, struct cs_error *err);
int object_authorization(struct authorization_object *out, const json_t *json, const struct url_rules *rules,
                         struct cs_error *err);
/* Status of an account or a challenge: its "status" alone. */
enum object_status object_status(const json_t *json);

/* RFC 8555 8.1: base64url, here 22 (128 bits) to 128 characters, so that it can be used in names and paths. */
bool object_token_is_good(const char *token);

#endif

/*
 * From an HTTP reply of a CA to parsed JSON, or to one failure that says whether to try again. The only place that reads
 * problem documents (RFC 7807; RFC 8555 6.7). Used by transport.c. Pure, fuzzed.
 */
#ifndef CA_ACME_REPLY_H
#define CA_ACME_REPLY_H

#include <jansson.h>

#include <countersign/http.h>

#define REPLY_MOST_JSON ((size_t)256 * 1024)
#define REPLY_MOST_CHAIN ((size_t)256 * 1024)

enum reply_kind {
    REPLY_JSON = 1, /* an object of application/json */
    REPLY_CHAIN,    /* application/pem-certificate-chain */
    REPLY_ANY       /* whatever: only its status and headers count */
};

/* The errors of RFC 8555 6.7, RFC 9773 and draft-ietf-acme-profiles that we treat by name. */
enum acme_error {
    ACME_NO_TYPE = 0, /* no problem document, or a type that we do not know */
    ACME_ACCOUNT_DOES_NOT_EXIST,
    ACME_ALREADY_REPLACED,
    ACME_ALREADY_REVOKED,
    ACME_BAD_CSR,
    ACME_BAD_NONCE,
    ACME_BAD_PUBLIC_KEY,
    ACME_BAD_REVOCATION_REASON,
    ACME_BAD_SIGNATURE_ALGORITHM,
    ACME_CAA,
    ACME_COMPOUND,
    ACME_CONNECTION,
    ACME_DNS,
    ACME_EXTERNAL_ACCOUNT_REQUIRED,
    ACME_INCORRECT_RESPONSE,
    ACME_INVALID_CONTACT,
    ACME_INVALID_PROFILE,
    ACME_MALFORMED,
    ACME_ORDER_NOT_READY,
    ACME_RATE_LIMITED,
    ACME_REJECTED_IDENTIFIER,
    ACME_SERVER_INTERNAL,
    ACME_TLS,
    ACME_UNAUTHORIZED,
    ACME_UNSUPPORTED_CONTACT,
    ACME_UNSUPPORTED_IDENTIFIER,
    ACME_USER_ACTION_REQUIRED
};

struct failure {
    struct cs_error err;
    enum acme_error type;
    int status;          /* of HTTP; 0: there was no answer                                   */
    bool transient;      /* the same again may work: no answer, 5xx, 408                      */
    bool is_acme;        /* a problem document says it: the CA's own words, not those of somebody between us */
    const char *problem; /* the CA's document, word for word, or NULL; valid inside the callback */
    size_t problem_len;
};

struct reply {
    int status;
    json_t *json;            /* REPLY_JSON: an object, borrowed */
    const char *body;        /* NUL-terminated */
    size_t body_len;
    const char *location;    /* or "" */
    int64_t retry_after_ms;  /* 0: none */
    const struct cs_http_reply *http;
};

/* Returns 0 and *out, or -1 and *failure. reply_release() in both cases. */
int reply_read(struct reply *out, const struct cs_http_reply *http, enum reply_kind kind, struct failure *failure);
void reply_release(struct reply *reply);

/* There was no answer at all. */
void failure_of_error(struct failure *failure, const struct cs_error *err);

/* A problem document inside an order; `about` begins the sentence ("the CA refused the order"). */
void problem_read(struct cs_error *err, const json_t *problem, const char *about);
/* One inside a challenge: what the CA saw in the DNS (dns, connection, unauthorized …) is CS_EREFUSED "challenge-failed". */
void problem_read_challenge(struct cs_error *err, const json_t *problem, const char *about);

/* Strict JSON (no duplicate keys, no NUL, sane depth) that is an object; NULL and *err (CS_EUPSTREAM "ca-bad-reply"). */
json_t *reply_json(const char *body, size_t len, struct cs_error *err);

/* Words of the CA for an error or the log: cut to `size`, without control characters. */
void reply_quote(char *out, size_t size, const char *words);

#endif

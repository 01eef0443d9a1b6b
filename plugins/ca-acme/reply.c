/*
 * From an HTTP reply of a CA to JSON or a failure; see reply.h. Everything here was written by somebody else: sizes, types
 * and characters are checked before a word of it goes anywhere.
 */
#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define URN "urn:ietf:params:acme:error:"
#define QUOTE_DETAIL 300
#define SUBPROBLEMS_SHOWN 3

/* What a type means to whoever reads our error. A code of 0: whatever the HTTP status says. */
static const struct {
    const char *slug;
    enum cs_code code;
    const char *reason;
} types[] = {
    [ACME_NO_TYPE]                 = { "",                        0,             ""                       },
    [ACME_ACCOUNT_DOES_NOT_EXIST]  = { "accountDoesNotExist",     CS_EUPSTREAM,  "ca-account-lost"        },
    [ACME_ALREADY_REPLACED]        = { "alreadyReplaced",         CS_EREFUSED,   "ca-already-replaced"    },
    [ACME_ALREADY_REVOKED]         = { "alreadyRevoked",          CS_EREFUSED,   "ca-already-revoked"     },
    [ACME_BAD_CSR]                 = { "badCSR",                  CS_EREFUSED,   "ca-bad-csr"             },
    [ACME_BAD_NONCE]               = { "badNonce",                CS_EUPSTREAM,  "ca-bad-nonce"           },
    [ACME_BAD_PUBLIC_KEY]          = { "badPublicKey",            CS_EREFUSED,   "ca-bad-public-key"      },
    [ACME_BAD_REVOCATION_REASON]   = { "badRevocationReason",     CS_EINPUT,     "ca-bad-reason"          },
    [ACME_BAD_SIGNATURE_ALGORITHM] = { "badSignatureAlgorithm",   CS_ECONFIG,    "ca-bad-key-type"        },
    [ACME_CAA]                     = { "caa",                     CS_EREFUSED,   "ca-caa"                 },
    [ACME_COMPOUND]                = { "compound",                CS_EREFUSED,   "ca-refused"             },
    [ACME_CONNECTION]              = { "connection",              CS_EREFUSED,   "challenge-failed"       },
    [ACME_DNS]                     = { "dns",                     CS_EREFUSED,   "challenge-failed"       },
    [ACME_EXTERNAL_ACCOUNT_REQUIRED] = { "externalAccountRequired", CS_ECONFIG,  "ca-eab-required"        },
    [ACME_INCORRECT_RESPONSE]      = { "incorrectResponse",       CS_EREFUSED,   "challenge-failed"       },
    [ACME_INVALID_CONTACT]         = { "invalidContact",          CS_ECONFIG,    "ca-bad-contact"         },
    [ACME_INVALID_PROFILE]         = { "invalidProfile",          CS_ECONFIG,    "ca-bad-profile"         },
    [ACME_MALFORMED]               = { "malformed",               CS_EREFUSED,   "ca-refused"             },
    [ACME_ORDER_NOT_READY]         = { "orderNotReady",           CS_EUPSTREAM,  "ca-order-not-ready"     },
    [ACME_RATE_LIMITED]            = { "rateLimited",             CS_ELIMIT,     "ca-rate-limited"        },
    [ACME_REJECTED_IDENTIFIER]     = { "rejectedIdentifier",      CS_EREFUSED,   "ca-rejected-identifier" },
    [ACME_SERVER_INTERNAL]         = { "serverInternal",          CS_EUPSTREAM,  "ca-unavailable"         },
    [ACME_TLS]                     = { "tls",                     CS_EREFUSED,   "challenge-failed"       },
    [ACME_UNAUTHORIZED]            = { "unauthorized",            CS_EREFUSED,   "ca-unauthorized"        },
    [ACME_UNSUPPORTED_CONTACT]     = { "unsupportedContact",      CS_ECONFIG,    "ca-bad-contact"         },
    [ACME_UNSUPPORTED_IDENTIFIER]  = { "unsupportedIdentifier",   CS_EREFUSED,   "ca-rejected-identifier" },
    [ACME_USER_ACTION_REQUIRED]    = { "userActionRequired",      CS_ECONFIG,    "ca-user-action"         },
};
#define N_TYPES (sizeof types / sizeof *types)

static enum acme_error type_of(const char *urn)
{
    const char *slug = strncmp(urn, URN, strlen(URN)) == 0 ? urn + strlen(URN) : "";

    for (size_t i = ACME_NO_TYPE + 1; i < N_TYPES; i++)
        if (strcmp(slug, types[i].slug) == 0)
            return (enum acme_error)i;
    return ACME_NO_TYPE;
}

/* Control characters of ASCII, and those of Unicode that a terminal may act on (U+0080 to U+009F, U+2028 to U+202E, U+2066 to
 * U+2069), become '?'. The words come from jansson, so they are UTF-8. */
static size_t clean_one(char *out, const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f) {
        *out = '?';
        return 1;
    }
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
        *out = '?';
        return 2;
    }
    if (at[0] == 0xe2 &&
        ((at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9))) {
        *out = '?';
        return 3;
    }
    *out = (char)at[0];
    return 1;
}

void reply_quote(char *out, size_t size, const char *words)
{
    const unsigned char *at = (const unsigned char *)words;
    size_t n = 0;

    while (*at && n + 1 < size)
        at += clean_one(out + n++, at);
    if (*at)
        while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
            n--; /* never end inside a character */
    if (*at && n > 0 && (unsigned char)out[n - 1] >= 0xc0)
        n--;
    out[n] = '\0';
}

static const char *member(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

static void add_quoted(struct text *sentence, const char *words, size_t most)
{
    char quoted[QUOTE_DETAIL + 1];

    reply_quote(quoted, most < sizeof quoted ? most : sizeof quoted, words);
    text_add(sentence, quoted);
}

/* RFC 8555 6.7.1: what is wrong with each identifier. */
static void add_subproblems(struct text *sentence, const json_t *problem)
{
    const json_t *list = json_object_get(problem, "subproblems");
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n && i < SUBPROBLEMS_SHOWN; i++) {
        const json_t *one = json_array_get(list, i);

        text_add(sentence, "; ");
        add_quoted(sentence, member(json_object_get(one, "identifier"), "value"), 80);
        text_add(sentence, ": ");
        add_quoted(sentence, member(one, "detail"), 120);
    }
    if (n > SUBPROBLEMS_SHOWN)
        text_addf(sentence, "; and %zu more", n - SUBPROBLEMS_SHOWN);
}

static void write_sentence(struct text *sentence, const json_t *problem, const char *about)
{
    enum acme_error type = type_of(member(problem, "type"));
    const char *detail = member(problem, "detail");

    text_addf(sentence, "%s: ", about);
    add_quoted(sentence, detail[0] ? detail : "no reason given", QUOTE_DETAIL);
    if (type != ACME_NO_TYPE)
        text_addf(sentence, " (%s)", types[type].slug);
    if (type == ACME_USER_ACTION_REQUIRED) {
        text_add(sentence, "; see ");
        add_quoted(sentence, member(problem, "instance"), 200);
    }
    add_subproblems(sentence, problem);
}

void problem_read(struct cs_error *err, const json_t *problem, const char *about)
{
    struct text sentence = TEXT_MAX(2048);
    enum acme_error type = type_of(member(problem, "type"));

    write_sentence(&sentence, problem, about);
    cs_fail_as(err, types[type].code ? types[type].code : CS_EREFUSED, types[type].reason, "%s", text_of(&sentence));
    text_free(&sentence);
}

void problem_read_challenge(struct cs_error *err, const json_t *problem, const char *about)
{
    static const enum acme_error seen[] = { ACME_NO_TYPE, ACME_COMPOUND, ACME_MALFORMED, ACME_UNAUTHORIZED };
    enum acme_error type = type_of(member(problem, "type"));

    problem_read(err, problem, about);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        if (type == seen[i])
            snprintf(err->reason, sizeof err->reason, "challenge-failed");
}

json_t *reply_json(const char *body, size_t len, struct cs_error *err)
{
    json_error_t fault;
    json_t *json;

    errno = 0;
    json = json_loadb(body, len, JSON_REJECT_DUPLICATES, &fault);
    if (!json) {
        cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's answer is not valid JSON (line %d)", fault.line);
        error_blame_memory(err);
        return NULL;
    }
    if (!json_is_object(json)) {
        json_decref(json);
        cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's answer is not a JSON object");
        return NULL;
    }
    return json;
}

static void fail_by_status(struct failure *failure, const struct cs_http_reply *http)
{
    if (http->status == 429)
        cs_fail_as(&failure->err, CS_ELIMIT, "ca-rate-limited", "the CA answered 429 (too many requests)");
    else if (http->status >= 500 || http->status == 408)
        cs_fail_as(&failure->err, CS_EUPSTREAM, "ca-unavailable", "the CA answered %d", http->status);
    else if (http->status >= 400)
        cs_fail_as(&failure->err, CS_EREFUSED, "ca-refused", "the CA answered %d without saying why", http->status);
    else
        cs_fail_as(&failure->err, CS_EUPSTREAM, "ca-bad-reply", "the CA answered %d, which ACME does not know", http->status);
}

/* RFC 8555 6.7; a gateway's own JSON has another type. */
static bool is_document(const struct cs_http_reply *http)
{
    return strcmp(http->content_type, "application/problem+json") == 0;
}

/* A status that is not a success. */
static void read_failure(struct failure *failure, const struct cs_http_reply *http)
{
    bool is_problem = is_document(http) || strcmp(http->content_type, "application/json") == 0;
    json_t *problem = is_problem && http->body_len <= REPLY_MOST_JSON ? reply_json(http->body, http->body_len, NULL) : NULL;

    fail_by_status(failure, http);
    if (problem) {
        struct cs_error by_status = failure->err;

        failure->type = type_of(member(problem, "type"));
        failure->is_acme = failure->type != ACME_NO_TYPE || is_document(http);
        failure->problem = http->body;
        failure->problem_len = http->body_len;
        problem_read(&failure->err, problem, "the CA says");
        if (!types[failure->type].code || http->status >= 500) { /* Let's Encrypt is down for maintenance as `rateLimited` */
            failure->err.code = by_status.code;
            memcpy(failure->err.reason, by_status.reason, sizeof by_status.reason);
        }
        json_decref(problem);
    }
    failure->status = http->status;
    failure->err.retry_after_ms = http->retry_after_ms;
    failure->transient = http->status >= 500 || http->status == 408 || failure->type == ACME_SERVER_INTERNAL;
}

static int read_body(struct reply *out, const struct cs_http_reply *http, enum reply_kind kind, struct cs_error *err)
{
    switch (kind) {
    case REPLY_ANY:
        return 0;
    case REPLY_CHAIN:
        if (strcmp(http->content_type, "application/pem-certificate-chain") != 0)
            return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA sent something else than a PEM certificate chain");
        if (!http->body_len)
            return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's chain is empty");
        if (http->body_len > REPLY_MOST_CHAIN)
            return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's chain is too long (%zu bytes)", http->body_len);
        return 0;
    case REPLY_JSON:
        if (strcmp(http->content_type, "application/json") != 0)
            return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA sent something else than JSON");
        if (http->body_len > REPLY_MOST_JSON)
            return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's answer is too long (%zu bytes)", http->body_len);
        out->json = reply_json(http->body, http->body_len, err);
        return out->json ? 0 : -1;
    }
    return cs_fail(err, CS_EINTERNAL, "a reply of kind %d", (int)kind);
}

int reply_read(struct reply *out, const struct cs_http_reply *http, enum reply_kind kind, struct failure *failure)
{
    const char *location = cs_http_header(http, "Location", 0);

    *failure = (struct failure){ 0 };
    *out = (struct reply){ .status = http->status,
                           .body = http->body,
                           .body_len = http->body_len,
                           .location = location ? location : "",
                           .retry_after_ms = http->retry_after_ms,
                           .http = http };
    if (http->status < 200 || http->status > 299) {
        read_failure(failure, http);
        return -1;
    }
    if (read_body(out, http, kind, &failure->err) < 0) {
        failure->status = http->status;
        failure->transient = failure->err.code == CS_EBUSY; /* no memory to read it: what was asked may be done */
        return -1;
    }
    return 0;
}

void reply_release(struct reply *reply)
{
    json_decref(reply->json);
    reply->json = NULL;
}

void failure_of_error(struct failure *failure, const struct cs_error *err)
{
    *failure = (struct failure){ .err = *err };
    failure->transient = (err->code == CS_EUPSTREAM || err->code == CS_ETIMEDOUT || err->code == CS_EBUSY) &&
                         strcmp(err->reason, CS_CA_OUT) != 0;
}

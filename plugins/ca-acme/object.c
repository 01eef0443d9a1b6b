/*
 * The objects of RFC 8555 7.1; see object.h. Unknown members, challenge types and challenges without a token are passed over
 * (RFC 8555 7.1, 8); what we do use must have the right type.
 */
#include "object.h"

#include <string.h>
#include <strings.h>

#define MOST_CHALLENGES 50

static const char *const status_words[] = {
    [STATUS_UNKNOWN] = "",         [STATUS_PENDING] = "pending",         [STATUS_PROCESSING] = "processing",
    [STATUS_READY] = "ready",      [STATUS_VALID] = "valid",             [STATUS_INVALID] = "invalid",
    [STATUS_DEACTIVATED] = "deactivated", [STATUS_EXPIRED] = "expired", [STATUS_REVOKED] = "revoked",
};

static int bad(struct cs_error *err, const char *what)
{
    return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's answer lacks a usable \"%s\"", what);
}

static const char *string_member(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    return value ? value : "";
}

enum object_status object_status(const json_t *json)
{
    const char *word = string_member(json, "status");

    for (size_t i = STATUS_PENDING; i < sizeof status_words / sizeof *status_words; i++)
        if (strcmp(word, status_words[i]) == 0)
            return (enum object_status)i;
    return STATUS_UNKNOWN;
}

/* A URL that may be missing if `optional`; when it is there it must be one that we follow. */
static int take_url(const char **out, const json_t *json, const char *name, bool optional, const struct url_rules *rules,
                    struct cs_error *err)
{
    *out = string_member(json, name);
    if ((*out)[0])
        return url_check(rules, *out, name, err);
    return optional && !json_object_get(json, name) ? 0 : bad(err, name);
}

int object_directory(struct directory_object *out, const json_t *json, const struct url_rules *rules, struct cs_error *err)
{
    const json_t *meta = json_object_get(json, "meta"), *profiles = json_object_get(meta, "profiles"),
                 *identities = json_object_get(meta, "caaIdentities");

    *out = (struct directory_object){ 0 };
    if (take_url(&out->new_nonce, json, "newNonce", false, rules, err) < 0 ||
        take_url(&out->new_account, json, "newAccount", false, rules, err) < 0 ||
        take_url(&out->new_order, json, "newOrder", false, rules, err) < 0 ||
        take_url(&out->revoke_cert, json, "revokeCert", true, rules, err) < 0 ||
        take_url(&out->renewal_info, json, "renewalInfo", true, rules, err) < 0)
        return -1;
    out->terms = string_member(meta, "termsOfService");
    out->eab_required = json_is_true(json_object_get(meta, "externalAccountRequired"));
    out->profiles = json_is_object(profiles) ? profiles : NULL;
    out->identities = json_is_array(identities) ? identities : NULL;
    return 0;
}

static bool is_asked(const json_t *identifier, const char *const *names, size_t n_names)
{
    const char *value = string_member(identifier, "value");

    if (strcmp(string_member(identifier, "type"), "dns") != 0)
        return false;
    for (size_t i = 0; i < n_names; i++)
        if (strcasecmp(value, names[i]) == 0)
            return true;
    return false;
}

/* As many as we asked for, each of them asked for, no name twice: then the sets are equal. */
static int check_identifiers(const json_t *list, const char *const *names, size_t n_names, struct cs_error *err)
{
    size_t n = json_array_size(list);

    if (n != n_names)
        return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's order has %zu names, asked were %zu", n, n_names);
    for (size_t i = 0; i < n; i++) {
        const char *value = string_member(json_array_get(list, i), "value");

        if (!is_asked(json_array_get(list, i), names, n_names))
            return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's order has a name that was not asked for");
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(value, string_member(json_array_get(list, j), "value")) == 0)
                return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's order has a name twice");
    }
    return 0;
}

static int check_urls(const json_t *list, const struct url_rules *rules, struct cs_error *err)
{
    size_t n = json_array_size(list);

    if (n == 0 || n > OBJECT_MOST_AUTHORIZATIONS)
        return bad(err, "authorizations");
    for (size_t i = 0; i < n; i++) {
        const char *url = json_string_value(json_array_get(list, i));

        if (!url)
            return bad(err, "authorizations");
        if (url_check(rules, url, "authorization", err) < 0)
            return -1;
    }
    return 0;
}

int object_order(struct order_object *out, const json_t *json, const struct url_rules *rules, const char *const *names,
                 size_t n_names, struct cs_error *err)
{
    json_t *error = json_object_get(json, "error");

    *out = (struct order_object){ .status = object_status(json), .error = json_is_object(error) ? error : NULL };
    if (out->status == STATUS_UNKNOWN)
        return bad(err, "status");
    out->authorizations = json_object_get(json, "authorizations");
    out->profile = string_member(json, "profile");
    if (check_identifiers(json_object_get(json, "identifiers"), names, n_names, err) < 0 ||
        check_urls(out->authorizations, rules, err) < 0 ||
        take_url(&out->finalize, json, "finalize", false, rules, err) < 0 ||
        take_url(&out->certificate, json, "certificate", out->status != STATUS_VALID, rules, err) < 0)
        return -1;
    return 0;
}

bool object_token_is_good(const char *token)
{
    size_t len = strnlen(token, 129);

    return len >= 22 && len <= 128 &&
           strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* The dns-01 challenge, if there is one whose token and URL can be used. */
static int take_challenge(struct authorization_object *out, const json_t *challenge, const struct url_rules *rules,
                          struct cs_error *err)
{
    const char *type = string_member(challenge, "type"), *token = string_member(challenge, "token");
    json_t *error = json_object_get(challenge, "error");

    if (json_is_object(error))
        out->error = error;
    if (strcmp(type, "dns-01") != 0 || out->url[0]) {
        if (!out->offered[0])
            out->offered = type;
        return 0;
    }
    if (!json_object_get(challenge, "token"))
        return 0;
    if (!object_token_is_good(token))
        return cs_fail_as(err, CS_EREFUSED, "ca-bad-token", "the CA's dns-01 token is not 22 to 128 characters of base64url");
    out->token = token;
    out->challenge_status = object_status(challenge);
    return take_url(&out->url, challenge, "url", false, rules, err);
}

int object_authorization(struct authorization_object *out, const json_t *json, const struct url_rules *rules,
                         struct cs_error *err)
{
    const json_t *identifier = json_object_get(json, "identifier"), *list = json_object_get(json, "challenges");

    *out = (struct authorization_object){ .status = object_status(json), .url = "", .token = "", .offered = "" };
    out->name = string_member(identifier, "value");
    out->wildcard = json_is_true(json_object_get(json, "wildcard"));
    if (out->status == STATUS_UNKNOWN)
        return bad(err, "status");
    if (strcmp(string_member(identifier, "type"), "dns") != 0 || !out->name[0])
        return bad(err, "identifier");
    for (size_t i = 0; i < json_array_size(list) && i < MOST_CHALLENGES; i++)
        if (take_challenge(out, json_array_get(list, i), rules, err) < 0)
            return -1;
    return 0;
}

/*
 * Who may have what; see grant.h.
 */
#include "request/grant.h"

#include <string.h>

#include "request/key_name.h"

int grant_subject(const struct asker *asker, const struct subject_row *row, struct cs_error *err)
{
    (void)asker;
    if (!row || !row->enabled || !row->zone_enabled)
        return cs_fail_as(err, CS_EINPUT, "unknown-subject",
                          "nobody with the subject of this CSR is known here: order, case and every attribute count; the "
                          "server's operator adds one with `countersign subject add`");
    return 0;
}

int grant_holds(const struct subject_row *row, const char *zone, struct cs_error *err)
{
    if (!row || strcmp(row->zone, zone) != 0)
        return cs_fail_as(err, CS_EDENIED, "not-granted", "its subject was taken out of the table");
    if (!row->enabled || !row->zone_enabled)
        return cs_fail_as(err, CS_EDENIED, "not-granted", "its subject or zone was disabled");
    return 0;
}

void asker_clear(struct asker *asker)
{
    standing_clear(&asker->standing);
    client_certificate_release(asker->credential.certificate);
    *asker = (struct asker){ .front = "", .client = "" };
}

/* ---- Credentials ---- */

static int check_field(enum client_token token, struct cs_error *err)
{
    switch (token) {
    case CLIENT_NO_TOKEN:
    case CLIENT_TOKEN:
        break;
    case CLIENT_MALFORMED_TOKEN:
        return cs_fail_as(err, CS_ECREDENTIAL, "bad-token",
                          "what stands behind Bearer is no token: send it as it was given out");
    case CLIENT_BAD_FIELD:
        return cs_fail_as(err, CS_ECREDENTIAL, "bad-authorization",
                          "one field `Authorization: Bearer TOKEN` is needed, no more and nothing else");
    case CLIENT_OTHER_SCHEME:
        return cs_fail_as(err, CS_ECREDENTIAL, "bad-scheme",
                          "Authorization has another scheme than Bearer: send `Authorization: Bearer TOKEN`, or no such field");
    }
    return 0;
}

static int check_token(const struct standing *standing, int64_t now_ms, struct cs_error *err)
{
    const struct client_row *client = standing->by_token;

    if (!client || client->kind != CS_CLIENT_TOKEN)
        return cs_fail_as(err, CS_ECREDENTIAL, "bad-token",
                          "nobody has this token here: it is mistyped, removed or replaced; ask the operator for another one");
    if (!client->enabled)
        return cs_fail_as(err, CS_ECREDENTIAL, "token-disabled", "the operator has disabled this token's client");
    if (standing->is_old_token && now_ms >= client->old_token_until_ms)
        return cs_fail_as(err, CS_ECREDENTIAL, "token-expired",
                          "this token was replaced by a new one, and its time is over: use the new one");
    if (client->expires_ms && now_ms >= client->expires_ms)
        return cs_fail_as(err, CS_ECREDENTIAL, "token-expired",
                          "the time of this token is over: ask the operator for another one");
    return 0;
}

static int check_certificate(const struct asker *asker, int64_t now_ms, struct cs_error *err)
{
    const struct client_certificate *certificate = asker->credential.certificate;
    const struct client_row *client = asker->standing.by_certificate;

    if (asker->credential.bad_certificate)
        return cs_fail_as(err, CS_ECREDENTIAL, "bad-certificate",
                          "the client certificate was not issued by a CA that is accepted here, is revoked, or is not for "
                          "clients");
    if (!certificate)
        return 0;
    if (now_ms < certificate->not_before_ms || now_ms >= certificate->not_after_ms)
        return cs_fail_as(err, CS_ECREDENTIAL, "certificate-expired",
                          "the client certificate is not valid now: get another one, and connect anew");
    if (!client)
        return 0;
    if (!client->enabled)
        return cs_fail_as(err, CS_ECREDENTIAL, "certificate-disabled", "the operator has disabled this certificate's client");
    if (client->expires_ms && now_ms >= client->expires_ms)
        return cs_fail_as(err, CS_ECREDENTIAL, "certificate-expired",
                          "the time of this certificate's client is over: ask the operator");
    return 0;
}

static int want_token(const struct standing *standing, struct cs_error *err)
{
    if (!standing->by_token)
        return cs_fail_as(err, CS_ECREDENTIAL, "token-needed",
                          "this subject needs a token: send `Authorization: Bearer TOKEN`; the operator gives one out with "
                          "`countersign client add`");
    if (standing->token_may)
        return 0;
    return cs_fail_as(err, CS_EDENIED, "wrong-subject", "the token is good, but not for this subject");
}

static int want_certificate(const struct asker *asker, struct cs_error *err)
{
    if (!asker->credential.certificate)
        return cs_fail_as(err, CS_ECREDENTIAL, "certificate-needed",
                          "this subject needs a client certificate in the TLS handshake");
    if (!asker->standing.by_certificate)
        return cs_fail_as(err, CS_ECREDENTIAL, "unknown-certificate",
                          "the client certificate is valid, but nobody with it is known here: the operator adds one with "
                          "`countersign client add`");
    if (asker->standing.certificate_may)
        return 0;
    return cs_fail_as(err, CS_EDENIED, "wrong-subject", "the client certificate is good, but not for this subject");
}

static const char *name_of(const struct client_row *row)
{
    return row ? row->client : "";
}

int grant_access(struct asker *asker, const struct subject_row *row, struct cs_error *err)
{
    const struct standing *standing = &asker->standing;
    const int64_t now_ms = cs_wall_ms();

    asker->client = "";
    if (check_field(asker->credential.token, err) < 0)
        return -1;
    if (asker->credential.token == CLIENT_TOKEN && check_token(standing, now_ms, err) < 0)
        return -1;
    if (check_certificate(asker, now_ms, err) < 0)
        return -1;
    switch (row->access) {
    case CS_ACCESS_OPEN:
        asker->client = name_of(standing->by_token ? standing->by_token : standing->by_certificate);
        return 0;
    case CS_ACCESS_TOKEN:
        asker->client = name_of(standing->by_token);
        return want_token(standing, err);
    case CS_ACCESS_CERTIFICATE:
        asker->client = name_of(standing->by_certificate);
        return want_certificate(asker, err);
    }
    return cs_fail(err, CS_EINTERNAL, "a subject has an access that is none");
}

/* ---- Names ---- */

/* The next word of a list that is separated by spaces; NULL behind the last. */
static const char *next_word(const char **list, char *word, size_t room)
{
    size_t len;

    *list += strspn(*list, " ");
    len = strcspn(*list, " ");
    if (!len || len >= room)
        return NULL;
    memcpy(word, *list, len);
    word[len] = '\0';
    *list += len;
    return word;
}

/* "a.x", "*.x", ".x", or "{key}.x" for the name of this key. */
static bool entry_allows(const char *entry, const struct csr *csr, const char *name)
{
    char its_name[NAME_MAX_LEN + 1];

    if (!key_name_is_entry(entry))
        return name_allowed(entry, name);
    return key_name_make(its_name, entry, csr->spki_sha256) && strcmp(its_name, name) == 0;
}

static bool row_lists(const struct subject_row *row, const struct csr *csr, const char *name)
{
    const char *list = row->names;
    char word[NAME_MAX_LEN + 3];

    while (next_word(&list, word, sizeof word))
        if (entry_allows(word, csr, name))
            return true;
    return false;
}

/* The first name that the row allows to this key alone. */
static bool find_key_name(char out[NAME_MAX_LEN + 1], const struct subject_row *row, const struct csr *csr)
{
    const char *list = row->names;
    char word[NAME_MAX_LEN + 3];

    while (next_word(&list, word, sizeof word))
        if (key_name_is_entry(word) && key_name_make(out, word, csr->spki_sha256))
            return true;
    return false;
}

/* Without a list a subject may have exactly its CN. */
static bool is_allowed(const struct subject_row *row, const struct csr *csr, const char *name)
{
    return row->names[0] ? row_lists(row, csr, name) : csr->cn[0] && strcmp(name, csr->cn) == 0;
}

static int check_name(const struct subject_row *row, const struct csr *csr, const char *name, struct cs_error *err)
{
    char its_name[NAME_MAX_LEN + 1];

    if (!name_in_zone(name, row->zone))
        return cs_fail_as(err, CS_EDENIED, "foreign-name",
                          "%s does not lie in %s, the zone of this subject: leave it out of subjectAltName", name, row->zone);
    if (is_allowed(row, csr, name))
        return 0;
    if (find_key_name(its_name, row, csr))
        return cs_fail_as(err, CS_EDENIED, "name-not-of-key",
                          "names of this subject follow from the key: with the key of this CSR it is %s", its_name);
    return cs_fail_as(err, CS_EDENIED, "name-not-allowed",
                      "this subject may not have a certificate for %s: leave it out of subjectAltName, or ask the operator to "
                      "list it",
                      name);
}

/* The row's, or what the configuration says of the server's own certificate. */
static const char *list_of_cas(const struct heart *heart, const struct subject_row *row)
{
    const size_t len = strlen(SUBJECT_SELF);
    const char *ca =
        strncmp(row->subject, SUBJECT_SELF, len) == 0 ? settings_self_ca(heart->settings, row->subject + len) : NULL;

    return ca ? ca : row->cas;
}

struct instance *grant_ca(struct heart *heart, const struct subject_row *row, struct cs_error *err)
{
    const char *list = list_of_cas(heart, row);
    char word[128];
    struct instance *ca;

    if (next_word(&list, word, sizeof word)) {
        ca = instances_find(heart->instances, ROLE_CA, word);
        if (!ca)
            cs_fail(err, CS_ECONFIG, "the subject's row names the CA \"%s\", which the configuration does not have", word);
        return ca;
    }
    ca = instances_at(heart->instances, ROLE_CA, 0);
    if (ca && instances_at(heart->instances, ROLE_CA, 1)) {
        cs_fail(err, CS_ECONFIG, "there are several CAs and the subject's row names none: countersign subject add … --ca NAME");
        return NULL;
    }
    if (!ca)
        cs_fail(err, CS_ECONFIG, "the configuration has no CA: add a block to `ca`");
    return ca;
}

static int refuse_cn_only(const struct csr *csr, struct cs_error *err)
{
    struct text advice = TEXT_MAX(sizeof err->text - 128);

    csr_cn_only_advice(csr, &advice);
    cs_fail_as(err, CS_EINPUT, "cn-only",
               "the CSR names its host in the CN only, which this CA refuses; it needs a subjectAltName: %s",
               text_failed(&advice) ? "openssl req … -addext 'subjectAltName=DNS:NAME'" : text_of(&advice));
    text_free(&advice);
    return -1;
}

/* A zone without a list takes whatever csr_key.c does. */
static int check_key(const struct subject_row *row, const struct csr *csr, struct cs_error *err)
{
    const char *list = row->keys;
    char word[16];

    if (!*list)
        return 0;
    while (next_word(&list, word, sizeof word))
        if (strcmp(word, csr->key_type) == 0)
            return 0;
    return cs_fail_as(err, CS_EINPUT, "key-type", "the key is %s, and zone %s takes %s only: make a key of that type",
                      csr->key_type, row->zone, row->keys);
}

int grant_names(struct heart *heart, const struct asker *asker, const struct subject_row *row, const struct csr *csr,
                struct grant *out, struct cs_error *err)
{
    if (check_key(row, csr, err) < 0)
        return -1;
    for (size_t i = 0; i < csr->n_names; i++)
        if (check_name(row, csr, csr->names[i], err) < 0)
            return -1;
    out->ca = grant_ca(heart, row, err);
    if (!out->ca)
        return -1;
    if (csr->cn_only && !out->ca->block.cn_only)
        return refuse_cn_only(csr, err);
    if (!instances_find(heart->instances, ROLE_DNS, row->dns) && row->dns[0])
        return cs_fail(err, CS_ECONFIG,
                       "the row of zone %s names the DNS instance \"%s\", which the configuration does not have", row->zone,
                       row->dns);
    out->profile = row->profile;
    out->client = asker->client;
    return 0;
}

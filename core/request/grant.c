/*
 * Who may have what; see grant.h.
 */
#include "request/grant.h"

#include <string.h>

int grant_subject(const struct asker *asker, const struct subject_row *row, struct cs_error *err)
{
    (void)asker;
    if (!row || !row->enabled || !row->zone_enabled)
        return cs_fail_as(err, CS_EINPUT, "unknown-subject",
                          "nobody with the subject of this CSR is known here: order, case and every attribute count; the "
                          "server's operator adds one with `countersign subject add`");
    return 0;
}

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

static bool row_lists(const struct subject_row *row, const char *name)
{
    const char *list = row->names;
    char word[NAME_MAX_LEN + 3];

    while (next_word(&list, word, sizeof word))
        if (name_allowed(word, name))
            return true;
    return false;
}

/* Without a list a subject may have exactly its CN. */
static bool is_allowed(const struct subject_row *row, const struct csr *csr, const char *name)
{
    return row->names[0] ? row_lists(row, name) : csr->cn[0] && strcmp(name, csr->cn) == 0;
}

static int check_name(const struct subject_row *row, const struct csr *csr, const char *name, struct cs_error *err)
{
    if (!name_in_zone(name, row->zone))
        return cs_fail_as(err, CS_EDENIED, "foreign-name",
                          "%s does not lie in %s, the zone of this subject: leave it out of subjectAltName", name, row->zone);
    if (!is_allowed(row, csr, name))
        return cs_fail_as(err, CS_EDENIED, "name-not-allowed",
                          "this subject may not have a certificate for %s: leave it out of subjectAltName, or ask the operator "
                          "to list it",
                          name);
    return 0;
}

struct instance *grant_ca(struct heart *heart, const struct subject_row *row, struct cs_error *err)
{
    const char *list = row->cas;
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

int grant_names(struct heart *heart, const struct asker *asker, const struct subject_row *row, const struct csr *csr,
                struct grant *out, struct cs_error *err)
{
    (void)asker;
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
    return 0;
}

/*
 * May our CAs issue for the names of a zone, by its CAA records (RFC 8659)? Asked for at each name and up the tree, as a CA
 * does it. Called by doctor_zone.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caa.h"
#include "base/dns_packet.h"
#include "command/dns_look.h"
#include "command/doctor_dns.h"

enum { OWNERS_MOST = 64, RECORDS_MOST = 40, IDENTITIES_MOST = 16 };

/* ---- Names ----------------------------------------------------------------------------------------------------------- */

static size_t add_name(struct doctor_name *out, size_t n, const struct doctor_zone *zone, const struct doctor_subject *subject,
                       const char *typed, size_t len)
{
    struct doctor_name *name = &out[n];
    char checked[NAME_MAX_LEN + 1];

    if (n == DOCTOR_NAMES_MOST)
        return n;
    if (len > 1 && typed[0] == '.') /* any name below */
        typed++, len--;
    if (name_check(checked, typed, len, NAME_WILDCARD | NAME_UNDERSCORE, NULL) < 0 || !name_in_zone(checked, zone->zone))
        return n;
    *name = (struct doctor_name){ .wildcard = strncmp(checked, "*.", 2) == 0, .subject = subject };
    snprintf(name->name, sizeof name->name, "%s", checked + (name->wildcard ? 2 : 0));
    return n + 1;
}

static size_t add_names(struct doctor_name *out, size_t n, const struct doctor_zone *zone, const struct doctor_subject *subject)
{
    const char *cn = strncmp(subject->subject, "CN=", 3) == 0 ? subject->subject + 3 : "";

    if (!subject->names[0])
        return add_name(out, n, zone, subject, cn, strcspn(cn, ",+"));
    for (const char *at = subject->names; *at; at += strspn(at, " ")) {
        const size_t len = strcspn(at, " ");

        n = add_name(out, n, zone, subject, at, len);
        at += len;
    }
    return n;
}

size_t doctor_names(const struct doctor *d, const struct doctor_zone *zone, struct doctor_name out[DOCTOR_NAMES_MOST])
{
    size_t n = add_name(out, 0, zone, NULL, zone->zone, strlen(zone->zone));

    for (size_t i = 0; i < d->n_subjects; i++)
        if (d->subjects[i].enabled && strcmp(d->subjects[i].zone, zone->zone) == 0)
            n = add_names(out, n, zone, &d->subjects[i]);
    return n;
}

/* ---- Asking ---------------------------------------------------------------------------------------------------------- */

struct caa_looks {
    char names[OWNERS_MOST][NAME_MAX_LEN + 2]; /* absolute */
    struct dns_look looks[OWNERS_MOST];
    size_t n;
};

static const struct dns_look *find_look(const struct caa_looks *all, const char *absolute)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->names[i], absolute) == 0)
            return &all->looks[i];
    return NULL;
}

static const char *above(const char *absolute)
{
    const char *dot = strchr(absolute, '.');

    return dot && dot[1] ? dot + 1 : NULL;
}

static void plan(struct doctor *d, struct caa_looks *all, const char *name)
{
    char absolute[NAME_MAX_LEN + 2];

    snprintf(absolute, sizeof absolute, "%.253s.", name);
    for (const char *at = absolute; at && all->n < OWNERS_MOST && !find_look(all, at); at = above(at)) {
        snprintf(all->names[all->n], sizeof all->names[all->n], "%s", at);
        all->looks[all->n].ask = (struct dns_ask){ .server = d->resolver.at, .server_len = d->resolver.len,
                                                   .name = all->names[all->n], .type = LDNS_RR_TYPE_CAA, .recurse = true };
        all->n++;
    }
}

/* ---- Judging --------------------------------------------------------------------------------------------------------- */

/* RFC 8659 3: the first that has any, from the name up. A resolver follows aliases: then the owner is another. -1: a question
 * without an answer, in `said`. */
static int relevant(const struct caa_looks *all, const char *name, struct caa_record out[RECORDS_MOST], const char **owner,
                    char said[64])
{
    char absolute[NAME_MAX_LEN + 2];
    int n = 0;

    snprintf(absolute, sizeof absolute, "%.253s.", name);
    for (const char *at = absolute; at && n == 0; at = above(at)) {
        const struct dns_look *look = find_look(all, at);
        const struct dns_seen *seen = NULL;
        char rcode[16];

        if (!look)
            continue;
        *owner = look->ask.name;
        dns_rcode_text(rcode, look->rcode);
        if (!dns_look_is_final(look)) {
            snprintf(said, 64, "%.60s", look->err.code == CS_OK ? rcode : look->err.text);
            return -1;
        }
        while (n < RECORDS_MOST && (seen = dns_look_next(look, seen, DNS_SECTION_ANSWER, LDNS_RR_TYPE_CAA, NULL)))
            out[n++] = (struct caa_record){ seen->rdata, seen->len };
    }
    return n;
}

static struct caa_ask ask_of(const struct doctor_ca *ca, bool wildcard, const char *identities[IDENTITIES_MOST])
{
    const json_t *list = json_object_get(ca->said, "identities");
    const char *account = json_string_value(json_object_get(ca->said, "account"));
    struct caa_ask ask = { .identities = identities, .account = account ? account : "", .method = "dns-01",
                           .wildcard = wildcard };

    for (size_t i = 0; i < json_array_size(list) && ask.n_identities < IDENTITIES_MOST; i++)
        if (json_string_value(json_array_get(list, i)))
            identities[ask.n_identities++] = json_string_value(json_array_get(list, i));
    return ask;
}

static enum doctor_verdict judge(struct doctor *d, const struct doctor_name *name, const struct doctor_ca *ca,
                                 const struct caa_record *records, size_t n, const char *owner)
{
    const char *identities[IDENTITIES_MOST], *star = name->wildcard ? "*." : "", *who = ca->instance->in.who;
    const struct caa_ask ask = ask_of(ca, name->wildcard, identities);
    const char *known = ask.n_identities ? identities[0] : "THE-CA";
    char why[CAA_WHY];

    switch (caa_judge(records, n, &ask, why)) {
    case CAA_PERMITS:
        return DOCTOR_OK;
    case CAA_UNSURE:
        doctor_warn(d, name->name, "whether %s may issue for %s%s is not known: at %s stands %s\nask the CA by which name CAA "
                    "records call it, and get one certificate, so that there is an account", who, star, name->name, owner, why);
        return DOCTOR_WARN;
    case CAA_FORBIDS:
        doctor_fail(d, name->name, "%s may not issue for %s%s: at %s stands %s\nadd `%s CAA 0 %s \"%s\"` there, or take that "
                    "record away", who, star, name->name, owner, why, owner, name->wildcard ? "issuewild" : "issue", known);
        return DOCTOR_FAIL;
    }
    return DOCTOR_OK;
}

static enum doctor_verdict judge_name(struct doctor *d, const struct caa_looks *all, const struct doctor_name *name)
{
    struct caa_record records[RECORDS_MOST];
    enum doctor_verdict worst = DOCTOR_OK;
    const struct doctor_ca *ca;
    const char *owner = "";
    char said[64];
    const int n = relevant(all, name->name, records, &owner, said);

    if (n < 0) {
        doctor_fail(d, name->name, "asked for CAA at %s, a resolver says %s\nmend the name servers of that zone: a CA that "
                    "cannot "
                    "look does not issue", owner, said);
        return DOCTOR_FAIL;
    }
    for (size_t i = 0; (ca = doctor_ca_of(d, name->subject, i)); i++) {
        const enum doctor_verdict verdict = ca->said ? judge(d, name, ca, records, (size_t)n, owner) : DOCTOR_OK;

        worst = verdict > worst ? verdict : worst;
    }
    return worst;
}

void doctor_caa(struct doctor *d, const struct doctor_zone *zone)
{
    struct doctor_name names[DOCTOR_NAMES_MOST];
    const size_t n = doctor_names(d, zone, names);
    struct caa_looks *all = calloc(1, sizeof *all);
    enum doctor_verdict worst = DOCTOR_OK;

    d->check = "caa";
    if (!all || !d->has_resolver || !d->n_cas) {
        free(all);
        return;
    }
    for (size_t i = 0; i < n; i++)
        plan(d, all, names[i].name);
    dns_look_all(d->setup.loop, all->looks, all->n, d->deadline_ms);
    for (size_t i = 0; i < n; i++) {
        const enum doctor_verdict verdict = judge_name(d, all, &names[i]);

        worst = verdict > worst ? verdict : worst;
    }
    if (worst == DOCTOR_OK)
        doctor_ok(d, zone->zone, "CAA records permit the CAs of its subjects (%zu name%s)", n, n == 1 ? "" : "s");
    dns_look_free(all->looks, all->n);
    free(all);
}

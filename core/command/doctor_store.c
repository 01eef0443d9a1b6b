/*
 * The doctor's look at the store: its files, its schema, and rows that lead nowhere. Called by doctor.c.
 */
#include <stdlib.h>
#include <string.h>

#include "command/check_configuration.h"
#include "command/check_self.h"
#include "command/doctor.h"

/* NULL: there is no store, or it cannot be used; other checks have said why. */
static struct instance *store_of(struct doctor *d)
{
    struct instance *store = d->setup.instances ? instances_at(d->setup.instances, ROLE_STORE, 0) : NULL;

    return store && store->options && d->not_user.code == CS_OK ? store : NULL;
}

/* ---- Files ---------------------------------------------------------------------------------------------------------- */

struct findings {
    struct doctor *d;
    size_t n;
};

static void on_finding(void *arg, const char *text)
{
    struct findings *findings = arg;

    doctor_fail(findings->d, "", "%s\ndocs/store.md has the cure; docs/recovery.md what survives", text);
    findings->n++;
}

static int check_inside(struct doctor *d, struct instance *store, struct cs_error *err)
{
    struct findings findings = { d, 0 };

    if (store->plugin.store.inspect && store->plugin.store.inspect(store->self, on_finding, &findings, err) < 0)
        return -1;
    if (findings.n)
        return 1;
    return store_migrate(store, false, err);
}

/* Those that listeners get from the server itself need a zone and a subject. */
static void check_own_certificates(struct doctor *d, struct instance *store)
{
    const size_t before = strlen(config_complaints(d->setup.config));

    check_self(&d->setup, store);
    doctor_complaints(d, before);
}

void doctor_records(struct doctor *d)
{
    struct instance *store = store_of(d);
    struct cs_error err = { 0 };
    int rc;

    if (!store)
        return;
    if (!check_has_records(&d->setup, store)) {
        doctor_warn(d, "", "there are no records yet\nstart the server once, then add zones and subjects");
        return;
    }
    store->in.keep = d->keep;
    rc = instance_open(store, &err);
    if (rc == 0)
        rc = check_inside(d, store, &err);
    if (rc < 0)
        doctor_fail(d, "", "%s\nrestart the server, which brings the schema up to date; or use the program of the same version",
                    err.text);
    else if (rc == 0)
        doctor_ok(d, "", "schema known, no damage found, room enough");
    d->has_rows = rc == 0;
    if (rc == 0)
        check_own_certificates(d, store);
}

/* ---- Rows ----------------------------------------------------------------------------------------------------------- */

static int on_zone(void *arg, const struct cs_zone *row)
{
    struct doctor *d = arg;
    struct doctor_zone *more = realloc(d->zones, (d->n_zones + 1) * sizeof *more);

    if (!more)
        return 1;
    d->zones = more;
    d->zones[d->n_zones++] = (struct doctor_zone){
        .zone = text_copy(row->zone), .dns = text_copy(row->dns), .challenge_zone = text_copy(row->challenge_zone),
        .servers = text_copy(row->servers), .visible = row->visible, .enabled = row->enabled, .in_table = true };
    return 0;
}

static int on_subject(void *arg, const struct cs_subject *row)
{
    struct doctor *d = arg;
    struct doctor_subject *more = realloc(d->subjects, (d->n_subjects + 1) * sizeof *more);

    if (!more)
        return 1;
    d->subjects = more;
    d->subjects[d->n_subjects++] = (struct doctor_subject){
        .subject = text_copy(row->subject), .zone = text_copy(row->zone), .names = text_copy(row->names),
        .cas = text_copy(row->cas), .enabled = row->enabled };
    return 0;
}

static int read_rows(const struct store_conn *c, void *arg, struct cs_error *err)
{
    if (c->ops->zone_list(c->conn, on_zone, arg, err) < 0)
        return -1;
    return c->ops->subject_list(c->conn, on_subject, arg, err);
}

void doctor_rows_free(struct doctor *d)
{
    for (size_t i = 0; i < d->n_zones; i++) {
        free(d->zones[i].zone);
        free(d->zones[i].dns);
        free(d->zones[i].challenge_zone);
        free(d->zones[i].servers);
    }
    for (size_t i = 0; i < d->n_subjects; i++) {
        free(d->subjects[i].subject);
        free(d->subjects[i].zone);
        free(d->subjects[i].names);
        free(d->subjects[i].cas);
    }
    free(d->zones);
    free(d->subjects);
}

static bool has_zone(const struct doctor *d, const char *zone)
{
    for (size_t i = 0; i < d->n_zones; i++)
        if (strcmp(d->zones[i].zone, zone) == 0)
            return true;
    return false;
}

static bool has_subject(const struct doctor *d, const char *zone)
{
    for (size_t i = 0; i < d->n_subjects; i++)
        if (d->subjects[i].enabled && strcmp(d->subjects[i].zone, zone) == 0)
            return true;
    return false;
}

/* A zone that others' challenges go to needs no subject. */
static bool serves_others(const struct doctor *d, const char *zone)
{
    for (size_t i = 0; i < d->n_zones; i++)
        if (strcmp(d->zones[i].challenge_zone, zone) == 0 && strcmp(d->zones[i].zone, zone) != 0)
            return true;
    return false;
}

static size_t check_zone(struct doctor *d, const struct doctor_zone *zone)
{
    size_t bad = 0;

    if (!zone->enabled)
        return 0;
    if (!settings_block(&d->setup.settings, ROLE_DNS, zone->dns) && ++bad)
        doctor_fail(d, zone->zone, "its row names the DNS instance \"%s\", which the configuration does not have\nadd dns.%s "
                    "to the configuration, or `countersign zone add %s --dns INSTANCE`", zone->dns, zone->dns, zone->zone);
    if (zone->challenge_zone[0] && !has_zone(d, zone->challenge_zone) && ++bad)
        doctor_fail(d, zone->zone, "its challenges go to zone %s, which is not in the table\n`countersign zone add %s`",
                    zone->challenge_zone, zone->challenge_zone);
    if (!has_subject(d, zone->zone) && !serves_others(d, zone->zone) && ++bad)
        doctor_warn(d, zone->zone, "no enabled subject: nobody can get a certificate in it\n`countersign subject add CN=NAME "
                    "--zone %s`, or remove the zone", zone->zone);
    return bad;
}

static size_t check_subject_cas(struct doctor *d, const struct doctor_subject *subject)
{
    char *words = text_copy(subject->cas), *rest = words, *word;
    size_t bad = 0;

    while (words && (word = strsep(&rest, " ")))
        if (*word && !settings_block(&d->setup.settings, ROLE_CA, word) && ++bad)
            doctor_fail(d, subject->subject, "its row names the CA instance \"%s\", which the configuration does not have\nadd "
                        "ca.%s to the configuration, or `countersign subject add` the subject anew with --ca", word, word);
    free(words);
    return bad;
}

static size_t check_subject(struct doctor *d, const struct doctor_subject *subject)
{
    if (!subject->enabled)
        return 0;
    if (!has_zone(d, subject->zone)) {
        doctor_fail(d, subject->subject, "its zone %s is not in the table\n`countersign zone add %s`", subject->zone,
                    subject->zone);
        return 1;
    }
    return check_subject_cas(d, subject);
}

void doctor_rows(struct doctor *d)
{
    struct cs_error err = { 0 };
    size_t bad = 0;

    if (!d->has_rows)
        return;
    if (store_with(store_of(d), CS_STATE_READER, read_rows, d, &err) < 0) {
        d->has_rows = false;
        doctor_fail(d, "", "the tables cannot be read: %s\ndocs/store.md has the cure", err.text);
        return;
    }
    for (size_t i = 0; i < d->n_zones; i++)
        bad += check_zone(d, &d->zones[i]);
    for (size_t i = 0; i < d->n_subjects; i++)
        bad += check_subject(d, &d->subjects[i]);
    if (d->n_zones == 0)
        doctor_warn(d, "", "there is no zone\n`countersign zone add ZONE`, then `countersign subject add CN=NAME --zone ZONE`");
    else if (!bad)
        doctor_ok(d, "", "%zu zone%s, %zu subject%s, each leads somewhere", d->n_zones, d->n_zones == 1 ? "" : "s",
                  d->n_subjects, d->n_subjects == 1 ? "" : "s");
}

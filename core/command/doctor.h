/*
 * `countersign doctor`: what the groups of checks share. A check looks, and says what it saw; it waits at most until the
 * deadline of the whole run, and changes nothing. doctor.c has the table of them, and runs them in its order.
 */
#ifndef COMMAND_DOCTOR_H
#define COMMAND_DOCTOR_H

#include <jansson.h>

#include "base/name.h"
#include "command/doctor_report.h"
#include "command/ports.h"
#include "command/setup.h"
#include "engine/http_client.h"
#include "records/keep.h"
#include "request/name_servers.h"

struct doctor_options {
    char zone[NAME_MAX_LEN + 1]; /* "": all of the table */
    bool json, write;
    int64_t timeout_ms;
    uint16_t dns_port; /* where name servers are asked that NS records name: 53, but in tests */
};

/* A row of the zone table, or what stands for one that is not there. */
struct doctor_zone {
    char *zone, *dns, *challenge_zone, *servers; /* without a trailing dot */
    enum cs_visible visible;
    bool enabled, in_table;
};

struct doctor_subject {
    char *subject, *zone, *names, *cas;
    bool enabled;
};

/* A CA whose plugin has said how it is (ca.h: examine). */
struct doctor_ca {
    struct instance *instance;
    bool answered;
    struct cs_error err; /* code CS_OK: `said` is there */
    json_t *said;
};

struct doctor {
    const struct doctor_options *options;
    struct doctor_report report;
    enum doctor_group group; /* of the check that runs, and its name */
    const char *check;
    int64_t began_ms, deadline_ms;
    struct setup setup;
    struct cs_error not_user; /* why files, plugins and records cannot be looked at */
    struct ports ports;
    char holder[32]; /* process of the server that runs on the state, "" */
    struct http_client *client;
    struct keep *keep;
    bool has_rows;
    struct doctor_zone *zones;
    size_t n_zones;
    struct doctor_subject *subjects;
    size_t n_subjects;
    struct doctor_ca *cas;
    size_t n_cas;
    struct name_servers *name_servers; /* who finds the servers of zones, and knows the resolvers */
    struct server_address resolver;    /* the first that answers, if any */
    bool has_resolver;
};

/* One line of the report. `about` may be "". warn and fail: behind the last newline of the text stands what to do. */
void doctor_ok(struct doctor *d, const char *about, const char *format, ...) CS_PRINTF(3, 4);
void doctor_warn(struct doctor *d, const char *about, const char *format, ...) CS_PRINTF(3, 4);
void doctor_fail(struct doctor *d, const char *about, const char *format, ...) CS_PRINTF(3, 4);
void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *about, const char *format, ...) CS_PRINTF(4, 5);

/* What the configuration's checks have complained of, from that byte of config_complaints() on. */
void doctor_complaints(struct doctor *d, size_t from);

/* Time that is left, not negative. */
int64_t doctor_left_ms(const struct doctor *d);

/* The checks: doctor_host.c, doctor_ports.c, doctor_tls.c, doctor_store.c, doctor_ca.c, doctor_dns.c. */
void doctor_configuration(struct doctor *d);
void doctor_user(struct doctor *d);
void doctor_folders(struct doctor *d);
void doctor_certificates(struct doctor *d);
void doctor_ports(struct doctor *d);
void doctor_files(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_runtime(struct doctor *d);
void doctor_resolvers(struct doctor *d);
void doctor_records(struct doctor *d);
void doctor_rows(struct doctor *d);
void doctor_cas(struct doctor *d);
void doctor_zones(struct doctor *d);

/* doctor_ca.c: starts the questions to all CAs at once; they are answered while other checks wait. */
void doctor_cas_ask(struct doctor *d);
void doctor_cas_free(struct doctor *d);
/* The CA instances that a subject's orders may go to; `i` from 0; NULL behind the last. */
struct doctor_ca *doctor_ca_of(struct doctor *d, const struct doctor_subject *subject, size_t i);

void doctor_rows_free(struct doctor *d); /* doctor_store.c */

#endif

/*
 * dns-pdns that runs on the fake host, with a PowerDNS that answers it: what the tests of changes, zones and errors share.
 */
#ifndef FAKES_PDNS_RUNNING_H
#define FAKES_PDNS_RUNNING_H

#include "pdns.h"
#include "powerdns.h"

#define OWNER    "_acme-challenge.www.a.example."
#define OTHER    "_acme-challenge.ftp.a.example."
#define ON(v)    "{\"content\":\"\\\"" v "\\\"\",\"disabled\":false}"
#define OFF(v)   "{\"content\":\"\\\"" v "\\\"\",\"disabled\":true}"
#define NOTE     "{\"account\":\"me\",\"content\":\"hands off\",\"modified_at\":5}"
#define DEADLINE 60000

extern const struct cs_plugin cs_plugin;

/* Set up: settings at their defaults, PowerDNS 4.7.3 with the zone a.example., nothing opened yet. */
int pdns_set_up(void **state);
/* Fails when something was left behind, or the log has the key. */
int pdns_tear_down(void **state);
struct pdns_settings *pdns_conf(void);

void pdns_open(void); /* with what the settings are now */
void pdns_open_with(const char *version);
void pdns_stop(void);
void pdns_close(void);
int pdns_refuses(struct cs_error *err); /* both check and open; what they return */

struct cs_op *pdns_begin(const char *owner, const char *want, const char *gone); /* NULL: none */
void pdns_set(const char *owner, const char *want, const char *gone);            /* all of it; must work */

void pdns_expect_ok(const struct cs_op *op);
/* With these words, and with URL and zone, and without the key. */
void pdns_expect_failure(const struct cs_op *op, enum cs_code code, const char *words);

#endif

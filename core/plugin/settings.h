/*
 * The server's own part of countersign.conf as one struct, and the list of its plugin blocks. Read once by each command.
 */
#ifndef PLUGIN_SETTINGS_H
#define PLUGIN_SETTINGS_H

#include <sys/types.h>

#include <countersign/store.h>

#include "base/rate.h"
#include "plugin/config.h"
#include "plugin/role.h"

struct listen_settings {
    const char *address; /* for address_parse(); an IPv6 address got its brackets here; NULL: there is none */
    int64_t port;
    const char *unix_path; /* of an address "unix:/path"; NULL for any other */
    const char *group;     /* of that socket's file; NULL: of whoever makes it */
    gid_t group_id;        /* its number; (gid_t)-1: NULL */
    const char *certificate, *key; /* NULL: plain HTTP */
    /* Of certificate = "self:NAME", which the server gets for itself: NAME, and the CA that is asked, NULL where there is only
     * one; then certificate and key are one file in the state folder. NULL: of any other. */
    const char *self_name, *self_ca;
    const char *client_ca, *client_crl; /* CAs of client certificates, and their CRLs; NULL: none */
    bool needs_client_certificate; /* of all clients: client_certificate = "required" */
    bool believes_client_cert;     /* of listed proxies: client_certificate = "proxy" */
    bool proxy_protocol;           /* clients begin with a PROXY header, version 2 */
    char *bracketed;               /* what `address` points to, if it had to be made */
    char *self_file;               /* what certificate and key point to */
    const struct config_node *at;
};

/* What an audit sink is told: certificates, exactly (outbox.h), or requests, pseudonymous (ledger.h). */
enum ledger_kind { LEDGER_ISSUANCE, LEDGER_VISITS };

/* One block such as ca.le, with the words of it that are the core's. */
struct block_settings {
    enum role role;
    const char *name;   /* "le" */
    const char *plugin; /* "ca-acme" or a path */
    const char **listen;
    size_t n_listen;
    int64_t max_parallel; /* threads of a blocking instance */
    bool cn_only;         /* ca: takes CSRs whose only name is the CN */
    enum ledger_kind ledger;   /* audit */
    /* Written as a string, such as `audit = { log = "store.main"; }`: that block plays this role, too. NULL: its own block. */
    const struct block_settings *same;
    const struct config_node *at;
};

/* What is recorded about requests, and for how long (records/visits.h). */
struct visits_settings {
    bool enabled;
    int64_t keep_days;    /* a day's visits, with pseudonyms, after it closed; 0 to 30, default 7 */
    int64_t label_days;   /* until rare labels become "other"; default 30 */
    int64_t total_months; /* everything else; default 25 */
    int64_t k;            /* fewer sources are rare; default 10 */
    int64_t grace_ms;     /* from midnight to the end of the key; default 5 min */
    int64_t publish_ms;   /* from one writing of the analysts' file to the next; default 1 h */
};

/* What the server forbids itself once it has started (command/sandbox.h). */
enum sandbox_setting { SANDBOX_ON, SANDBOX_LOG, SANDBOX_OFF };

enum { LIMITED_SCOPES = CS_RENEWALS }; /* those of enum cs_order_scope that settings limit come first */

/* The most orders of one subject, client or zone in 24 hours and in 7 days, by enum cs_order_scope; 0: no limit. */
struct order_limits {
    int64_t day[LIMITED_SCOPES], week[LIMITED_SCOPES];
};

/* How much one source may ask for (http/limits.h), and how many orders there may be (request/order_limits.h). */
struct limits_settings {
    struct rate posts;        /* default 10/s, burst 100 */
    struct rate failed_posts; /* default 1/s, burst 60 */
    struct rate polls;        /* default 20/s, burst 200 */
    struct rate connections;  /* default 20/s, burst 200 */
    int64_t unfinished;       /* connections of one source that have not sent a whole request; 0: no limit; default 100 */
    int64_t waiting;          /* posts of one source that wait for an answer; 0: no limit; default: max_in_flight / 10 */
    int64_t open_orders;      /* of one source; 0: no limit; default 500 */
    int64_t sources;          /* that are remembered; default 65536 */
    const char **unlimited;   /* networks, or "unix": sources without limits; default: this machine */
    size_t n_unlimited;
    struct order_limits orders;
};

struct settings {
    const char *user; /* NULL: stay who we are */
    const char *state, *runtime;
    const char *plugin_dir; /* default: where meson installs them */
    enum cs_log_level log_level;
    enum sandbox_setting sandbox;
    struct listen_settings *listen;
    size_t n_listen;
    struct listen_settings admin; /* address NULL: no admin listener */
    const char **proxies;         /* networks, or "unix": whose Forwarded and X-Forwarded-For are believed */
    size_t n_proxies;
    const char **blocked_keys;    /* files of hashes of keys that are refused (request/blocked_keys.h) */
    size_t n_blocked_keys;
    const char **resolvers;       /* recursive resolvers for the NS walk; none: those of /etc/resolv.conf */
    size_t n_resolvers;
    int64_t wait_ms;              /* how long a client may wait at most; default 300 s */
    int64_t job_deadline_ms;      /* default 15 min  */
    int64_t outage_wait_ms;       /* an order, for a CA that is out, before it begins; default 24 h */
    int64_t stop_ms;              /* graceful stop; default 30 s */
    int64_t visible_ms;           /* how long to wait for a value to be visible; default 120 s */
    int64_t max_in_flight;        /* requests that wait; default 5000 */
    int64_t max_connections;      /* default 10000 */
    int64_t outage_queue;         /* orders that wait for a CA that is out; default 1000 */
    int64_t zone_queue;           /* orders that wait for their turn in a zone; default 5000 */
    int64_t outbox_max;           /* events kept for slow sinks; default 100000 */
    struct visits_settings visits;
    struct limits_settings limits;
    struct block_settings *blocks; /* in the file's order */
    size_t n_blocks;
};

#define SETTINGS_SELF_FOLDER "self" /* of the state folder: certificates that the server gets for itself */

/* Fills *out; complaints go to the config. -1 when there was any. Defaults as `docs/deadlines.md` lists them. */
int settings_read(struct config *config, struct settings *out);
void settings_free(struct settings *settings);

/* Is there all that `serve` needs: a `listen`, a store, a CA? Complains and returns -1 when not. Commands that only look at the
 * records do without. */
int settings_check_complete(struct config *config, const struct settings *settings);

const char *settings_ledger_name(enum ledger_kind ledger); /* as it is written: "issuance", "visits" */

/* The CA that is to be asked for the server's own certificate for `name`; NULL: the only one. */
const char *settings_self_ca(const struct settings *settings, const char *name);

/* The block of that role and name, or NULL. */
const struct block_settings *settings_block(const struct settings *settings, enum role role, const char *name);

#endif

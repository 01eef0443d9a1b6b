/*
 * dns-rfc2136: sets challenge values by dynamic update (RFC 2136), signed with TSIG (RFC 8945), in any server that speaks that:
 * BIND, Knot DNS, PowerDNS and others. How the files hang together:
 *
 *   rfc2136.c   settings                                       change.c   set_txt: zone, then update
 *   zone_cut.c  the question for the zone, and its answer      update.c   the update's bytes        zone_cache.c  zones known
 *   exchange.c  a message to the servers, until one answers    attempt.c  one socket to one server  servers.c     their order
 *   reply.c     what an answer is worth                        tsig.c     signing, verifying        advice.c      its refusal
 */
#include <countersign/dns.h>

#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "change.h"

struct settings {
    struct cs_strings servers;
    const char *key_name, *key, *algorithm, *zone, *tcp;
    int64_t fudge, timeout;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRINGS, struct settings, servers, NULL,
               "the primary of the zones: \"ADDRESS[:PORT]\"; of several the next is asked when one fails"),
    CS_SETTING(STRING, struct settings, key_name, "", "name of the TSIG key; empty: updates are not signed"),
    CS_SETTING(SECRET, struct settings, key, "", "its secret alone, in base64: what stands in quotes in tsig-keygen's output"),
    CS_SETTING(STRING, struct settings, algorithm, "hmac-sha256", "of the key: hmac-sha256, hmac-sha384 or hmac-sha512"),
    CS_SETTING_RANGE(SECONDS, struct settings, fudge, "300", 1000, INT64_C(3600) * 1000,
                     "by how much the clocks of the servers and ours may differ"),
    CS_SETTING(STRING, struct settings, zone, "", "zone of all names; default: the server is asked in which zone a name lies"),
    CS_SETTING_RANGE(SECONDS, struct settings, timeout, "8", 1000, INT64_C(60) * 1000,
                     "for how long one server may take; UDP is repeated after a quarter and a half, TCP has the last quarter"),
    CS_SETTING(STRING, struct settings, tcp, "auto", "auto: only for large messages and when UDP does not work; always"),
    CS_SETTINGS_END
};

struct rfc2136 {
    struct changes changes;
};

/* ---- Settings ------------------------------------------------------------------------------------------------------ */

static int read_key(struct exchanges *x, const struct settings *s, struct cs_error *err)
{
    if (!s->key_name[0] && s->key[0])
        return cs_fail(err, CS_ECONFIG,
                       "`key` is set, but `key_name` is not: it is the name by which the server knows the key");
    if (!s->key_name[0])
        return 0;
    if (tsig_key_init(&x->key, s->key_name, s->key, s->algorithm, err) < 0)
        return -1;
    return dns_name_from_wire(x->key_name, x->key.name, x->key.name_len);
}

static int read_zone(struct changes *changes, const struct settings *s, struct cs_error *err)
{
    int len;

    if (!s->zone[0])
        return 0;
    len = dns_name_to_wire(changes->zone, s->zone);
    if (len < 0)
        return cs_fail(err, CS_ECONFIG, "`zone`: \"%.260s\" is not a DNS name", s->zone);
    for (int i = 0; i < len; i++)
        changes->zone[i] = dns_reader_lower(changes->zone[i]);
    changes->zone_len = (size_t)len;
    return 0;
}

static int read_settings(struct changes *changes, const struct settings *s, struct cs_error *err)
{
    struct exchanges *x = &changes->exchanges;

    if (servers_init(&x->servers, &s->servers, err) < 0 || read_key(x, s, err) < 0 || read_zone(changes, s, err) < 0)
        return -1;
    x->tcp_always = strcmp(s->tcp, "always") == 0;
    if (!x->tcp_always && strcmp(s->tcp, "auto") != 0)
        return cs_fail(err, CS_ECONFIG, "`tcp`: \"%.40s\" is neither auto nor always", s->tcp);
    x->fudge_s = (uint16_t)(s->fudge / 1000);
    x->server_ms = s->timeout;
    return 0;
}

static void rfc2136_free(struct rfc2136 *self)
{
    if (!self)
        return;
    zone_cache_clear(&self->changes.cache);
    tsig_key_wipe(&self->changes.exchanges.key);
    free(self);
}

/* NULL and *err. */
static struct rfc2136 *rfc2136_new(const struct settings *s, struct cs_error *err)
{
    struct rfc2136 *self = calloc(1, sizeof *self);

    if (!self) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    if (read_settings(&self->changes, s, err) < 0) {
        rfc2136_free(self);
        return NULL;
    }
    return self;
}

static int rfc2136_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    struct rfc2136 *self = rfc2136_new(conf, err);

    (void)listen;
    if (!self)
        return -1;
    rfc2136_free(self);
    return 0;
}

/* ---- From open to close -------------------------------------------------------------------------------------------- */

static void warn_of_weakness(const struct exchanges *x)
{
    if (!x->key.algorithm)
        cs_log(x->in, CS_LOG_WARN,
               "updates are not signed: everybody who can send from this host's address can change the zones; "
               "set `key_name` and `key`");
    else if (x->key.secret_len < TSIG_ADVISED_BYTES)
        cs_log(x->in, CS_LOG_WARN, "the secret of key %s has only %zu bytes: make one of 32, with tsig-keygen", x->key_name,
               x->key.secret_len);
}

static int rfc2136_open(struct cs_instance *in, const void *conf, void **out, struct cs_error *err)
{
    struct rfc2136 *self = rfc2136_new(conf, err);

    if (!self)
        return -1;
    self->changes.exchanges.in = in;
    warn_of_weakness(&self->changes.exchanges);
    *out = self;
    return 0;
}

static void rfc2136_close(void *self)
{
    rfc2136_free(self);
}

static void rfc2136_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    change_start(&((struct rfc2136 *)self)->changes, change, op);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = rfc2136_set_txt };

CS_PLUGIN("dns-rfc2136", "0.1.0", "changes zones by dynamic update, signed with TSIG: BIND, Knot DNS, PowerDNS and others",
          .settings = settings, .settings_size = sizeof(struct settings), .open = rfc2136_open, .close = rfc2136_close,
          .dns = &dns, .check = rfc2136_check);

/*
 * dns-builtin: an authoritative DNS server for zones that are delegated to this host. Its records come from the settings, its
 * challenge values from set_txt. How the files hang together:
 *
 *   builtin.c   settings and set_txt, on the core's loop          zones.c  records and names of the settings
 *   table.c     owners and values, immutable trees                shelf.c  hands them to the thread that answers
 *   server.c    that thread, with udp.c and tcp.c                 answer.c a question's bytes in, an answer's bytes out
 */
#include <countersign/dns.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/dns_packet.h"
#include "base/text.h"
#include "server.h"
#include "shelf.h"
#include "table.h"
#include "zones.h"

enum { DEFAULT_EXPIRY_MS = 3600000, PURGE_SOONEST_MS = 50, PURGE_LATEST_MS = 60000 };

struct settings {
    struct cs_strings zones, ns, records;
    const char *contact;
    int64_t ttl, negative_ttl, challenge_ttl;
    int64_t serial, max_values;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRINGS, struct settings, zones, NULL, "zones that are delegated to this server: \"go.example.com\""),
    CS_SETTING(STRINGS, struct settings, ns, "",
               "name servers of the zones: \"NAME ADDRESS …\"; no addresses for a NAME outside; default: ns1.ZONE, here"),
    CS_SETTING(STRINGS, struct settings, records, "",
               "more records, as in a zone file, with full names: \"go.example.com A 192.0.2.1\"; SOA NS A AAAA CAA TXT"),
    CS_SETTING(STRING, struct settings, contact, "", "mail address in the SOA records; default: hostmaster@ZONE"),
    CS_SETTING_RANGE(SECONDS, struct settings, ttl, "300", 1000, INT64_C(604800) * 1000, "TTL of records that name none"),
    CS_SETTING_RANGE(SECONDS, struct settings, negative_ttl, "30", 0, INT64_C(86400) * 1000,
                     "for how long others may remember that a name is not there"),
    CS_SETTING_RANGE(SECONDS, struct settings, challenge_ttl, "5", 0, INT64_C(3600) * 1000, "most TTL of a challenge value"),
    CS_SETTING_RANGE(INT, struct settings, serial, "0", 0, UINT32_MAX, "serial of the SOA records; 0: the time of the start"),
    CS_SETTING_RANGE(INT, struct settings, max_values, "20", 1, 64, "most challenge values at one name"),
    CS_SETTINGS_END
};

struct builtin {
    struct cs_instance *in;
    const struct settings *settings;
    struct zones *zones;
    struct table *table;
    struct shelf shelf;
    struct server *server;
    struct cs_timer *purge;
    int64_t purge_at_ms; /* wall clock; INT64_MAX: no timer */
};

/* ---- Challenge values ------------------------------------------------------------------------------------------------ */

static void on_purge(void *arg);

/* The wall clock may step, so a long wait is made of short ones. */
static void purge_at(struct builtin *b, int64_t at_ms)
{
    int64_t in_ms = at_ms - cs_wall_ms();

    if (at_ms >= b->purge_at_ms)
        return;
    cs_timer_stop(b->purge);
    if (in_ms < PURGE_SOONEST_MS)
        in_ms = PURGE_SOONEST_MS;
    b->purge = cs_timer_start(b->in, in_ms < PURGE_LATEST_MS ? in_ms : PURGE_LATEST_MS, on_purge, b);
    b->purge_at_ms = b->purge ? at_ms : INT64_MAX;
}

static void on_purge(void *arg)
{
    struct builtin *b = arg;
    int64_t next_ms = table_purge(b->table, cs_wall_ms());

    b->purge = NULL;
    b->purge_at_ms = INT64_MAX;
    shelf_publish(&b->shelf, b->zones, b->table, NULL);
    purge_at(b, next_ms);
}

static int change_txt(struct builtin *b, const struct cs_txt_change *change, struct cs_error *err)
{
    const int64_t most_ttl = b->settings->challenge_ttl / 1000, now_ms = cs_wall_ms();
    const struct table_edit edit = {
        .want = change->want, .n_want = change->n_want, .gone = change->gone, .n_gone = change->n_gone,
        .ttl = change->ttl < most_ttl ? change->ttl : (uint32_t)most_ttl,
        .expires_ms = change->expires_ms ? change->expires_ms : now_ms + DEFAULT_EXPIRY_MS, .now_ms = now_ms,
        .max_values = (size_t)b->settings->max_values };
    uint8_t wire[255];
    struct key key;

    if (dns_name_to_wire(wire, change->owner) < 0)
        return cs_fail(err, CS_EINPUT, "\"%.260s\" is not a DNS name", change->owner);
    key_from_wire(&key, wire);
    if (!zones_find(b->zones, &key))
        return cs_fail(err, CS_ECONFIG, "%s lies in none of the zones of dns.%s: add its zone to `zones`", change->owner,
                       cs_instance_name(b->in));
    if (table_edit(b->table, &key, &edit, err) < 0 || shelf_publish(&b->shelf, b->zones, b->table, err) < 0)
        return -1;
    if (change->n_want > 0)
        purge_at(b, edit.expires_ms);
    return 0;
}

static void builtin_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    struct cs_error err;

    if (change_txt(self, change, &err) < 0)
        cs_op_err(op, &err);
    else
        cs_op_ok(op);
}

/* ---- From open to close ---------------------------------------------------------------------------------------------- */

static void add_own_address(struct text *text, int fd)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof own;
    char words[INET6_ADDRSTRLEN] = "";

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return;
    if (own.ss_family == AF_INET && ((const struct sockaddr_in *)&own)->sin_addr.s_addr != htonl(INADDR_ANY))
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&own)->sin_addr, words, sizeof words);
    if (own.ss_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)&own)->sin6_addr))
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&own)->sin6_addr, words, sizeof words);
    if (words[0])
        text_addf(text, "%s ", words);
}

static void add_own_addresses(struct text *text, struct cs_instance *in)
{
    for (size_t i = 0;; i++) {
        int udp = cs_listen(in, i, SOCK_DGRAM), tcp = cs_listen(in, i, SOCK_STREAM);

        if (udp < 0 && tcp < 0)
            return;
        add_own_address(text, udp >= 0 ? udp : tcp);
    }
}

static struct zones *read_zones(const struct settings *s, struct text *own, struct cs_error *err)
{
    const struct zones_text text = { .zones = s->zones, .ns = s->ns, .records = s->records, .contact = s->contact,
                                     .ttl = (uint32_t)(s->ttl / 1000), .negative_ttl = (uint32_t)(s->negative_ttl / 1000),
                                     .serial = s->serial ? (uint32_t)s->serial : (uint32_t)(cs_wall_ms() / 1000),
                                     .own_addresses = text_of(own) };

    return zones_new(&text, err);
}

static int read_settings(struct builtin *b, struct cs_error *err)
{
    struct text own = TEXT_MAX(8192);

    add_own_addresses(&own, b->in);
    b->zones = read_zones(b->settings, &own, err);
    text_free(&own);
    return b->zones ? 0 : -1;
}

/* "192.0.2.53:53" or "[2001:db8::53]:53" without brackets and port; nothing for 0.0.0.0, [::] and what is no address. */
static void add_written_address(struct text *text, const char *listen)
{
    const bool v6 = *listen == '[';
    const char *from = listen + v6;
    size_t len = strcspn(from, v6 ? "]" : ":");
    uint8_t address[sizeof(struct in6_addr)], any[sizeof address] = { 0 };
    char words[INET6_ADDRSTRLEN];

    if (len >= sizeof words)
        return;
    memcpy(words, from, len);
    words[len] = '\0';
    if (inet_pton(v6 ? AF_INET6 : AF_INET, words, address) == 1 && memcmp(address, any, v6 ? sizeof any : 4) != 0)
        text_addf(text, "%s ", words);
}

static int builtin_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    struct text own = TEXT_MAX(8192);
    struct zones *zones;

    for (size_t i = 0; i < listen->n; i++)
        add_written_address(&own, listen->v[i]);
    zones = read_zones(conf, &own, err);
    text_free(&own);
    if (!zones)
        return -1;
    zones_free(zones);
    return 0;
}

static int fill_table(struct builtin *b, struct cs_error *err)
{
    b->table = table_new();
    if (!b->table)
        return cs_fail(err, CS_EBUSY, "no memory or no random numbers for the DNS table");
    for (size_t i = 0; i < b->zones->n_entries; i++)
        if (table_add_fixed(b->table, &b->zones->entries[i].key, b->zones->entries[i].sets, err) < 0)
            return -1;
    return shelf_publish(&b->shelf, b->zones, b->table, err);
}

static void builtin_close(void *self)
{
    struct builtin *b = self;

    server_stop(b->server);
    cs_timer_stop(b->purge);
    if (b->table)
        shelf_clear(&b->shelf, b->table);
    table_free(b->table);
    zones_free(b->zones);
    free(b);
}

static int builtin_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct builtin *b = calloc(1, sizeof *b);

    if (!b)
        return cs_fail(err, CS_EBUSY, "no memory");
    b->in = in;
    b->settings = conf;
    b->purge_at_ms = INT64_MAX;
    if (read_settings(b, err) < 0 || fill_table(b, err) < 0) {
        builtin_close(b);
        return -1;
    }
    *self = b;
    return 0;
}

static int builtin_start(void *self, struct cs_error *err)
{
    struct builtin *b = self;

    b->server = server_start(b->in, &b->shelf, err);
    return b->server ? 0 : -1;
}

/* It answers until `close`, not `stop`: orders that are still under way need it. Questions that came since the sockets were
 * bound have waited there. */
static void builtin_caught_up(void *self)
{
    struct builtin *b = self;

    server_go(b->server);
    cs_log(b->in, CS_LOG_INFO, "the DNS server answers zones=%zu owners=%zu", b->zones->n_zones, b->zones->n_entries);
}

static void builtin_counts(void *self, cs_dns_count_fn *fn, void *arg)
{
    const struct builtin *b = self;

    if (b->server)
        server_counts(b->server, fn, arg);
}

static const struct cs_dns_ops dns = {
    .size = sizeof dns, .set_txt = builtin_set_txt, .counts = builtin_counts, .caught_up = builtin_caught_up, .forgets = true
};

CS_PLUGIN("dns-builtin", "0.1.0", "an authoritative DNS server of its own, for zones that are delegated to it",
          .settings = settings, .settings_size = sizeof(struct settings), .open = builtin_open, .start = builtin_start,
          .close = builtin_close, .dns = &dns, .check = builtin_check);

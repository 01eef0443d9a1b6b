/*
 * dns-pdns: serves TXT values through the HTTP API of PowerDNS Authoritative. The descriptor, the settings, and the way from
 * the core's calls to owner.c. docs/dns-pdns.md says how to set it up.
 */
#include "pdns.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "owner.h"
#include "server.h"
#include "zones.h"

static const struct cs_option settings[] = {
    CS_SETTING(URL, struct pdns_settings, api, NULL, "URL of PowerDNS's webserver"),
    CS_SETTING(SECRET, struct pdns_settings, key, NULL, "its api-key"),
    CS_SETTING(STRING, struct pdns_settings, server, "localhost", "its server id; PowerDNS itself has only \"localhost\""),
    CS_SETTING(STRING, struct pdns_settings, ca_file, "", "trust anchors (PEM) for an https URL; default: the system's"),
    CS_SETTING(BOOL, struct pdns_settings, insecure, "false", "allow http to any host: the key then travels in clear"),
    CS_SETTING_RANGE(SECONDS, struct pdns_settings, timeout, "10s", 100, 600000, "give up on one exchange with PowerDNS"),
    CS_SETTING_RANGE(SECONDS, struct pdns_settings, zone_cache, "1h", 1000, 604800000,
                     "how long it is remembered that "
                     "PowerDNS has a zone"),
    CS_SETTING_RANGE(SECONDS, struct pdns_settings, recheck, "3s", 0, 60000,
                     "how long after a change it is looked whether a "
                     "second writer undid it; 0: not at all"),
    CS_SETTING(BOOL, struct pdns_settings, keep_disabled, "true",
               "before PowerDNS 5.0: search for disabled records at the "
               "same name, so that they are kept"),
    CS_SETTINGS_END
};

/* curl and PowerDNS would take the rest for something else. */
static int check_api(const char *api, struct cs_error *err)
{
    for (const char *c = api; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("?#@\\\"", *c))
            return cs_fail(err, CS_ECONFIG, "api: a URL without user, query and fragment, such as http://127.0.0.1:8081");
    return strlen(api) <= 1000 ? 0 : cs_fail(err, CS_ECONFIG, "api: over 1000 bytes");
}

static int check_settings(const struct pdns_settings *conf, struct cs_error *err)
{
    const char *key = conf->key;

    if (check_api(conf->api, err) < 0)
        return -1;
    if (!key[0] || strlen(key) > 4000)
        return cs_fail(err, CS_ECONFIG, "key: it must be PowerDNS's api-key, 1 to 4000 bytes");
    for (; *key; key++)
        if (*key < ' ' || *key > '~')
            return cs_fail(err, CS_ECONFIG, "key: only printable ASCII can be sent as X-API-Key");
    if (!conf->server[0] || strlen(conf->server) > 100 ||
        conf->server[strspn(conf->server, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")])
        return cs_fail(err, CS_ECONFIG, "server: letters, digits, \"-\" and \"_\"; PowerDNS's own is \"localhost\"");
    if (conf->ca_file[0] && access(conf->ca_file, R_OK) < 0)
        return cs_fail(err, CS_ECONFIG, "ca_file: cannot read %.300s", conf->ca_file);
    return 0;
}

static int pdns_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    (void)listen;
    return check_settings(conf, err);
}

/* People write the URL with and without "/api/v1" and "/" behind it. */
static size_t base_len(const char *api)
{
    static const char tail[] = "/api/v1";
    size_t len = strlen(api);

    while (len > 0 && api[len - 1] == '/')
        len--;
    if (len > strlen(tail) && memcmp(api + len - strlen(tail), tail, strlen(tail)) == 0)
        len -= strlen(tail);
    return len;
}

static int make_texts(struct pdns *pdns)
{
    struct text base = TEXT_MAX(2000), header = TEXT_MAX(5000);

    text_add_n(&base, pdns->conf->api, base_len(pdns->conf->api));
    text_addf(&base, "/api/v1/servers/%s", pdns->conf->server);
    text_addf(&header, "X-API-Key: %s", pdns->conf->key);
    pdns->base = text_take(&base);
    pdns->key_header = text_take(&header);
    return pdns->base && pdns->key_header ? 0 : -1;
}

static void pdns_close(void *self)
{
    struct pdns *pdns = self;

    owner_free_all(pdns);
    zones_free(pdns->zones);
    server_free(pdns->server);
    if (pdns->key_header)
        explicit_bzero(pdns->key_header, strlen(pdns->key_header));
    free(pdns->key_header);
    free(pdns->base);
    free(pdns);
}

static int pdns_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct pdns *pdns = calloc(1, sizeof *pdns);

    if (!pdns)
        return cs_fail(err, CS_EBUSY, "out of memory");
    pdns->in = in;
    pdns->conf = conf;
    if (check_settings(conf, err) < 0)
        goto out;
    pdns->server = server_new(pdns);
    pdns->zones = zones_new(pdns);
    if (!pdns->server || !pdns->zones || make_texts(pdns) < 0) {
        cs_fail(err, CS_EBUSY, "out of memory");
        goto out;
    }
    *self = pdns;
    return 0;
out:
    pdns_close(pdns);
    return -1;
}

/* Tells the operator at once when URL or key are wrong. It does not stop the server: PowerDNS may come up after it. */
static int pdns_start(void *self, struct cs_error *err)
{
    struct pdns *pdns = self;

    (void)err;
    server_ask(pdns->server);
    return 0;
}

static void pdns_stop(void *self)
{
    struct pdns *pdns = self;

    pdns->stopping = true;
    owner_stop_watching(pdns);
}

static void pdns_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    owner_set(self, change, op);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = pdns_set_txt };

CS_PLUGIN("dns-pdns", "0.1.0", "serves TXT values through the HTTP API of PowerDNS Authoritative", .settings = settings,
          .settings_size = sizeof(struct pdns_settings), .open = pdns_open, .start = pdns_start, .stop = pdns_stop,
          .close = pdns_close, .dns = &dns, .check = pdns_check);

/*
 * The server's own part of countersign.conf; see settings.h. The plugin blocks are read in settings_blocks.c.
 */
#include "plugin/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/network.h"
#include "engine/log.h"
#include "plugin/settings_blocks.h"
#include "plugin/settings_visits.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, HTTPS_PORT = 8443, ADMIN_PORT = 9180 };

static const char *const known_keys[] = {
    "user", "state", "runtime", "plugin_dir", "log_level", "listen", "admin", "proxies", "blocked_keys", "resolvers", "wait",
    "job_deadline", "stop", "visible", "max_in_flight", "max_connections", "outage_queue", "outage_wait", "outbox_max",
    "visits", "ca", "dns", "store", "audit",
};
/* The last one is the public listeners' alone. */
static const char *const listen_keys[] = { "address", "port", "certificate", "key", "proxy_protocol" };

struct number {
    const char *key;
    size_t offset;
    int64_t fallback, min, max;
};

static const struct number durations[] = {
    { "wait",         offsetof(struct settings, wait_ms),         300 * SECOND, SECOND,      HOUR      },
    { "job_deadline", offsetof(struct settings, job_deadline_ms), 15 * MINUTE,  10 * SECOND, 24 * HOUR },
    { "outage_wait",  offsetof(struct settings, outage_wait_ms),  24 * HOUR,    MINUTE,      168 * HOUR },
    { "stop",         offsetof(struct settings, stop_ms),         30 * SECOND,  0,           HOUR      },
    { "visible",      offsetof(struct settings, visible_ms),      120 * SECOND, SECOND,      HOUR      },
};
static const struct number counts[] = {
    { "max_in_flight",   offsetof(struct settings, max_in_flight),   5000,   1, 1000000   },
    { "max_connections", offsetof(struct settings, max_connections), 10000,  1, 1000000   },
    { "outage_queue",    offsetof(struct settings, outage_queue),    1000,   0, 1000000   },
    { "outbox_max",      offsetof(struct settings, outbox_max),      100000, 1, 100000000 },
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static int64_t *field(struct settings *out, const struct number *number)
{
    return (int64_t *)(void *)((char *)out + number->offset);
}

static void read_numbers(struct config *config, struct settings *out)
{
    const struct config_node *root = config_root(config);

    for (const struct number *n = durations; n < durations + COUNT(durations); n++) {
        *field(out, n) = n->fallback;
        config_seconds(config, root, n->key, n->min, n->max, field(out, n));
    }
    for (const struct number *n = counts; n < counts + COUNT(counts); n++) {
        *field(out, n) = n->fallback;
        config_int(config, root, n->key, n->min, n->max, field(out, n));
    }
}

static void read_folder(struct config *config, const char *key, const char *fallback, const char **out)
{
    const struct config_node *root = config_root(config);

    *out = fallback;
    config_string(config, root, key, out);
    if (**out != '/')
        config_complain(config, config_find(config, root, key), "`%s` must be an absolute path, not \"%s\"", key, *out);
}

static void read_log_level(struct config *config, enum cs_log_level *out)
{
    const struct config_node *root = config_root(config);
    const char *word = "info";

    *out = CS_LOG_INFO;
    config_string(config, root, "log_level", &word);
    if (log_level_of(word) < 0)
        config_complain(config, config_find(config, root, "log_level"),
                        "`log_level` must be \"error\", \"warn\", \"info\" or \"debug\", not \"%s\"", word);
    else
        *out = (enum cs_log_level)log_level_of(word);
}

/* ---- Listeners ---- */

/* "::" -> "[::]": with a port of its own beside it, an IPv6 address needs no brackets in the file. */
static void put_brackets(struct config *config, struct listen_settings *listen)
{
    const char *colon = listen->address ? strchr(listen->address, ':') : NULL;
    struct text text = TEXT_MAX(256);

    if (!colon || !strchr(colon + 1, ':') || listen->address[0] == '[' || listen->unix_path)
        return;
    text_addf(&text, "[%s]", listen->address);
    listen->bracketed = text_take(&text);
    if (listen->bracketed)
        listen->address = listen->bracketed;
    else
        config_complain(config, listen->at, "the address is too long");
}

static void read_listen_block(struct config *config, const struct config_node *at, const char *what, bool is_admin,
                              struct listen_settings *out)
{
    *out = (struct listen_settings){ .port = is_admin ? ADMIN_PORT : HTTPS_PORT, .at = at };
    if (config_string(config, at, "address", &out->address) == CONFIG_MISSING || (out->address && !*out->address))
        config_complain(config, at, "%s has no `address`: write address = \"0.0.0.0\", \"::\" or \"unix:/path\"", what);
    config_int(config, at, "port", 1, 65535, &out->port);
    config_string(config, at, "certificate", &out->certificate);
    config_string(config, at, "key", &out->key);
    if (!out->certificate != !out->key)
        config_complain(config, at, "%s has a `%s` but no `%s`: TLS needs both, plain HTTP none", what,
                        out->key ? "key" : "certificate", out->key ? "certificate" : "key");
    if (out->address && strncmp(out->address, "unix:", 5) == 0) {
        out->unix_path = out->address + 5;
        if (*out->unix_path != '/')
            config_complain(config, at, "a unix socket needs an absolute path: write address = \"unix:/path\"");
    }
    if (!is_admin)
        config_bool(config, at, "proxy_protocol", &out->proxy_protocol);
    put_brackets(config, out);
    config_complain_unused(config, at, listen_keys, COUNT(listen_keys) - is_admin);
}

static void read_listen(struct config *config, struct settings *out)
{
    const struct config_node *listen = config_find(config, config_root(config), "listen"), *at;
    size_t n = 0;

    if (!listen)
        return;
    if (!config_is_group(listen) && !config_is_list(listen)) {
        config_complain(config, listen, "`listen` must be { address = \"…\"; port = …; … } or a list ( … ) of such");
        return;
    }
    if (config_is_list(listen))
        while (config_at(listen, n))
            n++;
    out->listen = calloc(n + 1, sizeof *out->listen);
    if (!out->listen) {
        config_complain(config, listen, "no memory");
        return;
    }
    if (config_is_group(listen))
        read_listen_block(config, listen, "`listen`", false, &out->listen[out->n_listen++]);
    for (size_t i = 0; config_is_list(listen) && (at = config_at(listen, i)) != NULL; i++) {
        if (config_is_group(at))
            read_listen_block(config, at, "a listener", false, &out->listen[out->n_listen++]);
        else
            config_complain(config, at, "entry %zu of `listen` must be { address = \"…\"; port = …; … }", i + 1);
    }
}

static void read_admin(struct config *config, struct settings *out)
{
    const struct config_node *admin = config_group(config, config_root(config), "admin");

    if (admin)
        read_listen_block(config, admin, "`admin`", true, &out->admin);
}

static void read_proxies(struct config *config, struct settings *out)
{
    const struct config_node *at = config_find(config, config_root(config), "proxies");
    struct network network;
    struct cs_error err = { 0 };

    config_strings(config, config_root(config), "proxies", &out->proxies, &out->n_proxies);
    for (size_t i = 0; i < out->n_proxies; i++)
        if (strcmp(out->proxies[i], "unix") != 0 && network_parse(out->proxies[i], &network, &err) < 0)
            config_complain(config, at, "`proxies`: %s; or \"unix\" for unix sockets", err.text);
}

/* ---- All of it ---- */

int settings_read(struct config *config, struct settings *out)
{
    const struct config_node *root = config_root(config);

    *out = (struct settings){ 0 };
    config_string(config, root, "user", &out->user);
    read_folder(config, "state", "/var/lib/countersign", &out->state);
    read_folder(config, "runtime", "/run/countersign", &out->runtime);
    read_folder(config, "plugin_dir", CS_PLUGIN_DIR, &out->plugin_dir);
    read_log_level(config, &out->log_level);
    read_listen(config, out);
    read_admin(config, out);
    read_proxies(config, out);
    config_strings(config, root, "blocked_keys", &out->blocked_keys, &out->n_blocked_keys);
    config_strings(config, root, "resolvers", &out->resolvers, &out->n_resolvers);
    read_numbers(config, out);
    settings_visits_read(config, &out->visits);
    settings_blocks_read(config, out);
    config_complain_unused(config, root, known_keys, COUNT(known_keys));
    return config_complaint_count(config) ? -1 : 0;
}

void settings_free(struct settings *settings)
{
    settings_blocks_free(settings);
    for (size_t i = 0; i < settings->n_listen; i++)
        free(settings->listen[i].bracketed);
    free(settings->admin.bracketed);
    free(settings->listen);
    free(settings->blocked_keys);
    free(settings->resolvers);
    free(settings->proxies);
    *settings = (struct settings){ 0 };
}

static bool has_role(const struct settings *settings, enum role role)
{
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == role)
            return true;
    return false;
}

int settings_check_complete(struct config *config, const struct settings *settings)
{
    size_t before = config_complaint_count(config);

    if (!settings->n_listen)
        config_complain(config, NULL, "there is no `listen`: nobody could send a request");
    if (!has_role(settings, ROLE_STORE))
        config_complain(config, NULL, "there is no store: write store = { main = { plugin = \"store-sqlite\"; }; };");
    if (!has_role(settings, ROLE_CA))
        config_complain(config, NULL, "there is no CA: write ca = { NAME = { plugin = \"…\"; … }; };");
    return config_complaint_count(config) > before ? -1 : 0;
}

const struct block_settings *settings_block(const struct settings *settings, enum role role, const char *name)
{
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == role && strcmp(settings->blocks[i].name, name) == 0)
            return &settings->blocks[i];
    return NULL;
}

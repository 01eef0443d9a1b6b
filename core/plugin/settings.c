/*
 * The server's own part of countersign.conf; see settings.h. The plugin blocks are read in settings_blocks.c.
 */
#include "plugin/settings.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "base/network.h"
#include "engine/log.h"
#include "plugin/settings_blocks.h"
#include "plugin/settings_limits.h"
#include "plugin/settings_table.h"
#include "plugin/settings_visits.h"

#define SELF "self:"

enum { HTTPS_PORT = 8443, ADMIN_PORT = 9180, GROUP_ROOM = 1 << 20 /* a group may have many members */ };

static void complain_unused(struct config *config, const struct config_node *in, const char *block)
{
    const char *keys[SETTINGS_KEYS_MOST];
    const size_t n = settings_keys(block, keys);

    config_complain_unused(config, in, keys, n);
}

static void read_numbers(struct config *config, struct settings *out)
{
    const struct config_node *root = config_root(config);

    for (const struct setting *s = settings_table; s < settings_table + settings_table_size; s++) {
        int64_t *field = (int64_t *)(void *)((char *)out + s->offset);

        if (*s->block || (s->type != SETTING_COUNT && s->type != SETTING_SECONDS))
            continue;
        *field = s->number;
        if (s->type == SETTING_COUNT)
            config_int(config, root, s->key, s->min, s->max, field);
        else
            config_seconds(config, root, s->key, s->min, s->max, field);
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

static void read_sandbox(struct config *config, enum sandbox_setting *out)
{
    static const char *const words[] = { [SANDBOX_ON] = "on", [SANDBOX_LOG] = "log", [SANDBOX_OFF] = "off" };
    const struct config_node *root = config_root(config);
    const char *word = "on";

    *out = SANDBOX_ON;
    config_string(config, root, "sandbox", &word);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (enum sandbox_setting)i;
            return;
        }
    config_complain(config, config_find(config, root, "sandbox"), "`sandbox` must be \"on\", \"log\" or \"off\", not \"%s\"",
                    word);
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

/* "self:NAME": certificate and key are one file, which the server itself writes. */
static void read_self(struct config *config, const char *state, const char *what, struct listen_settings *out)
{
    const char *name = out->certificate + strlen(SELF);
    char checked[NAME_MAX_LEN + 1];
    struct text path = TEXT_MAX(4000);
    struct cs_error err = { 0 };

    if (name_check(checked, name, strlen(name), 0, &err) < 0 || strcmp(checked, name) != 0) {
        config_complain(config, out->at, "%s: `self:` is followed by a host name in lower case, such as "
                        "\"self:countersign.example.com\"; \"%s\" is none", what, name);
        return;
    }
    if (out->key)
        config_complain(config, out->at, "%s has a `key`, and a certificate that the server gets for itself, with a key of its "
                        "own: leave `key` out", what);
    out->self_name = name;
    config_string(config, out->at, "ca", &out->self_ca);
    text_addf(&path, "%s/" SETTINGS_SELF_FOLDER "/%s.pem", state, name);
    out->self_file = text_take(&path);
    if (!out->self_file)
        config_complain(config, out->at, "the path of `state` is too long");
    out->certificate = out->key = out->self_file;
}

static void read_tls(struct config *config, const char *state, const char *what, struct listen_settings *out)
{
    config_string(config, out->at, "certificate", &out->certificate);
    config_string(config, out->at, "key", &out->key);
    if (out->certificate && strncmp(out->certificate, SELF, strlen(SELF)) == 0) {
        read_self(config, state, what, out);
        return;
    }
    if (!out->certificate != !out->key)
        config_complain(config, out->at, "%s has a `%s` but no `%s`: TLS needs both, plain HTTP none", what,
                        out->key ? "key" : "certificate", out->key ? "certificate" : "key");
    if (config_string(config, out->at, "ca", &out->self_ca) == CONFIG_FOUND)
        config_complain(config, out->at, "%s has a `ca`, which belongs to certificate = \"self:NAME\" only", what);
}

static void read_clients(struct config *config, const struct config_node *at, struct listen_settings *out)
{
    const char *word = "optional";
    const struct config_node *said = config_find(config, at, "client_certificate");
    const bool says = config_string(config, at, "client_certificate", &word) != CONFIG_MISSING;

    config_string(config, at, "client_ca", &out->client_ca);
    config_string(config, at, "client_crl", &out->client_crl);
    out->needs_client_certificate = strcmp(word, "required") == 0;
    out->believes_client_cert = strcmp(word, "proxy") == 0;
    if (!out->needs_client_certificate && !out->believes_client_cert && strcmp(word, "optional") != 0)
        config_complain(config, said, "`client_certificate` must be \"optional\", \"required\" or \"proxy\", not \"%s\"", word);
    if (!out->client_ca && (says || out->client_crl))
        config_complain(config, says ? said : at, "`%s` needs `client_ca`: the CAs whose client certificates are good",
                        says ? "client_certificate" : "client_crl");
    if (says && !out->certificate && !out->believes_client_cert)
        config_complain(config, said, "`client_certificate` needs TLS (`certificate` and `key`), unless it is \"proxy\"");
    /* The address of a PROXY header is the client's, and what comes behind one is what the client sent. */
    if (out->believes_client_cert && out->proxy_protocol)
        config_complain(config, said, "`client_certificate` = \"proxy\" and `proxy_protocol` cannot stand together: behind a "
                        "PROXY header nobody can tell the proxy's Client-Cert from one that the client wrote; give each a "
                        "listener of its own");
}

static int find_group(const char *name, gid_t *id)
{
    struct group group, *found = NULL;
    char *text = malloc(GROUP_ROOM);
    const int rc = text ? getgrnam_r(name, &group, text, GROUP_ROOM, &found) : ENOMEM;

    if (found)
        *id = group.gr_gid;
    free(text);
    return found ? 0 : rc ? rc : ENOENT;
}

static void read_group(struct config *config, const struct config_node *at, struct listen_settings *out)
{
    const struct config_node *said = config_find(config, at, "group");
    int rc;

    config_string(config, at, "group", &out->group);
    if (!out->group)
        return;
    if (!out->unix_path)
        config_complain(config, said, "`group` is that of a unix socket: it needs address = \"unix:/path\"");
    else if ((rc = find_group(out->group, &out->group_id)) != 0)
        config_complain(config, said, "`group` names \"%s\", %s", out->group,
                        rc == ENOENT ? "which there is not: `groupadd` makes it" : strerrordesc_np(rc));
}

static void read_listen_block(struct config *config, const struct config_node *at, const char *what, bool is_admin,
                              const char *state, struct listen_settings *out)
{
    *out = (struct listen_settings){ .port = is_admin ? ADMIN_PORT : HTTPS_PORT, .group_id = (gid_t)-1, .at = at };
    if (config_string(config, at, "address", &out->address) == CONFIG_MISSING || (out->address && !*out->address))
        config_complain(config, at, "%s has no `address`: write address = \"0.0.0.0\", \"::\" or \"unix:/path\"", what);
    config_int(config, at, "port", 1, 65535, &out->port);
    read_tls(config, state, what, out);
    if (out->address && strncmp(out->address, "unix:", 5) == 0) {
        out->unix_path = out->address + 5;
        if (*out->unix_path != '/')
            config_complain(config, at, "a unix socket needs an absolute path: write address = \"unix:/path\"");
    }
    read_group(config, at, out);
    if (!is_admin) {
        config_bool(config, at, "proxy_protocol", &out->proxy_protocol);
        read_clients(config, at, out);
    }
    put_brackets(config, out);
    complain_unused(config, at, is_admin ? "admin" : "listen");
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
        read_listen_block(config, listen, "`listen`", false, out->state, &out->listen[out->n_listen++]);
    for (size_t i = 0; config_is_list(listen) && (at = config_at(listen, i)) != NULL; i++) {
        if (config_is_group(at))
            read_listen_block(config, at, "a listener", false, out->state, &out->listen[out->n_listen++]);
        else
            config_complain(config, at, "entry %zu of `listen` must be { address = \"…\"; port = …; … }", i + 1);
    }
}

static void read_admin(struct config *config, struct settings *out)
{
    const struct config_node *admin = config_group(config, config_root(config), "admin");

    if (admin)
        read_listen_block(config, admin, "`admin`", true, out->state, &out->admin);
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
    read_sandbox(config, &out->sandbox);
    read_listen(config, out);
    read_admin(config, out);
    read_proxies(config, out);
    config_strings(config, root, "blocked_keys", &out->blocked_keys, &out->n_blocked_keys);
    config_strings(config, root, "resolvers", &out->resolvers, &out->n_resolvers);
    read_numbers(config, out);
    settings_visits_read(config, &out->visits);
    settings_limits_read(config, out->max_in_flight, &out->limits);
    settings_blocks_read(config, out);
    complain_unused(config, root, "");
    return config_complaint_count(config) ? -1 : 0;
}

static void free_listen(struct listen_settings *listen)
{
    free(listen->bracketed);
    free(listen->self_file);
}

void settings_free(struct settings *settings)
{
    settings_blocks_free(settings);
    settings_limits_free(&settings->limits);
    for (size_t i = 0; i < settings->n_listen; i++)
        free_listen(&settings->listen[i]);
    free_listen(&settings->admin);
    free(settings->listen);
    free(settings->blocked_keys);
    free(settings->resolvers);
    free(settings->proxies);
    *settings = (struct settings){ 0 };
}

static void check_self(struct config *config, const struct settings *settings, const struct listen_settings *listen)
{
    size_t n = 0;

    for (size_t i = 0; i < settings->n_blocks; i++)
        n += settings->blocks[i].role == ROLE_CA;
    if (listen->self_ca && listen->self_name && !settings_block(settings, ROLE_CA, listen->self_ca))
        config_complain(config, listen->at, "there is no CA \"%s\" to ask for a certificate for %s", listen->self_ca,
                        listen->self_name);
    else if (listen->self_name && !listen->self_ca && n > 1)
        config_complain(config, listen->at, "there are %zu CAs: say which is asked for a certificate for %s, ca = \"NAME\"", n,
                        listen->self_name);
}

const char *settings_self_ca(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->n_listen; i++)
        if (settings->listen[i].self_name && strcmp(settings->listen[i].self_name, name) == 0)
            return settings->listen[i].self_ca;
    return settings->admin.self_name && strcmp(settings->admin.self_name, name) == 0 ? settings->admin.self_ca : NULL;
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
    for (size_t i = 0; i < settings->n_listen; i++)
        check_self(config, settings, &settings->listen[i]);
    check_self(config, settings, &settings->admin);
    return config_complaint_count(config) > before ? -1 : 0;
}

const struct block_settings *settings_block(const struct settings *settings, enum role role, const char *name)
{
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == role && strcmp(settings->blocks[i].name, name) == 0)
            return &settings->blocks[i];
    return NULL;
}

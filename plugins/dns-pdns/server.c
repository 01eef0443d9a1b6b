/* What is known of the PowerDNS server; see server.h. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "reply.h"

#define ASK_AGAIN_MS   (10 * 60 * INT64_C(1000))
#define BELIEVE_422_MS (60 * 60 * INT64_C(1000))

struct version { /* {0}: not known */
    long major, minor, patch;
};

struct server {
    struct pdns *pdns;
    struct api_call *call;
    char name[REPLY_VERSION]; /* "": not known */
    struct version version;
    int64_t ask_ms;     /* not before */
    int64_t refused_ms; /* until then it has no EXTEND and PRUNE, whatever its version says */
    bool failing;       /* the log says so */
};

/* "4.7.3", "5.0.2-1pgdg", "5.1.0-alpha1": three numbers, whatever follows. */
static struct version read_version(const char *name)
{
    struct version version = { 0 };
    long *const parts[] = { &version.major, &version.minor, &version.patch };

    for (size_t i = 0; i < 3; i++) {
        char *end;

        if (*name < '0' || *name > '9')
            return (struct version){ 0 };
        *parts[i] = strtol(name, &end, 10);
        name = end + (*end == '.' && i < 2);
        if (i < 2 && *end != '.')
            return (struct version){ 0 };
    }
    return version;
}

static bool is_at_least(struct version v, long major, long minor, long patch)
{
    if (v.major != major)
        return v.major > major;
    if (v.minor != minor)
        return v.minor > minor;
    return v.patch >= patch;
}

bool server_is_additive(const struct server *server)
{
    const struct version v = server->version;

    if (cs_now_ms() < server->refused_ms)
        return false;
    if (v.major == 0 || is_at_least(v, 5, 0, 2))
        return true;
    return v.major == 4 && is_at_least(v, 4, 9, 12);
}

bool server_shows_disabled(const struct server *server)
{
    return is_at_least(server->version, 5, 0, 0);
}

void server_refused_additive(struct server *server)
{
    server->refused_ms = cs_now_ms() + BELIEVE_422_MS;
    cs_log(server->pdns->in, CS_LOG_INFO,
           "this PowerDNS has no EXTEND and PRUNE (4.9.12, 5.0.2 and newer have): record sets are read and replaced version=%s",
           server->name[0] ? server->name : "unknown");
}

void server_suspect(struct server *server)
{
    if (server)
        server->ask_ms = 0;
}

static void take_version(struct server *server, const char *name)
{
    if (strcmp(server->name, name) != 0) {
        memcpy(server->name, name, sizeof server->name);
        server->version = read_version(name);
        server->refused_ms = 0;
        cs_log(server->pdns->in, CS_LOG_INFO, "PowerDNS at %s version=%s", server->pdns->conf->api, name);
    }
    server->failing = false;
}

static void on_version(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct server *server = arg;
    struct cs_error err = failure ? failure->err : (struct cs_error){ 0 };
    char name[REPLY_VERSION] = "";

    server->call = NULL;
    if (reply && reply_read_version(name, reply->body, reply->body_len, &err) == 0) {
        take_version(server, name);
        return;
    }
    api_name_place(&err, server->pdns, NULL);
    if (!server->failing && !server->pdns->stopping)
        cs_log(server->pdns->in, CS_LOG_WARN, "%s", err.text);
    server->failing = true;
}

void server_ask(struct server *server)
{
    const struct api_want want = { .method = "GET", .path = "" };

    if (server->call || cs_now_ms() < server->ask_ms || server->pdns->stopping)
        return;
    server->ask_ms = cs_now_ms() + ASK_AGAIN_MS;
    server->call = api_send(server->pdns, &want, on_version, server);
}

struct server *server_new(struct pdns *pdns)
{
    struct server *server = calloc(1, sizeof *server);

    if (server)
        server->pdns = pdns;
    return server;
}

void server_free(struct server *server)
{
    if (server)
        api_cancel(server->call);
    free(server);
}

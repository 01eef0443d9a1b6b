/*
 * The setting `server`; see server.h.
 */
#include "server.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const struct {
    const char *scheme;
    enum server_kind kind;
    const char *port;
} schemes[] = {
    { "unix:", SERVER_UNIX, "" },
    { "udp:", SERVER_UDP, "514" },
    { "tcp:", SERVER_TCP, "514" },
    { "tls:", SERVER_TLS, "6514" },
};

static int refuse(const char *text, const char *why, struct cs_error *err)
{
    return cs_fail(err, CS_ECONFIG,
                   "server = \"%.100s\" %s: write \"unix:/dev/log\", \"udp:HOST:PORT\", \"tcp:HOST:PORT\" or \"tls:HOST:PORT\"",
                   text, why);
}

static int parse_path(struct server *out, const char *text, const char *path, struct cs_error *err)
{
    if (path[0] != '/')
        return refuse(text, "has no absolute path", err);
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return refuse(text, "has a path that is too long for a socket", err);
    snprintf(out->host, sizeof out->host, "%s", path);
    return 0;
}

static bool is_port(const char *text)
{
    unsigned port = 0;

    if (!*text || strlen(text) > 5 || text[strspn(text, "0123456789")])
        return false;
    for (const char *p = text; *p; p++)
        port = port * 10 + (unsigned)(*p - '0');
    return port >= 1 && port <= 65535;
}

static int parse_host(struct server *out, const char *text, const char *rest, struct cs_error *err)
{
    const bool bracket = *rest == '[';
    const char *host = rest + bracket;
    size_t len = strcspn(host, bracket ? "]" : ":");
    const char *behind = host + len;

    if (bracket && *behind++ != ']')
        return refuse(text, "has no closing bracket", err);
    if (len == 0 || len >= sizeof out->host || strcspn(host, " /\"'") < len)
        return refuse(text, "names no host", err);
    if (*behind && (*behind != ':' || !is_port(behind + 1)))
        return refuse(text, "has no port from 1 to 65535", err);
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    if (*behind)
        snprintf(out->port, sizeof out->port, "%s", behind + 1);
    return 0;
}

int server_parse(struct server *out, const char *text, struct cs_error *err)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const size_t len = strlen(schemes[i].scheme);

        if (strncmp(text, schemes[i].scheme, len) != 0)
            continue;
        *out = (struct server){ .kind = schemes[i].kind };
        snprintf(out->port, sizeof out->port, "%s", schemes[i].port);
        return out->kind == SERVER_UNIX ? parse_path(out, text, text + len, err) : parse_host(out, text, text + len, err);
    }
    return refuse(text, "has no known way", err);
}

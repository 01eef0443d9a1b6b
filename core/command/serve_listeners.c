/*
 * The listening sockets of a running server, and their certificates; see serve_listeners.h.
 */
#include "command/serve_listeners.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/sockets.h"
#include "http/client_ca.h"

#define LOG_WHO "serve"

struct serve_listener {
    const struct listen_settings *settings;
    enum http_listen what;
    int fd;              /* bound; -1: not yet, or the HTTP server's */
    SSL_CTX *tls;        /* NULL: plain */
    struct client_ca *client_ca; /* NULL: none */
    struct listener *at; /* NULL: takes no clients */
};

struct serve_listeners {
    struct serve_listener *all;
    size_t n;
};

struct serve_listeners *serve_listeners_new(struct cs_error *err)
{
    struct serve_listeners *all = calloc(1, sizeof *all);

    if (!all)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    return all;
}

static int bind_one(struct serve_listener *one, struct cs_error *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    char text[128];

    if (address_parse(one->settings->address, (uint16_t)one->settings->port, &address, &len, err) < 0)
        return -1;
    one->fd = socket_listen((const struct sockaddr *)&address, len, SOCK_STREAM, err);
    if (one->fd < 0)
        return -1;
    address_text(text, (const struct sockaddr *)&address, len);
    log_line(CS_LOG_INFO, LOG_WHO, "", "listening on=%s tls=%s", text, one->settings->certificate ? "yes" : "no");
    return 0;
}

static int bind_next(struct serve_listeners *all, const struct listen_settings *settings, enum http_listen what,
                     struct cs_error *err)
{
    struct serve_listener *one = &all->all[all->n++];

    *one = (struct serve_listener){ .settings = settings, .what = what, .fd = -1 };
    return bind_one(one, err);
}

int serve_listeners_bind(struct serve_listeners *all, const struct settings *settings, struct cs_error *err)
{
    all->all = calloc(settings->n_listen + 1, sizeof *all->all);
    if (!all->all)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    for (size_t i = 0; i < settings->n_listen; i++) {
        const struct listen_settings *listen = &settings->listen[i];

        if (bind_next(all, listen, listen->proxy_protocol ? HTTP_PROXY_HEADERS : HTTP_PUBLIC, err) < 0)
            return -1;
    }
    return settings->admin.address ? bind_next(all, &settings->admin, HTTP_ADMIN, err) : 0;
}

/* A context that does not know the client CAs would serve whoever it is. */
static int join_clients(const struct serve_listener *one, SSL_CTX *tls, struct cs_error *err)
{
    return one->client_ca ? client_ca_join(one->client_ca, tls, one->settings->needs_client_certificate, err) : 0;
}

static int read_client_ca(struct serve_listener *one, struct cs_error *err)
{
    one->client_ca = client_ca_new(one->settings->client_ca, one->settings->client_crl, err);
    if (!one->client_ca)
        return -1;
    return one->tls ? join_clients(one, one->tls, err) : 0;
}

int serve_listeners_read_keys(struct serve_listeners *all, struct cs_error *err)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct listen_settings *settings = all->all[i].settings;

        if (settings->certificate && !(all->all[i].tls = tls_context_new(settings->certificate, settings->key, err)))
            return -1;
        if (settings->client_ca && read_client_ca(&all->all[i], err) < 0)
            return -1;
    }
    return 0;
}

int serve_listeners_accept(struct serve_listeners *all, struct http_server *http, struct cs_error *err)
{
    for (size_t i = 0; i < all->n; i++) {
        struct serve_listener *one = &all->all[i];

        one->at = http_server_listen(http, one->fd, one->tls, one->what, err);
        one->fd = -1;
        if (!one->at)
            return -1;
        listener_set_client_ca(one->at, one->client_ca);
    }
    return 0;
}

int serve_listeners_set_tls(struct serve_listeners *all, size_t index, SSL_CTX *tls, struct cs_error *err)
{
    struct serve_listener *one = &all->all[index];

    assert(index < all->n && one->tls && tls);
    if (join_clients(one, tls, err) < 0)
        return -1;
    SSL_CTX_up_ref(tls);
    SSL_CTX_free(one->tls);
    one->tls = tls;
    if (one->at)
        listener_set_tls(one->at, tls);
    return 0;
}

int serve_listeners_renew(struct serve_listeners *all, const char *self_name, struct cs_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < all->n; i++) {
        const struct listen_settings *settings = all->all[i].settings;
        SSL_CTX *tls;

        if (!settings->self_name || strcmp(settings->self_name, self_name) != 0)
            continue;
        tls = tls_context_new(settings->certificate, settings->key, err);
        if (!tls || serve_listeners_set_tls(all, i, tls, err) < 0)
            rc = -1;
        SSL_CTX_free(tls);
    }
    return rc;
}

void serve_listeners_gone(struct serve_listeners *all)
{
    for (size_t i = 0; i < all->n; i++)
        all->all[i].at = NULL;
}

void serve_listeners_free(struct serve_listeners *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++) {
        if (all->all[i].fd >= 0)
            close(all->all[i].fd);
        SSL_CTX_free(all->all[i].tls);
        client_ca_free(all->all[i].client_ca);
    }
    free(all->all);
    free(all);
}

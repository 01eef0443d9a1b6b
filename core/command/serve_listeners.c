/*
 * The listening sockets of a running server, and their certificates; see serve_listeners.h.
 */
#include "command/serve_listeners.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/sockets.h"
#include "http/client_ca.h"

#define LOG_WHO "serve"

struct serve_listener {
    struct listen_settings settings; /* its words are those of the configuration */
    enum http_listen what;
    struct sockaddr_storage address;
    socklen_t len;
    char text[128];       /* the address */
    int fd;               /* bound; -1: not yet, or the HTTP server's */
    SSL_CTX *tls;         /* NULL: plain, or of a name whose certificate is the server's own and not shown yet */
    uint8_t spki_sha256[OWN_KEY_HASH]; /* of its key */
    struct client_ca *client_ca; /* NULL: none */
    struct listener *at;  /* NULL: takes no clients */
    struct serve_listener *kept; /* of a new file: the one that is bound already */
};

struct serve_listeners {
    struct serve_listener *all;
    size_t n;
};

/* ---- Bind ---- */

static int add(struct serve_listeners *all, const struct listen_settings *settings, enum http_listen what, struct cs_error *err)
{
    struct serve_listener *one = &all->all[all->n];

    *one = (struct serve_listener){ .settings = *settings, .what = what, .fd = -1 };
    if (address_parse(settings->address, (uint16_t)settings->port, &one->address, &one->len, err) < 0)
        return -1;
    address_text(one->text, (const struct sockaddr *)&one->address, one->len);
    all->n++;
    return 0;
}

static int add_all(struct serve_listeners *all, const struct settings *settings, struct cs_error *err)
{
    all->all = calloc(settings->n_listen + 1, sizeof *all->all);
    if (!all->all)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    for (size_t i = 0; i < settings->n_listen; i++)
        if (add(all, &settings->listen[i], settings->listen[i].proxy_protocol ? HTTP_PROXY_HEADERS : HTTP_PUBLIC, err) < 0)
            return -1;
    return settings->admin.address ? add(all, &settings->admin, HTTP_ADMIN, err) : 0;
}

struct serve_listeners *serve_listeners_new(const struct settings *settings, struct cs_error *err)
{
    struct serve_listeners *all = calloc(1, sizeof *all);

    if (!all)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    else if (add_all(all, settings, err) == 0)
        return all;
    serve_listeners_free(all);
    return NULL;
}

static int bind_one(struct serve_listener *one, struct cs_error *err)
{
    one->fd = socket_listen_for((const struct sockaddr *)&one->address, one->len, SOCK_STREAM, one->settings.group_id, err);
    if (one->fd < 0)
        return -1;
    log_line(CS_LOG_INFO, LOG_WHO, "", "listening on=%s tls=%s", one->text, one->settings.certificate ? "yes" : "no");
    return 0;
}

int serve_listeners_bind(struct serve_listeners *all, struct cs_error *err)
{
    for (size_t i = 0; i < all->n; i++)
        if (bind_one(&all->all[i], err) < 0)
            return -1;
    return 0;
}

/* A context that does not know the client CAs would serve whoever it is. */
static int join_clients(const struct serve_listener *one, SSL_CTX *tls, struct cs_error *err)
{
    return one->client_ca ? client_ca_join(one->client_ca, tls, one->settings.needs_client_certificate, err) : 0;
}

static int read_client_ca(struct serve_listener *one, struct cs_error *err)
{
    one->client_ca = client_ca_new(one->settings.client_ca, one->settings.client_crl, err);
    if (!one->client_ca)
        return -1;
    return one->tls ? join_clients(one, one->tls, err) : 0;
}

static int read_key(struct serve_listener *one, struct cs_error *err)
{
    one->tls = tls_context_new(one->settings.certificate, one->settings.key, err);
    return one->tls ? tls_context_key(one->tls, one->spki_sha256, err) : -1;
}

int serve_listeners_read_keys(struct serve_listeners *all, const struct config_node **at, struct cs_error *err)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct listen_settings *settings = &all->all[i].settings;

        if (at)
            *at = settings->at;
        if (settings->certificate && !settings->self_name && read_key(&all->all[i], err) < 0)
            return -1;
        if (settings->client_ca && read_client_ca(&all->all[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- Take clients ---- */

static int accept_one(struct serve_listener *one, struct http_server *http, struct cs_error *err)
{
    assert(!one->settings.certificate == !one->tls);
    one->at = http_server_listen(http, one->fd, one->tls, one->what, err);
    one->fd = -1;
    if (!one->at)
        return -1;
    listener_set_client_ca(one->at, one->client_ca, one->settings.believes_client_cert);
    return 0;
}

int serve_listeners_accept(struct serve_listeners *all, struct http_server *http, struct cs_error *err)
{
    for (size_t i = 0; i < all->n; i++)
        if (accept_one(&all->all[i], http, err) < 0)
            return -1;
    return 0;
}

/* ---- The server's own certificates ---- */

static bool has_name(const struct serve_listener *one, const char *self_name)
{
    return one->settings.self_name && strcmp(one->settings.self_name, self_name) == 0;
}

/* Clients that come from now on are shown the certificate of `own`; on failure what was shown before. */
static int show(struct serve_listener *one, SSL_CTX *own, struct cs_error *err)
{
    SSL_CTX *tls = tls_context_like(own, err);

    if (!tls || join_clients(one, tls, err) < 0 || tls_context_key(tls, one->spki_sha256, err) < 0) {
        SSL_CTX_free(tls);
        return -1;
    }
    SSL_CTX_free(one->tls);
    one->tls = tls;
    if (one->at)
        listener_set_tls(one->at, tls);
    return 0;
}

int serve_listeners_show(struct serve_listeners *all, const char *self_name, struct cs_error *err)
{
    SSL_CTX *own = NULL;
    int rc = 0;

    for (size_t i = 0; i < all->n; i++) {
        struct serve_listener *one = &all->all[i];

        if (!has_name(one, self_name))
            continue;
        if (!own && !(own = tls_context_new(one->settings.certificate, one->settings.key, err)))
            return -1;
        rc = show(one, own, err) < 0 ? -1 : rc;
    }
    SSL_CTX_free(own);
    return rc;
}

bool serve_listeners_hold_key(void *listeners, const uint8_t spki_sha256[OWN_KEY_HASH])
{
    const struct serve_listeners *all = listeners;

    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].tls && memcmp(all->all[i].spki_sha256, spki_sha256, OWN_KEY_HASH) == 0)
            return true;
    return false;
}

/* ---- A new file ---- */

static struct serve_listener *bound_there(const struct serve_listeners *now, const struct serve_listener *one)
{
    for (size_t i = 0; i < now->n; i++)
        if (strcmp(now->all[i].text, one->text) == 0)
            return &now->all[i];
    return NULL;
}

/* A listener becomes the admin's, or the other way round: the socket goes on, its clients are others. */
static int share(struct serve_listener *one, const struct serve_listener *bound, struct cs_error *err)
{
    one->fd = fcntl(listener_fd(bound->at), F_DUPFD_CLOEXEC, 0);
    return one->fd < 0 ? cs_fail(err, CS_EBUSY, "cannot take over a socket: %s", strerror(errno)) : 0;
}

static bool is_taken(const struct serve_listeners *fresh, const struct serve_listener *bound)
{
    for (size_t i = 0; i < fresh->n; i++)
        if (fresh->all[i].kept == bound)
            return true;
    return false;
}

static int prepare_one(const struct serve_listeners *fresh, struct serve_listener *one, const struct serve_listeners *now,
                       struct http_server *http, struct cs_error *err)
{
    struct serve_listener *bound = bound_there(now, one);

    if (bound && is_taken(fresh, bound))
        return cs_fail(err, CS_ECONFIG, "two listeners cannot have the address %s", one->text);
    if (bound && (bound->what == HTTP_ADMIN) == (one->what == HTTP_ADMIN)) {
        one->kept = bound;
        return 0;
    }
    if ((bound ? share(one, bound, err) : bind_one(one, err)) < 0)
        return -1;
    return accept_one(one, http, err);
}

/* There is one: the names are the same before and after. */
static SSL_CTX *shown_now(const struct serve_listeners *now, const char *self_name)
{
    for (size_t i = 0; i < now->n; i++)
        if (has_name(&now->all[i], self_name))
            return now->all[i].tls;
    return NULL;
}

/* What is shown goes on: the file may be older, or newer, than what serve_self.c knows of. */
static int show_own(struct serve_listener *one, const struct serve_listeners *now, struct cs_error *err)
{
    SSL_CTX *own = one->settings.self_name ? shown_now(now, one->settings.self_name) : NULL;

    assert(!one->settings.self_name == !own);
    return own ? show(one, own, err) : 0;
}

int serve_listeners_prepare(struct serve_listeners *fresh, const struct serve_listeners *now, struct http_server *http,
                            struct cs_error *err)
{
    for (size_t i = 0; i < fresh->n; i++)
        if (show_own(&fresh->all[i], now, err) < 0 || prepare_one(fresh, &fresh->all[i], now, http, err) < 0)
            return -1;
    return 0;
}

static bool shows_another(const SSL_CTX *before, const SSL_CTX *after)
{
    return after && (!before || X509_cmp(SSL_CTX_get0_certificate(before), SSL_CTX_get0_certificate(after)) != 0);
}

/* Always with the new context: more than the certificate may be another. */
static void take_over(struct serve_listener *one, struct serve_listeners_changes *changes)
{
    assert(!one->settings.certificate == !one->tls);
    changes->certificates += shows_another(one->kept->tls, one->tls);
    one->at = one->kept->at;
    one->kept->at = NULL;
    listener_set_tls(one->at, one->tls);
    listener_set_client_ca(one->at, one->client_ca, one->settings.believes_client_cert);
    listener_expect_proxy_header(one->at, one->what == HTTP_PROXY_HEADERS);
}

void serve_listeners_switch(struct serve_listeners *now, struct serve_listeners *fresh, struct http_server *http,
                            struct serve_listeners_changes *changes)
{
    const struct serve_listeners before = *now;

    *changes = (struct serve_listeners_changes){ 0 };
    for (size_t i = 0; i < fresh->n; i++)
        if (fresh->all[i].kept)
            take_over(&fresh->all[i], changes);
        else
            changes->added++;
    for (size_t i = 0; i < before.n; i++)
        if (before.all[i].at) {
            log_line(CS_LOG_INFO, LOG_WHO, "", "not listening any more on=%s", before.all[i].text);
            http_server_unlisten(http, before.all[i].at);
            changes->removed++;
        }
    *now = *fresh;
    *fresh = before;
    serve_listeners_free(fresh);
}

void serve_listeners_drop(struct serve_listeners *fresh, struct http_server *http)
{
    for (size_t i = 0; fresh && i < fresh->n; i++)
        if (fresh->all[i].at)
            http_server_unlisten(http, fresh->all[i].at);
    serve_listeners_free(fresh);
}

/* ---- The end ---- */

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

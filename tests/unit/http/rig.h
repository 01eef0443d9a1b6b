/*
 * A server in the test's own thread and clients on real sockets: every wait of a client turns the loop. For the tests of http/.
 */
#ifndef HTTP_RIG_H
#define HTTP_RIG_H

#include <openssl/ssl.h>

#include "engine/clock.h"
#include "http/server.h"

#include "heart.h"

struct rig {
    struct loop *loop;
    struct metrics *metrics;
    struct heart heart;
    struct http_server *server; /* NULL until rig_serve() */
    uint16_t port, admin_port;
    char folder[64]; /* made by rig_folder() */
    size_t fds;      /* open when the rig was made */
};

void rig_begin(struct rig *rig);
void rig_end(struct rig *rig); /* asserts that nothing was left behind, not even a file descriptor */

/* A server with a public and an admin listener on 127.0.0.1; `tls` only for the public one. */
void rig_serve(struct rig *rig, SSL_CTX *tls);

/* A listening socket on a free port of the loopback, or on a unix socket (`path`). */
int rig_listen(int family, const char *path, uint16_t *port);

/* Turn the loop for this long, by the real clock, and at least so often that everything sent before has been dealt with. */
void rig_run(struct rig *rig, int64_t ms);
/* Turn the loop until the condition holds, at most RIG_PATIENCE_MS of real time; fails the test otherwise. */
#define RIG_PATIENCE_MS 20000
#define rig_until(rig, condition)                                                                                              \
    do {                                                                                                                       \
        const int64_t rig_end_ms = rig_real_ms() + RIG_PATIENCE_MS;                                                            \
                                                                                                                               \
        while (!(condition))                                                                                                   \
            rig_wait_on(rig, rig_end_ms, #condition);                                                                          \
    } while (0)
int64_t rig_real_ms(void); /* no test moves it */
void rig_wait_on(struct rig *rig, int64_t end_ms, const char *condition);
/* How many file descriptors are open. */
size_t rig_open_fds(void);

/* A temporary folder, removed with its files by rig_end(), and the path of a file in it (valid until the next call). */
const char *rig_path(struct rig *rig, const char *name);
/* A self-signed certificate and its key; common name "localhost". */
void rig_certificate(struct rig *rig, const char *certificate, const char *key);

struct client {
    struct rig *rig;
    int fd;
    SSL *ssl; /* NULL: plain */
    struct text got;
    bool closed; /* the server has ended the connection */
    bool reset;
};

struct client client_connect(struct rig *rig, uint16_t port);
struct client client_connect_to(struct rig *rig, int family, const char *path, uint16_t port);
/* Over TLS; `alpn` in wire form or NULL. The handshake is made; check `closed`. */
struct client client_connect_tls(struct rig *rig, uint16_t port, const char *alpn);
void client_close(struct client *c);

void client_send_n(struct client *c, const void *bytes, size_t len);
void client_send(struct client *c, const char *text);
void client_half_close(struct client *c);

/* Wait until `text` has come, at most RIG_PATIENCE_MS. */
bool client_sees(struct client *c, const char *text);
/* Wait until the server has closed, or reset, the connection. */
bool client_sees_end(struct client *c);
/* Nothing comes for `ms`. */
bool client_sees_nothing(struct client *c, int64_t ms);
/* How often `text` stands in what came. */
size_t client_count(const struct client *c, const char *text);
/* Forget what came so far. */
void client_forget(struct client *c);

#endif

/*
 * Makes and ends the bufferevents of connections; see transport.h. Called by connection.c.
 */
#include "http/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#define MAX_WRITE (64 * 1024) /* an answer leaves in one write */

static struct bufferevent *new_tls(struct loop *loop, int fd, SSL_CTX *tls)
{
    SSL *ssl = SSL_new(tls);
    struct bufferevent *bev = NULL;

    if (ssl)
        bev = bufferevent_openssl_socket_new(loop_base(loop), fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    ERR_clear_error();
    return bev;
}

struct bufferevent *transport_new(struct loop *loop, int fd, SSL_CTX *tls)
{
    const int on = 1;
    struct bufferevent *bev;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a unix socket refuses it, and does not need it */
    bev = tls ? new_tls(loop, fd, tls) : bufferevent_socket_new(loop_base(loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        close(fd);
        return NULL;
    }
    bufferevent_set_max_single_write(bev, MAX_WRITE);
    return bev;
}

static void say_goodbye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);

    if (!ssl || !SSL_is_init_finished(ssl))
        return;
    SSL_shutdown(ssl);
    ERR_clear_error();
}

void transport_end(struct bufferevent *bev)
{
    say_goodbye(bev);
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR); /* fails when the peer is gone: reading will tell */
}

void transport_free(struct bufferevent *bev)
{
    say_goodbye(bev);
    bufferevent_free(bev);
}

bool transport_is_gone(struct bufferevent *bev)
{
    struct pollfd fd = { .fd = bufferevent_getfd(bev) };

    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP | POLLNVAL));
}

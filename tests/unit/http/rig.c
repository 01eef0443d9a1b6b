/*
 * The rig and its clients; see rig.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define LEAST_TURNS 10 /* accept, read, answer, write, and as many again */

int64_t rig_real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

size_t rig_open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

void rig_begin(struct rig *rig)
{
    struct cs_error err;

    signal(SIGPIPE, SIG_IGN);
    *rig = (struct rig){ .fds = rig_open_fds() };
    rig->loop = loop_new(&err);
    assert_non_null(rig->loop);
    rig->metrics = metrics_new();
    assert_non_null(rig->metrics);
    rig->heart.loop = rig->loop;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char file[400];

    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        unlink(file);
    }
    closedir(folder);
    assert_int_equal(rmdir(path), 0);
}

void rig_end(struct rig *rig)
{
    http_server_free(rig->server);
    rig_run(rig, 5);
    heart_end(&rig->heart);
    metrics_free(rig->metrics);
    loop_free(rig->loop);
    if (rig->folder[0])
        remove_folder(rig->folder);
    assert_int_equal(rig_open_fds(), rig->fds);
}

void rig_run(struct rig *rig, int64_t ms)
{
    int64_t until_ms = rig_real_ms() + ms;

    for (int turns = 0; turns < LEAST_TURNS || rig_real_ms() < until_ms; turns++)
        loop_run_once(rig->loop, 1);
}

void rig_wait_on(struct rig *rig, int64_t end_ms, const char *condition)
{
    if (rig_real_ms() >= end_ms)
        fail_msg("waited in vain for: %s", condition);
    loop_run_once(rig->loop, 1);
}

static socklen_t make_address(struct sockaddr_storage *out, int family, const char *path, uint16_t port)
{
    *out = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
    if (family == AF_UNIX) {
        struct sockaddr_un *address = (struct sockaddr_un *)out;

        snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
        return sizeof *address;
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 *address = (struct sockaddr_in6 *)out;

        address->sin6_addr = in6addr_loopback;
        address->sin6_port = htons(port);
        return sizeof *address;
    }
    ((struct sockaddr_in *)out)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ((struct sockaddr_in *)out)->sin_port = htons(port);
    return sizeof(struct sockaddr_in);
}

int rig_listen(int family, const char *path, uint16_t *port)
{
    struct sockaddr_storage address;
    socklen_t len = make_address(&address, family, path, 0);
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 128), 0);
    len = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    if (port)
        *port = ntohs(((struct sockaddr_in *)&address)->sin_port); /* at the same place for IPv6 */
    return fd;
}

void rig_serve(struct rig *rig, SSL_CTX *tls)
{
    const struct http_settings settings = { .wait_ms = 300000, .max_connections = 100 };
    struct cs_error err;

    rig->server = http_server_new(rig->loop, &rig->heart, rig->metrics, &settings, &err);
    assert_non_null(rig->server);
    assert_non_null(http_server_listen(rig->server, rig_listen(AF_INET, NULL, &rig->port), tls, HTTP_PUBLIC, &err));
    assert_non_null(http_server_listen(rig->server, rig_listen(AF_INET, NULL, &rig->admin_port), NULL, HTTP_ADMIN, &err));
}

const char *rig_path(struct rig *rig, const char *name)
{
    static char path[200];

    if (!rig->folder[0]) {
        snprintf(rig->folder, sizeof rig->folder, "/tmp/countersign-http.XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
    }
    snprintf(path, sizeof path, "%s/%s", rig->folder, name);
    return path;
}

void rig_certificate(struct rig *rig, const char *certificate, const char *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    FILE *file;

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, pair);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    file = fopen(rig_path(rig, certificate), "we");
    assert_true(PEM_write_X509(file, x) == 1 && fclose(file) == 0);
    file = fopen(rig_path(rig, key), "we");
    assert_true(PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0);
    X509_free(x);
    EVP_PKEY_free(pair);
}

/* ---- Clients --------------------------------------------------------------------------------------------------------- */

struct client client_connect_to(struct rig *rig, int family, const char *path, uint16_t port)
{
    struct client c = { .rig = rig, .got = TEXT_MAX(16 * 1024 * 1024) };
    struct sockaddr_storage address;
    socklen_t len = make_address(&address, family, path, port);
    const int on = 1;

    c.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c.fd >= 0);
    (void)setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
    return c;
}

struct client client_connect(struct rig *rig, uint16_t port)
{
    return client_connect_to(rig, AF_INET, NULL, port);
}

struct client client_connect_tls(struct rig *rig, uint16_t port, const char *alpn)
{
    struct client c = client_connect(rig, port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int64_t until_ms = rig_real_ms() + RIG_PATIENCE_MS;
    int rc = -1;

    c.ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(c.ssl, c.fd);
    if (alpn)
        assert_int_equal(SSL_set_alpn_protos(c.ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    while (rc != 1 && !c.closed && rig_real_ms() < until_ms) {
        rc = SSL_connect(c.ssl);
        c.closed = rc != 1 && SSL_get_error(c.ssl, rc) != SSL_ERROR_WANT_READ;
        loop_run_once(rig->loop, 1);
    }
    assert_true(rc == 1 || c.closed);
    return c;
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->ssl = NULL;
    text_free(&c->got);
}

static void take_end(struct client *c)
{
    c->closed = true;
    c->reset = errno == ECONNRESET || errno == EPIPE;
}

static ssize_t read_some(struct client *c, char *bytes, size_t size)
{
    int n;

    errno = 0;
    if (!c->ssl)
        return read(c->fd, bytes, size);
    n = SSL_read(c->ssl, bytes, (int)size);
    if (n > 0)
        return n;
    if (SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ) {
        errno = EAGAIN;
        return -1;
    }
    return 0;
}

static void pump(struct client *c)
{
    char bytes[65536];
    ssize_t n;

    loop_run_once(c->rig->loop, 1);
    while (!c->closed && (n = read_some(c, bytes, sizeof bytes)) != -1) {
        if (n == 0)
            take_end(c);
        else
            text_add_n(&c->got, bytes, (size_t)n);
    }
    if (!c->closed && errno != EAGAIN)
        take_end(c);
    assert_false(text_failed(&c->got));
}

void client_send_n(struct client *c, const void *bytes, size_t len)
{
    int64_t until_ms = rig_real_ms() + RIG_PATIENCE_MS;
    size_t done = 0;

    while (done < len && rig_real_ms() < until_ms) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, (const char *)bytes + done, (int)(len - done))
                           : send(c->fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);

        if (n > 0)
            done += (size_t)n;
        else if (!c->ssl && errno != EAGAIN)
            return; /* the server has reset the connection: reading will show it */
        if (done < len)
            pump(c);
    }
}

void client_send(struct client *c, const char *text)
{
    client_send_n(c, text, strlen(text));
}

void client_half_close(struct client *c)
{
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
}

bool client_sees(struct client *c, const char *text)
{
    int64_t until_ms = rig_real_ms() + RIG_PATIENCE_MS;

    while (!strstr(text_of(&c->got), text) && !c->closed && rig_real_ms() < until_ms)
        pump(c);
    if (!strstr(text_of(&c->got), text))
        fprintf(stderr, "# wanted: %s\n# got: %s\n", text, text_of(&c->got));
    return strstr(text_of(&c->got), text) != NULL;
}

bool client_sees_end(struct client *c)
{
    int64_t until_ms = rig_real_ms() + RIG_PATIENCE_MS;

    while (!c->closed && rig_real_ms() < until_ms)
        pump(c);
    return c->closed;
}

bool client_sees_nothing(struct client *c, int64_t ms)
{
    int64_t until_ms = rig_real_ms() + ms;
    size_t had = c->got.len;

    for (int turns = 0; !c->closed && c->got.len == had && (turns < LEAST_TURNS || rig_real_ms() < until_ms); turns++)
        pump(c);
    return !c->closed && c->got.len == had;
}

size_t client_count(const struct client *c, const char *text)
{
    size_t n = 0;

    for (const char *at = text_of(&c->got); (at = strstr(at, text)); at += strlen(text))
        n++;
    return n;
}

void client_forget(struct client *c)
{
    text_clear(&c->got);
}

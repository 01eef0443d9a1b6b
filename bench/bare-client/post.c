/*
 * Clients of Countersign by the thousand, for bench/throughput, which starts it:
 *
 *     post-client PORT
 *
 * reads lines and answers each with one:
 *
 *     fresh CLIENTS ORDERS      so many orders by so many clients at a time, client i with O=Bi for names in zone zi.example,
 *                               each on a connection of its own that it keeps: "SECONDS"
 *     again CLIENTS REQUESTS    the same for one and the same CSR, by O=B0: "SECONDS"
 *     wait N                    N more connections post, O=B0, and nobody reads the answers: "sent"
 *     drop                      these connections are closed: "dropped"
 *
 * CSRs are made before the clock starts. Any answer but a chain ends the program with a message.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "csr.h"

#define MOST_CLIENTS  256
#define MOST_WAITING  20000
#define MOST_REQUESTS 1000000
#define ANSWER_MOST   65536

/* A whole request. */
struct post {
    char *at;
    size_t len;
};

struct client {
    int fd;
    pthread_t thread;
    struct post *posts;
    size_t n_posts, times; /* each is sent so often */
};

static void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* ---- a request ----------------------------------------------------------------------------------------------------- */

static void make_post(struct post *post, EVP_PKEY *key, size_t client)
{
    static unsigned long made; /* every name is fresh */
    char name[64], organization[32], head[256];
    size_t der_len;
    unsigned char *der;
    int head_len;

    snprintf(name, sizeof name, "c%lu.z%zu.example", made++, client);
    snprintf(organization, sizeof organization, "B%zu", client);
    der = csr_make(key, name, organization, &der_len);
    head_len = snprintf(head, sizeof head,
                        "POST /v1/sign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        der_len);
    post->len = (size_t)head_len + der_len;
    post->at = malloc(post->len);
    if (!der || !post->at)
        fail("no CSR: no memory, or OpenSSL failed");
    memcpy(post->at, head, (size_t)head_len);
    memcpy(post->at + head_len, der, der_len);
    OPENSSL_free(der);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, const struct post *post)
{
    for (size_t at = 0; at < post->len;) {
        ssize_t n = send(fd, post->at + at, post->len - at, MSG_NOSIGNAL);

        if (n <= 0)
            fail("the server closed a connection: %s", strerror(errno));
        at += (size_t)n;
    }
}

/* The answer's length once its head is there whole, otherwise 0. */
static size_t whole_length(char *answer)
{
    char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\nContent-Length:"), *length_end;
    unsigned long n;

    if (!end)
        return 0;
    n = length && length < end ? strtoul(length + 17, &length_end, 10) : 0;
    if (n == 0 || *length_end != '\r')
        fail("an answer has no length:\n%s", answer);
    return (size_t)(end + 4 - answer) + n;
}

static void read_chain(int fd)
{
    char answer[ANSWER_MOST + 1];
    size_t len = 0, whole = 0;

    while (!whole || len < whole) {
        ssize_t n = recv(fd, answer + len, ANSWER_MOST - len, 0);

        if (n <= 0)
            fail("the server closed a connection before its answer");
        len += (size_t)n;
        answer[len] = '\0';
        if (!whole)
            whole = whole_length(answer);
        if (whole > ANSWER_MOST)
            fail("an answer is too long");
    }
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
        fail("%s", answer);
}

/* ---- many ---------------------------------------------------------------------------------------------------------- */

static void *post_all(void *arg)
{
    struct client *client = arg;

    for (size_t i = 0; i < client->n_posts; i++)
        for (size_t n = 0; n < client->times; n++) {
            send_all(client->fd, &client->posts[i]);
            read_chain(client->fd);
        }
    return NULL;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run(struct client *clients, size_t n)
{
    double began = now_s();

    for (size_t i = 0; i < n; i++)
        if (pthread_create(&clients[i].thread, NULL, post_all, &clients[i]) != 0)
            fail("cannot start a thread");
    for (size_t i = 0; i < n; i++) {
        pthread_join(clients[i].thread, NULL);
        close(clients[i].fd);
    }
    printf("%.6f\n", now_s() - began);
}

static void free_posts(struct post *posts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(posts[i].at);
    free(posts);
}

static struct post *make_posts(size_t n, EVP_PKEY *key, size_t client)
{
    struct post *posts = calloc(n + 1, sizeof *posts);

    if (!posts)
        fail("no memory");
    for (size_t i = 0; i < n; i++)
        make_post(&posts[i], key, client);
    return posts;
}

static void fresh(uint16_t port, EVP_PKEY *key, size_t n, size_t orders)
{
    static struct client clients[MOST_CLIENTS];

    for (size_t i = 0; i < n; i++) {
        size_t share = orders / n + (i < orders % n);

        clients[i] =
            (struct client){ .fd = connect_to(port), .posts = make_posts(share, key, i), .n_posts = share, .times = 1 };
    }
    run(clients, n);
    for (size_t i = 0; i < n; i++)
        free_posts(clients[i].posts, clients[i].n_posts);
}

static void again(uint16_t port, EVP_PKEY *key, size_t n, size_t requests)
{
    static struct client clients[MOST_CLIENTS];
    struct post *one = make_posts(1, key, 0);

    for (size_t i = 0; i < n; i++)
        clients[i] = (struct client){ .fd = connect_to(port), .posts = one, .n_posts = 1, .times = requests / n };
    send_all(clients[0].fd, one);
    read_chain(clients[0].fd);
    run(clients, n);
    free_posts(one, 1);
}

static void wait_for(uint16_t port, EVP_PKEY *key, size_t n, int *fds)
{
    struct post *posts = make_posts(n, key, 0);

    for (size_t i = 0; i < n; i++) {
        fds[i] = connect_to(port);
        send_all(fds[i], &posts[i]);
    }
    free_posts(posts, n);
    puts("sent");
}

int main(int argc, char **argv)
{
    static int fds[MOST_WAITING];
    struct rlimit files;
    char *end = NULL;
    unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char word[16], line[128];
    size_t a = 0, b = 0, waiting = 0;

    if (port == 0 || port > 65535 || *end || !key)
        fail("post-client PORT");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    while (fgets(line, sizeof line, stdin)) {
        int n = sscanf(line, "%15s %zu %zu", word, &a, &b);

        if (n == 3 && strcmp(word, "fresh") == 0 && a > 0 && a <= MOST_CLIENTS && b <= MOST_REQUESTS)
            fresh((uint16_t)port, key, a, b);
        else if (n == 3 && strcmp(word, "again") == 0 && a > 0 && a <= MOST_CLIENTS && b <= MOST_REQUESTS)
            again((uint16_t)port, key, a, b);
        else if (n == 2 && strcmp(word, "wait") == 0 && waiting == 0 && a <= MOST_WAITING)
            wait_for((uint16_t)port, key, waiting = a, fds);
        else if (n == 1 && strcmp(word, "drop") == 0)
            for (puts("dropped"); waiting > 0;)
                close(fds[--waiting]);
        else
            fail("what is \"%s\"?", line);
        fflush(stdout);
    }
    return 0;
}

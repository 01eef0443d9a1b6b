/*
 * The answers of the bare client; see dns.h. RFC 1035 4.1: a question is answered by its own bytes with a TXT record behind
 * them, whose owner is a pointer to the question's name. Whatever is not known has no data.
 */
#include "dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER     12
#define SLOTS      256
#define TYPE_TXT   16
#define ANSWER_TTL 1

struct record {
    char owner[256], value[64];
};

struct dns {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    struct record records[SLOTS];
};

/* The question's name as text, and where its type begins; 0: not a question that can be read. */
static size_t read_name(const uint8_t *packet, size_t len, char name[256])
{
    size_t at = HEADER, to = 0;

    while (at < len && packet[at]) {
        size_t label = packet[at];

        if (label > 63 || at + 1 + label >= len || to + label + 1 >= 256)
            return 0;
        if (to)
            name[to++] = '.';
        memcpy(name + to, packet + at + 1, label);
        to += label;
        at += 1 + label;
    }
    name[to] = '\0';
    return at + 5 <= len ? at + 1 : 0;
}

static bool find(struct dns *dns, const char *owner, char value[64])
{
    bool found = false;

    pthread_mutex_lock(&dns->lock);
    for (size_t i = 0; i < SLOTS && !found; i++) {
        found = dns->records[i].owner[0] && strcasecmp(dns->records[i].owner, owner) == 0;
        if (found)
            memcpy(value, dns->records[i].value, sizeof dns->records[i].value);
    }
    pthread_mutex_unlock(&dns->lock);
    return found;
}

static size_t add_txt(uint8_t *to, const char *value)
{
    size_t len = strlen(value);
    const uint8_t fixed[] = { 0xc0, HEADER, 0, TYPE_TXT, 0, 1, 0, 0, 0, ANSWER_TTL, 0, (uint8_t)(len + 1), (uint8_t)len };

    memcpy(to, fixed, sizeof fixed);
    memcpy(to + sizeof fixed, value, len);
    return sizeof fixed + len;
}

/* The answer takes the question's place; 0: there is none. `packet` has room for 128 more bytes. */
static size_t answer(struct dns *dns, uint8_t *packet, size_t len)
{
    char owner[256], value[64];
    bool found, question = len > HEADER && !(packet[2] & 0x80) && packet[4] == 0 && packet[5] == 1;
    size_t type_at = question ? read_name(packet, len, owner) : 0;

    if (!type_at)
        return 0;
    found = packet[type_at] == 0 && packet[type_at + 1] == TYPE_TXT && find(dns, owner, value);
    packet[2] = (uint8_t)(0x84 | (packet[2] & 0x01)); /* an answer, authoritative; RD as it was */
    packet[3] = 0;
    memset(packet + 6, 0, 6);
    packet[7] = found;
    return type_at + 4 + (found ? add_txt(packet + type_at + 4, value) : 0);
}

static void *answer_all(void *arg)
{
    struct dns *dns = arg;
    uint8_t packet[2048];
    struct sockaddr_in from;

    for (;;) {
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(dns->fd, packet, sizeof packet - 128, 0, (struct sockaddr *)&from, &from_len);
        size_t n = len > 0 ? answer(dns, packet, (size_t)len) : 0;

        if (n)
            sendto(dns->fd, packet, n, 0, (struct sockaddr *)&from, from_len);
    }
    return NULL;
}

struct dns *dns_open(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct dns *dns = calloc(1, sizeof *dns);
    int rc;

    if (!dns)
        return NULL;
    pthread_mutex_init(&dns->lock, NULL);
    dns->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    rc = dns->fd < 0 || bind(dns->fd, (struct sockaddr *)&address, sizeof address) < 0
             ? errno
             : pthread_create(&dns->thread, NULL, answer_all, dns);
    if (rc == 0)
        return dns;
    if (dns->fd >= 0)
        close(dns->fd);
    free(dns);
    errno = rc;
    return NULL;
}

void dns_set(struct dns *dns, unsigned slot, const char *owner, const char *value)
{
    struct record *record = &dns->records[slot % SLOTS];

    pthread_mutex_lock(&dns->lock);
    *record = (struct record){ 0 };
    memcpy(record->owner, owner, strnlen(owner, sizeof record->owner - 1));
    memcpy(record->value, value, strnlen(value, sizeof record->value - 1));
    pthread_mutex_unlock(&dns->lock);
}

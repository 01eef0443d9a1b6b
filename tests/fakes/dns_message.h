/* Puts DNS packets together byte by byte, for tests: nothing stops a test from making a wrong one. */
#ifndef FAKES_DNS_MESSAGE_H
#define FAKES_DNS_MESSAGE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct message {
    uint8_t at[65536];
    size_t len;
};

static inline void put8(struct message *m, unsigned value)
{
    assert(m->len < sizeof m->at);
    m->at[m->len++] = (uint8_t)value;
}

static inline void put16(struct message *m, unsigned value)
{
    put8(m, value >> 8);
    put8(m, value & 0xff);
}

static inline void put_bytes(struct message *m, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put8(m, ((const uint8_t *)bytes)[i]);
}

/* "a.b." as labels; nothing is checked. */
static inline void put_name(struct message *m, const char *name)
{
    while (*name && strcmp(name, ".") != 0) {
        size_t label = strcspn(name, ".");

        put8(m, (unsigned)label);
        put_bytes(m, name, label);
        name += label;
        name += *name == '.';
    }
    put8(m, 0);
}

static inline void put_header(struct message *m, unsigned id, unsigned flags, unsigned qd, unsigned an, unsigned ns,
                              unsigned ar)
{
    m->len = 0;
    put16(m, id);
    put16(m, flags);
    put16(m, qd);
    put16(m, an);
    put16(m, ns);
    put16(m, ar);
}

static inline void put_question(struct message *m, const char *name, unsigned type, unsigned class_)
{
    put_name(m, name);
    put16(m, type);
    put16(m, class_);
}

static inline void put_record(struct message *m, const char *owner, unsigned type, unsigned class_, uint32_t ttl,
                              const void *rdata, size_t n)
{
    put_name(m, owner);
    put16(m, type);
    put16(m, class_);
    put16(m, ttl >> 16);
    put16(m, ttl & 0xffff);
    put16(m, (unsigned)n);
    put_bytes(m, rdata, n);
}

/* `ttl`: extended RCODE, version and flags. */
static inline void put_opt(struct message *m, unsigned payload, uint32_t ttl, const void *options, size_t n)
{
    put_record(m, ".", 41, payload, ttl, options, n);
}

/* hmac-sha256 with a MAC of zeros. */
static inline void put_tsig(struct message *m, const char *key)
{
    struct message rdata = { .len = 0 };

    put_name(&rdata, "hmac-sha256.");
    put16(&rdata, 0);
    put16(&rdata, 0x68d0);
    put16(&rdata, 0x1234);
    put16(&rdata, 300);
    put16(&rdata, 32);
    for (int i = 0; i < 32; i++)
        put8(&rdata, 0);
    put16(&rdata, 0x0102);
    put16(&rdata, 0);
    put16(&rdata, 0);
    put_record(m, key, 250, 255, 0, rdata.at, rdata.len);
}

static inline void change16(struct message *m, size_t at, unsigned value)
{
    m->at[at] = (uint8_t)(value >> 8);
    m->at[at + 1] = (uint8_t)value;
}

static inline unsigned read16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

#endif

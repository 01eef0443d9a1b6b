/* TSIGs for tests; see tsig_maker.h. RFC 8945 4.2 and 4.3. */
#include "tsig_maker.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void put_lower_name(struct message *m, const char *name)
{
    size_t from = m->len;

    put_name(m, name);
    for (; from < m->len; from++)
        m->at[from] = (uint8_t)tolower(m->at[from]);
}

static void put48(struct message *m, uint64_t value)
{
    put16(m, (unsigned)(value >> 32) & 0xffff);
    put16(m, (unsigned)(value >> 16) & 0xffff);
    put16(m, (unsigned)value & 0xffff);
}

static unsigned make_mac(uint8_t mac[64], const struct message *m, const struct tsig_maker *maker)
{
    static struct message all;
    unsigned len = 0;

    all.len = 0;
    if (maker->request_mac) {
        put16(&all, (unsigned)maker->request_mac_len);
        put_bytes(&all, maker->request_mac, maker->request_mac_len);
    }
    put16(&all, maker->original_id);
    put_bytes(&all, m->at + 2, m->len - 2);
    put_lower_name(&all, maker->name);
    put16(&all, 255);
    put16(&all, 0);
    put16(&all, 0);
    put_lower_name(&all, maker->algorithm);
    put48(&all, maker->time_s);
    put16(&all, maker->fudge_s);
    put16(&all, maker->error);
    put16(&all, (unsigned)maker->other_len);
    put_bytes(&all, maker->other, maker->other_len);
    HMAC(EVP_get_digestbyname(maker->digest), maker->secret, (int)maker->secret_len, all.at, all.len, mac, &len);
    return len;
}

void tsig_maker_append(struct message *m, const struct tsig_maker *maker)
{
    static struct message rdata;
    uint8_t mac[64];
    size_t len = make_mac(mac, m, maker);

    if (maker->mac_len)
        len = maker->mac_len;
    if (maker->no_mac)
        len = 0;
    rdata.len = 0;
    put_name(&rdata, maker->algorithm);
    put48(&rdata, maker->time_s);
    put16(&rdata, maker->fudge_s);
    put16(&rdata, (unsigned)len);
    put_bytes(&rdata, mac, len);
    put16(&rdata, maker->original_id);
    put16(&rdata, maker->error);
    put16(&rdata, (unsigned)maker->other_len);
    put_bytes(&rdata, maker->other, maker->other_len);
    put_record(m, maker->name, 250, 255, 0, rdata.at, rdata.len);
    change16(m, 10, read16(m->at + 10) + 1);
}

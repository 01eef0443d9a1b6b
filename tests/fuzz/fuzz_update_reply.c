/*
 * Fuzzes what dns-rfc2136 does with a server's answer: whether it is believed, in which zone it says a name lies, what it
 * advises. The first byte chooses the request (an update or the question for the zone; signed or not) and whether the answer is
 * signed with our key; id and QR are right already.
 */
#include <stdlib.h>
#include <string.h>

#include "../fakes/tsig_maker.h"
#include "advice.h"
#include "zone_cut.h"

enum { NOW = 1800000000, FUDGE = 300, UPDATE = 5, WITH_KEY = 1, IS_UPDATE = 2, SIGN = 4, STALE = 8, QUESTION_MOST = 2000 };
#define SECRET "0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t name[] = "\1a\3lab\7example";
static const uint8_t request_mac[32] = { 1, 2, 3 };

static void must(bool it_holds)
{
    if (!it_holds)
        abort();
}

static void make_key(struct tsig_key *key)
{
    must(tsig_key_init(key, "key.example", "MDEyMzQ1Njc4OWFiY2RlZg==", "hmac-sha256", NULL) == 0);
}

static void make_answer(struct message *m, unsigned mode, const uint8_t *data, size_t len)
{
    const struct tsig_maker maker = { .name = "key.example.",
                                      .algorithm = "hmac-sha256.",
                                      .digest = "SHA256",
                                      .secret = SECRET,
                                      .secret_len = 16,
                                      .original_id = 0x1234,
                                      .fudge_s = FUDGE,
                                      .time_s = mode & STALE ? NOW + FUDGE + 1 : NOW,
                                      .request_mac = request_mac,
                                      .request_mac_len = sizeof request_mac };

    put_header(m, 0x1234, 0x8000, 0, 0, 0, 0);
    m->len = 2;
    put_bytes(m, data, len);
    if (m->len > 2)
        m->at[2] |= 0x80;
    if (mode & SIGN && m->len >= DNS_HEADER)
        tsig_maker_append(m, &maker);
}

static void read_zone(const struct message *m)
{
    uint8_t zone[DNS_NAME_MOST];
    struct cs_error err = { 0 };
    size_t zone_len;

    switch (zone_cut_read(zone, &zone_len, m->at, m->len, (struct wire_name){ name, sizeof name }, &err)) {
    case ZONE_CUT_FOUND:
        must(dns_reader_lies_in(name, sizeof name, zone, zone_len));
        break;
    case ZONE_CUT_ALIAS:
        break;
    case ZONE_CUT_FAILED:
        must(err.code != CS_OK && err.text[0]);
        break;
    }
}

static void ask_for_advice(const struct reply *reply, unsigned mode)
{
    const struct advice_about about = { .server = "192.0.2.1:53",
                                        .owner = "a.lab.example.",
                                        .zone = mode & IS_UPDATE ? "lab.example." : NULL,
                                        .key_name = mode & WITH_KEY ? "key.example." : NULL,
                                        .algorithm = "hmac-sha256",
                                        .now_s = NOW };
    struct cs_error err = { 0 };

    must(advice_fail(&about, reply, &err) == -1 && err.code != CS_OK && err.text[0] && !strstr(err.text, SECRET));
    advice_tries_next(reply, mode & IS_UPDATE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct message m;
    struct tsig_mac mac = { .len = sizeof request_mac };
    const unsigned mode = len > 0 ? data[0] : 0;
    struct reply_expected expected = { .id = 0x1234,
                                       .opcode = mode & IS_UPDATE ? UPDATE : 0,
                                       .now_s = NOW,
                                       .fudge_s = FUDGE,
                                       .question = { name, sizeof name },
                                       .mac = &mac };
    struct tsig_key key;
    struct reply reply;
    struct cs_error err = { 0 };

    if (len < 1 || len > QUESTION_MOST)
        return 0;
    memcpy(mac.at, request_mac, sizeof request_mac);
    make_key(&key);
    if (mode & WITH_KEY)
        expected.key = &key;
    make_answer(&m, mode, data + 1, len - 1);
    if (reply_read(&reply, &expected, m.at, m.len, &err) < 0) {
        must(err.code == CS_EUPSTREAM && err.text[0]);
        return 0;
    }
    must(!reply.vouched || !(mode & WITH_KEY) || (mode & (SIGN | STALE)) == SIGN); /* nobody forges our signature */
    must(!reply.stale || (mode & (SIGN | STALE)) == (SIGN | STALE));
    must(reply.vouched || reply.stale || reply.truncated || !reply_succeeded(&reply, expected.opcode));
    if (!reply.vouched || !reply_succeeded(&reply, expected.opcode))
        ask_for_advice(&reply, mode);
    else if (!(mode & IS_UPDATE))
        read_zone(&m);
    return 0;
}

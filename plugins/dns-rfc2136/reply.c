/*
 * What an answer is worth; see reply.h.
 */
#include "reply.h"

enum { FLAG_QR = 0x8000, FLAG_TC = 0x0200, RCODE = 0x000f, RCODE_NXDOMAIN = 3, OPCODE_SHIFT = 11 };
enum { TYPE_SOA = 6, TYPE_OPT = 41, TYPE_TSIG = 250, CLASS_IN = 1, OPCODE_QUERY = 0, TIME_LEN = 6 };

bool reply_succeeded(const struct reply *reply, unsigned opcode)
{
    return reply->rcode == 0 || (opcode == OPCODE_QUERY && reply->rcode == RCODE_NXDOMAIN);
}

static int not_ours(struct cs_error *err, const char *why)
{
    return cs_fail(err, CS_EUPSTREAM, "an answer that cannot be believed: %s", why);
}

static bool is_answer_to(const struct reply_expected *expected, const uint8_t *packet)
{
    return dns_reader_get16(packet) == expected->id &&
           (dns_reader_get16(packet + 2) & (FLAG_QR | 0xf << OPCODE_SHIFT)) == (FLAG_QR | expected->opcode << OPCODE_SHIFT);
}

/* RFC 2136 3.8: an answer to an update repeats its sections or leaves them out. A question is repeated, unless by a server that
 * did not understand it. */
static bool repeats_question(struct dns_reader *r, const struct reply_expected *expected)
{
    const unsigned count = dns_reader_get16(r->packet + 4), rcode = r->packet[3] & RCODE;
    uint8_t name[DNS_NAME_MOST];
    size_t len;

    if (count == 0)
        return expected->opcode != OPCODE_QUERY || rcode != 0;
    if (count > 1 || !dns_reader_name(r, false, name, &len) || r->len - r->at < 4)
        return false;
    r->at += 4;
    return dns_reader_same_name(name, len, expected->question.at, expected->question.len) &&
           dns_reader_get16(r->packet + r->at - 4) == TYPE_SOA && dns_reader_get16(r->packet + r->at - 2) == CLASS_IN;
}

/* The TSIG at the end; tsig_at 0: there is none. */
struct signature {
    size_t tsig_at;
    struct dns_record owner;
    struct dns_tsig tsig;
};

/* Every record can be read, at most one is an OPT, at most one a TSIG: the last one, in the additional section. */
static bool walk(struct dns_reader *r, struct signature *s)
{
    const unsigned additional = dns_reader_get16(r->packet + 10);
    const unsigned records = (unsigned)dns_reader_get16(r->packet + 6) + dns_reader_get16(r->packet + 8) + additional;
    unsigned opts = 0;

    s->tsig_at = 0;
    for (unsigned i = 0; i < records; i++) {
        const size_t at = r->at;

        if (!dns_reader_record(r, &s->owner))
            return false;
        opts += s->owner.type == TYPE_OPT;
        if (opts > 1)
            return false;
        if (s->owner.type != TYPE_TSIG)
            continue;
        if (i + 1 < records || additional == 0 || !dns_reader_tsig(&s->tsig, &s->owner))
            return false;
        s->tsig_at = at;
    }
    return r->at == r->len;
}

static uint64_t time_of_other(const struct dns_tsig *tsig)
{
    uint64_t time_s = 0;

    if (tsig->other_len != TIME_LEN)
        return 0;
    for (size_t i = 0; i < TIME_LEN; i++)
        time_s = time_s << 8 | tsig->other[i];
    return time_s;
}

static int take_signature(struct reply *out, const struct reply_expected *expected, const uint8_t *packet,
                          const struct signature *s, struct cs_error *err)
{
    const struct tsig_answer answer = { .packet = packet, .tsig_at = s->tsig_at, .owner = &s->owner, .tsig = &s->tsig };

    switch (tsig_verify(expected->key, expected->mac, expected->now_s, expected->fudge_s, &answer)) {
    case TSIG_GOOD:
        out->vouched = true;
        out->tsig_error = s->tsig.error;
        out->server_time_s = time_of_other(&s->tsig);
        break;
    case TSIG_STALE:
        out->stale = true;
        out->server_time_s = s->tsig.time_s;
        break;
    case TSIG_ERROR:
        out->tsig_error = s->tsig.error;
        out->server_time_s = time_of_other(&s->tsig);
        break;
    case TSIG_NOT_OURS:
        if (reply_succeeded(out, expected->opcode))
            return not_ours(err, "its TSIG is not made with our key, or not for this request");
        break;
    }
    if (out->tsig_error != 0 && reply_succeeded(out, expected->opcode))
        return not_ours(err, "it says that all went well, and that its TSIG failed");
    return 0;
}

int reply_read(struct reply *out, const struct reply_expected *expected, const uint8_t *packet, size_t len,
               struct cs_error *err)
{
    struct dns_reader r = { packet, len, DNS_HEADER };
    struct signature signature;

    *out = (struct reply){ .rcode = 0 };
    if (len < DNS_HEADER || !is_answer_to(expected, packet))
        return not_ours(err, "it belongs to another request");
    if (!repeats_question(&r, expected))
        return not_ours(err, "it is about something else");
    if (!walk(&r, &signature))
        return not_ours(err, "it is malformed");
    out->rcode = packet[3] & RCODE;
    out->truncated = dns_reader_get16(packet + 2) & FLAG_TC;
    if (!expected->key) {
        if (signature.tsig_at)
            return not_ours(err, "it has a TSIG that nobody asked for");
        out->vouched = true;
        return 0;
    }
    if (signature.tsig_at)
        return take_signature(out, expected, packet, &signature, err);
    if (reply_succeeded(out, expected->opcode) && !out->truncated)
        return not_ours(err, "it says that all went well, but is not signed");
    return 0;
}

/*
 * The zone of a name; see zone_cut.h.
 */
#include "zone_cut.h"

#include <string.h>

#include "base/dns_packet.h"

enum { TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = ZONE_CUT_TYPE, TYPE_DNAME = 39, CLASS_IN = 1, FLAG_AA = 0x0400 };

size_t zone_cut_question(uint8_t out[ZONE_CUT_QUESTION_MOST], struct wire_name name)
{
    static const uint8_t header[DNS_HEADER] = { [5] = 1 }, type_and_class[4] = { 0, TYPE_SOA, 0, CLASS_IN };

    memcpy(out, header, DNS_HEADER);
    memcpy(out + DNS_HEADER, name.at, name.len);
    memcpy(out + DNS_HEADER + name.len, type_and_class, sizeof type_and_class);
    return DNS_HEADER + name.len + sizeof type_and_class;
}

/* What the records of an answer say; the last one of a kind counts. */
struct seen {
    bool alias;
    struct dns_record soa, cut; /* owner_len 0: there is none */
};

static void look_at(struct seen *seen, const struct dns_record *rr, bool answer, struct wire_name name)
{
    if (rr->class_ != CLASS_IN)
        return;
    if (answer && (rr->type == TYPE_CNAME || rr->type == TYPE_DNAME))
        seen->alias = true;
    if (!dns_reader_lies_in(name.at, name.len, rr->owner, rr->owner_len))
        return;
    if (rr->type == TYPE_SOA && (!answer || rr->owner_len == name.len))
        seen->soa = *rr;
    if (rr->type == TYPE_NS && !answer && rr->owner_len > 1)
        seen->cut = *rr;
}

static bool look_at_all(struct seen *seen, const uint8_t *packet, size_t len, struct wire_name name)
{
    struct dns_reader r = { packet, len, DNS_HEADER };
    const unsigned answers = dns_reader_get16(packet + 6), authority = dns_reader_get16(packet + 8);
    uint8_t question[DNS_NAME_MOST];
    size_t question_len;

    *seen = (struct seen){ .alias = false };
    if (!dns_reader_name(&r, false, question, &question_len) || r.len - r.at < 4)
        return false;
    r.at += 4;
    for (unsigned i = 0; i < answers + authority; i++) {
        struct dns_record rr;

        if (!dns_reader_record(&r, &rr))
            return false;
        look_at(seen, &rr, i < answers, name);
    }
    return true;
}

static void text_of_name(char out[1024], const uint8_t *at, size_t len)
{
    if (dns_name_from_wire(out, at, len) < 0)
        out[0] = '\0';
}

static enum zone_cut_verdict fail_elsewhere(const struct seen *seen, struct wire_name name, struct cs_error *err)
{
    char owner[1024], cut[1024];

    text_of_name(owner, name.at, name.len);
    if (seen->cut.owner_len == 0) {
        cs_fail(err, CS_ECONFIG, "it is not authoritative for %.150s: name the primary of its zone in `servers`", owner);
        return ZONE_CUT_FAILED;
    }
    text_of_name(cut, seen->cut.owner, seen->cut.owner_len);
    cs_fail(
        err, CS_ECONFIG,
        "%.150s lies in %.150s, which it delegates to other servers: use a DNS instance that names the primary of that zone",
        owner, cut);
    return ZONE_CUT_FAILED;
}

enum zone_cut_verdict zone_cut_read(uint8_t zone[DNS_NAME_MOST], size_t *zone_len, const uint8_t *packet, size_t len,
                                    struct wire_name name, struct cs_error *err)
{
    struct seen seen;

    if (!look_at_all(&seen, packet, len, name)) {
        cs_fail(err, CS_EUPSTREAM, "its answer to the question for a SOA cannot be read");
        return ZONE_CUT_FAILED;
    }
    if (!(dns_reader_get16(packet + 2) & FLAG_AA))
        return fail_elsewhere(&seen, name, err);
    if (seen.alias)
        return ZONE_CUT_ALIAS;
    if (seen.soa.owner_len == 0) {
        cs_fail(err, CS_EUPSTREAM, "its answer to the question for a SOA names no zone: set `zone`");
        return ZONE_CUT_FAILED;
    }
    for (size_t i = 0; i < seen.soa.owner_len; i++)
        zone[i] = dns_reader_lower(seen.soa.owner[i]);
    *zone_len = seen.soa.owner_len;
    return ZONE_CUT_FOUND;
}

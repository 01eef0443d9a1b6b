/*
 * Many questions to DNS servers at a time; see dns_look.h.
 */
#include "command/dns_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "base/dns_reader.h"
#include "base/text.h"

enum { SEEN_MOST = 200, SOA_NUMBERS = 20, TURN_MS = 200 };

struct batch {
    size_t left;
};

struct asked {
    struct batch *batch;
    struct dns_look *look;
    struct dns_query *query;
    uint8_t name[255];
    size_t name_len;
    int64_t began_ms;
};

/* ---- Copying -------------------------------------------------------------------------------------------------------- */

static bool copy_record(struct dns_seen *seen, const ldns_rr *rr, uint8_t section)
{
    const ldns_rdf *owner = ldns_rr_owner(rr);
    char name[1024];
    size_t len = 0;

    *seen = (struct dns_seen){ .type = (uint16_t)ldns_rr_get_type(rr), .ttl = ldns_rr_ttl(rr), .section = section };
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
        len += ldns_rdf_size(ldns_rr_rdf(rr, i));
    if (!owner || dns_name_from_wire(name, ldns_rdf_data(owner), ldns_rdf_size(owner)) < 0)
        return false;
    seen->name = text_copy(name);
    seen->rdata = malloc(len + 1);
    if (!seen->name || !seen->rdata) {
        free(seen->name);
        free(seen->rdata);
        return false;
    }
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

        memcpy(seen->rdata + seen->len, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
        seen->len += ldns_rdf_size(rdf);
    }
    return true;
}

static void copy_section(struct dns_look *look, const ldns_rr_list *list, uint8_t section)
{
    for (size_t i = 0; list && i < ldns_rr_list_rr_count(list) && look->n_seen < SEEN_MOST; i++)
        if (copy_record(&look->seen[look->n_seen], ldns_rr_list_rr(list, i), section))
            look->n_seen++;
}

static void copy_packet(struct asked *asked, const ldns_pkt *pkt)
{
    struct dns_look *look = asked->look;
    const ldns_rr_list *question = ldns_pkt_question(pkt);
    const ldns_rdf *name = ldns_rr_list_rr_count(question) ? ldns_rr_owner(ldns_rr_list_rr(question, 0)) : NULL;

    look->authoritative = ldns_pkt_aa(pkt);
    look->truncated = ldns_pkt_tc(pkt);
    look->authentic = ldns_pkt_ad(pkt);
    look->same_case = name && ldns_rdf_size(name) == asked->name_len &&
                      memcmp(ldns_rdf_data(name), asked->name, asked->name_len) == 0;
    look->seen = calloc(SEEN_MOST, sizeof *look->seen);
    if (!look->seen) {
        cs_fail(&look->err, CS_EBUSY, "no memory");
        return;
    }
    copy_section(look, ldns_pkt_answer(pkt), DNS_SECTION_ANSWER);
    copy_section(look, ldns_pkt_authority(pkt), DNS_SECTION_AUTHORITY);
    copy_section(look, ldns_pkt_additional(pkt), DNS_SECTION_ADDITIONAL);
}

/* ---- Asking --------------------------------------------------------------------------------------------------------- */

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct asked *asked = arg;
    struct dns_look *look = asked->look;

    asked->batch->left--;
    look->took_ms = cs_now_ms() - asked->began_ms;
    look->rcode = answer->rcode;
    if (answer->err)
        look->err = *answer->err;
    else if (answer->pkt)
        copy_packet(asked, answer->pkt);
}

static void begin(struct loop *loop, struct batch *batch, struct asked *asked, struct dns_look *look, int64_t deadline_ms)
{
    struct dns_ask ask = look->ask;
    const int len = dns_name_to_wire(asked->name, ask.name);

    asked->batch = batch;
    asked->look = look;
    asked->name_len = len > 0 ? (size_t)len : 0;
    asked->began_ms = cs_now_ms();
    ask.deadline_ms = ask.deadline_ms ? ask.deadline_ms : deadline_ms;
    asked->query = dns_client_ask(loop, &ask, on_answer, asked, &look->err);
    batch->left += asked->query != NULL;
}

void dns_look_all(struct loop *loop, struct dns_look *looks, size_t n, int64_t deadline_ms)
{
    struct asked *asked = calloc(n + 1, sizeof *asked);
    struct batch batch = { 0 };

    for (size_t i = 0; i < n; i++)
        if (asked)
            begin(loop, &batch, &asked[i], &looks[i], deadline_ms);
        else
            cs_fail(&looks[i].err, CS_EBUSY, "no memory");
    while (batch.left > 0)
        loop_run_once(loop, TURN_MS);
    free(asked);
}

void dns_look_free(struct dns_look *looks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < looks[i].n_seen; j++) {
            free(looks[i].seen[j].name);
            free(looks[i].seen[j].rdata);
        }
        free(looks[i].seen);
        looks[i].seen = NULL;
        looks[i].n_seen = 0;
    }
}

/* ---- Reading -------------------------------------------------------------------------------------------------------- */

bool dns_look_is_final(const struct dns_look *look)
{
    return look->err.code == CS_OK && (look->rcode == LDNS_RCODE_NOERROR || look->rcode == LDNS_RCODE_NXDOMAIN);
}

const struct dns_seen *dns_look_next(const struct dns_look *look, const struct dns_seen *from, uint8_t section, uint16_t type,
                                     const char *name)
{
    size_t i = from ? (size_t)(from - look->seen) + 1 : 0;

    for (; i < look->n_seen; i++)
        if (look->seen[i].section == section && look->seen[i].type == type && (!name || strcmp(look->seen[i].name, name) == 0))
            return &look->seen[i];
    return NULL;
}

int dns_seen_target(const struct dns_seen *seen, char out[1024])
{
    struct dns_reader r = { seen->rdata, seen->len, 0 };
    uint8_t name[DNS_NAME_MOST];
    size_t len;

    if (!dns_reader_name(&r, false, name, &len))
        return -1;
    return dns_name_from_wire(out, name, len);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool skip_name(struct dns_reader *r)
{
    uint8_t name[DNS_NAME_MOST];
    size_t len;

    return dns_reader_name(r, false, name, &len);
}

int dns_seen_soa(const struct dns_seen *seen, uint32_t *serial, uint32_t *negative_s)
{
    struct dns_reader r = { seen->rdata, seen->len, 0 };
    uint32_t minimum;
    bool whole = skip_name(&r); /* MNAME */

    whole = whole && skip_name(&r); /* RNAME */
    if (!whole || r.len - r.at != SOA_NUMBERS)
        return -1;
    *serial = get32(r.packet + r.at);
    minimum = get32(r.packet + r.at + SOA_NUMBERS - 4);
    *negative_s = seen->ttl < minimum ? seen->ttl : minimum;
    return 0;
}

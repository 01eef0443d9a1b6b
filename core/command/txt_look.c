/*
 * One look at a DNS server; see txt_look.h.
 */
#include "command/txt_look.h"

#include <stdio.h>
#include <string.h>

#include "base/dns_packet.h"
#include "engine/sockets.h"
#include "request/dns_client.h"

enum { ANSWER_MS = 6000, NXDOMAIN = 3 };

/* ---- One question ---- */

struct asked {
    bool answered;
    struct cs_error *err;
    int rc;
    int (*read)(void *arg, unsigned rcode, const ldns_pkt *pkt, struct cs_error *err);
    void *arg;
};

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct asked *asked = arg;

    asked->answered = true;
    if (answer->err) {
        asked->rc = -1;
        *asked->err = *answer->err;
    } else {
        asked->rc = asked->read(asked->arg, answer->rcode, answer->pkt, asked->err);
    }
}

static int ask(struct loop *loop, const struct dns_ask *question, struct asked *asked)
{
    char server[128];

    if (!dns_client_ask(loop, question, on_answer, asked, asked->err))
        return -1;
    while (!asked->answered)
        loop_run_once(loop, 1000);
    if (asked->rc == 0)
        return 0;
    address_text(server, (const struct sockaddr *)&question->server, question->server_len);
    return cs_fail_in(asked->err, "asking the DNS server %.60s for %s by %s", server,
                      question->type == LDNS_RR_TYPE_SOA ? "SOA" : "TXT", question->tcp ? "TCP" : "UDP");
}

static int check_answer(unsigned rcode, const ldns_pkt *pkt, struct cs_error *err)
{
    char said[16];

    dns_rcode_text(said, rcode);
    if (!pkt || (rcode != 0 && rcode != NXDOMAIN))
        return cs_fail(err, CS_EUPSTREAM, "it answers %s", said);
    if (!ldns_pkt_aa(pkt))
        return cs_fail(err, CS_EUPSTREAM, "it answers %s without authority: name a server of the zone itself", said);
    return 0;
}

/* ---- TXT ---- */

struct looking {
    struct txt_look *look;
    const char *owner;
};

static bool is_named(const ldns_rr *rr, const char *owner)
{
    const ldns_rdf *name = ldns_rr_owner(rr);
    char text[1024];

    return name && dns_name_from_wire(text, ldns_rdf_data(name), ldns_rdf_size(name)) == 0 && strcmp(text, owner) == 0;
}

static void add_value(struct txt_look *look, const ldns_rr *rr)
{
    char *out = look->values[look->n];
    size_t len = 0;

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        size_t n = ldns_rdf_size(rdf) ? ldns_rdf_size(rdf) - 1 : 0;

        n = n < sizeof *look->values - 1 - len ? n : sizeof *look->values - 1 - len;
        if (n)
            memcpy(out + len, ldns_rdf_data(rdf) + 1, n);
        len += n;
    }
    out[len] = '\0';
    look->n++;
}

static int read_txt(void *arg, unsigned rcode, const ldns_pkt *pkt, struct cs_error *err)
{
    const struct looking *looking = arg;
    struct txt_look *look = looking->look;
    const ldns_rr_list *list;

    if (check_answer(rcode, pkt, err) < 0)
        return -1;
    list = ldns_pkt_answer(pkt);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list) && look->n < TXT_LOOK_MOST; i++)
        if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) == LDNS_RR_TYPE_TXT &&
            is_named(ldns_rr_list_rr(list, i), looking->owner))
            add_value(look, ldns_rr_list_rr(list, i));
    if (rcode == NXDOMAIN)
        snprintf(look->said, sizeof look->said, "NXDOMAIN");
    else if (look->n == 0)
        snprintf(look->said, sizeof look->said, "no value");
    else
        snprintf(look->said, sizeof look->said, "%zu value%s", look->n, look->n > 1 ? "s" : "");
    return 0;
}

int txt_look(struct txt_look *look, struct loop *loop, const struct sockaddr_storage *server, socklen_t server_len,
             const char *owner, bool tcp, struct cs_error *err)
{
    const struct dns_ask question = { .server = *server, .server_len = server_len, .name = owner, .type = LDNS_RR_TYPE_TXT,
                                      .tcp = tcp, .deadline_ms = cs_now_ms() + ANSWER_MS };
    struct looking looking = { look, owner };
    struct asked asked = { .err = err, .read = read_txt, .arg = &looking };

    look->n = 0;
    return ask(loop, &question, &asked);
}

size_t txt_look_count(const struct txt_look *look, const char *value)
{
    size_t n = 0;

    for (size_t i = 0; i < look->n; i++)
        n += strcmp(look->values[i], value) == 0;
    return n;
}

/* ---- The zone ---- */

static int read_soa(void *arg, unsigned rcode, const ldns_pkt *pkt, struct cs_error *err)
{
    const char *zone = arg;
    const ldns_rr_list *list = pkt ? ldns_pkt_answer(pkt) : NULL;

    if (check_answer(rcode, pkt, err) < 0)
        return -1;
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
        if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) == LDNS_RR_TYPE_SOA && is_named(ldns_rr_list_rr(list, i), zone))
            return 0;
    return cs_fail(err, CS_EUPSTREAM, "it has no zone of this name: name the zone as the server has it");
}

int txt_look_zone(struct loop *loop, const struct sockaddr_storage *server, socklen_t server_len, const char *zone,
                  struct cs_error *err)
{
    const struct dns_ask question = { .server = *server, .server_len = server_len, .name = zone, .type = LDNS_RR_TYPE_SOA,
                                      .deadline_ms = cs_now_ms() + ANSWER_MS };
    struct asked asked = { .err = err, .read = read_soa, .arg = (void *)(uintptr_t)zone };

    return ask(loop, &question, &asked) == 0 ? 0 : cs_fail_in(err, "zone %.100s", zone);
}

/*
 * What is wrong with a zone; see zone_judge.h. Each finding has one fault, the first that must be mended.
 */
#include "command/zone_judge.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"

enum { NEGATIVE_LONG_S = 900 };

static void find(struct zone_finding *out, enum doctor_verdict verdict, const char *format, ...) CS_PRINTF(3, 4);

static void find(struct zone_finding *out, enum doctor_verdict verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    out->verdict = verdict;
    vsnprintf(out->text, sizeof out->text, format, args);
    va_end(args);
}

/* ---- Delegation ------------------------------------------------------------------------------------------------------ */

static bool has(const struct zone_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0)
            return true;
    return false;
}

/* Those of `a` that `b` has not. */
static size_t add_missing(struct text *to, const struct zone_names *a, const struct zone_names *b)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        if (!has(b, a->v[i])) {
            text_addf(to, "%s%s", n ? " " : "", a->v[i]);
            n++;
        }
    return n;
}

static bool compare_ns(struct zone_finding *out, const struct zone_facts *f)
{
    struct text only_parent = TEXT_MAX(400), only_child = TEXT_MAX(400);
    const size_t n_parent = add_missing(&only_parent, &f->parent_ns, &f->child_ns);
    const size_t n_child = add_missing(&only_child, &f->child_ns, &f->parent_ns);

    if (n_parent)
        find(out, DOCTOR_WARN, "%s names %s as a name server of %s, the zone itself does not\nadd its NS record to %s, or take "
             "it out of %s", f->parent, text_of(&only_parent), f->apex, f->apex, f->parent);
    else if (n_child)
        find(out, DOCTOR_WARN, "the zone %s has the name server %s, but %s does not name it\nadd its NS record to %s, or take "
             "it "
             "out of %s", f->apex, text_of(&only_child), f->parent, f->parent, f->apex);
    text_free(&only_parent);
    text_free(&only_child);
    return n_parent || n_child;
}

static void not_delegated(struct zone_finding *out, const struct zone_facts *f, bool has_servers)
{
    const char *parent = f->parent[0] ? f->parent : "the zone above it";

    if (has_servers)
        find(out, DOCTOR_WARN, "%s does not delegate %s (a resolver says %s), only its row names servers\nadd NS records for "
             "it to "
             "%s, unless the CA is a private one that asks those servers", parent, f->zone, f->resolver.said, parent);
    else
        find(out, DOCTOR_FAIL, "%s is not delegated: a resolver says %s, and there is no name server\nadd NS records for it "
             "to %s",
             f->zone, f->resolver.said, parent);
}

static bool lies_in_another(struct zone_finding *out, const struct zone_facts *f, bool own, bool has_servers)
{
    if (strcmp(f->zone, f->apex) == 0 || !own)
        return false;
    if (has_servers)
        find(out, DOCTOR_WARN, "%s is no zone of its own, but part of %s: only its row names our DNS server\nadd `%s NS` "
             "records that name it to the zone %s, unless the CA is a private one that asks it", f->zone, f->apex, f->zone,
             f->apex);
    else
        find(out, DOCTOR_FAIL, "%s is no zone of its own, but part of %s: nobody asks our DNS server\nadd `%s NS` records that "
             "name it to the zone %s", f->zone, f->apex, f->zone, f->apex);
    return true;
}

void zone_judge_delegation(struct zone_finding *out, const struct zone_facts *f, bool own, bool has_servers)
{
    struct text names = TEXT_MAX(600);

    for (size_t i = 0; i < f->child_ns.n; i++)
        text_addf(&names, "%s%s", i ? " " : "", f->child_ns.v[i]);
    if (!f->resolver_asked)
        find(out, DOCTOR_WARN, "not looked at: no resolver answers\nmend the resolver first");
    else if (lies_in_another(out, f, own, has_servers))
        ;
    else if (!f->child_ns.n && !f->parent_ns.n)
        not_delegated(out, f, has_servers);
    else if (f->refused && !f->parent_ns.n)
        find(out, has_servers ? DOCTOR_WARN : DOCTOR_FAIL, "the servers of %s know no zone %s\nadd NS records for %s to %s",
             f->parent, f->apex, f->apex, f->parent);
    else if (f->no_address[0])
        find(out, DOCTOR_FAIL, "the name server %s has no address\nadd an A or AAAA record for it, and glue in %s if it lies "
             "in %s",
             f->no_address, f->parent[0] ? f->parent : "the zone above", f->apex);
    else if (!f->parent_asked)
        find(out, DOCTOR_WARN, "name servers %s; those of the zone above could not be asked\nlet this host reach them, or look "
             "yourself: `dig +trace NS %s`", text_of(&names), f->apex);
    else if (!compare_ns(out, f))
        find(out, DOCTOR_OK, "%s%s%s names the same servers as the zone: %s", f->parent,
             strcmp(f->zone, f->apex) ? ", above the zone " : "", strcmp(f->zone, f->apex) ? f->apex : "", text_of(&names));
    text_free(&names);
}

/* ---- One name server ------------------------------------------------------------------------------------------------- */

static bool judge_reach(struct zone_finding *out, const struct zone_facts *f, const struct zone_server *s)
{
    const char *where = s->name[0] ? f->apex : "`servers` of its row";

    if (s->no_route)
        find(out, DOCTOR_OK, "not asked: this machine has no way there");
    else if (!s->udp.came && !s->tcp.came)
        find(out, DOCTOR_FAIL, "it answers neither by UDP nor by TCP (%s)\nstart it and open port 53 to the world, or take it "
             "out "
             "of %s", s->udp.said, where);
    else if (!s->udp.came)
        find(out, DOCTOR_FAIL, "it answers by TCP, but not by UDP (%s)\nopen UDP port 53 of its firewall to the "
             "world", s->udp.said);
    else if (!s->tcp.came)
        find(out, DOCTOR_FAIL, "it answers by UDP, but not by TCP (%s)\nopen TCP port 53 of its firewall to the world: CAs "
             "fall "
             "back to it", s->tcp.said);
    else
        return false;
    return true;
}

static bool judge_form(struct zone_finding *out, const struct zone_server *s)
{
    if (!s->edns.came || strcmp(s->edns.said, "NOERROR") != 0)
        find(out, DOCTOR_WARN, "a question with EDNS gets another answer than one without (%s)\nbring it up to date, or let "
             "its "
             "firewall pass EDNS: resolvers lose time with it", s->edns.said);
    else if (!s->same_case)
        find(out, DOCTOR_WARN, "it changes the case of the name that it was asked for\nbring it up to date: resolvers that mix "
             "the case (0x20) take its answers for forged ones");
    else if (s->truncated)
        find(out, DOCTOR_WARN, "its answer by UDP is cut off, though it is small\nlet answers of 1232 bytes pass by UDP");
    else
        return false;
    return true;
}

void zone_judge_server(struct zone_finding *out, const struct zone_facts *f, const struct zone_server *s)
{
    if (judge_reach(out, f, s))
        return;
    if (!s->authoritative || !s->has_soa)
        find(out, DOCTOR_FAIL, "it does not serve %s: it answers %s%s\nload the zone there, or take the server out of %s and "
             "of the "
             "zone above", f->apex, s->udp.said, s->authoritative ? " without a SOA record" : " without authority", f->apex);
    else if (!judge_form(out, s))
        find(out, DOCTOR_OK, "UDP, TCP and EDNS, with authority, serial %" PRIu32, s->serial);
}

/* ---- What all of them say -------------------------------------------------------------------------------------------- */

/* RFC 1982 3.2: is `a` before `b`? */
static bool is_older(uint32_t a, uint32_t b)
{
    return a != b && (uint32_t)(b - a) < UINT32_C(0x80000000);
}

static const char *name_of(const struct zone_server *s)
{
    return s->name[0] ? s->name : s->address;
}

void zone_judge_serials(struct zone_finding *out, const struct zone_facts *f)
{
    const struct zone_server *newest = NULL, *oldest = NULL;
    size_t n = 0;

    for (size_t i = 0; i < f->n_servers; i++) {
        const struct zone_server *s = &f->servers[i];

        if (!s->has_soa || !s->authoritative)
            continue;
        n++;
        newest = !newest || is_older(newest->serial, s->serial) ? s : newest;
        oldest = !oldest || is_older(s->serial, oldest->serial) ? s : oldest;
    }
    if (n > 1 && newest->serial != oldest->serial)
        find(out, DOCTOR_WARN, "%s has serial %" PRIu32 ", %s only %" PRIu32 "\nsee why %s does not follow (NOTIFY, transfers, "
             "TSIG): a CA may ask it", name_of(newest), newest->serial, name_of(oldest), oldest->serial, name_of(oldest));
    else if (n)
        find(out, DOCTOR_OK, "%s %" PRIu32, n > 1 ? "all servers have" : "its server has", newest->serial);
    else
        find(out, DOCTOR_FAIL, "no name server serves %s with authority\nmend the name servers above first", f->apex);
}

void zone_judge_dnssec(struct zone_finding *out, const struct zone_facts *f)
{
    switch (f->is_signed) {
    case ZONE_UNSIGNED:
        find(out, DOCTOR_OK, "not signed: there is no DS record");
        break;
    case ZONE_VALID:
        find(out, DOCTOR_OK, "signed, and a resolver validates it");
        break;
    case ZONE_BOGUS:
        find(out, DOCTOR_FAIL, "a resolver says SERVFAIL, but answers when it does not validate: the signature is "
             "broken\ncompare the "
             "DS record in %s with the zone's keys, and renew the signatures; or take the DS record "
             "away", f->parent[0] ? f->parent
             : "the zone above");
        break;
    case ZONE_UNCHECKED:
        find(out, DOCTOR_WARN, "there is a DS record, but the resolver does not validate\nset `resolvers` to one that "
             "validates, "
             "as CAs do, and look again");
        break;
    }
}

void zone_judge_negative(struct zone_finding *out, const struct zone_server *s)
{
    if (s->negative_s > NEGATIVE_LONG_S)
        find(out, DOCTOR_WARN, "\"no such record\" is remembered for %" PRIu32 " s\nlower the minimum of the SOA record: who "
             "asked "
             "too early sees a new value only then", s->negative_s);
    else
        find(out, DOCTOR_OK, "\"no such record\" is remembered for %" PRIu32 " s", s->negative_s);
}

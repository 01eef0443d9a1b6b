/*
 * What to do about an RCODE; see advice.h. RFC 2136 2.2 and 3, RFC 8945 5.2 and 5.3.
 */
#include "advice.h"

#include <stdio.h>
#include <time.h>

#include "base/dns_packet.h"

enum { FORMERR = 1, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE, RCODES };

struct text_of_time {
    char at[32];
};

static struct text_of_time text_of_time(uint64_t time_s)
{
    struct text_of_time text = { "an unknown time" };
    const time_t t = (time_t)time_s;
    struct tm tm;

    if (time_s < (uint64_t)1 << 37 && gmtime_r(&t, &tm))
        strftime(text.at, sizeof text.at, "%Y-%m-%d %H:%M:%S UTC", &tm);
    return text;
}

/* "SERVER refuses to change OWNER in zone ZONE (WORD): " and the advice. */
static int fail(const struct advice_about *about, enum cs_code code, const char *word, const char *advice, struct cs_error *err)
{
    if (about->zone)
        return cs_fail(err, code, "%s did not change %.100s in zone %.100s (%s): %s", about->server, about->owner, about->zone,
                       word, advice);
    return cs_fail(err, code, "%s did not say in which zone %.100s lies (%s): %s", about->server, about->owner, word, advice);
}

static int fail_clock(const struct advice_about *about, const struct reply *reply, struct cs_error *err)
{
    const struct text_of_time theirs = text_of_time(reply->server_time_s), ours = text_of_time(about->now_s);
    char advice[200];

    if (reply->server_time_s)
        snprintf(advice, sizeof advice, "the clocks differ: there it is %s, here %s; set them, by NTP for example", theirs.at,
                 ours.at);
    else
        snprintf(advice, sizeof advice, "the clocks differ: here it is %s; set them, by NTP for example", ours.at);
    return fail(about, CS_ECONFIG, "BADTIME", advice, err);
}

static int fail_key(const struct advice_about *about, uint16_t error, struct cs_error *err)
{
    char advice[300], word[24];

    snprintf(word, sizeof word, error == TSIG_BADSIG ? "BADSIG" : error == TSIG_BADKEY ? "BADKEY" : "TSIG error %u", error);
    if (error == TSIG_BADSIG)
        snprintf(advice, sizeof advice, "it has another secret for key %.80s: compare `key` with the one on the server",
                 about->key_name);
    else if (error == TSIG_BADKEY)
        snprintf(advice, sizeof advice,
                 "it has no key %.80s with %s, or (Knot DNS) no acl by which this key and address may update TXT records",
                 about->key_name, about->algorithm);
    else
        snprintf(advice, sizeof advice, "it does not like how the request is signed with key %.80s and %s", about->key_name,
                 about->algorithm);
    return fail(about, CS_ECONFIG, word, advice, err);
}

static const char *about_question(const struct advice_about *about, unsigned rcode)
{
    switch (rcode) {
    case REFUSED:
        return "it serves no zone that has this name, or does not answer us: name the primary of the zone in `servers`, "
               "or set `zone`";
    case NOTAUTH:
        return about->key_name
                   ? "it does not accept the key, or the clocks differ (PowerDNS says no more): check `key_name`, `key`, "
                     "`algorithm` and both clocks"
                   : "it wants a signed question: set `key_name` and `key`";
    case SERVFAIL:
        return "the zone cannot be served there at present: see the log of that server";
    case FORMERR:
    case NOTIMP:
        return "it does not understand the question, perhaps since that is signed: is it a DNS server with TSIG? Or set `zone`";
    }
    return "nobody expects that answer: see the log of that server, or set `zone`";
}

static const char *about_refused(const struct advice_about *about, const struct reply *reply)
{
    if (!about->key_name)
        return "it takes no unsigned updates from this address: set `key_name` and `key`, or allow this address there";
    if (reply->vouched)
        return "its policy does not let this key change TXT records at that name: allow it (BIND: update-policy; "
               "Knot DNS: acl; PowerDNS: TSIG-ALLOW-DNSUPDATE, ALLOW-DNSUPDATE-FROM), or ask the primary, if this is a "
               "secondary";
    return "the answer is not signed by our key, so it is the policy, the key or the clock: allow this key and address to "
           "update (PowerDNS: TSIG-ALLOW-DNSUPDATE, ALLOW-DNSUPDATE-FROM), compare `key_name`, `key`, `algorithm`, both clocks";
}

static const char *about_update(const struct advice_about *about, const struct reply *reply)
{
    switch (reply->rcode) {
    case FORMERR:
        return "it does not understand the update, perhaps since that is signed: is it a DNS server with RFC 2136 and TSIG?";
    case SERVFAIL:
        return "it could not do it: see the log of that server (often it may not write its zone file or journal)";
    case NOTIMP:
        return "it takes no updates: name the zone's primary in `servers`, and turn dynamic updates on there";
    case REFUSED:
        return about_refused(about, reply);
    case YXRRSET:
        return "there is a CNAME at that name, and no value can be beside it: remove it, or let Countersign follow it by a "
               "row for the zone of its target";
    case NOTAUTH:
        if (!about->key_name)
            return "it is not the primary of that zone, or wants the update signed: correct `servers` or `zone`, or "
                   "set `key_name` and `key`";
        return "it is not the primary of that zone: name that in `servers`, or correct `zone`";
    case NOTZONE:
        return "for it the name does not lie in that zone: correct `zone`";
    case NXDOMAIN:
    case YXDOMAIN:
    case NXRRSET:
        return "it speaks of a prerequisite that the update does not have: see the log of that server";
    }
    return "nobody expects that answer: see the log of that server";
}

int advice_fail(const struct advice_about *about, const struct reply *reply, struct cs_error *err)
{
    char word[16];

    if (reply->stale || reply->tsig_error == TSIG_BADTIME)
        return fail_clock(about, reply, err);
    if (reply->tsig_error && about->key_name)
        return fail_key(about, reply->tsig_error, err);
    dns_rcode_text(word, reply->rcode);
    return fail(about, reply->rcode == SERVFAIL ? CS_EUPSTREAM : CS_EREFUSED, word,
                about->zone ? about_update(about, reply) : about_question(about, reply->rcode), err);
}

bool advice_tries_next(const struct reply *reply, bool update)
{
    if (reply->stale || reply->tsig_error)
        return false;
    return reply->rcode == SERVFAIL || reply->rcode == NOTIMP || reply->rcode == NOTAUTH ||
           (!update && reply->rcode == REFUSED);
}

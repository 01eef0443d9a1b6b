/*
 * One order of the bare client, as RFC 8555 7.4 tells it; see acme.h.
 */
#include "acme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_PAUSE_MS 5
#define MOST_PAUSE_MS  2000
#define MOST_POLLS     20

static void pause_ms(long ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

/* Asks again, ever more seldom, until the object is no longer in this state. */
static json_t *poll_while(struct acme *acme, const char *url, const char *state, json_t *object)
{
    for (long ms = FIRST_PAUSE_MS, n = 0; strcmp(acme_text(object, "status"), state) == 0; n++) {
        if (n == MOST_POLLS)
            acme_fail("no end of state", state);
        pause_ms(ms);
        ms = ms * 2 < MOST_PAUSE_MS ? ms * 2 : MOST_PAUSE_MS;
        json_decref(object);
        object = acme_post(acme, url, "");
    }
    return object;
}

static const json_t *dns01_of(const json_t *authorization)
{
    json_t *all = json_object_get(authorization, "challenges"), *challenge;
    size_t i;

    json_array_foreach(all, i, challenge)
    {
        if (strcmp(acme_text(challenge, "type"), "dns-01") == 0)
            return challenge;
    }
    acme_fail("authorization", "it has no dns-01 challenge");
}

static void prove(struct acme *acme, const char *name, const char *url)
{
    json_t *authorization = acme_post(acme, url, "");
    const json_t *challenge = dns01_of(authorization);
    char value[JOSE_THUMBPRINT_LEN + 1], owner[256];
    struct cs_error err = { 0 };

    if (jose_dns01_value(acme->account->key, acme_text(challenge, "token"), value, &err) < 0)
        acme_fail("dns-01", err.text);
    snprintf(owner, sizeof owner, "_acme-challenge.%s", name);
    dns_set(acme->dns, acme->slot, owner, value);
    json_decref(acme_post(acme, acme_text(challenge, "url"), "{}"));
    authorization = poll_while(acme, url, "pending", authorization);
    if (strcmp(acme_text(authorization, "status"), "valid") != 0)
        acme_fail("authorization", text_of(&acme->body));
    json_decref(authorization);
}

static char *payload_of(json_t *object)
{
    char *payload = json_dumps(object, JSON_COMPACT);

    if (!payload)
        acme_fail("payload", "no memory");
    json_decref(object);
    return payload;
}

/* The order's object; its URL is acme->location. */
static json_t *start(struct acme *acme, const char *name)
{
    char *payload = payload_of(json_pack("{s:[{s:s, s:s}]}", "identifiers", "type", "dns", "value", name));
    json_t *order;

    order = acme_post(acme, acme->account->new_order, payload);
    free(payload);
    return order;
}

static json_t *finalize(struct acme *acme, const json_t *order, const char *url, const char *csr)
{
    char *payload = payload_of(json_pack("{s:s}", "csr", csr));
    json_t *after = acme_post(acme, acme_text(order, "finalize"), payload);

    free(payload);
    after = poll_while(acme, url, "processing", after);
    if (strcmp(acme_text(after, "status"), "valid") != 0)
        acme_fail("order", text_of(&acme->body));
    return after;
}

void acme_order(struct acme *acme, const char *name, const char *csr)
{
    json_t *order = start(acme, name), *valid;
    char url[sizeof acme->location];

    memcpy(url, acme->location, sizeof url);
    prove(acme, name, json_string_value(json_array_get(json_object_get(order, "authorizations"), 0)));
    valid = finalize(acme, order, url, csr);
    json_decref(acme_post(acme, acme_text(valid, "certificate"), ""));
    if (strncmp(text_of(&acme->body), "-----BEGIN CERTIFICATE-----", 27) != 0)
        acme_fail("certificate", text_of(&acme->body));
    json_decref(valid);
    json_decref(order);
}

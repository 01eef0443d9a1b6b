/* A PowerDNS on the fake host; see powerdns.h. */
#include "powerdns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define BASE POWERDNS_URL "/api/v1/servers/localhost"

static char version[40];
static json_t *zones; /* {"name": , "kind": , "id": } */
static json_t *sets;  /* {"name": , "ttl": , "records": [], "comments": []}, TXT all of them */
static powerdns_fn *on_request;
static struct text requests, shown;

static bool at_least(int major, int minor, int patch)
{
    int is[3] = { 0, 0, 0 };

    sscanf(version, "%d.%d.%d", &is[0], &is[1], &is[2]);
    return is[0] != major ? is[0] > major : is[1] != minor ? is[1] > minor : is[2] >= patch;
}

static bool is_additive(void)
{
    return at_least(5, 0, 2) || (at_least(4, 9, 12) && !at_least(5, 0, 0));
}

void powerdns_begin(const char *name)
{
    powerdns_become(name);
    zones = json_array();
    sets = json_array();
    on_request = NULL;
    requests = shown = TEXT_MAX(1000000);
}

void powerdns_end(void)
{
    json_decref(zones);
    json_decref(sets);
    text_free(&requests);
    text_free(&shown);
}

void powerdns_become(const char *name)
{
    snprintf(version, sizeof version, "%s", name);
}

static const char *string(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

static size_t index_of(const json_t *list, const char *member, const char *value)
{
    size_t i = 0;

    while (i < json_array_size(list) && strcmp(string(json_array_get(list, i), member), value) != 0)
        i++;
    return i;
}

void powerdns_add_zone(const char *name, const char *kind)
{
    json_array_append_new(zones, json_pack("{s:s, s:s, s:s}", "name", name, "kind", kind, "id", name));
}

void powerdns_remove_zone(const char *name)
{
    json_array_remove(zones, index_of(zones, "name", name));
}

static json_t *list_of(const char *entries)
{
    struct text text = TEXT_MAX(1000000);
    json_t *list;

    text_addf(&text, "[%s]", entries);
    list = json_loads(text_of(&text), 0, NULL);
    text_free(&text);
    if (!list)
        abort();
    return list;
}

static json_t *find_set(const char *owner)
{
    return json_array_get(sets, index_of(sets, "name", owner));
}

/* Takes the lists. A set without records and comments is none. */
static void store(const char *owner, json_int_t ttl, json_t *records, json_t *comments)
{
    json_array_remove(sets, index_of(sets, "name", owner));
    json_array_append_new(
        sets, json_pack("{s:s, s:I, s:o, s:o}", "name", owner, "ttl", ttl, "records", records, "comments", comments));
    if (json_array_size(records) + json_array_size(comments) == 0)
        json_array_remove(sets, index_of(sets, "name", owner));
}

void powerdns_replace(const char *owner, int ttl, const char *records, const char *comments)
{
    store(owner, ttl, list_of(records), list_of(comments));
}

const char *powerdns_set(const char *owner)
{
    const json_t *set = find_set(owner);
    char *records = set ? json_dumps(json_object_get(set, "records"), JSON_COMPACT) : NULL;
    char *comments = set ? json_dumps(json_object_get(set, "comments"), JSON_COMPACT) : NULL;

    text_clear(&shown);
    if (set)
        text_addf(&shown, "%d %s %s", (int)json_integer_value(json_object_get(set, "ttl")), records, comments);
    free(records);
    free(comments);
    return text_of(&shown);
}

/* ---- Answering ---- */

static void answer_json(int status, json_t *json)
{
    char *body = json_dumps(json, 0);

    host_reply(status, "Content-Type: application/json\nConnection: close\n", body, strlen(body));
    free(body);
    json_decref(json);
}

static void answer_text(int status, const char *text)
{
    host_reply(status, "Content-Type: text/plain; charset=utf-8\nConnection: close\n", text, strlen(text));
}

CS_PRINTF(1, 2) static void refuse(const char *format, ...)
{
    char words[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    answer_json(422, json_pack("{s:s}", "error", words));
}

/* A value of the query, unescaped; for free(). NULL: it is not there. */
static char *query_value(const char *path, const char *name)
{
    const char *at = strchr(path, '?');
    struct text value = TEXT_MAX(10000);

    while (at && (strncmp(at + 1, name, strlen(name)) != 0 || at[1 + strlen(name)] != '='))
        at = strchr(at + 1, '&');
    if (!at)
        return NULL;
    for (at += 2 + strlen(name); *at && *at != '&'; at++) {
        unsigned byte;

        if (*at == '%' && sscanf(at + 1, "%2x", &byte) == 1) {
            at += 2;
            text_add_char(&value, (char)byte);
        } else {
            text_add_char(&value, *at);
        }
    }
    return text_take(&value);
}

static void answer_zones(const char *path)
{
    char *name = query_value(path, "zone");
    const json_t *zone = json_array_get(zones, index_of(zones, "name", name ? name : ""));
    json_t *list = json_array();

    if (!name)
        abort(); /* all zones are never asked for */
    if (zone)
        json_array_append(list, (json_t *)zone);
    answer_json(200, list);
    free(name);
}

/* Comments of the whole zone come with it, as before 4.9. */
static void answer_set(const json_t *zone, const char *path)
{
    char *owner = query_value(path, "rrset_name"), *type = query_value(path, "rrset_type");
    const json_t *set = find_set(owner ? owner : "");
    json_t *rrsets = json_array(), *records = json_array(), *more;
    size_t n = json_array_size(json_object_get(set, "records"));

    if (!owner || !type || strcmp(type, "TXT") != 0)
        abort(); /* the whole zone is never asked for */
    for (size_t i = 0; i < n; i++) {
        json_t *record = json_array_get(json_object_get(set, "records"), i);

        if (at_least(5, 0, 0) || json_is_false(json_object_get(record, "disabled")))
            json_array_append(records, record);
    }
    more = json_pack("{s:s, s:s, s:i, s:[], s:[{s:s, s:s, s:i}]}", "name", "other.a.example.", "type", "TXT", "ttl", 0,
                     "records", "comments", "content", "of another name", "account", "", "modified_at", 1);
    json_array_append_new(rrsets, more);
    if (json_array_size(records) + json_array_size(json_object_get(set, "comments")) > 0)
        json_array_append_new(rrsets, json_pack("{s:s, s:s, s:O, s:O, s:O}", "name", owner, "type", "TXT", "ttl",
                                                json_object_get(set, "ttl"), "records", records, "comments",
                                                json_object_get(set, "comments")));
    json_decref(records);
    answer_json(200, json_pack("{s:s, s:s, s:o}", "name", string(zone, "name"), "id", string(zone, "id"), "rrsets", rrsets));
    free(owner);
    free(type);
}

static void answer_search(const char *path)
{
    char *name = query_value(path, "q");
    struct text owner = TEXT_MAX(1000);
    json_t *list = json_array();
    const json_t *records;

    text_addf(&owner, "%s.", name ? name : "");
    records = json_object_get(find_set(text_of(&owner)), "records");
    for (size_t i = 0; i < json_array_size(records); i++) {
        json_t *found = json_copy(json_array_get(records, i));

        json_object_set_new(found, "name", json_string(text_of(&owner)));
        json_object_set_new(found, "type", json_string("TXT"));
        json_object_set_new(found, "ttl", json_integer(10));
        json_object_set_new(found, "zone_id", json_object_get(json_array_get(zones, 0), "id"));
        json_incref(json_object_get(json_array_get(zones, 0), "id"));
        json_array_append_new(list, found);
    }
    answer_json(200, list);
    text_free(&owner);
    free(name);
}

/* ---- PATCH ---- */

static bool has_twice(const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(string(json_array_get(records, i), "content"), string(json_array_get(records, k), "content")) == 0)
                return true;
    return false;
}

static bool replace(const json_t *change)
{
    const char *name = string(change, "name");
    json_t *records = json_object_get(change, "records"), *comments = json_object_get(change, "comments");
    const json_t *set = find_set(name);
    json_t *old_records = json_object_get(set, "records"), *old_comments = json_object_get(set, "comments");
    json_int_t ttl = json_integer_value(json_object_get(change, "ttl"));
    bool emptied = records && json_array_size(records) == 0;

    if (!records && !comments) {
        refuse("No change for RRset %s IN TXT", name);
        return false;
    }
    if (has_twice(records)) {
        refuse("Duplicate record in RRset %s IN TXT", name);
        return false;
    }
    records = records ? json_deep_copy(records) : old_records ? json_deep_copy(old_records) : json_array();
    if (comments)
        comments = json_deep_copy(comments);
    else
        comments = old_comments && !emptied ? json_deep_copy(old_comments) : json_array();
    store(name, ttl, records, comments);
    return true;
}

/* They look at what is served only: what is disabled is lost. */
static json_t *served_of(const json_t *set)
{
    json_t *served = json_array();

    for (size_t i = 0; i < json_array_size(json_object_get(set, "records")); i++)
        if (json_is_false(json_object_get(json_array_get(json_object_get(set, "records"), i), "disabled")))
            json_array_append(served, json_array_get(json_object_get(set, "records"), i));
    return served;
}

static bool extend_or_prune(const json_t *change, bool extend)
{
    const char *name = string(change, "name");
    json_t *given = json_object_get(change, "records");
    const json_t *set = find_set(name);
    json_t *served = served_of(set), *comments = json_object_get(set, "comments");
    json_int_t ttl = json_integer_value(json_object_get(change, "ttl"));
    const bool had = json_array_size(served) > 0;
    size_t at = index_of(served, "content", string(json_array_get(given, 0), "content"));
    const bool there = at < json_array_size(served);

    if (json_array_size(given) != 1 || !json_is_integer(json_object_get(change, "ttl"))) {
        refuse("Exactly one record should be provided for PRUNE or EXTEND operation (%s)", name);
        json_decref(served);
        return false;
    }
    if (extend && !there && had && at_least(5, 1, 0) && ttl != json_integer_value(json_object_get(set, "ttl"))) {
        refuse("RRset %s IN TXT: uses a different TTL value than the remainder of the RRset", name);
        json_decref(served);
        return false;
    }
    if (there == extend) {
        json_decref(served);
        return true;
    }
    if (extend)
        json_array_append(served, json_array_get(given, 0));
    else
        json_array_remove(served, at);
    comments = comments && json_array_size(served) > 0 ? json_deep_copy(comments) : json_array();
    store(name, had ? json_integer_value(json_object_get(set, "ttl")) : ttl, served, comments);
    return true;
}

static bool apply(const json_t *zone, const json_t *change)
{
    const char *type = string(change, "changetype"), *name = string(change, "name"), *end = string(zone, "name");

    if (strcmp(string(change, "type"), "TXT") != 0)
        abort();
    if (strlen(name) < strlen(end) || strcmp(name + strlen(name) - strlen(end), end) != 0) {
        refuse("RRset %s IN TXT: Name is out of zone", name);
        return false;
    }
    if (strcmp(type, "REPLACE") == 0)
        return replace(change);
    if (strcmp(type, "DELETE") == 0) {
        json_array_remove(sets, index_of(sets, "name", name));
        return true;
    }
    if (is_additive() && (strcmp(type, "EXTEND") == 0 || strcmp(type, "PRUNE") == 0))
        return extend_or_prune(change, type[0] == 'E');
    if (at_least(4, 9, 0))
        refuse("Changetype '%s' is not a valid value", type);
    else
        refuse("Changetype not understood");
    return false;
}

/* All of its changes or none, as in a transaction. */
static void patch(const json_t *zone, const char *body)
{
    json_t *document = json_loads(body, JSON_REJECT_DUPLICATES, NULL), *changes = json_object_get(document, "rrsets");
    json_t *before = json_copy(sets); /* a set is never changed, only put in another's place */
    bool good = json_is_array(changes);

    if (!good)
        refuse("No rrsets given in update request");
    for (size_t i = 0; good && i < json_array_size(changes); i++)
        good = apply(zone, json_array_get(changes, i));
    if (good) {
        json_decref(before);
        answer_text(204, "");
    } else {
        json_decref(sets);
        sets = before;
    }
    json_decref(document);
}

/* ---- All requests ---- */

static const json_t *zone_of(const char *path)
{
    struct text id = TEXT_MAX(2000);
    const json_t *zone;

    text_add_n(&id, path + strlen("/zones/"), strcspn(path + strlen("/zones/"), "?"));
    zone = json_array_get(zones, index_of(zones, "id", text_of(&id)));
    text_free(&id);
    return zone;
}

static void answer(const struct host_http *request, const char *path)
{
    const json_t *zone = strncmp(path, "/zones/", 7) == 0 ? zone_of(path) : NULL;

    if (!*path)
        answer_json(200, json_pack("{s:s, s:s}", "id", "localhost", "version", version));
    else if (strncmp(path, "/zones?", 7) == 0)
        answer_zones(path);
    else if (strncmp(path, "/search-data?", 13) == 0)
        answer_search(path);
    else if (!zone)
        answer_text(404, "Not Found");
    else if (strcmp(request->method, "PATCH") == 0)
        patch(zone, request->body);
    else
        answer_set(zone, path);
}

void powerdns_on_request(powerdns_fn *fn)
{
    on_request = fn;
}

void powerdns_answer(void)
{
    const struct host_http *request = host_http();
    const char *path = strncmp(request->url, BASE, strlen(BASE)) == 0 ? request->url + strlen(BASE) : NULL;

    text_addf(&requests, "%s %s\n", request->method, path ? path : request->url);
    if (on_request && on_request(request))
        return;
    if (!strstr(request->headers, "X-API-Key: " POWERDNS_KEY "\n"))
        answer_text(401, "Unauthorized");
    else if (!path)
        answer_text(404, "Not Found");
    else
        answer(request, path);
}

void powerdns_settle(void)
{
    do {
        while (host_http())
            powerdns_answer();
    } while (host_turn() || host_http());
}

void powerdns_pass(int64_t ms)
{
    powerdns_settle();
    while (ms > 0) {
        int64_t idle_ms = host_idle_ms(), step_ms = idle_ms >= 0 && idle_ms < ms ? idle_ms : ms;

        host_pass(step_ms);
        ms -= step_ms;
        powerdns_settle();
    }
}

const char *powerdns_requests(void)
{
    text_clear(&shown);
    text_add(&shown, text_of(&requests));
    text_clear(&requests);
    return text_of(&shown);
}

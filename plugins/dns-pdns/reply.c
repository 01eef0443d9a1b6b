/* From PowerDNS's JSON to what the plugin works with; see reply.h. */
#include "reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define DEPTH_MOST    16
#define RECORDS_MOST  10000
#define COMMENTS_MOST 1000
#define CONTENT_MOST  ((size_t)300 * 1024) /* 65,535 bytes, each as "\DDD" */
#define TTL_MOST      INT64_C(2147483647)  /* RFC 2181 8 */

static int malformed(struct cs_error *err, const char *what)
{
    return cs_fail_as(err, CS_EUPSTREAM, "dns-bad-reply", "its answer %s: does `api` lead to PowerDNS itself?", what);
}

/* How deep objects and arrays lie in each other, without parsing: jansson goes down by recursion. */
static bool is_flat(const char *body, size_t len)
{
    int depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        if (quoted && body[i] == '\\')
            i++;
        else if (body[i] == '"')
            quoted = !quoted;
        else if (!quoted && (body[i] == '{' || body[i] == '['))
            depth++;
        else if (!quoted && (body[i] == '}' || body[i] == ']'))
            depth--;
        if (depth > DEPTH_MOST)
            return false;
    }
    return true;
}

static json_t *parse(const char *body, size_t len, struct cs_error *err)
{
    json_error_t fault;
    json_t *json = len <= REPLY_MOST && is_flat(body, len) ? json_loadb(body, len, JSON_REJECT_DUPLICATES, &fault) : NULL;

    if (!json)
        malformed(err, "is not valid JSON");
    return json;
}

/* A string of at most `most` bytes, or NULL. jansson refuses a NUL inside. */
static const char *string_of(const json_t *object, const char *name, size_t most)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) && json_string_length(value) <= most ? json_string_value(value) : NULL;
}

/* Some versions write whole numbers as 5, some as 5.0. -1: not a whole number from 0 to `most`. */
static json_int_t number_of(const json_t *object, const char *name, json_int_t most)
{
    const json_t *value = json_object_get(object, name);
    double real = json_number_value(value);

    if (!json_is_number(value) || !(real >= 0) || real > (double)most)
        return -1;
    return json_is_integer(value) ? json_integer_value(value) : (json_int_t)real;
}

static bool is_safe_id(const char *id)
{
    size_t len = strlen(id);

    return len > 0 && len < REPLY_ID_MOST && strcmp(id, ".") != 0 && !strstr(id, "..") &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._=-") == len;
}

static bool is_secondary(const char *kind)
{
    return strcasecmp(kind, "Slave") == 0 || strcasecmp(kind, "Secondary") == 0 || strcasecmp(kind, "Consumer") == 0;
}

static int read_entry(struct reply_zone *out, const json_t *entry, const char *name, struct cs_error *err)
{
    const char *called = string_of(entry, "name", 255), *id = string_of(entry, "id", REPLY_ID_MOST - 1);
    const char *kind = string_of(entry, "kind", 50);

    if (!called || strcasecmp(called, name) != 0)
        return malformed(err, "names a zone that was not asked for");
    if (!id || !is_safe_id(id))
        return malformed(err, "has a zone without a proper id");
    out->found = true;
    snprintf(out->id, sizeof out->id, "%s", id);
    out->secondary = kind && is_secondary(kind);
    return 0;
}

int reply_read_zone(struct reply_zone *out, const char *body, size_t len, const char *name, struct cs_error *err)
{
    json_t *list = parse(body, len, err);
    int rc = 0;

    *out = (struct reply_zone){ 0 };
    if (!list)
        return -1;
    if (!json_is_array(list) || json_array_size(list) > 1)
        rc = malformed(err, "is not a list of one zone");
    else if (json_array_size(list) == 1)
        rc = read_entry(out, json_array_get(list, 0), name, err);
    json_decref(list);
    return rc;
}

static bool is_record(const json_t *record)
{
    return string_of(record, "content", CONTENT_MOST) && json_is_boolean(json_object_get(record, "disabled"));
}

static bool is_comment(const json_t *comment)
{
    return string_of(comment, "content", CONTENT_MOST) && string_of(comment, "account", 1000) &&
           number_of(comment, "modified_at", INT64_C(1) << 53) >= 0;
}

/* A copy of an array in which every entry is as it must be; NULL: it is not. None at all is an empty one. */
static json_t *copy_checked(const json_t *array, bool (*is_good)(const json_t *entry), size_t most)
{
    size_t n = json_array_size(array);
    json_t *copy;

    if ((array && !json_is_array(array)) || n > most)
        return NULL;
    copy = json_array();
    for (size_t i = 0; copy && i < n; i++) {
        json_t *entry = json_array_get(array, i);

        if (is_good(entry) && json_array_append(copy, entry) == 0)
            continue;
        json_decref(copy);
        return NULL;
    }
    return copy;
}

static int take_rrset(struct reply_rrset *out, const json_t *rrset, struct cs_error *err)
{
    out->ttl = number_of(rrset, "ttl", TTL_MOST);
    out->records = copy_checked(json_object_get(rrset, "records"), is_record, RECORDS_MOST);
    out->comments = copy_checked(json_object_get(rrset, "comments"), is_comment, COMMENTS_MOST);
    if (out->ttl < 0 || !out->records || !out->comments)
        return malformed(err, "has a TXT record set that is malformed or too large");
    return 0;
}

/* Is it the TXT set of this name? -1: it is not a set at all. */
static int is_ours(const json_t *rrset, const char *owner)
{
    const char *name = string_of(rrset, "name", 1024), *type = string_of(rrset, "type", 50);

    if (!name || !type)
        return -1;
    return strcasecmp(name, owner) == 0 && strcmp(type, "TXT") == 0;
}

static int read_rrsets(struct reply_rrset *out, const json_t *rrsets, const char *owner, struct cs_error *err)
{
    const json_t *found = NULL;

    if (!json_is_array(rrsets))
        return malformed(err, "has no list of record sets");
    for (size_t i = 0; i < json_array_size(rrsets); i++) {
        const json_t *rrset = json_array_get(rrsets, i);
        int ours = is_ours(rrset, owner);

        if (ours < 0)
            return malformed(err, "has a record set without name and type");
        if (ours && found)
            return malformed(err, "has one record set twice");
        if (ours)
            found = rrset;
    }
    if (found)
        return take_rrset(out, found, err);
    out->records = json_array();
    out->comments = json_array();
    return out->records && out->comments ? 0 : cs_fail(err, CS_EBUSY, "out of memory");
}

int reply_read_rrset(struct reply_rrset *out, const char *body, size_t len, const char *owner, struct cs_error *err)
{
    json_t *zone = parse(body, len, err);
    int rc;

    *out = (struct reply_rrset){ 0 };
    if (!zone)
        return -1;
    rc = json_is_object(zone) ? read_rrsets(out, json_object_get(zone, "rrsets"), owner, err) : malformed(err, "is not a zone");
    json_decref(zone);
    return rc;
}

/* search-data leaves the trailing dots of names and zones away or not, depending on the version. */
static bool same_name(const char *a, const char *b)
{
    size_t len_a = a ? strlen(a) : 0, len_b = strlen(b);

    len_a -= len_a > 0 && a[len_a - 1] == '.';
    len_b -= len_b > 0 && b[len_b - 1] == '.';
    return a && len_a == len_b && strncasecmp(a, b, len_a) == 0;
}

static bool is_disabled_there(const json_t *found, const char *owner, const char *id)
{
    const char *type = string_of(found, "type", 50);

    return is_record(found) && json_is_true(json_object_get(found, "disabled")) && type && strcmp(type, "TXT") == 0 &&
           same_name(string_of(found, "name", 1024), owner) && same_name(string_of(found, "zone_id", REPLY_ID_MOST), id);
}

static bool has_record(const json_t *records, const char *content)
{
    for (size_t i = 0; i < json_array_size(records); i++)
        if (strcmp(string_of(json_array_get(records, i), "content", CONTENT_MOST), content) == 0)
            return true;
    return false;
}

static int add_found(struct reply_rrset *out, json_t *found, struct cs_error *err)
{
    const json_int_t ttl = number_of(found, "ttl", TTL_MOST);

    if (ttl > 0)
        out->ttl = ttl;
    return json_array_append(out->records, found) < 0 ? cs_fail(err, CS_EBUSY, "out of memory") : 0;
}

int reply_read_disabled(struct reply_rrset *out, const char *body, size_t len, const char *owner, const char *id, size_t most,
                        struct cs_error *err)
{
    json_t *list = parse(body, len, err);
    int rc = 0;

    *out = (struct reply_rrset){ 0 };
    if (!list)
        return -1;
    out->records = json_array();
    if (!json_is_array(list) || json_array_size(list) >= most)
        rc = malformed(err, "to a search is no list, or has too many records");
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
        if (is_disabled_there(json_array_get(list, i), owner, id))
            rc = add_found(out, json_array_get(list, i), err);
    json_decref(list);
    return rc;
}

int reply_add_disabled(struct reply_rrset *rrset, const struct reply_rrset *disabled)
{
    const bool alone = json_array_size(rrset->records) == 0;

    for (size_t i = 0; i < json_array_size(disabled->records); i++) {
        json_t *record = json_array_get(disabled->records, i);

        if (has_record(rrset->records, string_of(record, "content", CONTENT_MOST)))
            continue;
        if (json_array_append(rrset->records, record) < 0)
            return -1;
        if (alone)
            rrset->ttl = disabled->ttl;
    }
    return 0;
}

void reply_release(struct reply_rrset *rrset)
{
    json_decref(rrset->records);
    json_decref(rrset->comments);
    *rrset = (struct reply_rrset){ 0 };
}

static bool is_printable(const char *text)
{
    while (*text > ' ' && *text <= '~')
        text++;
    return !*text;
}

int reply_read_version(char out[REPLY_VERSION], const char *body, size_t len, struct cs_error *err)
{
    json_t *server = parse(body, len, err);
    const char *version = string_of(server, "version", REPLY_VERSION - 1);
    int rc = -1;

    out[0] = '\0';
    if (server && !version)
        malformed(err, "names no version");
    else if (server && !is_printable(version))
        malformed(err, "names an odd version");
    else if (server)
        rc = snprintf(out, REPLY_VERSION, "%s", version) < 0 ? -1 : 0;
    json_decref(server);
    return rc;
}

void reply_words(char out[REPLY_WORDS], const char *body, size_t len, const char *key)
{
    json_t *json = parse(body, len, NULL);
    const char *error = string_of(json, "error", CONTENT_MOST), *words = error ? error : body;
    size_t most = error ? strlen(error) : len, n = 0;

    for (size_t i = 0; i < most && words[i] && n + 1 < REPLY_WORDS; i++)
        out[n++] = words[i] >= ' ' && words[i] <= '~' ? words[i] : '?';
    out[n] = '\0';
    if (*key && (strstr(words, key) || strstr(out, key)))
        snprintf(out, REPLY_WORDS, "(its words are left out: they repeat the key)");
    if (!out[0])
        snprintf(out, REPLY_WORDS, "no reason given");
    json_decref(json);
}

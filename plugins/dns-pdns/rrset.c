/* What we want at one owner name, as JSON for PowerDNS; see rrset.h. */
#include "rrset.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "txt.h"

#define CONTENT_MOST ((size_t)300 * 1024)

static const char *content_of(const json_t *record)
{
    return json_string_value(json_object_get(record, "content"));
}

static bool is_disabled(const json_t *record)
{
    return json_is_true(json_object_get(record, "disabled"));
}

static bool is_one_of(const char *content, char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (txt_is(content, values[i]))
            return true;
    return false;
}

static bool is_wanted(const char *content, const struct rrset_goal *goal)
{
    return is_one_of(content, goal->want, goal->n_want);
}

static bool is_to_go(const char *content, const struct rrset_goal *goal)
{
    return is_one_of(content, goal->gone, goal->n_gone) && !is_wanted(content, goal);
}

static bool is_served(const struct reply_rrset *seen, const char *value)
{
    for (size_t i = 0; i < json_array_size(seen->records); i++) {
        const json_t *record = json_array_get(seen->records, i);

        if (!is_disabled(record) && txt_is(content_of(record), value))
            return true;
    }
    return false;
}

bool rrset_reached(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    for (size_t i = 0; i < goal->n_want; i++)
        if (!is_served(seen, goal->want[i]))
            return false;
    for (size_t i = 0; i < json_array_size(seen->records); i++) {
        const json_t *record = json_array_get(seen->records, i);

        if (!is_disabled(record) && is_to_go(content_of(record), goal))
            return false;
    }
    return true;
}

bool rrset_has_disabled(const struct reply_rrset *seen)
{
    for (size_t i = 0; i < json_array_size(seen->records); i++)
        if (is_disabled(json_array_get(seen->records, i)))
            return true;
    return false;
}

/* A set has one TTL (RFC 2181 5.2): that of what others have there, else ours. */
static json_int_t choose_ttl(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    for (size_t i = 0; i < json_array_size(seen->records); i++) {
        const char *content = content_of(json_array_get(seen->records, i));

        if (!is_wanted(content, goal) && !is_to_go(content, goal))
            return seen->ttl;
    }
    return goal->ttl;
}

static bool is_listed(const json_t *records, const char *content)
{
    for (size_t i = 0; i < json_array_size(records); i++)
        if (strcmp(content_of(json_array_get(records, i)), content) == 0)
            return true;
    return false;
}

static int add_record(json_t *records, const char *content, bool disabled)
{
    return json_array_append_new(records, json_pack("{s:s, s:b}", "content", content, "disabled", (int)disabled));
}

static char *quote(const char *value)
{
    struct text content = TEXT_MAX(CONTENT_MOST);

    txt_quote(&content, value);
    return text_take(&content);
}

static int add_value(json_t *records, const char *value)
{
    char *content = quote(value);
    int rc = -1;

    if (content)
        rc = is_listed(records, content) ? 0 : add_record(records, content, false);
    free(content);
    return rc;
}

/* What is neither wanted nor to go, as it is. A record that is there twice would be refused: the served one stays. */
static int add_foreign(json_t *records, const struct reply_rrset *seen, const struct rrset_goal *goal, bool disabled)
{
    for (size_t i = 0; i < json_array_size(seen->records); i++) {
        const json_t *record = json_array_get(seen->records, i);
        const char *content = content_of(record);

        if (is_disabled(record) != disabled || is_wanted(content, goal) || is_to_go(content, goal) ||
            is_listed(records, content))
            continue;
        if (add_record(records, content, disabled) < 0)
            return -1;
    }
    return 0;
}

static json_t *make_records(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    json_t *records = json_array();

    for (size_t i = 0; records && i < goal->n_want; i++)
        if (add_value(records, goal->want[i]) < 0)
            goto out;
    if (records && add_foreign(records, seen, goal, false) == 0 && add_foreign(records, seen, goal, true) == 0)
        return records;
out:
    json_decref(records);
    return NULL;
}

/* One change: takes `records` and `comments`, which may be NULL. */
static json_t *make_change(const struct rrset_goal *goal, const char *type, json_int_t ttl, json_t *records, json_t *comments)
{
    json_t *change = json_pack("{s:s, s:s, s:s, s:I}", "name", goal->owner, "type", "TXT", "changetype", type, "ttl", ttl);

    if (!change) {
        json_decref(records);
        json_decref(comments);
        return NULL;
    }
    if ((records && json_object_set_new(change, "records", records) < 0) ||
        (comments && json_object_set_new(change, "comments", comments) < 0)) {
        json_decref(change);
        return NULL;
    }
    return change;
}

/* Takes `changes`. */
static char *write_body(json_t *changes)
{
    json_t *body = json_pack("{s:o}", "rrsets", changes);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    return text;
}

static bool has_comments(const struct reply_rrset *seen)
{
    return json_array_size(seen->comments) > 0;
}

char *rrset_replace(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    json_t *changes = json_array(), *records = make_records(seen, goal);
    bool emptied = records && json_array_size(records) == 0 && !has_comments(seen);
    json_t *comments = emptied || !has_comments(seen) ? NULL : json_incref(seen->comments);

    if (!records || !changes) {
        json_decref(records);
        json_decref(comments);
        json_decref(changes);
        return NULL;
    }
    if (json_array_append_new(
            changes, make_change(goal, emptied ? "DELETE" : "REPLACE", choose_ttl(seen, goal), records, comments)) < 0) {
        json_decref(changes);
        return NULL;
    }
    return write_body(changes);
}

/* EXTEND and PRUNE take exactly one record each. */
static int add_single(json_t *changes, const struct rrset_goal *goal, const char *type, json_int_t ttl, const char *content)
{
    json_t *records = json_array();

    if (!records || add_record(records, content, false) < 0) {
        json_decref(records);
        return -1;
    }
    return json_array_append_new(changes, make_change(goal, type, ttl, records, NULL));
}

/* Values that are there are passed over. The TTL must be that of the set: newer servers refuse another one. */
static int add_extends(json_t *changes, const struct reply_rrset *seen, const struct rrset_goal *goal, json_int_t ttl)
{
    for (size_t i = 0; i < goal->n_want; i++) {
        char *content;
        int rc;

        if (is_served(seen, goal->want[i]))
            continue;
        content = quote(goal->want[i]);
        rc = content ? add_single(changes, goal, "EXTEND", ttl, content) : -1;
        free(content);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int add_prunes(json_t *changes, const struct reply_rrset *seen, const struct rrset_goal *goal, json_int_t ttl)
{
    for (size_t i = 0; i < json_array_size(seen->records); i++) {
        const char *content = content_of(json_array_get(seen->records, i));

        if (is_to_go(content, goal) && add_single(changes, goal, "PRUNE", ttl, content) < 0)
            return -1;
    }
    return 0;
}

char *rrset_extend(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    json_int_t ttl = json_array_size(seen->records) > 0 ? seen->ttl : goal->ttl;
    json_t *changes = json_array();
    int rc = -1;

    if (changes && add_extends(changes, seen, goal, ttl) == 0 && add_prunes(changes, seen, goal, ttl) == 0)
        rc = 0;
    /* A set that becomes empty loses its comments: they are written again in the same transaction, last. */
    if (rc == 0 && goal->n_want == 0 && has_comments(seen))
        rc = json_array_append_new(changes, make_change(goal, "REPLACE", ttl, NULL, json_incref(seen->comments)));
    if (rc == 0)
        return write_body(changes);
    json_decref(changes);
    return NULL;
}

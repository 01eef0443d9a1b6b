/*
 * dns-pdns's readers: any reply of PowerDNS, as a zone, as a record set, as the result of a search and as a version; and what
 * the plugin would send after it, which must lose nothing. Before the first line's end stand the value that we want and the one
 * that is to go, with a space between them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rrset.h"
#include "txt.h"

#define OWNER "_acme-challenge.a.example."
#define KEY   "fuzz-key"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes on to errors and the log is short and printable. */
static void check_error(const struct cs_error *err)
{
    const char *end = memchr(err->text, '\0', sizeof err->text);

    if (!end)
        abort();
    for (const char *at = err->text; at < end; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            abort();
}

static void read_zone(const char *body, size_t len)
{
    struct reply_zone zone;
    struct cs_error err = { 0 };

    if (reply_read_zone(&zone, body, len, "a.example.", &err) == 0 && zone.found &&
        (!zone.id[0] || strpbrk(zone.id, "/%?#& \\") || strstr(zone.id, "..")))
        abort();
    check_error(&err);
}

static void read_words(const char *body, size_t len)
{
    char words[REPLY_WORDS], version[REPLY_VERSION];
    struct cs_error err = { 0 };

    reply_words(words, body, len, KEY);
    if (strlen(words) >= sizeof words || !words[0] || strstr(words, KEY))
        abort();
    if (reply_read_version(version, body, len, &err) == 0 && (!*version && len == 0))
        abort();
    check_error(&err);
}

/* Is a record with this content in one of the changes? */
static bool is_sent(const json_t *changes, const char *content)
{
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *records = json_object_get(json_array_get(changes, i), "records");

        for (size_t k = 0; k < json_array_size(records); k++)
            if (strcmp(json_string_value(json_object_get(json_array_get(records, k), "content")), content) == 0)
                return true;
    }
    return false;
}

static void check_replace(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    char *body = rrset_replace(seen, goal);
    json_t *document = body ? json_loads(body, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *changes = json_object_get(document, "rrsets");

    if (json_array_size(changes) != 1)
        abort();
    for (size_t i = 0; i < json_array_size(seen->records); i++) {
        const char *content = json_string_value(json_object_get(json_array_get(seen->records, i), "content"));

        if (!txt_is(content, goal->want[0]) && is_sent(changes, content) == txt_is(content, goal->gone[0]))
            abort();
    }
    json_decref(document);
    free(body);
}

/* Nothing of others is named, and each change has at most one record. */
static void check_extend(const struct reply_rrset *seen, const struct rrset_goal *goal)
{
    char *body = rrset_extend(seen, goal);
    json_t *document = body ? json_loads(body, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *changes = json_object_get(document, "rrsets");

    if (!json_is_array(changes))
        abort();
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *records = json_object_get(json_array_get(changes, i), "records");
        const char *content = json_string_value(json_object_get(json_array_get(records, 0), "content"));

        if (json_array_size(records) != 1 || (!txt_is(content, goal->want[0]) && !txt_is(content, goal->gone[0])))
            abort();
    }
    json_decref(document);
    free(body);
}

static void read_set(const char *body, size_t len, char *want, char *gone)
{
    const struct rrset_goal goal = { .owner = OWNER, .want = &want, .n_want = 1, .gone = &gone, .n_gone = 1, .ttl = 10 };
    struct reply_rrset seen, parked;
    struct cs_error err = { 0 };
    const bool is_search = reply_read_disabled(&parked, body, len, OWNER, "a.example.", 1000, &err) == 0;

    if (reply_read_rrset(&seen, body, len, OWNER, &err) == 0) {
        rrset_reached(&seen, &goal);
        check_replace(&seen, &goal);
        check_extend(&seen, &goal);
    }
    check_error(&err);
    reply_release(&seen);
    seen = (struct reply_rrset){ .records = json_array(), .comments = json_array() };
    if (is_search && reply_add_disabled(&seen, &parked) == 0)
        check_replace(&seen, &goal);
    reply_release(&seen);
    reply_release(&parked);
}

static void write_value(const char *value)
{
    struct text content = TEXT_MAX(1000000);

    txt_quote(&content, value);
    if (text_failed(&content) || !txt_is(text_of(&content), value))
        abort();
    for (const char *at = text_of(&content); *at; at++)
        if (*at < ' ' || *at > '~')
            abort();
    text_free(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *end, *space, *body;
    static char none[] = "";

    memcpy(text, data, size);
    text[size] = '\0';
    end = memchr(text, '\n', size);
    body = end ? end + 1 : text;
    if (end)
        *end = '\0';
    space = end ? strchr(text, ' ') : NULL;
    if (space)
        *space = '\0';
    read_zone(body, size - (size_t)(body - text));
    read_words(body, size - (size_t)(body - text));
    read_set(body, size - (size_t)(body - text), end ? text : none, space ? space + 1 : none);
    if (end)
        write_value(text);
    free(text);
    return 0;
}

/*
 * Fuzzes the readers of HTTP requests: http/message.c, http/chunked.c, and what http/labels.c and http/preferences.c find in
 * them. The first byte says in which steps the rest arrives; however it is cut, the verdict must be the same, and everything
 * that is found must lie within the head.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/chunked.h"
#include "http/labels.h"
#include "http/preferences.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct message *m, struct message_part part)
{
    assert((size_t)part.at + part.len <= m->head_len);
}

static void check_ready(const struct message *m, const char *bytes, size_t len)
{
    struct span value;

    assert(m->head_len >= 16 && m->head_len <= len && m->head_len <= MESSAGE_MAX_HEAD);
    assert(memcmp(bytes + m->head_len - 4, "\r\n\r\n", 4) == 0);
    assert(m->body_len <= MESSAGE_MAX_BODY && m->n_fields <= MESSAGE_MAX_LINES);
    check_part(m, m->path);
    check_part(m, m->query);
    for (size_t i = 0; i < m->n_fields; i++) {
        check_part(m, m->fields[i].name);
        check_part(m, m->fields[i].value);
        assert(!memchr(bytes + m->fields[i].value.at, '\n', m->fields[i].value.len));
        assert(!memchr(bytes + m->fields[i].value.at, '\0', m->fields[i].value.len));
    }
    assert(m->minor == 0 || message_field(m, "host", 0, &value));
    assert(!message_field(m, "host", 1, &value));
}

static void read_wishes(const struct message *m)
{
    struct preferences wishes;
    struct labels labels;
    struct cs_error err = { 0 };
    int rc = labels_read(&labels, m, &err);

    assert(rc == 0 ? labels.n <= LABELS_MAX : err.code == CS_EINPUT && err.text[0]);
    for (size_t i = 0; rc == 0 && i < labels.n; i++) {
        assert(strlen(labels.v[i].name) >= 1 && strlen(labels.v[i].name) <= LABELS_MAX_NAME);
        assert(strlen(labels.v[i].value) >= 1 && strlen(labels.v[i].value) <= LABELS_MAX_VALUE);
    }
    preferences_read(&wishes, m);
    assert(wishes.wait_s >= -1 && strlen(wishes.content_type) < sizeof wishes.content_type);
}

/* Read a chunked body in steps of `step` bytes; returns what was taken, or SIZE_MAX when it was refused. */
static size_t read_body(const char *bytes, size_t len, size_t step, struct text *body)
{
    struct chunked *c = calloc(1, sizeof *c);
    enum message_state state = MESSAGE_MORE;
    size_t done = 0;

    assert(c);
    while (state == MESSAGE_MORE && done < len) {
        size_t used, n = step < len - done ? step : len - done;

        state = chunked_read(c, bytes + done, n, &used, body);
        assert(used <= n && !text_failed(body));
        done += used;
    }
    assert(state != MESSAGE_BAD || (c->status >= 400 && c->fault));
    free(c);
    return state == MESSAGE_BAD ? SIZE_MAX : done;
}

static void read_bodies(const char *bytes, size_t len, size_t step)
{
    struct text whole = TEXT_MAX(MESSAGE_MAX_BODY), cut = TEXT_MAX(MESSAGE_MAX_BODY);

    assert(read_body(bytes, len, len ? len : 1, &whole) == read_body(bytes, len, step, &cut));
    assert(whole.len == cut.len && memcmp(text_of(&whole), text_of(&cut), whole.len) == 0);
    text_free(&whole);
    text_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size ? data[0] % 64 + 1u : 1, len = size ? size - 1 : 0;
    const char *bytes = size ? (const char *)data + 1 : "";
    struct message whole = { 0 }, cut = { 0 };
    enum message_state state = MESSAGE_MORE;

    message_read(&whole, bytes, len);
    for (size_t have = 0; state == MESSAGE_MORE && have < len;) {
        have = have + step < len ? have + step : len;
        state = message_read(&cut, bytes, have);
    }
    assert(whole.state == cut.state && whole.status == cut.status);
    if (whole.state == MESSAGE_READY) {
        assert(whole.head_len == cut.head_len && whole.body == cut.body && whole.n_fields == cut.n_fields);
        check_ready(&whole, bytes, len);
        read_wishes(&whole);
        read_bodies(bytes + whole.head_len, len - whole.head_len, step);
    } else if (whole.state == MESSAGE_BAD) {
        assert(whole.status >= 400 && whole.status < 600 && whole.fault);
    }
    return 0;
}

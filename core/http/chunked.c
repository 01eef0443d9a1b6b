/*
 * Decodes a chunked body; see chunked.h. Called by exchange.c. Pure.
 */
#include "http/chunked.h"

#include <string.h>

#include "base/base64url.h"

#define MAX_SIZE_DIGITS 16

static enum message_state bad(struct chunked *c, int status, const char *fault)
{
    c->status = status;
    c->fault = fault;
    return MESSAGE_BAD;
}

/* An extension begins with ";", perhaps after white space (RFC 9112 7.1.1). */
static bool is_extension(struct span s)
{
    s = syntax_trim(s);
    return s.len && s.at[0] == ';';
}

static enum message_state take_size(struct chunked *c, struct span line, const struct text *body)
{
    uint64_t size = 0;
    size_t digits;

    for (digits = 0; digits < line.len && hex_digit(line.at[digits]) >= 0; digits++)
        if (digits < MAX_SIZE_DIGITS)
            size = size << 4 | (uint64_t)hex_digit(line.at[digits]);
    if (!digits || digits > MAX_SIZE_DIGITS)
        return bad(c, 400, "a chunk has no valid size");
    if (digits < line.len && !is_extension((struct span){ line.at + digits, line.len - digits }))
        return bad(c, 400, "a chunk's size is followed by something else than an extension");
    if (size > MESSAGE_MAX_BODY - body->len)
        return bad(c, 413, "the body is longer than 16384 bytes");
    c->left = (size_t)size;
    c->part = size ? CHUNKED_DATA : CHUNKED_TRAILERS;
    return MESSAGE_MORE;
}

static enum message_state take_trailer(struct chunked *c, struct span line)
{
    struct span name, value;
    const char *fault;

    if (!line.len) {
        c->part = CHUNKED_DONE;
        return MESSAGE_READY;
    }
    c->trailers += line.len + 2;
    if (c->trailers > CHUNKED_MAX_TRAILERS)
        return bad(c, 431, "the trailer section is longer than 4096 bytes");
    fault = message_split_field(line, &name, &value);
    return fault ? bad(c, 400, fault) : MESSAGE_MORE;
}

static enum message_state take_line(struct chunked *c, const struct text *body)
{
    struct span line = { c->line, c->line_len };

    c->line_len = 0;
    if (c->part == CHUNKED_SIZE)
        return take_size(c, line, body);
    if (c->part == CHUNKED_TRAILERS)
        return take_trailer(c, line);
    c->part = CHUNKED_SIZE;
    return line.len ? bad(c, 400, "a chunk is longer than its size says") : MESSAGE_MORE;
}

static enum message_state take_byte(struct chunked *c, char byte, const struct text *body)
{
    bool after_cr = c->line_len && c->line[c->line_len - 1] == '\r';

    if (++c->framing > CHUNKED_MAX_FRAMING)
        return bad(c, 413, "the chunks are far too small for what they carry");
    if (after_cr && byte == '\n') {
        c->line_len--;
        return take_line(c, body);
    }
    if (after_cr || (syntax_is_control(byte) && byte != '\r' && byte != '\t'))
        return bad(c, 400, "a line between chunks holds a control character, or does not end in CRLF");
    if (c->part == CHUNKED_DATA_END && byte != '\r')
        return bad(c, 400, "a chunk is longer than its size says");
    if (c->line_len == sizeof c->line)
        return bad(c, c->part == CHUNKED_TRAILERS ? 431 : 400, "a line between chunks is longer than 1024 bytes");
    c->line[c->line_len++] = byte;
    return MESSAGE_MORE;
}

enum message_state chunked_read(struct chunked *c, const char *in, size_t len, size_t *used, struct text *body)
{
    enum message_state state = c->part == CHUNKED_DONE ? MESSAGE_READY : c->fault ? MESSAGE_BAD : MESSAGE_MORE;

    *used = 0;
    while (state == MESSAGE_MORE && *used < len) {
        size_t n = len - *used < c->left ? len - *used : c->left;

        if (c->part == CHUNKED_DATA) {
            text_add_n(body, in + *used, n);
            c->left -= n;
            *used += n;
            if (!c->left)
                c->part = CHUNKED_DATA_END;
        } else {
            state = take_byte(c, in[(*used)++], body);
        }
    }
    return state;
}

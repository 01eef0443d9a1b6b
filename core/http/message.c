/*
 * Reads the head of a request line by line; see message.h. Bytes are looked at once, however they drip in. Called by
 * exchange.c. Pure.
 */
#include "http/message.h"

#include <string.h>

enum { HAS_HOST = 1, HAS_LENGTH = 2, HAS_CODING = 4, TOO_LARGE = 8, WANTS_CLOSE = 16, WANTS_KEEP_ALIVE = 32, BAD_EXPECT = 64 };

static enum message_state bad(struct message *m, int status, const char *fault)
{
    m->status = status;
    m->fault = fault;
    m->state = MESSAGE_BAD;
    return MESSAGE_BAD;
}

static struct message_part part_of(const struct message *m, struct span s)
{
    return (struct message_part){ (uint16_t)(s.at - m->at), (uint16_t)s.len };
}

static struct span span_of(const struct message *m, struct message_part p)
{
    return (struct span){ m->at + p.at, p.len };
}

/* ---- The request line (RFC 9112 3) ---------------------------------------------------------------------------------- */

static enum method method_of(struct span name)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",       [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_DELETE] = "DELETE",   [METHOD_CONNECT] = "CONNECT",
        [METHOD_OPTIONS] = "OPTIONS", [METHOD_TRACE] = "TRACE",     [METHOD_PATCH] = "PATCH",
    };

    for (size_t i = METHOD_GET; i < sizeof names / sizeof *names; i++)
        if (syntax_same(name, names[i]))
            return (enum method)i;
    return METHOD_OTHER;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum message_state take_version(struct message *m, struct span version)
{
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || !is_digit(version.at[5]) || version.at[6] != '.' ||
        !is_digit(version.at[7]))
        return bad(m, 400, "the request line does not end in an HTTP version");
    if (version.at[5] != '1' || version.at[7] > '1')
        return bad(m, 505, "this server speaks HTTP/1.1 and HTTP/1.0");
    m->minor = version.at[7] - '0';
    return MESSAGE_MORE;
}

static bool take_word(struct span *line, struct span *word)
{
    const char *space = memchr(line->at, ' ', line->len);

    if (!space)
        return false;
    *word = (struct span){ line->at, (size_t)(space - line->at) };
    *line = (struct span){ space + 1, line->len - word->len - 1 };
    return true;
}

static enum message_state take_request_line(struct message *m, struct span line)
{
    struct span method, text;
    struct target target;
    const char *fault;

    if (line.len > MESSAGE_MAX_LINE)
        return bad(m, 414, "the request line is longer than 8192 bytes");
    if (!take_word(&line, &method) || !take_word(&line, &text) || !syntax_is_token(method))
        return bad(m, 400, "the request line is not METHOD TARGET VERSION with one space between them");
    if (take_version(m, line) == MESSAGE_BAD)
        return MESSAGE_BAD;
    m->method = method_of(method);
    fault = target_parse(&target, text, m->method == METHOD_CONNECT, m->method == METHOD_OPTIONS);
    if (fault)
        return bad(m, 400, fault);
    m->form = target.form;
    m->path = part_of(m, target.path);
    m->query = part_of(m, target.query);
    return MESSAGE_MORE;
}

/* ---- The fields that decide about framing (RFC 9110 7.2, 8.6, 10.1.1; RFC 9112 6, 9.3) -------------------------------- */

static enum message_state take_host(struct message *m, struct span value)
{
    if (m->found & HAS_HOST)
        return bad(m, 400, "there are several Host fields");
    m->found |= HAS_HOST;
    return target_is_authority(value) ? MESSAGE_MORE : bad(m, 400, "the Host field is not a host with an optional port");
}

static enum message_state take_length(struct message *m, struct span value)
{
    int64_t length = syntax_number(value, MESSAGE_MAX_BODY);

    if (m->found & HAS_LENGTH)
        return bad(m, 400, "there are several Content-Length fields");
    if (length < 0)
        return bad(m, 400, "Content-Length is not a number of digits only");
    m->found |= HAS_LENGTH | (length > MESSAGE_MAX_BODY ? TOO_LARGE : 0);
    m->body = length ? MESSAGE_LENGTH : MESSAGE_NO_BODY;
    m->body_len = (size_t)length;
    return MESSAGE_MORE;
}

/* Where chunked is not the last coding, nobody can tell where the body ends: 400 (RFC 9112 6.3). What is coded otherwise
 * beneath: 501 (RFC 9112 6.1). */
static enum message_state take_coding(struct message *m, struct span value)
{
    struct span coding, rest = value;
    size_t others = 0, chunked = 0;

    if (m->found & HAS_CODING)
        return bad(m, 400, "there are several Transfer-Encoding fields");
    m->found |= HAS_CODING;
    while (syntax_next(&rest, ',', &coding)) {
        if (chunked)
            return bad(m, 400, "chunked must be the last transfer coding, and stand there once");
        if (syntax_same_nocase(coding, "chunked"))
            chunked++;
        else
            others++;
    }
    if (!chunked)
        return bad(m, 400, "the transfer coding of a request must end in chunked");
    if (others)
        return bad(m, 501, "chunked is the only transfer coding that this server understands");
    m->body = MESSAGE_CHUNKED;
    return MESSAGE_MORE;
}

static enum message_state take_expect(struct message *m, struct span value)
{
    if (syntax_same_nocase(value, "100-continue"))
        m->expect_continue = true;
    else
        m->found |= BAD_EXPECT;
    return MESSAGE_MORE;
}

static enum message_state take_connection(struct message *m, struct span value)
{
    struct span option;

    while (syntax_next(&value, ',', &option)) {
        if (syntax_same_nocase(option, "close"))
            m->found |= WANTS_CLOSE;
        else if (syntax_same_nocase(option, "keep-alive"))
            m->found |= WANTS_KEEP_ALIVE;
    }
    return MESSAGE_MORE;
}

const char *message_split_field(struct span line, struct span *name, struct span *value)
{
    const char *colon = memchr(line.at, ':', line.len);

    if (line.len && (line.at[0] == ' ' || line.at[0] == '\t'))
        return "a header field is folded over several lines";
    if (!colon)
        return "a header line has no colon";
    *name = (struct span){ line.at, (size_t)(colon - line.at) };
    *value = syntax_trim((struct span){ colon + 1, line.len - name->len - 1 });
    if (!syntax_is_token(*name))
        return "a header field's name is empty or holds a space or another character that names cannot have";
    for (size_t i = 0; i < value->len; i++)
        if (syntax_is_control(value->at[i]) && value->at[i] != '\t')
            return "a header field's value holds a control character";
    return NULL;
}

static enum message_state take_field(struct message *m, struct span line)
{
    static const struct {
        const char *name;
        enum message_state (*take)(struct message *m, struct span value);
    } known[] = {
        { "Host", take_host },
        { "Content-Length", take_length },
        { "Transfer-Encoding", take_coding },
        { "Expect", take_expect },
        { "Connection", take_connection },
    };
    struct span name, value;
    const char *fault = message_split_field(line, &name, &value);

    if (fault)
        return bad(m, 400, fault);
    if (m->n_fields == MESSAGE_MAX_LINES)
        return bad(m, 431, "there are more than 100 header lines");
    m->fields[m->n_fields++] = (struct message_field){ part_of(m, name), part_of(m, value) };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (syntax_same_nocase(name, known[i].name))
            return known[i].take(m, value);
    return MESSAGE_MORE;
}

/* ---- The head as a whole -------------------------------------------------------------------------------------------- */

static enum message_state take_end(struct message *m)
{
    if (m->minor == 1 && !(m->found & HAS_HOST))
        return bad(m, 400, "there is no Host field");
    if ((m->found & HAS_CODING) && (m->found & HAS_LENGTH))
        return bad(m, 400, "Content-Length and Transfer-Encoding exclude each other");
    if ((m->found & HAS_CODING) && m->minor == 0)
        return bad(m, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (m->minor == 1 && (m->found & BAD_EXPECT))
        return bad(m, 417, "100-continue is the only expectation that this server knows");
    if (m->found & TOO_LARGE)
        return bad(m, 413, "the body is longer than 16384 bytes");
    m->expect_continue = m->expect_continue && m->minor == 1 && m->body != MESSAGE_NO_BODY;
    m->keep_alive = !(m->found & WANTS_CLOSE) && (m->minor == 1 || (m->found & WANTS_KEEP_ALIVE));
    m->head_len = m->seen;
    m->state = MESSAGE_READY;
    return MESSAGE_READY;
}

static enum message_state take_line(struct message *m, struct span line)
{
    if (m->fields_from)
        return line.len ? take_field(m, line) : take_end(m);
    if (!line.len)
        return ++m->blank_lines <= MESSAGE_MAX_BLANK ? MESSAGE_MORE : bad(m, 400, "there are empty lines before the request");
    m->fields_from = m->seen;
    return take_request_line(m, line);
}

/* A line that goes on beyond its limit need not end to be refused; nor must one that cannot become a request line. */
static enum message_state check_unfinished(struct message *m)
{
    if (m->fields_from && m->seen - m->fields_from > MESSAGE_MAX_FIELDS)
        return bad(m, 431, "the header block is longer than 16384 bytes");
    if (!m->fields_from && m->seen - m->line > MESSAGE_MAX_LINE + 1)
        return bad(m, 414, "the request line is longer than 8192 bytes");
    if (!m->fields_from && m->seen > m->line && m->at[m->line] != '\r' && !syntax_is_token_char(m->at[m->line]))
        return bad(m, 400, "this is not an HTTP request");
    return m->state;
}

/* Take the byte at m->seen. */
static enum message_state take_byte(struct message *m)
{
    char c = m->at[m->seen], before = m->seen > m->line ? m->at[m->seen - 1] : '\0';
    struct span line = { m->at + m->line, m->seen - m->line };

    m->seen++;
    if (c == '\n') {
        if (before != '\r')
            return bad(m, 400, "a line ends in LF without CR");
        line.len--;
        m->line = m->seen;
        if (m->fields_from && m->seen - m->fields_from > MESSAGE_MAX_FIELDS)
            return check_unfinished(m);
        return take_line(m, line);
    }
    if (before == '\r')
        return bad(m, 400, "there is a CR without LF");
    if (syntax_is_control(c) && c != '\r' && c != '\t')
        return bad(m, 400, "the header holds a control character");
    return MESSAGE_MORE;
}

enum message_state message_read(struct message *m, const char *bytes, size_t len)
{
    m->at = bytes;
    while (m->state == MESSAGE_MORE && m->seen < len && m->seen < MESSAGE_MAX_HEAD)
        take_byte(m);
    return m->state == MESSAGE_MORE ? check_unfinished(m) : m->state;
}

struct span message_path(const struct message *m)
{
    if (m->form == TARGET_ASTERISK)
        return syntax_span("*");
    return m->path.len || m->form == TARGET_AUTHORITY ? span_of(m, m->path) : syntax_span("/");
}

struct span message_query(const struct message *m)
{
    return span_of(m, m->query);
}

bool message_field(const struct message *m, const char *name, size_t index, struct span *value)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        if (!syntax_same_nocase(span_of(m, m->fields[i].name), name) || index--)
            continue;
        *value = span_of(m, m->fields[i].value);
        return true;
    }
    return false;
}

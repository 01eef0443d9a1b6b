/*
 * A PEM reader that takes what clients really send and says what is wrong with the rest; see pem.h. Every search goes forward
 * from where the last one ended, so the time is linear in the length of the text.
 */
#include "base/pem.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "base/text.h"

#define DASHES     "-----"
#define BEGIN      "-----BEGIN "
#define END        "-----END "
#define LABEL_MAX  40 /* "NEW CERTIFICATE REQUEST" has 23 */
#define LINE_BYTES 48 /* make 64 characters, as RFC 7468 2 wants */

struct span {
    const char *at;
    size_t len;
};

struct block {
    const char *from; /* where BEGIN stands */
    struct span label, body;
    bool closed; /* by an END line with the same label */
};

static bool starts_with(struct span s, const char *start)
{
    size_t len = strlen(start);

    return s.len >= len && memcmp(s.at, start, len) == 0;
}

static void skip(struct span *s, size_t n)
{
    s->at += n;
    s->len -= n;
}

static void skip_to(struct span *s, const char *at)
{
    skip(s, (size_t)(at - s->at));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The label after "-----BEGIN " or "-----END ", whose dashes are taken off too. */
static bool read_label(struct span *in, struct span *label)
{
    size_t most = in->len < LABEL_MAX + strlen(DASHES) ? in->len : LABEL_MAX + strlen(DASHES);
    const char *end = memmem(in->at, most, DASHES, strlen(DASHES));

    if (!end)
        return false;
    *label = (struct span){ in->at, (size_t)(end - in->at) };
    for (size_t i = 0; i < label->len; i++)
        if (label->at[i] < ' ' || label->at[i] > '~')
            return false;
    skip_to(in, end + strlen(DASHES));
    return true;
}

static bool is_label(struct span label, const char *wanted)
{
    return label.len == strlen(wanted) && memcmp(label.at, wanted, label.len) == 0;
}

/* The next BEGIN line and what follows it up to the next dashes; false: there is none. */
static bool next_block(struct span *in, struct block *block)
{
    struct span label;

    for (;;) {
        const char *begin = memmem(in->at, in->len, BEGIN, strlen(BEGIN)), *dashes;

        if (!begin)
            return false;
        skip_to(in, begin + strlen(BEGIN));
        if (!read_label(in, &block->label))
            continue;
        block->from = begin;
        dashes = memmem(in->at, in->len, DASHES, strlen(DASHES));
        block->body = (struct span){ in->at, dashes ? (size_t)(dashes - in->at) : in->len };
        skip(in, block->body.len);
        block->closed = false;
        if (!starts_with(*in, END))
            return true;
        skip(in, strlen(END));
        block->closed =
            read_label(in, &label) && label.len == block->label.len && memcmp(label.at, block->label.at, label.len) == 0;
        return true;
    }
}

/* Base 64 with white space anywhere, in whole groups of four; nothing may follow the padding. */
static int decode_body(struct span body, uint8_t *der, size_t *der_len)
{
    char group[4];
    size_t n = 0, out_len = 3;

    *der_len = 0;
    for (size_t i = 0; i < body.len; i++) {
        if (is_space(body.at[i]))
            continue;
        if (out_len < 3)
            return -1;
        group[n++] = body.at[i];
        if (n < sizeof group)
            continue;
        if (base64_decode(der + *der_len, &out_len, group, sizeof group) != 0)
            return -1;
        *der_len += out_len;
        n = 0;
    }
    return n == 0 && *der_len > 0 ? 0 : -1;
}

static bool has(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what)) != NULL;
}

static int no_csr(const char *body, size_t len, struct cs_error *err)
{
    const char *hint = "the body has no \"-----BEGIN CERTIFICATE REQUEST-----\" line: post the CSR file, "
                       "for example with curl --data-binary @csr.pem";

    if (len == 0)
        hint = "the body is empty: post the CSR file, for example with curl --data-binary @csr.pem";
    else if (has(body, len, "PRIVATE KEY-----"))
        hint = "this is a private key, not a CSR: keep it to yourself, make a new one, and post a CSR made with it";
    else if (has(body, len, "-----BEGIN CERTIFICATE-----"))
        hint = "this is a certificate, not a CSR (\"-----BEGIN CERTIFICATE REQUEST-----\")";
    else if (has(body, len, "-----BEGIN+") || has(body, len, "-----BEGIN%20"))
        hint = "the body is form-encoded: send the file's bytes as they are, for example with curl --data-binary @csr.pem";
    else if (body[0] == '0')
        hint = "the body has no PEM block: when it is DER, say so with \"Content-Type: application/pkcs10\"";
    return cs_fail_as(err, CS_EINPUT, "no-csr", "%s", hint);
}

static int bad_pem(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-pem", "%s", fault);
}

static int check_body(struct block block, struct cs_error *err)
{
    if (!block.closed)
        return bad_pem(err, "the CSR has no END line that fits its BEGIN line: was it cut off?");
    if (memchr(block.body.at, ':', block.body.len))
        return bad_pem(err, "the CSR has header lines (\"Name: value\") inside its PEM block: take them out");
    return 0;
}

int pem_find_csr(const char *body, size_t len, uint8_t *der, size_t *der_len, struct cs_error *err)
{
    struct span in = { body, len };
    struct block block, csr = { 0 };

    *der_len = 0;
    while (next_block(&in, &block)) {
        if (!is_label(block.label, "CERTIFICATE REQUEST") && !is_label(block.label, "NEW CERTIFICATE REQUEST"))
            continue;
        if (csr.from)
            return cs_fail_as(err, CS_EINPUT, "several-csrs", "the body has more than one CSR: post them one by one");
        csr = block;
    }
    if (!csr.from)
        return no_csr(body, len, err);
    if (check_body(csr, err) != 0)
        return -1;
    if (decode_body(csr.body, der, der_len) != 0)
        return bad_pem(err, "the CSR is not base 64 (RFC 4648 4): was it cut off or changed on its way?");
    return 0;
}

static int bad_chain(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EUPSTREAM, "bad-chain", "%s", fault);
}

static bool only_space(const char *from, const char *to)
{
    while (from < to && is_space(*from))
        from++;
    return from == to;
}

static int give_certificate(const struct block *block, int (*fn)(void *, const uint8_t *, size_t, struct cs_error *), void *arg,
                            struct cs_error *err)
{
    uint8_t *der = malloc(BASE64_DECODED_MAX(block->body.len) + 1);
    size_t der_len;
    int rc;

    if (!der)
        return cs_fail(err, CS_EBUSY, "no memory");
    if (decode_body(block->body, der, &der_len) != 0)
        rc = bad_chain(err, "a certificate of the chain is not base 64");
    else
        rc = fn(arg, der, der_len, err);
    free(der);
    return rc;
}

int pem_each_certificate(const char *pem, size_t len, size_t most,
                         int (*fn)(void *arg, const uint8_t *der, size_t der_len, struct cs_error *err), void *arg,
                         struct cs_error *err)
{
    struct span in = { pem, len };
    const char *after = pem;
    struct block block;
    int n = 0;

    while (next_block(&in, &block)) {
        if (!only_space(after, block.from))
            return bad_chain(err, "the chain has text outside its certificates");
        if (!block.closed || !is_label(block.label, "CERTIFICATE"))
            return bad_chain(err, "the chain has something other than whole CERTIFICATE blocks");
        if ((size_t)n == most)
            return bad_chain(err, "the chain has too many certificates");
        if (give_certificate(&block, fn, arg, err) != 0)
            return -1;
        after = in.at;
        n++;
    }
    if (!only_space(after, pem + len))
        return bad_chain(err, "the chain has text outside its certificates");
    return n;
}

void pem_add(struct text *out, const char *label, const uint8_t *der, size_t len)
{
    char line[BASE64_ENCODED_MAX(LINE_BYTES)];

    text_addf(out, BEGIN "%s" DASHES "\n", label);
    for (size_t n; len; der += n, len -= n) {
        n = len < LINE_BYTES ? len : LINE_BYTES;
        text_add_n(out, line, base64_encode(line, der, n));
        text_add_char(out, '\n');
    }
    text_addf(out, END "%s" DASHES "\n", label);
}

int pem_no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing;
    if (arg)
        *(bool *)arg = true;
    return -1;
}

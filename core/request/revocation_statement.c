/*
 * Reads and proves what a key's holder signed; see revocation_statement.h. Called by revocation.c and the fuzzer.
 *
 * OpenSSL reads the CMS; here stands what it would let pass: several signers, other content, weak digests, signatures over bare
 * content, bytes behind the message. The signer's certificate never comes out of the message.
 */
#include "request/revocation_statement.h"

#include <errno.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "base/base64url.h"
#include "base/day.h"
#include "base/error.h"
#include "base/revocation_reason.h"

#define FIRST_LINE  "countersign revocation 1"
#define TEXT_MOST   512
#define TIME_LEN    (sizeof "2026-11-21T15:04:05Z" - 1)

static int bad(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-revocation", "%s; docs/revoke.md has the commands that make such a message", fault);
}

/* ---- The text ---------------------------------------------------------------------------------------------------------- */

struct cursor {
    const char *at, *end;
};

/* One line, its end LF or CRLF, which the last may lack. False: there is none. */
static bool next_line(struct cursor *c, const char **line, size_t *len)
{
    const char *lf = c->at < c->end ? memchr(c->at, '\n', (size_t)(c->end - c->at)) : NULL;
    const char *stop = lf ? lf : c->end;

    if (c->at == c->end)
        return false;
    *line = c->at;
    *len = (size_t)(stop - c->at);
    if (*len && (*line)[*len - 1] == '\r')
        --*len;
    c->at = lf ? lf + 1 : c->end;
    return true;
}

/* The rest of a line that begins with `name`. */
static bool next_value(struct cursor *c, const char *name, const char **value, size_t *len)
{
    const size_t n = strlen(name);

    if (!next_line(c, value, len) || *len < n || memcmp(*value, name, n) != 0)
        return false;
    *value += n;
    *len -= n;
    return true;
}

static int two(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

static bool read_time(int64_t *out_ms, const char *text, size_t len)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    char day[DAY_TEXT];
    int64_t number;

    if (len != TIME_LEN)
        return false;
    for (size_t i = 0; i < TIME_LEN; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    snprintf(day, sizeof day, "%.10s", text);
    if (!day_parse(day, &number) || two(text + 11) > 23 || two(text + 14) > 59 || two(text + 17) > 60)
        return false;
    *out_ms = day_start_ms(number) + ((two(text + 11) * 60 + two(text + 14)) * 60 + two(text + 17)) * INT64_C(1000);
    return true;
}

static int check_time(int64_t time_ms, int64_t now_ms, struct cs_error *err)
{
    char day[DAY_TEXT];

    if (time_ms >= now_ms - REVOCATION_CLOCK_MS && time_ms <= now_ms + REVOCATION_CLOCK_MS)
        return 0;
    day_text(day, day_of_ms(now_ms));
    return cs_fail_as(
        err, CS_EDENIED, "revocation-stale",
        "the text says that it was signed more than a day before or after this server's clock, which has %s (UTC): "
        "make it anew; check the clock of the host that makes it",
        day);
}

static int read_text(struct revocation_statement *out, const char *text, size_t len, int64_t now_ms, struct cs_error *err)
{
    struct cursor c = { text, text + len };
    const char *value;
    size_t n;

    if (len > TEXT_MOST || !next_line(&c, &value, &n) || n != strlen(FIRST_LINE) || memcmp(value, FIRST_LINE, n) != 0)
        return bad(err, "what is signed is not a text whose first line is \"" FIRST_LINE "\"");
    if (!next_value(&c, "certificate: ", &value, &n) ||
        !hex_decode(out->certificate_sha256, sizeof out->certificate_sha256, value, n))
        return bad(err, "the second line is not \"certificate: \" and the SHA-256 of the certificate's DER in hexadecimal");
    if (!next_value(&c, "reason: ", &value, &n))
        return bad(err, "the third line does not begin with \"reason: \"");
    out->reason = revocation_reason_code(value, n);
    if (out->reason < 0)
        return cs_fail_as(err, CS_EINPUT, "bad-reason", "the reason must be " REVOCATION_REASONS);
    if (!next_value(&c, "time: ", &value, &n) || !read_time(&out->time_ms, value, n))
        return bad(err, "the fourth line is not \"time: \" and when it was signed, in UTC, as 2026-11-21T15:04:05Z");
    if (c.at != c.end)
        return bad(err, "there is more text than the four lines");
    return check_time(out->time_ms, now_ms, err);
}

/* ---- The message --------------------------------------------------------------------------------------------------------- */

static CMS_ContentInfo *decode(const uint8_t *der, size_t len)
{
    const uint8_t *at = der;
    CMS_ContentInfo *cms = len && len <= INT32_MAX ? d2i_CMS_ContentInfo(NULL, &at, (long)len) : NULL;

    if (cms && at == der + len)
        return cms;
    CMS_ContentInfo_free(cms);
    return NULL;
}

static bool is_blank(BIO *bio)
{
    char c;

    while (BIO_read(bio, &c, 1) == 1)
        if (!strchr(" \t\r\n", c) || !c)
            return false;
    return true;
}

/* A block of one of the two labels that openssl writes, without headers, and nothing behind it. */
static CMS_ContentInfo *decode_pem(const void *body, size_t len)
{
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(body, (int)len) : NULL;
    char *label = NULL, *header = NULL;
    uint8_t *der = NULL;
    long der_len = 0;
    CMS_ContentInfo *cms = NULL;

    if (bio && PEM_read_bio(bio, &label, &header, &der, &der_len) == 1 && !*header && is_blank(bio) &&
        (strcmp(label, PEM_STRING_CMS) == 0 || strcmp(label, PEM_STRING_PKCS7) == 0))
        cms = decode(der, (size_t)der_len);
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    return cms;
}

static bool is_among(int nid, const int *nids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (nids[i] == nid)
            return true;
    return false;
}

static int check_algorithms(CMS_SignerInfo *signer, struct cs_error *err)
{
    static const int digests[] = { NID_sha256, NID_sha384, NID_sha512 };
    static const int signatures[] = { NID_rsaEncryption,           NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption,
                                      NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA256,       NID_ecdsa_with_SHA384,
                                      NID_ecdsa_with_SHA512 };
    X509_ALGOR *digest = NULL, *signature = NULL;
    const ASN1_OBJECT *id;

    CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
    X509_ALGOR_get0(&id, NULL, NULL, digest);
    if (!is_among(OBJ_obj2nid(id), digests, sizeof digests / sizeof *digests))
        return bad(err, "its digest is not SHA-256, SHA-384 or SHA-512: say -md sha256");
    X509_ALGOR_get0(&id, NULL, NULL, signature);
    if (!is_among(OBJ_obj2nid(id), signatures, sizeof signatures / sizeof *signatures))
        return bad(err, "its signature is neither RSA (PKCS #1 v1.5) nor ECDSA with one of these digests");
    return 0;
}

/* RFC 5652 5.3: with signed attributes these two are there, once each. Without them a signature would be over the bare text, as
 * many other things that a key signs are. */
static int check_attributes(CMS_SignerInfo *signer, struct cs_error *err)
{
    static const int needed[] = { NID_pkcs9_contentType, NID_pkcs9_messageDigest };

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        int at = CMS_signed_get_attr_by_NID(signer, needed[i], -1);

        if (at < 0 || CMS_signed_get_attr_by_NID(signer, needed[i], at) >= 0)
            return bad(err, "it has no signed attributes, or one twice: leave out -noattr");
    }
    return 0;
}

static bool read_serial(char out[REVOCATION_SERIAL_MOST + 1], const ASN1_INTEGER *serial)
{
    BIGNUM *number = serial ? ASN1_INTEGER_to_BN(serial, NULL) : NULL;
    char *hex =
        number && BN_num_bytes(number) <= REVOCATION_SERIAL_MOST / 2 && !BN_is_negative(number) ? BN_bn2hex(number) : NULL;
    bool ok = hex && revocation_serial(out, hex);

    OPENSSL_free(hex);
    BN_free(number);
    return ok;
}

static int read_signer(struct revocation_statement *out, CMS_ContentInfo *cms, struct cs_error *err)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    CMS_SignerInfo *signer;
    ASN1_OCTET_STRING *key_id = NULL;
    X509_NAME *issuer = NULL;
    ASN1_INTEGER *serial = NULL;

    if (sk_CMS_SignerInfo_num(signers) != 1)
        return bad(err, "it has not exactly one signer");
    signer = sk_CMS_SignerInfo_value(signers, 0);
    if (CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial) != 1 || key_id || !read_serial(out->serial, serial))
        return bad(err, "its signer is not named by issuer and serial number: leave out -keyid");
    if (check_algorithms(signer, err) < 0)
        return -1;
    return check_attributes(signer, err);
}

static int read_message(struct revocation_statement *out, CMS_ContentInfo *cms, int64_t now_ms, struct cs_error *err)
{
    ASN1_OCTET_STRING **content;

    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed || OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
        return bad(err, "it is CMS, but not signed data");
    content = CMS_get0_content(cms);
    if (!content || !*content)
        return bad(err, "the text is not inside: say -nodetach");
    if (read_signer(out, cms, err) < 0)
        return -1;
    return read_text(out, (const char *)ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content), now_ms, err);
}

int revocation_statement_read(struct revocation_statement *out, const void *body, size_t len, int64_t now_ms,
                              struct cs_error *err)
{
    const bool is_pem = len && *(const char *)body == '-';
    int rc;

    *out = (struct revocation_statement){ 0 };
    errno = 0;
    out->cms = is_pem ? decode_pem(body, len) : decode(body, len);
    rc = out->cms ? read_message(out, out->cms, now_ms, err)
                  : bad(err, "the body is not one CMS message, in PEM or DER: say -outform PEM");
    ERR_clear_error();
    if (rc == 0)
        return 0;
    revocation_statement_free(out);
    return error_blame_memory(err);
}

/* ---- The proof ----------------------------------------------------------------------------------------------------------- */

/* CMS_verify() would otherwise write to a BIO of its own. */
static bool verify(CMS_ContentInfo *cms, X509 *leaf)
{
    const unsigned flags = CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY;
    STACK_OF(X509) *only = sk_X509_new_null();
    bool ok = only && sk_X509_push(only, leaf) > 0 && CMS_verify(cms, only, NULL, NULL, NULL, flags) == 1;

    sk_X509_free(only);
    return ok;
}

static bool is_named(const struct revocation_statement *statement, X509 *leaf)
{
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(statement->cms), 0);

    return CMS_SignerInfo_cert_cmp(signer, leaf) == 0;
}

int revocation_statement_prove(const struct revocation_statement *statement, const uint8_t *der, size_t len,
                               struct cs_error *err)
{
    const uint8_t *at = der;
    uint8_t hash[32];
    X509 *leaf = NULL;
    bool ok;

    errno = 0;
    ok = EVP_Digest(der, len, hash, NULL, EVP_sha256(), NULL) == 1 &&
         memcmp(hash, statement->certificate_sha256, sizeof hash) == 0 && (leaf = d2i_X509(NULL, &at, (long)len)) != NULL &&
         is_named(statement, leaf) && verify(statement->cms, leaf);
    X509_free(leaf);
    ERR_clear_error();
    if (ok)
        return 0;
    cs_fail_as(err, CS_EDENIED, "revocation-proof",
               "the message is not signed by the key of the certificate that it names, or was changed since");
    return error_blame_memory(err);
}

void revocation_statement_free(struct revocation_statement *statement)
{
    CMS_ContentInfo_free(statement->cms);
    statement->cms = NULL;
}

bool revocation_serial(char out[REVOCATION_SERIAL_MOST + 1], const char *typed)
{
    char digits[REVOCATION_SERIAL_MOST + 1];
    size_t n = 0;
    bool any = false;

    if (typed[0] == '0' && (typed[1] == 'x' || typed[1] == 'X'))
        typed += 2;
    for (; *typed; typed++) {
        if (*typed == ':' && any && typed[1])
            continue;
        if (hex_digit(*typed) < 0 || n == REVOCATION_SERIAL_MOST)
            return false;
        any = true;
        if (n || *typed != '0')
            digits[n++] = (char)(*typed >= 'A' && *typed <= 'F' ? *typed - 'A' + 'a' : *typed);
    }
    digits[n] = '\0';
    snprintf(out, REVOCATION_SERIAL_MOST + 1, "%s%s", n % 2 || !n ? "0" : "", digits);
    return any;
}

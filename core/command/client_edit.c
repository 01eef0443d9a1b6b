/*
 * `countersign client add|change|rotate`; see client.c. What people type is brought into the table's form here; what must fit
 * together, the table's own rules say.
 */
#include "command/client.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "base/pem.h"
#include "base/text.h"
#include "plugin/duration.h"
#include "request/client_certificate.h"
#include "request/subject_name.h"

#define EXPIRES { "expires", "TIME", 'e', "until when it is good: 90d, 2027-01-31, 2027-01-31T12:00:00Z or never, the default" }
#define SUBJECT { "subject", "SUBJECT", 's', "a subject that it may ask for; again for others" }
#define CERTIFICATE                                                                                                     \
    { "certificate", "FILE", 'f', "a PEM certificate: whoever has its key is this client, also with a renewed certificate" }, \
        { "spki", "HEX", 'k', "the same by the SHA-256 of the key's SubjectPublicKeyInfo" },                           \
        { "issuer", "DN", 'i', "a certificate of this issuer, such as CN=Lab CA,O=Lab, with the name that --name says" }, \
        { "name", "DN|SAN", 'n', "its subject, or one of its subjectAltNames: DNS:a.x, URI:spiffe://x/a, email:a@x" }

const struct usage_option client_add_options[] = {
    SUBJECT, EXPIRES, CERTIFICATE, { "disabled", NULL, 'x', "it may not ask until it is enabled" }, USAGE_END,
};
const struct usage_option client_change_options[] = {
    SUBJECT,
    { "not-subject", "SUBJECT", 'S', "a subject that it may not ask for any more; again for others" },
    EXPIRES,
    CERTIFICATE,
    { "disable", NULL, 'x', "it may not ask any more" },
    { "enable", NULL, 'y', "it may ask again" },
    USAGE_END,
};
const struct usage_option client_rotate_options[] = {
    { "keep", "TIME", 'g', "the old token is good for so long, too, such as 1h; default: it is over at once" },
    USAGE_END,
};

/* One word of a list. */
struct word {
    struct word *next;
    char *text;
};

struct edit {
    const char *client;
    struct cs_client row; /* as typed; as it will be */
    struct word *subjects, *not_subjects;
    bool sets_expires, sets_certificate, sets_enabled;
    char *issuer, *name, *subject;
    char spki_sha256[CLIENT_HASH_SIZE], token_sha256[CLIENT_HASH_SIZE], old_token_sha256[CLIENT_HASH_SIZE];
    char token[CLIENT_TOKEN_SIZE]; /* "": none was made */
    int64_t keep_ms;
    bool found;
};

/* ---- What is typed ----------------------------------------------------------------------------------------------- */

static int add_subject(struct word **list, const char *typed, struct cs_error *err)
{
    struct word *word = calloc(1, sizeof *word);

    if (!word)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    if (subject_name_parse(typed, &word->text, err) < 0) {
        free(word);
        return -1;
    }
    word->next = *list;
    *list = word;
    return 0;
}

static void free_words(struct word *word)
{
    struct word *next;

    for (; word; word = next) {
        next = word->next;
        free(word->text);
        free(word);
    }
}

static X509 *read_pem(const char *path, struct cs_error *err)
{
    FILE *file = fopen(path, "re");
    X509 *x509 = NULL;

    if (!file) {
        cs_fail(err, CS_EINPUT, "cannot read %s: %s", path, strerrordesc_np(errno));
        return NULL;
    }
    x509 = PEM_read_X509(file, NULL, pem_no_passphrase, NULL);
    fclose(file);
    if (!x509)
        cs_fail(err, CS_EINPUT, "%s holds no PEM certificate", path);
    return x509;
}

static int read_certificate(struct edit *e, const char *path, struct cs_error *err)
{
    X509 *x509 = read_pem(path, err);
    struct client_certificate *certificate = x509 ? client_certificate_of(x509, err) : NULL;

    if (certificate)
        memcpy(e->spki_sha256, certificate->spki_sha256, sizeof e->spki_sha256);
    client_certificate_release(certificate);
    X509_free(x509);
    return certificate ? 0 : -1;
}

/* With colons between the bytes or not, in any case. */
static int read_spki(struct edit *e, const char *typed, struct cs_error *err)
{
    size_t n = 0;

    for (const char *p = typed; *p; p++) {
        const char low = *p >= 'A' && *p <= 'F' ? (char)(*p + 'a' - 'A') : *p;

        if (*p == ':')
            continue;
        if (!strchr("0123456789abcdef", low) || n == CLIENT_HASH_SIZE - 1)
            return cs_fail(err, CS_EINPUT, "--spki takes a SHA-256: 64 hexadecimal digits");
        e->spki_sha256[n++] = low;
    }
    return n == CLIENT_HASH_SIZE - 1 ? 0 : cs_fail(err, CS_EINPUT, "--spki takes a SHA-256: 64 hexadecimal digits");
}

static bool is_san(const char *typed)
{
    return strncmp(typed, "DNS:", 4) == 0 || strncmp(typed, "URI:", 4) == 0 || strncmp(typed, "email:", 6) == 0;
}

static int read_name(char **slot, const char *typed, bool may_be_san, struct cs_error *err)
{
    free(*slot);
    *slot = NULL;
    if (!may_be_san || !is_san(typed))
        return subject_name_parse(typed, slot, err);
    *slot = text_copy(typed);
    return *slot ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");
}

static int read_option(struct edit *e, int option, const char *value, struct cs_error *err)
{
    switch (option) {
    case 's':
        return add_subject(&e->subjects, value, err);
    case 'S':
        return add_subject(&e->not_subjects, value, err);
    case 'e':
        e->sets_expires = true;
        return client_time_parse(value, &e->row.expires_ms, err);
    case 'f':
        e->sets_certificate = true;
        return read_certificate(e, value, err);
    case 'k':
        e->sets_certificate = true;
        return read_spki(e, value, err);
    case 'i':
        e->sets_certificate = true;
        return read_name(&e->issuer, value, false, err) < 0 ? cs_fail_in(err, "--issuer") : 0;
    case 'n':
        e->sets_certificate = true;
        return read_name(&e->name, value, true, err) < 0 ? cs_fail_in(err, "--name") : 0;
    case 'x':
    case 'y':
        e->sets_enabled = true;
        e->row.enabled = option == 'y';
        return 0;
    case 'g':
        if (duration_parse(value, &e->keep_ms) < 0)
            return cs_fail(err, CS_EINPUT, "--keep takes a time such as 30m, 1h or 7d, not `%s`", value);
        return 0;
    default:
        return cs_fail(err, CS_EINPUT, "what it takes:");
    }
}

/* Returns an exit code, or -1 to go on. */
static int read_edit(struct edit *e, const struct usage_option *options, int argc, char **argv)
{
    struct cs_error err = { 0 };
    int option;

    *e = (struct edit){ .row = { .size = sizeof e->row, .token_sha256 = "", .old_token_sha256 = "", .spki_sha256 = "",
                                 .issuer = "", .name = "", .enabled = true } };
    optind = 0;
    while ((option = usage_next(options, argc, argv)) != USAGE_OVER)
        if (read_option(e, option, optarg, &err) < 0)
            return usage_wrong(&usage_client, "%s: %s", argv[0], err.text);
    if (argc - optind != 1)
        return usage_wrong(&usage_client, "%s: name one client", argv[0]);
    if (e->spki_sha256[0] ? e->issuer || e->name : !e->issuer != !e->name)
        return usage_wrong(&usage_client, "%s: a certificate is said by --certificate, by --spki, or by --issuer and --name",
                           argv[0]);
    e->client = argv[optind];
    e->row.client = e->client;
    return -1;
}

static void free_edit(struct edit *e)
{
    free_words(e->subjects);
    free_words(e->not_subjects);
    free(e->issuer);
    free(e->name);
    OPENSSL_cleanse(e->token, sizeof e->token);
}

/* ---- Tokens ------------------------------------------------------------------------------------------------------ */

static int make_token(struct edit *e, struct cs_error *err)
{
    uint8_t bytes[32], digest[32];
    const size_t prefix = strlen(CLIENT_TOKEN_PREFIX);

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return cs_fail(err, CS_EINTERNAL, "no random bytes");
    memcpy(e->token, CLIENT_TOKEN_PREFIX, prefix);
    base64url_encode(e->token + prefix, bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (EVP_Digest(e->token, strlen(e->token), digest, NULL, EVP_sha256(), NULL) != 1)
        return cs_fail(err, CS_EINTERNAL, "cannot compute SHA-256");
    hex_encode(e->token_sha256, digest, sizeof digest);
    return 0;
}

/* Alone on standard output, so that it can be sent into a file. */
static int show_token(const struct edit *e)
{
    if (!e->token[0])
        return 0;
    fprintf(stderr, "its token is shown this once:\n");
    if (printf("%s\n", e->token) > 0 && fflush(stdout) == 0)
        return 0;
    fprintf(stderr, "countersign client: the token could not be written: `countersign client rotate %s` makes another one\n",
            e->client);
    return 1;
}

/* ---- In the store ------------------------------------------------------------------------------------------------ */

/* The row as it is, with what was typed put over it. */
static int take_old(void *arg, const struct cs_client *old)
{
    struct edit *e = arg;

    e->found = true;
    e->row.kind = old->kind;
    if (!e->sets_expires)
        e->row.expires_ms = old->expires_ms;
    if (!e->sets_enabled)
        e->row.enabled = old->enabled;
    snprintf(e->old_token_sha256, sizeof e->old_token_sha256, "%s", old->old_token_sha256);
    snprintf(e->token_sha256, sizeof e->token_sha256, "%s", old->token_sha256);
    e->row.old_token_until_ms = old->old_token_until_ms;
    if (e->sets_certificate)
        return 1;
    snprintf(e->spki_sha256, sizeof e->spki_sha256, "%s", old->spki_sha256);
    e->issuer = text_copy(old->issuer);
    e->name = text_copy(old->name);
    return 1;
}

static int put_row(const struct store_conn *c, struct edit *e, struct cs_error *err)
{
    e->row.token_sha256 = e->token_sha256;
    e->row.old_token_sha256 = e->old_token_sha256;
    e->row.spki_sha256 = e->spki_sha256;
    e->row.issuer = e->issuer ? e->issuer : "";
    e->row.name = e->name ? e->name : "";
    if (c->ops->client_put(c->conn, &e->row, err) < 0)
        return -1;
    for (const struct word *word = e->subjects; word; word = word->next)
        if (c->ops->client_subject_put(c->conn, e->client, word->text, err) < 0)
            return cs_fail_in(err, "%.80s", word->text);
    for (const struct word *word = e->not_subjects; word; word = word->next)
        if (c->ops->client_subject_remove(c->conn, e->client, word->text, err) < 0)
            return -1;
    return 0;
}

static int note_old(void *arg, const struct cs_client *old)
{
    (void)old;
    *(bool *)arg = true;
    return 1;
}

static int put_new(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct edit *e = arg;

    if (client_check_store(c, err) < 0 || c->ops->client_find(c->conn, e->client, note_old, &e->found, err) < 0)
        return -1;
    if (e->found)
        return cs_fail(err, CS_EINPUT,
                       "there is a client %s: `countersign client change` changes it, `rotate` gives it another token",
                       e->client);
    e->row.kind = e->sets_certificate ? CS_CLIENT_CERTIFICATE : CS_CLIENT_TOKEN;
    if (!e->sets_certificate && make_token(e, err) < 0)
        return -1;
    return put_row(c, e, err);
}

static int find_old(const struct store_conn *c, struct edit *e, struct cs_error *err)
{
    if (client_check_store(c, err) < 0 || c->ops->client_find(c->conn, e->client, take_old, e, err) < 0)
        return -1;
    return e->found ? 0
                    : cs_fail(err, CS_ENOTFOUND, "there is no client %s; `countersign client list` shows all", e->client);
}

static int put_changed(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return find_old(c, arg, err) < 0 ? -1 : put_row(c, arg, err);
}

static int put_rotated(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct edit *e = arg;

    if (find_old(c, e, err) < 0)
        return -1;
    if (e->row.kind != CS_CLIENT_TOKEN)
        return cs_fail(err, CS_EINPUT, "client %s has a certificate: `countersign client change %s --certificate FILE`",
                       e->client, e->client);
    memcpy(e->old_token_sha256, e->keep_ms ? e->token_sha256 : "", e->keep_ms ? sizeof e->token_sha256 : 1);
    e->row.old_token_until_ms = e->keep_ms ? (cs_wall_ms() + e->keep_ms) / 1000 * 1000 : 0;
    return make_token(e, err) < 0 ? -1 : put_row(c, e, err);
}

/* ---- The verbs --------------------------------------------------------------------------------------------------- */

int client_add(const struct command_line *line, int argc, char **argv)
{
    struct edit e;
    int code = read_edit(&e, client_add_options, argc, argv);

    if (code < 0) {
        code = table_work(line, NULL, CS_STATE_WRITER, put_new, &e);
        if (code == 0) {
            fprintf(stderr, "client %s added%s%s\n", e.client, e.subjects ? "" : "; it may ask for no subject yet",
                    e.row.enabled ? "" : "; it is disabled");
            code = show_token(&e);
        }
    }
    free_edit(&e);
    return code;
}

int client_change(const struct command_line *line, int argc, char **argv)
{
    struct edit e;
    int code = read_edit(&e, client_change_options, argc, argv);

    if (code < 0) {
        code = table_work(line, NULL, CS_STATE_WRITER, put_changed, &e);
        if (code == 0)
            fprintf(stderr, "client %s changed%s\n", e.client, e.row.enabled ? "" : "; it is disabled");
    }
    free_edit(&e);
    return code;
}

int client_rotate(const struct command_line *line, int argc, char **argv)
{
    struct edit e;
    char until[CLIENT_TIME_TEXT];
    int code = read_edit(&e, client_rotate_options, argc, argv);

    if (code < 0) {
        code = table_work(line, NULL, CS_STATE_WRITER, put_rotated, &e);
        if (code == 0) {
            client_time_text(until, e.row.old_token_until_ms);
            fprintf(stderr, "client %s has a new token; the old one is %s%s\n", e.client, *until ? "good until " : "over",
                    until);
            code = show_token(&e);
        }
    }
    free_edit(&e);
    return code;
}

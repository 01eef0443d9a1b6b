/*
 * ca-local: a private CA. Its key and certificate are made on first start; whoever trusts that certificate trusts
 * what it signs. For trying Countersign without any CA, for tests, and as an example of a CA plugin that waits.
 *
 * To read as an example, from the end: the descriptor says which settings there are and which functions the core may call;
 * local_open() makes one instance of it, local_sign() turns an order into a chain. The role says `blocking`, so the core calls
 * local_sign() in a thread where it may wait; the functions that end in _wait are for such threads. There may be several
 * instances, and several threads in one, so no variable stands outside of a function, and an open instance does not change.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include <countersign/ca.h>

#include "base/base64url.h"
#include "base/pem.h"
#include "base/text.h"
#include "crl.h"
#include "file.h"

#define SERIAL_BYTES 16
#define BACKDATED_S 60 /* clocks of clients differ */
#define DAY_S ((int64_t)24 * 3600)
#define COMMON_NAME_MOST 64 /* RFC 5280: ub-common-name */
#define SAVED_SIGNING "signing"

struct local_settings {
    const char *name;
    int64_t days, ca_days;
    bool challenge;
    int64_t crl_days;
    const char *crl_url;
};

struct local {
    struct cs_instance *in;
    const struct local_settings *conf;
    EVP_PKEY *key;
    X509 *certificate;
    struct crl *crl;
};

/* Every setting with its type, its place, its default and a line of help. The core fills the struct and checks the types. */
static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct local_settings, name, "Countersign local CA", "common name of a CA that is made"),
    CS_SETTING_RANGE(INT, struct local_settings, days, "90", 1, 825, "days that a certificate is valid"),
    CS_SETTING_RANGE(INT, struct local_settings, ca_days, "3650", 1, 36500, "days that a CA that is made is valid"),
    CS_SETTING(BOOL, struct local_settings, challenge, "false", "first have a TXT record published for each name"),
    CS_SETTING_RANGE(INT, struct local_settings, crl_days, "30", 1, 365, "days that a crl.pem is good; the next comes earlier"),
    CS_SETTING(STRING, struct local_settings, crl_url, "", "where clients find crl.pem: written into each certificate"),
    CS_SETTINGS_END
};

/* ---- certificates ------------------------------------------------------------------------------------------------ */

static int openssl_failed(struct cs_error *err, const char *what)
{
    ERR_clear_error();
    return cs_fail(err, CS_EINTERNAL, "OpenSSL could not %s", what);
}

/* `issuer` is the certificate itself when it signs itself: the extension is worked out from both. */
static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    int rc = -1;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (extension && X509_add_ext(certificate, extension, -1) == 1)
        rc = 0;
    X509_EXTENSION_free(extension);
    return rc;
}

/* The names as the core has checked them. Built, not printed: a comma in a name could add another one. */
static int add_names(X509 *certificate, const struct cs_order *order)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    int rc = names ? 0 : -1, critical;

    for (size_t i = 0; rc == 0 && i < order->n_names; i++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();

        if (!name || !text || ASN1_STRING_set(text, order->names[i], -1) != 1) {
            GENERAL_NAME_free(name);
            ASN1_IA5STRING_free(text);
            rc = -1;
            break;
        }
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
        if (sk_GENERAL_NAME_push(names, name) <= 0) {
            GENERAL_NAME_free(name);
            rc = -1;
        }
    }
    critical = X509_NAME_entry_count(X509_get_subject_name(certificate)) == 0; /* RFC 5280 4.2.1.6 */
    if (rc == 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, critical, 0) != 1)
        rc = -1;
    GENERAL_NAMES_free(names);
    return rc;
}

static int set_common_name(X509 *certificate, const char *name)
{
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1,
                                      0);
}

static int set_serial(X509 *certificate, const uint8_t serial[SERIAL_BYTES])
{
    BIGNUM *number = BN_bin2bn(serial, SERIAL_BYTES, NULL);
    int ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return ok;
}

/* What every certificate has. The times are those of the core's clock. NULL: OpenSSL failed. */
static X509 *new_certificate(EVP_PKEY *key, const uint8_t serial[SERIAL_BYTES], int64_t from_s, int64_t to_s)
{
    X509 *certificate = X509_new();

    if (certificate && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate, serial) &&
        ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from_s) &&
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)to_s) && X509_set_pubkey(certificate, key) == 1)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static X509 *make_ca_certificate(EVP_PKEY *key, const struct local_settings *conf, struct cs_error *err)
{
    int64_t now_s = cs_wall_ms() / 1000;
    uint8_t serial[SERIAL_BYTES];
    X509 *certificate = NULL;

    if (RAND_bytes(serial, sizeof serial) == 1)
        certificate = new_certificate(key, serial, now_s - BACKDATED_S, now_s + conf->ca_days * DAY_S);
    if (certificate && set_common_name(certificate, conf->name) == 1 &&
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
        add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") == 0 &&
        add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") == 0 &&
        add_extension(certificate, certificate, NID_subject_key_identifier, "hash") == 0 &&
        X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    openssl_failed(err, "make the CA's certificate");
    return NULL;
}

/* ---- the instance ------------------------------------------------------------------------------------------------ */

static int read_key(struct local *local, const char *folder, struct cs_error *err)
{
    BIO *bio = file_read(folder, "ca.key", err);

    if (!bio)
        return err->code ? -1 : 0;
    local->key = PEM_read_bio_PrivateKey(bio, NULL, pem_no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return local->key ? 0 : cs_fail(err, CS_ECONFIG, "there is no private key in %s/ca.key", folder);
}

static int read_certificate(struct local *local, const char *folder, struct cs_error *err)
{
    BIO *bio = file_read(folder, "ca.pem", err);

    if (!bio)
        return err->code ? -1 : 0;
    local->certificate = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!local->certificate)
        return cs_fail(err, CS_ECONFIG, "there is no certificate in %s/ca.pem", folder);
    if (local->key && X509_check_private_key(local->certificate, local->key) == 1)
        return 0;
    ERR_clear_error();
    return cs_fail(err, CS_ECONFIG, "the key in %s/ca.key is not that of the certificate in ca.pem", folder);
}

static int make_key(struct local *local, const char *folder, struct cs_error *err)
{
    BIO *content = BIO_new(BIO_s_secmem());
    int rc = -1;

    local->key = EVP_EC_gen("P-256");
    if (content && local->key && PEM_write_bio_PKCS8PrivateKey(content, local->key, NULL, NULL, 0, NULL, NULL) == 1)
        rc = file_write(folder, "ca.key", content, 0600, err);
    else
        openssl_failed(err, "make a key");
    BIO_free(content);
    return rc;
}

static int make_certificate(struct local *local, const char *folder, struct cs_error *err)
{
    BIO *content = BIO_new(BIO_s_mem());
    int rc = -1;

    local->certificate = make_ca_certificate(local->key, local->conf, err);
    if (local->certificate && (!content || PEM_write_bio_X509(content, local->certificate) != 1))
        openssl_failed(err, "write the CA's certificate");
    else if (local->certificate)
        rc = file_write(folder, "ca.pem", content, 0600, err);
    if (rc == 0)
        cs_log(local->in, CS_LOG_INFO, "a new CA was made; clients must trust its certificate file=%s/ca.pem", folder);
    BIO_free(content);
    return rc;
}

/* The key first: a certificate without its key would be of no use, a key without its certificate gets one. */
static int open_files(struct local *local, const char *folder, struct cs_error *err)
{
    if (read_key(local, folder, err) < 0 || read_certificate(local, folder, err) < 0)
        return -1;
    if (!local->key && make_key(local, folder, err) < 0)
        return -1;
    return local->certificate ? 0 : make_certificate(local, folder, err);
}

/* A CSR with the CA's own key is refused by the core. */
static int tell_key(const struct local *local, struct cs_error *err)
{
    unsigned char *spki = NULL;
    const int len = i2d_PUBKEY(local->key, &spki);
    const int rc = len > 0 ? cs_own_key(local->in, spki, (size_t)len, err) : openssl_failed(err, "hash the CA's key");

    OPENSSL_free(spki);
    return rc;
}

/* Every op is finished: release everything. */
static void local_close(void *self)
{
    struct local *local = self;

    crl_close(local->crl);
    X509_free(local->certificate);
    EVP_PKEY_free(local->key);
    free(local);
}

/* `countersign check` asks this in place of local_open(): it makes nothing. */
static int local_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    const struct local_settings *s = conf;

    (void)listen;
    if (!s->name[0] || strlen(s->name) > COMMON_NAME_MOST)
        return cs_fail(err, CS_ECONFIG, "`name` has 1 to %d bytes", COMMON_NAME_MOST);
    if (s->crl_url[0] && (strncmp(s->crl_url, "http://", strlen("http://")) != 0 || strpbrk(s->crl_url, ", ;\t\n")))
        return cs_fail(err, CS_ECONFIG, "`crl_url` begins with http:// and has neither spaces nor commas");
    return 0;
}

/* Runs once for each block of the configuration that names this plugin. The settings stay where they are until the close. */
static int local_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    const char *folder = local_check(conf, NULL, err) == 0 ? cs_state_dir(in, err) : NULL;
    struct local *local;

    if (!folder)
        return -1;
    local = calloc(1, sizeof *local);
    if (!local)
        return cs_fail(err, CS_EBUSY, "out of memory");
    *local = (struct local){ .in = in, .conf = conf };
    if (open_files(local, folder, err) == 0 && tell_key(local, err) == 0)
        local->crl = crl_open(in, folder, local->certificate, local->key, local->conf->crl_days, err);
    if (!local->crl) {
        local_close(local);
        return -1;
    }
    *self = local;
    return 0;
}

/* ---- an order ---------------------------------------------------------------------------------------------------- */

/* What ca-acme does with a real CA's token: the core publishes the value, looks whether the world sees it, and takes it away
 * when the op ends. It waits here, as long as the op may last. */
static int prove_name(const char *name, struct cs_op *op, struct cs_error *err)
{
    uint8_t token[16], digest[32];
    char token_text[BASE64_ENCODED_MAX(sizeof token)], value[BASE64_ENCODED_MAX(sizeof digest)];
    struct cs_challenge challenge = { .size = sizeof challenge, .type = CS_DNS_01, .token = token_text, .value = value };

    challenge.name = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    if (!(cs_challenge_types(op, challenge.name) & (1u << CS_DNS_01)))
        return cs_fail_as(err, CS_ECONFIG, "no-dns-instance", "no DNS instance answers challenges for %s", challenge.name);
    if (RAND_bytes(token, sizeof token) != 1 || EVP_Digest(token, sizeof token, digest, NULL, EVP_sha256(), NULL) != 1)
        return openssl_failed(err, "make a token");
    base64url_encode(token_text, token, sizeof token);
    base64url_encode(value, digest, sizeof digest);
    return cs_challenge_put_wait(op, &challenge, err);
}

static int prove_names(const struct cs_order *order, struct cs_op *op, struct cs_error *err)
{
    cs_op_step(op, "publish");
    for (size_t i = 0; i < order->n_names; i++)
        if (prove_name(order->names[i], op, err) < 0)
            return -1;
    return 0;
}

/* The subject: the first name that fits into a CN, or nothing. */
static int set_subject(X509 *leaf, const struct cs_order *order)
{
    for (size_t i = 0; i < order->n_names; i++)
        if (strlen(order->names[i]) <= COMMON_NAME_MOST)
            return set_common_name(leaf, order->names[i]);
    return 1;
}

/* No certificate outlives its CA's. */
static int limit_end(X509 *leaf, const X509 *ca_certificate)
{
    const ASN1_TIME *end = X509_get0_notAfter(ca_certificate);

    return ASN1_TIME_compare(X509_get0_notAfter(leaf), end) > 0 ? X509_set1_notAfter(leaf, end) : 1;
}

/* RFC 5280 4.2.1.13 */
static int add_list(X509 *leaf, const struct local *local)
{
    struct text words = TEXT_MAX(2000);
    int rc = 0;

    if (local->conf->crl_url[0]) {
        text_addf(&words, "URI:%s", local->conf->crl_url);
        rc = text_failed(&words) ? -1 : add_extension(leaf, local->certificate, NID_crl_distribution_points, text_of(&words));
    }
    text_free(&words);
    return rc;
}

static X509 *make_leaf(const struct local *local, const struct cs_order *order, const uint8_t serial[SERIAL_BYTES],
                       EVP_PKEY *key)
{
    int64_t now_s = cs_wall_ms() / 1000;
    const char *usage = EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature";
    X509 *leaf = new_certificate(key, serial, now_s - BACKDATED_S, now_s + local->conf->days * DAY_S - BACKDATED_S);

    if (leaf && set_subject(leaf, order) == 1 && limit_end(leaf, local->certificate) == 1 &&
        X509_set_issuer_name(leaf, X509_get_subject_name(local->certificate)) == 1 &&
        add_extension(leaf, local->certificate, NID_basic_constraints, "critical,CA:FALSE") == 0 &&
        add_extension(leaf, local->certificate, NID_key_usage, usage) == 0 &&
        add_extension(leaf, local->certificate, NID_ext_key_usage, "serverAuth") == 0 &&
        add_extension(leaf, local->certificate, NID_subject_key_identifier, "hash") == 0 &&
        add_extension(leaf, local->certificate, NID_authority_key_identifier, "keyid:always") == 0 &&
        add_list(leaf, local) == 0 && add_names(leaf, order) == 0 && X509_sign(leaf, local->key, EVP_sha256()) > 0)
        return leaf;
    X509_free(leaf);
    return NULL;
}

static X509 *sign_csr(const struct local *local, const struct cs_order *order, const uint8_t serial[SERIAL_BYTES])
{
    const uint8_t *at = order->csr;
    X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)order->csr_len);
    EVP_PKEY *key = csr ? X509_REQ_get0_pubkey(csr) : NULL;
    X509 *leaf = key ? make_leaf(local, order, serial, key) : NULL;

    X509_REQ_free(csr);
    return leaf;
}

/* The last thing a plugin does with an op is to finish it: with a chain here, with an error in sign_order(). */
static int finish(const struct local *local, const struct cs_order *order, const uint8_t serial[SERIAL_BYTES], struct cs_op *op,
                  struct cs_error *err)
{
    X509 *leaf = sign_csr(local, order, serial);
    BIO *pem = BIO_new(BIO_s_mem());
    struct cs_chain chain = { .size = sizeof chain, .url = "", .profile = "" };
    char *at = NULL;
    int rc = -1;

    if (leaf && pem && PEM_write_bio_X509(pem, leaf) == 1 && PEM_write_bio_X509(pem, local->certificate) == 1) {
        chain.len = (size_t)BIO_get_mem_data(pem, &at);
        chain.pem = at;
        cs_op_ok_chain(op, &chain);
        rc = 0;
    } else {
        openssl_failed(err, "sign the certificate");
    }
    BIO_free(pem);
    X509_free(leaf);
    return rc;
}

static int check_age(const struct local *local, struct cs_error *err)
{
    time_t now_s = (time_t)(cs_wall_ms() / 1000);

    if (X509_cmp_time(X509_get0_notAfter(local->certificate), &now_s) > 0)
        return 0;
    return cs_fail(err, CS_ECONFIG, "the CA's certificate has ended; remove ca.pem from its state folder, and restart");
}

/* From here on a certificate may exist. Should the server stop now, local_resume() gets this number and signs the same
 * certificate once more instead of another one. */
static int choose_serial(uint8_t serial[SERIAL_BYTES], struct cs_op *op, struct cs_error *err)
{
    if (RAND_bytes(serial, SERIAL_BYTES) != 1)
        return openssl_failed(err, "choose a serial number");
    cs_op_step(op, SAVED_SIGNING);
    return cs_op_save_wait(op, SAVED_SIGNING, serial, SERIAL_BYTES, err);
}

/* `saved` NULL: no serial number was chosen yet. */
static void sign_order(const struct local *local, const struct cs_order *order, const uint8_t *saved, struct cs_op *op)
{
    uint8_t serial[SERIAL_BYTES];
    struct cs_error err;

    if (check_age(local, &err) < 0 || (local->conf->challenge && prove_names(order, op, &err) < 0))
        goto out;
    if (saved)
        memcpy(serial, saved, sizeof serial);
    else if (choose_serial(serial, op, &err) < 0)
        goto out;
    if (finish(local, order, serial, op, &err) == 0)
        return;
out:
    cs_op_err(op, &err);
}

static void local_sign(void *self, const struct cs_order *order, struct cs_op *op)
{
    sign_order(self, order, NULL, op);
}

/* An order that an earlier run of the server left. A step that is not ours ends so that the core calls local_sign(). */
static void local_resume(void *self, const struct cs_order *order, const char *step, const void *data, size_t len,
                         struct cs_op *op)
{
    struct cs_error err;

    if (strcmp(step, SAVED_SIGNING) == 0 && len == SERIAL_BYTES) {
        sign_order(self, order, data, op);
        return;
    }
    cs_fail(&err, CS_ERESTART, "the step is not one of ca-local's");
    cs_op_err(op, &err);
}

/* In the list when this ends well, and on the disk. A second time changes nothing. */
static void local_revoke(void *self, const char *pem, size_t len, int reason, struct cs_op *op)
{
    const struct local *local = self;
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL) : NULL;
    struct cs_error err = { 0 };

    if (!leaf)
        cs_fail(&err, CS_EINPUT, "that is not a certificate in PEM");
    else if (X509_NAME_cmp(X509_get_issuer_name(leaf), X509_get_subject_name(local->certificate)) != 0)
        cs_fail_as(&err, CS_EREFUSED, "ca-refused", "another CA issued that certificate, or this one before it was made anew");
    else
        crl_revoke(local->crl, X509_get0_serialNumber(leaf), reason, &err);
    X509_free(leaf);
    BIO_free(bio);
    ERR_clear_error();
    if (err.code)
        cs_op_err(op, &err);
    else
        cs_op_ok(op);
}

static const struct cs_ca_ops ca = {
    .size = sizeof ca, .blocking = true, .sign = local_sign, .resume = local_resume, .revoke = local_revoke
};

CS_PLUGIN("ca-local", "0.1.0", "a private CA: its key is made on first start", .settings = settings,
          .settings_size = sizeof(struct local_settings), .open = local_open, .close = local_close, .ca = &ca,
          .check = local_check);

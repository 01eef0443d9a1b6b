/*
 * The key and the CSR of `countersign sign`; see sign.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/pem.h"
#include "command/file_write.h"
#include "command/sign.h"
#include "request/key_name.h"
#include "request/subject_name.h"

static const struct {
    const char *type;
    const char *curve; /* or NULL */
    unsigned bits;
} kinds[] = {
    { "p256", "P-256", 256 },  { "p384", "P-384", 384 },  { "rsa2048", NULL, 2048 },
    { "rsa3072", NULL, 3072 }, { "rsa4096", NULL, 4096 },
};

static EVP_PKEY *generate(const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].curve ? EVP_EC_gen(kinds[i].curve) : EVP_RSA_gen(kinds[i].bits);
    return NULL;
}

static EVP_PKEY *read_open(const char *path, FILE *file, struct cs_error *err)
{
    bool has_passphrase = false;
    struct stat about;
    EVP_PKEY *key = NULL;

    if (fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode)) {
        cs_fail(err, CS_ECONFIG, "%s: is not a file", path);
        return NULL;
    }
    key = PEM_read_PrivateKey(file, NULL, pem_no_passphrase, &has_passphrase);
    ERR_clear_error();
    if (!key)
        cs_fail(err, CS_ECONFIG, "%s: %s", path,
                has_passphrase ? "the key has a passphrase, which is not supported"
                               : "is not a private key in PEM; name another file, and a new key is made");
    return key;
}

EVP_PKEY *sign_key_read(const char *path, struct cs_error *err)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = NULL;

    if (file)
        key = read_open(path, file, err);
    else
        cs_fail(err, CS_ECONFIG, "%s: cannot be read: %s", path, strerror(errno));
    if (file)
        fclose(file);
    return key;
}

int sign_key_name(char out[NAME_MAX_LEN + 1], const char *key_file, const char *entry, struct cs_error *err)
{
    EVP_PKEY *key = sign_key_read(key_file, err);
    unsigned char *der = NULL;
    uint8_t sha256[32];
    int len = key ? i2d_PUBKEY(key, &der) : -1, rc = -1;

    if (!key)
        cs_fail_in(err, "{key} stands for the hash of a key that is there: make one with openssl genpkey");
    else if (len <= 0 || EVP_Digest(der, (size_t)len, sha256, NULL, EVP_sha256(), NULL) != 1)
        cs_fail(err, CS_EINTERNAL, "no memory");
    else if (!key_name_make(out, entry, sha256))
        cs_fail(err, CS_EINPUT, "the name would have more than 253 characters");
    else
        rc = 0;
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

/* sign_files_first_key or sign_files_keep_key */
typedef int sign_key_put(struct sign_files *files, const char *pem, size_t len, struct cs_error *err);

static int write_key(EVP_PKEY *key, struct sign_files *files, sign_key_put *put, struct cs_error *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *pem;
    long len;
    int rc;

    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return cs_fail(err, CS_EINTERNAL, "the key cannot be encoded");
    }
    len = BIO_get_mem_data(bio, &pem);
    rc = put(files, pem, (size_t)len, err);
    OPENSSL_cleanse(pem, (size_t)len);
    BIO_free(bio);
    return rc;
}

static EVP_PKEY *make_key(const struct sign_options *options, struct sign_files *files, sign_key_put *put, struct cs_error *err)
{
    EVP_PKEY *key;

    if (file_write_possible(options->key_file, err) != 0)
        return NULL;
    key = generate(options->key_type);
    if (!key) {
        cs_fail(err, CS_EINTERNAL, "no key could be made");
        return NULL;
    }
    if (write_key(key, files, put, err) != 0) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static void warn_of_others(const char *path)
{
    struct stat about;

    if (stat(path, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)))
        fprintf(stderr, "countersign sign: %s: others may read or write this key: chmod 600 it\n", path);
}

EVP_PKEY *sign_key_get(const struct sign_options *options, struct sign_files *files, bool *made, struct cs_error *err)
{
    *made = access(options->key_file, F_OK) != 0 && errno == ENOENT;
    if (*made)
        return make_key(options, files, sign_files_first_key, err);
    warn_of_others(options->key_file);
    return sign_key_read(options->key_file, err);
}

static bool is_of_type(const EVP_PKEY *key, const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return EVP_PKEY_is_a(key, kinds[i].curve ? "EC" : "RSA") && EVP_PKEY_get_bits(key) == (int)kinds[i].bits;
    return false;
}

EVP_PKEY *sign_key_next(const struct sign_options *options, struct sign_files *files, struct cs_error *err)
{
    EVP_PKEY *key = sign_key_read(files->key_new, NULL);

    if (key && is_of_type(key, options->key_type))
        return key;
    EVP_PKEY_free(key);
    return make_key(options, files, sign_files_keep_key, err);
}

static GENERAL_NAME *dns_name(const char *name)
{
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();

    if (!entry || !value || ASN1_STRING_set(value, name, -1) != 1) {
        GENERAL_NAME_free(entry);
        ASN1_IA5STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(entry, GEN_DNS, value);
    return entry;
}

static bool add_san(X509_REQ *request, const struct sign_options *options)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool ok = names != NULL;

    for (size_t i = 0; ok && i < options->n_names; i++) {
        GENERAL_NAME *entry = dns_name(options->names[i]);

        ok = entry && sk_GENERAL_NAME_push(names, entry) > 0;
        if (!ok)
            GENERAL_NAME_free(entry);
    }
    ok = ok && X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
         X509_REQ_add_extensions(request, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    return ok;
}

static int fill_and_sign(X509_REQ *request, EVP_PKEY *key, const struct sign_options *options, struct cs_error *err)
{
    X509_NAME *subject = subject_name_build(options->subject, err);
    bool ok;

    if (!subject)
        return -1;
    ok = request && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
         X509_REQ_set_subject_name(request, subject) == 1 && X509_REQ_set_pubkey(request, key) == 1 &&
         add_san(request, options) && X509_REQ_sign(request, key, EVP_sha256()) > 0;
    X509_NAME_free(subject);
    ERR_clear_error();
    return ok ? 0 : cs_fail(err, CS_EINPUT, "no CSR can be signed with the key in %s", options->key_file);
}

int sign_csr_make(struct csr *out, EVP_PKEY *key, const struct sign_options *options, struct cs_error *err)
{
    X509_REQ *request = X509_REQ_new();
    unsigned char *der = NULL;
    int len = -1, rc = fill_and_sign(request, key, options, err);

    *out = (struct csr){ 0 };
    if (rc == 0)
        len = i2d_X509_REQ(request, &der);
    if (rc == 0)
        rc = len > 0 ? csr_read(out, der, (size_t)len, err) : cs_fail(err, CS_EINTERNAL, "no memory");
    if (rc == 0 && options->key_type_given && strcmp(out->key_type, options->key_type) != 0) {
        rc = cs_fail(err, CS_ECONFIG, "%s: has a key of type %s already: leave --key-type out, or name another file",
                     options->key_file, out->key_type);
        csr_free(out);
    }
    OPENSSL_free(der);
    X509_REQ_free(request);
    return rc;
}

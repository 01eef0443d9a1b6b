/*
 * Is it time for a new certificate? See sign.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <openssl/x509.h>

#include "command/sign.h"

#define MAX_FILE (256 * 1024)

/* The caller frees it; NULL, and errno or 0, when it is missing, or longer than such a file can be. */
static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "re");
    char *data = file ? malloc(MAX_FILE + 1) : NULL;

    *len = data ? fread(data, 1, MAX_FILE + 1, file) : 0;
    if (file && (ferror(file) || *len > MAX_FILE)) {
        free(data);
        data = NULL;
        errno = 0;
    }
    if (file)
        fclose(file);
    return data;
}

static int hash_key(EVP_PKEY *key, uint8_t out[32])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    if (len > 0)
        SHA256(der, (size_t)len, out);
    OPENSSL_free(der);
    return len > 0 ? 0 : -1;
}

int sign_chain_read(struct certificate *out, const struct sign_options *options, const char *path, EVP_PKEY *key,
                    struct cs_error *err)
{
    uint8_t hash[32];
    size_t len;
    char *pem;
    int rc;

    *out = (struct certificate){ 0 };
    if (hash_key(key, hash) != 0)
        return cs_fail(err, CS_EINTERNAL, "the key cannot be encoded");
    pem = read_file(path, &len);
    if (!pem && errno == ENOENT)
        return cs_fail(err, CS_ENOTFOUND, "%s: there is no certificate yet", path);
    if (!pem)
        return cs_fail(err, CS_ECONFIG, "%s: the certificate cannot be read%s%s", path, errno ? ": " : "",
                       errno ? strerror(errno) : "");
    rc = certificate_check(out, NULL, pem, len, hash, (const char *const *)options->names, options->n_names, cs_wall_ms(), err);
    if (rc != 0)
        cs_fail_in(err, "%s", path);
    free(pem);
    return rc;
}

int64_t sign_renew_at(const struct sign_options *options, const struct certificate *certificate)
{
    int64_t life_ms = certificate->not_after_ms - certificate->not_before_ms;

    if (options->within_ms < 0 || options->within_ms >= life_ms)
        return certificate->not_after_ms - life_ms / 3;
    return certificate->not_after_ms - options->within_ms;
}

/* A certificate does not tell the subject that was asked with; a CSR that was kept does. */
static bool has_other_subject(const struct sign_options *options, const char *path)
{
    uint8_t der[CSR_MAX_DER];
    struct csr csr;
    bool other = true;
    size_t len, der_len;
    char *body;

    if (!path || (access(path, F_OK) != 0 && errno == ENOENT))
        return false;
    body = read_file(path, &len);
    if (body && csr_decode(body, len, NULL, der, &der_len, NULL) == 0 && csr_read(&csr, der, der_len, NULL) == 0) {
        other = strcmp(csr.subject, options->subject) != 0;
        csr_free(&csr);
    }
    free(body);
    return other;
}

int sign_due_look(struct sign_due *out, const struct sign_options *options, const char *csr, struct cs_error *err)
{
    struct certificate certificate = { 0 };
    struct cs_error why = { 0 };
    EVP_PKEY *key = NULL;

    *out = (struct sign_due){ .due = true };
    if (access(options->key_file, F_OK) != 0 && errno == ENOENT) {
        out->useless = true;
        snprintf(out->reason, sizeof out->reason, "%s: there is no key yet", options->key_file);
        return 0;
    }
    key = sign_key_read(options->key_file, err);
    if (!key)
        return -1;
    if (sign_chain_read(&certificate, options, options->out_file, key, &why) != 0) {
        out->useless = true;
        snprintf(out->reason, sizeof out->reason, "%s", why.text);
    } else {
        memcpy(out->serial, certificate.serial, sizeof out->serial);
        out->not_before_ms = certificate.not_before_ms;
        out->not_after_ms = certificate.not_after_ms;
        out->renew_at_ms = sign_renew_at(options, &certificate);
        if (cs_wall_ms() >= out->renew_at_ms)
            snprintf(out->reason, sizeof out->reason, "%s: the certificate comes to its end", options->out_file);
        else if ((out->only_subject = has_other_subject(options, csr)))
            snprintf(out->reason, sizeof out->reason, "%s: has another subject than the one asked for", options->csr_file);
        out->due = out->reason[0] != '\0';
    }
    certificate_free(&certificate);
    EVP_PKEY_free(key);
    return 0;
}

/*
 * Client CAs and their CRLs; see client_ca.h.
 */
#include "http/client_ca.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base64url.h"
#include "base/pem.h"
#include "engine/log.h"
#include "request/client_certificate.h"

enum { REMEMBERED = 256 };

struct client_ca {
    X509_STORE *store;
    STACK_OF(X509_NAME) *names; /* told to clients, so that they can choose a certificate */
    struct good {
        char sha256[CLIENT_HASH_SIZE]; /* "": nothing */
        int64_t since_ms;              /* on cs_now_ms() */
    } good[REMEMBERED];                /* by the hash's first digits */
    int refs;
};

/* What was read, as long as it is not known whether all of it is good. */
struct reading {
    X509_STORE *store;
    STACK_OF(X509_NAME) *names;
};

/* ---- Reading ---------------------------------------------------------------------------------------------------------- */

static FILE *open_file(const char *what, const char *path, struct cs_error *err)
{
    FILE *file = fopen(path, "re");

    if (!file)
        cs_fail(err, CS_ECONFIG, "cannot read %s %s: %s; the user that the server runs as must be able to", what, path,
                strerrordesc_np(errno));
    return file;
}

/* PEM readers fail at the end of the file, too. */
static bool is_end(void)
{
    const unsigned long error = ERR_peek_last_error();
    const bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    return end;
}

static bool add_ca(struct reading *r, X509 *ca)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(ca));

    if (name && sk_X509_NAME_push(r->names, name) > 0)
        return X509_STORE_add_cert(r->store, ca) == 1;
    X509_NAME_free(name);
    return false;
}

static int read_cas(struct reading *r, const char *path, struct cs_error *err)
{
    FILE *file = open_file("client_ca", path, err);
    bool good = true;
    X509 *ca;
    int n = 0;

    if (!file)
        return -1;
    while (good && (ca = PEM_read_X509(file, NULL, pem_no_passphrase, NULL))) {
        good = add_ca(r, ca);
        X509_free(ca);
        n++;
    }
    good = is_end() && good;
    fclose(file);
    return good && n ? 0
                     : cs_fail(err, CS_ECONFIG, "client_ca %s must hold certificates of CAs in PEM, up to their roots", path);
}

static bool is_out_of_date(const X509_CRL *crl)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

    return next && X509_cmp_current_time(next) < 0;
}

static int read_crls(struct reading *r, const char *path, struct cs_error *err)
{
    FILE *file = open_file("client_crl", path, err);
    bool good = true;
    X509_CRL *crl;
    int n = 0;

    if (!file)
        return -1;
    while (good && (crl = PEM_read_X509_CRL(file, NULL, pem_no_passphrase, NULL))) {
        good = X509_STORE_add_crl(r->store, crl) == 1;
        if (is_out_of_date(crl))
            log_line(CS_LOG_WARN, "http", "",
                     "a CRL is out of date: no client certificate of its CA is accepted until there is a newer one file=%s",
                     path);
        X509_CRL_free(crl);
        n++;
    }
    good = is_end() && good && X509_STORE_set_flags(r->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
    fclose(file);
    return good && n ? 0 : cs_fail(err, CS_ECONFIG, "client_crl %s must hold CRLs in PEM, one of each CA of client_ca", path);
}

static void drop(struct reading *r)
{
    X509_STORE_free(r->store);
    sk_X509_NAME_pop_free(r->names, X509_NAME_free);
}

static int read_all(struct reading *r, const char *ca_file, const char *crl_file, struct cs_error *err)
{
    *r = (struct reading){ .store = X509_STORE_new(), .names = sk_X509_NAME_new_null() };
    if (!r->store || !r->names || X509_STORE_set_purpose(r->store, X509_PURPOSE_SSL_CLIENT) != 1 ||
        X509_STORE_set_depth(r->store, CLIENT_CA_DEPTH) != 1)
        cs_fail(err, CS_EBUSY, "out of memory");
    else if (read_cas(r, ca_file, err) == 0 && (!crl_file || read_crls(r, crl_file, err) == 0))
        return 0;
    drop(r);
    return -1;
}

/* ---- Life ------------------------------------------------------------------------------------------------------------- */

struct client_ca *client_ca_new(const char *ca_file, const char *crl_file, struct cs_error *err)
{
    struct client_ca *ca = calloc(1, sizeof *ca);
    struct reading r;

    if (!ca) {
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    ca->refs = 1;
    if (read_all(&r, ca_file, crl_file, err) < 0) {
        free(ca);
        return NULL;
    }
    ca->store = r.store;
    ca->names = r.names;
    return ca;
}

struct client_ca *client_ca_keep(struct client_ca *ca)
{
    if (ca)
        ca->refs++;
    return ca;
}

void client_ca_free(struct client_ca *ca)
{
    if (!ca || --ca->refs > 0)
        return;
    drop(&(struct reading){ .store = ca->store, .names = ca->names });
    free(ca);
}

/* ---- Verifying -------------------------------------------------------------------------------------------------------- */

int client_ca_join(struct client_ca *ca, SSL_CTX *context, bool required, struct cs_error *err)
{
    static const unsigned char session_id_context[] = "countersign";
    STACK_OF(X509_NAME) *names = sk_X509_NAME_deep_copy(ca->names, X509_NAME_dup, X509_NAME_free);

    if (!names || SSL_CTX_set1_verify_cert_store(context, ca->store) != 1 ||
        SSL_CTX_set_session_id_context(context, session_id_context, sizeof session_id_context - 1) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    SSL_CTX_set_client_CA_list(context, names); /* which takes them over */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify_depth(context, CLIENT_CA_DEPTH);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return 0;
}

static bool verify(const struct client_ca *ca, X509 *certificate, STACK_OF(X509) *others)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    const bool good = context && X509_STORE_CTX_init(context, ca->store, certificate, others) == 1 &&
                      X509_verify_cert(context) == 1;

    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return good;
}

bool client_ca_verify(struct client_ca *ca, X509 *certificate, STACK_OF(X509) *others, const char *sha256)
{
    struct good *good = &ca->good[(size_t)(hex_digit(sha256[0]) * 16 + hex_digit(sha256[1])) % REMEMBERED];
    const int64_t now_ms = cs_now_ms();

    if (strcmp(good->sha256, sha256) == 0 && now_ms - good->since_ms < CLIENT_CA_BELIEVED_MS)
        return true;
    if (!verify(ca, certificate, others))
        return false;
    *good = (struct good){ .since_ms = now_ms };
    memcpy(good->sha256, sha256, sizeof good->sha256);
    return true;
}

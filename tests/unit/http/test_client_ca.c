/* http/client_ca.c, trust.c, client_cert.c, request/client_certificate.c: certificates of clients, verified, believed, handed
 * on, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64url.h"
#include "engine/clock.h"
#include "http/client_ca.h"
#include "http/client_cert.h"
#include "http/trust.h"
#include "request/client_certificate.h"
#include "request_head.h"

#define DAY 86400L

static char folder[] = "/tmp/countersign-client-ca-XXXXXX", ca_path[64], crl_path[64];
static EVP_PKEY *ca_key, *key;
static X509 *ca;
static struct cs_error err;

/* ---- Certificates ---------------------------------------------------------------------------------------------------- */

static void add_extension(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `usage`, `sans`: as openssl.cnf has them; NULL: none. */
static X509 *make(const char *name, EVP_PKEY *public_key, const char *usage, const char *sans, long from_s, long to_s)
{
    static long serial;
    X509 *x509 = X509_new();

    assert_non_null(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x509, ca ? X509_get_subject_name(ca) : X509_get_subject_name(x509));
    X509_gmtime_adj(X509_getm_notBefore(x509), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x509), to_s);
    X509_set_pubkey(x509, public_key);
    if (usage)
        add_extension(x509, NID_ext_key_usage, usage);
    else
        add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    if (sans)
        add_extension(x509, NID_subject_alt_name, sans);
    assert_true(X509_sign(x509, ca_key, EVP_sha256()) > 0);
    return x509;
}

static X509 *client(const char *name)
{
    return make(name, key, "clientAuth", NULL, -DAY, DAY);
}

static void write_crl(const X509 *revoked, long end_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -DAY), *end = X509_gmtime_adj(NULL, end_s);
    X509_REVOKED *entry;
    FILE *file = fopen(crl_path, "w");

    assert_true(crl && now && end && file);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, end);
    if (revoked) {
        entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(revoked));
        X509_REVOKED_set_revocationDate(entry, now);
        X509_CRL_add0_revoked(crl, entry);
    }
    assert_true(X509_CRL_sign(crl, ca_key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
    fclose(file);
    X509_CRL_free(crl);
    ASN1_TIME_free(now);
    ASN1_TIME_free(end);
}

static int set_up(void **state)
{
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(ca_path, sizeof ca_path, "%s/ca.pem", folder);
    snprintf(crl_path, sizeof crl_path, "%s/crl.pem", folder);
    ca_key = EVP_EC_gen("P-256");
    key = EVP_EC_gen("P-256");
    ca = make("Lab CA", ca_key, NULL, NULL, -DAY, DAY);
    file = fopen(ca_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, ca), 1);
    fclose(file);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(ca_path);
    unlink(crl_path);
    rmdir(folder);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return 0;
}

/* ---- Verified -------------------------------------------------------------------------------------------------------- */

static bool verify(struct client_ca *cas, X509 *x509)
{
    struct client_certificate *c = client_certificate_of(x509, &err);
    bool good;

    assert_non_null(c);
    good = client_ca_verify(cas, x509, NULL, c->sha256);
    client_certificate_release(c);
    return good;
}

static void assert_verified(struct client_ca *cas, X509 *x509, bool good)
{
    assert_int_equal(verify(cas, x509), good);
    X509_free(x509);
}

static void a_client_s_certificate_must_be_good_in_every_way(void **state)
{
    struct client_ca *cas = client_ca_new(ca_path, NULL, &err);
    EVP_PKEY *real = ca_key;

    (void)state;
    assert_non_null(cas);
    assert_verified(cas, client("good"), true);
    assert_verified(cas, make("server", key, "serverAuth", NULL, -DAY, DAY), false);
    assert_verified(cas, make("over", key, "clientAuth", NULL, -2 * DAY, -DAY), false);
    assert_verified(cas, make("early", key, "clientAuth", NULL, DAY, 2 * DAY), false);
    ca_key = key; /* its own signature, under the CA's name */
    assert_verified(cas, client("forged"), false);
    ca_key = real;
    client_ca_free(cas);
}

/* As SIGHUP does. */
static void read_anew(struct trust *trust)
{
    struct client_ca *fresh = client_ca_new(ca_path, crl_path, &err);

    assert_non_null(fresh);
    trust_set(trust, fresh, false);
    client_ca_free(fresh);
}

static void what_is_revoked_is_refused_once_the_crl_is_read(void **state)
{
    struct trust *trust = trust_new();
    X509 *one = client("one"), *other = client("other");

    (void)state;
    write_crl(NULL, DAY);
    read_anew(trust);
    assert_true(verify(trust_client_ca(trust), one));
    write_crl(one, DAY);
    assert_true(verify(trust_client_ca(trust), one)); /* nobody has read it */
    read_anew(trust);
    assert_false(verify(trust_client_ca(trust), one));
    assert_true(verify(trust_client_ca(trust), other));
    write_crl(NULL, -3600); /* out of date: nobody can tell */
    read_anew(trust);
    assert_false(verify(trust_client_ca(trust), other));
    write_crl(NULL, DAY);
    read_anew(trust);
    assert_true(verify(trust_client_ca(trust), other));
    X509_free(one);
    X509_free(other);
    trust_release(trust);
}

static void trust_is_what_the_listener_has_now_for_all_that_hold_it(void **state)
{
    struct client_ca *cas = client_ca_new(ca_path, NULL, &err);
    struct trust *listener = trust_new(), *connection = trust_keep(listener);

    (void)state;
    assert_null(trust_client_ca(connection));
    trust_set(listener, cas, true);
    assert_ptr_equal(trust_client_ca(connection), cas);
    assert_ptr_equal(trust_client_cert_ca(connection), cas);
    trust_set(listener, cas, false);
    assert_ptr_equal(trust_client_ca(connection), cas);
    assert_null(trust_client_cert_ca(connection));
    trust_set(listener, NULL, true);
    assert_null(trust_client_cert_ca(connection));
    trust_set(listener, cas, true);
    client_ca_free(cas);
    assert_false(trust_has_ended(connection));
    trust_end(listener);
    trust_release(listener);
    assert_true(trust_has_ended(connection));
    assert_null(trust_client_ca(connection));
    assert_null(trust_client_cert_ca(connection));
    trust_release(connection);
    trust_release(NULL);
}

static void files_that_are_no_good_are_named(void **state)
{
    char missing[64];

    (void)state;
    snprintf(missing, sizeof missing, "%s/none", folder);
    assert_null(client_ca_new(missing, NULL, &err));
    assert_non_null(strstr(err.text, "cannot read client_ca"));
    assert_null(client_ca_new("/dev/null", NULL, &err));
    assert_non_null(strstr(err.text, "/dev/null must hold certificates of CAs in PEM"));
    assert_null(client_ca_new(ca_path, "/dev/null", &err));
    assert_null(client_ca_new(ca_path, ca_path, &err));
    assert_int_equal(err.code, CS_ECONFIG);
}

static size_t questions; /* for a passphrase, at the terminal */

static int on_question(UI *ui)
{
    (void)ui;
    questions++;
    return 0;
}

/* RFC 1421 4.6.1.1: a block may say that it is encrypted, and be anything. */
static void nobody_is_asked_for_a_passphrase(void **state)
{
    static const char said[] = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                               "MDAwMDAwMDAwMDAwMDAwMA==\n";
    UI_METHOD *terminal = UI_create_method("test");
    char path[64];

    (void)state;
    UI_method_set_opener(terminal, on_question);
    UI_set_default_method(terminal);
    snprintf(path, sizeof path, "%s/encrypted", folder);
    for (int i = 0; i < 2; i++) {
        const char *label = i ? "X509 CRL" : "CERTIFICATE";
        FILE *file = fopen(path, "w");

        fprintf(file, "-----BEGIN %s-----\n%s-----END %s-----\n", label, said, label);
        assert_int_equal(fclose(file), 0);
        assert_null(client_ca_new(i ? ca_path : path, i ? path : NULL, &err));
        assert_int_equal(err.code, CS_ECONFIG);
    }
    assert_int_equal(questions, 0);
    unlink(path);
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(terminal);
}

/* ---- Taken apart ------------------------------------------------------------------------------------------------------ */

static void a_certificate_is_taken_apart(void **state)
{
    X509 *x509 = make("robot", key, "clientAuth", "DNS:a.x,IP:192.0.2.1,URI:spiffe://x/a,email:a@x,DNS:b.x", -DAY, DAY);
    struct client_certificate *c = client_certificate_of(x509, &err);
    static const char *const names[] = { "CN=robot", "DNS:a.x", "URI:spiffe://x/a", "email:a@x", "DNS:b.x" };

    (void)state;
    assert_non_null(c);
    assert_string_equal(c->issuer, "CN=Lab CA");
    assert_int_equal(c->n_names, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(c->names[i], names[i]);
    assert_int_equal(strlen(c->sha256), 64);
    assert_int_equal(strlen(c->spki_sha256), 64);
    assert_string_not_equal(c->sha256, c->spki_sha256);
    assert_in_range(c->not_after_ms - c->not_before_ms, 2 * DAY * 1000 - 2000, 2 * DAY * 1000 + 2000);
    assert_ptr_equal(client_certificate_keep(c), c);
    client_certificate_release(c);
    client_certificate_release(c);
    X509_free(x509);
}

static void names_that_cannot_be_written_are_left_out(void **state)
{
    char sans[1024] = "DNS:n0.x";
    struct client_certificate *c;
    X509 *x509;

    (void)state;
    for (int i = 1; i < 40; i++)
        snprintf(sans + strlen(sans), sizeof sans - strlen(sans), ",DNS:n%d.x", i);
    x509 = make("a", key, "clientAuth", sans, -DAY, DAY);
    c = client_certificate_of(x509, &err);
    assert_non_null(c);
    assert_int_equal(c->n_names, CLIENT_CERTIFICATE_NAMES);
    client_certificate_release(c);
    X509_free(x509);
    x509 = make("a", key, "clientAuth", "DNS:a b,URI:spiffe://x/a", -DAY, DAY);
    c = client_certificate_of(x509, &err);
    assert_non_null(c);
    assert_int_equal(c->n_names, 2);
    assert_string_equal(c->names[1], "URI:spiffe://x/a");
    client_certificate_release(c);
    X509_free(x509);
}

/* ---- Handed on -------------------------------------------------------------------------------------------------------- */

static int read_field(const char *before, const char *text, const char *behind)
{
    struct request_head head;
    char fields[8000];
    X509 *x509 = NULL;
    int rc;

    snprintf(fields, sizeof fields, "%s%s%s\r\n", before, text, behind);
    rc = client_cert_read(&x509, request_head_of(&head, fields), &err);
    assert_int_equal(rc == 1, x509 != NULL);
    X509_free(x509);
    return rc;
}

static void a_field_is_one_certificate_or_refused(void **state)
{
    X509 *x509 = client("robot");
    uint8_t *der = NULL;
    const int len = i2d_X509(x509, &der);
    char text[BASE64_ENCODED_MAX(2000)], cut[sizeof text];

    (void)state;
    assert_in_range(len, 100, 1999);
    base64_encode(text, der, (size_t)len);
    memcpy(cut, text, sizeof cut);
    cut[strlen(cut) - 8] = '\0';
    assert_int_equal(read_field("X: ", text, ""), 0);
    assert_int_equal(read_field("Client-Cert: :", text, ":"), 1);
    assert_int_equal(read_field("client-cert:   :", text, ":  "), 1);
    assert_int_equal(read_field("Client-Cert-Chain: :", text, ":"), 0);
    assert_int_equal(read_field("Client-Cert: ", text, ""), -1);
    assert_string_equal(err.reason, "bad-client-cert");
    assert_int_equal(read_field("Client-Cert: :", text, ""), -1);
    assert_int_equal(read_field("Client-Cert: :", text, ":;a=1"), -1);
    assert_int_equal(read_field("Client-Cert: :AAAA:, :", text, ":"), -1);
    assert_int_equal(read_field("Client-Cert: :AAAA:\r\nClient-Cert: :", text, ":"), -1);
    assert_int_equal(read_field("Client-Cert: : ", text, ":"), -1);
    assert_int_equal(read_field("Client-Cert: :", cut, ":"), -1);
    assert_int_equal(read_field("Client-Cert: :", "AAAA", ":"), -1);
    assert_int_equal(read_field("Client-Cert: :", "", ":"), -1);
    assert_int_equal(read_field("Client-Cert: ", ":", ""), -1);
    assert_int_equal(read_field("Client-Cert: ", "", ""), -1);
    OPENSSL_free(der);
    X509_free(x509);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_s_certificate_must_be_good_in_every_way),
        cmocka_unit_test(what_is_revoked_is_refused_once_the_crl_is_read),
        cmocka_unit_test(trust_is_what_the_listener_has_now_for_all_that_hold_it),
        cmocka_unit_test(files_that_are_no_good_are_named),
        cmocka_unit_test(nobody_is_asked_for_a_passphrase),
        cmocka_unit_test(a_certificate_is_taken_apart),
        cmocka_unit_test(names_that_cannot_be_written_are_left_out),
        cmocka_unit_test(a_field_is_one_certificate_or_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

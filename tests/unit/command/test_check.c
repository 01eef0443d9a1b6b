/* core/command/check.c: every fault of a configuration, with file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "../plugin/plugin_test.h"
#include "program.h"

#define BLOCKS                                             \
    "store = { main = { plugin = \"store-sqlite\"; }; };\n" \
    "dns = { d = { plugin = \"no-fault\"; }; };\n"          \
    "ca = { c = { plugin = \"recorder\"; trace = \"/dev/null\"; }; };\n"

static int check(const char *text)
{
    struct text all = TEXT_MAX(16 << 10);
    int rc;

    text_addf(&all, "state = \"%s/never\"; plugin_dir = \"%s\";\n%s", test_folder, test_folder, text);
    write_text("test.conf", text_of(&all));
    text_free(&all);
    rc = RUN("-c", in_folder("test.conf"), "check");
    assert_int_equal(access(in_folder("never"), F_OK), -1); /* check writes nothing */
    return rc;
}

static void a_good_configuration_is_ok_with_a_summary(void **state)
{
    (void)state;
    assert_int_equal(check("listen = ( { address = \"127.0.0.1\"; port = 9; }, { address = \"unix:/s\"; } );\n"
                           "admin = { address = \"127.0.0.1\"; };\n" BLOCKS), 0);
    assert_string_equal(said.err, "");
    assert_has(said.out, "OK ");
    assert_has(said.out, "listen  127.0.0.1 port 9\n");
    assert_has(said.out, "listen  unix:/s\n");
    assert_has(said.out, "admin   127.0.0.1 port 9180\n");
    assert_has(said.out, "ca      c: recorder 1.0\n");
    assert_has(said.out, "dns     d: no-fault 1.2\n");
    assert_has(said.out, "store   main: store-sqlite ");
    assert_has(said.out, "user    (who starts it)\n");
}

static void every_fault_is_printed_with_its_line(void **state)
{
    (void)state;
    assert_int_equal(check("listen = { address = \"nonsense\"; };\n"
                           "wiat = 3;\n"
                           "resolvers = ( \"127.0.0.1\", \"dns.example\" );\n"
                           "dns = { d = { plugin = \"no-fault\"; listen = \"0.0.0.0:99999\";\n"
                           " odd = 1; }; };\n"
                           "ca = { c = { plugin = \"recorder\"; };\n"
                           " e = { plugin = \"absent\"; };\n"
                           " f = { plugin = \"store-sqlite\"; }; };\n"), 1);
    assert_has(said.err, "/test.conf:2: \"nonsense\"");
    assert_has(said.err, "/test.conf:3: unknown key `wiat`, did you mean `wait`?");
    assert_has(said.err, "/test.conf:4: \"dns.example\"");
    assert_has(said.err, "/test.conf:5: \"0.0.0.0:99999\"");
    assert_has(said.err, "/test.conf:6: unknown key `odd`");
    assert_has(said.err, "/test.conf:7: ca.c: `trace` is missing");
    assert_has(said.err, "/test.conf:8: ca.e: ");
    assert_has(said.err, "/absent.so is not there");
    assert_has(said.err, "/test.conf:9: ca.f: ");
    assert_has(said.err, "does not play the role `ca`");
    assert_has(said.err, "/test.conf: there is no store");
    assert_has(said.err, "\n9 faults\n");
    assert_string_equal(said.out, "");
}

static void one_fault_is_one(void **state)
{
    (void)state;
    assert_int_equal(check("listen = { address = \"127.0.0.1\"; };\nwait = -1;\n" BLOCKS), 1);
    assert_has(said.err, "/test.conf:3: `wait` must be from 1s to 1h, not -1s\n1 fault\n");
}

/* ---- What the plugins themselves say ---- */

static void plugins_say_what_they_would_not_open_with(void **state)
{
    (void)state;
    assert_int_equal(check("listen = { address = \"127.0.0.1\"; };\n"
                           "store = { main = { plugin = \"store-sqlite\"; }; };\n"
                           "dns = {\n"
                           "d = { plugin = \"dns-builtin\"; zones = \"go.example\"; listen = \"0.0.0.0:19\"; };\n"
                           "e = { plugin = \"dns-builtin\"; zones = \"a.example\"; listen = \"[::1]:19\"; records = \"x\"; };\n"
                           "f = { plugin = \"dns-builtin\"; zones = \"b.example\"; listen = (\"[::]:19\", \"[::1]:19\"); };\n"
                           "g = { plugin = \"dns-builtin\"; zones = \"c.example\"; listen = \"127.0.0.1:19\"; }; };\n"
                           "audit = { j = { plugin = \"audit-jsonl\"; file = \"relative\"; }; };\n"
                           "ca = { c = { plugin = \"ca-acme\"; directory = \"https://ca.example/\"; eab_kid = \"1\"; };\n"
                           " t = { plugin = \"ca-acme\"; directory = \"https://ca.example/\"; key_type = \"dsa\"; };\n"
                           " u = { plugin = \"ca-acme\"; directory = \"https://ca.example/\"; };\n"
                           " v = { plugin = \"ca-local\"; name = \"\"; }; };\n"), 1);
    assert_has(said.err, "/test.conf:5: dns.d: zone go.example. has no name server: set ns = ( \"ns1.go.example. ADDRESS\" )");
    assert_has(said.err, "/test.conf:6: dns.e: ");
    assert_has(said.err, "/test.conf:9: audit.j: file must be an absolute path");
    assert_has(said.err, "/test.conf:10: ca.c: eab_kid and eab_hmac need each other");
    assert_has(said.err, "/test.conf:11: ca.t: key_type \"dsa\" is not known; use es256, es384 or rs256");
    assert_has(said.err, "/test.conf:13: ca.v: `name` has 1 to 64 bytes");
    assert_has(said.err, "\n6 faults\n");
}

static void the_sample_configuration_would_start(void **state)
{
    struct text text = TEXT_MAX(15 << 10);
    FILE *f = fopen(getenv("SAMPLE_CONF"), "r");
    char line[512];

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *port = strstr(line, ":53\"");

        if (port)
            memcpy(port, ":19", 3); /* a resolver may have 53 here */
        text_add(&text, strncmp(line, "user ", 5) == 0 ? "" : line); /* it may not be there */
    }
    fclose(f);
    assert_int_equal(text_failed(&text), 0);
    assert_int_equal(check(text_of(&text)), 0);
    assert_has(said.out, "dns     builtin: dns-builtin ");
    text_free(&text);
}

/* ---- TLS files ---- */

static EVP_PKEY *write_this_key(const char *name, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    FILE *f = fopen(in_folder(name), "w");

    assert_non_null(key);
    assert_int_equal(PEM_write_PrivateKey(f, key, cipher, (const unsigned char *)"x", cipher ? 1 : 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
    return key;
}

static EVP_PKEY *write_key(const char *name, const EVP_CIPHER *cipher)
{
    return write_this_key(name, EVP_EC_gen("P-256"), cipher);
}

static void write_certificate(const char *name, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    FILE *f = fopen(in_folder(name), "w");

    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(f, certificate), 1);
    assert_int_equal(fclose(f), 0);
    X509_free(certificate);
}

static int check_tls_files(const char *certificate, const char *key)
{
    struct text text = TEXT_MAX(8192);
    int rc;

    text_addf(&text, "listen = {\n address = \"127.0.0.1\"; certificate = \"%s\"; key = \"%s\"; };\n" BLOCKS,
              in_folder(certificate), in_folder(key));
    rc = check(text_of(&text));
    text_free(&text);
    return rc;
}

static void certificate_and_key_must_fit(void **state)
{
    EVP_PKEY *key = write_key("key.pem", NULL);

    (void)state;
    write_certificate("certificate.pem", key);
    EVP_PKEY_free(key);
    assert_int_equal(check_tls_files("certificate.pem", "key.pem"), 0);
    assert_has(said.out, "listen  127.0.0.1 port 8443 (TLS)\n");
    EVP_PKEY_free(write_key("other.pem", NULL));
    assert_int_equal(check_tls_files("certificate.pem", "other.pem"), 1);
    assert_has(said.err, "/test.conf:2: ");
    assert_has(said.err, "/other.pem does not belong to the certificate in ");
    /* of another kind: OpenSSL takes that for a second pair */
    EVP_PKEY_free(write_this_key("other.pem", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL));
    assert_int_equal(check_tls_files("certificate.pem", "other.pem"), 1);
    assert_has(said.err, "/other.pem does not belong to the certificate in ");
}

static void tls_files_must_be_there_and_what_they_say(void **state)
{
    EVP_PKEY *key = write_key("key.pem", NULL);

    (void)state;
    write_certificate("certificate.pem", key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(write_key("locked.pem", EVP_aes_128_cbc()));
    assert_int_equal(check_tls_files("certificate.pem", "absent.pem"), 1);
    assert_has(said.err, "/absent.pem: No such file");
    assert_int_equal(check_tls_files("key.pem", "key.pem"), 1);
    assert_has(said.err, "/key.pem is not a PEM certificate with its chain");
    assert_int_equal(check_tls_files("certificate.pem", "certificate.pem"), 1);
    assert_has(said.err, "/certificate.pem is not a PEM private key without a pass phrase");
    assert_int_equal(check_tls_files("certificate.pem", "locked.pem"), 1);
    assert_has(said.err, "/locked.pem is not a PEM private key without a pass phrase");
}

/* ---- Users ---- */

static void files_are_looked_at_as_the_servers_user(void **state)
{
    (void)state;
    if (getuid() != 0) { /* then we may not become anybody, and that is what it says */
        assert_int_equal(check("user = \"root\"; listen = { address = \"127.0.0.1\"; };\n" BLOCKS), 1);
        assert_has(said.err, "start it as root or as that user; its files and plugins were not looked at");
        return;
    }
    EVP_PKEY_free(write_key("key.pem", NULL));
    assert_int_equal(chmod(in_folder("key.pem"), 0600), 0);
    assert_int_equal(chmod(test_folder, 0755), 0);
    assert_int_equal(check("user = \"nobody\"; listen = { address = \"127.0.0.1\"; };\n" BLOCKS), 0);
    assert_has(said.out, "user    nobody\n");
    assert_int_equal(check("user = \"nobody\"; ca = { c = { plugin = \"recorder\"; trace = \"x\"; }; };\n"
                           "store = { s = { plugin = \"store-sqlite\"; }; };\n"
                           "listen = { address = \"::1\"; certificate = \"/etc/shadow\"; key = \"/etc/shadow\"; };\n"), 1);
    assert_has(said.err, "cannot read the certificate /etc/shadow: Permission denied");
    assert_int_equal(chmod(test_folder, 0700), 0);
}

static int make_folder_with_plugins(void **state)
{
    if (make_test_folder(state) < 0)
        return -1;
    copy_built("STORE_FOLDER", "store-sqlite", "store-sqlite");
    copy_built("CA_ACME_FOLDER", "ca-acme", "ca-acme");
    copy_built("DNS_BUILTIN_FOLDER", "dns-builtin", "dns-builtin");
    copy_built("CA_LOCAL_FOLDER", "ca-local", "ca-local");
    copy_built("AUDIT_JSONL_FOLDER", "audit-jsonl", "audit-jsonl");
    copy_built("RECORDERS", "recorder", "recorder");
    copy_plugin("no-fault", "no-fault");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_configuration_is_ok_with_a_summary),
        cmocka_unit_test(every_fault_is_printed_with_its_line),
        cmocka_unit_test(one_fault_is_one),
        cmocka_unit_test(plugins_say_what_they_would_not_open_with),
        cmocka_unit_test(the_sample_configuration_would_start),
        cmocka_unit_test(certificate_and_key_must_fit),
        cmocka_unit_test(tls_files_must_be_there_and_what_they_say),
        cmocka_unit_test(files_are_looked_at_as_the_servers_user),
    };

    return cmocka_run_group_tests(tests, make_folder_with_plugins, remove_test_folder);
}

/* http/tls.c, and connections over TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "echo.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct echo echo;

static SSL_CTX *make_context(struct rig *rig)
{
    char certificate[200], key[200];
    struct cs_error err = { 0 };
    SSL_CTX *context;

    rig_certificate(rig, "cert.pem", "key.pem");
    snprintf(certificate, sizeof certificate, "%s", rig_path(rig, "cert.pem"));
    snprintf(key, sizeof key, "%s", rig_path(rig, "key.pem"));
    context = tls_context_new(certificate, key, &err);
    assert_string_equal(err.text, "");
    assert_non_null(context);
    return context;
}

static int begin(void **state)
{
    SSL_CTX *context;
    struct cs_error err;

    (void)state;
    echo_begin_bare(&echo);
    context = make_context(&echo.rig);
    echo.listener = listener_new(&echo.service, rig_listen(AF_INET, NULL, &echo.port), context, &err);
    assert_non_null(echo.listener);
    SSL_CTX_free(context);
    return 0;
}

static int end(void **state)
{
    (void)state;
    echo_end(&echo);
    return 0;
}

static void requests_are_served_over_tls(void **state)
{
    struct client c = client_connect_tls(&echo.rig, echo.port, NULL);

    (void)state;
    assert_false(c.closed);
    client_send(&c, GET("/1") GET("/2") GET("/wait"));
    assert_true(client_sees(&c, "/2 []"));
    echo_answer(&echo);
    assert_true(client_sees(&c, "waited"));
    client_send(&c, "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(client_sees(&c, "/3 []"));
    assert_true(client_sees_end(&c));
    assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN); /* ended as TLS ends, not cut */
    client_close(&c);
}

static void a_request_may_be_cut_over_many_records(void **state)
{
    const char *request = "POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    struct client c = client_connect_tls(&echo.rig, echo.port, NULL);

    (void)state;
    for (size_t i = 0; i < strlen(request); i++)
        client_send_n(&c, request + i, 1);
    assert_true(client_sees(&c, "3 /cut [hello]"));
    client_close(&c);
}

static void a_flood_over_tls_waits_its_turn(void **state)
{
    struct text flood = TEXT_MAX(1 << 20);
    struct client c = client_connect_tls(&echo.rig, echo.port, NULL);

    (void)state;
    client_send(&c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
    for (size_t i = 0; i < 1500; i++)
        text_add(&flood, GET("/flood"));
    client_send(&c, text_of(&flood));
    client_send(&c, GET("/last"));
    rig_run(&echo.rig, 20);
    assert_int_equal(echo.n_handled, 1);
    echo_answer(&echo);
    assert_true(client_sees(&c, "/last []"));
    assert_int_equal(client_count(&c, "200 OK"), 1502);
    text_free(&flood);
    client_close(&c);
}

static void a_big_answer_arrives_whole(void **state)
{
    struct client c = client_connect_tls(&echo.rig, echo.port, NULL);

    (void)state;
    client_send(&c, GET("/big") GET("/after"));
    assert_true(client_sees(&c, "/after []"));
    assert_true(c.got.len > 8 * 1024 * 1024);
    client_close(&c);
}

static void plain_http_on_a_tls_port_is_closed_and_never_answered(void **state)
{
    struct client c = client_connect(&echo.rig, echo.port);

    (void)state;
    client_send(&c, GET("/x"));
    assert_true(client_sees_end(&c));
    assert_int_equal(client_count(&c, "HTTP"), 0);
    assert_int_equal(echo.n_handled, 0);
    rig_until(&echo.rig, echo.service.n_connections == 0);
    client_close(&c);
}

static void a_broken_handshake_is_closed(void **state)
{
    struct client c = client_connect(&echo.rig, echo.port);

    (void)state;
    client_send_n(&c, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10);
    assert_true(client_sees_end(&c));
    rig_until(&echo.rig, echo.service.n_connections == 0);
    client_close(&c);
}

static void a_handshake_that_drips_is_cut(void **state)
{
    struct client c = client_connect(&echo.rig, echo.port);

    (void)state;
    client_send_n(&c, "\x16\x03\x01", 3);
    rig_run(&echo.rig, 5);
    clock_move(echo.rig.loop, 6000);
    client_send_n(&c, "\x02", 1);
    rig_run(&echo.rig, 5);
    assert_int_equal(echo.service.n_connections, 1);
    clock_move(echo.rig.loop, 4500);
    assert_true(client_sees_end(&c));
    assert_int_equal(c.got.len, 0);
    client_close(&c);
}

static void protocols_are_negotiated_by_alpn(void **state)
{
    struct client c = client_connect_tls(&echo.rig, echo.port, "\x02h2\x08http/1.1");
    const unsigned char *chosen;
    unsigned len;

    (void)state;
    assert_false(c.closed);
    SSL_get0_alpn_selected(c.ssl, &chosen, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    client_close(&c);
    c = client_connect_tls(&echo.rig, echo.port, "\x0a" "acme-tls/1");
    assert_true(c.closed);
    client_close(&c);
}

static void a_tls_client_that_goes_is_noticed_at_once(void **state)
{
    struct client c = client_connect_tls(&echo.rig, echo.port, NULL);

    (void)state;
    client_send(&c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
    client_close(&c);
    rig_until(&echo.rig, echo.n_gone > 0);
    assert_int_equal(echo.n_gone, 1);
    rig_until(&echo.rig, echo.service.n_connections == 0);
}

static void a_refused_body_can_be_read_over_tls(void **state)
{
    struct client c = client_connect_tls(&echo.rig, echo.port, NULL);
    char *body = calloc(1, 1 << 20);

    (void)state;
    client_send(&c, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    client_send_n(&c, body, 1 << 20);
    assert_true(client_sees(&c, "HTTP/1.1 413 "));
    assert_true(client_sees_end(&c));
    client_close(&c);
    free(body);
}

static bool shows(const struct client *c, const SSL_CTX *context)
{
    X509 *shown = SSL_get1_peer_certificate(c->ssl);
    const bool same = shown && X509_cmp(shown, SSL_CTX_get0_certificate(context)) == 0;

    X509_free(shown);
    return same;
}

static void a_new_certificate_is_for_new_connections(void **state)
{
    struct client before = client_connect_tls(&echo.rig, echo.port, NULL), after;
    SSL_CTX *fresh = make_context(&echo.rig);

    (void)state;
    client_send(&before, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
    listener_set_tls(echo.listener, fresh);
    after = client_connect_tls(&echo.rig, echo.port, NULL);
    assert_false(shows(&before, fresh));
    assert_true(shows(&after, fresh));
    SSL_CTX_free(fresh);
    echo_answer(&echo);
    assert_true(client_sees(&before, "waited"));
    client_send(&before, GET("/on"));
    assert_true(client_sees(&before, "/on []"));
    client_send(&after, GET("/new"));
    assert_true(client_sees(&after, "/new []"));
    client_close(&before);
    client_close(&after);
}

static void old_versions_of_tls_are_refused(void **state)
{
    struct client c = client_connect(&echo.rig, echo.port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int rc = -1;

    (void)state;
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    c.ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(c.ssl, c.fd);
    for (int64_t end_ms = rig_real_ms() + RIG_PATIENCE_MS; rc != 1 && !c.closed && rig_real_ms() < end_ms;) {
        rc = SSL_connect(c.ssl);
        c.closed = rc != 1 && SSL_get_error(c.ssl, rc) != SSL_ERROR_WANT_READ;
        rig_run(&echo.rig, 1);
    }
    assert_true(c.closed);
    client_close(&c);
}

/* ---- Files --------------------------------------------------------------------------------------------------------------- */

static void check_refusal(const char *certificate, const char *key, const char *wanted)
{
    char certificate_path[200], key_path[200];
    struct cs_error err = { 0 };

    snprintf(certificate_path, sizeof certificate_path, "%s", rig_path(&echo.rig, certificate));
    snprintf(key_path, sizeof key_path, "%s", rig_path(&echo.rig, key));
    assert_null(tls_context_new(certificate_path, key_path, &err));
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, wanted))
        fprintf(stderr, "# %s\n", err.text);
    assert_non_null(strstr(err.text, wanted));
}

static void write_file(const char *name, const char *content)
{
    FILE *file = fopen(rig_path(&echo.rig, name), "we");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0 && fclose(file) == 0);
}

/* Both files in one, as many programs write them: the key first, then the certificate, and one more that stands for a CA. */
static void a_file_with_key_and_chain_is_opened_once_and_a_context_like_it_shows_the_same(void **state)
{
    struct text both = TEXT_MAX(100000);
    struct cs_error err = { 0 };
    STACK_OF(X509) *chain = NULL;
    SSL_CTX *context, *like;
    char bytes[10000];
    struct client c;
    FILE *file;
    int watch;

    (void)state;
    rig_certificate(&echo.rig, "ca.pem", "ca.key");
    for (size_t i = 0; i < 3; i++) {
        file = fopen(rig_path(&echo.rig, ((const char *const[]){ "key.pem", "cert.pem", "ca.pem" })[i]), "re");
        assert_non_null(file);
        text_add_n(&both, bytes, fread(bytes, 1, sizeof bytes, file));
        fclose(file);
    }
    write_file("both.pem", text_of(&both));
    watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(inotify_add_watch(watch, rig_path(&echo.rig, "both.pem"), IN_OPEN | IN_CLOSE) > 0);
    context = tls_context_new(rig_path(&echo.rig, "both.pem"), rig_path(&echo.rig, "both.pem"), &err);
    assert_string_equal(err.text, "");
    assert_int_equal(read(watch, bytes, sizeof bytes), 2 * sizeof(struct inotify_event)); /* opened, closed */
    close(watch);
    like = tls_context_like(context, &err);
    assert_non_null(like);
    assert_ptr_not_equal(like, context);
    SSL_CTX_get0_chain_certs(like, &chain);
    assert_int_equal(sk_X509_num(chain), 1);
    listener_set_tls(echo.listener, like);
    c = client_connect_tls(&echo.rig, echo.port, NULL);
    assert_true(shows(&c, context));
    client_send(&c, GET("/like"));
    assert_true(client_sees(&c, "/like []"));
    client_close(&c);
    SSL_CTX_free(like);
    SSL_CTX_free(context);
    text_free(&both);
}

static void write_key(const char *name, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    FILE *file = fopen(rig_path(&echo.rig, name), "we");

    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, cipher, cipher ? "secret" : NULL, cipher ? 6 : 0, NULL, NULL), 1);
    fclose(file);
    EVP_PKEY_free(key);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    rig_certificate(&echo.rig, "other.pem", "other.key");
    write_file("empty", "");
    write_file("text", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    write_key("locked.key", EVP_EC_gen("P-256"), EVP_aes_128_cbc());
    write_key("other-kind.key", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
    check_refusal("nowhere.pem", "key.pem", "nowhere.pem: No such file");
    check_refusal("cert.pem", "nowhere.key", "nowhere.key: No such file");
    check_refusal("empty", "key.pem", "empty is not a PEM certificate");
    check_refusal("text", "key.pem", "text is not a PEM certificate");
    check_refusal("key.pem", "key.pem", "key.pem is not a PEM certificate");
    check_refusal("cert.pem", "empty", "empty is not a PEM private key");
    check_refusal("cert.pem", "cert.pem", "cert.pem is not a PEM private key");
    check_refusal("cert.pem", "locked.key", "locked.key is not a PEM private key without a pass phrase");
    check_refusal("cert.pem", "other.key", "does not belong to the certificate");
    check_refusal("cert.pem", "other-kind.key", "does not belong to the certificate");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static void the_key_of_a_context_is_that_of_its_certificate(void **state)
{
    uint8_t hash[OWN_KEY_HASH], expected[OWN_KEY_HASH];
    SSL_CTX *context = make_context(&echo.rig);
    unsigned char *spki = NULL;
    FILE *file = fopen(rig_path(&echo.rig, "key.pem"), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    const int len = i2d_PUBKEY(key, &spki);

    (void)state;
    fclose(file);
    assert_int_equal(EVP_Digest(spki, (size_t)len, expected, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(tls_context_key(context, hash, NULL), 0);
    assert_memory_equal(hash, expected, sizeof hash);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_served_over_tls),
        TEST(a_request_may_be_cut_over_many_records),
        TEST(a_flood_over_tls_waits_its_turn),
        TEST(a_big_answer_arrives_whole),
        TEST(plain_http_on_a_tls_port_is_closed_and_never_answered),
        TEST(a_broken_handshake_is_closed),
        TEST(a_handshake_that_drips_is_cut),
        TEST(protocols_are_negotiated_by_alpn),
        TEST(a_tls_client_that_goes_is_noticed_at_once),
        TEST(a_refused_body_can_be_read_over_tls),
        TEST(a_new_certificate_is_for_new_connections),
        TEST(old_versions_of_tls_are_refused),
        TEST(a_file_with_key_and_chain_is_opened_once_and_a_context_like_it_shows_the_same),
        TEST(bad_files_are_named),
        TEST(the_key_of_a_context_is_that_of_its_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

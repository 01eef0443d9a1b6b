/* request/refused_keys.c: no order is made with a key that the server holds; its own front may ask with a listener's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/own_key.h"
#include "fakes/rig.h"
#include "request/subject.h"

static struct rig rig;
static struct rig_answer one;
static char *csr;
static uint8_t listener_key[OWN_KEY_HASH];
static bool listens;

static bool is_listener_key(void *listeners, const uint8_t spki_sha256[OWN_KEY_HASH])
{
    assert_ptr_equal(listeners, listener_key);
    return listens && memcmp(listener_key, spki_sha256, OWN_KEY_HASH) == 0;
}

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    rig_subject(&rig, "CN=a.x.example", "x.example", "a.x.example", "ok");
    rig.heart->is_listener_key = is_listener_key;
    rig.heart->listeners = listener_key;
    listens = false;
    csr = rig_csr("a.x.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(csr);
    rig_answer_free(&one);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

/* The caller frees it. */
static unsigned char *key_of(const char *pem, size_t *len)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int n;

    assert_non_null(request);
    n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &der);
    assert_true(n > 0);
    *len = (size_t)n;
    X509_REQ_free(request);
    BIO_free(bio);
    return der;
}

static void tell(struct instance *instance)
{
    size_t len;
    unsigned char *spki = key_of(csr, &len);

    assert_non_null(instance);
    assert_int_equal(cs_own_key(&instance->in, spki, len, NULL), 0);
    OPENSSL_free(spki);
}

static void listen_with_it(void)
{
    size_t len;
    unsigned char *spki = key_of(csr, &len);

    assert_int_equal(own_key_hash(spki, len, listener_key, NULL), 0);
    OPENSSL_free(spki);
    listens = true;
}

static void post(void)
{
    rig_answer_free(&one);
    one = (struct rig_answer){ 0 };
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
}

static void assert_refused(const char *words)
{
    post();
    assert_int_equal(one.code, CS_EINPUT);
    assert_string_equal(one.reason, "own-key");
    assert_non_null(strstr(one.text, words));
    rig_rest(&rig);
    rig_assert_calls(&rig, 0);
    assert_int_equal(rig_count(&rig, "job"), 0);
}

static void assert_issued(void)
{
    post();
    assert_string_equal(one.text, "");
    assert_non_null(one.chain);
}

static void the_key_of_a_ca_gets_no_certificate(void **state)
{
    (void)state;
    tell(instances_find(rig.instances, ROLE_CA, "fake"));
    assert_refused("account at a CA");
    instances_find(rig.instances, ROLE_CA, "fake")->in.n_own_keys = 0; /* as after a reload with another one */
    assert_issued();
}

static void any_plugin_may_hold_keys(void **state)
{
    (void)state;
    tell(instances_find(rig.instances, ROLE_DNS, "other"));
    assert_refused("this server's own");
}

static void the_key_of_a_listener_gets_no_certificate(void **state)
{
    (void)state;
    listen_with_it();
    assert_refused("listener");
    listens = false;
    assert_issued();
}

static void another_key_is_not_touched(void **state)
{
    (void)state;
    listen_with_it();
    tell(instances_find(rig.instances, ROLE_CA, "fake"));
    free(csr);
    csr = rig_csr("a.x.example");
    assert_issued();
}

/* ---- The server's own front ---- */

static void on_answer(void *arg, const struct answer *answer)
{
    struct rig_answer *out = arg;

    out->came = true;
    if (answer->err) {
        snprintf(out->reason, sizeof out->reason, "%s", answer->err->reason);
        snprintf(out->text, sizeof out->text, "%s", answer->err->text);
    }
    out->chain = answer->chain ? strdup(answer->chain) : NULL;
}

static void submit_as_self(void)
{
    const struct submission submission = { .front = "self",
                                           .subject = SUBJECT_SELF "a.x.example",
                                           .body = csr,
                                           .body_len = strlen(csr),
                                           .content_type = "",
                                           .deadline_ms = cs_now_ms() + 60000 };

    rig_answer_free(&one);
    one = (struct rig_answer){ 0 };
    assert_non_null(request_submit(rig.heart, &submission, on_answer, &one));
    rig_until(&rig, &one.came);
}

static void the_server_asks_with_the_key_of_its_listener(void **state)
{
    (void)state;
    listen_with_it();
    submit_as_self();
    assert_string_equal(one.text, "");
    assert_non_null(one.chain);
}

static void the_server_does_not_ask_with_the_key_of_a_ca(void **state)
{
    (void)state;
    tell(instances_find(rig.instances, ROLE_CA, "fake"));
    submit_as_self();
    assert_string_equal(one.reason, "own-key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_key_of_a_ca_gets_no_certificate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_plugin_may_hold_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_of_a_listener_gets_no_certificate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_key_is_not_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_asks_with_the_key_of_its_listener, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_does_not_ask_with_the_key_of_a_ca, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

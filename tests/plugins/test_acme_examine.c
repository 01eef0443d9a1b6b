/* plugins/ca-acme/examine.c: what an operator is told of a CA and of the account there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fakes/host.h"
#include "acme.h"

extern const struct cs_plugin cs_plugin;

static char folder[64], key[100];
static void *self;
static struct acme_settings settings;
static struct cs_op *op;

static const char directory[] = "{\"newNonce\": \"https://ca.example/new-nonce\", "
                                "\"newAccount\": \"https://ca.example/new-account\", "
                                "\"newOrder\": \"https://ca.example/new-order\", "
                                "\"meta\": {\"termsOfService\": \"https://ca.example/terms\", "
                                "\"caaIdentities\": [\"ca.example\"], "
                                "\"profiles\": {\"classic\": \"x\"}}}";

static int begin(void **state)
{
    (void)state;
    settings = (struct acme_settings){ .directory = "https://ca.example/directory", .terms_agreed = true, .account_key = "",
                                       .key_type = "es256", .eab_kid = "", .eab_hmac = "", .ca_file = "", .profile = "",
                                       .preferred_chain = "", .timeout = 30000, .poll_first = 5, .poll_most = 2000,
                                       .retry_first = 1000, .retry_most = 30000 };
    snprintf(folder, sizeof folder, "/tmp/acme-examine-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(key, sizeof key, "%s/account.pem", folder);
    host_begin(folder);
    return 0;
}

static int end(void **state)
{
    const char *left;

    (void)state;
    cs_plugin.close(self);
    left = host_end();
    host_forget();
    unlink(key);
    rmdir(folder);
    if (left)
        fprintf(stderr, "left behind: %s\n", left);
    return left ? -1 : 0;
}

/* The core is told of the account's key as soon as there is one. */
static void assert_told(void)
{
    FILE *file = fopen(key, "r");
    EVP_PKEY *account = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    unsigned char *spki = NULL;
    const int len = i2d_PUBKEY(account, &spki);
    size_t told_len;
    const void *told = host_own_key(&told_len);

    fclose(file);
    assert_non_null(told);
    assert_int_equal(told_len, len);
    assert_memory_equal(told, spki, told_len);
    OPENSSL_free(spki);
    EVP_PKEY_free(account);
}

static void open_it(bool with_key)
{
    struct cs_error err = { 0 };

    if (with_key) { /* as an earlier start of the server made it */
        assert_int_equal(cs_plugin.open(host_instance(), &settings, &self, &err), 0);
        cs_plugin.close(self);
        assert_int_equal(access(key, F_OK), 0);
        assert_told();
    }
    host_only_looks();
    assert_int_equal(cs_plugin.open(host_instance(), &settings, &self, &err), 0);
}

static void turn(void)
{
    while (host_turn())
        ;
}

static void reply(const char *method, const char *path, int status, const char *headers, const char *body)
{
    char all[600];

    turn();
    assert_non_null(host_http());
    assert_string_equal(host_http()->method, method);
    assert_string_equal(strrchr(host_http()->url, '/'), path);
    snprintf(all, sizeof all, "Content-Type: application/json\n%s", headers);
    host_reply(status, all, body, strlen(body));
    turn();
}

static void examine(void)
{
    op = host_op(10000, false);
    cs_plugin.ca->examine(self, op);
    turn();
}

static json_t *said(void)
{
    json_t *json;

    assert_true(host_result(op)->finished);
    json = json_loads(host_result(op)->data ? host_result(op)->data : "", 0, NULL);
    assert_non_null(json);
    return json;
}

static void assert_found(const json_t *json, const char *check, const char *verdict, const char *saw)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(json, "findings"), i, finding)
        if (strcmp(json_string_value(json_object_get(finding, "check")), check) == 0) {
            assert_string_equal(json_string_value(json_object_get(finding, "verdict")), verdict);
            assert_non_null(strstr(json_string_value(json_object_get(finding, "saw")), saw));
            assert_int_equal(!*json_string_value(json_object_get(finding, "do")), strcmp(verdict, "ok") == 0);
            return;
        }
    fail_msg("there is no finding %s", check);
}

static void without_a_key_nothing_is_made(void **state)
{
    json_t *json;

    (void)state;
    open_it(false);
    examine();
    reply("GET", "/directory", 200, "", directory);
    json = said();
    assert_found(json, "ca", "ok", "https://ca.example/directory answers");
    assert_found(json, "terms", "ok", "agreed to https://ca.example/terms");
    assert_found(json, "account", "ok", "no account key yet");
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "identities"), 0)), "ca.example");
    assert_int_equal(host_http_count(), 1);
    assert_int_equal(access(key, F_OK), -1);
    json_decref(json);
}

static void the_account_is_only_asked_for(void **state)
{
    json_t *json;

    (void)state;
    open_it(true);
    examine();
    reply("GET", "/directory", 200, "", directory);
    reply("HEAD", "/new-nonce", 200, "Replay-Nonce: one\n", "");
    turn();
    assert_non_null(strstr(host_http()->body, "eyJvbmx5UmV0dXJuRXhpc3RpbmciOnRydWV9")); /* {"onlyReturnExisting":true} */
    reply("POST", "/new-account", 200, "Replay-Nonce: two\nLocation: https://ca.example/account/1\n",
          "{\"status\": \"valid\"}");
    json = said();
    assert_found(json, "account", "ok", "usable: https://ca.example/account/1");
    assert_string_equal(json_string_value(json_object_get(json, "account")), "https://ca.example/account/1");
    json_decref(json);
}

static void ask_account(int status, const char *body, const char *verdict, const char *saw)
{
    json_t *json;

    open_it(true);
    examine();
    reply("GET", "/directory", 200, "", directory);
    reply("HEAD", "/new-nonce", 200, "Replay-Nonce: one\n", "");
    reply("POST", "/new-account", status, "Replay-Nonce: two\nLocation: https://ca.example/account/1\n", body);
    json = said();
    assert_found(json, "account", verdict, saw);
    assert_null(json_object_get(json, "account"));
    json_decref(json);
}

static void an_account_that_is_not_there_yet_is_fine(void **state)
{
    (void)state;
    ask_account(400, "{\"type\": \"urn:ietf:params:acme:error:accountDoesNotExist\"}", "ok", "does not know our key yet");
}

static void a_closed_account_fails(void **state)
{
    (void)state;
    ask_account(200, "{\"status\": \"deactivated\"}", "fail", "closed the account");
}

static void terms_profile_and_binding_are_looked_at(void **state)
{
    static const char wants_eab[] = "{\"newNonce\": \"https://ca.example/n\", \"newAccount\": \"https://ca.example/a\", "
                                    "\"newOrder\": \"https://ca.example/o\", \"meta\": {\"externalAccountRequired\": true, "
                                    "\"termsOfService\": \"https://ca.example/terms\", \"profiles\": {\"classic\": \"x\"}}}";
    json_t *json;

    (void)state;
    settings.terms_agreed = false;
    settings.profile = "tiny";
    open_it(false);
    examine();
    reply("GET", "/directory", 200, "", wants_eab);
    json = said();
    assert_found(json, "terms", "fail", "https://ca.example/terms");
    assert_found(json, "profile", "fail", "\"tiny\"; it has classic");
    assert_found(json, "account", "fail", "external account binding");
    json_decref(json);
}

static void a_ca_that_does_not_answer_is_a_finding(void **state)
{
    json_t *json;

    (void)state;
    open_it(true);
    examine();
    turn();
    host_cut(CS_EUPSTREAM, "ca.example: its certificate is not trusted: self-signed");
    turn();
    json = said();
    assert_found(json, "ca", "fail", "self-signed");
    json_decref(json);
}

static void its_end_comes_with_the_deadline(void **state)
{
    (void)state;
    open_it(true);
    examine();
    host_cancel(op, CS_DEADLINE);
    assert_int_equal(host_result(op)->err.code, CS_ETIMEDOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_key_nothing_is_made, begin, end),
        cmocka_unit_test_setup_teardown(the_account_is_only_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(an_account_that_is_not_there_yet_is_fine, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_account_fails, begin, end),
        cmocka_unit_test_setup_teardown(terms_profile_and_binding_are_looked_at, begin, end),
        cmocka_unit_test_setup_teardown(a_ca_that_does_not_answer_is_a_finding, begin, end),
        cmocka_unit_test_setup_teardown(its_end_comes_with_the_deadline, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

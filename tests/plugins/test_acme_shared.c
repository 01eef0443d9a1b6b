/* What the orders of one ca-acme instance share: directory, account, nonces; and its end. The rest is in tests/replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fakes/host.h"
#include "acme.h"

extern const struct cs_plugin cs_plugin;

static char folder[64];
static void *self;
static const struct acme_settings settings = { .directory = "https://ca.example/directory",
                                               .terms_agreed = true,
                                               .account_key = "",
                                               .key_type = "es256",
                                               .eab_kid = "",
                                               .eab_hmac = "",
                                               .ca_file = "",
                                               .profile = "",
                                               .preferred_chain = "",
                                               .timeout = 30000,
                                               .poll_first = 5,
                                               .poll_most = 2000,
                                               .retry_first = 1000,
                                               .retry_most = 30000 };
static const char *const names[] = { "a.example" };
static const struct cs_order order = { .size = sizeof order,
                                       .id = "job",
                                       .csr = (const uint8_t *)"csr",
                                       .csr_len = 3,
                                       .names = names,
                                       .n_names = 1,
                                       .profile = "",
                                       .replaces = "" };

static int open_instance(void **state)
{
    struct cs_error err;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/acme-shared-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    host_begin(folder);
    return cs_plugin.open(host_instance(), &settings, &self, &err);
}

static int close_instance(void **state)
{
    char key[100];
    const char *left;

    (void)state;
    host_cancel_all(CS_SHUTDOWN); /* as the core does it before it closes an instance */
    cs_plugin.close(self);
    left = host_end();
    host_forget();
    snprintf(key, sizeof key, "%s/account.pem", folder);
    unlink(key);
    rmdir(folder);
    if (left)
        fprintf(stderr, "left behind: %s\n", left);
    return left ? -1 : 0;
}

static struct cs_op *sign(void)
{
    struct cs_op *op = host_op(300000, true);

    cs_plugin.ca->sign(self, &order, op);
    return op;
}

static void turn(void)
{
    while (host_turn())
        ;
}

static void assert_asks(const char *method, const char *path)
{
    turn();
    assert_non_null(host_http());
    assert_string_equal(host_http()->method, method);
    assert_string_equal(strrchr(host_http()->url, '/'), path);
}

static void reply(int status, const char *headers, const char *body)
{
    char all[600];

    snprintf(all, sizeof all, "Content-Type: application/json\n%s", headers);
    host_reply(status, all, body, strlen(body));
}

static const char directory[] = "{\"newNonce\": \"https://ca.example/new-nonce\", "
                                "\"newAccount\": \"https://ca.example/new-account\", "
                                "\"newOrder\": \"https://ca.example/new-order\"}";

static void many_orders_share_one_directory_and_one_registration(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        sign();
    assert_asks("GET", "/directory");
    reply(200, "", directory);
    assert_asks("HEAD", "/new-nonce");
    reply(200, "Replay-Nonce: one\n", "");
    assert_asks("POST", "/new-account");
    assert_int_equal(host_http_count(), 3);
    reply(201, "Replay-Nonce: two\nLocation: https://ca.example/account/1\n", "{\"status\": \"valid\"}");
    turn();
    assert_int_equal(host_http_count(), 3 + 20);
    assert_asks("POST", "/new-order");
}

static void many_questions_share_one_directory(void **state)
{
    struct cs_op *ops[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        ops[i] = host_op(10000, false);
        cs_plugin.ca->status(self, ops[i]);
    }
    assert_asks("GET", "/directory");
    assert_int_equal(host_http_count(), 1);
    reply(200, "", directory);
    turn();
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(host_result(ops[i])->data, "the CA is ready"));
}

static void one_order_that_ends_takes_nothing_from_the_others(void **state)
{
    struct cs_op *first = sign(), *second = sign();

    (void)state;
    assert_asks("GET", "/directory");
    host_cancel(first, CS_DEADLINE);
    assert_int_equal(host_result(first)->err.code, CS_ETIMEDOUT);
    reply(200, "", directory);
    assert_asks("HEAD", "/new-nonce");
    reply(200, "Replay-Nonce: one\n", "");
    assert_asks("POST", "/new-account");
    host_cancel(second, CS_SHUTDOWN);
    assert_int_equal(host_result(second)->err.code, CS_ESHUTDOWN);
    reply(201, "Replay-Nonce: two\nLocation: https://ca.example/account/1\n", "{\"status\": \"valid\"}");
    turn();
    assert_non_null(strstr(host_kept("account"), "https://ca.example/account/1"));
    assert_null(host_http());
}

static void a_failed_registration_is_told_to_all_and_tried_again(void **state)
{
    struct cs_op *ops[3] = { sign(), sign(), sign() };

    (void)state;
    assert_asks("GET", "/directory");
    reply(200, "Replay-Nonce: one\n", directory);
    assert_asks("POST", "/new-account");
    reply(403, "Replay-Nonce: two\n", "{\"type\": \"urn:ietf:params:acme:error:unauthorized\", \"detail\": \"no\"}");
    turn();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(host_result(ops[i])->err.code, CS_EREFUSED);
        assert_non_null(strstr(host_problem(ops[i]), "unauthorized"));
    }
    sign();
    assert_asks("POST", "/new-account");
}

static const char new_order[] = "{\"status\": \"pending\", \"identifiers\": [{\"type\": \"dns\", \"value\": \"a.example\"}], "
                                "\"authorizations\": [\"https://ca.example/authz\"], \"finalize\": \"https://ca.example/fin\"}";

/* Two orders, the CA forgets the account; the first that hears of it has a new one registered, and both begin anew under it. */
static void an_order_notices_that_another_has_lost_the_account(void **state)
{
    struct cs_op *ops[2] = { sign(), sign() };

    (void)state;
    assert_asks("GET", "/directory");
    reply(200, "Replay-Nonce: one\n", directory);
    assert_asks("POST", "/new-account");
    reply(201, "Replay-Nonce: two\nLocation: https://ca.example/account/1\n", "{\"status\": \"valid\"}");
    assert_asks("POST", "/new-order");
    reply(201, "Replay-Nonce: three\nLocation: https://ca.example/order/1\n", new_order);
    assert_asks("HEAD", "/new-nonce"); /* of the second order, which was sent at once */
    reply(200, "Replay-Nonce: four\n", "");
    assert_asks("POST", "/authz");
    reply(400, "Replay-Nonce: five\n", "{\"type\": \"urn:ietf:params:acme:error:accountDoesNotExist\", \"detail\": \"gone\"}");
    assert_asks("POST", "/new-order");
    reply(201, "Replay-Nonce: six\nLocation: https://ca.example/order/2\n", new_order);
    assert_asks("POST", "/new-account");
    reply(201, "Replay-Nonce: seven\nLocation: https://ca.example/account/2\n", "{\"status\": \"valid\"}");
    turn();
    for (int i = 0; i < 2; i++) {
        assert_false(host_result(ops[i])->finished);
        assert_string_equal(host_step(ops[i]), "new-order");
    }
    assert_non_null(strstr(host_kept("account"), "https://ca.example/account/2"));
}

static void waiting_orders_end_at_a_shutdown_at_once(void **state)
{
    struct cs_op *ops[5];

    (void)state;
    for (int i = 0; i < 5; i++)
        ops[i] = sign();
    assert_asks("GET", "/directory");
    for (int i = 0; i < 5; i++)
        host_cancel(ops[i], CS_SHUTDOWN);
    for (int i = 0; i < 5; i++)
        assert_int_equal(host_result(ops[i])->err.code, CS_ESHUTDOWN);
}

static void the_instance_may_close_while_its_records_are_read(void **state)
{
    (void)state;
    host_hold_keep(true);
    host_cancel(sign(), CS_SHUTDOWN);
    turn();
    cs_plugin.close(self);
    host_hold_keep(false);
    host_pass(10);
    assert_int_equal(cs_plugin.open(host_instance(), &settings, &self, &(struct cs_error){ 0 }), 0);
}

static void records_that_cannot_be_read_are_done_without(void **state)
{
    struct cs_error err;

    (void)state;
    cs_fail(&err, CS_EBUSY, "the database is held");
    host_fail_keep(&err);
    sign();
    assert_asks("GET", "/directory");
    reply(200, "Replay-Nonce: one\n", directory);
    assert_asks("POST", "/new-account");
    reply(200, "Replay-Nonce: two\nLocation: https://ca.example/account/1\n", "{\"status\": \"valid\"}");
    assert_asks("POST", "/new-order");
    assert_non_null(strstr(host_log(), "the account's URL was not kept, it will be asked for again: the database is held"));
}

static void each_request_has_its_limits_and_trust_anchors(void **state)
{
    (void)state;
    sign();
    assert_asks("GET", "/directory");
    assert_int_equal(host_http()->timeout_ms, 30000);
    assert_int_equal(host_http()->max_reply, 256 * 1024);
    assert_string_equal(host_http()->ca_file, "");
}

#define WITH_INSTANCE(test) cmocka_unit_test_setup_teardown(test, open_instance, close_instance)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_INSTANCE(many_orders_share_one_directory_and_one_registration),
        WITH_INSTANCE(many_questions_share_one_directory),
        WITH_INSTANCE(one_order_that_ends_takes_nothing_from_the_others),
        WITH_INSTANCE(a_failed_registration_is_told_to_all_and_tried_again),
        WITH_INSTANCE(an_order_notices_that_another_has_lost_the_account),
        WITH_INSTANCE(waiting_orders_end_at_a_shutdown_at_once),
        WITH_INSTANCE(the_instance_may_close_while_its_records_are_read),
        WITH_INSTANCE(records_that_cannot_be_read_are_done_without),
        WITH_INSTANCE(each_request_has_its_limits_and_trust_anchors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

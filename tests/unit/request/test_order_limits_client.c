/* request/order_limits.c: orders of a client of the table, whichever of its subjects it asks for, in a day and a week. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/base64url.h"
#include "order_limits_scene.h"

/* Who asks from now on: the client of this name, whose token its name is; NULL: nobody in particular. */
static void ask_as(const char *client)
{
    uint8_t digest[32];

    rig.credential = (struct credential){ 0 };
    if (!client)
        return;
    rig.credential.token = CLIENT_TOKEN;
    assert_int_equal(EVP_Digest(client, strlen(client), digest, NULL, EVP_sha256(), NULL), 1);
    hex_encode(rig.credential.token_sha256, digest, sizeof digest);
}

static void add_client(const char *client)
{
    char sql[256];

    ask_as(client);
    snprintf(sql, sizeof sql, "INSERT INTO client (client, kind, token_sha256) VALUES ('%s', 'token', '%s')", client,
             rig.credential.token_sha256);
    rig_sql(&rig, sql);
}

static void add_clients(void)
{
    add_client("robot");
    add_client("other");
    rig_sql(&rig, "INSERT INTO client_subject SELECT client, subject FROM client, subject");
}

/* Whichever of its subjects it asks for; who shows nothing is nobody's client. */
static void a_client_has_so_many_orders_in_a_day(void **state)
{
    (void)state;
    add_clients();
    limits->day[CS_ORDERS_OF_CLIENT] = 2;
    ask_as("robot");
    assert_ordered("a.x.example");
    clock_move(rig.loop, HOUR_MS);
    assert_ordered("b.x.example");
    assert_refused("a.x.example", "too-many-orders-client", 23 * HOUR_MS);
    ask_as("other");
    assert_ordered("a.x.example");
    ask_as(NULL);
    for (int i = 0; i < 3; i++)
        assert_ordered("a.x.example");
    ask_as("robot");
    clock_move(rig.loop, 23 * HOUR_MS - 1);
    assert_refused("a.x.example", "too-many-orders-client", 1);
    clock_move(rig.loop, 1);
    assert_ordered("a.x.example");
    assert_refused("b.x.example", "too-many-orders-client", HOUR_MS);
}

static void a_client_has_so_many_in_a_week_and_a_restart_forgets_none(void **state)
{
    (void)state;
    add_clients();
    ask_as("robot");
    assert_ordered("a.x.example"); /* without limits it is counted, too */
    clock_move(rig.loop, DAY_MS);
    assert_ordered("b.x.example");
    rig_down(&rig);
    begin_run();
    ask_as("robot");
    limits->day[CS_ORDERS_OF_CLIENT] = 2;
    limits->week[CS_ORDERS_OF_CLIENT] = 2;
    assert_refused("a.x.example", "too-many-orders-client", 6 * DAY_MS);
    clock_move(rig.loop, 6 * DAY_MS);
    assert_ordered("a.x.example");
    assert_refused("a.x.example", "too-many-orders-client", DAY_MS);
    ask_as("other");
    assert_ordered("b.x.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_client_has_so_many_orders_in_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_has_so_many_in_a_week_and_a_restart_forgets_none, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

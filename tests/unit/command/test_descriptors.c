/* command/descriptors.c: how many clients fit under a limit of open files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "command/descriptors.h"

static struct block_settings blocks[] = { { .role = ROLE_STORE }, { .role = ROLE_CA }, { .role = ROLE_DNS } };
static struct settings settings = { .max_connections = 10000, .n_listen = 1, .blocks = blocks, .n_blocks = 3 };

static int64_t clients_under(int64_t limit)
{
    struct cs_error err;
    int64_t clients = -1;

    assert_int_equal(descriptors_share(&settings, limit, &clients, &err), 0);
    return clients;
}

static void clients_get_what_they_may_have_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(clients_under(INT64_MAX), 10000);
    assert_int_equal(clients_under(524288), 10000);
    assert_true(clients_under(1024) >= 16);
    assert_int_equal(clients_under(2048) - clients_under(1024), 1024);
}

static void a_dns_server_of_our_own_takes_its_clients_from_the_others(void **state)
{
    const int64_t before = clients_under(2048);

    (void)state;
    blocks[2].n_listen = 1;
    assert_int_equal(before - clients_under(2048), 258);
    blocks[2].n_listen = 0;
}

static void a_limit_that_leaves_hardly_any_is_refused_with_one_that_would_do(void **state)
{
    struct cs_error err = { 0 };
    int64_t clients, enough = 0;
    const char *at;

    (void)state;
    assert_int_equal(descriptors_share(&settings, 256, &clients, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "only 256 files may be open"));
    at = strstr(err.text, "allow ");
    assert_non_null(at);
    for (at += strlen("allow "); *at >= '0' && *at <= '9'; at++)
        enough = 10 * enough + (*at - '0');
    assert_int_equal(clients_under(enough), 16);
    assert_int_equal(descriptors_share(&settings, enough - 1, &clients, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_get_what_they_may_have_and_no_more),
        cmocka_unit_test(a_dns_server_of_our_own_takes_its_clients_from_the_others),
        cmocka_unit_test(a_limit_that_leaves_hardly_any_is_refused_with_one_that_would_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* records/visit_zones.c: each zone has one id, and none has another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "records/visit_zones.h"

static uint64_t id_of(struct visit_zones *zones, const char *name)
{
    const struct visit_zone *zone = visit_zones_get(zones, name, NULL);

    assert_non_null(zone);
    assert_string_equal(zone->name, name);
    return zone->id;
}

static void a_zone_keeps_its_id_and_shares_it_with_nobody(void **state)
{
    struct visit_zones *zones = visit_zones_new();
    uint64_t ids[200];
    char name[32];

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "z%d.example", i);
        ids[i] = id_of(zones, name);
        for (int k = 0; k < i; k++)
            assert_true(ids[k] != ids[i]);
    }
    assert_true(id_of(zones, "z7.example") == ids[7]);
    assert_int_equal(visit_zones_unstored(zones), 200);
    visit_zones_free(zones);
}

static void what_the_store_has_is_not_stored_again(void **state)
{
    struct visit_zones *zones = visit_zones_new();
    uint64_t id;

    (void)state;
    assert_int_equal(visit_zones_add(zones, "a.example", 7, NULL), 0);
    assert_int_equal(visit_zones_add(zones, "", UINT64_MAX, NULL), 0);
    assert_true(id_of(zones, "a.example") == 7);
    assert_true(id_of(zones, "") == UINT64_MAX);
    assert_int_equal(visit_zones_unstored(zones), 0);
    id = id_of(zones, "b.example");
    assert_int_equal(visit_zones_unstored(zones), 1);
    visit_zones_stored(zones, "b.example", id + 1); /* an id of before it was forgotten */
    assert_int_equal(visit_zones_unstored(zones), 1);
    visit_zones_stored(zones, "b.example", id);
    visit_zones_stored(zones, "b.example", id);
    visit_zones_stored(zones, "gone.example", id);
    assert_int_equal(visit_zones_unstored(zones), 0);
    visit_zones_free(zones);
}

static void a_zone_that_was_forgotten_comes_back_with_another_id(void **state)
{
    struct visit_zones *zones = visit_zones_new();

    (void)state;
    assert_int_equal(visit_zones_add(zones, "a.example", 7, NULL), 0);
    assert_int_equal(visit_zones_add(zones, "b.example", 8, NULL), 0);
    visit_zones_forget(zones, "a.example");
    visit_zones_forget(zones, "a.example");
    assert_true(id_of(zones, "a.example") != 7);
    assert_true(id_of(zones, "b.example") == 8);
    assert_int_equal(visit_zones_unstored(zones), 1);
    visit_zones_forget(zones, "a.example");
    assert_int_equal(visit_zones_unstored(zones), 0);
    visit_zones_free(zones);
    visit_zones_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_keeps_its_id_and_shares_it_with_nobody),
        cmocka_unit_test(what_the_store_has_is_not_stored_again),
        cmocka_unit_test(a_zone_that_was_forgotten_comes_back_with_another_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

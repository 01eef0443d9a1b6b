/* http/sources.c: a table that forgets who used up nothing, and, when it is full, who used up least. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "http/sources.h"

#define S    INT64_C(1000000000)
#define NOW  (1000 * S)
#define MOST 64

static struct sources *sources;

static int begin(void **state)
{
    struct cs_error err;

    (void)state;
    sources = sources_new(MOST, &err);
    assert_non_null(sources);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sources_free(sources);
    return 0;
}

static struct source number(uint32_t n)
{
    struct source source = { .family = SOURCE_IPV4 };

    memcpy(source.address, &n, sizeof n);
    return source;
}

static struct source_entry *get(uint32_t n)
{
    const struct source source = number(n);

    return sources_get(sources, &source, NOW);
}

static void one_source_has_one_entry(void **state)
{
    struct source six = { .family = SOURCE_IPV6 };
    struct source_entry *entry = get(7);

    (void)state;
    assert_non_null(entry);
    assert_int_equal(entry->full_ns[SOURCE_POSTS], 0);
    entry->full_ns[SOURCE_POSTS] = 5;
    assert_ptr_equal(get(7), entry);
    assert_int_equal(get(7)->full_ns[SOURCE_POSTS], 5);
    assert_ptr_not_equal(get(8), entry);
    memcpy(six.address, number(7).address, 4); /* the same bytes of another family are another source */
    assert_ptr_not_equal(sources_get(sources, &six, NOW), entry);
    assert_int_equal(sources_count(sources), 3);
}

static void the_address_is_not_kept_and_its_hash_differs_from_run_to_run(void **state)
{
    const struct source source = { .family = SOURCE_IPV6, .address = "Address" };
    struct cs_error err;
    struct sources *other = sources_new(MOST, &err);
    const struct source_entry *one = sources_get(sources, &source, NOW), *two = sources_get(other, &source, NOW);

    (void)state;
    assert_null(memmem(one, sizeof *one, "Addr", 4));
    assert_memory_not_equal(one->tag, two->tag, sizeof one->tag);
    sources_free(other);
}

static void who_has_full_buckets_is_forgotten(void **state)
{
    (void)state;
    get(1)->full_ns[SOURCE_POLLS] = NOW + S;
    get(2)->full_ns[SOURCE_POLLS] = NOW;
    get(3)->used[SOURCE_UNFINISHED] = 1;
    get(4)->full_ns[SOURCE_FAILED_POSTS] = NOW + 2 * S;
    sources_sweep(sources, MOST, NOW);
    assert_int_equal(sources_count(sources), 3);
    sources_sweep(sources, MOST, NOW + S);
    assert_int_equal(sources_count(sources), 2);
    assert_int_equal(get(4)->full_ns[SOURCE_FAILED_POSTS], NOW + 2 * S);
    get(3)->used[SOURCE_UNFINISHED] = 0;
    for (int i = 0; i < MOST; i++) /* a place at a time comes to all, too */
        sources_sweep(sources, 1, NOW + 2 * S);
    assert_int_equal(sources_count(sources), 0);
    assert_int_equal(sources_evicted(sources), 0);
}

/* Whatever it is. */
static void who_has_something_under_way_is_not_forgotten(void **state)
{
    (void)state;
    for (uint32_t use = 0; use < SOURCE_USES; use++)
        get(use)->used[use] = 1;
    get(SOURCE_USES);
    sources_sweep(sources, MOST, NOW);
    assert_int_equal(sources_count(sources), SOURCE_USES);
    for (uint32_t use = 0; use < SOURCE_USES; use++)
        assert_int_equal(get(use)->used[use], 1);
}

static void a_place_is_used_again(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 100 * MOST; n++) {
        assert_non_null(get(n));
        sources_sweep(sources, MOST, NOW);
    }
    assert_int_equal(sources_evicted(sources), 0);
}

/* Whoever sprays from many addresses to be forgotten must have used up as much with each of them. */
static void a_full_table_forgets_who_used_up_least(void **state)
{
    (void)state;
    get(0)->full_ns[SOURCE_FAILED_POSTS] = NOW + 100 * S;
    for (uint32_t n = 1; n < 10000; n++)
        get(n)->full_ns[SOURCE_POSTS] = NOW + S;
    assert_int_equal(sources_count(sources), MOST);
    assert_int_equal(sources_evicted(sources), 10000 - MOST);
    assert_int_equal(get(0)->full_ns[SOURCE_FAILED_POSTS], NOW + 100 * S);
}

static void who_has_unfinished_connections_stays_where_he_is(void **state)
{
    struct source_entry *held[MOST - 1];

    (void)state;
    for (uint32_t n = 0; n < MOST - 1; n++) {
        held[n] = get(n);
        held[n]->used[SOURCE_UNFINISHED] = 1;
    }
    for (uint32_t n = 1000; n < 1100; n++)
        assert_non_null(get(n));
    for (uint32_t n = 0; n < MOST - 1; n++)
        assert_ptr_equal(get(n), held[n]);
    get(1099)->used[SOURCE_UNFINISHED] = 1;
    assert_null(get(5000)); /* nobody may go */
    get(1099)->used[SOURCE_UNFINISHED] = 0;
    assert_non_null(get(5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_source_has_one_entry, begin, end),
        cmocka_unit_test_setup_teardown(the_address_is_not_kept_and_its_hash_differs_from_run_to_run, begin, end),
        cmocka_unit_test_setup_teardown(who_has_full_buckets_is_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(who_has_something_under_way_is_not_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(a_place_is_used_again, begin, end),
        cmocka_unit_test_setup_teardown(a_full_table_forgets_who_used_up_least, begin, end),
        cmocka_unit_test_setup_teardown(who_has_unfinished_connections_stays_where_he_is, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

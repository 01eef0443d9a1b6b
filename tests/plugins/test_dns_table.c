/* plugins/dns-builtin/table.c and shelf.c: owners and values in trees that readers may keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "../fakes/dns_snapshot.h"

enum { HOUR = 3600000 };

static int edit(struct table *table, const char *owner, const char *want, const char *gone, int64_t expires_ms,
                struct cs_error *err)
{
    const char *const wants[] = { want }, *const gones[] = { gone };
    struct key key = key_of(owner);
    const struct table_edit change = { .want = wants, .n_want = want ? 1 : 0, .gone = gones, .n_gone = gone ? 1 : 0, .ttl = 5,
                                       .expires_ms = expires_ms, .now_ms = 0, .max_values = 3 };

    return table_edit(table, &key, &change, err);
}

static struct found find(const struct node *root, const char *name)
{
    struct key key = key_of(name);

    return table_find(root, &key);
}

static size_t values_at(const struct node *root, const char *name)
{
    struct found found = find(root, name);

    return found.owner ? found.owner->n_values : 0;
}

static bool has(struct table *table, const char *name, const char *value)
{
    struct node *root = table_root(table);
    struct found found = find(root, name);
    bool there = false;

    for (size_t i = 0; found.owner && i < found.owner->n_values; i++) {
        const struct value *v = &found.owner->values[i];

        there |= (size_t)v->len == strlen(value) + 1 && memcmp(v->rdata + 1, value, strlen(value)) == 0;
    }
    table_release(table, root);
    return there;
}

static void values_come_and_go_one_by_one(void **state)
{
    struct table *table = table_new();

    (void)state;
    assert_int_equal(edit(table, "a.example.", "one", NULL, HOUR, NULL), 0);
    assert_int_equal(edit(table, "a.example.", "two", NULL, HOUR, NULL), 0);
    assert_int_equal(edit(table, "A.example.", "two", NULL, HOUR, NULL), 0);
    assert_true(has(table, "a.example.", "one"));
    assert_true(has(table, "a.example.", "two"));
    assert_int_equal(edit(table, "a.example.", "three", "one", HOUR, NULL), 0);
    assert_false(has(table, "a.example.", "one"));
    assert_true(has(table, "a.example.", "two"));
    assert_true(has(table, "a.example.", "three"));
    assert_int_equal(edit(table, "a.example.", "same", "same", HOUR, NULL), 0); /* wanted wins */
    assert_true(has(table, "a.example.", "same"));
    assert_int_equal(edit(table, "a.example.", NULL, "never there", HOUR, NULL), 0);
    assert_int_equal(edit(table, "other.example.", NULL, "never there", HOUR, NULL), 0);
    assert_int_equal(edit(table, "a.example.", NULL, "two", HOUR, NULL), 0);
    assert_int_equal(edit(table, "a.example.", NULL, "three", HOUR, NULL), 0);
    assert_int_equal(edit(table, "a.example.", NULL, "same", HOUR, NULL), 0);
    assert_null(table_root(table));
    table_free(table);
}

static void limits_leave_the_table_as_it_was(void **state)
{
    static char big[TABLE_VALUE_MOST + 2];
    struct table *table = table_new();
    struct cs_error err;

    (void)state;
    memset(big, 'x', TABLE_VALUE_MOST + 1);
    assert_int_equal(edit(table, "a.example.", big, NULL, HOUR, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_int_equal(edit(table, "a.example.", "one", NULL, HOUR, &err), 0);
    assert_int_equal(edit(table, "a.example.", "two", NULL, HOUR, &err), 0);
    assert_int_equal(edit(table, "a.example.", "three", NULL, HOUR, &err), 0);
    assert_int_equal(edit(table, "a.example.", "four", NULL, HOUR, &err), -1);
    assert_int_equal(err.code, CS_ELIMIT);
    assert_true(has(table, "a.example.", "one"));
    assert_false(has(table, "a.example.", "four"));
    assert_int_equal(edit(table, "a.example.", "four", "one", HOUR, &err), 0);
    assert_true(has(table, "a.example.", "four"));
    table_free(table);
}

static void a_reader_keeps_the_tree_it_began_with(void **state)
{
    struct table *table = table_new();
    struct node *before, *after;

    (void)state;
    for (int i = 0; i < 200; i++) {
        char name[32];

        snprintf(name, sizeof name, "n%d.example.", i);
        assert_int_equal(edit(table, name, "v", NULL, HOUR, NULL), 0);
    }
    before = table_root(table);
    for (int i = 0; i < 200; i += 2) {
        char name[32];

        snprintf(name, sizeof name, "n%d.example.", i);
        assert_int_equal(edit(table, name, NULL, "v", HOUR, NULL), 0);
    }
    assert_int_equal(edit(table, "n1.example.", "w", NULL, HOUR, NULL), 0);
    after = table_root(table);
    for (int i = 0; i < 200; i++) {
        char name[32];

        snprintf(name, sizeof name, "n%d.example.", i);
        assert_int_equal(values_at(before, name), 1);
        assert_int_equal(values_at(after, name), i == 1 ? 2 : i % 2);
    }
    table_release(table, before);
    table_release(table, after);
    table_free(table);
}

static void names_above_exist_and_names_beside_do_not(void **state)
{
    struct table *table = table_new();
    struct node *root;

    (void)state;
    assert_int_equal(edit(table, "_acme.x.example.", "v", NULL, HOUR, NULL), 0);
    assert_int_equal(edit(table, "a.b.example.", "v", NULL, HOUR, NULL), 0);
    root = table_root(table);
    assert_true(find(root, "x.example.").exists);
    assert_null(find(root, "x.example.").owner);
    assert_true(find(root, "example.").exists);
    assert_true(find(root, "b.example.").exists);
    assert_false(find(root, "me.x.example.").exists);
    assert_false(find(root, "y.example.").exists);
    assert_false(find(root, "z._acme.x.example.").exists);
    assert_false(find(root, "xample.").exists);
    assert_false(find(root, "bb.example.").exists);
    table_release(table, root);
    table_free(table);
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

/* A thousand owners, changed at random, and beside them an array that says what must be there. */
static void agrees_with_a_plain_array(void **state)
{
    static bool there[1000];
    struct table *table = table_new();
    uint32_t random = 42;

    (void)state;
    memset(there, 0, sizeof there);
    for (int round = 0; round < 20000; round++) {
        uint32_t i = next_random(&random) % 1000;
        bool put = next_random(&random) % 2;
        char name[32];

        snprintf(name, sizeof name, "v.n%u.example.", i);
        assert_int_equal(edit(table, name, put ? "v" : NULL, put ? NULL : "v", HOUR, NULL), 0);
        there[i] = put;
        if (round % 1000 != 999)
            continue;
        for (uint32_t j = 0; j < 1000; j++) {
            struct node *root = table_root(table);

            snprintf(name, sizeof name, "v.n%u.example.", j);
            assert_int_equal(values_at(root, name), there[j]);
            assert_int_equal(find(root, name + 2).exists, there[j]);
            table_release(table, root);
        }
    }
    table_free(table);
}

static void expired_values_are_forgotten(void **state)
{
    struct table *table = table_new();
    struct cs_error err;
    int64_t next_ms = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char name[32];

        snprintf(name, sizeof name, "n%d.example.", i);
        assert_int_equal(edit(table, name, "v", NULL, 1000 + i, &err), 0);
    }
    assert_int_equal(edit(table, "n5.example.", "long", NULL, HOUR, &err), 0);
    assert_int_equal(table_purge(table, 999), 1000);
    assert_int_equal(table_purge(table, 1000), 1001);
    assert_false(has(table, "n0.example.", "v"));
    assert_true(has(table, "n1.example.", "v"));
    for (int i = 0; i < 100 && next_ms != HOUR; i++)
        next_ms = table_purge(table, 5000);
    assert_int_equal(next_ms, HOUR);
    assert_false(has(table, "n5.example.", "v"));
    assert_true(has(table, "n5.example.", "long"));
    assert_int_equal(table_purge(table, HOUR), INT64_MAX);
    assert_null(table_root(table));
    table_free(table);
}

static int by_size(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sanitizers are slow, so the bound is generous; the number itself is in the output. */
static void a_change_among_ten_thousand_owners_is_cheap(void **state)
{
    static int64_t took[10000];
    struct zones_text text = { .zones = { (const char *const[]){ "example" }, 1 }, .contact = "", .own_addresses = "192.0.2.1",
                               .ttl = 300 };
    struct served served;

    (void)state;
    assert_int_equal(serve_zones(&served, &text, NULL), 0);
    for (int round = 0; round < 2; round++) { /* fill, then change each */
        for (int i = 0; i < 10000; i++) {
            char name[48];
            int64_t start;

            snprintf(name, sizeof name, "_acme-challenge.host%d.example.", i * 7919 % 10000);
            start = now_ns();
            assert_int_equal(serve_txt(&served, name, round ? "another" : "value", false, 5, HOUR), 0);
            took[i] = now_ns() - start;
        }
    }
    qsort(took, 10000, sizeof *took, by_size);
    print_message("# change and publish with 10000 owners: median %.1f us, p99 %.1f us\n", (double)took[5000] / 1000,
                  (double)took[9900] / 1000);
    assert_true(took[5000] < 500000);
    serve_nothing(&served);
}

static void what_is_read_is_not_freed(void **state)
{
    struct zones_text text = { .zones = { (const char *const[]){ "example" }, 1 }, .contact = "", .own_addresses = "192.0.2.1",
                               .ttl = 300 };
    struct served served;
    const struct snapshot *snapshot;

    (void)state;
    assert_int_equal(serve_zones(&served, &text, NULL), 0);
    assert_int_equal(serve_txt(&served, "a.example.", "old", false, 5, HOUR), 0);
    snapshot = shelf_take(&served.shelf);
    for (int i = 0; i < 10; i++)
        assert_int_equal(serve_txt(&served, "a.example.", "old", i % 2 == 0, 5, HOUR), 0);
    assert_int_equal(values_at(snapshot->root, "a.example."), 1); /* ASan sees when it is gone */
    assert_true(served.shelf.retired == snapshot);
    assert_null(snapshot->next);
    shelf_give_back(&served.shelf);
    assert_int_equal(serve_txt(&served, "a.example.", "new", false, 5, HOUR), 0);
    assert_null(served.shelf.retired);
    serve_nothing(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_and_go_one_by_one),
        cmocka_unit_test(limits_leave_the_table_as_it_was),
        cmocka_unit_test(a_reader_keeps_the_tree_it_began_with),
        cmocka_unit_test(names_above_exist_and_names_beside_do_not),
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(expired_values_are_forgotten),
        cmocka_unit_test(a_change_among_ten_thousand_owners_is_cheap),
        cmocka_unit_test(what_is_read_is_not_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

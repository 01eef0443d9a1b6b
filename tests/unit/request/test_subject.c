/* request/subject.c: look-ups in batches, what is kept of them, and when it is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"
#include "request/subject.h"


static struct rig rig;
#define MANY 50

static _Atomic int reads; /* of the table */
static int (*real_find)(void *conn, const char *subject, cs_subject_fn *fn, void *arg, struct cs_error *err);
static bool store_is_down;

static int counted_find(void *conn, const char *subject, cs_subject_fn *fn, void *arg, struct cs_error *err)
{
    reads++;
    if (store_is_down)
        return cs_fail(err, CS_EBUSY, "locked");
    return real_find(conn, subject, fn, arg, err);
}

static int set_up(void **state)
{
    struct cs_store_ops *ops;

    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 3);
    rig_subject(&rig, "CN=a.x.example", "x.example", "a.x.example b.x.example", "p");
    ops = &instances_at(rig.instances, ROLE_STORE, 0)->plugin.store;
    real_find = ops->subject_find;
    ops->subject_find = counted_find;
    store_is_down = false;
    reads = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

struct found {
    bool came;
    struct subject_row *row; /* kept */
    enum cs_code code;
};

static void on_found(void *arg, struct subject_row *row, const struct cs_error *err)
{
    struct found *found = arg;

    assert_false(found->came);
    found->came = true;
    found->row = row ? subject_row_keep(row) : NULL;
    found->code = err ? err->code : CS_OK;
}

static void ask(struct found *found, const char *subject)
{
    struct cs_error err;

    *found = (struct found){ 0 };
    assert_int_equal(subjects_find(rig.heart->subjects, subject, NULL, NULL, on_found, found, &err), 0);
    assert_false(found->came);
}

static struct found find(const char *subject)
{
    struct found found;

    ask(&found, subject);
    rig_until(&rig, &found.came);
    return found;
}

static bool is_known(const char *subject)
{
    struct found found = find(subject);
    const bool known = found.row != NULL;

    assert_int_equal(found.code, CS_OK);
    subject_row_release(found.row);
    return known;
}

static void a_row_comes_with_its_zone(void **state)
{
    struct found found = find("CN=a.x.example");

    (void)state;
    assert_string_equal(found.row->subject, "CN=a.x.example");
    assert_string_equal(found.row->zone, "x.example");
    assert_string_equal(found.row->names, "a.x.example b.x.example");
    assert_string_equal(found.row->profile, "p");
    assert_string_equal(found.row->dns, "fake");
    assert_int_equal(found.row->parallel, 3);
    assert_int_equal(found.row->visible, CS_VISIBLE_OFF);
    assert_true(found.row->enabled && found.row->zone_enabled);
    subject_row_release(found.row);
}

static void a_row_outlives_its_change(void **state)
{
    struct found found = find("CN=a.x.example");

    (void)state;
    rig_subject(&rig, "CN=a.x.example", "x.example", "c.x.example", "q");
    assert_true(is_known("CN=a.x.example"));
    assert_string_equal(found.row->profile, "p");
    subject_row_release(found.row);
}

static void the_table_is_read_once_while_it_does_not_change(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        assert_true(is_known("CN=a.x.example"));
    /* Each of the two readers must see once that nothing changes. */
    assert_true(reads <= 2);
}

static void strangers_are_remembered_too(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        assert_false(is_known("CN=stranger.example"));
    assert_true(reads <= 2);
}

static void long_strangers_are_not_remembered(void **state)
{
    char subject[1200] = "CN=";

    (void)state;
    memset(subject + 3, 'x', 1000);
    for (int i = 0; i < 5; i++)
        assert_false(is_known(subject));
    assert_int_equal(reads, 5);
}

static void a_change_is_seen_by_the_next_look_up(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_true(is_known("CN=a.x.example"));
        rig_sql(&rig, "UPDATE subject SET subject = 'CN=other.x.example'");
        assert_false(is_known("CN=a.x.example"));
        assert_true(is_known("CN=other.x.example"));
        rig_sql(&rig, "UPDATE subject SET subject = 'CN=a.x.example'");
    }
}

static void a_change_of_the_zone_is_seen_too(void **state)
{
    struct found found;

    (void)state;
    assert_true(is_known("CN=a.x.example"));
    rig_sql(&rig, "UPDATE zone SET parallel = 9");
    found = find("CN=a.x.example");
    assert_int_equal(found.row->parallel, 9);
    subject_row_release(found.row);
}

static void what_arrives_meanwhile_is_one_batch(void **state)
{
    struct found found[MANY];

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        ask(&found[i], "CN=a.x.example");
    for (size_t i = 0; i < MANY; i++) {
        rig_until(&rig, &found[i].came);
        assert_non_null(found[i].row);
        assert_true(found[i].row == found[MANY - 1].row || i == 0);
        subject_row_release(found[i].row);
        if (i == 0)
            rig_until(&rig, &found[MANY - 1].came);
    }
    assert_true(reads <= 2);
}

static void a_read_that_fails_is_told_to_all_and_not_remembered(void **state)
{
    struct found found[3];

    (void)state;
    store_is_down = true;
    for (size_t i = 0; i < 3; i++)
        ask(&found[i], "CN=a.x.example");
    for (size_t i = 0; i < 3; i++) {
        rig_until(&rig, &found[i].came);
        assert_null(found[i].row);
        assert_int_equal(found[i].code, CS_EBUSY);
    }
    store_is_down = false;
    assert_true(is_known("CN=a.x.example"));
}

static void ignore(void *arg, struct subject_row *row, const struct cs_error *err)
{
    (void)row, (void)err;
    ++*(int *)arg;
}

static void too_many_at_once_are_refused(void **state)
{
    struct cs_error err = { 0 };
    int came = 0, asked = 0;

    (void)state;
    while (asked < 20000 && subjects_find(rig.heart->subjects, "CN=a.x.example", NULL, NULL, ignore, &came, &err) == 0)
        asked++;
    assert_int_equal(err.code, CS_EBUSY);
    assert_int_equal(asked, 10001); /* one is being read */
    rig_until_true(&rig, came >= asked);
    assert_int_equal(came, asked);
}

static void a_disabled_zone_comes_with_the_row(void **state)
{
    struct found found;

    (void)state;
    rig_sql(&rig, "UPDATE zone SET enabled = 0");
    found = find("CN=a.x.example");
    assert_true(found.row->enabled);
    assert_false(found.row->zone_enabled);
    subject_row_release(found.row);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_comes_with_its_zone),
        TEST(a_row_outlives_its_change),
        TEST(the_table_is_read_once_while_it_does_not_change),
        TEST(strangers_are_remembered_too),
        TEST(long_strangers_are_not_remembered),
        TEST(a_change_is_seen_by_the_next_look_up),
        TEST(a_change_of_the_zone_is_seen_too),
        TEST(what_arrives_meanwhile_is_one_batch),
        TEST(a_read_that_fails_is_told_to_all_and_not_remembered),
        TEST(too_many_at_once_are_refused),
        TEST(a_disabled_zone_comes_with_the_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

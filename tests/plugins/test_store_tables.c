/* store-sqlite: zones, subjects, kept values, events; versions and savepoints, through the plugin's descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/store_file.h"
#include "../fakes/store_rows.h"

static struct store_file f;
static void *w, *r; /* a writer's connection, a reader's */
static struct cs_error err;
static const struct cs_store_ops *ops;

static int set_up(void **state)
{
    (void)state;
    store_file_open(&f, 1000);
    store_file_migrate(&f);
    ops = f.ops;
    err = (struct cs_error){ 0 };
    assert_int_equal(ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    assert_int_equal(ops->connect(f.self, CS_STATE_READER, &r, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops->disconnect(f.self, r);
    ops->disconnect(f.self, w);
    store_file_close(&f);
    return 0;
}

static struct cs_zone a_zone(const char *name)
{
    return (struct cs_zone){ .size = sizeof(struct cs_zone), .zone = name, .dns = "builtin", .parallel = 1,
                             .challenge_zone = "", .servers = "", .visible = CS_VISIBLE_REQUIRE, .enabled = true };
}

static struct cs_subject a_subject(const char *name, const char *cas)
{
    return (struct cs_subject){ .size = sizeof(struct cs_subject), .subject = name, .zone = "lab.example", .names = "",
                                .profile = "", .cas = cas, .enabled = true };
}

#define ROWS(call, on_row, expected)                    \
    do {                                                \
        struct rows got_ = { 0 };                      \
        assert_int_equal(call(on_row, &got_, &err), 0); \
        assert_string_equal(got_.text, expected);       \
    } while (0)

#define zones(fn, arg, e) ops->zone_list(r, fn, arg, e)
#define subjects(fn, arg, e) ops->subject_list(r, fn, arg, e)
#define kept(fn, arg, e) ops->keep_get(r, "ca", "le", "account", fn, arg, e)
#define events_after_1(fn, arg, e) ops->outbox_read(r, 1, 2, fn, arg, e)
#define events(fn, arg, e) ops->outbox_read(r, 0, 100, fn, arg, e)

/* ---- */

static void zones_are_put_replaced_listed_and_removed(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    struct rows l = { .most = 1 };

    (void)state;
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    z = a_zone("a.example");
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    z = (struct cs_zone){ .size = sizeof z,
                          .zone = "lab.example",
                          .dns = "pdns",
                          .parallel = 5,
                          .challenge_zone = "a.example",
                          .servers = "192.0.2.1",
                          .visible = CS_VISIBLE_OFF,
                          .enabled = false,
                          .keys = "p256 rsa3072",
                          .bind_keys = true };
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    ROWS(zones, row_of_zone, "a.example|builtin|1|||1|1||0\nlab.example|pdns|5|a.example|192.0.2.1|3|0|p256 rsa3072|1\n");
    assert_int_equal(ops->zone_list(r, row_of_zone, &l, &err), 0);
    assert_string_equal(l.text, "a.example|builtin|1|||1|1||0\n");
    l = (struct rows){ 0 };
    assert_int_equal(ops->zone_find(r, "lab.example", row_of_zone, &l, &err), 0);
    assert_int_equal(ops->zone_find(r, "x.lab.example", row_of_zone, &l, &err), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(ops->zone_remove(w, "lab.example", &err), 0);
    assert_int_equal(ops->zone_remove(w, "a.example", &err), 0);
    assert_int_equal(ops->zone_remove(w, "a.example", &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_string_equal(err.text, "there is no zone a.example");
}

static void subjects_keep_their_cas_in_order(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    struct cs_subject s = a_subject("CN=b.lab.example", "zz  le local ");
    struct rows l = { 0 };

    (void)state;
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    assert_int_equal(ops->subject_put(w, &s, &err), 0);
    s = a_subject("CN=a.lab.example", "");
    s.names = "a.lab.example *.lab.example";
    s.profile = "shortlived";
    s.enabled = false;
    assert_int_equal(ops->subject_put(w, &s, &err), 0);
    ROWS(subjects, row_of_subject,
         "CN=a.lab.example|lab.example|a.lab.example *.lab.example|shortlived||0\nCN=b.lab.example|lab.example|||zz le "
         "local|1\n");
    store_file_sql(&f, "UPDATE subject_ca SET rank = 9 WHERE ca = 'zz'");
    assert_int_equal(ops->subject_find(r, "CN=b.lab.example", row_of_subject, &l, &err), 0);
    assert_int_equal(ops->subject_find(r, "cn=b.lab.example", row_of_subject, &l, &err), 0);
    assert_string_equal(l.text, "CN=b.lab.example|lab.example|||le local zz|1\n");
    s = a_subject("CN=b.lab.example", "local");
    assert_int_equal(ops->subject_put(w, &s, &err), 0);
    assert_int_equal(ops->subject_remove(w, "CN=a.lab.example", &err), 0);
    ROWS(subjects, row_of_subject, "CN=b.lab.example|lab.example|||local|1\n");
    assert_int_equal(ops->subject_remove(w, "CN=a.lab.example", &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
}

static void what_is_kept_can_be_empty_replaced_and_forgotten(void **state)
{
    (void)state;
    ROWS(kept, row_of_blob, "");
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", "", 0, &err), 0);
    ROWS(kept, row_of_blob, "0:\n");
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", "https", 5, &err), 0);
    assert_int_equal(ops->keep_put(w, "dns", "le", "account", "other", 5, &err), 0);
    ROWS(kept, row_of_blob, "5:https\n");
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", NULL, 0, &err), 0);
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", NULL, 0, &err), 0);
    ROWS(kept, row_of_blob, "");
}

static void put_event(const char *json)
{
    struct cs_event e = {
        .size = sizeof e, .number = 99, .time_ms = 5, .kind = "issued", .json = json, .json_len = strlen(json)
    };

    assert_int_equal(ops->outbox_put(w, &e, &err), 0);
}

static void event_numbers_rise_by_one_and_are_never_used_again(void **state)
{
    int64_t first, last;

    (void)state;
    assert_int_equal(ops->outbox_range(r, &first, &last, &err), 0);
    assert_int_equal(first, 0);
    assert_int_equal(last, 0);
    put_event("{\"n\":1}");
    assert_int_equal(ops->begin(w, &err), 0);
    put_event("{\"n\":2}");
    ops->rollback(w);
    for (int i = 2; i <= 4; i++)
        put_event("{}");
    ROWS(events_after_1, row_of_event, "2|5|issued|{}\n3|5|issued|{}\n");
    assert_int_equal(ops->outbox_trim(w, 2, &err), 0);
    assert_int_equal(ops->outbox_range(r, &first, &last, &err), 0);
    assert_int_equal(first, 3);
    assert_int_equal(last, 4);
    assert_int_equal(ops->outbox_trim(w, 100, &err), 0);
    assert_int_equal(ops->outbox_range(r, &first, &last, &err), 0);
    assert_int_equal(first, 0);
    assert_int_equal(last, 4);
    put_event("{}");
    ROWS(events, row_of_event, "5|5|issued|{}\n");
}

static void cursors_are_kept(void **state)
{
    int64_t number = 7;

    (void)state;
    assert_int_equal(ops->cursor_get(r, "siem", &number, &err), 0);
    assert_int_equal(number, 0);
    assert_int_equal(ops->cursor_put(w, "siem", 12, &err), 0);
    assert_int_equal(ops->cursor_put(w, "siem", 13, &err), 0);
    assert_int_equal(ops->cursor_get(r, "siem", &number, &err), 0);
    assert_int_equal(number, 13);
}

static void the_version_changes_with_every_commit_of_anybody(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    int64_t before, after;

    (void)state;
    assert_int_equal(ops->version(r, &before, &err), 0);
    assert_int_equal(ops->version(r, &after, &err), 0);
    assert_int_equal(before, after);
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    assert_int_equal(ops->version(r, &after, &err), 0);
    assert_int_not_equal(before, after);
    before = after;
    store_file_sql(&f, "UPDATE zone SET dns = 'pdns'");
    assert_int_equal(ops->version(r, &after, &err), 0);
    assert_int_not_equal(before, after);
}

static void a_reader_in_a_transaction_sees_one_state(void **state)
{
    struct cs_zone z = a_zone("lab.example");

    (void)state;
    assert_int_equal(ops->begin(r, &err), 0);
    ROWS(zones, row_of_zone, "");
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    ROWS(zones, row_of_zone, "");
    assert_int_equal(ops->commit(r, &err), 0);
    ROWS(zones, row_of_zone, "lab.example|builtin|1|||1|1||0\n");
}

static void a_savepoint_undoes_its_own_work_only(void **state)
{
    (void)state;
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), -1);
    assert_int_equal(ops->commit(w, &err), -1);
    assert_int_equal(ops->begin(w, &err), 0);
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    put_event("{\"n\":1}");
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_RELEASE, &err), 0);
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    put_event("{\"n\":2}");
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_ROLLBACK, &err), 0);
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    put_event("{\"n\":3}");
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_RELEASE, &err), 0);
    ROWS(events, row_of_event, "");
    assert_int_equal(ops->commit(w, &err), 0);
    ROWS(events, row_of_event, "1|5|issued|{\"n\":1}\n2|5|issued|{\"n\":3}\n");
    ops->rollback(w);
    ROWS(events, row_of_event, "1|5|issued|{\"n\":1}\n2|5|issued|{\"n\":3}\n");
}

static int asks_again(void *arg, const struct cs_zone *z)
{
    (void)z;
    *(int *)arg = ops->zone_list(r, asks_again, arg, &err);
    return 0;
}

static void a_question_inside_itself_is_refused(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    int inner = 0;

    (void)state;
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    assert_int_equal(ops->zone_list(r, asks_again, &inner, &err), 0);
    assert_int_equal(inner, -1);
    assert_int_equal(err.code, CS_EINTERNAL);
    ROWS(zones, row_of_zone, "lab.example|builtin|1|||1|1||0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(zones_are_put_replaced_listed_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(subjects_keep_their_cas_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_kept_can_be_empty_replaced_and_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(event_numbers_rise_by_one_and_are_never_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursors_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_version_changes_with_every_commit_of_anybody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_in_a_transaction_sees_one_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_savepoint_undoes_its_own_work_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_question_inside_itself_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

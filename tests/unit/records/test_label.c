/* records/label.c, label_rules.c and label_values.c: a client's labels against those that zones declare, over a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../../fakes/store_core.h"
#include "engine/clock.h"
#include "records/label.h"
#include "records/label_values.h"

enum { DAY = 20778, LOOK_MS = 2000 };

static struct store_core s;
static struct metrics *metrics;
static struct labels_declared *labels;
static struct answers opened;

static int set_up(void **state)
{
    (void)state;
    store_core_open(&s, 200);
    store_core_start(&s, 2);
    store_file_sql(&s.f, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin'), ('b.example', 'builtin');"
                         "INSERT INTO label (zone, name, allowed, pattern) VALUES "
                         "('lab.example', 'campaign', 'spring' || char(10) || 'trade fair', ''),"
                         "('lab.example', 'release', '1.0', '[2-9].*'), ('lab.example', 'any', '', '*'),"
                         "('b.example', 'any', '', '*'), ('b.example', 'campaign', 'b', '')");
    store_file_sql(&s.f, "INSERT INTO label (zone, name, allowed, enabled) VALUES ('lab.example', 'old', 'x', 0)");
    metrics = metrics_new();
    opened = (struct answers){ 0 };
    labels = NULL;
    return 0;
}

static void open_labels(void)
{
    struct cs_error err = { 0 };

    labels = labels_open(s.loop, &s.instance, s.store, metrics, on_answer, &opened, &err);
    assert_non_null(labels);
    await_answers(&s, &opened, 1);
    assert_int_equal(opened.failed, 0);
}

static int tear_down(void **state)
{
    (void)state;
    labels_close(labels);
    store_core_close(&s);
    metrics_free(metrics);
    return 0;
}

/* "name=value;" of what is left. */
static const char *screen(const char *zone, int64_t day, const struct visit_label *in, size_t n)
{
    static char text[1000];
    struct cs_visit_label out[8];
    size_t len = 0;

    text[0] = '\0';
    n = labels_screen(labels, zone, day, in, n, out);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s=%s;", out[i].name, out[i].value);
    return text;
}

static const char *screen_one(const char *zone, const char *name, const char *value)
{
    return screen(zone, DAY, &(struct visit_label){ name, value }, 1);
}

static void assert_counted(const char *line)
{
    struct text page = TEXT_MAX(100000);
    char wanted[200];

    snprintf(wanted, sizeof wanted, "countersign_labels_total{result=%s\n", line);
    clock_move(s.loop, 24 * 3600 * 1000);
    loop_run_once(s.loop, 0);
    metrics_write(metrics, &page);
    if (!strstr(text_of(&page), wanted))
        fail_msg("no %s in:\n%s", wanted, text_of(&page));
    text_free(&page);
}

static void what_became_of_labels_is_told_when_the_day_is_over(void **state)
{
    struct text page = TEXT_MAX(100000);

    (void)state;
    open_labels();
    assert_string_equal(screen_one("lab.example", "campaign", "spring"), "campaign=spring;");
    clock_move(s.loop, 3599 * 1000);
    loop_run_once(s.loop, 0);
    metrics_write(metrics, &page);
    assert_null(strstr(text_of(&page), "countersign_labels_total"));
    text_free(&page);
    assert_counted("\"kept\"} 1");
}

static void what_is_declared_and_allowed_is_kept(void **state)
{
    (void)state;
    open_labels();
    assert_string_equal(screen_one("lab.example", "campaign", "spring"), "campaign=spring;");
    assert_string_equal(screen_one("lab.example", "campaign", "trade fair"), "campaign=trade fair;");
    assert_string_equal(screen_one("lab.example", "release", "1.0"), "release=1.0;");
    assert_string_equal(screen_one("lab.example", "release", "2.5"), "release=2.5;");
    assert_string_equal(screen_one("b.example", "campaign", "b"), "campaign=b;");
    assert_counted("\"kept\"} 5");
}

static void what_is_not_declared_is_dropped_and_counted(void **state)
{
    (void)state;
    open_labels();
    assert_string_equal(screen_one("lab.example", "who", "ann@lab.example"), "");
    assert_string_equal(screen_one("lab.example", "old", "x"), "");
    assert_string_equal(screen_one("b.example", "release", "1.0"), "");
    assert_string_equal(screen_one("c.example", "any", "x"), "");
    assert_string_equal(screen_one("", "campaign", "spring"), "");
    assert_counted("\"undeclared\"} 4");
    assert_counted("\"no-zone\"} 1");
}

static void other_values_become_other(void **state)
{
    (void)state;
    open_labels();
    assert_string_equal(screen_one("lab.example", "campaign", "Spring"), "campaign=other;");
    assert_string_equal(screen_one("lab.example", "campaign", "trade"), "campaign=other;");
    assert_string_equal(screen_one("lab.example", "release", "1.1"), "release=other;");
    assert_string_equal(screen_one("lab.example", "any", "ann@lab.example"), "any=other;");
    assert_string_equal(screen_one("lab.example", "any", "192.0.2.1"), "any=other;");
    assert_string_equal(screen_one("lab.example", "any", "other"), "any=other;");
    assert_counted("\"not-allowed\"} 3");
    assert_counted("\"personal\"} 2");
}

static void labels_come_out_in_the_order_of_their_names(void **state)
{
    static const struct visit_label in[] = { { "release", "1.0" }, { "who", "x" }, { "any", "y" }, { "campaign", "spring" } };

    (void)state;
    open_labels();
    assert_string_equal(screen("lab.example", DAY, in, 4), "any=y;campaign=spring;release=1.0;");
}

/* ---- new values ---- */

static size_t admitted(const char *zone, int64_t day, int from, int to)
{
    size_t n = 0;

    for (int i = from; i < to; i++) {
        char value[16];

        snprintf(value, sizeof value, "n%d", i);
        n += strcmp(screen(zone, day, &(struct visit_label){ "any", value }, 1), "any=other;") != 0;
    }
    return n;
}

static void a_zone_has_a_thousand_new_values_a_day(void **state)
{
    (void)state;
    open_labels();
    assert_int_equal(admitted("lab.example", DAY, 0, 1100), LABEL_VALUES_MOST);
    assert_int_equal(admitted("lab.example", DAY, 0, 1000), 1000); /* they are known */
    assert_string_equal(screen("lab.example", DAY, &(struct visit_label){ "release", "2.0" }, 1), "release=other;");
    assert_string_equal(screen("lab.example", DAY, &(struct visit_label){ "release", "1.0" }, 1), "release=1.0;");
    assert_int_equal(admitted("b.example", DAY, 5000, 5010), 10);
    assert_counted("\"too-many\"} 101");
}

static void midnight_has_room_for_both_days_and_none_for_an_older_one(void **state)
{
    (void)state;
    open_labels();
    assert_int_equal(admitted("lab.example", DAY, 0, 1100), 1000);
    assert_int_equal(admitted("lab.example", DAY + 1, 2000, 3100), 1000);
    assert_int_equal(admitted("lab.example", DAY, 0, 1000), 1000); /* late ones of yesterday */
    assert_int_equal(admitted("lab.example", DAY, 1000, 1100), 0);
    assert_int_equal(admitted("lab.example", DAY + 2, 0, 10), 10);
    assert_int_equal(admitted("lab.example", DAY, 0, 10), 0);
}

/* As the start does it: before the loop has run. */
static void values_that_came_before_a_restart_are_not_new(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    labels = labels_open(s.loop, &s.instance, s.store, metrics, on_answer, &opened, &err);
    assert_non_null(labels);
    for (int i = 0; i < 1000; i++) {
        char value[16];

        snprintf(value, sizeof value, "n%d", i);
        labels_known(labels, "lab.example", DAY, &(struct cs_visit_label){ "any", value });
    }
    labels_known(labels, "lab.example", DAY, &(struct cs_visit_label){ "gone", "x" });
    assert_int_equal(admitted("lab.example", DAY, 0, 1100), 1000);
    assert_string_equal(screen("lab.example", DAY, &(struct visit_label){ "any", "new" }, 1), "any=other;");
}

/* ---- changes ---- */

static void wait_for(const char *zone, const char *name, const char *value, const char *wanted)
{
    for (int turns = 0; strcmp(screen_one(zone, name, value), wanted) != 0; turns++) {
        assert_true(turns < 2000);
        clock_move(s.loop, LOOK_MS);
        loop_run_once(s.loop, 10);
    }
}

static void a_change_of_the_table_is_seen(void **state)
{
    (void)state;
    open_labels();
    store_file_sql(&s.f, "INSERT INTO label (zone, name, allowed) VALUES ('lab.example', 'new', 'x')");
    wait_for("lab.example", "new", "x", "new=x;");
    store_file_sql(&s.f, "UPDATE label SET allowed = 'autumn' WHERE name = 'campaign' AND zone = 'lab.example'");
    wait_for("lab.example", "campaign", "spring", "campaign=other;");
    assert_string_equal(screen_one("lab.example", "campaign", "autumn"), "campaign=autumn;");
    store_file_sql(&s.f, "DELETE FROM zone WHERE zone = 'lab.example'");
    wait_for("lab.example", "campaign", "autumn", "");
    assert_string_equal(screen_one("b.example", "campaign", "b"), "campaign=b;");
}

static atomic_int n_lists;
static int (*list)(void *conn, cs_label_rule_fn *fn, void *arg, struct cs_error *err);

static int counting_list(void *conn, cs_label_rule_fn *fn, void *arg, struct cs_error *err)
{
    n_lists++;
    return list(conn, fn, arg, err);
}

static atomic_int n_versions;
static int (*version)(void *conn, int64_t *out, struct cs_error *err);

static int counting_version(void *conn, int64_t *out, struct cs_error *err)
{
    n_versions++;
    return version(conn, out, err);
}

static void without_a_change_the_table_is_not_read_again(void **state)
{
    (void)state;
    list = s.instance.plugin.store.label_list;
    version = s.instance.plugin.store.version;
    s.instance.plugin.store.label_list = counting_list;
    s.instance.plugin.store.version = counting_version;
    n_lists = n_versions = 0;
    open_labels();
    for (int turns = 0; n_versions < 20; turns++) {
        assert_true(turns < 2000);
        clock_move(s.loop, LOOK_MS);
        loop_run_once(s.loop, 10);
    }
    assert_in_range(n_lists, 2, 3); /* when it was opened, and once for each reader's connection */
}

static atomic_bool is_failing;

static int failing_version(void *conn, int64_t *out, struct cs_error *err)
{
    n_versions++;
    return is_failing ? cs_fail(err, CS_EBUSY, "on purpose") : version(conn, out, err);
}

static int failing_list(void *conn, cs_label_rule_fn *fn, void *arg, struct cs_error *err)
{
    return is_failing ? cs_fail(err, CS_EBUSY, "on purpose") : list(conn, fn, arg, err);
}

static void what_was_read_stays_while_the_store_fails(void **state)
{
    (void)state;
    version = s.instance.plugin.store.version;
    s.instance.plugin.store.version = failing_version;
    is_failing = false;
    open_labels();
    is_failing = true;
    n_versions = 0;
    for (int turns = 0; n_versions < 3; turns++) {
        assert_true(turns < 2000);
        clock_move(s.loop, LOOK_MS);
        loop_run_once(s.loop, 10);
    }
    assert_string_equal(screen_one("lab.example", "campaign", "spring"), "campaign=spring;");
    store_file_sql(&s.f, "UPDATE label SET allowed = 'autumn' WHERE name = 'campaign' AND zone = 'lab.example'");
    is_failing = false;
    wait_for("lab.example", "campaign", "autumn", "campaign=autumn;");
}

/* ---- the beginning and the end ---- */

static void a_store_that_fails_says_so_at_the_beginning(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    version = s.instance.plugin.store.version;
    s.instance.plugin.store.version = failing_version;
    list = s.instance.plugin.store.label_list;
    s.instance.plugin.store.label_list = failing_list;
    is_failing = true;
    labels = labels_open(s.loop, &s.instance, s.store, metrics, on_answer, &opened, &err);
    assert_non_null(labels);
    assert_string_equal(screen_one("lab.example", "campaign", "spring"), "");
    await_answers(&s, &opened, 1);
    assert_int_equal(opened.failed, 1);
    assert_string_equal(opened.last.text, "on purpose");
    is_failing = false;
    wait_for("lab.example", "campaign", "spring", "campaign=spring;");
    assert_int_equal(opened.n, 1);
}

static void a_store_without_labels_says_so(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    s.instance.plugin.store.label_list = NULL;
    labels = labels_open(s.loop, &s.instance, s.store, metrics, on_answer, &opened, &err);
    await_answers(&s, &opened, 1);
    assert_string_equal(opened.last.text, "this store has no table of labels");
}

static void closing_while_a_look_is_out_is_harmless(void **state)
{
    struct cs_error err = { 0 };
    struct answers later = { 0 };

    (void)state;
    labels = labels_open(s.loop, &s.instance, s.store, metrics, on_answer, &opened, &err);
    labels_close(labels);
    labels = NULL;
    labels_close(NULL);
    labels = labels_open(s.loop, &s.instance, s.store, metrics, on_answer, &later, &err);
    await_answers(&s, &later, 1);
    for (int i = 0; i < 20; i++)
        loop_run_once(s.loop, 5);
    assert_int_equal(opened.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_became_of_labels_is_told_when_the_day_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_declared_and_allowed_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_declared_is_dropped_and_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_values_become_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_come_out_in_the_order_of_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_has_a_thousand_new_values_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(midnight_has_room_for_both_days_and_none_for_an_older_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_came_before_a_restart_are_not_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_of_the_table_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_change_the_table_is_not_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_read_stays_while_the_store_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_that_fails_says_so_at_the_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_without_labels_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_while_a_look_is_out_is_harmless, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}

/* core/plugin/settings_visits.c: what is recorded about requests, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/settings_visits.h"

static struct visits_settings read_visits(const char *text, const char *complaint)
{
    struct config *config = config_of(text);
    struct visits_settings visits;

    settings_visits_read(config, &visits);
    if (*complaint)
        assert_has(config_complaints(config), complaint);
    assert_int_equal(config_complaint_count(config), *complaint ? 1 : 0);
    config_free(config);
    return visits;
}

static void without_a_block_the_defaults_hold(void **state)
{
    const struct visits_settings v = read_visits("", "");

    (void)state;
    assert_true(v.enabled);
    assert_int_equal(v.keep_days, 7);
    assert_int_equal(v.label_days, 30);
    assert_int_equal(v.total_months, 25);
    assert_int_equal(v.k, 10);
    assert_int_equal(v.grace_ms, 300000);
    assert_int_equal(v.publish_ms, 3600000);
}

static void every_word_is_taken(void **state)
{
    const struct visits_settings v = read_visits("visits = { enabled = false; keep = 0; labels = \"14d\"; totals = 13; k = 5; "
                                                 "grace = \"90s\"; publish = \"6h\"; };", "");

    (void)state;
    assert_false(v.enabled);
    assert_int_equal(v.keep_days, 0);
    assert_int_equal(v.label_days, 14);
    assert_int_equal(v.total_months, 13);
    assert_int_equal(v.k, 5);
    assert_int_equal(v.grace_ms, 90000);
    assert_int_equal(v.publish_ms, 6 * 3600000);
}

static void what_would_weaken_the_promise_is_refused(void **state)
{
    (void)state;
    read_visits("visits = { keep = \"31d\"; };", "keep");
    read_visits("visits = { keep = \"36h\"; };", "`keep` of `visits` is a number of whole days, as in \"7d\"");
    read_visits("visits = { keep = \"20d\"; labels = \"10d\"; };", "`labels` of `visits` is less than `keep`");
    read_visits("visits = { grace = \"2h\"; };", "grace");
    read_visits("visits = { publish = \"1m\"; };", "publish");
    read_visits("visits = { k = 1; };", "k");
    read_visits("visits = { totals = 0; };", "totals");
    read_visits("visits = { raw = true; };", "raw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_block_the_defaults_hold),
        cmocka_unit_test(every_word_is_taken),
        cmocka_unit_test(what_would_weaken_the_promise_is_refused),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

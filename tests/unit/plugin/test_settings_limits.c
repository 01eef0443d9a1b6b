/* core/plugin/settings_limits.c: the block `limits`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/settings.h"
#include "plugin/settings_table.h"

static struct config *config;
static struct settings settings;

static void read_settings(const char *text)
{
    config = config_of(text);
    settings_read(config, &settings);
}

static void forget(void)
{
    settings_free(&settings);
    config_free(config);
}

static void assert_complaint(const char *text, const char *complaint)
{
    read_settings(text);
    assert_has(config_complaints(config), complaint);
    assert_int_equal(config_complaint_count(config), 1);
    forget();
}

static const struct setting *row(const char *key)
{
    for (size_t i = 0; i < settings_table_size; i++)
        if (strcmp(settings_table[i].block, "limits") == 0 && strcmp(settings_table[i].key, key) == 0)
            return &settings_table[i];
    fail_msg("no row %s", key);
    return NULL;
}

static void assert_usual(const char *key, const struct rate *rate)
{
    struct rate usual;

    assert_int_equal(rate_parse(row(key)->fallback, &usual), 0);
    assert_memory_equal(rate, &usual, sizeof usual);
    assert_true(rate->step_ns > 0);
}

static void without_a_block_the_limits_by_source_hold_as_the_table_says(void **state)
{
    static const char *const files[] = { "", "limits = { };", "limits = { orders = { }; };" };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        read_settings(files[i]);
        assert_string_equal(config_complaints(config), "");
        assert_usual("posts", &settings.limits.posts);
        assert_usual("failed_posts", &settings.limits.failed_posts);
        assert_usual("polls", &settings.limits.polls);
        assert_usual("connections", &settings.limits.connections);
        assert_int_equal(settings.limits.unfinished, row("unfinished")->number);
        assert_int_equal(settings.limits.waiting, settings.max_in_flight / 10);
        assert_int_equal(settings.limits.open_orders, row("open_orders")->number);
        assert_int_equal(settings.limits.sources, row("sources")->number);
        assert_int_equal(settings.limits.n_unlimited, 3);
        assert_string_equal(settings.limits.unlimited[2], "unix");
        for (int scope = 0; scope < LIMITED_SCOPES; scope++)
            assert_int_equal(settings.limits.orders.day[scope] + settings.limits.orders.week[scope], 0);
        forget();
    }
}

static void what_the_file_says_is_taken(void **state)
{
    (void)state;
    read_settings("limits = { posts = \"5/m burst 2\"; failed_posts = \"off\"; polls = \"1/h\"; connections = \"7/s\";"
                  "unfinished = 0; waiting = 7; open_orders = 8; sources = 2000; unlimited = ( );"
                  "orders = { subject_day = 1; subject_week = 2; client_day = 3; client_week = 4; zone_day = 5; }; };");
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings.limits.posts.step_ns, INT64_C(12000000000));
    assert_int_equal(settings.limits.posts.burst, 2);
    assert_int_equal(settings.limits.failed_posts.step_ns, 0);
    assert_int_equal(settings.limits.unfinished, 0);
    assert_int_equal(settings.limits.waiting, 7);
    assert_int_equal(settings.limits.open_orders, 8);
    assert_int_equal(settings.limits.sources, 2000);
    assert_int_equal(settings.limits.n_unlimited, 0);
    assert_int_equal(settings.limits.orders.day[CS_ORDERS_OF_SUBJECT], 1);
    assert_int_equal(settings.limits.orders.week[CS_ORDERS_OF_CLIENT], 4);
    assert_int_equal(settings.limits.orders.day[CS_ORDERS_OF_ZONE], 5);
    assert_int_equal(settings.limits.orders.week[CS_ORDERS_OF_ZONE], 0);
    forget();
    read_settings("limits = { unlimited = \"192.0.2.0/24\"; };");
    assert_int_equal(settings.limits.n_unlimited, 1);
    forget();
    read_settings("max_in_flight = 150;");
    assert_int_equal(settings.limits.waiting, 15);
    forget();
    read_settings("max_in_flight = 5;");
    assert_int_equal(settings.limits.waiting, 1);
    forget();
}

static void mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    assert_complaint("limits = {\n posts = \"10 per second\"; };", ":2: `posts` must be a rate such as \"10/s burst 100\"");
    assert_complaint("limits = {\n polls = 10; };", ":2: `polls` must be a string");
    assert_complaint("limits = {\n unlimited = ( \"::1\", \"proxy.example\" ); };",
                     ":2: `unlimited`: \"proxy.example\" is not a network");
    assert_complaint("limits = {\n sources = 5; };", ":2: `sources` must be from 1024 to 1000000, not 5");
    assert_complaint("limits = {\n post = \"1/s\"; };", ":2: unknown key `post`, did you mean `posts`?");
    assert_complaint("limits = { orders = {\n zone_weak = 1; }; };", ":2: unknown key `zone_weak`, did you mean `zone_week`?");
    assert_complaint("limits = { orders = {\n zone_day = 9; zone_week = 8; }; };", ":2: `zone_day` is more than `zone_week`");
    assert_complaint("limits = { orders = 5; };", "`orders` must be");
    assert_complaint("limits = 5;", "`limits` must be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_block_the_limits_by_source_hold_as_the_table_says),
        cmocka_unit_test(what_the_file_says_is_taken),
        cmocka_unit_test(mistakes_are_told_with_their_line),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

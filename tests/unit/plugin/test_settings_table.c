/* core/plugin/settings_table.c: what the table says of a setting is what the server does with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include <stdio.h>

#include "plugin/duration.h"
#include "plugin/settings.h"
#include "plugin/settings_table.h"

/* A file in which only that key of that block is set. */
static void file_with(char *text, size_t size, const struct setting *s, const char *value)
{
    static const char whole[] = "address = \"127.0.0.1\";";

    if (!*s->block)
        snprintf(text, size, "%s = %s;", s->key, value);
    else if (strcmp(s->block, "listen") == 0 || strcmp(s->block, "admin") == 0)
        snprintf(text, size, "%s = { %s %s = %s; };", s->block, whole, s->key, value);
    else if (strcmp(s->block, "visits") == 0)
        snprintf(text, size, "visits = { labels = \"366d\"; keep = 0; %s = %s; };", s->key, value);
    else if (strcmp(s->block, "limits") == 0)
        snprintf(text, size, "limits = { %s = %s; };", s->key, value);
    else if (strcmp(s->block, "limits.orders") == 0)
        snprintf(text, size, "limits = { orders = { %s = %s; }; };", s->key, value);
    else
        snprintf(text, size, "%s = { x = { plugin = \"x\"; %s = %s; }; };", s->block, s->key, value);
}

/* Does the server complain about that number, as one that is out of range? */
static bool refused(const struct setting *s, int64_t number)
{
    char text[400], value[48], duration[32];
    struct settings settings;
    struct config *config;
    bool is_refused;

    duration_text(duration, number);
    if (s->type == SETTING_SECONDS)
        snprintf(value, sizeof value, "\"%s\"", duration);
    else
        snprintf(value, sizeof value, "%lld", (long long)number);
    file_with(text, sizeof text, s, value);
    config = config_of(text);
    settings_read(config, &settings);
    is_refused = strstr(config_complaints(config), "must be from") != NULL;
    settings_free(&settings);
    config_free(config);
    return is_refused;
}

static bool is_number(const struct setting *s)
{
    return s->type == SETTING_COUNT || s->type == SETTING_SECONDS;
}

/* Two keys of visits stand for whole days, and labels may not be less than keep: both are set in every file of this test. */
static bool is_set_twice(const struct setting *s)
{
    return strcmp(s->block, "visits") == 0 && (strcmp(s->key, "keep") == 0 || strcmp(s->key, "labels") == 0);
}

static void numbers_have_the_range_that_the_table_says(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct setting *s = settings_table; s < settings_table + settings_table_size; s++) {
        const int64_t step = s->type == SETTING_SECONDS ? 1000 : 1;

        if (!is_number(s) || is_set_twice(s))
            continue;
        n++;
        assert_false(refused(s, s->min));
        assert_false(refused(s, s->max));
        assert_true(refused(s, s->max + step));
        if (s->min > 0)
            assert_true(refused(s, s->min - step));
    }
    assert_true(n > 15);
}

static void without_a_file_the_defaults_of_the_table_hold(void **state)
{
    const char *text = "listen = { address = \"::1\"; }; admin = { address = \"::1\"; }; dns = { x = { plugin = \"x\"; }; };";
    struct config *config = config_of(text);
    struct settings settings;
    const struct {
        const char *block, *key;
        int64_t value;
    } rows[] = {
        { "listen", "port", 8443 },
        { "admin", "port", 9180 },
        { "dns", "max_parallel", 4 },
        { "visits", "keep", 7 * 86400000LL },
        { "visits", "labels", 30 * 86400000LL },
        { "visits", "totals", 25 },
        { "visits", "k", 10 },
        { "visits", "grace", 300000 },
        { "visits", "publish", 3600000 },
    };

    (void)state;
    assert_int_equal(settings_read(config, &settings), 0);
    assert_int_equal(settings.listen[0].port, rows[0].value);
    assert_int_equal(settings.admin.port, rows[1].value);
    assert_int_equal(settings.blocks[0].max_parallel, rows[2].value);
    assert_int_equal(settings.visits.keep_days * 86400000, rows[3].value);
    assert_int_equal(settings.visits.label_days * 86400000, rows[4].value);
    assert_int_equal(settings.visits.total_months, rows[5].value);
    assert_int_equal(settings.visits.k, rows[6].value);
    assert_int_equal(settings.visits.grace_ms, rows[7].value);
    assert_int_equal(settings.visits.publish_ms, rows[8].value);
    for (const struct setting *s = settings_table; s < settings_table + settings_table_size; s++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (strcmp(s->block, rows[i].block) == 0 && strcmp(s->key, rows[i].key) == 0)
                assert_int_equal(s->number, rows[i].value);
    settings_free(&settings);
    config_free(config);
}

static void every_row_says_what_it_is_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct setting *s = &settings_table[i];

        assert_true(s->help && strlen(s->help) > 10 && s->help[strlen(s->help) - 1] == '.');
        assert_true(is_number(s) ? !s->fallback || !s->number : s->fallback != NULL); /* a number may be made of another one */
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(s->block, settings_table[j].block) == 0 && strcmp(s->key, settings_table[j].key) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_the_range_that_the_table_says),
        cmocka_unit_test(without_a_file_the_defaults_of_the_table_hold),
        cmocka_unit_test(every_row_says_what_it_is_for),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* core/plugin/options.c: from a plugin's table and its block to the plugin's settings struct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/loader.h"
#include "plugin/options.h"

struct sample {
    const char *server;
    const char *key;
    const char *api;
    int64_t tries, timeout, most;
    bool quiet;
    struct cs_strings zones;
};

static const struct cs_option table[] = {
    CS_SETTING(STRING, struct sample, server, NULL, "address of the primary"),
    CS_SETTING(SECRET, struct sample, key, "", "API key"),
    CS_SETTING(URL, struct sample, api, "https://x.example", "where the API is"),
    CS_SETTING_RANGE(INT, struct sample, tries, "3", 1, 10, "how often"),
    CS_SETTING_RANGE(SECONDS, struct sample, timeout, "15", 1000, 60000, "how long"),
    CS_SETTING(SIZE, struct sample, most, "64K", "how much"),
    CS_SETTING(BOOL, struct sample, quiet, "false", "say nothing"),
    CS_SETTING(STRINGS, struct sample, zones, "", "which zones"),
    CS_SETTINGS_END
};

static struct config *config;
static struct settings settings;
static struct options *options;

static void fill_from(const char *text, const struct cs_option *from, size_t stride, size_t size)
{
    config = config_of(text);
    assert_int_equal(settings_read(config, &settings), 0);
    options = options_fill(config, &settings.blocks[0], from, stride, size);
}

static const struct sample *fill(const char *keys)
{
    char text[2048];

    snprintf(text, sizeof text, "dns = { d = { plugin = \"p\";\n%s\n}; };\n", keys);
    fill_from(text, table, sizeof *table, sizeof(struct sample));
    return options ? options_struct(options) : NULL;
}

static void forget(void)
{
    options_free(options);
    settings_free(&settings);
    config_free(config);
}

static void assert_complaint(const char *keys, const char *complaint)
{
    assert_null(fill(keys));
    assert_has(config_complaints(config), complaint);
    assert_int_equal(config_complaint_count(config), 1);
    forget();
}

static void defaults_fill_what_the_block_does_not_say(void **state)
{
    const struct sample *sample = fill("server = \"s\";");

    (void)state;
    assert_string_equal(config_complaints(config), "");
    assert_string_equal(sample->server, "s");
    assert_string_equal(sample->key, "");
    assert_string_equal(sample->api, "https://x.example");
    assert_int_equal(sample->tries, 3);
    assert_int_equal(sample->timeout, 15000);
    assert_int_equal(sample->most, 65536);
    assert_false(sample->quiet);
    assert_int_equal(sample->zones.n, 0);
    assert_non_null(sample->zones.v);
    forget();
}

static void the_block_fills_the_struct(void **state)
{
    const struct sample *sample = fill("server = \"s\"; key = \"hush\"; api = \"https://y.example/v1\"; tries = 10;"
                                       "timeout = \"2s\"; most = 9; quiet = true; zones = ( \"a\", \"b\" );"
                                       "listen = \"x\"; max_parallel = 2;");

    (void)state;
    assert_string_equal(config_complaints(config), "");
    assert_string_equal(sample->key, "hush");
    assert_string_equal(sample->api, "https://y.example/v1");
    assert_int_equal(sample->tries, 10);
    assert_int_equal(sample->timeout, 2000);
    assert_int_equal(sample->most, 9);
    assert_true(sample->quiet);
    assert_int_equal(sample->zones.n, 2);
    assert_string_equal(sample->zones.v[1], "b");
    forget();
}

static void the_struct_outlives_the_configuration(void **state)
{
    const struct sample *sample = fill("server = \"s\"; zones = \"z\"; key = \"k\"; api = \"https://y.example\";");

    (void)state;
    settings_free(&settings);
    config_free(config);
    assert_string_equal(sample->server, "s");
    assert_string_equal(sample->zones.v[0], "z");
    assert_string_equal(sample->key, "k");
    assert_string_equal(sample->api, "https://y.example");
    options_free(options);
}

static void a_missing_key_is_named_with_its_help(void **state)
{
    (void)state;
    assert_complaint("tries = 3;", "/test.conf:1: dns.d: `server` is missing: address of the primary");
}

static void an_unknown_key_lists_the_known(void **state)
{
    (void)state;
    assert_complaint("server = \"s\"; trys = 3;",
                     "/test.conf:2: unknown key `trys`, did you mean `tries`?; known here: plugin, listen, max_parallel, "
                     "insecure, server, key, api, tries, timeout, most, quiet, zones\n");
    assert_complaint("server = \"s\"; cn_only = true;", "unknown key `cn_only`");
}

static void wrong_types_and_ranges_are_complaints(void **state)
{
    (void)state;
    assert_complaint("server = 5;", ":2: `server` must be a string, not a number");
    assert_complaint("server = \"s\"; tries = 11;", "`tries` must be from 1 to 10, not 11");
    assert_complaint("server = \"s\"; timeout = \"61s\";", "`timeout` must be from 1s to 1m, not 61s");
    assert_complaint("server = \"s\"; most = -1;", "`most` must be at least 0, not -1");
    assert_complaint("server = \"s\"; quiet = 1;", "`quiet` must be true or false");
    assert_complaint("server = \"s\"; zones = 1;", "`zones` must be a string or a list of strings");
    assert_complaint("server = \"s\"; key = \"$CS_NO_SUCH_VARIABLE\";",
                     "the environment variable CS_NO_SUCH_VARIABLE is not set");
}

static void every_fault_of_a_block_is_told(void **state)
{
    (void)state;
    assert_null(fill("tries = 0; quiet = 3; odd = 1;"));
    assert_int_equal(config_complaint_count(config), 4);
    forget();
}

static void a_url_is_https_or_loopback_or_insecure(void **state)
{
    (void)state;
    assert_null(fill("server = \"s\"; api = \"http://api.example\";"));
    assert_has(config_complaints(config), ":2: `api`: ");
    forget();
    assert_non_null(fill("server = \"s\"; api = \"http://127.0.0.1:8081\";"));
    forget();
    assert_non_null(fill("server = \"s\"; insecure = true; api = \"http://api.example\";"));
    forget();
    assert_null(fill("server = \"s\"; api = \"\";"));
    forget();
}

static void a_block_without_settings_knows_the_words_of_the_core(void **state)
{
    (void)state;
    fill_from("dns = { d = { plugin = \"p\"; max_parallel = 1; }; };", NULL, sizeof *table, 0);
    assert_non_null(options);
    forget();
    fill_from("dns = { d = { plugin = \"p\"; insecure = true; }; };", NULL, sizeof *table, 0);
    assert_null(options);
    assert_has(config_complaints(config), "unknown key `insecure`; known here: plugin, listen, max_parallel\n");
    forget();
}

static void a_table_of_wider_entries_is_walked_by_its_own_stride(void **state)
{
    static const struct {
        struct cs_option option;
        const char *newer;
    } wide[] = {
        { CS_SETTING(STRING, struct sample, server, NULL, "h"), "x" },
        { CS_SETTING(INT, struct sample, tries, "7", "h"), "y" },
        { CS_SETTINGS_END, NULL },
    };

    (void)state;
    fill_from("dns = { d = { plugin = \"p\"; server = \"s\"; }; };", &wide[0].option, sizeof *wide, sizeof(struct sample));
    assert_non_null(options);
    assert_string_equal(((const struct sample *)options_struct(options))->server, "s");
    assert_int_equal(((const struct sample *)options_struct(options))->tries, 7);
    forget();
}

static void a_broken_table_is_the_authors_fault(void **state)
{
    static const struct cs_option outside[] = { CS_SETTING(INT, struct sample, tries, "1", "h"), CS_SETTINGS_END };
    static const struct cs_option odd[] = { { CS_OPTION_INT, "x", 4, "1", 0, 0, "h" }, CS_SETTINGS_END };
    static const struct cs_option unknown[] = { { (enum cs_option_type)99, "x", 0, "1", 0, 0, "h" }, CS_SETTINGS_END };
    static const struct cs_option fallback[] = { { CS_OPTION_INT, "x", 0, "many", 0, 0, "h" }, CS_SETTINGS_END };
    static const struct {
        const struct cs_option *table;
        size_t size;
        const char *complaint;
    } broken[] = { { outside, 8, "is broken at entry 1: its author must mend it" },
                   { odd, 16, "is broken at entry 1" },
                   { unknown, 16, "is broken at entry 1" },
                   { fallback, 16, "the default \"many\" of `x` in plugin p makes no sense" } };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        fill_from("dns = { d = { plugin = \"p\"; }; };", broken[i].table, sizeof(struct cs_option), broken[i].size);
        assert_null(options);
        assert_has(config_complaints(config), broken[i].complaint);
        forget();
    }
}

static void a_setting_outside_the_struct_of_a_real_plugin_is_refused(void **state)
{
    struct cs_error err = { 0 };
    struct plugin plugin;

    (void)state;
    copy_plugin("outside-settings", "outside-settings");
    assert_int_equal(plugin_load(&plugin, test_folder, "outside-settings", getuid(), getuid(), &err), 0);
    fill_from("dns = { d = { plugin = \"outside-settings\"; }; };", plugin.about.settings, plugin.about.option_size,
              plugin.about.settings_size);
    assert_null(options);
    assert_has(config_complaints(config), "the settings table of plugin outside-settings is broken at entry 1");
    plugin_release(&plugin);
    forget();
}

static void the_table_is_described_for_people(void **state)
{
    struct text text = TEXT_MAX(4096);

    (void)state;
    options_describe(table, sizeof *table, &text);
    assert_has(text_of(&text), "server               string   mandatory            address of the primary\n");
    assert_has(text_of(&text), "key                  secret   none                 API key\n");
    assert_has(text_of(&text), "api                  url      \"https://x.example\"  where the API is\n");
    assert_has(text_of(&text), "tries                number   3                    how often (1 to 10)\n");
    assert_has(text_of(&text), "timeout              seconds  15                   how long (1s to 1m)\n");
    assert_true(options_allow_insecure(table, sizeof *table));
    assert_false(options_allow_insecure(table + 3, sizeof *table)); /* no URL */
    assert_false(options_allow_insecure(NULL, sizeof *table));
    text_clear(&text);
    options_describe(NULL, sizeof *table, &text);
    assert_string_equal(text_of(&text), "");
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_the_block_does_not_say),
        cmocka_unit_test(the_block_fills_the_struct),
        cmocka_unit_test(the_struct_outlives_the_configuration),
        cmocka_unit_test(a_missing_key_is_named_with_its_help),
        cmocka_unit_test(an_unknown_key_lists_the_known),
        cmocka_unit_test(wrong_types_and_ranges_are_complaints),
        cmocka_unit_test(every_fault_of_a_block_is_told),
        cmocka_unit_test(a_url_is_https_or_loopback_or_insecure),
        cmocka_unit_test(a_block_without_settings_knows_the_words_of_the_core),
        cmocka_unit_test(a_table_of_wider_entries_is_walked_by_its_own_stride),
        cmocka_unit_test(a_broken_table_is_the_authors_fault),
        cmocka_unit_test(a_setting_outside_the_struct_of_a_real_plugin_is_refused),
        cmocka_unit_test(the_table_is_described_for_people),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

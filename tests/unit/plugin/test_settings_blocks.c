/* core/plugin/settings_blocks.c: the sections ca, dns, store and audit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/settings_blocks.h"
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

static void blocks_come_in_the_order_of_roles_and_file(void **state)
{
    (void)state;
    read_settings("store = { main = { plugin = \"store-sqlite\"; }; };\n"
                  "ca = { le = { plugin = \"ca-acme\"; cn_only = true; directory = \"x\"; };\n"
                  "       b-2 = { plugin = \"/opt/ca-other.so\"; max_parallel = 256; }; };\n"
                  "dns = { builtin = { plugin = \"dns-builtin\"; listen = ( \"0.0.0.0:53\", \"[::]:53\" ); }; };\n");
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings.n_blocks, 4);
    assert_string_equal(settings.blocks[0].name, "le");
    assert_int_equal(settings.blocks[0].role, ROLE_CA);
    assert_string_equal(settings.blocks[0].plugin, "ca-acme");
    assert_true(settings.blocks[0].cn_only);
    assert_int_equal(settings.blocks[0].max_parallel, 4);
    assert_int_equal(settings.blocks[0].n_listen, 0);
    assert_string_equal(settings.blocks[1].name, "b-2");
    assert_false(settings.blocks[1].cn_only);
    assert_int_equal(settings.blocks[1].max_parallel, 256);
    assert_int_equal(settings.blocks[2].n_listen, 2);
    assert_string_equal(settings.blocks[2].listen[1], "[::]:53");
    assert_int_equal(settings.blocks[3].role, ROLE_STORE);
    assert_ptr_equal(settings_block(&settings, ROLE_DNS, "builtin"), &settings.blocks[2]);
    assert_null(settings_block(&settings, ROLE_CA, "builtin"));
    forget();
}

static void a_string_lets_one_block_play_two_roles(void **state)
{
    (void)state;
    read_settings("store = { main = { plugin = \"store-x\"; max_parallel = 2; }; }; audit = { log = \"store.main\"; };");
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings.n_blocks, 2);
    assert_ptr_equal(settings.blocks[1].same, &settings.blocks[0]);
    assert_string_equal(settings.blocks[1].plugin, "store-x");
    assert_null(settings.blocks[0].same);
    forget();
}

static void an_audit_block_says_which_ledger_it_is_told(void **state)
{
    (void)state;
    read_settings("audit = { a = { plugin = \"x\"; }; b = { plugin = \"x\"; ledger = \"visits\"; };\n"
                  "          c = { plugin = \"x\"; ledger = \"issuance\"; }; };\n");
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings.blocks[0].ledger, LEDGER_ISSUANCE);
    assert_int_equal(settings.blocks[1].ledger, LEDGER_VISITS);
    assert_int_equal(settings.blocks[2].ledger, LEDGER_ISSUANCE);
    assert_string_equal(settings_ledger_name(settings.blocks[1].ledger), "visits");
    forget();
    assert_complaint("audit = { a = { plugin = \"x\";\n ledger = \"all\"; }; };",
                     ":2: `ledger` of audit.a must be \"issuance\" or \"visits\", not \"all\"");
}

static void a_string_that_names_no_block_is_a_complaint(void **state)
{
    const char *store = "store = { main = { plugin = \"x\"; }; };\n";
    static const char *const wrong[] = { "store.other", "stor.main", "main", "", ".", "audit.log", "store.main.x" };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "%saudit = { log = \"%s\"; };\n", store, wrong[i]);
        assert_complaint(text, ":2: audit.log = \"");
    }
    assert_complaint("audit = { a = \"audit.b\"; b = { plugin = \"x\"; }; };", "names no block { … } of another section");
}

static void blocks_that_make_no_sense_are_complaints(void **state)
{
    (void)state;
    assert_complaint("ca = { le = { directory = \"x\"; }; };", "ca.le names no plugin: write plugin = \"…\"");
    assert_complaint("ca = { le = { plugin = \"\"; }; };", "ca.le names no plugin");
    assert_complaint("ca = { le = { plugin = 5; }; };", "`plugin` must be a string");
    assert_complaint("ca = { le = 5; };", "`le` must be a block { plugin = ");
    assert_complaint("ca = ( );", "`ca` must be a group { … }, not a list");
    assert_complaint("dns = { d = { plugin = \"x\";\n max_parallel = 257; }; };",
                     ":2: `max_parallel` must be from 1 to 256, not 257");
    assert_complaint("dns = { d = { plugin = \"x\";\n listen = 53; }; };",
                     ":2: `listen` must be a string or a list of strings");
    assert_complaint("ca = { le* = { plugin = \"x\"; }; };", "letters, digits, `-` and `_` is needed, not `le*`");
    assert_complaint("store = { a = { plugin = \"x\"; }; b = { plugin = \"x\"; }; };",
                     "there can be one store only, and here are 2");
}

static void the_keys_of_the_core_are_known(void **state)
{
    const char *keys[SETTINGS_KEYS_MOST];

    (void)state;
    assert_int_equal(settings_keys("dns", keys), 3);
    assert_string_equal(keys[0], "plugin");
    assert_int_equal(settings_keys("ca", keys), 4);
    assert_string_equal(keys[3], "cn_only");
    assert_int_equal(settings_keys("audit", keys), 4);
    assert_string_equal(keys[3], "ledger");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_in_the_order_of_roles_and_file),
        cmocka_unit_test(a_string_lets_one_block_play_two_roles),
        cmocka_unit_test(an_audit_block_says_which_ledger_it_is_told),
        cmocka_unit_test(a_string_that_names_no_block_is_a_complaint),
        cmocka_unit_test(blocks_that_make_no_sense_are_complaints),
        cmocka_unit_test(the_keys_of_the_core_are_known),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* core/plugin/loader.c: what is said about each plugin of tests/bad-plugins/, and how a sound one is loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/loader.h"

static struct plugin plugin;
static struct cs_error err;

static int load(const char *name)
{
    err = (struct cs_error){ 0 };
    return plugin_load(&plugin, test_folder, name, getuid(), getuid(), &err);
}

static void assert_refused(const char *name, const char *why)
{
    copy_plugin(name, name);
    if (load(name) == 0)
        fail_msg("%s was loaded", name);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(err.text, in_folder(name));
    assert_has(err.text, why);
    assert_null(plugin.path);
}

static void assert_cannot_play(const char *name, enum role role, const char *why)
{
    copy_plugin(name, name);
    assert_int_equal(load(name), 0);
    assert_int_equal(plugin_plays(&plugin, role, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(err.text, in_folder(name));
    assert_has(err.text, why);
    plugin_release(&plugin);
}

static void a_sound_plugin_is_loaded(void **state)
{
    (void)state;
    copy_plugin("no-fault", "no-fault");
    assert_int_equal(load("no-fault"), 0);
    assert_string_equal(plugin.about.name, "no-fault");
    assert_string_equal(plugin.about.version, "1.2");
    assert_string_equal(plugin.path, in_folder("no-fault.so"));
    assert_ptr_equal(plugin.about.dns, &plugin.dns);
    assert_null(plugin.about.ca);
    assert_non_null(plugin.dns.set_txt);
    assert_int_equal(plugin_plays(&plugin, ROLE_DNS, &err), 0);
    plugin_release(&plugin);
    assert_null(plugin.path);
}

static void it_is_found_by_path_and_by_a_linked_folder(void **state)
{
    (void)state;
    copy_plugin("no-fault", "no-fault");
    assert_int_equal(load(in_folder("no-fault.so")), 0);
    plugin_release(&plugin);
    assert_int_equal(symlink(test_folder, in_folder("link")), 0);
    assert_int_equal(plugin_load(&plugin, in_folder("link"), "no-fault", getuid(), getuid(), &err), 0);
    assert_string_equal(plugin.path, in_folder("no-fault.so"));
    plugin_release(&plugin);
}

static void a_section_needs_a_plugin_that_plays_its_role(void **state)
{
    (void)state;
    assert_cannot_play("no-fault", ROLE_CA, "does not play the role `ca`: name it in a section that it can serve");
    assert_cannot_play("no-fault", ROLE_AUDIT, "does not play the role `audit`");
    assert_cannot_play("no-fault", ROLE_STORE, "does not play the role `store`");
    assert_cannot_play("no-sign", ROLE_DNS, "does not play the role `dns`");
}

static void a_role_needs_its_functions(void **state)
{
    (void)state;
    assert_cannot_play("no-set-txt", ROLE_DNS, "has no function `set_txt` in its role `dns`: its author must add it");
    assert_cannot_play("no-sign", ROLE_CA, "has no function `sign` in its role `ca`");
    assert_cannot_play("no-append", ROLE_AUDIT, "has no function `append` in its role `audit`");
    assert_cannot_play("no-migrate", ROLE_STORE, "has no function `migrate` in its role `store`");
    assert_cannot_play("not-blocking", ROLE_AUDIT, "does not say .blocking = true in its role `audit`");
}

static void another_version_names_both(void **state)
{
    (void)state;
    assert_refused("wrong-major", "was built for plugin ABI 2.1, this server (" CS_VERSION ") has 1.1: build it anew");
    assert_refused("newer-minor", "was built for plugin ABI 1.2, this server (" CS_VERSION ") has 1.1 only: update the");
    assert_refused("newer-service", "needs cs_of_tomorrow, which this server (" CS_VERSION ", plugin ABI 1.1) does not have:");
    assert_has(err.text, "it was probably built for a newer server");
}

static void a_descriptor_must_be_whole(void **state)
{
    (void)state;
    assert_refused("no-symbol", "is not a plugin of Countersign: it exports no cs_plugin");
    assert_refused("small-descriptor", "describes itself in 56 bytes, ABI 1.0 has 120");
    assert_refused("small-option", "has settings of 48 bytes each, ABI 1.0 has 56");
    assert_refused("odd-option", "has settings of 59 bytes each, ABI 1.0 has 56");
    assert_refused("no-version", "has no name, version or summary");
    assert_refused("other-name", "says that it is \"some-other\": name the file some-other.so");
    assert_refused("no-open", "has no function `open`");
    assert_refused("no-close", "has no function `close`");
    assert_refused("no-role", "plays no role (ca, dns, store, audit)");
    assert_refused("small-role", "describes its role `dns` in 8 bytes, ABI 1.0 has 16");
}

static void what_cannot_be_linked_is_explained(void **state)
{
    char elf[4096];
    FILE *f;

    (void)state;
    assert_refused("missing-library", "needs function_of_no_library, which nothing provides");
    write_text("text.so", "not an object\n");
    assert_int_equal(load("text"), -1);
    assert_has(err.text, "/text.so is no shared object that this machine can load (");
    write_text("empty.so", "");
    assert_int_equal(load("empty"), -1);
    assert_has(err.text, "/empty.so is no shared object that this machine can load (file too short)");
    f = fopen(copy_plugin("no-fault", "no-fault"), "r");
    assert_int_equal(fread(elf, 1, sizeof elf, f), sizeof elf);
    fclose(f);
    elf[18] = (char)(elf[18] + 1); /* e_machine */
    write_bytes("foreign.so", elf, sizeof elf, 0600);
    assert_int_equal(load("foreign"), -1);
    assert_has(err.text, "/foreign.so is no shared object that this machine can load (");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_plugin_is_loaded),
        cmocka_unit_test(it_is_found_by_path_and_by_a_linked_folder),
        cmocka_unit_test(a_section_needs_a_plugin_that_plays_its_role),
        cmocka_unit_test(a_role_needs_its_functions),
        cmocka_unit_test(another_version_names_both),
        cmocka_unit_test(a_descriptor_must_be_whole),
        cmocka_unit_test(what_cannot_be_linked_is_explained),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* core/plugin/options_check.c: what is said about tables of settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "plugin/options_check.h"

struct sound {
    const char *server, *key, *api;
    struct cs_strings zones;
    int64_t tries, timeout, most;
    bool insecure;
};

static char said[128 << 10];
static size_t faults, notes;

static void take(void *arg, bool fault, const char *text)
{
    const size_t len = strlen(said);

    assert_ptr_equal(arg, said);
    *(fault ? &faults : &notes) += 1;
    snprintf(said + len, sizeof said - len, "%s\n", text);
}

static size_t look(const struct cs_option *table, const struct cs_ca_ops *ca)
{
    const struct cs_plugin about = {
        .settings = table, .option_size = sizeof *table, .settings_size = sizeof(struct sound), .ca = ca
    };

    said[0] = '\0';
    faults = notes = 0;
    return options_check(&about, take, said);
}

#define LOOK(...) look((const struct cs_option[]){ __VA_ARGS__, CS_SETTINGS_END }, NULL)

static void assert_said(size_t n_faults, size_t n_notes, const char *text)
{
    if (faults != n_faults || notes != n_notes || !strstr(said, text))
        fail_msg("%zu faults, %zu notes: %s", faults, notes, said);
}

static void a_sound_table_is_told_nothing(void **state)
{
    (void)state;
    assert_int_equal(LOOK(CS_SETTING(STRING, struct sound, server, "localhost", "where"),
                          CS_SETTING(SECRET, struct sound, key, NULL, "what it knows us by"),
                          CS_SETTING(URL, struct sound, api, "https://api.example/v1", "its address"),
                          CS_SETTING(STRINGS, struct sound, zones, "", "which"),
                          CS_SETTING_RANGE(INT, struct sound, tries, "3", 1, 10, "how often"),
                          CS_SETTING_RANGE(SECONDS, struct sound, timeout, "250ms", 100, 60000, "how long"),
                          CS_SETTING(SIZE, struct sound, most, "64K", "how much"),
                          CS_SETTING(BOOL, struct sound, insecure, "false", "allow http")),
                     8);
    assert_said(0, 0, "");
    assert_int_equal(look(NULL, NULL), 0);
    assert_said(0, 0, "");
}

static void names_are_checked(void **state)
{
    static const struct cs_ca_ops ca = { .size = sizeof ca };
    const struct cs_option cn_only[] = { { CS_OPTION_BOOL, "cn_only", offsetof(struct sound, insecure), "false", 0, 0, "x" },
                                         CS_SETTINGS_END };

    (void)state;
    LOOK({ CS_OPTION_STRING, "Server-Name", 0, "", 0, 0, "where" });
    assert_said(1, 0, "`Server-Name` is no name for a setting: lower case letters");
    LOOK({ CS_OPTION_STRING, NULL, 0, "", 0, 0, "where" });
    assert_said(1, 0, "setting number 1 has no name");
    for (size_t i = 0; i < 3; i++) {
        static const char *const words[] = { "plugin", "listen", "max_parallel" };

        LOOK({ CS_OPTION_STRING, words[i], 0, "", 0, 0, "where" });
        assert_said(1, 0, "is a word of the server in every block");
    }
    LOOK({ CS_OPTION_STRING, "insecure", 0, "", 0, 0, "where" });
    assert_said(1, 0, "`insecure` is a word of the server");
    look(cn_only, &ca);
    assert_said(1, 0, "`cn_only` is a word of the server");
    look(cn_only, NULL);
    assert_said(0, 0, "");
    LOOK(CS_SETTING(STRING, struct sound, server, "", "x"),
         { CS_OPTION_STRING, "server", offsetof(struct sound, api), "", 0, 0, "x" });
    assert_said(1, 0, "`server` stands in the table twice, at 1 and 2");
}

static void places_are_checked(void **state)
{
    (void)state;
    LOOK({ CS_OPTION_INT, "tries", sizeof(struct sound), "1", 0, 0, "x" });
    assert_said(1, 0, "`tries` lies at");
    LOOK({ CS_OPTION_STRINGS, "zones", sizeof(struct sound) - 8, "", 0, 0, "x" });
    assert_said(1, 0, "outside of the settings struct");
    LOOK({ CS_OPTION_INT, "tries", SIZE_MAX - 3, "1", 0, 0, "x" });
    assert_said(1, 0, "outside of the settings struct");
    LOOK({ CS_OPTION_INT, "tries", 12, "1", 0, 0, "x" });
    assert_said(1, 0, "`tries` lies at 12, which is not aligned for its type");
    LOOK(CS_SETTING(STRING, struct sound, server, "", "x"), { CS_OPTION_STRING, "host", 0, "", 0, 0, "x" });
    assert_said(1, 0, "`server` and `host` lie in the same place");
    LOOK({ CS_OPTION_BOOL + 100, "odd", 0, "", 0, 0, "x" });
    assert_said(1, 0, "`odd` has type 104, which this server does not know");
}

static void defaults_are_checked(void **state)
{
    (void)state;
    LOOK(CS_SETTING(INT, struct sound, tries, "three", "x"), CS_SETTING(SECONDS, struct sound, timeout, "1 fortnight", "x"),
         CS_SETTING(SIZE, struct sound, most, "64Q", "x"), CS_SETTING(BOOL, struct sound, insecure, "no", "x"));
    assert_said(4, 0, "the default \"three\" of `tries` is none for its type");
    assert_non_null(strstr(said, "the default \"no\" of `insecure` is neither true nor false"));
    LOOK(CS_SETTING(SECRET, struct sound, key, "@/etc/key", "x"));
    assert_said(1, 0, "`key` is a secret with a default");
    LOOK(CS_SETTING(URL, struct sound, api, "http://far.example/", "x"));
    assert_said(1, 0, "the default of `api`: ");
    LOOK(CS_SETTING_RANGE(INT, struct sound, tries, "0", 1, 10, "x"));
    assert_said(0, 1, "the default \"0\" of `tries` lies outside of its range: right if");
    LOOK(CS_SETTING_RANGE(INT, struct sound, tries, "7", 10, 5, "x"));
    assert_said(1, 1, "`tries` must be at least 10 and at most 5: nothing can be");
    LOOK(CS_SETTING_RANGE(INT, struct sound, tries, NULL, 10, 0, "x"));
    assert_said(1, 0, "set both limits");
    LOOK(CS_SETTING_RANGE(STRING, struct sound, server, "", 1, 5, "x"));
    assert_said(0, 1, "the range of `server` has no effect");
}

static void help_is_one_line(void **state)
{
    (void)state;
    LOOK(CS_SETTING(STRING, struct sound, server, "", NULL), CS_SETTING(STRING, struct sound, api, "", "one\ntwo"));
    assert_said(2, 0, "`server` has no help");
    assert_non_null(strstr(said, "the help of `api` must be one line"));
}

static void a_table_must_end(void **state)
{
    static struct cs_option endless[400];

    (void)state;
    for (size_t i = 0; i < 400; i++)
        endless[i] = (struct cs_option)CS_SETTING(STRING, struct sound, server, "", "x");
    look(endless, NULL);
    assert_non_null(strstr(said, "the table of settings does not end within 256 entries"));
}

static void a_struct_without_a_size_is_told(void **state)
{
    const struct cs_option table[] = { CS_SETTING(STRING, struct sound, server, "", "x"), CS_SETTINGS_END };
    const struct cs_plugin about = { .settings = table, .option_size = sizeof *table };

    (void)state;
    said[0] = '\0';
    faults = notes = 0;
    options_check(&about, take, said);
    assert_said(2, 0, ".settings_size is 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_table_is_told_nothing),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(places_are_checked),
        cmocka_unit_test(defaults_are_checked),
        cmocka_unit_test(help_is_one_line),
        cmocka_unit_test(a_table_must_end),
        cmocka_unit_test(a_struct_without_a_size_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* command/sandbox_paths.c: which folders a configuration needs, and whether others allow them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/sandbox_paths.h"

static char root[64];

static const char *const folders[] = { "", "conf", "tls", "state", "run", "log", "sock", "keys", "elsewhere", "more" };
static const char *const files[] = {
    "conf/main.conf", "more/part.conf", "tls/tls.pem", "tls/tls.key", "keys/pdns.key", "log/issued",
};

static void at(char out[200], const char *name)
{
    snprintf(out, 200, "%s/%s", root, name);
}

__attribute__((format(printf, 2, 3)))
static void put(const char *name, const char *format, ...)
{
    char path[200];
    va_list args;
    FILE *file;

    at(path, name);
    file = fopen(path, "w");
    assert_non_null(file);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
    char path[200];

    (void)state;
    snprintf(root, sizeof root, "/tmp/countersign-paths-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    for (size_t i = 1; i < sizeof folders / sizeof *folders; i++) {
        at(path, folders[i]);
        mkdir(path, 0700);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put(files[i], "x\n");
    return 0;
}

static int end(void **state)
{
    char path[200];

    (void)state;
    at(path, "keys/link");
    unlink(path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        at(path, files[i]);
        unlink(path);
    }
    for (size_t i = sizeof folders / sizeof *folders; i-- > 0;) {
        at(path, folders[i]);
        rmdir(path);
    }
    return 0;
}

static struct sandbox_paths paths_of(const char *name)
{
    struct sandbox_paths paths;
    struct settings settings;
    struct config *config;
    char path[200];

    at(path, name);
    config = config_load(path, NULL);
    assert_non_null(config);
    settings_read(config, &settings);
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(sandbox_paths_of(&paths, config, &settings, NULL), 0);
    settings_free(&settings);
    config_free(config);
    return paths;
}

/* 'r', 'w', or '-' for a folder below our root. */
static char access_of(const struct sandbox_paths *paths, const char *name)
{
    struct sandbox_path want = { .access = LANDLOCK_READ };
    const struct sandbox_paths one = { &want, 1 };
    char path[200];
    bool reads;

    at(path, name);
    want.path = path;
    reads = !sandbox_paths_missing(paths, &one);
    want.access = LANDLOCK_WRITE;
    return !sandbox_paths_missing(paths, &one) ? 'w' : reads ? 'r' : '-';
}

static void write_main(const char *more)
{
    put("conf/main.conf",
        "state = \"%s/state\"; runtime = \"%s/run\";\n"
        "listen = ( { address = \"unix:%s/sock/http\"; certificate = \"%s/tls/tls.pem\"; key = \"%s/tls/tls.key\"; } );\n"
        "dns = { pdns = { plugin = \"dns-pdns\"; api = \"https://192.0.2.1/\"; key = \"@%s/keys/pdns.key\"; }; };\n"
        "store = { main = { plugin = \"store-sqlite\"; }; };\n"
        "audit = { one = { plugin = \"audit-jsonl\"; file = \"%s/log/issued\"; }; };\n%s",
        root, root, root, root, root, root, root, more);
}

static void what_the_file_names_is_allowed_and_nothing_beside_it(void **state)
{
    struct sandbox_paths paths;

    (void)state;
    write_main("");
    paths = paths_of("conf/main.conf");
    assert_int_equal(access_of(&paths, "conf"), 'r');
    assert_int_equal(access_of(&paths, "tls"), 'r');
    assert_int_equal(access_of(&paths, "keys"), 'r');
    assert_int_equal(access_of(&paths, "state"), 'w');
    assert_int_equal(access_of(&paths, "state/store.main"), 'w');
    assert_int_equal(access_of(&paths, "run"), 'w');
    assert_int_equal(access_of(&paths, "sock"), 'w');
    assert_int_equal(access_of(&paths, "log"), 'w');
    assert_int_equal(access_of(&paths, "elsewhere"), '-');
    assert_int_equal(access_of(&paths, "tls-not"), '-');
    assert_int_equal(access_of(&paths, ""), '-');
    sandbox_paths_free(&paths);
}

static void a_file_that_another_includes_is_read_again_with_it(void **state)
{
    struct sandbox_paths paths;

    (void)state;
    put("more/part.conf", "stop = 3;\n");
    write_main("@include \"../more/part.conf\"\n");
    paths = paths_of("conf/main.conf");
    assert_int_equal(access_of(&paths, "more"), 'r');
    sandbox_paths_free(&paths);
}

static void where_a_link_leads_to_is_allowed_too(void **state)
{
    struct sandbox_paths paths;
    char link[200], target[200], line[300];

    (void)state;
    at(link, "keys/link");
    at(target, "elsewhere/blocked");
    put("elsewhere/blocked", "%s", "");
    assert_int_equal(symlink(target, link), 0);
    snprintf(line, sizeof line, "blocked_keys = ( \"%s\" );\n", link);
    write_main(line);
    paths = paths_of("conf/main.conf");
    assert_int_equal(access_of(&paths, "elsewhere"), 'r');
    sandbox_paths_free(&paths);
    unlink(target);
}

static void what_another_configuration_needs_more_is_found(void **state)
{
    struct sandbox_paths have, want;
    const struct sandbox_path *missing;
    char line[300], wanted[200];

    (void)state;
    write_main("");
    have = paths_of("conf/main.conf");
    want = paths_of("conf/main.conf");
    assert_null(sandbox_paths_missing(&have, &want));
    sandbox_paths_free(&want);
    snprintf(line, sizeof line, "blocked_keys = ( \"%s/elsewhere/list\" );\n", root);
    write_main(line);
    want = paths_of("conf/main.conf");
    missing = sandbox_paths_missing(&have, &want);
    at(wanted, "elsewhere");
    assert_non_null(missing);
    assert_string_equal(missing->path, wanted);
    assert_int_equal(missing->access, LANDLOCK_READ);
    sandbox_paths_free(&want);
    sandbox_paths_free(&have);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_file_names_is_allowed_and_nothing_beside_it, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_another_includes_is_read_again_with_it, begin, end),
        cmocka_unit_test_setup_teardown(where_a_link_leads_to_is_allowed_too, begin, end),
        cmocka_unit_test_setup_teardown(what_another_configuration_needs_more_is_found, begin, end),
    };

    return cmocka_run_group_tests_name("sandbox_paths", tests, NULL, NULL);
}

/*
 * What the tests of core/plugin/ share: a folder of their own, files in it, configurations from a string.
 * Include after cmocka.h.
 */
#ifndef TESTS_PLUGIN_TEST_H
#define TESTS_PLUGIN_TEST_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/config.h"

static char test_folder[PATH_MAX];

static inline int make_test_folder(void **state)
{
    (void)state;
    snprintf(test_folder, sizeof test_folder, "%s/cs-plugin-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int remove_test_folder(void **state)
{
    char command[PATH_MAX + 16];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", test_folder);
    return system(command);
}

/* The path of a file in the test's folder; good until the eighth next call. */
static inline const char *in_folder(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];

    assert_true((size_t)snprintf(path, PATH_MAX, "%s/%s", test_folder, name) < PATH_MAX);
    return path;
}

static inline const char *write_bytes(const char *name, const void *bytes, size_t len, mode_t mode)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static inline const char *write_text(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text), 0600);
}

/* A built plugin as NAME.so in the test's folder, which is closed to others whatever the build's is. `folder`: the variable
 * that names where it was built. */
static inline const char *copy_built(const char *folder, const char *from, const char *name)
{
    static char bytes[8 << 20];
    char path[PATH_MAX], target[NAME_MAX];
    size_t len;
    FILE *f;

    assert_true((size_t)snprintf(path, sizeof path, "%s/%s.so", getenv(folder), from) < sizeof path);
    f = fopen(path, "r");
    assert_non_null(f);
    len = fread(bytes, 1, sizeof bytes, f);
    assert_true(len > 0 && len < sizeof bytes);
    fclose(f);
    assert_true((size_t)snprintf(target, sizeof target, "%s.so", name) < sizeof target);
    unlink(in_folder(target)); /* it may be mapped: writing over it would change loaded code */
    return write_bytes(target, bytes, len, 0644);
}

/* One of tests/bad-plugins/. */
static inline const char *copy_plugin(const char *from, const char *name)
{
    return copy_built("BAD_PLUGINS", from, name);
}

/* A configuration from its text; the test fails when it does not parse. */
static inline struct config *config_of(const char *text)
{
    struct cs_error err = { 0 };
    struct config *config = config_load(write_text("test.conf", text), &err);

    if (!config)
        fail_msg("%s", err.text);
    return config;
}

/* Does a text hold another? Prints both when not. */
static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

#endif

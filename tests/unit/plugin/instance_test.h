/*
 * What test_instance.c and test_instance_calls.c share: instances of the recorder plugin, and what it wrote down.
 * Include after cmocka.h.
 */
#ifndef TESTS_INSTANCE_TEST_H
#define TESTS_INSTANCE_TEST_H

#include "plugin_test.h"

#include "engine/clock.h"
#include "plugin/instance.h"

static struct loop *loop;
static struct config *config;
static struct settings settings;
static struct instances *all;
static struct cs_error err;

/* `blocks` may say TRACE for the trace file's line. */
static inline void make_instances(const char *blocks)
{
    struct text text = TEXT_MAX(16 << 10);
    const char *from = blocks, *to;

    unlink(in_folder("trace"));
    text_addf(&text, "state = \"%s\"; plugin_dir = \"%s\";\n", test_folder, test_folder);
    for (; (to = strstr(from, "TRACE")) != NULL; from = to + 5) {
        text_add_n(&text, from, (size_t)(to - from));
        text_addf(&text, "trace = \"%s\";", in_folder("trace"));
    }
    text_add(&text, from);
    config = config_of(text_of(&text));
    text_free(&text);
    settings_read(config, &settings);
    err = (struct cs_error){ 0 };
    loop = loop_new(&err);
    assert_non_null(loop);
    all = instances_new(loop, NULL, &settings, config, &err);
    assert_non_null(all);
}

static inline void load_instances(const char *blocks)
{
    copy_built("RECORDERS", "recorder", "recorder");
    copy_built("RECORDERS", "recorder-blocking", "recorder-blocking");
    make_instances(blocks);
    if (instances_load(all, getuid(), getuid(), &err) < 0)
        fail_msg("%s%s", config_complaints(config), err.text);
}

static inline void open_instances(const char *blocks)
{
    static const enum role roles[] = { ROLE_STORE, ROLE_AUDIT, ROLE_DNS, ROLE_CA };

    load_instances(blocks);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        assert_int_equal(instances_open(all, roles[i], &err), 0);
    assert_int_equal(instances_start(all, &err), 0);
}

static inline void forget_instances(void)
{
    instances_free(all);
    loop_free(loop);
    settings_free(&settings);
    config_free(config);
}

/* All that was written down; good until the next call. */
static inline const char *trace(void)
{
    static char text[8192];
    FILE *f = fopen(in_folder("trace"), "r");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;

    text[len] = '\0';
    if (f)
        fclose(f);
    return text;
}

#endif

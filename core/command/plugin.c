/*
 * `countersign plugin list`: what is in the plugin folder, and why something there cannot be loaded.
 * `countersign plugin help PLUGIN`: the settings of one, from its own table.
 * `countersign plugin check FILE`: is it sound, and does it bear a dry run? plugin_check.c.
 * `countersign plugin test INSTANCE …`: one at work; plugin_test.c.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/plugin_check.h"
#include "command/plugin_test.h"
#include "command/setup.h"
#include "plugin/plugin_file.h"
#include "plugin/settings_table.h"

static const enum role roles[] = { ROLE_CA, ROLE_DNS, ROLE_STORE, ROLE_AUDIT };

static const struct usage_form forms[] = {
    { "list", "", NULL },
    { "help", "PLUGIN", NULL },
    { "check", "[--set NAME=VALUE]… [--zone ZONE] [--wait SECONDS] [--log] [--here] FILE", plugin_check_options },
    { "test", "INSTANCE --zone ZONE --server ADDRESS[:PORT] [--only NAME,…]", plugin_test_options },
    { "test", "INSTANCE --zone ZONE --steps -", plugin_test_options },
    { "test", "--list", plugin_test_options },
    { NULL, NULL, NULL },
};

const struct usage usage_plugin = {
    "plugin", forms,
    "Which plugins there are, the settings of one, what is wrong with a file, and one at work.\n"
    "\n"
    "`test` opens one dns instance of the configuration as the server would, makes changes in ZONE, and looks at the DNS\n"
    "server whether they are served. Names of its own are used and taken away again: the zone may be in use. A line for each\n"
    "behaviour: \"pass|FAIL NAME MILLISECONDS DETAIL\". Exit code: 0 all passed, 1 not all did, 2 wrong usage.\n",
    NULL,
};

/* Without a configuration at its usual place the defaults are good enough to look around. */
static int prepare(struct setup *setup, const char *config_path)
{
    const bool is_usual = strcmp(config_path, CS_SYSCONF_DIR "/countersign.conf") == 0;

    return setup_visit(setup, is_usual && access(config_path, F_OK) < 0 ? NULL : config_path);
}

/* ---- list ---- */

/* "ca dns"; -1 when a role that the plugin claims lacks something. */
static int roles_of(const struct plugin *plugin, struct text *out, struct cs_error *err)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (role_ops(&plugin->about, roles[i])) {
            if (plugin_plays(plugin, roles[i], err) < 0)
                return -1;
            text_addf(out, "%s%s", out->len ? " " : "", role_name(roles[i]));
        }
    return 0;
}

static int list_one(const struct setup *setup, const char *name)
{
    struct text played = TEXT_MAX(64);
    struct cs_error err = { 0 };
    struct plugin plugin;
    int rc = plugin_load(&plugin, setup->settings.plugin_dir, name, setup->user, setup->starter, &err);

    if (rc == 0) {
        rc = roles_of(&plugin, &played, &err);
        if (rc == 0)
            printf("%-16s %-8s %-10s %s\n", plugin.about.name, plugin.about.version, text_of(&played), plugin.about.summary);
        plugin_release(&plugin);
    }
    if (rc < 0)
        printf("%-16s cannot be loaded: %s\n", name, err.text);
    text_free(&played);
    return rc;
}

static int is_object(const struct dirent *entry)
{
    char *name = plugin_file_name(entry->d_name);

    free(name);
    return name != NULL;
}

static int list(const struct setup *setup)
{
    struct dirent **entries;
    int n = scandir(setup->settings.plugin_dir, &entries, is_object, alphasort), rc = 0;

    if (n < 0) {
        fprintf(stderr, "the plugin folder %s cannot be read: %s\n", setup->settings.plugin_dir, strerror(errno));
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char *name = plugin_file_name(entries[i]->d_name);

        if (!name || list_one(setup, name) < 0)
            rc = 1;
        free(name);
        free(entries[i]);
    }
    free(entries);
    if (n == 0)
        printf("there is no plugin in %s\n", setup->settings.plugin_dir);
    return rc;
}

/* ---- help ---- */

enum { COMMON_WORDS = 3 }; /* in the block of every role */

static enum cs_option_type option_type(enum setting_type type)
{
    switch (type) {
    case SETTING_STRINGS:
        return CS_OPTION_STRINGS;
    case SETTING_BOOL:
        return CS_OPTION_BOOL;
    case SETTING_COUNT:
        return CS_OPTION_INT;
    case SETTING_SECONDS:
        return CS_OPTION_SECONDS;
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_RATE:
    case SETTING_BLOCK:
        break;
    }
    return CS_OPTION_STRING;
}

/* The server's own words in blocks of that role, from the first, or behind those that every role has. */
static void describe_words(enum role role, size_t first, struct text *out)
{
    size_t n = 0;

    for (const struct setting *s = settings_table; s < settings_table + settings_table_size; s++) {
        struct cs_option option[] = { { option_type(s->type), s->key, 0, s->fallback, s->min, s->max, s->help },
                                      CS_SETTINGS_END };
        char number[32];

        if (strcmp(s->block, role_name(role)) != 0 || n++ < first)
            continue;
        snprintf(number, sizeof number, "%" PRId64, s->number);
        if (!s->fallback)
            option->fallback = number;
        else if (strcmp(s->fallback, "mandatory") == 0)
            option->fallback = NULL;
        else if (strcmp(s->fallback, "none") == 0)
            option->fallback = "";
        options_describe(option, sizeof *option, out);
    }
}

static void describe(const struct plugin *plugin, const char *played, struct text *out)
{
    static const struct cs_option of_urls[] = {
        { CS_OPTION_BOOL, "insecure", 0, "false", 0, 0, "Allow http to any host in settings of type url." },
        CS_SETTINGS_END,
    };

    text_addf(out, "%s %s (%s): %s\n\nSettings of its block:\n", plugin->about.name, plugin->about.version, played,
              plugin->about.summary);
    options_describe(plugin->about.settings, plugin->about.option_size, out);
    text_add(out, "\nWords of the server in the same block:\n");
    describe_words(ROLE_DNS, 0, out);
    if (options_allow_insecure(plugin->about.settings, plugin->about.option_size))
        options_describe(of_urls, sizeof *of_urls, out);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (role_ops(&plugin->about, roles[i]))
            describe_words(roles[i], COMMON_WORDS, out);
}

static int help(const struct setup *setup, const char *name)
{
    struct text out = TEXT_MAX(64 << 10), played = TEXT_MAX(64);
    struct cs_error err = { 0 };
    struct plugin plugin = { 0 };
    int rc = plugin_load(&plugin, setup->settings.plugin_dir, name, setup->user, setup->starter, &err);

    if (rc == 0)
        rc = roles_of(&plugin, &played, &err);
    if (rc == 0) {
        describe(&plugin, text_of(&played), &out);
        fputs(text_of(&out), stdout);
    } else {
        fprintf(stderr, "%s\n", err.text);
    }
    text_free(&out);
    text_free(&played);
    plugin_release(&plugin);
    return rc == 0 ? 0 : 1;
}

int command_plugin(const struct command_line *line)
{
    bool lists = line->argc == 2 && strcmp(line->argv[1], "list") == 0;
    struct setup setup;
    int rc;

    if (line->argc > 1 && command_is_help(line->argv[1])) {
        usage_help(&usage_plugin, stdout);
        return 0;
    }
    if (line->argc > 1 && strcmp(line->argv[1], "check") == 0)
        return plugin_check(line);
    if (line->argc > 1 && strcmp(line->argv[1], "test") == 0)
        return plugin_test(line);
    if (!lists && !(line->argc == 3 && strcmp(line->argv[1], "help") == 0))
        return usage_wrong(&usage_plugin, "countersign plugin: list, help, check or test, with what they take");
    if (prepare(&setup, line->config_path) < 0)
        return 1;
    rc = lists ? list(&setup) : help(&setup, line->argv[2]);
    setup_free(&setup);
    return rc;
}

/*
 * What the commands of the store's tables share; see table.h.
 */
#include "command/table.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/name.h"

/* The verb gets the whole name as argv[0], for its complaints and those of getopt. */
static int run_verb(const struct command_line *line, const struct table_verb *verb)
{
    struct text name = TEXT_MAX(100);
    char **argv = line->argv + 1;
    int code;

    text_addf(&name, "countersign %s %s", line->argv[0], verb->name);
    argv[0] = name.at;
    code = verb->run(line, line->argc - 1, argv);
    text_free(&name);
    return code;
}

int table_run(const struct command_line *line, const struct table_verb *verbs, const struct usage *usage)
{
    const char *name = line->argc > 1 ? line->argv[1] : "";

    if (command_is_help(name) || (line->argc > 2 && command_is_help(line->argv[2]))) {
        usage_help(usage, stdout);
        return 0;
    }
    for (; verbs->name; verbs++)
        if (strcmp(verbs->name, name) == 0)
            return run_verb(line, verbs);
    if (!*name)
        return usage_wrong(usage, "countersign %s: say what to do", line->argv[0]);
    return usage_wrong(usage, "countersign %s: `%s` is not one of these", line->argv[0], name);
}

int table_work(const struct command_line *line, int (*check)(const struct settings *settings, void *arg, struct cs_error *err),
               enum cs_store_use use, store_fn *work, void *arg)
{
    struct cs_error err = { 0 };
    struct setup setup;
    int rc;

    if (setup_read(&setup, line->config_path) < 0)
        return 1;
    rc = check ? check(&setup.settings, arg, &err) : 0;
    if (rc == 0)
        rc = setup_store(&setup, &err);
    if (rc == 0)
        rc = store_with(setup.store, use, work, arg, &err);
    if (rc < 0 && err.text[0])
        fprintf(stderr, "countersign %s: %s\n", line->argv[0], err.text);
    setup_free(&setup);
    return rc == 0 ? 0 : 1;
}

int table_print(const struct command_line *line, store_fn *find, void *arg, struct table_rows *rows)
{
    int code;

    columns_open(&rows->found, rows->names);
    code = table_work(line, NULL, CS_STATE_READER, find, arg);
    if (code == 0 && rows->one)
        columns_print_row(&rows->found, 0, rows->json, stdout);
    else if (code == 0)
        columns_print(&rows->found, rows->json, stdout);
    columns_close(&rows->found);
    return code;
}

const struct usage_option table_show_options[] = { { "json", NULL, 'j', "as JSON" }, USAGE_END };

int table_read_json(const struct usage *usage, int argc, char **argv, bool *json)
{
    int option;

    optind = 0;
    while ((option = usage_next(table_show_options, argc, argv)) != USAGE_OVER) {
        if (option != 'j')
            return usage_wrong(usage, "%s takes --json only", argv[0]);
        *json = true;
    }
    return -1;
}

int table_check_instance(const struct settings *settings, enum role role, const char *name, struct cs_error *err)
{
    struct text known = TEXT_MAX(300);

    if (settings_block(settings, role, name))
        return 0;
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == role)
            text_addf(&known, "%s%s", known.len ? ", " : "", settings->blocks[i].name);
    if (known.len)
        cs_fail(err, CS_EINPUT, "the configuration has no %s instance `%s`; it has: %s", role_name(role), name,
                text_of(&known));
    else
        cs_fail(err, CS_EINPUT, "the configuration has no %s instance: add one under `%s`", role_name(role), role_name(role));
    text_free(&known);
    return -1;
}

int table_name(char out[254], const char *typed, unsigned flags, const char *what, struct cs_error *err)
{
    size_t len = strlen(typed);

    if (len > 1 && typed[len - 1] == '.')
        len--;
    if (name_check(out, typed, len, flags, err) == 0)
        return 0;
    return cs_fail_in(err, "%s", what);
}

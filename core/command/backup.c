/*
 * `countersign backup DIR`: all records and keys as of one moment, in a new folder, beside the running server and without its
 * help; docs/backup.md. First the store's files, then the keys: what a row needs was on the disk before that row.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/day.h"
#include "command/manifest.h"
#include "command/backup_place.h"
#include "command/backup_state.h"
#include "command/command.h"
#include "command/folder.h"
#include "command/setup.h"
#include "command/usage.h"

static const struct usage_option options[] = {
    { "visits", "none|totals|all", 'v',
      "of the record of requests: counts of closed days (totals, the default), nothing, or all of it with the pseudonyms of "
      "the kept days" },
    { "json", NULL, 'j', "one line of JSON on the standard output" },
    { "help", NULL, 'h', "this text" },
    USAGE_END,
};

static const struct usage_form forms[] = { { "", "DIR [--visits none|totals|all] [--json]", options }, { NULL, NULL, NULL } };

const struct usage usage_backup = {
    "backup", forms,
    "Makes a folder in DIR, named after the time, with all records and keys that a server needs to go on elsewhere. The\n"
    "running server does not notice. It holds private keys: DIR is for the server's user only.\n",
    "Exit codes: 0 it was made, 1 it was not, 2 wrong use. The way back: countersign restore.\n",
};

struct backup {
    const char *dir;
    enum cs_backup_visits visits;
    bool json;
    int64_t created_ms, began_ms;
    struct setup setup;
    struct backup_place place;
    json_t *manifest;
    struct cs_error failed; /* of on_store_file() */
};

/* ---- The command line ---- */

static const char *const visits_words[] = { [CS_BACKUP_NO_VISITS] = "none", [CS_BACKUP_TOTALS] = "totals",
                                            [CS_BACKUP_ALL_VISITS] = "all" };

static int read_visits(const char *typed, enum cs_backup_visits *visits)
{
    for (enum cs_backup_visits v = CS_BACKUP_NO_VISITS; v <= CS_BACKUP_ALL_VISITS; v++)
        if (strcmp(visits_words[v], typed) == 0) {
            *visits = v;
            return 0;
        }
    return -1;
}

/* Returns an exit code, or -1 to go on. */
static int read_options(struct backup *b, int argc, char **argv)
{
    int option;

    optind = 0;
    while ((option = usage_next(options, argc, argv)) != USAGE_OVER) {
        if (option == 'h') {
            usage_help(&usage_backup, stdout);
            return 0;
        }
        if (option == 'j')
            b->json = true;
        else if (option == USAGE_WRONG || read_visits(optarg, &b->visits) < 0)
            return usage_wrong(&usage_backup, "countersign backup: --visits takes none, totals or all");
    }
    if (argc - optind != 1 || !*argv[optind])
        return usage_wrong(&usage_backup, "countersign backup: name one folder, in which the backup is made");
    b->dir = argv[optind];
    return -1;
}

/* ---- What it says of itself ---- */

static json_t *time_json(int64_t wall_ms)
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    char text[32] = "";
    struct tm utc;

    if (gmtime_r(&seconds, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

/* The day on which the server itself forgets something that is in it, for however long it keeps a day: the oldest one goes when
 * the next one begins. A young server has nothing that old yet. null when there is nothing. */
static json_t *forget_by(const struct backup *b)
{
    char day[DAY_TEXT];

    if (b->visits == CS_BACKUP_NO_VISITS)
        return json_null();
    day_text(day, day_of_ms(b->created_ms) + 1);
    return json_string(day);
}

static int describe(struct backup *b, const char *config_path, struct cs_error *err)
{
    const struct instance *store = b->setup.store;

    if (json_object_set_new(b->manifest, "created", time_json(b->created_ms)) < 0 ||
        json_object_set_new(b->manifest, "created_ms", json_integer(b->created_ms)) < 0 ||
        json_object_set_new(b->manifest, "version", json_string(CS_VERSION)) < 0 ||
        json_object_set_new(b->manifest, "store", json_string(store->plugin.about.name)) < 0 ||
        json_object_set_new(b->manifest, "visits", json_string(visits_words[b->visits])) < 0 ||
        json_object_set_new(b->manifest, "forget_by", forget_by(b)) < 0)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    return backup_state_left_out(&b->setup, config_path, b->manifest, err);
}

/* ---- The store's files ---- */

static void on_store_file(void *arg, const char *name, int64_t schema)
{
    struct backup *b = arg;
    struct text path = TEXT_MAX(300);

    text_addf(&path, BACKUP_STORE "/%s", name);
    if (b->failed.code == CS_OK && !text_failed(&path))
        manifest_add(b->manifest, b->place.partial, text_of(&path), schema, &b->failed);
    text_free(&path);
}

static int copy_store(struct backup *b, struct cs_error *err)
{
    const struct instance *store = b->setup.store;
    struct text folder = TEXT_MAX(4000);
    int rc = -1;

    text_addf(&folder, "%s/" BACKUP_STORE, b->place.partial);
    if (!store->plugin.store.backup || !store->plugin.store.restore || !store->plugin.store.restore_prepare ||
        !store->plugin.store.restore_drop)
        cs_fail(err, CS_ECONFIG, "the store %s has no backup of this kind: use the means of its own database",
                store->plugin.about.name);
    else if (text_failed(&folder) || mkdir(text_of(&folder), 0700) < 0)
        cs_fail(err, CS_ECONFIG, "the folder %s cannot be made", text_of(&folder));
    else if (store->plugin.store.backup(store->self, text_of(&folder), b->visits, on_store_file, b, err) == 0)
        rc = b->failed.code == CS_OK ? folder_sync(text_of(&folder), err) : -1;
    if (rc < 0 && b->failed.code != CS_OK)
        *err = b->failed;
    text_free(&folder);
    return rc;
}

/* ---- All of it ---- */

static int make(struct backup *b, const char *config_path, struct cs_error *err)
{
    const struct settings *settings = &b->setup.settings;

    if (access(settings->state, F_OK) < 0)
        return cs_fail(err, CS_ENOTFOUND, "there is no state folder %s: nothing was ever stored", settings->state);
    if (setup_open_store(&b->setup, err) < 0 ||
        backup_place_begin(&b->place, b->dir, settings->user ? settings->user : "USER", err) < 0)
        return -1;
    b->created_ms = cs_wall_ms();
    if (copy_store(b, err) < 0 || backup_state_copy(&b->setup, b->place.partial, b->manifest, err) < 0)
        return -1;
    if (describe(b, config_path, err) < 0 || manifest_write(b->manifest, b->place.partial, err) < 0 ||
        folder_sync(b->place.partial, err) < 0)
        return -1;
    return backup_place_finish(&b->place, b->created_ms, err);
}

/* ---- The report ---- */

static json_int_t bytes_of(const json_t *files)
{
    const json_t *entry;
    json_int_t sum = 0;
    size_t i;

    json_array_foreach(files, i, entry) {
        sum += json_integer_value(json_object_get(entry, "bytes"));
    }
    return sum;
}

static void print_json(const struct backup *b)
{
    static const char *const told[] = { "created", "version", "visits", "forget_by", "left_out" };
    const json_t *files = json_object_get(b->manifest, "files");
    json_t *line = json_pack("{s:s, s:I, s:I, s:I}", "backup", b->place.name, "bytes", bytes_of(files), "files",
                             (json_int_t)json_array_size(files), "ms", (json_int_t)(cs_now_ms() - b->began_ms));

    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        json_object_set(line, told[i], json_object_get(b->manifest, told[i]));
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static void print(const struct backup *b)
{
    const char *forget = manifest_text(b->manifest, "forget_by");
    const json_t *entry;
    size_t i;

    printf("%s\n", b->place.name);
    json_array_foreach(json_object_get(b->manifest, "files"), i, entry) {
        printf("  %-32s %10lld bytes\n", manifest_text(entry, "path"),
               (long long)json_integer_value(json_object_get(entry, "bytes")));
    }
    printf("not in it, back them up by other means:\n");
    json_array_foreach(json_object_get(b->manifest, "left_out"), i, entry) {
        printf("  %s\n", json_string_value(entry));
    }
    if (*forget)
        printf("from %s on the server forgets, day by day, what stands in it: docs/backup.md\n", forget);
}

int command_backup(const struct command_line *line)
{
    struct backup b = { .visits = CS_BACKUP_TOTALS, .place = BACKUP_PLACE_NONE, .began_ms = cs_now_ms() };
    struct cs_error err = { 0 };
    int code = read_options(&b, line->argc, line->argv);

    if (code >= 0)
        return code;
    if (setup_read(&b.setup, line->config_path) < 0)
        return 1;
    b.manifest = json_object();
    if (make(&b, line->config_path, &err) < 0) {
        if (err.text[0])
            fprintf(stderr, "countersign backup: %s\n", err.text);
        code = 1;
    } else {
        code = 0;
        if (b.json)
            print_json(&b);
        else
            print(&b);
    }
    backup_place_end(&b.place);
    json_decref(b.manifest);
    setup_free(&b.setup);
    return code;
}

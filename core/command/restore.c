/*
 * `countersign restore BACKUP`: what `countersign backup` made comes to lie where this host's configuration has it;
 * docs/backup.md. Nothing is touched before every file was compared with the manifest, and the store and the keys were
 * looked at for what would refuse it. Then keys first, the store's files last: orders need keys.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command/manifest.h"
#include "command/backup_state.h"
#include "command/command.h"
#include "command/folder.h"
#include "command/setup.h"
#include "command/usage.h"

static const struct usage_option options[] = {
    { "force", NULL, 'f',
      "records and keys that are there are renamed, to ….replaced-TIME, instead of being a reason to refuse" },
    { "check", NULL, 'c', "only say whether the backup is whole" },
    { "json", NULL, 'j', "one line of JSON on the standard output" },
    { "help", NULL, 'h', "this text" },
    USAGE_END,
};

static const struct usage_form forms[] = { { "", "BACKUP [--force] [--check] [--json]", options }, { NULL, NULL, NULL } };

const struct usage usage_restore = {
    "restore", forms,
    "Puts a folder that `countersign backup` made in the place that the configuration names. No server may run on it.\n",
    "Exit codes: 0 it was restored, or is whole; 1 it was not, or is not; 2 wrong use.\n",
};

struct restore {
    const char *folder;
    bool force, check, json;
    char when[32]; /* of what is renamed */
    struct setup setup;
    json_t *manifest;
    json_t *notes; /* what the operator should know */
    int64_t orders;
};

/* ---- The command line ---- */

/* Returns an exit code, or -1 to go on. */
static int read_options(struct restore *r, int argc, char **argv)
{
    int option;

    optind = 0;
    while ((option = usage_next(options, argc, argv)) != USAGE_OVER) {
        if (option == 'h') {
            usage_help(&usage_restore, stdout);
            return 0;
        }
        if (option == USAGE_WRONG)
            return usage_wrong(&usage_restore, "countersign restore: that is no option");
        r->force |= option == 'f';
        r->check |= option == 'c';
        r->json |= option == 'j';
    }
    if (argc - optind != 1 || !*argv[optind])
        return usage_wrong(&usage_restore, "countersign restore: name one folder, which `countersign backup` made");
    r->folder = argv[optind];
    return -1;
}

static void note(void *arg, const char *text)
{
    struct restore *r = arg;

    json_array_append_new(r->notes, json_string(text));
}

/* ---- Folders of the state ---- */

/* "ca.le" of "state/ca.le/account.pem"; false for a file of the store. */
static bool part_of(const json_t *entry, char part[300])
{
    static const char state[] = BACKUP_STATE "/";
    const char *path = manifest_text(entry, "path");
    size_t len;

    if (strncmp(path, state, strlen(state)) != 0)
        return false;
    path += strlen(state);
    len = strcspn(path, "/");
    if (!path[len] || len >= 300)
        return false;
    memcpy(part, path, len);
    part[len] = '\0';
    return true;
}

/* Does the state folder have each file of that part already, as it is in the backup? */
static bool is_there_already(const struct restore *r, const char *part)
{
    const json_t *entry;
    char of[300];
    size_t i;

    json_array_foreach(json_object_get(r->manifest, "files"), i, entry) {
        struct text path = TEXT_MAX(4000);
        bool same;

        if (!part_of(entry, of) || strcmp(of, part) != 0)
            continue;
        text_addf(&path, "%s/%s", r->setup.settings.state, manifest_text(entry, "path") + strlen(BACKUP_STATE "/"));
        same = manifest_is_same(entry, text_of(&path));
        text_free(&path);
        if (!same)
            return false;
    }
    return true;
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool is = dir || errno == ENOENT;

    while (dir && (entry = readdir(dir)))
        is &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        closedir(dir);
    return is;
}

static int rename_part(struct restore *r, const char *path, struct cs_error *err)
{
    struct text to = TEXT_MAX(4000), said = TEXT_MAX(8200);
    int rc = 0;

    text_addf(&to, "%s.replaced-%s", path, r->when);
    if (text_failed(&to) || renameat2(AT_FDCWD, path, AT_FDCWD, text_of(&to), RENAME_NOREPLACE) < 0) {
        rc = cs_fail(err, CS_ECONFIG, "%s cannot be put aside as %s: %s", path, text_of(&to), strerror(errno));
    } else {
        text_addf(&said, "%s lies at %s now: remove it when all is well", path, text_of(&to));
        note(r, text_of(&said));
    }
    text_free(&to);
    text_free(&said);
    return rc;
}

static int put_part(struct restore *r, const char *part, const char *path, struct cs_error *err)
{
    struct text from = TEXT_MAX(4000), new = TEXT_MAX(4000);
    int rc;

    text_addf(&from, "%s/" BACKUP_STATE "/%s", r->folder, part);
    text_addf(&new, "%s.restored", path);
    if (text_failed(&from) || text_failed(&new)) {
        rc = cs_fail(err, CS_ECONFIG, "the path of %s is too long", part);
    } else {
        folder_remove(text_of(&new));
        rc = folder_copy(text_of(&from), text_of(&new), NULL, NULL, err);
        if (rc == 0 && !is_empty(path))
            rc = rename_part(r, path, err);
        if (rc == 0 && rename(text_of(&new), path) < 0)
            rc = cs_fail(err, CS_ECONFIG, "%s cannot be made: %s", path, strerror(errno));
        if (rc < 0)
            folder_remove(text_of(&new));
    }
    text_free(&from);
    text_free(&new);
    return rc;
}

static int restore_part(struct restore *r, const char *part, bool look_only, struct cs_error *err)
{
    struct text path = TEXT_MAX(3900);
    int rc = 0;

    text_addf(&path, "%s/%s", r->setup.settings.state, part);
    if (text_failed(&path))
        rc = cs_fail(err, CS_ECONFIG, "the path of %s is too long", part);
    else if (is_there_already(r, part))
        rc = 0;
    else if (!look_only)
        rc = put_part(r, part, text_of(&path), err);
    else if (!r->force && !is_empty(text_of(&path)))
        rc = cs_fail(err, CS_ECONFLICT, "there are other files in %s than in the backup: `--force` puts them aside",
                     text_of(&path));
    text_free(&path);
    return rc;
}

/* First all are looked at, so that nothing is half done for a reason that could be known. */
static int restore_parts(struct restore *r, bool look_only, struct cs_error *err)
{
    const json_t *files = json_object_get(r->manifest, "files"), *entry;
    char part[300], last[300] = "";
    size_t i;

    json_array_foreach(files, i, entry) {
        if (!part_of(entry, part) || strcmp(part, last) == 0)
            continue;
        memcpy(last, part, sizeof last);
        if (!backup_state_is_part(part))
            return cs_fail(err, CS_EINPUT, "the backup has a folder state/%s, which is no instance's: it was changed", part);
        if (restore_part(r, part, look_only, err) < 0)
            return -1;
    }
    return look_only ? 0 : folder_sync(r->setup.settings.state, err);
}

/* ---- The store's files ---- */

static int restore_store(struct restore *r, bool look_only, struct cs_error *err)
{
    const struct instance *store = r->setup.store;
    struct text folder = TEXT_MAX(4000);
    int rc = -1;

    text_addf(&folder, "%s/" BACKUP_STORE, r->folder);
    if (text_failed(&folder))
        cs_fail(err, CS_ECONFIG, "the path %.100s… is too long", r->folder);
    else if (look_only)
        rc = store->plugin.store.restore_check(store->self, text_of(&folder), r->force, err);
    else
        rc = store->plugin.store.restore(store->self, text_of(&folder), r->force, note, r, err);
    text_free(&folder);
    return rc;
}

static int check_store(const struct restore *r, struct cs_error *err)
{
    const struct plugin *plugin = &r->setup.store->plugin;
    const char *made_by = manifest_text(r->manifest, "store");

    if (!plugin->store.restore || !plugin->store.restore_check)
        return cs_fail(err, CS_ECONFIG, "the store %s has no restoring of this kind", plugin->about.name);
    if (strcmp(made_by, plugin->about.name) != 0)
        return cs_fail(err, CS_ECONFIG, "the backup is one of the store %s, the configuration has %s: use that one", made_by,
                       plugin->about.name);
    return 0;
}

/* ---- Afterwards ---- */

static int count_order(void *arg, const struct cs_job *job)
{
    (void)job;
    ++*(int64_t *)arg;
    return 0;
}

static bool has_sink(const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == ROLE_AUDIT && settings->blocks[i].ledger == LEDGER_ISSUANCE)
            return true;
    return false;
}

static int tell_sinks(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct restore *r = arg;
    json_t *about = json_pack("{s:s, s:O}", "version", CS_VERSION, "backup", json_object_get(r->manifest, "created"));
    char *text = about ? json_dumps(about, JSON_COMPACT) : NULL;
    const struct cs_event event = { .size = sizeof event, .time_ms = cs_wall_ms(), .kind = "restored", .json = text,
                                    .json_len = text ? strlen(text) : 0 };
    int rc = -1;

    if (!text)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    else if (c->ops->job_list_open(c->conn, count_order, &r->orders, err) == 0)
        rc = has_sink(&r->setup.settings) ? c->ops->outbox_put(c->conn, &event, err) : 0;
    free(text);
    json_decref(about);
    return rc;
}

/* Folders of CAs that this configuration does not have: their orders could not go on. */
static void look_for_instances(struct restore *r)
{
    static const char ca[] = "ca.";
    char part[300], last[300] = "";
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(r->manifest, "files"), i, entry) {
        struct text said = TEXT_MAX(600);

        if (!part_of(entry, part) || strcmp(part, last) == 0 || strncmp(part, ca, strlen(ca)) != 0)
            continue;
        memcpy(last, part, sizeof last);
        text_addf(&said, "the configuration has no %s, which the backup has: its orders cannot go on without it", part);
        if (!settings_block(&r->setup.settings, ROLE_CA, part + strlen(ca)))
            note(r, text_of(&said));
        text_free(&said);
    }
}

/* ---- All of it ---- */

static int restore(struct restore *r, struct cs_error *err)
{
    if (setup_open_store(&r->setup, err) < 0 || setup_lock_state(&r->setup, err) < 0)
        return -1;
    r->manifest = manifest_read(r->folder, err);
    if (!r->manifest || manifest_verify(r->manifest, r->folder, err) < 0 || check_store(r, err) < 0)
        return -1;
    if (restore_parts(r, true, err) < 0 || restore_store(r, true, err) < 0)
        return -1;
    if (restore_parts(r, false, err) < 0 || restore_store(r, false, err) < 0)
        return -1;
    look_for_instances(r);
    if (store_migrate(r->setup.store, true, err) < 0)
        return -1;
    return store_with(r->setup.store, CS_STATE_WRITER, tell_sinks, r, err);
}

/* Needs no store, and no lock. */
static int check(struct restore *r, struct cs_error *err)
{
    setup_process();
    if (setup_drop_privileges(&r->setup, err) < 0)
        return -1;
    r->manifest = manifest_read(r->folder, err);
    return r->manifest ? manifest_verify(r->manifest, r->folder, err) : -1;
}

/* ---- The report ---- */

static int64_t age_s(const struct restore *r)
{
    return (cs_wall_ms() - json_integer_value(json_object_get(r->manifest, "created_ms"))) / 1000;
}

static void print_json(const struct restore *r)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:O}", "backup", r->folder, "created",
                             manifest_text(r->manifest, "created"), "version", manifest_text(r->manifest, "version"), "age",
                             (json_int_t)age_s(r), "files", (json_int_t)json_array_size(json_object_get(r->manifest, "files")),
                             "restored", !r->check, "orders", (json_int_t)r->orders, "notes", r->notes);

    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static void print_age(const struct restore *r)
{
    const int64_t age = age_s(r);

    printf("the backup is of %s, made by version %s: ", manifest_text(r->manifest, "created"),
           manifest_text(r->manifest, "version"));
    if (age >= 2 * 24 * 3600)
        printf("%" PRId64 " days ago\n", age / (24 * 3600));
    else
        printf("%" PRId64 " h %" PRId64 " min ago\n", age / 3600, age / 60 % 60);
}

static void print(const struct restore *r)
{
    const json_t *entry;
    size_t i;

    print_age(r);
    if (r->check) {
        printf("it is whole: %zu files\n", json_array_size(json_object_get(r->manifest, "files")));
        return;
    }
    printf("restored to %s: %zu files; open orders that go on with the next start: %" PRId64 "\n", r->setup.settings.state,
           json_array_size(json_object_get(r->manifest, "files")), r->orders);
    json_array_foreach(r->notes, i, entry) {
        printf("%s\n", json_string_value(entry));
    }
    printf("certificates that were ordered since, and changes of the tables, are not known: docs/backup.md has the list\n");
}

/* For the names of what is put aside. */
static void remember_time(struct restore *r)
{
    const time_t now = (time_t)(cs_wall_ms() / 1000);
    struct tm utc;

    if (gmtime_r(&now, &utc))
        strftime(r->when, sizeof r->when, "%Y%m%dT%H%M%SZ", &utc);
}

int command_restore(const struct command_line *line)
{
    struct restore r = { 0 };
    struct cs_error err = { 0 };
    int code = read_options(&r, line->argc, line->argv);

    if (code >= 0)
        return code;
    if (setup_read(&r.setup, line->config_path) < 0)
        return 1;
    remember_time(&r);
    r.notes = json_array();
    code = (r.check ? check(&r, &err) : restore(&r, &err)) < 0;
    if (code == 0 && r.json)
        print_json(&r);
    else if (code == 0)
        print(&r);
    else if (err.text[0])
        fprintf(stderr, "countersign restore: %s\n", err.text);
    json_decref(r.manifest);
    json_decref(r.notes);
    setup_free(&r.setup);
    return code;
}

/*
 * `countersign restore BACKUP`: what `countersign backup` made comes to lie where this host's configuration has it;
 * docs/backup.md. Nothing is touched before every file lies beside its place, as the manifest has it; then they are renamed,
 * keys first, the store's files last: orders need keys.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/manifest.h"
#include "command/command.h"
#include "command/restore_state.h"
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

/* What a failure leaves behind. */
enum reached { UNTOUCHED, HALFWAY, IN_PLACE };

struct restore {
    const char *folder;
    bool force, check, json;
    char when[32]; /* of what is renamed */
    struct setup setup;
    struct restore_state keys;
    enum reached reached;
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

/* ---- The store's files ---- */

static int copy_for_store(void *arg, const char *name, const char *to, struct cs_error *err)
{
    const struct restore *r = arg;
    struct text path = TEXT_MAX(300);
    const json_t *entry = NULL;

    text_addf(&path, BACKUP_STORE "/%s", name);
    if (!text_failed(&path))
        entry = manifest_find(r->manifest, text_of(&path));
    text_free(&path);
    return entry ? manifest_copy(entry, r->folder, to, err)
                 : cs_fail(err, CS_ENOTFOUND, "the backup has no %s", name);
}

static int prepare_store(struct restore *r, struct cs_error *err)
{
    const struct instance *store = r->setup.store;
    struct text folder = TEXT_MAX(4000);
    int rc;

    text_addf(&folder, "%s/" BACKUP_STORE, r->folder);
    rc = text_failed(&folder)
             ? cs_fail(err, CS_ECONFIG, "the path %.100s… is too long", r->folder)
             : store->plugin.store.restore_prepare(store->self, text_of(&folder), r->force, copy_for_store, r, err);
    text_free(&folder);
    return rc;
}

static int check_store(const struct restore *r, struct cs_error *err)
{
    const struct plugin *plugin = &r->setup.store->plugin;
    const char *made_by = manifest_text(r->manifest, "store");

    if (!plugin->store.restore || !plugin->store.restore_prepare || !plugin->store.restore_drop)
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

        if (!restore_state_part(entry, part) || strcmp(part, last) == 0 || strncmp(part, ca, strlen(ca)) != 0)
            continue;
        memcpy(last, part, sizeof last);
        text_addf(&said, "the configuration has no %s, which the backup has: its orders cannot go on without it", part);
        if (!settings_block(&r->setup.settings, ROLE_CA, part + strlen(ca)))
            note(r, text_of(&said));
        text_free(&said);
    }
}

/* ---- All of it ---- */

/* The store is asked last: what the keys take of the disk is gone by then. */
static int prepare(struct restore *r, struct cs_error *err)
{
    if (restore_state_look(&r->keys, r->force, err) < 0 || restore_state_prepare(&r->keys, err) < 0)
        return -1;
    return prepare_store(r, err);
}

/* Nothing but renaming. Keys first: orders need them. */
static int install(struct restore *r, struct cs_error *err)
{
    const struct instance *store = r->setup.store;
    bool begun = false;
    int rc = restore_state_install(&r->keys, &begun, err);

    if (begun)
        r->reached = HALFWAY;
    if (rc < 0)
        return -1;
    r->reached = HALFWAY;
    if (store->plugin.store.restore(store->self, note, r, err) < 0)
        return -1;
    r->reached = IN_PLACE;
    return 0;
}

static int prepare_and_install(struct restore *r, struct cs_error *err)
{
    const struct instance *store = r->setup.store;

    if (prepare(r, err) == 0 && install(r, err) == 0)
        return 0;
    restore_state_drop(&r->keys);
    store->plugin.store.restore_drop(store->self);
    return -1;
}

static int restore(struct restore *r, struct cs_error *err)
{
    if (setup_open_store(&r->setup, err) < 0 || setup_lock_state(&r->setup, err) < 0)
        return -1;
    r->manifest = manifest_read(r->folder, err);
    if (!r->manifest || manifest_verify(r->manifest, r->folder, err) < 0 || check_store(r, err) < 0)
        return -1;
    r->keys = (struct restore_state){ .backup = r->folder, .state = r->setup.settings.state, .manifest = r->manifest,
                                      .when = r->when, .prepared = json_array(), .fn = note, .arg = r };
    restore_state_tell_earlier(&r->keys);
    if (prepare_and_install(r, err) < 0)
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

/* On stderr: where everything lies now, and what to do. */
static void print_failure(const struct restore *r, const struct cs_error *err)
{
    static const char *const what_now[] = {
        [UNTOUCHED] = "nothing that was there has changed",
        [HALFWAY] = "it ended halfway: do not start the server. Run the same command again: keys that are in their place stay, "
                    "the rest is done anew, and nothing that was put aside is lost",
        [IN_PLACE] = "keys and records are in their place, do not restore them again: what is left to do the server does when "
                     "it starts, or says why it cannot",
    };
    const json_t *entry;
    size_t i;

    if (err->text[0])
        fprintf(stderr, "countersign restore: %s\n", err->text);
    json_array_foreach(r->notes, i, entry) {
        fprintf(stderr, "%s\n", json_string_value(entry));
    }
    if (!r->check)
        fprintf(stderr, "%s\n", what_now[r->reached]);
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
    else
        print_failure(&r, &err);
    json_decref(r.keys.prepared);
    json_decref(r.manifest);
    json_decref(r.notes);
    setup_free(&r.setup);
    return code;
}

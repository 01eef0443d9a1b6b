/*
 * The state folder's part of a backup; see backup_state.h.
 */
#include "command/backup_state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command/manifest.h"
#include "command/folder.h"

static const enum role roles[] = { ROLE_CA, ROLE_DNS, ROLE_AUDIT };

static bool is_instance(const char *name, enum role role)
{
    const size_t len = strlen(role_name(role));

    if (strncmp(name, role_name(role), len) != 0 || name[len] != '.' || !name[len + 1])
        return false;
    for (const char *c = name + len + 1; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return true;
}

bool backup_state_is_part(const char *name)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (is_instance(name, roles[i]))
            return true;
    return strcmp(name, "self") == 0;
}

/* ---- What is copied ---- */

struct copying {
    json_t *manifest;
    const char *folder; /* of the backup */
    const char *part;   /* "state/ca.le" */
    const char *from;   /* where it lies now */
};

static int on_copied(void *arg, const char *path, struct cs_error *err)
{
    const struct copying *c = arg;
    struct text whole = TEXT_MAX(4000);
    int rc;

    text_addf(&whole, "%s/%s", c->part, path);
    rc = text_failed(&whole) ? cs_fail(err, CS_ECONFIG, "the path %.100s… is too long", path)
                             : manifest_add(c->manifest, c->folder, text_of(&whole), 0, err);
    text_free(&whole);
    return rc;
}

/* "left_out" of the manifest, which is made when first something is. */
static json_t *left_out(json_t *manifest)
{
    json_t *out = json_object_get(manifest, "left_out");

    if (!out) {
        out = json_array();
        json_object_set_new(manifest, "left_out", out);
    }
    return out;
}

static int on_passed_over(void *arg, const char *path, struct cs_error *err)
{
    const struct copying *c = arg;

    return json_array_append_new(left_out(c->manifest), json_sprintf("%s/%s", c->from, path)) == 0
               ? 0
               : cs_fail(err, CS_EINPUT, "%s/%s has a name that is not UTF-8", c->from, path);
}

static int copy_part(const struct setup *setup, const char *folder, const char *name, json_t *manifest, struct cs_error *err)
{
    struct text from = TEXT_MAX(4000), to = TEXT_MAX(4000), part = TEXT_MAX(300);
    int rc;

    text_addf(&part, BACKUP_STATE "/%s", name);
    text_addf(&from, "%s/%s", setup->settings.state, name);
    text_addf(&to, "%s/%s", folder, text_of(&part));
    if (text_failed(&from) || text_failed(&to) || text_failed(&part)) {
        rc = cs_fail(err, CS_ECONFIG, "the path %.100s… is too long", folder);
    } else {
        struct copying c = { .manifest = manifest, .folder = folder, .part = text_of(&part), .from = text_of(&from) };
        const struct folder_copying tell = { .copied = on_copied, .passed_over = on_passed_over, .arg = &c };

        rc = folder_copy(text_of(&from), text_of(&to), &tell, err);
    }
    text_free(&from);
    text_free(&to);
    text_free(&part);
    return rc;
}

/* An audit sink may have its file, audit.jsonl, where the folders are. A link that leads nowhere is taken for a folder, so that
 * copying it says so. */
static bool is_folder(const struct setup *setup, const char *name)
{
    struct text path = TEXT_MAX(4000);
    struct stat st;
    bool is;

    text_addf(&path, "%s/%s", setup->settings.state, name);
    is = !text_failed(&path) && (stat(text_of(&path), &st) == 0 || lstat(text_of(&path), &st) == 0) &&
         (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
    text_free(&path);
    return is;
}

static bool is_part(const struct setup *setup, const char *name)
{
    return backup_state_is_part(name) && is_folder(setup, name);
}

int backup_state_copy(const struct setup *setup, const char *folder, json_t *manifest, struct cs_error *err)
{
    struct dirent **entries;
    const int n = scandir(setup->settings.state, &entries, NULL, alphasort);
    struct text to = TEXT_MAX(4000);
    int rc = 0;

    if (n < 0)
        return cs_fail(err, CS_ECONFIG, "the folder %s cannot be read: %s", setup->settings.state, strerror(errno));
    text_addf(&to, "%s/" BACKUP_STATE, folder);
    if (text_failed(&to) || mkdir(text_of(&to), 0700) < 0)
        rc = cs_fail(err, CS_ECONFIG, "the folder %s cannot be made: %s", text_of(&to), strerror(errno));
    for (int i = 0; i < n; i++) {
        if (rc == 0 && is_part(setup, entries[i]->d_name))
            rc = copy_part(setup, folder, entries[i]->d_name, manifest, err);
        free(entries[i]);
    }
    free(entries);
    if (rc == 0)
        rc = folder_sync(text_of(&to), err);
    text_free(&to);
    return rc;
}

/* ---- What is not ---- */

static bool is_below(const char *path, const char *folder)
{
    const size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '/' || !path[len]);
}

/* A value such as "/etc/countersign/tls.key" or "@/etc/countersign/pdns.key"; what lies in the state folder is copied, or
 * listed by itself. */
static void add_named(const struct settings *settings, const char *value, json_t *out)
{
    const char *path = value[0] == '@' ? value + 1 : value;
    struct stat st;

    if (path[0] == '/' && !is_below(path, settings->state) && !is_below(path, settings->plugin_dir) && stat(path, &st) == 0 &&
        S_ISREG(st.st_mode))
        json_array_append_new(out, json_string(path));
}

static void add_all_named(const struct settings *settings, const struct config_node *node, json_t *out)
{
    const struct config_node *below;

    if (config_text(node))
        add_named(settings, config_text(node), out);
    else if (config_is_group(node) || config_is_list(node))
        for (size_t i = 0; (below = config_at(node, i)) != NULL; i++)
            add_all_named(settings, below, out);
}

static bool is_foreign(const struct setup *setup, const char *name)
{
    static const char store[] = "store.";

    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lock") != 0 &&
           strncmp(name, store, strlen(store)) != 0 && !is_part(setup, name);
}

int backup_state_left_out(const struct setup *setup, const char *config_path, json_t *manifest, struct cs_error *err)
{
    const struct settings *settings = &setup->settings;
    json_t *out = left_out(manifest);
    struct dirent **entries;
    char *path = realpath(config_path, NULL);
    int n = scandir(settings->state, &entries, NULL, alphasort);

    json_array_append_new(out, json_string(path ? path : config_path));
    free(path);
    add_all_named(settings, config_root(setup->config), out);
    for (int i = 0; i < n; i++) {
        if (is_foreign(setup, entries[i]->d_name))
            json_array_append_new(out, json_sprintf("%s/%s", settings->state, entries[i]->d_name));
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return out ? 0 : cs_fail(err, CS_EINTERNAL, "out of memory");
}

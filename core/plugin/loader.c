/*
 * Loads plugins; see loader.h. The order is: file, dlopen, ABI version, sizes, name, what is mandatory.
 */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/log.h"
#include "plugin/plugin_file.h"

/* What every plugin of ABI 1.x has at least: the sizes of 1.0. */
#define END_OF(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

enum { STRIDE_MOST = 1024 };

/* ---- dlopen ---- */

static int explain_undefined(const char *path, const char *symbol, struct cs_error *err)
{
    size_t len = strcspn(symbol, " \t\n,(@");

    if (strncmp(symbol, "cs_", 3) == 0)
        return cs_fail(err, CS_ECONFIG,
                       "%s needs %.*s, which this server (" CS_VERSION ", plugin ABI %d.%d) does not have: it was "
                       "probably built for a newer server; update the server, or install the plugin that came with it",
                       path, (int)len, symbol, CS_ABI_MAJOR, CS_ABI_MINOR);
    return cs_fail(err, CS_ECONFIG,
                   "%s needs %.*s, which nothing provides: it was linked without one of its libraries, or against "
                   "another version of it; build it anew",
                   path, (int)len, symbol);
}

/* dlerror() begins with the path most of the time; take it off, as our sentence has it already. */
static int explain(const char *path, const char *message, struct cs_error *err)
{
    static const char undefined[] = "undefined symbol: ";
    const char *symbol = strstr(message, undefined);

    if (symbol)
        return explain_undefined(path, symbol + strlen(undefined), err);
    if (strncmp(message, path, strlen(path)) == 0 && strncmp(message + strlen(path), ": ", 2) == 0)
        return cs_fail(err, CS_ECONFIG, "%s is no shared object that this machine can load (%s): build or install it anew",
                       path, message + strlen(path) + 2);
    return cs_fail(err, CS_ECONFIG, "%s cannot be loaded (%s): install what it needs", path, message);
}

/* Nothing is ever closed again: threads and libraries of a plugin may outlive any reference that we could count. */
static const struct cs_plugin *open_object(const char *path, struct cs_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const struct cs_plugin *about;

    if (!handle) {
        explain(path, dlerror(), err);
        return NULL;
    }
    about = dlsym(handle, "cs_plugin");
    if (!about)
        cs_fail(err, CS_ECONFIG, "%s is not a plugin of Countersign: it exports no cs_plugin", path);
    return about;
}

/* ---- The descriptor ---- */

static int check_version(const char *path, const struct cs_plugin *about, struct cs_error *err)
{
    if (about->abi_major != CS_ABI_MAJOR)
        return cs_fail(err, CS_ECONFIG,
                       "%s was built for plugin ABI %u.%u, this server (" CS_VERSION ") has %d.%d: build it anew, or "
                       "install the one that fits",
                       path, about->abi_major, about->abi_minor, CS_ABI_MAJOR, CS_ABI_MINOR);
    if (about->abi_minor > CS_ABI_MINOR)
        return cs_fail(err, CS_ECONFIG,
                       "%s was built for plugin ABI %u.%u, this server (" CS_VERSION ") has %d.%d only: update the "
                       "server, or install an older plugin",
                       path, about->abi_major, about->abi_minor, CS_ABI_MAJOR, CS_ABI_MINOR);
    return 0;
}

static int check_sizes(const char *path, const struct cs_plugin *about, struct cs_error *err)
{
    if (about->size < END_OF(struct cs_plugin, audit))
        return cs_fail(err, CS_ECONFIG, "%s describes itself in %" PRIu32 " bytes, ABI 1.0 has %zu: build it with CS_PLUGIN()",
                       path, about->size, END_OF(struct cs_plugin, audit));
    if (about->option_size < END_OF(struct cs_option, help) || about->option_size > STRIDE_MOST ||
        about->option_size % _Alignof(struct cs_option))
        return cs_fail(err, CS_ECONFIG, "%s has settings of %" PRIu32 " bytes each, ABI 1.0 has %zu: build it with CS_PLUGIN()",
                       path, about->option_size, END_OF(struct cs_option, help));
    return 0;
}

static int check_name(const char *path, const struct cs_plugin *about, struct cs_error *err)
{
    char *name = plugin_file_name(path);
    int rc = 0;

    if (!name)
        rc = cs_fail(err, CS_EBUSY, "no memory");
    else if (!about->name || !about->version || !about->summary)
        rc = cs_fail(err, CS_ECONFIG, "%s has no name, version or summary: its author must mend it", path);
    else if (strcmp(name, about->name) != 0)
        rc = cs_fail(err, CS_ECONFIG, "%s says that it is \"%s\": name the file %s.so", path, about->name, about->name);
    free(name);
    return rc;
}

static int check_functions(const char *path, const struct cs_plugin *about, struct cs_error *err)
{
    if (!about->open || !about->close)
        return cs_fail(err, CS_ECONFIG, "%s has no function `%s`: its author must add it", path,
                       about->open ? "close" : "open");
    if (!about->ca && !about->dns && !about->store && !about->audit)
        return cs_fail(err, CS_ECONFIG, "%s plays no role (ca, dns, store, audit): its author must name one", path);
    return 0;
}

/* ---- Roles ---- */

struct ops_head {
    uint32_t size;
    bool blocking;
};

/* Copies a role's functions by the smaller size; `least` is the size of 1.0 up to the last mandatory field. */
static int copy_ops(const char *path, enum role role, void *ours, size_t our_size, const void *theirs, size_t least,
                    struct cs_error *err)
{
    struct ops_head head;

    if (!theirs)
        return 0;
    memcpy(&head, theirs, sizeof head);
    if (head.size < least)
        return cs_fail(err, CS_ECONFIG,
                       "%s describes its role `%s` in %" PRIu32 " bytes, ABI 1.0 has %zu: begin it with .size = sizeof …",
                       path, role_name(role), head.size, least);
    memcpy(ours, theirs, head.size < our_size ? head.size : our_size);
    return 0;
}

static int copy_roles(struct plugin *out, const struct cs_plugin *from, struct cs_error *err)
{
    const char *path = out->path;

    if (copy_ops(path, ROLE_CA, &out->ca, sizeof out->ca, from->ca, END_OF(struct cs_ca_ops, status), err) < 0 ||
        copy_ops(path, ROLE_DNS, &out->dns, sizeof out->dns, from->dns, END_OF(struct cs_dns_ops, set_txt), err) < 0 ||
        copy_ops(path, ROLE_STORE, &out->store, sizeof out->store, from->store, END_OF(struct cs_store_ops, report), err) < 0 ||
        copy_ops(path, ROLE_AUDIT, &out->audit, sizeof out->audit, from->audit, END_OF(struct cs_audit_ops, append), err) < 0)
        return -1;
    out->about.ca = from->ca ? &out->ca : NULL;
    out->about.dns = from->dns ? &out->dns : NULL;
    out->about.store = from->store ? &out->store : NULL;
    out->about.audit = from->audit ? &out->audit : NULL;
    return 0;
}

static int check(struct plugin *out, const struct cs_plugin *from, struct cs_error *err)
{
    if (check_version(out->path, from, err) < 0 || check_sizes(out->path, from, err) < 0)
        return -1;
    memcpy(&out->about, from, from->size < sizeof out->about ? from->size : sizeof out->about);
    if (check_name(out->path, &out->about, err) < 0 || check_functions(out->path, &out->about, err) < 0)
        return -1;
    return copy_roles(out, from, err);
}

/* ---- Files that change under a process ---- */

/* What a path led to when it was loaded: dlopen() gives the same code for it as long as the process lives. */
struct loaded_file {
    struct loaded_file *next;
    struct stat st;
    char path[];
};

static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER;
static struct loaded_file *loaded;

static void remember(const char *path, const struct stat *st)
{
    struct loaded_file *file = malloc(sizeof *file + strlen(path) + 1);

    if (!file)
        return;
    *file = (struct loaded_file){ .next = loaded, .st = *st };
    memcpy(file->path, path, strlen(path) + 1);
    loaded = file;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_at_file(const char *path)
{
    struct loaded_file *file;
    struct stat st;

    if (stat(path, &st) < 0)
        return;
    pthread_mutex_lock(&loaded_lock);
    for (file = loaded; file && strcmp(file->path, path) != 0;)
        file = file->next;
    if (!file)
        remember(path, &st);
    else if (!is_same_file(&file->st, &st))
        log_line(CS_LOG_WARN, "plugin", "",
                 "%s is another file than the one that was loaded: what was loaded goes on, restart to load the new one", path);
    pthread_mutex_unlock(&loaded_lock);
}

int plugin_load(struct plugin *out, const char *dir, const char *name, uid_t user, uid_t starter, struct cs_error *err)
{
    const struct cs_plugin *from;

    *out = (struct plugin){ .path = plugin_file_find(dir, name, user, starter, err) };
    if (!out->path)
        return -1;
    from = open_object(out->path, err);
    if (from && check(out, from, err) == 0) {
        look_at_file(out->path);
        return 0;
    }
    plugin_release(out);
    return -1;
}

void plugin_release(struct plugin *plugin)
{
    free(plugin->path);
    *plugin = (struct plugin){ 0 };
}

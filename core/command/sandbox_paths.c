/*
 * From a configuration to the folders that it needs; see sandbox_paths.h.
 */
#include "command/sandbox_paths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Name services (nsswitch.conf(5)) keep things at places of their own. */
static const char *const always_read[] = {
    "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/run/NetworkManager", "/run/nscd", "/run/resolvconf",
    "/run/systemd/resolve", "/run/systemd/userdb", "/var/lib/sss",
};

/* ---- The list ---- */

static bool covers(const struct sandbox_path *have, const struct sandbox_path *want)
{
    const size_t len = strlen(have->path);

    if (want->access == LANDLOCK_WRITE && have->access == LANDLOCK_READ)
        return false;
    return strncmp(have->path, want->path, len) == 0 && (want->path[len] == '/' || !want->path[len] || len == 1);
}

static bool has(const struct sandbox_paths *paths, const struct sandbox_path *want)
{
    for (size_t i = 0; i < paths->n; i++)
        if (covers(&paths->v[i], want))
            return true;
    return false;
}

static int add_real(struct sandbox_paths *paths, char *real, enum landlock_access access)
{
    const struct sandbox_path one = { real, access };
    struct sandbox_path *more = NULL;
    const bool known = has(paths, &one);

    if (!known)
        more = realloc(paths->v, (paths->n + 1) * sizeof *more);
    if (!more) {
        free(real);
        return known ? 0 : -1;
    }
    paths->v = more;
    paths->v[paths->n++] = one;
    return 0;
}

/* -1: no memory. */
static int add(struct sandbox_paths *paths, const char *path, enum landlock_access access)
{
    char *real = realpath(path, NULL);

    return real ? add_real(paths, real, access) : 0;
}

/* A folder itself; of anything else the folder that it is in, or is yet to be in. The root is nobody's folder. */
static int add_around(struct sandbox_paths *paths, const char *path, enum landlock_access access)
{
    const char *slash = strrchr(path, '/');
    struct stat st;
    char *folder;
    int rc;

    if ((stat(path, &st) == 0 && S_ISDIR(st.st_mode)) || slash == path)
        return add(paths, path, access);
    folder = slash ? text_copy_n(path, (size_t)(slash - path)) : text_copy(".");
    rc = folder ? add(paths, folder, access) : -1;
    free(folder);
    return rc;
}

/* What a symbolic link leads to is another folder than the link's. */
static int add_both(struct sandbox_paths *paths, const char *path, enum landlock_access access)
{
    char *real = realpath(path, NULL);
    int rc = real ? add_around(paths, real, access) : 0;

    free(real);
    return rc == 0 ? add_around(paths, path, access) : rc;
}

/* ---- What the configuration names ---- */

/* A path is absolute, or a file that is there. */
static bool is_path(const char *text)
{
    struct stat st;

    return *text == '/' || (*text && stat(text, &st) == 0);
}

static int add_text(struct sandbox_paths *paths, const char *text, bool of_plugin)
{
    if (strncmp(text, "unix:", 5) == 0)
        return is_path(text + 5) ? add_around(paths, text + 5, LANDLOCK_WRITE) : 0;
    if (*text == '@')
        return is_path(text + 1) ? add_both(paths, text + 1, LANDLOCK_READ) : 0;
    return is_path(text) ? add_both(paths, text, of_plugin ? LANDLOCK_WRITE : LANDLOCK_READ) : 0;
}

static int add_file_of(struct sandbox_paths *paths, const struct config *config, const struct config_node *node)
{
    struct text file = TEXT_MAX(PATH_MAX);
    int rc;

    config_source(config, node, &file);
    rc = text_failed(&file) ? -1 : add_both(paths, text_of(&file), LANDLOCK_READ);
    text_free(&file);
    return rc;
}

static bool is_section(const struct config_node *node)
{
    static const char *const sections[] = { "ca", "dns", "store", "audit" };

    for (size_t i = 0; i < COUNT(sections); i++)
        if (strcmp(config_name(node), sections[i]) == 0)
            return true;
    return false;
}

/* `depth`: 0 at the root, whose members are the sections; of_plugin: below one of ca, dns, store, audit, where the core's one
 * word with a path is `plugin`. */
static int add_below(struct sandbox_paths *paths, const struct config *config, const struct config_node *node, size_t depth,
                     bool of_plugin)
{
    const struct config_node *child;
    int rc = add_file_of(paths, config, node);

    if (rc == 0 && config_text(node))
        rc = add_text(paths, config_text(node), of_plugin && strcmp(config_name(node), "plugin") != 0);
    for (size_t i = 0; rc == 0 && (child = config_at(node, i)) != NULL; i++)
        rc = add_below(paths, config, child, depth + 1, of_plugin || (depth == 0 && is_section(child)));
    return rc;
}

static int add_environment(struct sandbox_paths *paths)
{
    static const char *const names[] = { "CREDENTIALS_DIRECTORY", "SSL_CERT_DIR", "SSL_CERT_FILE" };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < COUNT(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            rc = add_both(paths, value, LANDLOCK_READ);
    }
    return rc;
}

static int add_always(struct sandbox_paths *paths)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < COUNT(always_read); i++)
        rc = add(paths, always_read[i], LANDLOCK_READ);
    if (rc == 0)
        rc = add(paths, "/dev/null", LANDLOCK_WRITE);
    return rc == 0 ? add_both(paths, "/etc/resolv.conf", LANDLOCK_READ) : rc;
}

int sandbox_paths_of(struct sandbox_paths *paths, const struct config *config, const struct settings *settings,
                     struct cs_error *err)
{
    *paths = (struct sandbox_paths){ 0 };
    if (add_always(paths) == 0 && add_environment(paths) == 0 && add(paths, settings->plugin_dir, LANDLOCK_READ) == 0 &&
        add(paths, settings->state, LANDLOCK_WRITE) == 0 && add(paths, settings->runtime, LANDLOCK_WRITE) == 0 &&
        add_below(paths, config, config_root(config), 0, false) == 0)
        return 0;
    sandbox_paths_free(paths);
    return cs_fail(err, CS_EBUSY, "no memory");
}

const struct sandbox_path *sandbox_paths_missing(const struct sandbox_paths *have, const struct sandbox_paths *want)
{
    for (size_t i = 0; i < want->n; i++)
        if (!has(have, &want->v[i]))
            return &want->v[i];
    return NULL;
}

void sandbox_paths_free(struct sandbox_paths *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        free(paths->v[i].path);
    free(paths->v);
    *paths = (struct sandbox_paths){ 0 };
}

/*
 * The group whose members may read analytics.db. The file lies in the store's state folder, beside files that are nobody else's
 * business: the group may pass through that folder and the one above it, which is all that opening a file by its name needs,
 * and list neither. Called by sqlite.c at the start and by publish.c.
 */
#include "analytics.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { GROUPS_TEXT = 1 << 20 }; /* a group may have many members */

int analyst_group_find(struct db *db, struct cs_error *err)
{
    const char *name = db->conf->analytics_group;
    struct group group, *found = NULL;
    char *text;
    int rc;

    if (!*name)
        return 0;
    text = malloc(GROUPS_TEXT);
    if (!text)
        return cs_fail(err, CS_EBUSY, "no memory");
    rc = getgrnam_r(name, &group, text, GROUPS_TEXT, &found);
    if (found)
        db->analytics_gid = group.gr_gid;
    else if (rc == 0)
        cs_fail(err, CS_ECONFIG, "analytics_group names the group %s, which there is not: `groupadd %s` makes it", name, name);
    else
        cs_fail(err, CS_ECONFIG, "cannot look up the group %s: %s", name, strerrordesc_np(rc));
    free(text);
    return found ? 0 : -1;
}

/* A folder that has a group already, with rights, stays as somebody made it. */
static void open_folder(const char *path, gid_t group)
{
    struct stat st;

    if (stat(path, &st) < 0 || st.st_uid != geteuid() || (st.st_gid != group && (st.st_mode & S_IRWXG)))
        return;
    if (st.st_gid != group && chown(path, (uid_t)-1, group) < 0)
        return;
    if (!(st.st_mode & S_IXGRP))
        chmod(path, (st.st_mode & 0777) | S_IXGRP);
}

/* For one who is a member and neither the owner nor root. */
static bool lets_pass(const struct stat *st, gid_t group)
{
    return st->st_mode & (st->st_gid == group ? S_IXGRP : S_IXOTH);
}

/* "/a/b" becomes "/a", "/a" becomes "/". False: it was "/". */
static bool to_parent(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash || !path[1])
        return false;
    slash[slash == path] = '\0';
    return true;
}

static void warn(const struct db *db, const char *folder)
{
    cs_log(
        db->in, CS_LOG_WARN,
        "members of the group cannot reach the analytics database: let them pass through the folder (chmod o+x, or chgrp and "
        "chmod g+x), or set `analytics` to a path elsewhere group=%s folder=%s file=%s",
        db->conf->analytics_group, folder, db->analytics.path);
}

void analyst_group_let_in(const struct db *db)
{
    bool ours = db->conf->analytics[0] != '/';
    char *path = text_copy(db->analytics.path);
    struct stat st;
    int up = 0;

    if (path && *db->conf->analytics_group)
        while (to_parent(path)) {
            if (ours && up++ < 2)
                open_folder(path, db->analytics_gid);
            if (stat(path, &st) < 0 || !lets_pass(&st, db->analytics_gid)) {
                warn(db, path);
                break;
            }
        }
    free(path);
}

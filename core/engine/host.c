/*
 * What an instance can ask about itself: its name and a folder for its files. Called by plugins in `open`.
 */
#include "engine/host.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

const char *cs_instance_name(const struct cs_instance *in)
{
    return in->name;
}

/* The folder is ours alone: made if it is not there, refused if it is somebody else's, closed to others if it was open. Passing
 * through may be allowed to its group, which opens nothing but what a plugin has made readable for that. */
static int make_private(const char *path, struct cs_error *err)
{
    struct stat st;
    int fd = -1, rc = -1;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return cs_fail(err, CS_ECONFIG, "cannot make the folder %s: %s", path, strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        cs_fail(err, CS_ECONFIG, "cannot use the folder %s: %s", path, strerror(errno));
        goto out;
    }
    if (st.st_uid != geteuid()) {
        cs_fail(err, CS_ECONFIG, "the folder %s belongs to uid %u: it must belong to the user that the server runs as (uid %u)",
                path, (unsigned)st.st_uid, (unsigned)geteuid());
        goto out;
    }
    if ((st.st_mode & 07777 & ~(mode_t)S_IXGRP) != 0700 && fchmod(fd, 0700) < 0) {
        cs_fail(err, CS_ECONFIG, "cannot give the folder %s mode 0700: %s", path, strerror(errno));
        goto out;
    }
    rc = 0;
out:
    if (fd >= 0)
        close(fd);
    return rc;
}

bool cs_only_looks(const struct cs_instance *in)
{
    return in->only_looks;
}

const char *cs_state_dir(struct cs_instance *in, struct cs_error *err)
{
    struct text path = TEXT_MAX(4000);

    if (in->state_dir)
        return in->state_dir;
    assert(!strchr(in->who, '/') && in->who[0] != '.');
    text_addf(&path, "%s/%s", in->state_root, in->who);
    if (text_failed(&path))
        cs_fail(err, CS_ECONFIG, "the name of the state folder is too long: shorten `state`");
    else if (in->only_looks || make_private(text_of(&path), err) == 0)
        in->state_dir = text_take(&path);
    text_free(&path);
    return in->state_dir;
}

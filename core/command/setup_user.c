/*
 * From root to `user`: the folders, the change, the lock; these steps of setup.h touch the system.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/setup.h"

/* ---- Folders ---- */

static const char *advice(int error_number)
{
    switch (error_number) {
    case EROFS:
        return ": mount it for writing, `mount -o remount,rw`";
    case ENOSPC:
    case EDQUOT:
        return ": make room there";
    default:
        return "";
    }
}

static int check_folder(const struct setup *setup, const char *path, const struct stat *st, struct cs_error *err)
{
    if (st->st_uid != setup->user)
        return cs_fail(err, CS_ECONFIG, "the folder %s belongs to uid %u, but the server runs as uid %u: chown it", path,
                       (unsigned)st->st_uid, (unsigned)setup->user);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return cs_fail(err, CS_ECONFIG, "the folder %s can be written by others (mode %03o): chmod go-w it", path,
                       (unsigned)st->st_mode & 0777);
    return 0;
}

static int check_who(const struct setup *setup, struct cs_error *err)
{
    if (geteuid() == 0 || geteuid() == setup->user)
        return 0;
    return cs_fail(err, CS_ECONFIG, "this runs as uid %u, but `user` is \"%s\": start it as root or as that user",
                   (unsigned)geteuid(), setup->settings.user);
}

/* Made by us, or found: then it is not touched, as an administrator may have let a group in. */
int setup_make_folder(const struct setup *setup, const char *path, struct cs_error *err)
{
    bool made;
    int fd = -1, rc = -1;
    struct stat st;

    if (check_who(setup, err) < 0)
        return -1;
    made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return cs_fail(err, CS_ECONFIG, "cannot make the folder %s: %s%s", path, strerror(errno), advice(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || (made && fchown(fd, setup->user, setup->group) < 0) || fstat(fd, &st) < 0)
        cs_fail(err, CS_ECONFIG, "cannot use the folder %s: %s", path, strerror(errno));
    else
        rc = check_folder(setup, path, &st, err);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* ---- The user ---- */

static int change_user(const struct setup *setup, struct cs_error *err)
{
    if (initgroups(setup->settings.user, setup->group) < 0 || setresgid(setup->group, setup->group, setup->group) < 0 ||
        setresuid(setup->user, setup->user, setup->user) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot become user %s: %s", setup->settings.user, strerror(errno));
    if (setuid(0) == 0 || (setup->group != 0 && setgid(0) == 0) || getuid() != setup->user || getegid() != setup->group)
        return cs_fail(err, CS_EINTERNAL, "became user %s, but could go back: refusing to run", setup->settings.user);
    return 0;
}

int setup_drop_privileges(const struct setup *setup, struct cs_error *err)
{
    if (check_who(setup, err) < 0)
        return -1;
    if (geteuid() == 0 && setup->user != 0 && change_user(setup, err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return cs_fail(err, CS_EINTERNAL, "cannot give up new privileges: %s", strerror(errno));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* becoming somebody else has set it to what the machine has for that */
        return cs_fail(err, CS_EINTERNAL, "cannot keep others from this process' memory: %s", strerror(errno));
    return 0;
}

int setup_become_user(struct setup *setup, struct cs_error *err)
{
    if (setup_make_folder(setup, setup->settings.state, err) < 0 || setup_make_folder(setup, setup->settings.runtime, err) < 0)
        return -1;
    return setup_drop_privileges(setup, err);
}

/* ---- The lock ---- */

/* The pid that the holder wrote; "" when it has not yet. */
static void read_holder(int fd, char out[32])
{
    ssize_t n = pread(fd, out, 31, 0);
    size_t digits;

    out[n > 0 ? n : 0] = '\0';
    digits = strspn(out, "0123456789");
    out[digits] = '\0';
}

static int write_holder(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n ? -1 : 0;
}

static int take_lock(const struct setup *setup, const char *path, int fd, struct cs_error *err)
{
    char holder[32];

    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return write_holder(fd) == 0 ? 0
                                   : cs_fail(err, CS_ECONFIG, "cannot write %s: %s%s", path, strerror(errno), advice(errno));
    if (errno != EWOULDBLOCK)
        return cs_fail(err, CS_ECONFIG, "cannot lock %s: %s", path, strerror(errno));
    read_holder(fd, holder);
    return cs_fail(err, CS_EBUSY,
                   "the state folder %s is in use by process %s: stop that one first, or give this one a `state` of its own",
                   setup->settings.state, *holder ? holder : "of an unknown number");
}

int setup_lock_state(struct setup *setup, struct cs_error *err)
{
    struct text path = TEXT_MAX(4096);
    int fd = -1, rc = -1;

    text_addf(&path, "%s/lock", setup->settings.state);
    if (!text_failed(&path))
        fd = open(text_of(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        cs_fail(err, CS_ECONFIG, "cannot open %s: %s%s", text_of(&path), strerror(errno), advice(errno));
        goto out;
    }
    if (take_lock(setup, text_of(&path), fd, err) < 0)
        goto out;
    setup->state_lock = fd;
    rc = 0;
out:
    if (rc < 0 && fd >= 0)
        close(fd);
    text_free(&path);
    return rc;
}

void setup_state_holder(const struct setup *setup, char out[32])
{
    struct text path = TEXT_MAX(4096);
    int fd;

    out[0] = '\0';
    text_addf(&path, "%s/lock", setup->settings.state);
    fd = text_failed(&path) ? -1 : open(text_of(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    text_free(&path);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        read_holder(fd, out);
    close(fd);
}

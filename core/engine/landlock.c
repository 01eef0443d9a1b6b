/*
 * The three system calls of Landlock; see landlock.h. Bits that Debian 12's headers lack stand here, as a newer kernel has them
 * whatever this was built with.
 */
#include "engine/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since version 2 (moving between folders), 3 (truncating) and 5 (a device's own requests). */
#define ACCESS_REFER     ((uint64_t)1 << 13)
#define ACCESS_TRUNCATE  ((uint64_t)1 << 14)
#define ACCESS_IOCTL_DEV ((uint64_t)1 << 15)

#define READING ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define WRITING                                                                                                                \
    ((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |                    \
                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR) |               \
     ACCESS_REFER | ACCESS_TRUNCATE)
#define OF_A_FILE                                                                                                              \
    ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE) | ACCESS_TRUNCATE | \
     ACCESS_IOCTL_DEV)
#define OF_VERSION_1 (((uint64_t)1 << 13) - 1)

struct landlock {
    int fd;
    uint64_t handled;
};

/* What a kernel of that version knows; it refuses other bits. */
static uint64_t known(int version)
{
    uint64_t bits = OF_VERSION_1;

    if (version >= 2)
        bits |= ACCESS_REFER;
    if (version >= 3)
        bits |= ACCESS_TRUNCATE;
    if (version >= 5)
        bits |= ACCESS_IOCTL_DEV;
    return bits;
}

int landlock_version(void)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

    return version > 0 ? (int)version : 0;
}

struct landlock *landlock_new(int version, struct cs_error *err)
{
    const struct landlock_ruleset_attr attributes = { .handled_access_fs = known(version) };
    struct landlock *set = calloc(1, sizeof *set);

    if (!set) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    set->handled = attributes.handled_access_fs;
    set->fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (set->fd >= 0)
        return set;
    cs_fail(err, CS_ECONFIG, "this kernel makes no set of Landlock rules: %s", strerror(errno));
    free(set);
    return NULL;
}

void landlock_free(struct landlock *set)
{
    if (!set)
        return;
    close(set->fd);
    free(set);
}

bool landlock_allow(struct landlock *set, const char *path, enum landlock_access access)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = access == LANDLOCK_WRITE ? READING | WRITING : READING };
    const int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;
    int rc = -1;

    if (fd < 0)
        return false;
    rule.parent_fd = fd;
    rule.allowed_access &= set->handled;
    if (fstat(fd, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            rule.allowed_access &= OF_A_FILE;
        rc = (int)syscall(SYS_landlock_add_rule, set->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(fd);
    return rc == 0;
}

int landlock_enter(const struct landlock *set, struct cs_error *err)
{
    if (syscall(SYS_landlock_restrict_self, set->fd, 0) == 0)
        return 0;
    return cs_fail(err, CS_ECONFIG, "this kernel does not hold us to the Landlock rules: %s", strerror(errno));
}

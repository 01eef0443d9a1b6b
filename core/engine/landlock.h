/*
 * Landlock: the files that this process may touch, whatever its user could (landlock(7)). A set of folders is filled, then
 * entered for ever, by this thread and those that it makes later: so while there is one. Raw system calls, as glibc has no
 * others, and a library for three of them would be one more to trust. Used by command/sandbox.c.
 */
#ifndef ENGINE_LANDLOCK_H
#define ENGINE_LANDLOCK_H

#include <countersign/plugin.h>

enum landlock_access {
    LANDLOCK_READ, /* files, and the names in folders */
    LANDLOCK_WRITE /* also make, change, rename and remove what is in it; no devices, no links */
};

/* The kernel's version of it: 1 or more; 0 where it has none, or was started without. */
int landlock_version(void);

struct landlock; /* a set that is being filled */

struct landlock *landlock_new(int version, struct cs_error *err);
void landlock_free(struct landlock *set); /* NULL is allowed */

/* Allow what lies in a folder, however deep, or one file. What is not there is left out: false, with errno. */
bool landlock_allow(struct landlock *set, const char *path, enum landlock_access access);

/* From now on nothing else can be opened, made or removed; what is open stays so. Programs cannot be run at all. Needs
 * no_new_privs. */
int landlock_enter(const struct landlock *set, struct cs_error *err);

#endif

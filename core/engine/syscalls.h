/*
 * The system calls that this process may make, once it has started: a list of what the server, its libraries and the plugins of
 * the tree need, held by seccomp(2) for all threads, now and later, and for ever. docs/service.md says how an operator finds
 * what was refused; docs/plugin-guide.md has the list for authors. Used by command/sandbox.c.
 *
 * What only an intruder would call, or a plugin that should have said so (another program, another process' memory, mounts,
 * other users …), fails with EPERM; everything else with ENOSYS, as on a kernel that has not got it, because that is what
 * libraries of later years know how to do without. Either way the kernel logs the call's number.
 * Nothing is killed: a call that was forgotten here fails one order, and says so, instead of all.
 */
#ifndef ENGINE_SYSCALLS_H
#define ENGINE_SYSCALLS_H

#include <countersign/plugin.h>

enum syscalls_mode {
    SYSCALLS_REFUSE,
    SYSCALLS_LOG /* the kernel logs what would be refused, and does it */
};

/* Is it built in? Without libseccomp, and beside a sanitizer, it is not. */
bool syscalls_can_be_limited(void);

/* From now on. Needs no_new_privs. CS_ECONFIG: this kernel will not; nothing has changed then. */
int syscalls_limit(enum syscalls_mode mode, struct cs_error *err);

#endif

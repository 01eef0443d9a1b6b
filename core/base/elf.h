/*
 * What a shared object shows and asks for, read from the file itself, before any of its code runs. Used by
 * `countersign plugin check`.
 */
#ifndef BASE_ELF_H
#define BASE_ELF_H

#include <countersign/plugin.h>

enum elf_kind {
    ELF_EXPORTED = 1, /* a name that others can bind to                                                   */
    ELF_ASKED,        /* a name that somebody else must have; weak: it may be missing                     */
    ELF_LIBRARY,      /* an object that is loaded with it (DT_NEEDED)                                     */
    ELF_VARIABLE      /* something that can be written and lives outside of functions, unless stripped off */
};

/* Called once for each. `name` points into the bytes. */
typedef void elf_fn(void *arg, enum elf_kind kind, const char *name, bool weak);

/* Reads a shared object of this machine's own kind (class, byte order, machine). Each offset is checked, and each string. -1
 * and CS_EINPUT: it is none, or broken. */
int elf_read(const void *at, size_t len, elf_fn *fn, void *arg, struct cs_error *err);

#endif

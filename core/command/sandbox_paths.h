/*
 * The folders that a configuration needs: what Landlock lets the server touch. Everything that looks like a path in the file
 * counts, so that plugins of others need not say which of their settings are. Used by sandbox.c.
 */
#ifndef COMMAND_SANDBOX_PATHS_H
#define COMMAND_SANDBOX_PATHS_H

#include "engine/landlock.h"
#include "plugin/settings.h"

struct sandbox_path {
    char *path; /* absolute, without symbolic links; a folder, or a file right below "/" */
    enum landlock_access access;
};

struct sandbox_paths {
    struct sandbox_path *v;
    size_t n;
};

/* - what every server reads: libraries, /etc, /proc, certificates of CAs, where names are looked up, $CREDENTIALS_DIRECTORY;
 * - `state` and `runtime`, to write; the folder of each file of the configuration, to read;
 * - the folder of each path that it names, because files are replaced by renaming: to write where it is a plugin's or a unix
 *   socket to listen on, to read where it is the server's own, such as a key, or a secret "@FILE".
 * What does not exist is left out, as it could not be allowed. CS_EBUSY: no memory; nothing to free then. */
int sandbox_paths_of(struct sandbox_paths *paths, const struct config *config, const struct settings *settings,
                     struct cs_error *err);

/* Does `have` allow what `want` does? NULL, or the first of `want` that it does not. */
const struct sandbox_path *sandbox_paths_missing(const struct sandbox_paths *have, const struct sandbox_paths *want);

void sandbox_paths_free(struct sandbox_paths *paths);

#endif

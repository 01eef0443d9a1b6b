/*
 * What the subcommands have in common, a step each, in the start order: read the file, become `user`, lock the state folder,
 * open the store. serve.c calls the steps one by one; commands that only need the store call setup_store().
 */
#ifndef COMMAND_SETUP_H
#define COMMAND_SETUP_H

#include <sys/types.h>

#include "records/store.h"

struct setup {
    struct config *config;
    struct settings settings;
    uid_t starter;    /* who started the program */
    uid_t user;       /* whom it runs as */
    gid_t group;
    int state_lock;   /* fd, -1: not held */
    /* of commands that need one plugin only */
    struct loop *loop;
    struct settings only; /* of setup_only(): a view of the settings with that block, and the one it refers to */
    struct block_settings only_blocks[2];
    struct instances *instances;
    struct instance *store;
};

/* Read the file and the server's own settings, look up `user`. Prints every complaint to stderr; -1 when there was any, and
 * nothing is left to free then. */
int setup_read(struct setup *setup, const char *path);

/* The same for `countersign check`, which goes on after a fault: complaints stay in the config, and only a file that cannot be
 * read or parsed is an error. */
int setup_load(struct setup *setup, const char *path, struct cs_error *err);

/* For who only looks at plugins: reads the file, or takes the defaults when `path` is NULL, and gives up privileges. As loading
 * a plugin runs its code, root becomes `nobody` where no file names a user. -1: said on stderr; nothing to free. */
int setup_visit(struct setup *setup, const char *path);

/* setup_make_folder() for state and runtime, then setup_drop_privileges(). One thread only. */
int setup_become_user(struct setup *setup, struct cs_error *err);

/* Makes a folder if it is not there, 0700, the user's; refuses one that is somebody else's or that others can write to. */
int setup_make_folder(const struct setup *setup, const char *path, struct cs_error *err);

/* initgroups, setgid, setuid, when started as root and `user` is set; then no_new_privs, and no dumping: other processes of
 * that user cannot read our memory, where keys are. Who is neither root nor `user` is refused. One thread only. For commands
 * that load plugins, but write nothing. */
int setup_drop_privileges(const struct setup *setup, struct cs_error *err);

/* flock on STATE/lock, with our pid in it. CS_EBUSY naming the pid that holds it; CS_ECONFIG for any other fault. */
int setup_lock_state(struct setup *setup, struct cs_error *err);

/* Who holds that lock now: the pid as text, or "". Touches nothing. */
void setup_state_holder(const struct setup *setup, char out[32]);

/* NOFILE to its hard limit, SIGPIPE ignored, no core dumps of secrets, umask 077. */
void setup_process(void);

/* Fill `only` for a block of the settings. */
void setup_only(struct setup *setup, const struct block_settings *block);

/* For commands: becomes the user, loads and opens the store instance only. Neither locks nor looks at the schema. */
int setup_open_store(struct setup *setup, struct cs_error *err);

/* The same; then migrates when the state lock is free (taken and kept until setup_free), otherwise refuses a schema it does not
 * know. Needs setup_read(). */
int setup_store(struct setup *setup, struct cs_error *err);

/* Before setup_free() where calls of plugins may be out: stops the instances and turns the loop until all are back, until
 * `until_ms` (on cs_now_ms()) at the latest. False: a plugin still works on one, and nothing of the setup can be freed. */
bool setup_rest(struct setup *setup, int64_t until_ms);

void setup_free(struct setup *setup); /* one that was only set to { .state_lock = -1 } is allowed */

#endif

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
    /* of setup_store() */
    struct loop *loop;
    struct instances *instances;
    struct instance *store;
};

/* Read the file and the server's own settings, look up `user`. Prints every complaint to stderr; -1 when there was any. */
int setup_read(struct setup *setup, const char *path);

/* setgroups, setgid, setuid, when started as root and `user` is set; makes the state and runtime folders first, 0700, the
 * user's. Then no_new_privs. One thread only. */
int setup_become_user(struct setup *setup, struct cs_error *err);

/* flock on STATE/lock, with our pid in it. CS_ECONFIG naming the pid that holds it. */
int setup_lock_state(struct setup *setup, struct cs_error *err);

/* NOFILE to its hard limit, SIGPIPE ignored, no core dumps of secrets, umask 077. */
void setup_process(void);

/* For commands: becomes the user, loads and opens the store instance only; migrates when the state lock is free (taken and kept
 * until setup_free), otherwise refuses a schema it does not know. Needs setup_read(). */
int setup_store(struct setup *setup, struct cs_error *err);

void setup_free(struct setup *setup);

#endif

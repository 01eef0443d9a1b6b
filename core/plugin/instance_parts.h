/*
 * What the files of the instances share: instance.c has the life of one, instances.c the set of them that the configuration
 * names, instance_reload.c how a set gives way to that of a new file. Nobody else looks inside.
 */
#ifndef PLUGIN_INSTANCE_PARTS_H
#define PLUGIN_INSTANCE_PARTS_H

#include "plugin/instance.h"

struct instances {
    struct loop *loop;
    const struct settings *settings;
    struct config *config;
    struct instance **of_block; /* one for each block of the settings; two blocks may share one */
    struct instance *leaving;   /* of earlier files; they are closed as soon as nobody uses them */
};

/* instance_reload.c: the end of the process, for instances_free(). */
void instances_free_leaving(struct instances *all);

/* Is it this block that brought the instance to life, or one that only refers to it? */
bool instances_own(const struct instances *all, size_t block);

/* It needs the block's words only until it is open. NULL: no memory. */
struct instance *instance_new(struct loop *loop, struct http_client *http, const char *state_root,
                              const struct block_settings *block);
/* Bind its `listen`; what `before` (may be NULL) listens on already is shared. */
int instance_bind(struct instance *instance, const struct instance *before, struct cs_error *err);
/* Complaints go to the config. */
int instance_load(struct instance *instance, struct config *config, const char *plugin_dir, uid_t user, uid_t starter);
int instance_start(struct instance *instance, struct cs_error *err); /* harmless when it is started, or not open */
void instance_catch_up(const struct instance *instance);
void instance_stop(struct instance *instance);
/* Nothing of it is under way: instance_end() does not wait. */
bool instance_is_quiet(const struct instance *instance);
void instance_end(struct instance *instance); /* its threads, then it is closed; not with calls that are out */
void instance_free(struct instance *instance); /* NULL is allowed; left alone with calls that are out */

#endif

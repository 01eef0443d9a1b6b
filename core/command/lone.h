/*
 * One DNS instance of the configuration on its own: opened as the server would, with the core's services around it, and called
 * as request/owner.c calls it. No store is opened: what the plugin keeps lives in memory, so that a trial leaves no trace in
 * the records and may run beside a server. Used by plugin_test.c, steps.c and conformance*.c.
 */
#ifndef COMMAND_LONE_H
#define COMMAND_LONE_H

#include "command/setup.h"
#include "engine/http_client.h"
#include "records/keep.h"

struct lone {
    struct setup setup;
    struct http_client *client;
    struct keep *keep;
    struct instance *instance;
    int64_t deadline_ms; /* of each call; the caller may change it */
    bool stuck;          /* a call was not finished long after its deadline, or it was not opened again: ask no more */
};

/* What became of a call. */
struct lone_result {
    bool failed;
    struct cs_error err; /* of a failure */
    int64_t us;          /* how long it took */
};

/* Reads the file, binds the block's `listen`, becomes the user, loads and opens. What is wrong with the file is printed; *err
 * may then be empty. Call lone_close() in any case. */
int lone_open(struct lone *lone, const char *config_path, const char *name, struct cs_error *err);

/* Closed and opened again, as by a restart of the server; its sockets stay bound. */
int lone_reopen(struct lone *lone, struct cs_error *err);

/* Starts a call; lone_end() runs the loop until it has ended and tells the result. Several may be out, for different owners. */
struct lone_call;
struct lone_call *lone_begin(struct lone *lone, const struct cs_txt_change *change); /* NULL: no memory */
void lone_end(struct lone *lone, struct lone_call *call, struct lone_result *result);
/* Both. */
void lone_set_txt(struct lone *lone, const struct cs_txt_change *change, struct lone_result *result);

/* False: the plugin still works on a call and could not be closed. The process must then end by _exit(). */
bool lone_close(struct lone *lone);

#endif

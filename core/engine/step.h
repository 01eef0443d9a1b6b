/*
 * The steps that an order, or a revocation, takes in the core, in one table, and the places where they are told: each is a
 * line of the log at debug. Called where a step is about to be taken (step_reached), or inside the transaction that writes
 * one down (step_written). Plugins have names of their own, which come by cs_op_step(), cs_op_save() and cs_keep_put().
 *
 * tests/moved/kill.c ends the program at any of them; docs/recovery.md shows all, and what a restart makes of each.
 */
#ifndef ENGINE_STEP_H
#define ENGINE_STEP_H

#include <stdbool.h>

enum step_id {
    STEP_LOOKING,
    STEP_STORING,
    STEP_SAVED_JOB,
    STEP_QUEUED,
    STEP_SIGNING,
    STEP_PLACING,
    STEP_RECORDING,
    STEP_SAVED_CHALLENGE,
    STEP_SETTING,
    STEP_SET,
    STEP_ASKING,
    STEP_VISIBLE,
    STEP_CHECKING,
    STEP_COMMITTING,
    STEP_SAVED_CHAIN,
    STEP_ANSWERING,
    STEP_FAILING,
    STEP_SAVED_FAILURE,
    STEP_WITHDRAWING,
    STEP_WITHDRAWN,
    STEP_SAVED_WITHDRAWAL,
    STEP_RESUMING,
    STEP_REVIVING,
    STEP_RECORDING_REVOCATION,
    STEP_SAVED_REVOCATION,
    STEP_REVOKING,
    STEP_SAVED_REVOKED,
    STEP_IDS
};

struct step_row {
    const char *name;
    bool written;     /* committed with a transaction; otherwise only told */
    const char *what; /* happens next, or was written */
};

extern const struct step_row step_table[STEP_IDS];

/* `about`: the job's id, or "". Copied nowhere. Any thread. */
void step_reached(enum step_id id, const char *about);
void step_written(enum step_id id, const char *about); /* inside the transaction, before its commit */

/* The same for what plugins name: a step that is told, and one that is written down. `who`: the plugin's instance. */
void step_named(const char *who, const char *about, const char *name);
void step_saved(const char *about, const char *name); /* called "saved-" and the name */

#endif

/*
 * The state folder's part of a restore: the folders of instances, and `self`. Every copy is made beside its place first, as
 * PART.restored; then they change places. Called by restore.c, which holds the lock of the state folder.
 */
#ifndef COMMAND_RESTORE_STATE_H
#define COMMAND_RESTORE_STATE_H

#include <jansson.h>

#include <countersign/store.h>

struct restore_state {
    const char *backup, *state; /* folders */
    const json_t *manifest;
    const char *when;  /* for the names of what is put aside */
    json_t *prepared;  /* parts that lie at PART.restored; [] at the beginning */
    cs_finding_fn *fn; /* what the operator should know */
    void *arg;
};

/* "ca.le" of the entry state/ca.le/account.pem; false for a file of the store. */
bool restore_state_part(const json_t *entry, char part[300]);

/* What would refuse it, before anything is written. CS_ECONFLICT: there are other keys, and no `force`. */
int restore_state_look(const struct restore_state *r, bool force, struct cs_error *err);

/* Copies what is not there already, each file compared with the manifest while it is copied, all of it synced. Nothing that is
 * there is touched. What an earlier run left is removed first. */
int restore_state_prepare(struct restore_state *r, struct cs_error *err);

/* They take their places; what is there is renamed to PART.replaced-WHEN. *begun once the first was touched. */
int restore_state_install(struct restore_state *r, bool *begun, struct cs_error *err);

/* Removes the copies that have no place yet. */
void restore_state_drop(struct restore_state *r);

/* Tells of keys that an earlier restore put aside and that still lie there. Before this one begins. */
void restore_state_tell_earlier(const struct restore_state *r);

#endif

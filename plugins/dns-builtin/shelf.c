/*
 * Hands snapshots from one thread to the other; see shelf.h.
 */
#include "shelf.h"

#include <stdlib.h>

static void snapshot_free(struct snapshot *snapshot, struct table *table)
{
    table_release(table, snapshot->root);
    free(snapshot);
}

/* A reader that announces `in_use` looks at `current` again before it reads. So a snapshot that left `current` before we look
 * at `in_use` here, and is not there, will never be read again. */
static void sweep(struct shelf *shelf, struct table *table)
{
    struct snapshot **at = &shelf->retired;
    const struct snapshot *in_use = atomic_load(&shelf->in_use);

    while (*at) {
        struct snapshot *snapshot = *at;

        if (snapshot == in_use) {
            at = &snapshot->next;
            continue;
        }
        *at = snapshot->next;
        snapshot_free(snapshot, table);
    }
}

int shelf_publish(struct shelf *shelf, const struct zones *zones, struct table *table, struct cs_error *err)
{
    struct snapshot *snapshot = malloc(sizeof *snapshot), *old;

    if (!snapshot)
        return cs_fail(err, CS_EBUSY, "no memory for the DNS table");
    *snapshot = (struct snapshot){ .zones = zones, .root = table_root(table) };
    old = atomic_exchange(&shelf->current, snapshot);
    if (old) {
        old->next = shelf->retired;
        shelf->retired = old;
    }
    sweep(shelf, table);
    return 0;
}

void shelf_clear(struct shelf *shelf, struct table *table)
{
    struct snapshot *last = atomic_exchange(&shelf->current, NULL);

    sweep(shelf, table);
    if (last)
        snapshot_free(last, table);
}

const struct snapshot *shelf_take(struct shelf *shelf)
{
    struct snapshot *snapshot;

    do {
        snapshot = atomic_load(&shelf->current);
        atomic_store(&shelf->in_use, snapshot);
    } while (atomic_load(&shelf->current) != snapshot);
    return snapshot;
}

void shelf_give_back(struct shelf *shelf)
{
    atomic_store(&shelf->in_use, NULL);
}

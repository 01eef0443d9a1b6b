/*
 * The labels that zones declare, and what becomes of a client's: undeclared names are dropped, values that are not allowed,
 * look personal or are too many become "other". The declarations are read from state.db and read again when somebody changed
 * them. Made by command/serve.c; asked by visit.c. Loop thread only.
 */
#ifndef RECORDS_LABEL_H
#define RECORDS_LABEL_H

#include "engine/metrics.h"
#include "records/store.h"

#define LABEL_OTHER "other"

/* As a client gave it: at most LABELS_MAX of them, sizes as http/labels.h has them. */
struct visit_label {
    const char *name, *value;
};

struct labels_declared;

/* Reads the declarations, before it returns: labels_known() wants them. When that fails nothing is declared, and it is tried
 * again every two seconds; `ready`, on the loop, once, tells how the first look of these went. `plugin` is the one that `state`
 * was opened with. `metrics` counts what is dropped. */
struct labels_declared *labels_open(struct loop *loop, struct instance *plugin, struct store *state, struct metrics *metrics,
                                    cs_done_fn *ready, void *arg, struct cs_error *err);
void labels_close(struct labels_declared *labels); /* before the store's; NULL is allowed */

/* Screen `n` labels for a zone and a day: `out` has room for n, its strings are those of `in`, of the declarations or
 * LABEL_OTHER: copy them at once. Sorted by name. Returns how many there are. `labels` NULL: none. */
size_t labels_screen(struct labels_declared *labels, const char *zone, int64_t day, const struct visit_label *in, size_t n,
                     struct cs_visit_label *out);

/* At start: this value of a label came in already on that day, so it is not a new one. */
void labels_known(struct labels_declared *labels, const char *zone, int64_t day, const struct cs_visit_label *label);

/* Could it be a person's? A mail address, an IP address, a UUID, or six digits in a row. Pure; also for `countersign label`. */
bool label_looks_personal(const char *value);

#endif

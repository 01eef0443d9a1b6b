/*
 * The `audit` role: takes the issuance ledger, event by event. Example of a whole plugin: plugins/audit-jsonl/.
 */
#ifndef COUNTERSIGN_AUDIT_H
#define COUNTERSIGN_AUDIT_H

#include <countersign/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Holds no client address and no label: it speaks of certificates, not of people. */
struct cs_event {
    uint32_t size;
    int64_t number;  /* rises by one with each event of this server; a gap was dropped */
    int64_t time_ms; /* wall clock                                                     */
    const char *kind; /* "issued", "failed", "refused", "started", "stopped"           */
    const char *json; /* one JSON object with the rest; RFC 8259, no newline           */
    size_t json_len;
};

struct cs_audit_ops {
    uint32_t size;
    bool blocking; /* always true: called in a worker, one call at a time */

    /* Keep `n` events, in order. At least once: the same number may come again. Returning 0 means they are safe. */
    int (*append)(void *self, const struct cs_event *events, size_t n, struct cs_error *err);
};

#ifdef __cplusplus
}
#endif
#endif

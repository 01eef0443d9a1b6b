/*
 * The `audit` role: takes one of two ledgers, event by event; the operator's configuration says which. Examples of whole
 * plugins: plugins/audit-jsonl/, a file; plugins/audit-syslog/, the network.
 *
 *   issuance  what became of orders, exact: each event has a number and a time, and comes at least once, in order. It is kept
 *             on disk until the sink has it, and speaks of certificates, never of people.
 *   visits    signing requests, pseudonymous (docs/privacy.md): events of kind "visit" that have no number and no time, only a
 *             day in their JSON, in an order that was left to chance. They are kept in memory only: what a sink does not take
 *             in time is lost, and what it took without saying so comes again.
 */
#ifndef COUNTERSIGN_AUDIT_H
#define COUNTERSIGN_AUDIT_H

#include <countersign/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Neither ledger holds a client's address or its pseudonym; only "visit" events hold labels, and none of a certificate. */
struct cs_event {
    uint32_t size;
    int64_t number;   /* rises by one with each event of this server; a gap was dropped. 0: the visits ledger has none */
    int64_t time_ms;  /* wall clock; 0 in the visits ledger: write none in its place                                   */
    const char *kind; /* "issued", "failed", "started", "stopped", "key-destroyed", …; "visit" of the other ledger     */
    const char *json; /* one JSON object with the rest; RFC 8259, no newline. A visit has day ("2026-11-21"), zone, labels
                       * (an object), outcome, reached, error, alg, client, and n: how many there were of it          */
    size_t json_len;
};

struct cs_audit_ops {
    uint32_t size;
    bool blocking; /* always true: called in a worker, one call at a time */

    /* Keep `n` events, in order. At least once: the same number may come again. Returning 0 means they are safe. All events of
     * an instance are of one ledger. */
    int (*append)(void *self, const struct cs_event *events, size_t n, struct cs_error *err);

    /* Since ABI 1.1, optional. The operator sent SIGHUP, as after moving log files away: open files and connections anew. Never
     * while `append` runs. What fails is logged; the next `append` should try again. */
    int (*reopen)(void *self, struct cs_error *err);
};

#ifdef __cplusplus
}
#endif
#endif

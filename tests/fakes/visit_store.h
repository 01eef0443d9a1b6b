/*
 * A store that only remembers what it is told: the visits functions and keep, in memory, as lines of text. A transaction that
 * is rolled back leaves nothing. Used by the tests of records/visit*.c; any thread.
 */
#ifndef FAKES_VISIT_STORE_H
#define FAKES_VISIT_STORE_H

#include "records/store.h"

struct visit_store {
    struct instance instance; /* its plugin.store may be changed before it is opened */
    struct loop *loop;
    bool own_loop;
    struct store *state;
};

/* One at a time: what it remembers is the program's. `loop` NULL: it makes one. */
void visit_store_open(struct visit_store *s, struct loop *loop);
void visit_store_close(struct visit_store *s);

/* ---- What the next calls do ---- */

/* The next `n` calls of `function` fail with `code`; n = -1: all. Text of the error: "FUNCTION fails". The first piece of a
 * transaction is tried twice by records/batch.c. */
void visit_store_fail(const char *function, int n, enum cs_code code);
/* What day_list and zone_id_list begin with. */
void visit_store_add_day(const struct cs_day *day);
void visit_store_add_zone(const char *zone, uint64_t id);
/* scrub says "not done" so often. */
void visit_store_scrub_slowly(int times);
/* The writer waits in its next call of visit_add() until it is let go. */
void visit_store_hold(bool hold);

/* ---- What was told, committed, oldest first ---- */

/* Lines that begin with `prefix`, joined by "\n"; static, until the next call. Lines are:
 *   visit day=20778 hour=12 zone=a.example src=0123456789abcdef labels=a=x,b=y outcome=issued reached=issued error=
 * alg=rsa-2048 client=curl latency role=ca instance=le bucket=4 n=1 day day=20778 keys=1 received=3 flags=0 destroyed=0 (the
 * last word is 1 for any time) zone zone=a.example id=…     close day=20778 k=10     purge visits=… labels=… totals=… k=… erase
 * … scrub     publish     keep KEY=VALUE */
const char *visit_store_lines(const char *prefix);
size_t visit_store_count(const char *prefix);
size_t visit_store_place(const char *prefix); /* of the last of them among all lines, from 1; 0: there is none */
void visit_store_forget(void); /* the lines */
/* What is kept under core/visits and a key; "": nothing. */
const char *visit_store_kept(const char *key);
void visit_store_keep(const char *key, const char *value);

#endif

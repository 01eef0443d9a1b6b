/*
 * What the statements of a replay share: the state of the run, and failing. Each statement `verb …` is a function do_verb() in
 * act.c (what the core does), expect.c (what the plugin asks), tell.c (what it is told) or outcome.c (how it ends).
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include "../../fakes/host.h"
#include "scenario.h"

#define BASE_URL "https://ca.example"
#define NAMES_MOST 20
#define CHAINS_MOST 8

extern const struct cs_plugin cs_plugin;

struct run {
    const struct statement *at;
    void *self;
    char *names[NAMES_MOST];
    size_t n_names;
    char *profile, *replaces;
    int64_t deadline_ms;
    struct cs_op *op;
    size_t asked_before; /* requests before this op */
    const struct host_http *request; /* expected last */
    size_t txt;                      /* the challenge expected last */
    char *chains[CHAINS_MOST];       /* that were handed out */
    size_t n_chains;
    bool hold_saves;
};
extern struct run run;

/* Say where and why, with the log, and end the program. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

const char *word(const char **at); /* the next word of *at, which moves on; "" at the end; good for three more calls */
long number_of(const char *text);
int64_t time_of(const char *text); /* "250ms", "30s", "5m" */
enum cs_code code_of(const char *name);
const char *code_name(enum cs_code code);

bool is_shared(const char *url); /* what other orders wait for as well goes on when one ends */

void commit_saves(void); /* unless they are held */
/* Let things happen, and time pass, until `there` or patience ends. */
bool wait_until(bool (*there)(const void *arg), const void *arg);

void statement_release(void); /* what the statements of act.c keep */

/* act.c */
void do_set(const struct statement *s);
void do_open(const struct statement *s);
void do_names(const struct statement *s);
void do_profile(const struct statement *s);
void do_replaces(const struct statement *s);
void do_deadline(const struct statement *s);
void do_hold(const struct statement *s);
void do_challenge_types(const struct statement *s);
void do_sign(const struct statement *s);
void do_resume(const struct statement *s);
void do_revoke(const struct statement *s);
void do_renewal_info(const struct statement *s);
void do_status(const struct statement *s);
void do_shutdown(const struct statement *s);
void do_restart(const struct statement *s);

/* expect.c */
void do_expect(const struct statement *s);
void do_header(const struct statement *s);
void do_binding(const struct statement *s);

/* tell.c */
void do_reply(const struct statement *s);
void do_problem(const struct statement *s);
void do_huge(const struct statement *s);
void do_cut(const struct statement *s);
void do_commit(const struct statement *s);
void do_published(const struct statement *s);
void do_unpublished(const struct statement *s);
void do_pass(const struct statement *s);
void do_quiet(const struct statement *s);

/* outcome.c */
void do_result(const struct statement *s);
void do_retry_after(const struct statement *s);
void do_alternates(const struct statement *s);
void do_granted(const struct statement *s);
void do_told(const struct statement *s);
void do_requests(const struct statement *s);
void do_log(const struct statement *s);
void do_kept(const struct statement *s);

#endif

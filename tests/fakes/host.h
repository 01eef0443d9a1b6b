/*
 * A fake core: implements every cs_* service with a virtual clock, no socket, no disk and no thread, so that a plugin is linked
 * to a test unchanged and an order of two minutes takes a millisecond. What the plugin asks for lies in lists until the test
 * answers. Misuse of the API (an op finished twice or used afterwards, a struct without its size, a name that is too long, a
 * waiting form from a callback) ends the test with a message.
 */
#ifndef FAKES_HOST_H
#define FAKES_HOST_H

#include <countersign/ca.h>
#include <countersign/http.h>

#define HOST_WALL_MS ((int64_t)1800000000 * 1000) /* when the virtual clock starts: 2027-01-15 */

struct host_http { /* a request that was sent; answered oldest first */
    struct cs_http *handle;
    char *method, *url, *headers, *body; /* headers: lines */
    int64_t timeout_ms;
    size_t max_reply;
    char *ca_file;
};

struct host_save {
    char step[32];
    char *data; /* with a NUL behind it */
    size_t len;
};

struct host_challenge {
    char *name, *token, *value;
};

struct host_result { /* how an op ended */
    bool finished;
    struct cs_error err; /* code 0: it worked */
    char *pem;           /* of a chain, else NULL */
    char *chain_url, *profile;
    size_t n_alternates;
    char *data; /* of cs_op_ok_data(), else NULL */
};

/* Everything new; `state_dir` is what cs_state_dir() gives. Records of cs_keep_*() stay until host_forget(). */
void host_begin(const char *state_dir);
/* After the plugin's close: says what it left behind, or NULL; releases all. */
const char *host_end(void);
void host_forget(void);

struct cs_instance *host_instance(void);
const void *host_own_key(size_t *len); /* what cs_own_key() was told last, or NULL; until host_end() */
void host_only_looks(void); /* from now on cs_only_looks() is true */

/* ---- the clock --------------------------------------------------------------------------------------------------- */

bool host_turn(void);            /* run one callback that is due; false: nothing is due now */
int64_t host_idle_ms(void);      /* how long until something is due; -1: never              */
void host_pass(int64_t ms);      /* time passes, callbacks run when they are due            */
void host_step_wall(int64_t ms); /* the wall clock alone is set                             */

/* ---- ops --------------------------------------------------------------------------------------------------------- */

/* `job`: one of sign or resume, so that steps can be saved and challenges put. At its deadline it is cancelled. */
struct cs_op *host_op(int64_t deadline_in_ms, bool job);
void host_cancel(struct cs_op *op, enum cs_cancel why);
void host_cancel_all(enum cs_cancel why);
const struct host_result *host_result(const struct cs_op *op);
const char *host_step(const struct cs_op *op);    /* as told last, or ""            */
const char *host_problem(const struct cs_op *op); /* as told last, or NULL          */
int64_t host_deadline_ms(const struct cs_op *op);

/* ---- what the plugin asked for ----------------------------------------------------------------------------------- */

const struct host_http *host_http(void); /* the oldest request without an answer, or NULL */
void host_put_off(void);                 /* the oldest counts as the newest: it is answered after all others */
size_t host_http_count(void);            /* requests sent since host_begin() */
/* Answer it; `headers` are lines "Name: value\n". */
void host_reply(int status, const char *headers, const char *body, size_t len);
void host_cut(enum cs_code code, const char *text); /* no whole answer came */

const struct host_save *host_save(void);        /* the oldest save that is not committed, or NULL */
void host_commit(const struct cs_error *err);   /* NULL: it worked */
const struct host_save *host_saved(void);       /* committed last, or NULL */

const struct host_challenge *host_challenge(size_t index); /* put and not answered; NULL behind the last */
void host_published(size_t index, const struct cs_error *err); /* NULL: it worked */
void host_set_challenge_types(unsigned types);
void host_set_wait_error(const struct cs_error *err); /* what the waiting forms fail with; NULL: they work */

const char *host_kept(const char *key); /* NULL: not there */
void host_hold_keep(bool hold);         /* answers to cs_keep_get() wait until released */
void host_fail_keep(const struct cs_error *err); /* what cs_keep_*() fail with; NULL: they work */
const char *host_log(void);             /* all lines since host_begin() */

#endif

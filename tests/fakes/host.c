/* A fake core: ops, saves, challenges; see host.h. */
#include "host.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host_event.h"

struct cs_instance {
    const char *name;
};

struct cs_op {
    struct cs_op *next;
    bool job;
    int64_t deadline_ms;
    void (*on_cancel)(void *arg, enum cs_cancel why);
    void *cancel_arg;
    struct host_result result;
    char step[32], *problem;
};

struct waiting { /* a save or a challenge without an answer */
    struct waiting *next;
    struct cs_op *op;
    cs_done_fn *done;
    void *arg;
    struct cs_error err;
    bool failed;
    struct host_save save;
    struct host_challenge challenge;
};

static struct cs_instance instance = { "test" };
static char *state_dir, left_behind[400];
static bool only_looks;
static void *own_key; /* the last that was told */
static size_t own_key_len;
static struct cs_op *ops;
static struct waiting *saves, *challenges;
static struct host_save last_saved;
static unsigned challenge_types;
static struct cs_error wait_error;

/* ---- begin, end -------------------------------------------------------------------------------------------------- */

void host_begin(const char *dir)
{
    state_dir = text_copy(dir);
    only_looks = false;
    challenge_types = 1u << CS_DNS_01;
    wait_error = (struct cs_error){ 0 };
    host_event_begin();
    host_record_begin();
    host_http_begin();
}

static void waiting_free(struct waiting *w)
{
    free(w->save.data);
    free(w->challenge.name);
    free(w->challenge.token);
    free(w->challenge.value);
    free(w);
}

static void waiting_free_all(struct waiting **list)
{
    while (*list) {
        struct waiting *w = *list;

        *list = w->next;
        waiting_free(w);
    }
}

static void op_free(struct cs_op *op)
{
    free(op->result.pem);
    free(op->result.chain_url);
    free(op->result.profile);
    free(op->result.data);
    free(op->problem);
    free(op);
}

static void note_left(const char *what)
{
    if (what)
        snprintf(left_behind, sizeof left_behind, "%s", what);
}

const char *host_end(void)
{
    left_behind[0] = '\0';
    for (struct cs_op *op = ops; op; op = op->next)
        note_left(op->result.finished ? NULL : "an op that was never finished");
    note_left(host_http_end());
    note_left(host_event_end());
    while (ops) {
        struct cs_op *op = ops;

        ops = op->next;
        op_free(op);
    }
    waiting_free_all(&saves);
    waiting_free_all(&challenges);
    free(last_saved.data);
    last_saved = (struct host_save){ 0 };
    free(state_dir);
    free(own_key);
    own_key = NULL;
    host_record_end();
    return left_behind[0] ? left_behind : NULL;
}

struct cs_instance *host_instance(void)
{
    return &instance;
}

const char *cs_instance_name(const struct cs_instance *in)
{
    return in->name;
}

void host_only_looks(void)
{
    only_looks = true;
}

bool cs_only_looks(const struct cs_instance *in)
{
    (void)in;
    return only_looks;
}

int cs_own_key(struct cs_instance *in, const void *spki, size_t len, struct cs_error *err)
{
    (void)in, (void)err;
    free(own_key);
    own_key = malloc(len);
    memcpy(own_key, spki, len);
    own_key_len = len;
    return 0;
}

const void *host_own_key(size_t *len)
{
    *len = own_key_len;
    return own_key;
}

const char *cs_state_dir(struct cs_instance *in, struct cs_error *err)
{
    (void)in;
    if (!state_dir[0])
        cs_fail(err, CS_ECONFIG, "there is no state folder");
    return state_dir[0] ? state_dir : NULL;
}

/* ---- ops --------------------------------------------------------------------------------------------------------- */

void host_must_be_open(const struct cs_op *op, const char *what)
{
    if (op->result.finished)
        host_misuse("%s for an op that is finished already", what);
}

static void on_deadline(void *arg)
{
    host_cancel(arg, CS_DEADLINE);
}

struct cs_op *host_op(int64_t deadline_in_ms, bool job)
{
    struct cs_op *op = calloc(1, sizeof *op);

    op->next = ops;
    ops = op;
    op->job = job;
    op->deadline_ms = cs_now_ms() + deadline_in_ms;
    host_event(op, deadline_in_ms, on_deadline, op);
    return op;
}

void host_cancel(struct cs_op *op, enum cs_cancel why)
{
    void (*fn)(void *arg, enum cs_cancel why) = op->on_cancel;

    op->on_cancel = NULL;
    if (fn && !op->result.finished)
        fn(op->cancel_arg, why);
}

void host_cancel_all(enum cs_cancel why)
{
    for (struct cs_op *op = ops; op; op = op->next)
        host_cancel(op, why);
}

const struct host_result *host_result(const struct cs_op *op)
{
    return &op->result;
}

const char *host_step(const struct cs_op *op)
{
    return op->step;
}

const char *host_problem(const struct cs_op *op)
{
    return op->problem;
}

int64_t host_deadline_ms(const struct cs_op *op)
{
    return op->deadline_ms;
}

int64_t cs_op_deadline_ms(const struct cs_op *op)
{
    return op->deadline_ms;
}

/* Nothing that belongs to the op is called any more. Workers may come here at once. */
static void finish(struct cs_op *op)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    host_must_be_open(op, "a finish");
    pthread_mutex_lock(&lock);
    op->result.finished = true;
    host_event_drop(op);
    for (struct waiting *w = saves; w; w = w->next)
        w->done = w->op == op ? NULL : w->done;
    for (struct waiting *w = challenges; w; w = w->next)
        w->done = w->op == op ? NULL : w->done;
    pthread_mutex_unlock(&lock);
}

void cs_op_ok(struct cs_op *op)
{
    finish(op);
}

void cs_op_ok_data(struct cs_op *op, const void *data, size_t len)
{
    finish(op);
    op->result.data = text_copy_n(data, len);
}

void cs_op_ok_chain(struct cs_op *op, const struct cs_chain *chain)
{
    if (chain->size < sizeof *chain || !chain->pem || !chain->url || !chain->profile || !op->job)
        host_misuse("cs_op_ok_chain() with a struct that is not filled, or for an op that is no order");
    for (size_t i = 0; i < chain->n_alternates; i++)
        if (!chain->alternates[i])
            host_misuse("cs_op_ok_chain() with an alternate that is NULL");
    finish(op);
    op->result.pem = text_copy_n(chain->pem, chain->len);
    op->result.chain_url = text_copy(chain->url);
    op->result.profile = text_copy(chain->profile);
    op->result.n_alternates = chain->n_alternates;
}

void cs_op_err(struct cs_op *op, const struct cs_error *err)
{
    if (err->code == CS_OK || !memchr(err->text, '\0', sizeof err->text) || !err->text[0])
        host_misuse("cs_op_err() without an error");
    finish(op);
    op->result.err = *err;
}

void cs_op_after(struct cs_op *op, int64_t ms, cs_timer_fn *fn, void *arg)
{
    host_must_be_open(op, "cs_op_after()");
    host_event(op, ms, fn, arg);
}

void cs_op_on_cancel(struct cs_op *op, void (*fn)(void *arg, enum cs_cancel why), void *arg)
{
    host_must_be_open(op, "cs_op_on_cancel()");
    op->on_cancel = fn;
    op->cancel_arg = arg;
}

void cs_op_step(struct cs_op *op, const char *name)
{
    host_must_be_open(op, "cs_op_step()");
    if (strlen(name) > 31)
        host_misuse("the step's name %s is longer than 31 bytes", name);
    snprintf(op->step, sizeof op->step, "%s", name);
}

void cs_op_problem(struct cs_op *op, const char *json, size_t len)
{
    host_must_be_open(op, "cs_op_problem()");
    free(op->problem);
    op->problem = len <= 16384 ? text_copy_n(json, len) : NULL;
}

/* ---- saves and challenges ---------------------------------------------------------------------------------------- */

static struct waiting *wait_in(struct waiting **list, struct cs_op *op, cs_done_fn *done, void *arg, const char *what)
{
    struct waiting *w = calloc(1, sizeof *w);

    host_must_be_open(op, what);
    if (!op->job)
        host_misuse("%s for an op that is no order", what);
    *w = (struct waiting){ .op = op, .done = done, .arg = arg };
    while (*list)
        list = &(*list)->next;
    *list = w;
    return w;
}

static struct waiting *take(struct waiting **list, size_t index)
{
    struct waiting *w;

    while (*list && index-- > 0)
        list = &(*list)->next;
    w = *list;
    if (!w)
        host_misuse("the test answers what was not asked");
    *list = w->next;
    return w;
}

static void on_answered(void *arg)
{
    struct waiting *w = arg;

    if (w->done && !w->op->result.finished)
        w->done(w->arg, w->failed ? &w->err : NULL);
    waiting_free(w);
}

static void answer(struct waiting *w, const struct cs_error *err)
{
    w->failed = err;
    if (err)
        w->err = *err;
    host_event(NULL, 0, on_answered, w);
}

static void fill_save(struct host_save *save, const char *step, const void *data, size_t len)
{
    if (strlen(step) > 31 || len > 65536)
        host_misuse("cs_op_save() of more than fits, step %s", step);
    snprintf(save->step, sizeof save->step, "%s", step);
    save->data = calloc(1, len + 1);
    if (len > 0)
        memcpy(save->data, data, len);
    save->len = len;
}

void cs_op_save(struct cs_op *op, const char *step, const void *data, size_t len, cs_done_fn *done, void *arg)
{
    fill_save(&wait_in(&saves, op, done, arg, "cs_op_save()")->save, step, data, len);
}

const struct host_save *host_save(void)
{
    return saves ? &saves->save : NULL;
}

void host_commit(const struct cs_error *err)
{
    struct waiting *w = take(&saves, 0);

    if (!err) {
        free(last_saved.data);
        fill_save(&last_saved, w->save.step, w->save.data, w->save.len);
    }
    answer(w, err);
}

const struct host_save *host_saved(void)
{
    return last_saved.data ? &last_saved : NULL;
}

int cs_op_save_wait(struct cs_op *op, const char *step, const void *data, size_t len, struct cs_error *err)
{
    host_must_be_open(op, "cs_op_save_wait()");
    if (host_event_running())
        host_misuse("cs_op_save_wait() on the loop");
    if (wait_error.code) {
        *err = wait_error;
        return -1;
    }
    free(last_saved.data);
    fill_save(&last_saved, step, data, len);
    return 0;
}

unsigned cs_challenge_types(struct cs_op *op, const char *name)
{
    host_must_be_open(op, "cs_challenge_types()");
    if (strncmp(name, "*.", 2) == 0)
        host_misuse("a challenge is asked for with *. in its name");
    return challenge_types;
}

void host_set_challenge_types(unsigned types)
{
    challenge_types = types;
}

static void fill_challenge(struct host_challenge *out, const struct cs_challenge *challenge)
{
    if (challenge->size < sizeof *challenge || challenge->type != CS_DNS_01 || !challenge->name || !challenge->token ||
        !challenge->value || strncmp(challenge->name, "*.", 2) == 0)
        host_misuse("a challenge that is not filled");
    *out = (struct host_challenge){ text_copy(challenge->name), text_copy(challenge->token), text_copy(challenge->value) };
}

void cs_challenge_put(struct cs_op *op, const struct cs_challenge *challenge, cs_done_fn *done, void *arg)
{
    fill_challenge(&wait_in(&challenges, op, done, arg, "cs_challenge_put()")->challenge, challenge);
}

const struct host_challenge *host_challenge(size_t index)
{
    struct waiting *w = challenges;

    while (w && index-- > 0)
        w = w->next;
    return w ? &w->challenge : NULL;
}

void host_published(size_t index, const struct cs_error *err)
{
    answer(take(&challenges, index), err);
}

int cs_challenge_put_wait(struct cs_op *op, const struct cs_challenge *challenge, struct cs_error *err)
{
    if (host_event_running())
        host_misuse("cs_challenge_put_wait() on the loop");
    fill_challenge(&wait_in(&challenges, op, NULL, NULL, "cs_challenge_put_wait()")->challenge, challenge);
    if (wait_error.code)
        *err = wait_error;
    return wait_error.code ? -1 : 0;
}

void host_set_wait_error(const struct cs_error *err)
{
    wait_error = err ? *err : (struct cs_error){ 0 };
}

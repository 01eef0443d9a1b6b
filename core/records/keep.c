/*
 * cs_keep_get(), cs_keep_put() and their waiting forms: what plugins want to find again after a restart. See
 * <countersign/plugin.h>; made by command/serve.c.
 */
#include "records/keep.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/step.h"
#include "engine/wait.h"
#include "records/keep_memory.h"

enum { KEY_MOST = 127, VALUE_MOST = 64 * 1024 };

struct keep {
    struct store *store;
    struct keep_memory *memory; /* in place of a store */
};

/* One call, from its arguments to its answer. */
struct request {
    struct mail mail; /* carries to the loop what no store's thread does: a refusal, an answer out of memory */
    struct cs_instance *in; /* whom it calls back on the loop; NULL: a worker waits */
    char *role, *instance;
    char key[KEY_MOST + 1];
    void *data; /* malloc'd; NULL: forget it, or nothing was found */
    size_t len;
    cs_keep_fn *got;  /* of a get */
    cs_done_fn *done; /* of a put */
    void *arg;
    struct cs_error err; /* of a refusal */
    cs_done_fn *answered; /* out of memory */
    void *answered_arg;
    bool failed;
};

struct keep *keep_new(struct store *store)
{
    struct keep *keep = malloc(sizeof *keep);

    if (!keep)
        return NULL;
    *keep = (struct keep){ .store = store, .memory = store ? NULL : keep_memory_new() };
    if (store || keep->memory)
        return keep;
    free(keep);
    return NULL;
}

void keep_free(struct keep *keep)
{
    if (!keep)
        return;
    keep_memory_free(keep->memory);
    free(keep);
}

static void request_free(struct request *r)
{
    if (!r)
        return;
    free(r->role);
    free(r->instance);
    free(r->data);
    free(r);
}

/* A copy with a byte to spare, so that a value of no bytes is not NULL. */
static void *copy_of(const void *data, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

static int check(const char *key, size_t len, struct cs_error *err)
{
    size_t n = strlen(key);

    if (n == 0 || n > KEY_MOST)
        return cs_fail(err, CS_EINTERNAL, "a key of cs_keep_put has 1 to %d bytes, not %zu", KEY_MOST, n);
    for (size_t i = 0; i < n; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            return cs_fail(err, CS_EINTERNAL, "a key of cs_keep_put is printable ASCII");
    if (len > VALUE_MOST)
        return cs_fail(err, CS_EINTERNAL, "cs_keep_put keeps at most %d bytes under a key, not %zu", VALUE_MOST, len);
    return 0;
}

static struct request *request_new(const struct cs_instance *in, const char *key, const void *data, size_t len,
                                   struct cs_error *err)
{
    struct request *r = NULL;

    if (check(key, len, err) < 0)
        return NULL;
    if (!in->keep) {
        cs_fail(err, CS_ECONFIG, "%s cannot keep anything: no store is open", in->who);
        return NULL;
    }
    r = calloc(1, sizeof *r);
    if (!r || !(r->role = text_copy(in->role)) || !(r->instance = text_copy(in->name)) ||
        (data && !(r->data = copy_of(data, len)))) {
        request_free(r);
        cs_fail(err, CS_EBUSY, "no memory to keep \"%s\"", key);
        return NULL;
    }
    memcpy(r->key, key, strlen(key) + 1);
    r->len = len;
    return r;
}

/* ---- in the store's threads -------------------------------------------------------------------------------------- */

static int take_value(void *arg, const void *data, size_t len)
{
    struct request *r = arg;

    r->data = copy_of(data, len);
    r->len = len;
    return 1;
}

static int read_value(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct request *r = arg;

    r->len = SIZE_MAX;
    if (c->ops->keep_get(c->conn, r->role, r->instance, r->key, take_value, r, err) < 0)
        return -1;
    if (r->len == SIZE_MAX)
        r->len = 0;
    else if (!r->data)
        return cs_fail(err, CS_EBUSY, "no memory for what is kept under \"%s\"", r->key);
    return 0;
}

static int write_value(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct request *r = arg;

    if (c->ops->keep_put(c->conn, r->role, r->instance, r->key, r->data, r->len, err) < 0)
        return -1;
    step_saved("", r->key);
    return 0;
}

/* ---- on the loop ------------------------------------------------------------------------------------------------- */

static void answered(struct request *r)
{
    r->in->pending--;
    request_free(r);
}

static void on_read(void *arg, const struct cs_error *err)
{
    struct request *r = arg;

    r->got(r->arg, err ? NULL : r->data, err ? 0 : r->len, err);
    answered(r);
}

static void on_written(void *arg, const struct cs_error *err)
{
    struct request *r = arg;

    if (r->done)
        r->done(r->arg, err);
    answered(r);
}

static void on_refused(struct mail *mail)
{
    struct request *r = (struct request *)mail;

    if (r->got)
        on_read(r, &r->err);
    else
        on_written(r, &r->err);
}

/* A refusal comes like any other answer: later. Only without any memory it comes at once. */
static void refuse(struct cs_instance *in, cs_keep_fn *got, cs_done_fn *done, void *arg, const struct cs_error *err)
{
    struct request *r = calloc(1, sizeof *r);

    if (r) {
        in->pending++;
        *r = (struct request){ .mail.fn = on_refused, .in = in, .got = got, .done = done, .arg = arg, .err = *err };
        loop_post(in->loop, &r->mail);
    } else if (got) {
        got(arg, NULL, 0, err);
    } else if (done) {
        done(arg, err);
    }
}

static void on_remembered(struct mail *mail)
{
    struct request *r = (struct request *)mail;

    r->answered(r->answered_arg, r->failed ? &r->err : NULL);
}

/* Without a store it is done here and now, and told later, as a store would. */
static void in_memory(const struct cs_instance *in, store_fn *fn, struct request *r, cs_done_fn *done, void *arg)
{
    const struct store_conn conn = { .ops = &keep_memory_ops, .conn = ((const struct keep *)in->keep)->memory };

    r->failed = fn(&conn, r, &r->err) < 0;
    r->answered = done;
    r->answered_arg = arg;
    r->mail.fn = on_remembered;
    loop_post(in->loop, &r->mail);
}

static void read_kept(const struct cs_instance *in, struct request *r, cs_done_fn *done, void *arg)
{
    struct store *store = ((const struct keep *)in->keep)->store;

    if (store)
        store_read(store, read_value, r, done, arg);
    else
        in_memory(in, read_value, r, done, arg);
}

static void write_kept(const struct cs_instance *in, struct request *r, cs_done_fn *done, void *arg)
{
    struct store *store = ((const struct keep *)in->keep)->store;

    if (store)
        store_write(store, write_value, r, done, arg);
    else
        in_memory(in, write_value, r, done, arg);
}

void cs_keep_get(struct cs_instance *in, const char *key, cs_keep_fn *done, void *arg)
{
    struct cs_error err;
    struct request *r = request_new(in, key, NULL, 0, &err);

    assert(on_loop_thread());
    if (!r) {
        refuse(in, done, NULL, arg, &err);
        return;
    }
    r->in = in;
    in->pending++;
    r->got = done;
    r->arg = arg;
    read_kept(in, r, on_read, r);
}

void cs_keep_put(struct cs_instance *in, const char *key, const void *data, size_t len, cs_done_fn *done, void *arg)
{
    struct cs_error err;
    struct request *r = request_new(in, key, data, len, &err);

    assert(on_loop_thread());
    if (!r) {
        refuse(in, NULL, done, arg, &err);
        return;
    }
    r->in = in;
    in->pending++;
    r->done = done;
    r->arg = arg;
    write_kept(in, r, on_written, r);
}

/* ---- in a worker ------------------------------------------------------------------------------------------------- */

/* What worker and loop share; whoever lets go last frees it. */
struct waiting {
    atomic_int holders;
    struct cs_instance *in;
    struct request *r;
    struct wait *wait;
};

static void let_go(void *arg)
{
    struct waiting *w = arg;

    if (atomic_fetch_sub(&w->holders, 1) > 1)
        return;
    request_free(w->r);
    free(w);
}

static void on_answer(void *arg, const struct cs_error *err)
{
    struct waiting *w = arg;
    struct wait *wait = w->wait;

    wait_done(wait, err); /* lets the loop's share go */
}

static void start_read(void *arg, struct wait *wait)
{
    struct waiting *w = arg;

    w->wait = wait;
    read_kept(w->in, w->r, on_answer, w);
}

static void start_write(void *arg, struct wait *wait)
{
    struct waiting *w = arg;

    w->wait = wait;
    write_kept(w->in, w->r, on_answer, w);
}

/* One share for the worker, one for wait_for(). */
static struct waiting *waiting_new(struct cs_instance *in, const char *key, const void *data, size_t len, struct cs_error *err)
{
    struct request *r = request_new(in, key, data, len, err);
    struct waiting *w = r ? malloc(sizeof *w) : NULL;

    if (w) {
        *w = (struct waiting){ .in = in, .r = r };
        atomic_init(&w->holders, 2);
    } else if (r) {
        request_free(r);
        cs_fail(err, CS_EBUSY, "no memory to keep \"%s\"", key);
    }
    return w;
}

int cs_keep_get_wait(struct cs_instance *in, const char *key, void **data, size_t *len, struct cs_error *err)
{
    struct waiting *w = waiting_new(in, key, NULL, 0, err);
    int rc;

    assert(!on_loop_thread());
    if (!w)
        return -1;
    rc = wait_for(in->loop, NULL, start_read, w, let_go, err);
    if (rc == 0) {
        *data = w->r->data;
        *len = w->r->len;
        w->r->data = NULL;
    }
    let_go(w);
    return rc;
}

int cs_keep_put_wait(struct cs_instance *in, const char *key, const void *data, size_t len, struct cs_error *err)
{
    struct waiting *w = waiting_new(in, key, data, len, err);
    int rc;

    assert(!on_loop_thread());
    if (!w)
        return -1;
    rc = wait_for(in->loop, NULL, start_write, w, let_go, err);
    let_go(w);
    return rc;
}

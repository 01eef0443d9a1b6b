/*
 * The store that remembers; see visit_store.h.
 */
#include "visit_store.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"

enum { LINES_MOST = 300000, FAULTS = 8, DAYS_MOST = 50, ZONES_MOST = 50, KEYS_MOST = 8 };

/* A connection: its transaction's lines are kept apart until it commits. */
struct conn {
    char *pending[20000];
    size_t n, saved;
    bool in_transaction;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t let_go;
    bool hold;
    char **lines;
    size_t n;
    struct {
        char function[32];
        int n;
        enum cs_code code;
    } faults[FAULTS];
    struct cs_day days[DAYS_MOST];
    size_t n_days;
    struct {
        char name[64];
        uint64_t id;
    } zones[ZONES_MOST];
    size_t n_zones;
    struct {
        char key[32], value[128];
    } kept[KEYS_MOST];
    int scrub_slowly;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .let_go = PTHREAD_COND_INITIALIZER };

/* ---- lines ---- */

static void add_line(struct conn *c, const char *format, ...) CS_PRINTF(2, 3);

static void commit_line(char *line)
{
    assert(fake.n < LINES_MOST);
    fake.lines[fake.n++] = line;
}

static void add_line(struct conn *c, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&fake.lock);
    if (c->in_transaction) {
        assert(c->n < sizeof c->pending / sizeof *c->pending);
        c->pending[c->n++] = strdup(line);
    } else {
        commit_line(strdup(line));
    }
    pthread_mutex_unlock(&fake.lock);
}

static int fails(const char *function, struct cs_error *err)
{
    enum cs_code code = CS_OK;

    pthread_mutex_lock(&fake.lock);
    for (int i = 0; i < FAULTS; i++)
        if (fake.faults[i].n && strcmp(fake.faults[i].function, function) == 0) {
            fake.faults[i].n -= fake.faults[i].n > 0;
            code = fake.faults[i].code;
        }
    pthread_mutex_unlock(&fake.lock);
    return code == CS_OK ? 0 : cs_fail(err, code, "%s fails", function);
}

/* ---- transactions ---- */

static int fake_connect(void *self, enum cs_store_use use, void **conn, struct cs_error *err)
{
    (void)self, (void)use;
    *conn = calloc(1, sizeof(struct conn));
    return *conn ? fails("connect", err) : -1;
}

static void drop_from(struct conn *c, size_t from)
{
    while (c->n > from)
        free(c->pending[--c->n]);
}

static void fake_rollback(void *conn)
{
    struct conn *c = conn;

    drop_from(c, 0);
    c->in_transaction = false;
}

static void fake_disconnect(void *self, void *conn)
{
    (void)self;
    fake_rollback(conn);
    free(conn);
}

static int fake_begin(void *conn, struct cs_error *err)
{
    struct conn *c = conn;

    assert(!c->in_transaction);
    if (fails("begin", err) < 0)
        return -1;
    c->in_transaction = true;
    return 0;
}

static int fake_commit(void *conn, struct cs_error *err)
{
    struct conn *c = conn;

    assert(c->in_transaction);
    if (fails("commit", err) < 0)
        return -1;
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < c->n; i++)
        commit_line(c->pending[i]);
    pthread_mutex_unlock(&fake.lock);
    c->n = 0;
    c->in_transaction = false;
    return 0;
}

static int fake_savepoint(void *conn, enum cs_savepoint what, struct cs_error *err)
{
    struct conn *c = conn;

    (void)err;
    assert(c->in_transaction);
    if (what == CS_SAVEPOINT_SET)
        c->saved = c->n;
    else if (what == CS_SAVEPOINT_ROLLBACK)
        drop_from(c, c->saved);
    return 0;
}

/* ---- keep ---- */

static int fake_keep_put(void *conn, const char *role, const char *instance, const char *key, const void *data, size_t len,
                         struct cs_error *err)
{
    char value[128];

    if (fails("keep_put", err) < 0)
        return -1;
    assert(strcmp(role, "core") == 0 && strcmp(instance, "visits") == 0 && len < sizeof value);
    memcpy(value, data, len);
    value[len] = '\0';
    add_line(conn, "keep %s=%s", key, value);
    visit_store_keep(key, value);
    return 0;
}

static int fake_keep_get(void *conn, const char *role, const char *instance, const char *key, cs_blob_fn *fn, void *arg,
                         struct cs_error *err)
{
    (void)conn, (void)role, (void)instance;
    if (fails("keep_get", err) < 0)
        return -1;
    for (int i = 0; i < KEYS_MOST; i++)
        if (*fake.kept[i].key && strcmp(fake.kept[i].key, key) == 0)
            fn(arg, fake.kept[i].value, strlen(fake.kept[i].value));
    return 0;
}

/* ---- visits ---- */

static int fake_zone_id_put(void *conn, const char *zone, uint64_t id, struct cs_error *err)
{
    add_line(conn, "zone zone=%s id=%016" PRIx64, zone, id);
    return fails("zone_id_put", err);
}

static int fake_zone_id_list(void *conn, cs_zone_id_fn *fn, void *arg, struct cs_error *err)
{
    (void)conn;
    for (size_t i = 0; i < fake.n_zones; i++)
        fn(arg, fake.zones[i].name, fake.zones[i].id);
    return fails("zone_id_list", err);
}

static void wait_while_held(void)
{
    pthread_mutex_lock(&fake.lock);
    while (fake.hold)
        pthread_cond_wait(&fake.let_go, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
}

static int fake_visit_add(void *conn, const struct cs_visit *v, struct cs_error *err)
{
    char labels[512] = "", src[32] = "none";
    size_t len = 0;

    wait_while_held();
    for (size_t i = 0; i < v->n_labels; i++)
        len +=
            (size_t)snprintf(labels + len, sizeof labels - len, "%s%s=%s", i ? "," : "", v->labels[i].name, v->labels[i].value);
    if (v->has_src)
        snprintf(src, sizeof src, "%016" PRIx64, v->src);
    assert(v->size == sizeof *v);
    add_line(conn,
             "visit day=%" PRId64 " hour=%" PRId64 " zone=%s src=%s labels=%s outcome=%s reached=%s error=%s alg=%s client=%s",
             v->day, v->hour, v->zone, src, labels, v->outcome, v->reached, v->error, v->alg, v->client);
    return fails("visit_add", err);
}

static int fake_latency_add(void *conn, const struct cs_latency *l, struct cs_error *err)
{
    add_line(conn, "latency role=%s instance=%s bucket=%" PRId64 " n=%" PRId64, l->role, l->instance, l->bucket, l->n);
    return fails("latency_add", err);
}

static int fake_day_put(void *conn, const struct cs_day *day, struct cs_error *err)
{
    add_line(conn, "day day=%" PRId64 " keys=%" PRId64 " received=%" PRId64 " flags=%" PRId64 " destroyed=%d proxies=%" PRId64,
             day->day, day->keys, day->received, day->flags, day->key_destroyed_ms > 0, day->proxy_changes);
    return fails("day_put", err);
}

static int fake_day_list(void *conn, cs_day_fn *fn, void *arg, struct cs_error *err)
{
    (void)conn;
    for (size_t i = 0; i < fake.n_days; i++)
        if (fn(arg, &fake.days[i]))
            break;
    return fails("day_list", err);
}

static int fake_day_close(void *conn, int64_t day, int64_t k, struct cs_error *err)
{
    add_line(conn, "close day=%" PRId64 " k=%" PRId64, day, k);
    return fails("day_close", err);
}

static int fake_day_labels(void *conn, int64_t day, cs_visit_label_fn *fn, void *arg, struct cs_error *err)
{
    (void)fn, (void)arg;
    add_line(conn, "labels day=%" PRId64, day);
    return fails("day_labels", err);
}

static int fake_visits_of(void *conn, int64_t day, const char *zone, uint64_t src, cs_report_fn *fn, void *arg,
                          struct cs_error *err)
{
    char want[128], zone_word[80], day_word[40];
    struct cs_report_value values[] = { { "outcome", "issued" }, { "requests", NULL } };
    char n[32];
    size_t found = 0;

    (void)conn;
    snprintf(want, sizeof want, "src=%016" PRIx64 " ", src);
    snprintf(zone_word, sizeof zone_word, " zone=%s ", zone);
    snprintf(day_word, sizeof day_word, "visit day=%" PRId64 " ", day);
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.n; i++)
        found += strncmp(fake.lines[i], day_word, strlen(day_word)) == 0 &&
                 strstr(fake.lines[i], want) && strstr(fake.lines[i], zone_word);
    pthread_mutex_unlock(&fake.lock);
    snprintf(n, sizeof n, "%zu", found);
    values[1].text = n;
    if (found)
        fn(arg, values, 2);
    return fails("visits_of", err);
}

static int fake_visits_erase(void *conn, const struct cs_visits_erasure *what, int64_t *n, struct cs_error *err)
{
    add_line(conn, "erase day=%" PRId64 " zone=%s src=%016" PRIx64 " label=%s=%s before=%" PRId64, what->day,
             what->zone ? what->zone : "*", what->has_src ? what->src : 0, what->label_name ? what->label_name : "*",
             what->label_value ? what->label_value : "*", what->before_day);
    *n = 1;
    return fails("visits_erase", err);
}

static int fake_visits_purge(void *conn, const struct cs_visits_retention *keep, int64_t *n, struct cs_error *err)
{
    add_line(conn, "purge visits=%" PRId64 " labels=%" PRId64 " totals=%" PRId64 " k=%" PRId64, keep->visits_before,
             keep->labels_before, keep->totals_before, keep->k);
    *n = 0;
    return fails("visits_purge", err);
}

static int fake_scrub(void *conn, bool *done, struct cs_error *err)
{
    const struct conn *c = conn;

    assert(!c->in_transaction);
    pthread_mutex_lock(&fake.lock);
    *done = fake.scrub_slowly == 0;
    fake.scrub_slowly -= fake.scrub_slowly > 0;
    pthread_mutex_unlock(&fake.lock);
    add_line(conn, "scrub%s", *done ? "" : " again");
    return fails("scrub", err);
}

static int fake_publish(void *conn, struct cs_error *err)
{
    const struct conn *c = conn;

    assert(!c->in_transaction);
    if (fails("publish", err) < 0)
        return -1;
    add_line(conn, "publish");
    return 0;
}

/* ---- the test's side ---- */

void visit_store_fail(const char *function, int n, enum cs_code code)
{
    int free_one = -1;

    pthread_mutex_lock(&fake.lock);
    for (int i = 0; i < FAULTS; i++)
        if (!fake.faults[i].n || strcmp(fake.faults[i].function, function) == 0)
            free_one = i;
    assert(free_one >= 0);
    snprintf(fake.faults[free_one].function, sizeof fake.faults[free_one].function, "%s", function);
    fake.faults[free_one].n = n;
    fake.faults[free_one].code = code;
    pthread_mutex_unlock(&fake.lock);
}

void visit_store_add_day(const struct cs_day *day)
{
    fake.days[fake.n_days++] = *day;
}

void visit_store_add_zone(const char *zone, uint64_t id)
{
    snprintf(fake.zones[fake.n_zones].name, sizeof fake.zones[0].name, "%s", zone);
    fake.zones[fake.n_zones++].id = id;
}

void visit_store_scrub_slowly(int times)
{
    pthread_mutex_lock(&fake.lock);
    fake.scrub_slowly = times;
    pthread_mutex_unlock(&fake.lock);
}

void visit_store_hold(bool hold)
{
    pthread_mutex_lock(&fake.lock);
    fake.hold = hold;
    pthread_cond_broadcast(&fake.let_go);
    pthread_mutex_unlock(&fake.lock);
}

const char *visit_store_lines(const char *prefix)
{
    static char all[65536];
    size_t len = 0;

    all[0] = '\0';
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.n && len < sizeof all - 1100; i++)
        if (strncmp(fake.lines[i], prefix, strlen(prefix)) == 0)
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? "\n" : "", fake.lines[i]);
    pthread_mutex_unlock(&fake.lock);
    return all;
}

size_t visit_store_count(const char *prefix)
{
    size_t n = 0;

    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.n; i++)
        n += strncmp(fake.lines[i], prefix, strlen(prefix)) == 0;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

size_t visit_store_place(const char *prefix)
{
    size_t place = 0;

    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.n; i++)
        if (strncmp(fake.lines[i], prefix, strlen(prefix)) == 0)
            place = i + 1;
    pthread_mutex_unlock(&fake.lock);
    return place;
}

void visit_store_forget(void)
{
    pthread_mutex_lock(&fake.lock);
    while (fake.n)
        free(fake.lines[--fake.n]);
    pthread_mutex_unlock(&fake.lock);
}

void visit_store_keep(const char *key, const char *value)
{
    int at = -1;

    pthread_mutex_lock(&fake.lock);
    for (int i = KEYS_MOST - 1; i >= 0; i--)
        if (!*fake.kept[i].key || strcmp(fake.kept[i].key, key) == 0)
            at = i;
    for (int i = 0; i < KEYS_MOST; i++)
        if (strcmp(fake.kept[i].key, key) == 0)
            at = i;
    snprintf(fake.kept[at].key, sizeof fake.kept[at].key, "%s", key);
    snprintf(fake.kept[at].value, sizeof fake.kept[at].value, "%s", value);
    pthread_mutex_unlock(&fake.lock);
}

const char *visit_store_kept(const char *key)
{
    static char value[sizeof fake.kept[0].value];

    value[0] = '\0';
    pthread_mutex_lock(&fake.lock);
    for (int i = 0; i < KEYS_MOST; i++)
        if (strcmp(fake.kept[i].key, key) == 0)
            memcpy(value, fake.kept[i].value, sizeof value);
    pthread_mutex_unlock(&fake.lock);
    return value;
}

void visit_store_open(struct visit_store *s, struct loop *loop)
{
    static const struct cs_store_ops ops = {
        .size = sizeof ops,
        .blocking = true,
        .connect = fake_connect,
        .disconnect = fake_disconnect,
        .begin = fake_begin,
        .commit = fake_commit,
        .rollback = fake_rollback,
        .savepoint = fake_savepoint,
        .keep_put = fake_keep_put,
        .keep_get = fake_keep_get,
        .zone_id_put = fake_zone_id_put,
        .zone_id_list = fake_zone_id_list,
        .visit_add = fake_visit_add,
        .latency_add = fake_latency_add,
        .day_put = fake_day_put,
        .day_list = fake_day_list,
        .day_close = fake_day_close,
        .day_labels = fake_day_labels,
        .visits_of = fake_visits_of,
        .visits_erase = fake_visits_erase,
        .visits_purge = fake_visits_purge,
        .scrub = fake_scrub,
        .publish = fake_publish,
    };

    *s = (struct visit_store){ .loop = loop ? loop : loop_new(NULL), .own_loop = !loop };
    assert(s->loop);
    fake.lines = calloc(LINES_MOST, sizeof *fake.lines);
    assert(fake.lines);
    s->instance.in = (struct cs_instance){ .name = "main", .role = "store", .who = "store.main", .loop = s->loop };
    s->instance.plugin.store = ops;
    s->state = store_open(s->loop, &s->instance, CS_STATE_WRITER, CS_STATE_READER, 1, NULL);
    assert(s->state);
}

void visit_store_close(struct visit_store *s)
{
    store_close(s->state);
    loop_run_once(s->loop, 0);
    if (s->own_loop)
        loop_free(s->loop);
    visit_store_forget();
    free(fake.lines);
    fake.lines = NULL;
    fake.n_days = fake.n_zones = 0;
    memset(fake.kept, 0, sizeof fake.kept);
    memset(fake.faults, 0, sizeof fake.faults);
    fake.scrub_slowly = 0;
    fake.hold = false;
}

/*
 * The subject table as requests see it; see subject.h. One batch of look-ups is out at a time: what arrives meanwhile is the
 * next one. While a batch is out, the cache belongs to the reader's thread; otherwise nobody touches it.
 */
#include "request/subject.h"

#include <assert.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/timer.h"
#include "request/zone_row.h"

#define MAX_WAITING 10000 /* look-ups */
#define MAX_CACHED  10000 /* rows, absent ones too */
#define MAX_KEY     512   /* bytes of a subject that is cached: strangers' may have thousands */
#define MAX_SEEN    64    /* connections */

struct look_up {
    struct look_up *next;
    char *subject;
    const struct credential *credential; /* the caller's; NULL: none */
    struct standing *standing;           /* the caller's */
    subject_fn *fn;
    void *arg;
    struct subject_row *row; /* the answer */
};

struct cached {
    char *subject;
    struct subject_row *row; /* NULL: there is none */
};

/* What a connection said its version was when it was last asked. */
struct seen {
    const void *conn;
    int64_t version;
};

struct subjects {
    struct heart *heart;
    struct look_up *waiting, **last;
    size_t n_waiting;
    struct look_up *out; /* the batch that is being read */
    bool sending;
    struct cs_error unsent; /* why it could not even be sent: told later, as all that goes wrong */
    struct timer later;
    void *cache;
    size_t n_cached;
    struct client_cache *clients;
    struct seen seen[MAX_SEEN];
    size_t n_seen;
};

/* ---- Rows ---- */

struct subject_row *subject_row_keep(struct subject_row *row)
{
    atomic_fetch_add(&row->refs, 1);
    return row;
}

void subject_row_release(struct subject_row *row)
{
    if (!row || atomic_fetch_sub(&row->refs, 1) > 1)
        return;
    free(row->subject);
    free(row->zone);
    free(row->names);
    free(row->profile);
    free(row->cas);
    free(row->dns);
    free(row->challenge_zone);
    free(row->servers);
    free(row->keys);
    free(row);
}

struct subject_row *subject_row_bare(const char *subject, const char *zone)
{
    struct subject_row *row = calloc(1, sizeof *row);

    if (!row)
        return NULL;
    row->refs = 1;
    row->subject = text_copy(subject);
    row->zone = text_copy(zone);
    row->names = text_copy("");
    row->profile = text_copy("");
    row->cas = text_copy("");
    row->dns = text_copy("");
    row->challenge_zone = text_copy("");
    row->servers = text_copy("");
    row->keys = text_copy("");
    row->parallel = 1;
    row->visible = CS_VISIBLE_REQUIRE;
    if (row->subject && row->zone && row->names && row->profile && row->cas && row->dns && row->challenge_zone &&
        row->servers && row->keys)
        return row;
    subject_row_release(row);
    return NULL;
}

/* What a row function found. A row that is there, but for which there was no memory, is no unknown subject. */
struct found {
    struct subject_row *row;
    bool subject, zone;
};

static int copy_subject(void *arg, const struct cs_subject *from)
{
    struct found *found = arg;
    struct subject_row *row = found->row = calloc(1, sizeof *row);

    found->subject = true;
    if (!row)
        return 1;
    row->refs = 1;
    row->subject = text_copy(from->subject);
    row->zone = text_copy(from->zone);
    row->names = text_copy(from->names);
    row->profile = text_copy(from->profile);
    row->cas = text_copy(from->cas);
    row->enabled = from->enabled;
    row->access = from->size > offsetof(struct cs_subject, access) ? from->access : CS_ACCESS_OPEN;
    row->no_cache = from->size > offsetof(struct cs_subject, no_cache) ? from->no_cache : CS_NO_CACHE_AGED;
    return 1;
}

static int copy_zone(void *arg, const struct cs_zone *from)
{
    struct found *found = arg;
    struct subject_row *row = found->row;

    found->zone = true;
    row->dns = text_copy(from->dns);
    row->challenge_zone = text_copy(from->challenge_zone);
    row->servers = text_copy(from->servers);
    row->keys = text_copy(from->size > offsetof(struct cs_zone, keys) && from->keys ? from->keys : "");
    row->parallel = from->parallel;
    row->visible = from->visible;
    row->zone_enabled = from->enabled;
    row->bind_keys = from->size > offsetof(struct cs_zone, bind_keys) && from->bind_keys;
    return 1;
}

/* The server's own, for a name: it has no row, but its zone must. */
static int imply_row(const struct store_conn *c, const char *subject, struct found *found, struct cs_error *err)
{
    const char *name = subject + strlen(SUBJECT_SELF);
    struct cs_subject own = { .size = sizeof own, .subject = subject, .names = name, .enabled = true };
    struct zone_row *zone = NULL;

    if (zone_row_read(c, name, &zone, err) < 0)
        return -1;
    if (zone) {
        own.zone = zone->zone;
        own.profile = own.cas = "";
        copy_subject(found, &own);
    }
    zone_row_free(zone);
    return 0;
}

static int read_rows(const struct store_conn *c, const char *subject, struct found *found, struct cs_error *err)
{
    const struct subject_row *row;

    if (strncmp(subject, SUBJECT_SELF, strlen(SUBJECT_SELF)) == 0) {
        if (imply_row(c, subject, found, err) < 0)
            return -1;
    } else if (c->ops->subject_find(c->conn, subject, copy_subject, found, err) < 0)
        return -1;
    if (!found->subject)
        return 0;
    row = found->row;
    if (!row || !row->subject || !row->zone || !row->names || !row->profile || !row->cas)
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (c->ops->zone_find(c->conn, row->zone, copy_zone, found, err) < 0)
        return -1;
    if (found->zone && (!row->dns || !row->challenge_zone || !row->servers || !row->keys))
        return cs_fail(err, CS_EBUSY, "out of memory");
    return 0;
}

int subject_row_read(const struct store_conn *c, const char *subject, struct subject_row **out, struct cs_error *err)
{
    struct found found = { 0 };
    const int rc = read_rows(c, subject, &found, err);

    *out = rc == 0 && found.zone ? found.row : NULL;
    if (!*out)
        subject_row_release(found.row);
    return rc;
}

/* ---- The cache ---- */

static int compare_cached(const void *a, const void *b)
{
    return strcmp(((const struct cached *)a)->subject, ((const struct cached *)b)->subject);
}

static void free_cached(void *node)
{
    struct cached *cached = node;

    subject_row_release(cached->row);
    free(cached->subject);
    free(cached);
}

static void forget_all(struct subjects *s)
{
    tdestroy(s->cache, free_cached);
    s->cache = NULL;
    s->n_cached = 0;
    client_cache_clear(s->clients);
}

static struct cached *find_cached(const struct subjects *s, char *subject)
{
    const struct cached key = { .subject = subject };
    struct cached **found = tfind(&key, &s->cache, compare_cached);

    return found ? *found : NULL;
}

/* Without memory the row is simply not cached. */
static void add_cached(struct subjects *s, const char *subject, struct subject_row *row)
{
    struct cached *cached = strlen(subject) <= MAX_KEY ? calloc(1, sizeof *cached) : NULL;

    if (!cached)
        return;
    cached->subject = text_copy(subject);
    if (!cached->subject || !tsearch(cached, &s->cache, compare_cached)) {
        free_cached(cached);
        return;
    }
    cached->row = row ? subject_row_keep(row) : NULL;
    s->n_cached++;
}

/* ---- A batch, in a reader's thread ---- */

static struct seen *seen_of(struct subjects *s, const void *conn)
{
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen[i].conn == conn)
            return &s->seen[i];
    return NULL;
}

static void note_version(struct subjects *s, const void *conn, int64_t version)
{
    struct seen *seen = seen_of(s, conn);

    if (!seen)
        seen = &s->seen[s->n_seen < MAX_SEEN ? s->n_seen++ : 0];
    *seen = (struct seen){ .conn = conn, .version = version };
}

/* Versions of different connections cannot be compared. But one that has not changed for the connection that reads now says
 * that nothing has since that one read last: so what another one has read in between is good, too. */
static int forget_what_is_stale(struct subjects *s, const struct store_conn *c, struct cs_error *err)
{
    const struct seen *before = seen_of(s, c->conn);
    int64_t version = 0;

    if (c->ops->version(c->conn, &version, err) < 0)
        return -1;
    if (!before || before->version != version || s->n_cached + client_cache_count(s->clients) >= MAX_CACHED)
        forget_all(s);
    note_version(s, c->conn, version);
    return 0;
}

static int read_row(struct subjects *s, const struct store_conn *c, struct look_up *l, struct cs_error *err)
{
    const struct cached *cached = find_cached(s, l->subject);

    if (cached) {
        l->row = cached->row ? subject_row_keep(cached->row) : NULL;
        return 0;
    }
    if (subject_row_read(c, l->subject, &l->row, err) < 0)
        return -1;
    add_cached(s, l->subject, l->row);
    return 0;
}

/* Whoever asks for a subject that is not there is not looked for. */
static int read_batch(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct subjects *s = arg;

    if (forget_what_is_stale(s, c, err) < 0)
        return -1;
    for (struct look_up *l = s->out; l; l = l->next) {
        if (read_row(s, c, l, err) < 0)
            return -1;
        if (l->row && l->credential && client_read(s->clients, c, l->credential, l->subject, l->standing, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- On the loop ---- */

static void send_batch(struct subjects *s);
static void on_read(void *arg, const struct cs_error *err);

static void on_unsent(void *arg)
{
    struct subjects *s = arg;

    on_read(s, &s->unsent);
}

static void on_read(void *arg, const struct cs_error *err)
{
    struct subjects *s = arg;
    struct look_up *l = s->out, *next;

    if (s->sending) {
        s->unsent = *err;
        timer_set_in(s->heart->loop, &s->later, 0, on_unsent, s);
        return;
    }
    s->out = NULL;
    for (; l; l = next) {
        next = l->next;
        l->fn(l->arg, err ? NULL : l->row, err);
        subject_row_release(l->row);
        free(l->subject);
        free(l);
    }
    if (!s->out && s->waiting)
        send_batch(s);
}

static void send_batch(struct subjects *s)
{
    s->out = s->waiting;
    s->waiting = NULL;
    s->last = &s->waiting;
    s->n_waiting = 0;
    s->sending = true;
    store_read(s->heart->store, read_batch, s, on_read, s);
    s->sending = false;
}

int subjects_find(struct subjects *s, const char *subject, const struct credential *credential, struct standing *standing,
                  subject_fn *fn, void *arg, struct cs_error *err)
{
    struct look_up *l;

    if (s->n_waiting >= MAX_WAITING)
        return cs_fail(err, CS_EBUSY, "too many requests are waiting to be looked up; try again in a moment");
    l = calloc(1, sizeof *l);
    if (!l)
        return cs_fail(err, CS_EBUSY, "out of memory");
    l->subject = text_copy(subject);
    if (!l->subject) {
        free(l);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    l->credential = credential;
    l->standing = standing;
    l->fn = fn;
    l->arg = arg;
    *s->last = l;
    s->last = &l->next;
    s->n_waiting++;
    if (!s->out)
        send_batch(s);
    return 0;
}

struct subjects *subjects_new(struct heart *heart)
{
    struct subjects *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->heart = heart;
    s->last = &s->waiting;
    s->clients = client_cache_new();
    if (s->clients)
        return s;
    free(s);
    return NULL;
}

static void drop(struct look_up *l)
{
    struct look_up *next;

    for (; l; l = next) {
        next = l->next;
        subject_row_release(l->row);
        free(l->subject);
        free(l);
    }
}

void subjects_free(struct subjects *s)
{
    if (!s)
        return;
    timer_clear(&s->later);
    drop(s->out);
    drop(s->waiting);
    forget_all(s);
    client_cache_free(s->clients);
    free(s);
}

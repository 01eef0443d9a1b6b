/* What the tests of visits start from; see visits_file.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "visits_file.h"

void visits_file_open(struct visits_file *v)
{
    *v = (struct visits_file){ 0 };
    store_file_open(&v->f, 200);
    store_file_migrate(&v->f);
    v->ops = v->f.ops;
    visit_book_open(&v->book);
    assert_int_equal(v->ops->connect(v->f.self, CS_VISITS_WRITER, &v->w, &v->err), 0);
    assert_int_equal(v->ops->connect(v->f.self, CS_VISITS_READER, &v->r, &v->err), 0);
}

void visits_file_close(struct visits_file *v)
{
    v->ops->disconnect(v->f.self, v->r);
    v->ops->disconnect(v->f.self, v->w);
    visit_book_close(&v->book);
    store_file_close(&v->f);
}

struct cs_visit visits_file_one(void)
{
    return (struct cs_visit){ .size = sizeof(struct cs_visit),
                              .day = VISIT_DAY,
                              .hour = 9,
                              .zone = "lab.example",
                              .has_src = true,
                              .src = 1,
                              .outcome = "issued",
                              .reached = "issued",
                              .error = "",
                              .alg = "ecdsa-p256",
                              .client = "curl" };
}

void visits_file_begin(struct visits_file *v)
{
    assert_int_equal(v->ops->begin(v->w, &v->err), 0);
}

void visits_file_commit(struct visits_file *v)
{
    assert_int_equal(v->ops->commit(v->w, &v->err), 0);
}

void visits_file_add(struct visits_file *v, void *conn, uint64_t *seed, int64_t day, int n)
{
    for (int i = 0; i < n; i++) {
        struct cs_visit_label labels[3];
        struct cs_visit visit = visit_book_random(seed, day, labels);

        assert_int_equal(v->ops->visit_add(conn, &visit, &v->err), 0);
        visit_book_add(&v->book, &visit);
    }
}

void visits_file_fill(struct visits_file *v, uint64_t seed, int days, int n)
{
    visits_file_begin(v);
    for (int i = 0; i < days; i++)
        visits_file_add(v, v->w, &seed, VISIT_DAY + i, n);
    visits_file_commit(v);
}

void visits_file_close_day(struct visits_file *v, int64_t day, int64_t k)
{
    char sql[200];

    visits_file_begin(v);
    assert_int_equal(v->ops->day_close(v->w, day, k, &v->err), 0);
    visits_file_commit(v);
    snprintf(sql, sizeof sql, "DELETE FROM closed WHERE day = %" PRId64, day);
    visit_book_sql(&v->book, sql);
    snprintf(sql, sizeof sql, "INSERT INTO closed VALUES (%" PRId64 ", %" PRId64 ")", day, k);
    visit_book_sql(&v->book, sql);
}

int64_t visits_file_erase(struct visits_file *v, struct cs_visits_erasure what)
{
    int64_t n = -1;

    what.size = sizeof what;
    visits_file_begin(v);
    if (v->ops->visits_erase(v->w, &what, &n, &v->err) < 0)
        fail_msg("%s", v->err.text);
    visits_file_commit(v);
    return n;
}

int64_t visits_file_purge(struct visits_file *v, int64_t visits, int64_t labels, int64_t totals)
{
    struct cs_visits_retention keep = { .size = sizeof keep, .visits_before = visits, .labels_before = labels,
                                        .totals_before = totals, .k = 5 };
    int64_t n = -1;

    visits_file_begin(v);
    if (v->ops->visits_purge(v->w, &keep, &n, &v->err) < 0)
        fail_msg("%s", v->err.text);
    visits_file_commit(v);
    return n;
}

bool visits_file_scrub(struct visits_file *v)
{
    bool done = false;

    assert_int_equal(v->ops->scrub(v->w, &done, &v->err), 0);
    return done;
}

void visits_file_strip_book(struct visits_file *v, const char *which)
{
    char sql[400];

    snprintf(sql, sizeof sql,
             "DELETE FROM raw_label WHERE %s; UPDATE raw SET labels = coalesce((SELECT group_concat(text, char(10)) FROM "
             "(SELECT name || '=' || value AS text FROM raw_label WHERE raw_label.id = raw.id ORDER BY name)), '')",
             which);
    visit_book_sql(&v->book, sql);
}

void visits_file_agree(struct visits_file *v, int leave_out)
{
    assert_int_equal(visit_book_differences(&v->book, v->f.visits, leave_out), 0);
}

int64_t visits_file_number(const struct visits_file *v, const char *sql)
{
    return store_file_number_of(v->f.visits, sql);
}

int64_t visit_book_number(struct visit_book *b, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(b->sq, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return number;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static int find_in(const char *path, const void *bytes, size_t len)
{
    FILE *in = fopen(path, "r");
    size_t size = 0, got;
    char *all = NULL, *at;
    int n = 0;

    if (!in)
        return 0;
    do {
        all = realloc(all, size + 65536);
        if (!all)
            abort();
        got = fread(all + size, 1, 65536, in);
        size += got;
    } while (got);
    for (at = all; (at = memmem(at, size - (size_t)(at - all), bytes, len)); at++)
        n++;
    free(all);
    fclose(in);
    return n;
}

static int find_in_all(const char *visits, const void *bytes, size_t len)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char path[128];
    int n = 0;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", visits, ends[i]);
        n += find_in(path, bytes, len);
    }
    return n;
}

int visits_file_find(const struct visits_file *v, const void *bytes, size_t len)
{
    int pipes[2], n = -1;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        n = find_in_all(v->f.visits, bytes, len);
        _exit(write(pipes[1], &n, sizeof n) == sizeof n ? 0 : 1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &n, sizeof n), sizeof n);
    close(pipes[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return n;
}

int visits_file_find_text(const struct visits_file *v, const char *text)
{
    return visits_file_find(v, text, strlen(text));
}

int visits_file_find_src(const struct visits_file *v, uint64_t src)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(src >> (56 - 8 * i));
    return visits_file_find(v, bytes, sizeof bytes);
}

/*
 * store-sqlite dies while it closes, erases, purges and scrubs: at each single write to a file in turn, or at each third in
 * works that are much like another. Afterwards the work is done or it is not, the totals are those of a recount either way, and
 * once it is done the next start's scrub leaves no byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fakes/crash_vfs.h"
#include "../fakes/visits_file.h"

/* A sanitizer makes each try ten times as long. */
#ifdef WITH_SANITIZER
enum { EVERY = 11 };
#else
enum { EVERY = 1 };
#endif

enum { DAY = VISIT_DAY };
#define ERASED 0x0102030405060708u
#define PURGED 0x1112131415161718u

static struct visits_file v;
static struct visit_book after; /* the work: v.book is before it */
static char *prepared;          /* the database before the work */
static size_t prepared_len;

/* A work, what it does to the book, and what must then be gone. */
struct work {
    int (*run)(struct cs_error *err);
    const char *book;
    const char *text;
    uint64_t src;
    int step; /* from one write that is tried to the next */
};

/* ---- the works ---- */

static int close_day(struct cs_error *err)
{
    return v.ops->day_close(v.w, DAY, 4, err);
}

static int erase(struct cs_visits_erasure what, struct cs_error *err)
{
    int64_t n;

    what.size = sizeof what;
    return v.ops->visits_erase(v.w, &what, &n, err);
}

static int erase_source(struct cs_error *err)
{
    return erase((struct cs_visits_erasure){ .day = DAY, .zone = "lab.example", .has_src = true, .src = ERASED }, err);
}

static int erase_zone(struct cs_error *err)
{
    return erase((struct cs_visits_erasure){ .day = -1, .zone = "shop.example" }, err);
}

static int erase_label(struct cs_error *err)
{
    return erase((struct cs_visits_erasure){ .day = -1, .label_name = "edition" }, err);
}

static int purge(struct cs_error *err)
{
    struct cs_visits_retention keep = {
        .size = sizeof keep, .visits_before = DAY + 2, .labels_before = DAY, .totals_before = DAY + 1, .k = 4
    };
    int64_t n;

    return v.ops->visits_purge(v.w, &keep, &n, err);
}

static const struct work works[] = {
    { close_day, "INSERT INTO closed VALUES (20778, 4)", NULL, 0, 3 },
    { erase_source, "DELETE FROM raw WHERE day = 20778 AND zone = 'lab.example' AND src = 72623859790382856", NULL, ERASED, 3 },
    { erase_zone, "DELETE FROM raw WHERE zone = 'shop.example'", "shop.example", 0, 1 },
    { erase_label,
      "DELETE FROM raw_label WHERE name = 'edition'; UPDATE raw SET labels = coalesce((SELECT group_concat(text, char(10)) "
      "FROM "
      "(SELECT name || '=' || value AS text FROM raw_label WHERE raw_label.id = raw.id ORDER BY name)), '')",
      "edition", 0, 3 },
    { purge,
      "DELETE FROM raw WHERE day = 20778; DELETE FROM raw_label WHERE id NOT IN (SELECT id FROM raw); "
      "INSERT INTO gone VALUES (20779); INSERT INTO closed VALUES (20779, 4)",
      NULL, PURGED, 1 },
};

/* ---- the file, before and after ---- */

static char *slurp(const char *path, size_t *len)
{
    FILE *in = fopen(path, "r");
    char *all = malloc(1 << 20);

    assert_non_null(in);
    assert_non_null(all);
    *len = fread(all, 1, 1 << 20, in);
    assert_true(*len < 1 << 20);
    fclose(in);
    return all;
}

static void put_back(void)
{
    char path[128];
    FILE *out;

    for (const char *const *end = (const char *const[]){ "-wal", "-shm", NULL }; *end; end++) {
        snprintf(path, sizeof path, "%s%s", v.f.visits, *end);
        unlink(path);
    }
    out = fopen(v.f.visits, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(prepared, 1, prepared_len, out), prepared_len);
    assert_int_equal(fclose(out), 0);
}

static void connect(void)
{
    assert_int_equal(v.ops->connect(v.f.self, CS_VISITS_WRITER, &v.w, &v.err), 0);
}

static void disconnect(void)
{
    v.ops->disconnect(v.f.self, v.w);
    v.w = NULL;
}

static void add_source(int64_t day, uint64_t src)
{
    struct cs_visit visit = visits_file_one();

    visit.day = day;
    visit.src = src;
    assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    visit_book_add(&v.book, &visit);
}

/* Few visits, so that there are few writes to be tried. */
static int set_up(void **state)
{
    (void)state;
    visits_file_open(&v);
    visits_file_fill(&v, 99, 3, 40);
    visits_file_begin(&v);
    assert_int_equal(v.ops->zone_id_put(v.w, "shop.example", 5, &v.err), 0);
    add_source(DAY, ERASED);
    add_source(DAY + 1, PURGED);
    visits_file_commit(&v);
    visits_file_agree(&v, 0);
    v.ops->disconnect(v.f.self, v.r);
    v.r = NULL;
    disconnect();
    prepared = slurp(v.f.visits, &prepared_len);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(prepared);
    visits_file_close(&v);
    return 0;
}

/* ---- dying ---- */

static int work_and_scrub(const struct work *work)
{
    struct cs_error err = { 0 };
    bool done;

    if (v.ops->connect(v.f.self, CS_VISITS_WRITER, &v.w, &err) < 0 || v.ops->begin(v.w, &err) < 0 || work->run(&err) < 0 ||
        v.ops->commit(v.w, &err) < 0 || v.ops->scrub(v.w, &done, &err) < 0) {
        printf("# %s\n", err.text);
        return 1;
    }
    disconnect();
    return 0;
}

/* Does the work in a child that dies at its n-th write; true: it did not get that far, the work is done. */
static bool die_at(const struct work *work, int n)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        crash_vfs_arm(n);
        _exit(work_and_scrub(work));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CRASH_STATUS)
        return false;
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static bool is_done(void)
{
    return visit_book_differences(&after, v.f.visits, BOOK_WITHOUT_HOURS | BOOK_QUIETLY) == 0;
}

/* Nothing in between: as before, or all of it. `guess` only says what to look for first. */
static bool is_consistent(bool guess)
{
    bool done;

    if (!guess && visit_book_differences(&v.book, v.f.visits, BOOK_QUIETLY) == 0)
        return false;
    done = is_done();
    if (!done)
        visits_file_agree(&v, 0);
    return done;
}

static void assert_gone(const struct work *work, int n)
{
    int found =
        (work->text ? visits_file_find_text(&v, work->text) : 0) + (work->src ? visits_file_find_src(&v, work->src) : 0);

    if (found)
        fail_msg("after dying at write %d the bytes were found %d times", n, found);
}

/* The next start scrubs; what was not done is asked for again. */
static bool start_again(const struct work *work, bool guess)
{
    bool done;

    connect();
    assert_true(visits_file_scrub(&v));
    done = is_consistent(guess);
    if (!done) {
        visits_file_begin(&v);
        assert_int_equal(work->run(&v.err), 0);
        visits_file_commit(&v);
        assert_true(visits_file_scrub(&v));
    }
    return done;
}

static void open_after(const struct work *work)
{
    visit_book_copy(&after, &v.book);
    visit_book_sql(&after, work->book);
}

static void try_every_write(const struct work *work)
{
    int undone = 0, done = 0;
    bool finished = false;

    open_after(work);
    for (int n = 1; !finished; n += work->step * EVERY) {
        put_back();
        finished = die_at(work, n);
        if (start_again(work, done > 0))
            done++;
        else
            undone++;
        assert_gone(work, n);
        disconnect();
    }
    connect();
    assert_true(is_done());
    disconnect();
    visit_book_close(&after);
    printf("# %d writes before the work counted, %d after it\n", undone, done);
    assert_true(undone > 5 / EVERY);
    assert_true(done > 4 / EVERY);
}

static void closing_survives_it(void **state)
{
    (void)state;
    try_every_write(&works[0]);
}

static void erasing_a_source_survives_it(void **state)
{
    (void)state;
    try_every_write(&works[1]);
}

static void erasing_a_zone_survives_it(void **state)
{
    (void)state;
    try_every_write(&works[2]);
}

static void erasing_a_label_survives_it(void **state)
{
    (void)state;
    try_every_write(&works[3]);
}

static void purging_survives_it(void **state)
{
    (void)state;
    try_every_write(&works[4]);
}

/* ---- a reader beside it, in a process of its own */

static int look(void *arg, const struct cs_day *day)
{
    (void)arg;
    (void)day;
    return 0;
}

static void hold_snapshot(struct store_holder *h)
{
    int ready[2], go[2];
    char byte = 0;

    assert_int_equal(pipe(ready) + pipe(go), 0);
    h->pid = fork();
    assert_true(h->pid >= 0);
    if (h->pid == 0) {
        close(go[1]);
        if (v.ops->connect(v.f.self, CS_VISITS_READER, &v.r, &v.err) < 0 || v.ops->begin(v.r, &v.err) < 0 ||
            v.ops->day_list(v.r, look, NULL, &v.err) < 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        while (read(go[0], &byte, 1) > 0)
            continue;
        _exit(0);
    }
    close(ready[1]);
    close(go[0]);
    h->go = go[1];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static void a_reader_with_a_snapshot_only_delays_it(void **state)
{
    const struct work *work = &works[2];
    bool finished = false;
    int waited = 0;

    (void)state;
    open_after(work);
    for (int n = 1; !finished; n += 7 * EVERY) {
        struct store_holder h;
        bool done = false;

        put_back();
        hold_snapshot(&h);
        finished = die_at(work, n);
        connect();
        if (is_consistent(false)) {
            assert_int_equal(v.ops->scrub(v.w, &done, &v.err), 0);
            waited += !done && visits_file_find_text(&v, work->text) > 0;
        }
        store_file_let_go(&h);
        disconnect();
        start_again(work, waited > 0);
        assert_gone(work, n);
        disconnect();
    }
    visit_book_close(&after);
    assert_true(waited > 0 || EVERY > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_survives_it),        cmocka_unit_test(erasing_a_source_survives_it),
        cmocka_unit_test(erasing_a_zone_survives_it), cmocka_unit_test(erasing_a_label_survives_it),
        cmocka_unit_test(purging_survives_it),        cmocka_unit_test(a_reader_with_a_snapshot_only_delays_it),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * store-sqlite and files that are damaged: put aside with their logs, refused with what to do, never replaced by themselves;
 * and the recipes of that advice, tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../plugins/store-sqlite/db.h"
#include "../fakes/store_file.h"
#include "../fakes/store_host.h"

enum { ZONES = 2000, PAGE = 4096 };

static struct store_file f;
static struct cs_error err;

static void fill(void)
{
    store_file_migrate(&f);
    store_file_sql(&f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                       "INSERT INTO zone (zone, dns) SELECT 'z' || i || '.example', 'builtin' FROM n");
    store_host.lines[0] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    store_file_folder(&f);
    store_file_open(&f, 200);
    store_host = (struct store_host){ .folder = f.folder };
    err = (struct cs_error){ 0 };
    fill();
    return 0;
}

static int tear_down(void **state)
{
    char pattern[128];
    glob_t found;

    (void)state;
    snprintf(pattern, sizeof pattern, "%s/*", f.folder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    store_file_close(&f);
    return 0;
}

static void *bytes(size_t n)
{
    void *junk = malloc(n);

    assert_non_null(junk);
    memset(junk, 0x5a, n);
    return junk;
}

static void overwrite(const char *path, off_t at, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    void *junk = bytes(n);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, n, at), n);
    assert_int_equal(close(fd), 0);
    free(junk);
}

/* How many of that pattern in the folder; the first one is in `out`. */
static size_t files(const char *pattern, char out[256])
{
    char path[256];
    size_t n = 0;
    glob_t found;

    snprintf(path, sizeof path, "%s/%s", f.folder, pattern);
    if (glob(path, 0, NULL, &found) == 0) {
        n = found.gl_pathc;
        if (out)
            snprintf(out, 256, "%s", found.gl_pathv[0]);
        globfree(&found);
    }
    return n;
}

static int migrate(void)
{
    err = (struct cs_error){ 0 };
    return f.ops->migrate(f.self, true, &err);
}

static void expect_put_aside(void)
{
    struct stat st;
    char aside[256];

    assert_int_equal(migrate(), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "restore a backup"));
    assert_int_equal(files("state.db.damaged-*Z", aside), 1);
    assert_non_null(strstr(err.text, aside));
    assert_int_equal(stat(aside, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(f.path, F_OK), -1);
    assert_int_equal(files("state.db-*", NULL), 0);
    assert_non_null(strstr(store_host.lines, "to restore a backup: cp BACKUP "));
    assert_non_null(strstr(store_host.lines, "to recover what can be read: "));
    assert_non_null(strstr(store_host.lines, "to begin anew: mkdir "));
    assert_non_null(strstr(store_host.lines, "counts against the CA's limits"));
}

static void garbage_in_the_header_is_put_aside(void **state)
{
    (void)state;
    overwrite(f.path, 0, 100);
    expect_put_aside();
}

static void a_file_that_was_cut_is_put_aside(void **state)
{
    (void)state;
    assert_int_equal(truncate(f.path, 5 * PAGE), 0);
    expect_put_aside();
}

static void a_file_that_is_empty_is_put_aside(void **state)
{
    (void)state;
    assert_int_equal(truncate(f.path, 0), 0);
    expect_put_aside();
}

static void a_page_in_the_middle_is_found_at_the_start(void **state)
{
    (void)state;
    overwrite(f.path, 30 * PAGE, PAGE);
    expect_put_aside();
    assert_non_null(strstr(store_host.lines, "the state database is damaged and is put aside"));
}

/* A server that died has left a log: it is a part of the file, and nothing of it is lost. */
static void the_log_goes_with_it(void **state)
{
    char copy[160], log[160], kept[256];
    struct stat st;
    void *w;

    (void)state;
    snprintf(log, sizeof log, "%s-wal", f.path);
    snprintf(copy, sizeof copy, "%s/kept-wal", f.folder);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(f.ops->keep_put(w, "ca", "le", "k", "v", 1, &err), 0);
    assert_int_equal(f.ops->commit(w, &err), 0);
    assert_int_equal(link(log, copy), 0);
    f.ops->disconnect(f.self, w);
    if (access(log, F_OK) < 0)
        assert_int_equal(link(copy, log), 0);
    assert_int_equal(stat(log, &st), 0);
    overwrite(f.path, 0, 100);
    assert_int_equal(migrate(), -1);
    assert_int_equal(files("state.db.damaged-*Z-wal", kept), 1);
    assert_int_equal(access(log, F_OK), -1);
    assert_int_equal(st.st_ino, (stat(kept, &st), st.st_ino));
}

/* ---- the log, as a server that was killed leaves it ---- */

enum { HEADER = 32, FRAME = 24 + PAGE };

/* Some commits in the log, whose copy is in "kept-wal" after the connection has gone. */
static size_t leave_log(int commits, char log[160])
{
    struct stat st;
    void *w;

    snprintf(log, 160, "%s-wal", f.path);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    for (int i = 0; i < commits; i++) {
        char key[2] = { (char)('a' + i), '\0' };

        assert_int_equal(f.ops->begin(w, &err), 0);
        assert_int_equal(f.ops->keep_put(w, "ca", "le", key, "v", 1, &err), 0);
        assert_int_equal(f.ops->commit(w, &err), 0);
    }
    atomic_store(&((struct conn *)w)->file->suspect, true); /* it closes without copying the log into the database */
    f.ops->disconnect(f.self, w);
    atomic_store(&((struct db *)f.self)->state.suspect, false);
    assert_int_equal(stat(log, &st), 0);
    return ((size_t)st.st_size - HEADER) / FRAME;
}

static void a_log_that_is_whole_or_cut_is_taken(void **state)
{
    char log[160];
    size_t frames = leave_log(5, log);

    (void)state;
    assert_in_range(frames, 5, 50);
    assert_int_equal(truncate(log, (off_t)(HEADER + (frames - 1) * FRAME + 1000)), 0);
    assert_int_equal(migrate(), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM keep"), 4);
}

static void a_log_whose_last_commit_is_broken_is_taken(void **state)
{
    char log[160];
    size_t frames = leave_log(5, log);

    (void)state;
    overwrite(log, (off_t)(HEADER + (frames - 1) * FRAME + 100), 50);
    assert_int_equal(migrate(), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM keep"), 4);
}

/* SQLite would go on without the last commits, and nobody would know. */
static void a_log_that_is_broken_in_the_middle_is_put_aside(void **state)
{
    char log[160];

    (void)state;
    leave_log(6, log);
    overwrite(log, HEADER + FRAME + 100, 50);
    expect_put_aside();
    assert_non_null(strstr(store_host.lines, "page 2 of its -wal is broken"));
    assert_int_equal(files("state.db.damaged-*Z-wal", NULL), 1);
}

static void a_log_without_a_header_is_put_aside(void **state)
{
    char log[160];

    (void)state;
    leave_log(2, log);
    overwrite(log, 0, HEADER);
    expect_put_aside();
    assert_non_null(strstr(store_host.lines, "the header of its -wal is broken"));
}

/* Commits whose sync failed were begun anew in the same place: what is left of them is no damage. */
static void what_is_left_of_commits_that_failed_is_no_damage(void **state)
{
    char log[160];
    size_t frames = leave_log(6, log);
    uint8_t *one = malloc(FRAME);
    FILE *file = fopen(log, "r+b");

    (void)state;
    assert_non_null(one);
    assert_non_null(file);
    for (size_t i = frames - 1; i > 1; i--) { /* each frame a place further: none follows on the one before it */
        assert_int_equal(fseek(file, (long)(HEADER + (i - 1) * FRAME), SEEK_SET), 0);
        assert_int_equal(fread(one, FRAME, 1, file), 1);
        assert_int_equal(fseek(file, (long)(HEADER + (i % 2 ? i : i - 1) * FRAME), SEEK_SET), 0);
        assert_int_equal(fwrite(one, FRAME, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    free(one);
    assert_int_equal(migrate(), 0);
}

static void nothing_new_takes_its_place_until_somebody_decides(void **state)
{
    char folder[160], aside[256], there[512];

    (void)state;
    overwrite(f.path, 0, 100);
    assert_int_equal(migrate(), -1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(migrate(), -1);
        assert_int_equal(access(f.path, F_OK), -1);
        assert_int_equal(files("state.db.damaged-*", NULL), 1);
    }
    assert_int_equal(f.ops->migrate(f.self, false, &err), -1); /* a command says the same */
    assert_non_null(strstr(err.text, "was damaged and lies at"));
    files("state.db.damaged-*", aside);
    snprintf(folder, sizeof folder, "%s.old", f.path);
    snprintf(there, sizeof there, "%s/%s", folder, strrchr(aside, '/') + 1);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(rename(aside, there), 0);
    assert_int_equal(migrate(), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM zone"), 0);
    unlink(there);
    rmdir(folder);
}

/* Died between the two renames. */
static void a_log_that_stayed_behind_goes_after_it(void **state)
{
    char aside[160], log[160];

    (void)state;
    snprintf(aside, sizeof aside, "%s.damaged-20261121T182400Z", f.path);
    snprintf(log, sizeof log, "%s-wal", f.path);
    assert_int_equal(rename(f.path, aside), 0);
    assert_int_equal(close(open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_int_equal(migrate(), -1);
    assert_int_equal(access(log, F_OK), -1);
    assert_int_equal(files("state.db.damaged-20261121T182400Z-wal", NULL), 1);
}

static void touch(const char *end)
{
    char path[160];

    snprintf(path, sizeof path, "%s%s", f.path, end);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
}

static void what_a_restore_replaced_long_ago_says_nothing_about_a_damage(void **state)
{
    (void)state;
    touch(".replaced-20260301T080000Z");
    touch(".replacing-20260201T080000Z");
    overwrite(f.path, 0, 100);
    expect_put_aside();
    assert_int_equal(migrate(), -1);
    assert_non_null(strstr(err.text, ".damaged-"));
}

static void a_backup_that_is_restored_is_taken(void **state)
{
    char backup[160], sql[256];

    (void)state;
    snprintf(backup, sizeof backup, "%s/backup-1", f.folder);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", backup);
    store_file_sql(&f, sql);
    overwrite(f.path, 0, 100);
    assert_int_equal(migrate(), -1);
    assert_int_equal(rename(backup, f.path), 0);
    assert_int_equal(migrate(), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM zone"), ZONES);
    assert_int_equal(files("state.db.damaged-*", NULL), 1); /* nobody but a person deletes it */
}

/* The command as the log has it, between the colon and the next line. */
static void what_can_be_read_is_recovered_by_the_command_of_the_log(void **state)
{
    static const char words[] = "to recover what can be read: ";
    char *command, *end;
    int64_t zones;

    (void)state;
    store_file_sql(&f, "PRAGMA wal_checkpoint(TRUNCATE)");
    overwrite(f.path, 45 * PAGE, PAGE); /* a leaf of the table zone */
    assert_int_equal(migrate(), -1);
    command = strstr(store_host.lines, words);
    assert_non_null(command);
    command += strlen(words);
    end = strchr(command, '\n');
    assert_non_null(end);
    *end = '\0';
    assert_int_equal(WEXITSTATUS(system(command)), 0);
    assert_int_equal(migrate(), 0);
    zones = store_file_number(&f, "SELECT count(*) FROM zone");
    assert_in_range(zones, ZONES / 2, ZONES - 1);
}

static void damage_met_at_run_time_is_looked_for_in_all_of_the_file_by_the_next_start(void **state)
{
    char mark[160];

    (void)state;
    snprintf(mark, sizeof mark, "%s.suspect", f.path);
    assert_int_equal(close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_int_equal(migrate(), 0);
    assert_int_equal(access(mark, F_OK), -1);
    assert_non_null(strstr(store_host.lines, "was found damaged in an earlier run, and is whole now"));
}

static int pass_over(void *arg, const struct cs_zone *row)
{
    (void)arg, (void)row;
    return 0;
}

static void a_read_meets_damage_and_says_so(void **state)
{
    struct conn *r;
    void *conn;
    char mark[160];

    (void)state;
    snprintf(mark, sizeof mark, "%s.suspect", f.path);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_READER, &conn, &err), 0);
    r = conn;
    store_file_sql(&f, "PRAGMA wal_checkpoint(TRUNCATE)");
    overwrite(f.path, 5 * PAGE, 60 * PAGE);
    assert_int_equal(f.ops->begin(conn, &err), 0);
    assert_int_equal(f.ops->zone_list(conn, pass_over, NULL, &err), -1);
    f.ops->rollback(conn);
    assert_string_equal(err.reason, "storage-damaged");
    assert_true(r->broken);
    assert_int_equal(access(mark, F_OK), 0);
    f.ops->disconnect(f.self, conn);
}

static void damaged_visits_do_not_stop_the_state(void **state)
{
    void *conn = NULL;

    (void)state;
    overwrite(f.visits, 0, 100);
    assert_int_equal(migrate(), 0);
    assert_int_equal(files("visits.db.damaged-*", NULL), 1);
    assert_int_equal(f.ops->connect(f.self, CS_VISITS_WRITER, &conn, &err), -1);
    assert_string_equal(err.reason, "storage-damaged");
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &conn, &err), 0);
    f.ops->disconnect(f.self, conn);
    assert_non_null(strstr(store_host.lines, "remove the damaged file soon, since nothing in it is forgotten"));
}

/* ---- `countersign check` ---- */

static void note(void *arg, const char *text)
{
    char *out = arg;

    snprintf(out + strlen(out), 2000 - strlen(out), "%s\n", text);
}

static const char *inspected(void)
{
    static char out[2000];

    out[0] = '\0';
    assert_int_equal(f.ops->inspect(f.self, note, out, &err), 0);
    return out;
}

static void check_says_what_is_wrong_and_changes_nothing(void **state)
{
    void *conn;

    (void)state;
    assert_string_equal(inspected(), "");
    assert_int_equal(files("*-wal", NULL), 0);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &conn, &err), 0);
    assert_string_equal(inspected(), ""); /* beside a server */
    f.ops->disconnect(f.self, conn);
    overwrite(f.path, 30 * PAGE, PAGE);
    assert_non_null(strstr(inspected(), "is damaged ("));
    assert_int_equal(access(f.path, F_OK), 0);
    assert_int_equal(files("*-wal", NULL), 0);
    assert_int_equal(migrate(), -1);
    assert_non_null(strstr(inspected(), "was damaged and lies at"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(garbage_in_the_header_is_put_aside),
        TEST(a_file_that_was_cut_is_put_aside),
        TEST(a_file_that_is_empty_is_put_aside),
        TEST(a_page_in_the_middle_is_found_at_the_start),
        TEST(the_log_goes_with_it),
        TEST(a_log_that_is_whole_or_cut_is_taken),
        TEST(a_log_whose_last_commit_is_broken_is_taken),
        TEST(a_log_that_is_broken_in_the_middle_is_put_aside),
        TEST(a_log_without_a_header_is_put_aside),
        TEST(what_is_left_of_commits_that_failed_is_no_damage),
        TEST(nothing_new_takes_its_place_until_somebody_decides),
        TEST(a_log_that_stayed_behind_goes_after_it),
        TEST(what_a_restore_replaced_long_ago_says_nothing_about_a_damage),
        TEST(a_backup_that_is_restored_is_taken),
        TEST(what_can_be_read_is_recovered_by_the_command_of_the_log),
        TEST(damage_met_at_run_time_is_looked_for_in_all_of_the_file_by_the_next_start),
        TEST(a_read_meets_damage_and_says_so),
        TEST(damaged_visits_do_not_stop_the_state),
        TEST(check_says_what_is_wrong_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

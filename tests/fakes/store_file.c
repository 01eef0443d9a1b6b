/* A real store-sqlite for tests of the plugin and of records/; see store_file.h. */
#include "store_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "store_file: %s\n", what);
    abort();
}

static void *field(struct store_file *f, const char *name)
{
    for (const struct cs_option *o = cs_plugin.settings; o->type != CS_OPTION_END; o++)
        if (!strcmp(o->name, name))
            return (char *)f->settings + o->offset;
    must(false, "no such setting");
    return NULL;
}

void store_file_folder(struct store_file *f)
{
    *f = (struct store_file){ .in = f->in };
    snprintf(f->folder, sizeof f->folder, "/tmp/countersign-store-XXXXXX");
    must(mkdtemp(f->folder) != NULL, "mkdtemp");
    snprintf(f->path, sizeof f->path, "%s/state.db", f->folder);
    snprintf(f->visits, sizeof f->visits, "%s/visits.db", f->folder);
    snprintf(f->analytics, sizeof f->analytics, "%s/analytics.db", f->folder);
}

void store_file_open(struct store_file *f, int64_t busy_timeout_ms)
{
    struct cs_error err = { 0 };

    if (!f->folder[0])
        store_file_folder(f);
    f->settings = calloc(1, cs_plugin.settings_size);
    must(f->settings != NULL, "no memory");
    *(const char **)field(f, "file") = f->path;
    *(const char **)field(f, "visits") = f->visits;
    *(const char **)field(f, "analytics") = f->analytics;
    *(const char **)field(f, "analytics_group") = "";
    *(int64_t *)field(f, "busy_timeout") = busy_timeout_ms;
    *(int64_t *)field(f, "reserve") = 1 << 20;
    must(cs_plugin.open(f->in, f->settings, &f->self, &err) == 0, err.text);
    f->ops = cs_plugin.store;
}

void store_file_migrate(struct store_file *f)
{
    struct cs_error err = { 0 };

    must(f->ops->migrate(f->self, true, &err) == 0, err.text);
}

static void remove_file(const char *name)
{
    char path[128];
    static const char *const ends[] = { "", "-wal", "-shm", "-journal", ".new" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", name, ends[i]);
        unlink(path);
    }
}

void store_file_close(struct store_file *f)
{
    if (f->self)
        cs_plugin.close(f->self);
    free(f->settings);
    remove_file(f->path);
    remove_file(f->visits);
    remove_file(f->analytics);
    must(rmdir(f->folder) == 0, "the folder is not empty");
    *f = (struct store_file){ 0 };
}

static sqlite3 *stranger(const char *path)
{
    sqlite3 *sq = NULL;

    must(sqlite3_open(path, &sq) == SQLITE_OK, "sqlite3_open");
    sqlite3_busy_timeout(sq, 5000);
    return sq;
}

void store_file_sql_on(const char *path, const char *sql)
{
    sqlite3 *sq = stranger(path);

    must(sqlite3_exec(sq, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(sq));
    sqlite3_close(sq);
}

void store_file_sql(const struct store_file *f, const char *sql)
{
    store_file_sql_on(f->path, sql);
}

int64_t store_file_number_of(const char *path, const char *sql)
{
    sqlite3 *sq = stranger(path);
    sqlite3_stmt *s = NULL;
    int64_t number;

    must(sqlite3_prepare_v2(sq, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW, sql);
    number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(sq);
    return number;
}

int64_t store_file_number(const struct store_file *f, const char *sql)
{
    return store_file_number_of(f->path, sql);
}

/* SQLite's own shell: a child that is only forked from a process with threads may find SQLite's locks taken for ever. */
void store_file_hold(const struct store_file *f, struct store_holder *h)
{
    static const char orders[] = ".timeout 5000\nBEGIN IMMEDIATE;\n.system printf r\n";
    int ready[2], go[2];
    char byte = 0;

    must(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0, "pipe");
    h->pid = fork();
    must(h->pid >= 0, "fork");
    if (h->pid == 0) {
        if (dup2(go[0], STDIN_FILENO) >= 0 && dup2(ready[1], STDOUT_FILENO) >= 0)
            execl("/usr/bin/sqlite3", "sqlite3", "-batch", "-bail", f->path, (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    close(go[0]);
    h->go = go[1];
    must(write(h->go, orders, sizeof orders - 1) == sizeof orders - 1, "write");
    must(read(ready[0], &byte, 1) == 1 && byte == 'r', "the holder did not get the lock");
    close(ready[0]);
}

void store_file_let_go(struct store_holder *h)
{
    int status;

    close(h->go);
    must(waitpid(h->pid, &status, 0) == h->pid, "waitpid");
}

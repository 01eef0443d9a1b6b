/*
 * A real store-sqlite in a folder of its own, for tests: opened through the plugin's descriptor, migrated, and removed at the
 * end. Also a second process that holds the database, as a forgotten sqlite3 shell would.
 */
#ifndef FAKES_STORE_FILE_H
#define FAKES_STORE_FILE_H

#include <countersign/store.h>
#include <sys/types.h>

struct store_file {
    struct cs_instance *in; /* handed to the plugin's open; NULL where cs_log() is a fake */
    char folder[64], path[96], visits[96], analytics[96]; /* state.db, visits.db, analytics.db */
    void *settings;
    void *self;
    const struct cs_store_ops *ops;
};

extern const struct cs_plugin cs_plugin;

/* Makes the folder and opens the plugin on the files in it; nothing is migrated yet. Aborts the program when it cannot. */
void store_file_open(struct store_file *f, int64_t busy_timeout_ms);
/* Only the folder and the name in it. */
void store_file_folder(struct store_file *f);
void store_file_migrate(struct store_file *f);
void store_file_close(struct store_file *f); /* and removes the folder */

/* Run SQL as another program would: a connection of its own, default settings. Aborts when it fails. */
void store_file_sql(const struct store_file *f, const char *sql);
int64_t store_file_number(const struct store_file *f, const char *sql);
/* The same on a file by its path. */
void store_file_sql_on(const char *path, const char *sql);
int64_t store_file_number_of(const char *path, const char *sql);

/* A child process that holds the write lock of the database until it is let go. */
struct store_holder {
    pid_t pid;
    int go;
};
void store_file_hold(const struct store_file *f, struct store_holder *h);
void store_file_let_go(struct store_holder *h);

#endif

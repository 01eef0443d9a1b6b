/*
 * What the tests of command/sign_files.c share: keys and chains, a run of the command from a checked chain on, and a flaw at
 * any of its steps (renames, links, removals). Used by test_sign_files.c and test_sign_kill.c, in a folder that they enter.
 */
#ifndef SIGN_PAIR_H
#define SIGN_PAIR_H

#include <stdbool.h>

#define SIDE ".countersign-"

/* What happens at the step `at`, counted from 1; 0: nothing. READ_ONLY: to all that would change the key's folder, were it a
 * read-only mount of its own. */
enum flaw { KILLED, FAILS, READ_ONLY };

enum deploying { NO_PROGRAM, PROGRAM_WORKS, PROGRAM_FAILS };

struct pair {
    char key[512], chain[2048];
};

extern struct pair old, next, renewed; /* `renewed`: another chain for the old key */

/* For cmocka: a new folder is the working one, and the pairs are made. */
int enter_folder(void **state);
int leave_folder(void **state);

void put(const char *path, const char *text);
bool holds(const char *path, const char *text);
bool is_there(const char *path);
bool is_pair(const struct pair *pair); /* in place */
int count_files(void);
void empty(void);
void start_with_old(void);

/* For a child process: what it does from here on ends at this step. */
void flaw_at_step(int at, enum flaw what);

/* A run in a child. 0: it came to its end, 9: it was killed, 1: a step failed. */
int run_apart(int at, enum flaw what, const struct pair *to, bool new_key, enum deploying deploying);

/* What the next run does first. The lock of who was killed is nobody's. */
void mend(void);

#endif

/*
 * The environment of the programs that dns-exec runs: a few fixed variables, those of the settings, and those of one change.
 * Nothing of the server's own environment is in it. Called by exec.c.
 */
#ifndef DNS_EXEC_ENVIRONMENT_H
#define DNS_EXEC_ENVIRONMENT_H

#include <countersign/plugin.h>

struct environment {
    char **v;               /* "NAME=VALUE" each, NULL at the end */
    size_t n, first_secret; /* secrets come last */
};

/* `more`: "NAME=VALUE" each; `secrets`: lines of the same, where empty ones and those with # are left out. A later one replaces
 * an earlier one of the same name. -1: CS_ECONFIG names the bad entry, never its value; CS_EINTERNAL. */
int environment_make(struct environment *environment, const char *home, const struct cs_strings *more, const char *secrets,
                     struct cs_error *err);
void environment_free(struct environment *environment); /* wiped */

/* The same variables and `extra` ones before them, NULL at the end; free() the list, not the strings. NULL: no memory. */
char **environment_with(const struct environment *environment, char *const *extra, size_t n);

/* Puts *** where values of secrets stand in `text`, also where they overlap. `cut`: it went on, so its end may be the beginning
 * of a secret, which is left out. */
void environment_hide_secrets(const struct environment *environment, char *text, bool cut);

#endif

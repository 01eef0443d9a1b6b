/*
 * What a subcommand takes, in one table beside its code: getopt reads by it, `--help` prints it, countersign(1) and the shell's
 * completion are made of it (manual.c).
 */
#ifndef COMMAND_USAGE_H
#define COMMAND_USAGE_H

#include <stdio.h>

struct usage_option {
    const char *name;  /* "zone", said as --zone */
    const char *value; /* what it takes, for people: "ZONE"; NULL: nothing */
    int id;            /* what usage_next() returns; that of 'q' is also said as -q */
    const char *help;  /* lines without their indentation */
};
#define USAGE_END { NULL, NULL, 0, NULL }

/* One way to say it: `countersign zone add`. */
struct usage_form {
    const char *verb;                   /* "add"; "" when the subcommand has none */
    const char *rest;                   /* what follows in the synopsis: "ZONE [OPTION …]" */
    const struct usage_option *options; /* NULL: none; those that the form before has are not printed again */
};

struct usage {
    const char *command;
    const struct usage_form *forms; /* ends with a NULL verb */
    const char *about, *more;       /* paragraphs before and after the options; NULL: none */
};

enum { USAGE_OVER = -1, USAGE_WRONG = -2 };

/* The next option's id, with its value in optarg; USAGE_OVER at the first word that is none (optind), USAGE_WRONG when getopt
 * has complained. Set optind = 0 before the first call. */
int usage_next(const struct usage_option *options, int argc, char **argv);

void usage_synopsis(const struct usage *usage, FILE *to);
void usage_help(const struct usage *usage, FILE *to); /* all of it */

/* Says why, what the command takes, and how to read more, on standard error; returns exit code 2. */
int usage_wrong(const struct usage *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

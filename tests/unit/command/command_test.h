/*
 * Runs a subcommand as a person would, in a process of its own, over a real store-sqlite in a folder of its own.
 */
#ifndef COMMAND_TEST_H
#define COMMAND_TEST_H

/* What it said: standard output and standard error together, and its exit code. */
struct said {
    char text[16384];
    int code;
};

void command_test_open(void);  /* makes the folder and the configuration: dns builtin and pdns, ca le and local */
void command_test_close(void); /* and removes it */
/* Replaces the configuration's dns and ca blocks. */
void command_test_config(const char *blocks);

/* Words are separated by "|": "zone|add|lab.example". The answer is valid until the next call. */
const struct said *command_test_run(const char *words);
/* The whole text and the code; or that the text contains something. */
void expect(const char *words, int code, const char *text);
void expect_part(const char *words, int code, const char *part);

#endif

/*
 * Runs one program in a session of its own, with a deadline, and hears the last line that it says on stderr. Called by exec.c
 * in a worker thread.
 */
#ifndef DNS_EXEC_PROGRAM_H
#define DNS_EXEC_PROGRAM_H

#include <countersign/plugin.h>

enum { PROGRAM_KILL_MS = 2000, PROGRAM_LINE_MAX = 4096 };

struct program {
    char *const *argv;  /* argv[0] is the absolute path; no shell looks at any of it */
    char *const *envp;  /* all of its environment */
    const char *folder; /* that it starts in */
    int64_t timeout_ms; /* then SIGTERM to its process group, and SIGKILL after PROGRAM_KILL_MS more */
    int stop_fd;        /* readable: the server stops; -1: none */
    int64_t stop_ms;    /* that it has left then, at most */
};

struct program_end {
    int status; /* as waitpid() gives it */
    bool timed_out, stopped;
    char said[PROGRAM_LINE_MAX + 1]; /* its last line on stderr with something in it, or ""; any bytes but NUL and line ends */
    bool cut;                        /* that line went on */
};

/* Blocks until it has ended; -1 and *err when it could not be started. What it left behind in its process group is killed when
 * its time was over, and left alone otherwise. stdin and stdout are /dev/null; no other descriptor of ours reaches it. */
int program_run(const struct program *program, struct program_end *end, struct cs_error *err);

/* May the server run this file? It must be an absolute path to an executable file that nobody but root, the server's user and
 * their kind can change. -1: CS_ECONFIG and what to do. */
int program_check(const char *path, struct cs_error *err);

#endif

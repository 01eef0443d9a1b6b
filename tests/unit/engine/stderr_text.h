/*
 * What is written to stderr while a test looks: for the tests of log lines.
 */
#ifndef TESTS_STDERR_TEXT_H
#define TESTS_STDERR_TEXT_H

#include <stdio.h>
#include <unistd.h>

struct stderr_text {
    int saved_fd;
    int pipe_fd[2];
    char text[16384];
};

static inline void stderr_watch(struct stderr_text *seen)
{
    if (pipe(seen->pipe_fd) < 0)
        _exit(99);
    fflush(stderr);
    seen->saved_fd = dup(STDERR_FILENO);
    dup2(seen->pipe_fd[1], STDERR_FILENO);
}

/* At most a pipe's worth (64 KiB) can have been written. */
static inline const char *stderr_seen(struct stderr_text *seen)
{
    size_t len = 0;
    ssize_t n;

    dup2(seen->saved_fd, STDERR_FILENO);
    close(seen->saved_fd);
    close(seen->pipe_fd[1]);
    while (len < sizeof seen->text - 1 && (n = read(seen->pipe_fd[0], seen->text + len, sizeof seen->text - 1 - len)) > 0)
        len += (size_t)n;
    close(seen->pipe_fd[0]);
    seen->text[len] = '\0';
    return seen->text;
}

#endif

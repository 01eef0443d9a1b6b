/*
 * What the kernel says about this process, for /metrics. Reads /proc; quick, but no more than once for each question.
 */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include <stdint.h>

/* -1: the kernel does not say. */
struct process_figures {
    int64_t cpu_us; /* user and system, of all threads */
    int64_t started_us; /* wall clock, rounded to the kernel's tick */
    int64_t virtual_bytes, resident_bytes;
    int64_t open_fds, max_fds;
    int64_t threads;
};

void process_look(struct process_figures *out);

#endif

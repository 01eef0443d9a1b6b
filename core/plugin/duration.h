/*
 * Durations as people write them: "250ms", "30s", "5m", "1h", "7d", or a bare number of seconds. Used by config.c, options.c
 * and the command line. Pure.
 */
#ifndef PLUGIN_DURATION_H
#define PLUGIN_DURATION_H

#include <countersign/plugin.h>

/* 0, or -1: it is none, or does not fit 64 bits. */
int duration_parse(const char *text, int64_t *ms);
/* The other way, in the largest unit that fits: "90s", "5m". `out` has 32 bytes. */
void duration_text(char out[32], int64_t ms);

#endif

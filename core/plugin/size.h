/*
 * Sizes as people write them: "64K", "1M", "2G" (powers of 1024), or a bare number of bytes. Used by config.c and options.c.
 * Pure.
 */
#ifndef PLUGIN_SIZE_H
#define PLUGIN_SIZE_H

#include <countersign/plugin.h>

/* 0, or -1: it is none, or does not fit 64 bits. */
int size_parse(const char *text, int64_t *bytes);

#endif

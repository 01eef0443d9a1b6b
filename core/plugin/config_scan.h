/*
 * Looks countersign.conf over before libconfig sees it, for what libconfig does not say: in version 1.5 a number that does
 * not fit 32 bits silently becomes another one, an @include that is no file ends the program, and a comment that never ends
 * swallows the rest of the file. Called by config.c.
 */
#ifndef PLUGIN_CONFIG_SCAN_H
#define PLUGIN_CONFIG_SCAN_H

#include <countersign/plugin.h>

/* A number that libconfig would misread; `fix` says what to write. */
typedef void config_scan_fn(void *arg, const char *file, unsigned line, const char *number, const char *fix);

/* Reads the file and all it includes (relative names: below `include_dir`). -1 and *err when one cannot be read. */
int config_scan(const char *path, const char *include_dir, config_scan_fn *fn, void *arg, struct cs_error *err);

#endif

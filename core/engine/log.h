/*
 * One line, one fact, to stderr: time (unless journald adds its own), level, who speaks, sentence, key=value.
 * The public cs_log() and cs_op_log() end here. Any thread; one write(2) a line.
 */
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H

#include <countersign/plugin.h>

/* Lines above `level` are dropped. Under journald (JOURNAL_STREAM matches stderr) lines get "<N>" and no time. */
void log_setup(enum cs_log_level level);
/* "error", "warn", "info", "debug"; -1 otherwise. */
int log_level_of(const char *word);
bool log_wants(enum cs_log_level level);

/* `who`: part of the core or instance ("acme:le"); `about`: job or "" . Control characters in the text become "?". */
void log_line(enum cs_log_level level, const char *who, const char *about, const char *format, ...) CS_PRINTF(4, 5);
void log_linev(enum cs_log_level level, const char *who, const char *about, const char *format, va_list args) CS_PRINTF(4, 0);

#endif

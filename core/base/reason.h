/*
 * The reasons that a problem can have beside its code: those that the core and the plugins of this tree give. Used by
 * http/problem.c for titles, and wherever reasons are counted, since a plugin may make up its own. Pure.
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include <countersign/plugin.h>

/* RFC 9457: a short summary that does not change. NULL: it has none of its own. */
const char *reason_title(const char *slug);

/* All of them. False: no more. */
bool reason_at(size_t index, const char **slug, const char **title);

/* The error's reason, or its code's when it has none, as one word of a list that is known: "other" for any that is not in it.
 * Lives as long as the program. */
const char *reason_word(const struct cs_error *err);

#endif

/*
 * Tells a problem document (RFC 9457) in words, without a byte that a terminal could take for a command. Called by
 * sign_exchange.c.
 */
#ifndef COMMAND_SIGN_PROBLEM_H
#define COMMAND_SIGN_PROBLEM_H

#include "base/text.h"

/* Any body will do; one that is not a problem document is shown by its first line. Ends early when `out` is full. */
void sign_problem_add(struct text *out, long status, const char *body, size_t len);

/* Is this a problem document of a Countersign, rather than of a proxy in front of it? Then a Retry-After says whether the same
 * request may work later. */
bool sign_problem_is_ours(const char *body, size_t len);

#endif

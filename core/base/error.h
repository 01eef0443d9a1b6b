/*
 * What an error code means outside: HTTP status, problem type, whether to try again. Used by http/problem.c, request/ and
 * command/. cs_fail() and its kin are declared in <countersign/plugin.h> and defined in error.c.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <countersign/plugin.h>

struct error_kind {
    const char *name;  /* "CS_EINPUT"                                                */
    const char *slug;  /* the problem type when the error has no reason of its own */
    const char *title; /* RFC 9457: a short summary that does not change            */
    int http_status;
    bool retry; /* the same request may work later */
};

/* Never NULL; a code that is not in the enum is CS_EINTERNAL's. */
const struct error_kind *error_kind(enum cs_code code);

/* err->reason, or the slug of its code. */
const char *error_reason(const struct cs_error *err);

/* What judges bytes from outside with the help of libraries has failed: was it for want of memory? Then that is no fault of the
 * bytes, and *err says so. Whoever asks has set errno to 0 before the judging; allocators leave ENOMEM there, whichever library
 * called them. Always -1. */
int error_blame_memory(struct cs_error *err);

#endif

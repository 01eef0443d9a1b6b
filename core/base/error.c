/*
 * cs_fail() and its kin, for everybody; and the one table that says what a code means outside. Pure.
 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

CS_PRINTF(4, 0)
static void set(struct cs_error *err, enum cs_code code, const char *reason, const char *format, va_list args)
{
    if (!err)
        return;
    *err = (struct cs_error){ .code = code };
    snprintf(err->reason, sizeof err->reason, "%s", reason);
    vsnprintf(err->text, sizeof err->text, format, args);
}

int cs_fail(struct cs_error *err, enum cs_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(err, code, "", format, args);
    va_end(args);
    return -1;
}

int cs_fail_as(struct cs_error *err, enum cs_code code, const char *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(err, code, reason, format, args);
    va_end(args);
    return -1;
}

int cs_fail_in(struct cs_error *err, const char *format, ...)
{
    char context[128], text[sizeof err->text];
    va_list args;

    if (!err)
        return -1;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    memcpy(text, err->text, sizeof text);
    snprintf(err->text, sizeof err->text, "%s: %.*s", context, (int)(sizeof text - sizeof context - 3), text);
    return -1;
}

int error_blame_memory(struct cs_error *err)
{
    if (errno != ENOMEM)
        return -1;
    return cs_fail(err, CS_EBUSY, "the server is short of memory; try again in a moment");
}

static const struct error_kind kinds[] = {
    [CS_OK]        = { "CS_OK",        "ok",                 "It worked",                                200, false },
    [CS_EINPUT]    = { "CS_EINPUT",    "bad-request",        "The request is wrong",                     400, false },
    [CS_EDENIED]   = { "CS_EDENIED",   "not-allowed",        "This is not allowed",                      403, false },
    [CS_ENOTFOUND] = { "CS_ENOTFOUND", "not-found",          "There is no such thing",                   404, false },
    [CS_ECONFLICT] = { "CS_ECONFLICT", "conflict",           "Somebody else changed it first",           409, true  },
    [CS_ELIMIT]    = { "CS_ELIMIT",    "too-many",           "Too many requests",                        429, true  },
    [CS_EBUSY]     = { "CS_EBUSY",     "busy",               "The server is busy",                       503, true  },
    [CS_ETIMEDOUT] = { "CS_ETIMEDOUT", "timed-out",          "It took too long",                         504, true  },
    [CS_ESHUTDOWN] = { "CS_ESHUTDOWN", "stopping",           "The server is stopping",                   503, true  },
    [CS_EUPSTREAM] = { "CS_EUPSTREAM", "upstream-failed",    "The CA or a DNS server failed",            502, true  },
    [CS_EREFUSED]  = { "CS_EREFUSED",  "upstream-refused",   "The CA or a DNS server refused",           502, false },
    [CS_ECONFIG]   = { "CS_ECONFIG",   "misconfigured",      "The server's set-up needs its operator",   500, false },
    [CS_EINTERNAL] = { "CS_EINTERNAL", "internal",           "The server has a fault",                   500, true  },
    [CS_ERESTART]  = { "CS_ERESTART",  "restart",            "The order must start anew",                503, true  },
    [CS_ECREDENTIAL] = { "CS_ECREDENTIAL", "credential",     "A credential is needed",                   401, false },
};

const struct error_kind *error_kind(enum cs_code code)
{
    if ((size_t)code >= sizeof kinds / sizeof *kinds)
        code = CS_EINTERNAL;
    return &kinds[code];
}

const char *error_reason(const struct cs_error *err)
{
    return err->reason[0] ? err->reason : error_kind(err->code)->slug;
}

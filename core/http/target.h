/*
 * The request target and the Host field: RFC 9112 3.2, RFC 9110 4.2 and 7.2, RFC 3986 3. Called by message.c. Pure.
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "http/syntax.h"

enum target_form { TARGET_ORIGIN = 1, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

struct target {
    enum target_form form;
    struct span authority; /* of the absolute and the authority form */
    struct span path;      /* as sent, nothing decoded; empty for the authority form, and for "http://host" */
    struct span query;     /* without "?" */
};

/* "/path?query", "http://host/path?query", "host:port" (only for CONNECT) or "*" (only for OPTIONS). NULL: it is one of them.
 * Otherwise what is wrong, in a static sentence. A query may hold any visible ASCII but "#": clients do not all encode it. */
const char *target_parse(struct target *out, struct span text, bool connect, bool options);

/* uri-host [ ":" port ]: a name that is not empty, an IPv4 address or an IPv6 address in brackets. */
bool target_is_authority(struct span text);

#endif

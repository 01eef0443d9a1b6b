/*
 * Which URLs of a CA we follow. Every URL in a reply passes url_check() before it is asked. Used by object.c, certificate.c and
 * order.c. Pure.
 */
#ifndef CA_ACME_URL_H
#define CA_ACME_URL_H

#include <countersign/plugin.h>

#define URL_LONGEST 2048

struct url_rules {
    char *scheme, *host, *port; /* the directory's, lower case; the port of its scheme when it names none */
    struct cs_strings allow_hosts;
};

/* From the configured directory. CS_ECONFIG when that is not an http or https URL. */
int url_rules_make(struct url_rules *rules, const char *directory, struct cs_strings allow_hosts, struct cs_error *err);
void url_rules_free(struct url_rules *rules);

/* Printable ASCII, at most URL_LONGEST bytes, no user or password; https (http only if the directory itself is http); on the
 * directory's host and port, or on one of allow_hosts: "HOST:PORT", or "HOST" for the usual port. `what` names it in the error:
 * CS_EREFUSED "ca-bad-url". */
int url_check(const struct url_rules *rules, const char *url, const char *what, struct cs_error *err);

/* `relative` as seen from `base` (RFC 3986 5), for free(); NULL: not a URL. Link headers may hold such references. */
char *url_resolve(const char *base, const char *relative);

#endif

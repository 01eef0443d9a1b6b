/*
 * X.509 names as RFC 4514 strings, exactly as the scheme's first implementation renders them: RDNs reversed, short names for
 * CN L ST O OU C STREET DC UID, dotted OIDs for the rest, its escapes. Called by csr.c and by `countersign subject`.
 */
#ifndef REQUEST_SUBJECT_NAME_H
#define REQUEST_SUBJECT_NAME_H

#include <openssl/x509.h>

#include <countersign/plugin.h>

/* malloc'd; NULL and CS_EINPUT "bad-subject" for string types other than UTF8String, PrintableString, IA5String, for control
 * characters, NUL, or two CNs. */
char *subject_name_text(const X509_NAME *name, struct cs_error *err);

/* Is `text` a string that subject_name_text() could have made? Also accepts openssl's -subj form "/C=IT/…/CN=x" and turns it
 * round. *out is malloc'd, canonical. For what people type. */
int subject_name_parse(const char *text, char **out, struct cs_error *err);

/* The CN of a canonical subject string (first in the string), unescaped, malloc'd; NULL when there is none. */
char *subject_name_cn(const char *subject);

/* A canonical subject string as an X509_NAME (for `countersign sign`). The caller frees it. */
X509_NAME *subject_name_build(const char *subject, struct cs_error *err);

#endif

/*
 * Reads the text form of a subject, RFC 4514 or openssl's -subj, into its attributes. Called by subject_name.c and
 * csr_advice.c.
 */
#ifndef REQUEST_SUBJECT_PARSE_H
#define REQUEST_SUBJECT_PARSE_H

#include <openssl/objects.h>

#include <countersign/plugin.h>

#define SUBJECT_MAX_ATTRIBUTES 32
#define SUBJECT_MAX_TEXT       4096

struct subject_attribute {
    ASN1_OBJECT *type; /* owned */
    char *value;       /* owned, without escapes, `len` bytes; not yet checked for UTF-8 */
    size_t len;
    unsigned rdn; /* attributes of one RDN follow each other and have one number; 0 is the first RDN in the text */
};

struct subject_attributes {
    struct subject_attribute v[SUBJECT_MAX_ATTRIBUTES];
    size_t n;
    bool reversed; /* the text was RFC 4514: its last RDN is encoded first */
};

/* -1 and CS_EINPUT "bad-subject". `out` is to be freed in any case. */
int subject_parse(struct subject_attributes *out, const char *text, struct cs_error *err);
void subject_attributes_free(struct subject_attributes *attributes);

/* "CN", "OU", …, or NULL for a type that has no short name in RFC 4514 3. */
const char *subject_short_name(const ASN1_OBJECT *type);

#endif

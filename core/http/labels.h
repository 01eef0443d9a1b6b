/*
 * A client's labels (NAME=VALUE), from the X-Countersign-Label fields and the query's label.NAME parameters of a request; those
 * of a JSON body are added by json_request.c. They stay in memory with the request. Called by api.c. Pure.
 */
#ifndef HTTP_LABELS_H
#define HTTP_LABELS_H

#include "http/message.h"
#include "records/label.h"

#define LABELS_MAX       8
#define LABELS_MAX_NAME  32
#define LABELS_MAX_VALUE 64

struct labels {
    struct visit_label v[LABELS_MAX]; /* point into the texts below: a copy of this struct must not be used */
    size_t n;
    char names[LABELS_MAX][LABELS_MAX_NAME + 1];
    char values[LABELS_MAX][LABELS_MAX_VALUE + 1];
};

/* Names: 1 to 32 of a-z, 0-9, "_" and "-". Values: 1 to 64 bytes of printable UTF-8. Percent-encoding and "+" (a space) only
 * in the query; parameters that do not begin with "label." are not looked at. -1 and CS_EINPUT "bad-label" for anything else,
 * for more than 8 labels, and for a name that comes twice. */
int labels_read(struct labels *out, const struct message *m, struct cs_error *err);

/* One more, under the same rules. */
int labels_add(struct labels *out, struct span name, struct span value, struct cs_error *err);

#endif

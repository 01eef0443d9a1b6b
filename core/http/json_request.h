/*
 * A signing request as JSON: {"csr": "PEM, or base64 of DER", "labels": {"NAME": "VALUE"}}. Called by api.c. Pure, fuzzed
 * (tests/fuzz/fuzz_json_request.c).
 */
#ifndef HTTP_JSON_REQUEST_H
#define HTTP_JSON_REQUEST_H

#include "base/text.h"
#include "http/labels.h"

#define JSON_REQUEST_TYPE "application/json"

/* The CSR as PEM into *csr, which is empty before and which the caller frees; the labels are added to those of the header.
 * -1 and CS_EINPUT: "bad-json", "no-csr", "bad-label". */
int json_request_read(struct text *csr, struct labels *labels, const char *body, size_t body_len, struct cs_error *err);

#endif

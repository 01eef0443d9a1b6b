/*
 * Reads JSON requests strictly: what is not understood is refused, not passed over. See json_request.h. Called by api.c. Pure.
 */
#include "http/json_request.h"

#include <jansson.h>
#include <string.h>

#define PEM_BEGIN "-----BEGIN CERTIFICATE REQUEST-----\n"
#define PEM_END   "\n-----END CERTIFICATE REQUEST-----\n"

static int refuse(struct cs_error *err, const char *why)
{
    return cs_fail_as(err, CS_EINPUT, "bad-json", "%s", why);
}

/* The words of a request stay out of the answer. */
static int check_members(json_t *json, struct cs_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(json))
        return refuse(err, "The body is JSON, but not an object: send {\"csr\": \"…\", \"labels\": {\"NAME\": \"VALUE\"}}.");
    json_object_foreach(json, name, value)
        if (strcmp(name, "csr") != 0 && strcmp(name, "labels") != 0)
            return refuse(err, "The JSON object has a member that is neither \"csr\" nor \"labels\".");
    return 0;
}

static int read_csr(struct text *csr, json_t *value, struct cs_error *err)
{
    const char *text = json_string_value(value);

    if (!value || json_is_null(value) || (text && !*text))
        return cs_fail_as(err, CS_EINPUT, "no-csr", "The JSON object has no \"csr\".");
    if (!text)
        return refuse(err, "The member \"csr\" must be a string: the CSR as PEM, or its DER in base64.");
    if (strstr(text, "-----BEGIN")) {
        text_add(csr, text);
    } else {
        text_add(csr, PEM_BEGIN);
        text_add(csr, text);
        text_add(csr, PEM_END);
    }
    return text_failed(csr) ? cs_fail(err, CS_EBUSY, "The server has no memory for this request at the moment.") : 0;
}

static int read_labels(struct labels *labels, json_t *object, struct cs_error *err)
{
    const char *name;
    json_t *value;

    if (object && !json_is_object(object))
        return refuse(err, "The member \"labels\" must be an object: {\"NAME\": \"VALUE\"}.");
    json_object_foreach(object, name, value) {
        if (!json_is_string(value))
            return refuse(err, "The value of a label must be a string.");
        if (labels_add(labels, (struct span){ name, strlen(name) },
                       (struct span){ json_string_value(value), json_string_length(value) }, err) < 0)
            return -1;
    }
    return 0;
}

int json_request_read(struct text *csr, struct labels *labels, const char *body, size_t body_len, struct cs_error *err)
{
    json_error_t fault;
    json_t *json = json_loadb(body, body_len, JSON_REJECT_DUPLICATES, &fault);
    int rc = -1;

    if (!json && json_error_code(&fault) == json_error_duplicate_key)
        refuse(err, "The JSON object has a member twice.");
    else if (!json)
        cs_fail_as(err, CS_EINPUT, "bad-json", "The body is not the JSON that its Content-Type says: see line %d, column %d.",
                   fault.line, fault.column);
    else if (check_members(json, err) == 0 && read_labels(labels, json_object_get(json, "labels"), err) == 0)
        rc = read_csr(csr, json_object_get(json, "csr"), err);
    json_decref(json);
    return rc;
}

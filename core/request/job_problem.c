/*
 * How a job failed, as the JSON that its row keeps, and back; see job.h. Called by job_save.c, resume.c and request.c.
 */
#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "request/job.h"

char *job_problem_write(const struct cs_error *err, const char *upstream, int64_t bad_since_ms)
{
    json_t *doc = json_pack("{s:s, s:s, s:s, s:I}", "code", error_kind(err->code)->slug, "reason", err->reason, "text",
                            err->text, "retry_after_ms", (json_int_t)err->retry_after_ms);
    char *text;

    if (doc && upstream)
        json_object_set_new(doc, "upstream", json_string(upstream));
    if (doc && bad_since_ms)
        json_object_set_new(doc, "bad_since_ms", json_integer(bad_since_ms));
    text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    return text;
}

int64_t job_problem_bad_since(const char *json)
{
    json_t *doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    int64_t bad_since_ms = json_integer_value(json_object_get(doc, "bad_since_ms"));

    json_decref(doc);
    return bad_since_ms;
}

char *job_problem_write_open(int64_t bad_since_ms)
{
    json_t *doc = json_pack("{s:b, s:I}", "again", 1, "bad_since_ms", (json_int_t)bad_since_ms);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

    json_decref(doc);
    return text;
}

bool job_problem_again(const char *json)
{
    json_t *doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    const bool again = json_is_true(json_object_get(doc, "again"));

    json_decref(doc);
    return again;
}

static enum cs_code code_of(const char *slug)
{
    for (int code = CS_EINPUT; code <= CS_ERESTART; code++)
        if (strcmp(error_kind((enum cs_code)code)->slug, slug) == 0)
            return (enum cs_code)code;
    return CS_EINTERNAL;
}

void job_problem_read(const char *json, int64_t age_ms, struct cs_error *err, char **upstream)
{
    json_t *doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    const char *code = "", *reason = "", *text = "the order failed", *theirs = NULL;
    json_int_t retry_after_ms = 0;

    json_unpack(doc, "{s?s, s?s, s?s, s?I, s?s}", "code", &code, "reason", &reason, "text", &text, "retry_after_ms",
                &retry_after_ms, "upstream", &theirs);
    cs_fail_as(err, code_of(code), reason, "%s", text);
    if (age_ms > 0)
        retry_after_ms -= age_ms < retry_after_ms ? age_ms : retry_after_ms;
    err->retry_after_ms = retry_after_ms;
    *upstream = theirs ? text_copy(theirs) : NULL;
    json_decref(doc);
}

/*
 * Turns errors into problem documents; see problem.h. Called by api.c and connection.c.
 */
#include "http/problem.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/reason.h"
#include "base/text.h"
#include "base/utf8.h"
#include "http/syntax.h"

#define MAX_DETAIL      1024
#define MAX_UPSTREAM    (32 * 1024)
#define RUNNING_RETRY_S 5

/* Types that belong to HTTP, by their status. */
static const struct {
    int status;
    const char *slug, *title;
} http_kinds[] = {
    { 400, "bad-message",        "The request breaks the rules of HTTP"          },
    { 404, "not-found",          "There is no such thing"                        },
    { 405, "method-not-allowed", "This path does not have this method"           },
    { 408, "request-timeout",    "The request came too slowly"                   },
    { 413, "body-too-large",     "The body is too large"                         },
    { 414, "target-too-long",    "The request line is too long"                  },
    { 415, "content-coding",     "The body is coded in a way not understood"     },
    { 417, "bad-expectation",    "The expectation cannot be met"                 },
    { 431, "header-too-large",   "The header is too large"                       },
    { 501, "not-implemented",    "The server does not know this part of HTTP"    },
    { 505, "bad-version",        "The server does not speak this version of HTTP" },
};

bool problem_title(size_t index, const char **slug, const char **title)
{
    const size_t n_http = sizeof http_kinds / sizeof *http_kinds;

    if (index >= n_http)
        return reason_at(index - n_http, slug, title);
    *slug = http_kinds[index].slug;
    *title = http_kinds[index].title;
    return true;
}

struct problem problem_of_http(int status, const char *detail)
{
    struct problem p = { .status = status, .detail = detail, .job = "" };

    for (size_t i = 0; i < sizeof http_kinds / sizeof *http_kinds; i++)
        if (http_kinds[i].status == status) {
            p.slug = http_kinds[i].slug;
            p.title = http_kinds[i].title;
        }
    assert(p.slug);
    return p;
}

bool problem_is_internal(const struct cs_error *err)
{
    return err->code == CS_EINTERNAL || err->code == CS_ECONFIG || error_kind(err->code) == error_kind(CS_EINTERNAL);
}

static bool is_slug(const char *s)
{
    return s[0] && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* Paths and disks are the operator's business. */
static bool is_storage(const struct cs_error *err)
{
    return strcmp(err->reason, "storage-unavailable") == 0 || strcmp(err->reason, "storage-damaged") == 0;
}

static const char *detail_of(const struct cs_error *err)
{
    if (is_storage(err))
        return "The server cannot read or write its records now, so it takes no orders; try again later. "
               "Its operator finds the reason in the server's log.";
    if (err->code == CS_ECONFIG)
        return "The server is not set up for this request. Its operator finds the reason in the server's log.";
    if (problem_is_internal(err))
        return "The server failed for a reason of its own. Its operator finds it in the server's log.";
    return err->text;
}

struct problem problem_of_error(const struct cs_error *err, const char *job, const char *upstream, bool running)
{
    const struct error_kind *kind = error_kind(err->code);
    const char *slug = is_slug(err->reason) ? err->reason : kind->slug;
    const char *title = reason_title(slug);

    if (running && err->code == CS_ETIMEDOUT && !err->reason[0]) {
        slug = "still-running";
        title = reason_title(slug);
    }
    return (struct problem){ .status = running ? 503 : kind->http_status,
                             .slug = slug,
                             .title = title ? title : kind->title,
                             .detail = detail_of(err),
                             .job = job,
                             .upstream = problem_is_internal(err) ? NULL : upstream };
}

static int64_t usual_retry_after_s(enum cs_code code)
{
    switch (code) {
    case CS_ECONFLICT:
        return 1;
    case CS_EBUSY:
    case CS_ETIMEDOUT:
    case CS_ESHUTDOWN:
    case CS_ERESTART:
        return 5;
    case CS_EUPSTREAM:
        return 30;
    case CS_ELIMIT:
    case CS_EINTERNAL:
        return 60;
    case CS_OK:
    case CS_EINPUT:
    case CS_EDENIED:
    case CS_ENOTFOUND:
    case CS_EREFUSED:
    case CS_ECONFIG:
    case CS_ECREDENTIAL:
        return 0;
    }
    return 60;
}

int64_t problem_retry_after_s(const struct cs_error *err, bool running)
{
    if (err->retry_after_ms > 0)
        return err->retry_after_ms / 1000 + (err->retry_after_ms % 1000 ? 1 : 0);
    return running ? RUNNING_RETRY_S : usual_retry_after_s(err->code);
}

/* Text of others as JSON: what is not UTF-8 becomes "?". */
static json_t *text_json(const char *text, size_t most)
{
    struct span rest = { text, strnlen(text, most) };
    struct text clean = TEXT_MAX(most);
    json_t *json;

    while (rest.len) {
        uint32_t code;
        size_t n = utf8_read(rest.at, rest.len, &code);

        text_add_n(&clean, n ? rest.at : "?", n ? n : 1);
        rest = (struct span){ rest.at + (n ? n : 1), rest.len - (n ? n : 1) };
    }
    json = text_failed(&clean) ? NULL : json_string_nocheck(text_of(&clean));
    text_free(&clean);
    return json;
}

static void put(json_t *document, const char *key, json_t *value, bool *failed)
{
    if (json_object_set_new(document, key, value) < 0)
        *failed = true;
}

/* The CA's words: as JSON when they are, otherwise as a string. */
static json_t *upstream_json(const char *upstream)
{
    json_t *json = json_loads(upstream, 0, NULL);

    return json ? json : text_json(upstream, MAX_UPSTREAM);
}

static json_t *type_json(const char *slug)
{
    return json_sprintf("%s%s", PROBLEM_TYPE_PREFIX, slug);
}

char *problem_text(const struct problem *problem)
{
    json_t *document = json_object();
    bool failed = !document;
    char *text;

    put(document, "type", type_json(problem->slug), &failed);
    put(document, "title", json_string(problem->title), &failed);
    put(document, "status", json_integer(problem->status), &failed);
    if (problem->detail && problem->detail[0])
        put(document, "detail", text_json(problem->detail, MAX_DETAIL), &failed);
    if (problem->job && problem->job[0])
        put(document, "instance", json_sprintf("/v1/requests/%s", problem->job), &failed);
    if (problem->upstream)
        put(document, "upstream", upstream_json(problem->upstream), &failed);
    text = failed ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}

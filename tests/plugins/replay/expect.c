/* What the plugin asks in a replay. See replay.h. */
#include "replay.h"

#include <string.h>

#include "base/text.h"
#include "judge.h"

static bool is_asked(const void *arg)
{
    (void)arg;
    return host_http() || (run.op && host_result(run.op)->finished);
}

static void check_url(const char *expected)
{
    const char *url = run.request->url;

    if (strncmp(expected, "http", 4) != 0 && strncmp(url, BASE_URL, strlen(BASE_URL)) == 0)
        url += strlen(BASE_URL);
    if (strcmp(url, expected) != 0)
        fail("it asks %s %s", run.request->method, run.request->url);
}

/* expect GET|HEAD PATH   or   expect POST PATH jwk|kid [PAYLOAD] */
static void expect_request(const struct statement *s, const char *method, const char *at)
{
    const char *path = word(&at), *as = word(&at), *bad;
    struct text payload = TEXT_MAX(10000);
    json_t *wanted;

    if (!wait_until(is_asked, NULL) || !host_http())
        fail("it asks nothing");
    run.request = host_http();
    check_url(path);
    if (strcmp(run.request->method, method) != 0)
        fail("it asks %s %s", run.request->method, run.request->url);
    text_addf(&payload, "%s%s", at, s->below);
    wanted = json_loads(text_of(&payload), JSON_REJECT_DUPLICATES, NULL);
    if (payload.len > 0 && !wanted)
        fail("the scenario's own payload is not JSON");
    bad = strcmp(method, "POST") == 0 ? judge_post(run.request, as, wanted) : NULL;
    if (bad)
        fail("%s", bad);
    json_decref(wanted);
    text_free(&payload);
}

static bool is_saved(const void *step)
{
    return (host_save() && strcmp(host_save()->step, step) == 0) || (host_saved() && strcmp(host_saved()->step, step) == 0);
}

/* expect save STEP [PART OF DATA] */
static void expect_save(const char *at)
{
    const char *step = word(&at);
    const struct host_save *save;

    if (!wait_until(is_saved, step))
        fail("it does not save it");
    save = host_save() ? host_save() : host_saved();
    if (!strstr(save->data, at))
        fail("it saves %s", save->data);
}

static bool is_put(const void *arg)
{
    (void)arg;
    return host_challenge(0) || host_result(run.op)->finished;
}

/* expect txt NAME TOKEN: one of those that wait; it becomes the one that published is about */
static void expect_txt(const char *at)
{
    const char *name = word(&at), *token = word(&at);
    const struct host_challenge *challenge;

    if (!wait_until(is_put, NULL) || !host_challenge(0))
        fail("it publishes nothing");
    for (run.txt = 0; (challenge = host_challenge(run.txt)); run.txt++)
        if (strcmp(challenge->name, name) == 0 && strcmp(challenge->token, token) == 0)
            break;
    if (!challenge)
        fail("it publishes %s %s", host_challenge(0)->name, host_challenge(0)->token);
    if (strcmp(challenge->value, judge_txt_value(token)) != 0)
        fail("the value is %s, it should be %s", challenge->value, judge_txt_value(token));
}

void do_expect(const struct statement *s)
{
    const char *at = s->rest, *what = word(&at);

    if (strcmp(what, "save") == 0)
        expect_save(at);
    else if (strcmp(what, "txt") == 0)
        expect_txt(at);
    else if (strcmp(what, "GET") == 0 || strcmp(what, "HEAD") == 0 || strcmp(what, "POST") == 0)
        expect_request(s, what, at);
    else
        fail("expect what?");
}

/* header LINE: the request that was expected last has it */
void do_header(const struct statement *s)
{
    if (!strstr(run.request->headers, s->rest))
        fail("its headers are %s", run.request->headers);
}

/* binding KID SECRET */
void do_binding(const struct statement *s)
{
    const char *at = s->rest, *kid = word(&at), *bad = judge_binding(kid, at);

    if (bad)
        fail("%s", bad);
}

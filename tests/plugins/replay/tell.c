/* What the plugin is told in a replay, and how time passes. See replay.h. */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "judge.h"

static void note_account(const char *headers)
{
    const char *location = strstr(headers, "Location: ");

    if (location && strstr(run.request->url, "/new-account")) {
        char url[300];

        snprintf(url, sizeof url, "%.*s", (int)strcspn(location + 10, "\n"), location + 10);
        judge_set_account(url);
    }
}

static void answer(int status, const char *type, const char *more_headers, const char *body)
{
    struct text headers = TEXT_MAX(20000);

    if (!host_http())
        fail("it asks nothing");
    if (type[0])
        text_addf(&headers, "Content-Type: %s\n", type);
    if (!strstr(more_headers, "Replay-Nonce:"))
        text_addf(&headers, "Replay-Nonce: %s\n", judge_new_nonce());
    text_add(&headers, more_headers);
    note_account(more_headers);
    if (status == 200 && strstr(type, "pem") && run.n_chains < CHAINS_MOST)
        run.chains[run.n_chains++] = text_copy(body);
    host_reply(status, text_of(&headers), body, strlen(body));
    text_free(&headers);
}

/* Headers stand before the first line that begins with one of {[-" or is "body"; "Replay-Nonce:" alone means none. */
static const char *body_of(const char *below)
{
    while (*below && !strchr("{[-\"", *below)) {
        size_t n = strcspn(below, "\n");

        if (strncmp(below, "body\n", 5) == 0)
            return below + 5;
        below += n + (below[n] == '\n');
    }
    return below;
}

/* reply STATUS [TYPE], below it headers and body */
void do_reply(const struct statement *s)
{
    const char *at = s->rest, *status = word(&at), *type = at, *body = body_of(s->below);
    char *headers = text_copy_n(s->below, (size_t)(body - s->below));

    if (strcmp(s->below, body) != 0 && body - s->below >= 5 && strncmp(body - 5, "body\n", 5) == 0)
        headers[strlen(headers) - 5] = '\0';
    if (!type[0])
        type = body[0] == '-' ? "application/pem-certificate-chain" : body[0] ? "application/json" : "";
    answer((int)number_of(status), type, headers, body);
    free(headers);
}

/* problem STATUS TYPE DETAIL, below it headers */
void do_problem(const struct statement *s)
{
    const char *at = s->rest, *status = word(&at), *type = word(&at);
    struct text urn = TEXT_MAX(300);
    char *body;
    json_t *problem;

    text_addf(&urn, "urn:ietf:params:acme:error:%s", type);
    problem = json_pack("{s:s, s:s}", "type", text_of(&urn), "detail", at);
    body = json_dumps(problem, 0);
    answer((int)number_of(status), "application/problem+json", s->below, body);
    free(body);
    json_decref(problem);
    text_free(&urn);
}

void do_huge(const struct statement *s)
{
    size_t len = 400000;
    char *body = malloc(len + 1);

    (void)s;
    memset(body, ' ', len);
    memcpy(body, "{}", 2);
    body[len] = '\0';
    answer(200, "application/json", "", body);
    free(body);
}

void do_cut(const struct statement *s)
{
    host_cut(CS_EUPSTREAM, s->rest[0] ? s->rest : "the connection was cut");
}

void do_commit(const struct statement *s)
{
    struct cs_error err;

    if (!host_save())
        fail("nothing is being saved");
    cs_fail(&err, CS_EBUSY, "%s", s->rest);
    host_commit(s->rest[0] ? &err : NULL);
    run.hold_saves = false;
}

void do_published(const struct statement *s)
{
    (void)s;
    host_published(run.txt, NULL);
}

/* unpublished CODE TEXT */
void do_unpublished(const struct statement *s)
{
    const char *at = s->rest;
    enum cs_code code = code_of(word(&at));
    struct cs_error err;

    cs_fail_as(&err, code, "not-visible", "%s", at);
    host_published(run.txt, &err);
}

void do_pass(const struct statement *s)
{
    host_pass(time_of(s->rest));
}

static size_t count_challenges(void)
{
    size_t n = 0;

    while (host_challenge(n))
        n++;
    return n;
}

void do_quiet(const struct statement *s)
{
    int64_t left_ms = time_of(s->rest);
    size_t challenges = count_challenges();

    while (left_ms > 0 && !host_http()) {
        int64_t step_ms = left_ms < 10 ? left_ms : 10;

        commit_saves();
        host_pass(step_ms);
        left_ms -= step_ms;
    }
    if (host_http())
        fail("it asks %s %s", host_http()->method, host_http()->url);
    if (count_challenges() != challenges)
        fail("it publishes something");
    if (host_result(run.op)->finished)
        fail("it has ended");
}

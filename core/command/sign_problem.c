/*
 * A server's problem in words; see sign_problem.h.
 */
#include "command/sign_problem.h"

#include <jansson.h>
#include <string.h>

#include "command/sign.h"
#include "http/problem.h"

#define MAX_PIECE 600 /* of one text of the server */

/* Printable, and whole characters only: C0 and C1 controls become spaces. */
static void add_clean(struct text *out, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned long c;

    if (len > MAX_PIECE)
        len = MAX_PIECE;
    while (len) {
        int n = UTF8_getc(at, (int)len, &c);

        if (n <= 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
            text_add_char(out, ' ');
        else
            text_add_n(out, (const char *)at, (size_t)n);
        n = n <= 0 ? 1 : n;
        at += n;
        len -= (size_t)n;
    }
}

static void add_member(struct text *out, const char *before, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value) || json_string_length(value) == 0)
        return;
    text_add(out, before);
    add_clean(out, json_string_value(value), json_string_length(value));
}

/* What the CA said: its document, with the problems of single names (RFC 8555 6.7.1), or its text. */
static void add_upstream(struct text *out, const json_t *upstream)
{
    const json_t *problem;
    size_t i;

    if (json_is_string(upstream)) {
        text_add(out, "\nthe CA: ");
        add_clean(out, json_string_value(upstream), json_string_length(upstream));
        return;
    }
    add_member(out, "\nthe CA: ", upstream, "detail");
    json_array_foreach(json_object_get(upstream, "subproblems"), i, problem)
    {
        if (i == 10)
            break;
        add_member(out, "\n  ", json_object_get(problem, "identifier"), "value");
        add_member(out, ": ", problem, "detail");
    }
}

void sign_problem_add(struct text *out, long status, const char *body, size_t len)
{
    json_t *problem = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    size_t line = strcspn(body, "\r\n");

    text_addf(out, "the server answered %ld", status);
    if (json_is_object(problem)) {
        add_member(out, ": ", problem, "title");
        add_member(out, ": ", problem, "detail");
        add_upstream(out, json_object_get(problem, "upstream"));
    } else if (line) {
        text_add(out, ": ");
        add_clean(out, body, line);
    }
    json_decref(problem);
}

bool sign_problem_is_ours(const char *body, size_t len)
{
    json_t *problem = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(problem, "type"));
    bool ours = type && strncmp(type, PROBLEM_TYPE_PREFIX, strlen(PROBLEM_TYPE_PREFIX)) == 0;

    json_decref(problem);
    return ours;
}

const char *sign_step_words(const char *step)
{
    static const struct {
        const char *step, *words;
    } steps[] = {
        { "waiting-for-zone", "waiting for another order in this zone to end" },
        { "starting", "the order begins" },
        { "suspended", "waiting for the server to take the order up again" },
        { "account", "the server signs on at the CA" },
        { "load-order", "the server looks at its order at the CA" },
        { "new-order", "the server orders at the CA" },
        { "fetch-authz", "the server asks what the CA wants to see" },
        { "publish", "waiting for the DNS record to be visible" },
        { "answer", "the server tells the CA that the DNS record is there" },
        { "poll-authz", "waiting for the CA to look at the DNS record" },
        { "save-finalize", "the server hands the CSR to the CA" },
        { "finalize", "the server hands the CSR to the CA" },
        { "poll-order", "waiting for the CA to sign" },
        { "download", "the server fetches the chain" },
        { "choose-chain", "the server fetches the chain" },
        { "finished", "the order is done" },
        { "storing-chain", "the server stores the chain" },
    };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i].step, step) == 0)
            return steps[i].words;
    return "waiting for the CA";
}

/*
 * ca-acme's readers: any reply of a CA, as a failure, as each object of the protocol, and as a Link header. The first two bytes
 * say which status and content type it has; the rest is its body and its headers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "link.h"
#include "object.h"
#include "reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The one service of the core that these readers use. */
const char *cs_http_header(const struct cs_http_reply *reply, const char *name, size_t index)
{
    (void)name;
    return index == 0 ? reply->internal : NULL;
}

/* What goes on to errors and the log is short and printable. */
static void check_error(const struct cs_error *err)
{
    const char *end = memchr(err->text, '\0', sizeof err->text);

    if (!end || !memchr(err->reason, '\0', sizeof err->reason))
        abort();
    for (const char *at = err->text; at < end; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            abort();
}

static void read_objects(const json_t *json, const struct url_rules *rules)
{
    static const char *const names[] = { "a.example", "*.a.example" };
    struct directory_object directory;
    struct order_object order;
    struct authorization_object authorization;
    struct cs_error err = { 0 };

    object_directory(&directory, json, rules, &err);
    if (object_order(&order, json, rules, names, 1, &err) == 0 && !order.finalize[0])
        abort();
    object_order(&order, json, rules, names, 2, &err);
    check_error(&err);
    if (object_authorization(&authorization, json, rules, &err) == 0 && authorization.url[0] &&
        (!object_token_is_good(authorization.token) || !strcasestr(authorization.url, "ca.example")))
        abort();
    check_error(&err);
    problem_read(&err, json, "the CA");
    check_error(&err);
    problem_read_challenge(&err, json, "the CA");
    check_error(&err);
}

static void read_links(const char *text)
{
    char reference[200], *whole;

    while (link_next(&text, "alternate", reference, sizeof reference)) {
        if (strlen(reference) >= sizeof reference || !reference[0])
            abort();
        whole = url_resolve("https://ca.example/certificate/1", reference);
        free(whole);
    }
}

static void read_reply(char *text, size_t len, uint8_t status, uint8_t type, const struct url_rules *rules)
{
    static const int statuses[] = { 200, 201, 204, 302, 400, 403, 404, 408, 429, 500, 503 };
    static const char *const types[] = { "application/json", "application/problem+json", "application/pem-certificate-chain",
                                         "" };
    struct cs_http_reply http = { .size = sizeof http,
                                  .status = statuses[status % (sizeof statuses / sizeof *statuses)],
                                  .body = text,
                                  .body_len = len,
                                  .content_type = types[type % 4],
                                  .internal = text };
    enum reply_kind kind = (enum reply_kind)(REPLY_JSON + (type >> 2) % 3);
    struct failure failure;
    struct reply reply;

    if (reply_read(&reply, &http, kind, &failure) < 0)
        check_error(&failure.err);
    else if (reply.json)
        read_objects(reply.json, rules);
    reply_release(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url_rules rules;
    char *text;

    if (size < 2 || url_rules_make(&rules, "https://ca.example/directory", (struct cs_strings){ 0 }, NULL) < 0)
        return 0;
    text = malloc(size - 1);
    if (text) {
        memcpy(text, data + 2, size - 2);
        text[size - 2] = '\0';
        read_reply(text, size - 2, data[0], data[1], &rules);
        read_links(text);
        url_check(&rules, text, "x", NULL);
    }
    free(text);
    url_rules_free(&rules);
    return 0;
}

/*
 * `countersign client`: who can be told from others by a token or a certificate, and which subjects each may ask for. Here:
 * list, show, remove; client_edit.c has the rest. A token is shown once, by `add` and `rotate`, and never again.
 */
#include "command/client.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/day.h"
#include "base/text.h"
#include "plugin/duration.h"

static const struct usage_form forms[] = {
    { "add", "NAME [OPTION …]", client_add_options },
    { "change", "NAME [OPTION …]", client_change_options },
    { "rotate", "NAME [--keep TIME]", client_rotate_options },
    { "list", "[--json]", table_show_options },
    { "show", "NAME [--json]", table_show_options },
    { "remove", "NAME", NULL },
    { NULL, NULL, NULL },
};

const struct usage usage_client = {
    "client", forms,
    "Who may ask for subjects that need a token or a certificate (`countersign subject add --access`).\n"
    "`add` makes a token and prints it, this once, alone on standard output; with an option about certificates it\n"
    "makes none.\n",
    NULL,
};

/* ---- What the verbs share ---------------------------------------------------------------------------------------- */

int client_check_store(const struct store_conn *c, struct cs_error *err)
{
    if (c->ops->client_put && c->ops->client_remove && c->ops->client_list && c->ops->client_find &&
        c->ops->client_subject_put && c->ops->client_subject_remove && c->ops->client_subject_list)
        return 0;
    return cs_fail(err, CS_ECONFIG, "this store has no table of clients");
}

static int parse_instant(const char *text, int64_t *ms)
{
    struct tm tm = { 0 };
    char again[CLIENT_TIME_TEXT];
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (!end || *end)
        return -1;
    *ms = (int64_t)timegm(&tm) * 1000;
    client_time_text(again, *ms);
    return strcmp(again, text) == 0 ? 0 : -1;
}

int client_time_parse(const char *text, int64_t *ms, struct cs_error *err)
{
    int64_t day, after_ms;

    if (strcmp(text, "never") == 0) {
        *ms = 0;
        return 0;
    }
    if (day_parse(text, &day)) {
        *ms = day_start_ms(day);
        return 0;
    }
    if (duration_parse(text, &after_ms) == 0 && after_ms > 0 && after_ms <= 36500 * DAY_MS) {
        *ms = (cs_wall_ms() + after_ms) / 1000 * 1000;
        return 0;
    }
    if (parse_instant(text, ms) == 0)
        return 0;
    return cs_fail(err, CS_EINPUT, "`%s` is no time: say 90d, 2027-01-31, 2027-01-31T12:00:00Z or never", text);
}

void client_time_text(char out[CLIENT_TIME_TEXT], int64_t ms)
{
    const time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (!ms || !gmtime_r(&seconds, &tm) || !strftime(out, CLIENT_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm))
        out[0] = '\0';
}

/* ---- list, show, remove ------------------------------------------------------------------------------------------ */

static const char *const names[] = { "client", "kind", "certificate", "expires", "enabled", "subjects", NULL };
static const char *const all_names[] = { "client",  "kind",   "old token until", "key", "issuer", "name",
                                         "expires", "enabled", "subjects", NULL };

struct question {
    const char *client; /* NULL: all */
    struct table_rows rows;
};

/* What a certificate is known by, in one cell. */
static char *certificate_text(const struct cs_client *c)
{
    struct text text = TEXT_MAX(4096);

    if (c->spki_sha256[0])
        text_addf(&text, "key %.16s…", c->spki_sha256);
    else if (c->name[0])
        text_addf(&text, "%s of %s", c->name, c->issuer);
    return text_take(&text);
}

static int on_client(void *arg, const struct cs_client *c)
{
    struct question *q = arg;
    char expires[CLIENT_TIME_TEXT], old_until[CLIENT_TIME_TEXT];
    char *certificate = certificate_text(c);
    int rc;

    client_time_text(expires, c->expires_ms);
    client_time_text(old_until, c->old_token_until_ms);
    rc = columns_add(&q->rows.found,
                     certificate ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:[]}", "client", c->client, "kind",
                                             c->kind == CS_CLIENT_TOKEN ? "token" : "certificate", "certificate", certificate,
                                             "old token until", old_until, "key", c->spki_sha256, "issuer", c->issuer, "name",
                                             c->name, "expires", expires, "enabled", c->enabled, "subjects")
                                 : NULL);
    free(certificate);
    return rc;
}

static int on_subject(void *arg, const char *subject)
{
    return json_array_append_new(arg, json_string(subject)) == 0 ? 0 : 1;
}

static int find(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct question *q = arg;
    size_t i;
    json_t *row;

    if (client_check_store(c, err) < 0)
        return -1;
    if ((q->client ? c->ops->client_find(c->conn, q->client, on_client, q, err)
                   : c->ops->client_list(c->conn, on_client, q, err)) < 0)
        return -1;
    if (q->client && json_array_size(q->rows.found.rows) == 0)
        return cs_fail(err, CS_ENOTFOUND, "there is no client %s; `countersign client list` shows all", q->client);
    json_array_foreach(q->rows.found.rows, i, row)
        if (c->ops->client_subject_list(c->conn, json_string_value(json_object_get(row, "client")), on_subject,
                                        json_object_get(row, "subjects"), err) < 0)
            return -1;
    return 0;
}

static int remove_it(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return client_check_store(c, err) < 0 ? -1 : c->ops->client_remove(c->conn, ((struct question *)arg)->client, err);
}

/* Reads "[--json] [NAME]". Returns an exit code, or -1 to go on. */
static int read_question(struct question *q, int argc, char **argv, bool wants_client)
{
    int code = table_read_json(&usage_client, argc, argv, &q->rows.json);

    if (code >= 0)
        return code;
    if (argc - optind != (wants_client ? 1 : 0))
        return usage_wrong(&usage_client, "%s: %s", argv[0], wants_client ? "name one client" : "no more is needed");
    if (wants_client)
        q->client = argv[optind];
    return -1;
}

static int list_or_show(const struct command_line *line, int argc, char **argv, bool one)
{
    struct question q = { .rows = { .names = one ? all_names : names, .one = one } };
    int code = read_question(&q, argc, argv, one);

    return code < 0 ? table_print(line, find, &q, &q.rows) : code;
}

static int list(const struct command_line *line, int argc, char **argv)
{
    return list_or_show(line, argc, argv, false);
}

static int show(const struct command_line *line, int argc, char **argv)
{
    return list_or_show(line, argc, argv, true);
}

static int remove_client(const struct command_line *line, int argc, char **argv)
{
    struct question q = { 0 };
    int code = read_question(&q, argc, argv, true);

    if (code < 0) {
        code = table_work(line, NULL, CS_STATE_WRITER, remove_it, &q);
        if (code == 0)
            printf("client %s removed\n", q.client);
    }
    return code;
}

int command_client(const struct command_line *line)
{
    static const struct table_verb verbs[] = {
        { "add", client_add }, { "change", client_change }, { "rotate", client_rotate }, { "list", list },
        { "show", show },      { "remove", remove_client }, { NULL, NULL },
    };

    return table_run(line, verbs, &usage_client);
}

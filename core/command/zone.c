/*
 * `countersign zone add|list|show|remove`: the zones that certificates are issued in. What people type is brought into the
 * table's form and checked against the configuration here; the table's own rules speak for themselves.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/name.h"
#include "command/table.h"
#include "engine/sockets.h"

static const struct usage_option add_options[] = {
    { "dns", "INSTANCE", 'd',
      "the dns instance of the configuration that answers its challenges; needed when there are several" },
    { "parallel", "N", 'p', "orders for it that may be under way at the same time; default 1" },
    { "challenge-zone", "ZONE", 'c',
      "the zone of the table where its challenges must go, by CNAME records at _acme-challenge" },
    { "servers", "\"ADDRESS[:PORT] …\"", 's', "its authoritative servers, instead of those that its NS records name" },
    { "visible", "require|warn|off", 'v',
      "wait until all of its servers show a challenge: require (the default), only warn, or not" },
    { "keys", "\"TYPE …\"", 'k', "types of key that it takes, some of rsa2048, rsa3072, rsa4096, p256 and p384; default all" },
    { "bind-keys", NULL, 'b', "a key that has a certificate gets none for other names" },
    { "disabled", NULL, 'x', "nobody gets a certificate in it" },
    USAGE_END,
};

static const struct usage_form forms[] = {
    { "add", "ZONE [OPTION …]", add_options },
    { "list", "[--json]", table_show_options },
    { "show", "ZONE [--json]", table_show_options },
    { "remove", "ZONE", NULL },
    { NULL, NULL, NULL },
};

const struct usage usage_zone = {
    "zone", forms, "The zones that certificates are issued in. `add` replaces a zone that is there.\n", NULL,
};

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const char *const names[] = { "zone",    "dns",  "parallel",  "challenge_zone", "servers", "visible",
                                     "enabled", "keys", "bind_keys", NULL };
static const char *const visible_words[] = { [CS_VISIBLE_REQUIRE] = "require", [CS_VISIBLE_WARN] = "warn",
                                             [CS_VISIBLE_OFF] = "off" };

static bool binds_keys(const struct cs_zone *z)
{
    return z->size > offsetof(struct cs_zone, bind_keys) && z->bind_keys;
}

static int on_zone(void *arg, const struct cs_zone *z)
{
    return columns_add(arg, json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:b, s:s, s:b}", "zone", z->zone, "dns", z->dns,
                                      "parallel", (json_int_t)z->parallel, "challenge_zone", z->challenge_zone, "servers",
                                      z->servers, "visible", visible_words[z->visible], "enabled", z->enabled, "keys",
                                      z->keys, "bind_keys", binds_keys(z)));
}

/* What list, show and remove were asked. */
struct question {
    char zone[NAME_MAX_LEN + 1]; /* "": all */
    struct table_rows rows;
};

static int find(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct question *q = arg;

    if (!q->zone[0])
        return c->ops->zone_list(c->conn, on_zone, &q->rows.found, err);
    if (c->ops->zone_find(c->conn, q->zone, on_zone, &q->rows.found, err) < 0)
        return -1;
    if (json_array_size(q->rows.found.rows) == 0)
        return cs_fail(err, CS_ENOTFOUND, "there is no zone %s; `countersign zone list` shows all", q->zone);
    return 0;
}

static int remove_it(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->zone_remove(c->conn, ((struct question *)arg)->zone, err);
}

/* Reads "[--json] [ZONE]". Returns an exit code, or -1 to go on. */
static int read_question(struct question *q, int argc, char **argv, bool wants_zone)
{
    struct cs_error err = { 0 };
    int code = table_read_json(&usage_zone, argc, argv, &q->rows.json);

    if (code >= 0)
        return code;
    if (argc - optind != (wants_zone ? 1 : 0))
        return usage_wrong(&usage_zone, "%s: %s", argv[0], wants_zone ? "name one zone" : "no more is needed");
    if (wants_zone && table_name(q->zone, argv[optind], NAME_ONE_LABEL | NAME_UNDERSCORE, "ZONE", &err) < 0)
        return usage_wrong(&usage_zone, "%s: %s", argv[0], err.text);
    return -1;
}

static int list_or_show(const struct command_line *line, int argc, char **argv, bool one)
{
    struct question q = { .rows = { .names = names, .one = one } };
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

static int remove_zone(const struct command_line *line, int argc, char **argv)
{
    struct question q = { 0 };
    int code = read_question(&q, argc, argv, true);

    if (code >= 0)
        return code;
    code = table_work(line, NULL, CS_STATE_WRITER, remove_it, &q);
    if (code == 0)
        printf("zone %s removed\n", q.zone);
    return code;
}

/* ---- add --------------------------------------------------------------------------------------------------------- */

struct addition {
    struct cs_zone zone;
    char name[NAME_MAX_LEN + 1], challenge_zone[NAME_MAX_LEN + 1];
    struct text servers, keys;
    char *only_dns; /* the one of the configuration, when none was named */
    bool replaced;
};

static int read_number(const char *typed, int64_t *number, struct cs_error *err)
{
    char *end;

    errno = 0;
    *number = strtoll(typed, &end, 10);
    if (errno || end == typed || *end || *number < 1 || *number > 1000)
        return cs_fail(err, CS_EINPUT, "--parallel takes a number from 1 to 1000, not `%s`", typed);
    return 0;
}

static int read_visible(const char *typed, enum cs_visible *visible, struct cs_error *err)
{
    for (enum cs_visible v = CS_VISIBLE_REQUIRE; v <= CS_VISIBLE_OFF; v++)
        if (strcmp(visible_words[v], typed) == 0) {
            *visible = v;
            return 0;
        }
    return cs_fail(err, CS_EINPUT, "--visible takes require, warn or off, not `%s`", typed);
}

static int read_server(struct text *servers, const char *word, struct cs_error *err)
{
    struct sockaddr_storage address;
    socklen_t len;

    if (address_parse(word, 53, &address, &len, err) < 0)
        return cs_fail_in(err, "--servers");
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
        return cs_fail(err, CS_EINPUT, "--servers takes addresses such as 192.0.2.53 or [2001:db8::53]:5353, not `%s`", word);
    text_addf(servers, "%s%s", servers->len ? " " : "", word);
    return 0;
}

static int read_servers(struct text *servers, const char *typed, struct cs_error *err)
{
    char *words = text_copy(typed), *rest = words, *word;
    int rc = words ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");

    text_clear(servers);
    while (rc == 0 && (word = strsep(&rest, " ,")))
        if (*word)
            rc = read_server(servers, word, err);
    if (rc == 0 && text_failed(servers))
        rc = cs_fail(err, CS_EINPUT, "--servers is too long");
    free(words);
    return rc;
}

/* One of the words that the table takes? It says which these are. */
static int read_keys(struct text *keys, const char *typed, struct cs_error *err)
{
    char *words = text_copy(typed), *rest = words, *word;
    int rc = words ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");

    text_clear(keys);
    while (rc == 0 && (word = strsep(&rest, " ,")))
        if (*word)
            text_addf(keys, "%s%s", keys->len ? " " : "", word);
    if (rc == 0 && (text_failed(keys) || !keys->len))
        rc = cs_fail(err, CS_EINPUT, "--keys takes types of key, such as \"p256 p384\"; without it all are taken");
    free(words);
    return rc;
}

static int read_option(struct addition *a, int option, const char *value, struct cs_error *err)
{
    switch (option) {
    case 'd':
        a->zone.dns = value;
        return 0;
    case 'p':
        return read_number(value, &a->zone.parallel, err);
    case 'c':
        return table_name(a->challenge_zone, value, NAME_ONE_LABEL | NAME_UNDERSCORE, "--challenge-zone", err);
    case 's':
        return read_servers(&a->servers, value, err);
    case 'k':
        return read_keys(&a->keys, value, err);
    case 'v':
        return read_visible(value, &a->zone.visible, err);
    case 'b':
        a->zone.bind_keys = true;
        return 0;
    case 'x':
        a->zone.enabled = false;
        return 0;
    default:
        return cs_fail(err, CS_EINPUT, "what it takes:");
    }
}

/* Returns an exit code, or -1 to go on. */
static int read_addition(struct addition *a, int argc, char **argv)
{
    struct cs_error err = { 0 };
    int option;

    optind = 0;
    while ((option = usage_next(add_options, argc, argv)) != USAGE_OVER)
        if (read_option(a, option, optarg, &err) < 0)
            return usage_wrong(&usage_zone, "%s: %s", argv[0], err.text);
    if (argc - optind != 1)
        return usage_wrong(&usage_zone, "%s: name one zone", argv[0]);
    if (table_name(a->name, argv[optind], NAME_ONE_LABEL | NAME_UNDERSCORE, "ZONE", &err) < 0)
        return usage_wrong(&usage_zone, "%s: %s", argv[0], err.text);
    a->zone.zone = a->name;
    a->zone.challenge_zone = a->challenge_zone;
    a->zone.servers = text_of(&a->servers);
    a->zone.keys = text_of(&a->keys);
    return -1;
}

/* With one DNS instance in the configuration there is nothing to choose. */
static int check_dns(const struct settings *settings, void *arg, struct cs_error *err)
{
    struct addition *a = arg;
    size_t n = 0;

    if (a->zone.dns)
        return table_check_instance(settings, ROLE_DNS, a->zone.dns, err);
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (settings->blocks[i].role == ROLE_DNS && n++ == 0)
            a->only_dns = text_copy(settings->blocks[i].name);
    if (n > 1)
        return cs_fail(err, CS_EINPUT, "the configuration has %zu dns instances: say which with --dns", n);
    a->zone.dns = a->only_dns;
    return table_check_instance(settings, ROLE_DNS, a->zone.dns ? a->zone.dns : "", err);
}

static int note_old(void *arg, const struct cs_zone *old)
{
    (void)old;
    *(bool *)arg = true;
    return 0;
}

static int put(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct addition *a = arg;

    if (c->ops->zone_find(c->conn, a->name, note_old, &a->replaced, err) < 0)
        return -1;
    return c->ops->zone_put(c->conn, &a->zone, err);
}

static void tell_added(const struct addition *a)
{
    printf("zone %s %s: ", a->name, a->replaced ? "replaced" : "added");
    if (a->challenge_zone[0] && strcmp(a->challenge_zone, a->name) != 0)
        printf("challenges go to zone %s, where CNAME records at _acme-challenge lead", a->challenge_zone);
    else
        printf("challenges are answered by dns.%s", a->zone.dns);
    printf("%s\n", a->zone.enabled ? "" : "; it is disabled");
}

static int add(const struct command_line *line, int argc, char **argv)
{
    struct addition a = {
        .zone = { .size = sizeof a.zone, .parallel = 1, .visible = CS_VISIBLE_REQUIRE, .enabled = true },
        .servers = TEXT_MAX(1000),
        .keys = TEXT_MAX(200),
    };
    int code = read_addition(&a, argc, argv);

    if (code < 0) {
        code = table_work(line, check_dns, CS_STATE_WRITER, put, &a);
        if (code == 0)
            tell_added(&a);
    }
    text_free(&a.servers);
    text_free(&a.keys);
    free(a.only_dns);
    return code;
}

int command_zone(const struct command_line *line)
{
    static const struct table_verb verbs[] = {
        { "add", add }, { "list", list }, { "show", show }, { "remove", remove_zone }, { NULL, NULL },
    };

    return table_run(line, verbs, &usage_zone);
}

/*
 * `countersign subject add|list|show|remove`: who may ask for certificates, and for which names. What people type is brought
 * into the table's form here and checked against zone and configuration; the stored form is printed, as it is what a CSR's
 * subject is compared with.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "command/table.h"
#include "request/key_name.h"
#include "request/subject_name.h"

static const struct usage_option add_options[] = {
    { "zone", "ZONE", 'z', "the zone that it belongs to; default: the longest of the table that its CN lies in" },
    { "names", "\"a.x *.x .x {key}.x\"", 'n',
      "what it may ask for: names, wildcards, .x for any name below x, {key}.x for the one that follows from the CSR's key; "
      "default: exactly its CN" },
    { "profile", "PROFILE", 'p', "the CA's profile for its certificates" },
    { "ca", "INSTANCE", 'c', "the ca instance that signs; again for those that come next" },
    { "access", "open|token|certificate", 'a',
      "what who asks must show, see `countersign client`; default: as it was, open for a new subject" },
    { "no-cache", "aged|never|always", 'f',
      "when Cache-Control: no-cache gets a new certificate: when the old one is aged, never, always; "
      "default: as it was, aged for a new subject" },
    { "disabled", NULL, 'x', "nobody gets a certificate with it" },
    USAGE_END,
};
static const struct usage_option list_options[] = {
    { "zone", "ZONE", 'z', "those of this zone" },
    { "json", NULL, 'j', "as JSON" },
    USAGE_END,
};

static const struct usage_form forms[] = {
    { "add", "SUBJECT [OPTION …]", add_options },
    { "list", "[--zone ZONE] [--json]", list_options },
    { "show", "SUBJECT [--json]", table_show_options },
    { "remove", "SUBJECT", NULL },
    { NULL, NULL, NULL },
};

const struct usage usage_subject = {
    "subject", forms,
    "Who may ask for certificates, for which names. SUBJECT is CN=a.x,O=Lab,C=IT or, as for openssl, /C=IT/O=Lab/CN=a.x.\n"
    "`add` replaces a subject that is there.\n",
    NULL,
};

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const char *const names[] = { "subject", "zone", "names", "cas", "profile", "access", "no_cache", "enabled", NULL };
static const char *const access_words[] = {
    [CS_ACCESS_OPEN] = "open", [CS_ACCESS_TOKEN] = "token", [CS_ACCESS_CERTIFICATE] = "certificate"
};

static const char *const no_cache_words[] = {
    [CS_NO_CACHE_AGED] = "aged", [CS_NO_CACHE_NEVER] = "never", [CS_NO_CACHE_ALWAYS] = "always"
};

/* A store that knows nothing of access hands over shorter rows. */
static enum cs_access access_of(const struct cs_subject *s)
{
    return s->size > offsetof(struct cs_subject, access) ? s->access : CS_ACCESS_OPEN;
}

static enum cs_no_cache no_cache_of(const struct cs_subject *s)
{
    return s->size > offsetof(struct cs_subject, no_cache) ? s->no_cache : CS_NO_CACHE_AGED;
}

/* What list, show and remove were asked. */
struct question {
    char *subject;               /* NULL: all */
    char zone[NAME_MAX_LEN + 1]; /* "": of every zone */
    struct table_rows rows;
};

static int on_subject(void *arg, const struct cs_subject *s)
{
    struct question *q = arg;

    if (q->zone[0] && strcmp(q->zone, s->zone) != 0)
        return 0;
    return columns_add(&q->rows.found,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "subject", s->subject, "zone", s->zone,
                                 "names", s->names, "cas", s->cas, "profile", s->profile, "access",
                                 access_words[access_of(s)], "no_cache", no_cache_words[no_cache_of(s)], "enabled",
                                 s->enabled));
}

static int find(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct question *q = arg;

    if (!q->subject)
        return c->ops->subject_list(c->conn, on_subject, q, err);
    if (c->ops->subject_find(c->conn, q->subject, on_subject, q, err) < 0)
        return -1;
    if (json_array_size(q->rows.found.rows) == 0)
        return cs_fail(err, CS_ENOTFOUND, "there is no subject %s; `countersign subject list` shows all", q->subject);
    return 0;
}

static int remove_it(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->subject_remove(c->conn, ((struct question *)arg)->subject, err);
}

/* Reads "[--json] [--zone ZONE] [SUBJECT]". Returns an exit code, or -1 to go on. */
static int read_question(struct question *q, int argc, char **argv, bool wants_subject)
{
    struct cs_error err = { 0 };
    int option;

    optind = 0;
    while ((option = usage_next(wants_subject ? table_show_options : list_options, argc, argv)) != USAGE_OVER) {
        if (option == 'j')
            q->rows.json = true;
        else if (option != 'z')
            return usage_wrong(&usage_subject, "%s: what it takes:", argv[0]);
        else if (table_name(q->zone, optarg, NAME_ONE_LABEL, "--zone", &err) < 0)
            return usage_wrong(&usage_subject, "%s: %s", argv[0], err.text);
    }
    if (argc - optind != (wants_subject ? 1 : 0))
        return usage_wrong(&usage_subject, "%s: %s", argv[0], wants_subject ? "name one subject" : "no more is needed");
    if (wants_subject && subject_name_parse(argv[optind], &q->subject, &err) < 0)
        return usage_wrong(&usage_subject, "%s: %s", argv[0], err.text);
    return -1;
}

static int list_or_show(const struct command_line *line, int argc, char **argv, bool one)
{
    struct question q = { .rows = { .names = names, .one = one } };
    int code = read_question(&q, argc, argv, one);

    if (code < 0)
        code = table_print(line, find, &q, &q.rows);
    free(q.subject);
    return code;
}

static int list(const struct command_line *line, int argc, char **argv)
{
    return list_or_show(line, argc, argv, false);
}

static int show(const struct command_line *line, int argc, char **argv)
{
    return list_or_show(line, argc, argv, true);
}

static int remove_subject(const struct command_line *line, int argc, char **argv)
{
    struct question q = { 0 };
    int code = read_question(&q, argc, argv, true);

    if (code < 0) {
        code = table_work(line, NULL, CS_STATE_WRITER, remove_it, &q);
        if (code == 0)
            printf("subject %s removed\n", q.subject);
    }
    free(q.subject);
    return code;
}

/* ---- add: what is typed ------------------------------------------------------------------------------------------ */

struct addition {
    struct cs_subject row;
    char *subject;
    char zone[NAME_MAX_LEN + 1]; /* "": that of the CN */
    char cn[NAME_MAX_LEN + 1];   /* "": none that is a name */
    struct text names, cas;
    bool replaced, sets_access, sets_no_cache;
};

/* "a.x", "*.x", ".x" or "{key}.x". */
static int read_entry(struct addition *a, const char *word, struct cs_error *err)
{
    const char *mark = word[0] == '.' ? "." : key_name_is_entry(word) ? KEY_NAME_MARK : "";
    char entry[NAME_MAX_LEN + 1];

    if (table_name(entry, word + strlen(mark), *mark ? NAME_ONE_LABEL : NAME_WILDCARD, word, err) < 0)
        return -1;
    text_addf(&a->names, "%s%s%s", a->names.len ? " " : "", mark, entry);
    return 0;
}

static int read_names(struct addition *a, const char *typed, struct cs_error *err)
{
    char *words = text_copy(typed), *rest = words, *word;
    int rc = words ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");

    while (rc == 0 && (word = strsep(&rest, " ,")))
        if (*word)
            rc = read_entry(a, word, err);
    if (rc == 0 && text_failed(&a->names))
        rc = cs_fail(err, CS_EINPUT, "--names is too long");
    free(words);
    return rc < 0 ? cs_fail_in(err, "--names") : 0;
}

static int read_access(struct addition *a, const char *typed, struct cs_error *err)
{
    a->sets_access = true;
    for (size_t i = 0; i < sizeof access_words / sizeof *access_words; i++)
        if (strcmp(access_words[i], typed) == 0) {
            a->row.access = (enum cs_access)i;
            return 0;
        }
    return cs_fail(err, CS_EINPUT, "--access is open, token or certificate, not `%s`", typed);
}

static int read_no_cache(struct addition *a, const char *typed, struct cs_error *err)
{
    a->sets_no_cache = true;
    for (size_t i = 0; i < sizeof no_cache_words / sizeof *no_cache_words; i++)
        if (strcmp(no_cache_words[i], typed) == 0) {
            a->row.no_cache = (enum cs_no_cache)i;
            return 0;
        }
    return cs_fail(err, CS_EINPUT, "--no-cache is aged, never or always, not `%s`", typed);
}

static int read_option(struct addition *a, int option, const char *value, struct cs_error *err)
{
    switch (option) {
    case 'z':
        return table_name(a->zone, value, NAME_ONE_LABEL, "--zone", err);
    case 'n':
        return read_names(a, value, err);
    case 'p':
        a->row.profile = value;
        return 0;
    case 'c':
        text_addf(&a->cas, "%s%s", a->cas.len ? " " : "", value);
        return strchr(value, ' ') ? cs_fail(err, CS_EINPUT, "--ca takes one instance; say it again for the next") : 0;
    case 'a':
        return read_access(a, value, err);
    case 'f':
        return read_no_cache(a, value, err);
    case 'x':
        a->row.enabled = false;
        return 0;
    default:
        return cs_fail(err, CS_EINPUT, "what it takes:");
    }
}

static int read_subject(struct addition *a, const char *typed, struct cs_error *err)
{
    char *cn;

    if (subject_name_parse(typed, &a->subject, err) < 0)
        return -1;
    if (!a->subject[0])
        return cs_fail(err, CS_EINPUT, "the subject must not be empty");
    cn = subject_name_cn(a->subject);
    if (cn && name_check(a->cn, cn, strlen(cn), NAME_WILDCARD, NULL) < 0)
        a->cn[0] = '\0';
    free(cn);
    return 0;
}

/* Returns an exit code, or -1 to go on. */
static int read_addition(struct addition *a, int argc, char **argv)
{
    struct cs_error err = { 0 };
    int option;

    optind = 0;
    while ((option = usage_next(add_options, argc, argv)) != USAGE_OVER)
        if (read_option(a, option, optarg, &err) < 0)
            return usage_wrong(&usage_subject, "%s: %s", argv[0], err.text);
    if (argc - optind != 1)
        return usage_wrong(&usage_subject, "%s: name one subject, in quotes when it has spaces", argv[0]);
    if (read_subject(a, argv[optind], &err) < 0)
        return usage_wrong(&usage_subject, "%s: %s", argv[0], err.text);
    a->row.subject = a->subject;
    a->row.names = text_of(&a->names);
    a->row.cas = text_of(&a->cas);
    a->row.zone = a->zone;
    return -1;
}

/* ---- add: what must fit together --------------------------------------------------------------------------------- */

static int check_cas(const struct settings *settings, void *arg, struct cs_error *err)
{
    char *words = text_copy(((const struct addition *)arg)->row.cas), *rest = words, *word;
    int rc = words ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");

    while (rc == 0 && (word = strsep(&rest, " ")))
        if (*word)
            rc = table_check_instance(settings, ROLE_CA, word, err);
    free(words);
    return rc;
}

/* The longest zone of the table that the CN lies in. */
static int choose_zone(void *arg, const struct cs_zone *row)
{
    struct addition *a = arg;

    if (name_in_zone(a->cn, row->zone) && strlen(row->zone) > strlen(a->zone))
        snprintf(a->zone, sizeof a->zone, "%s", row->zone);
    return 0;
}

static int note_zone(void *arg, const struct cs_zone *row)
{
    (void)row;
    *(bool *)arg = true;
    return 0;
}

static int find_zone(const struct store_conn *c, struct addition *a, struct cs_error *err)
{
    bool there = false;

    if (!a->zone[0] && !a->cn[0])
        return cs_fail(err, CS_EINPUT, "the CN of this subject is no DNS name: say --zone and --names");
    if (!a->zone[0] && c->ops->zone_list(c->conn, choose_zone, a, err) < 0)
        return -1;
    if (!a->zone[0])
        return cs_fail(err, CS_EINPUT, "%s lies in no zone of the table: add one with `countersign zone add`", a->cn);
    if (c->ops->zone_find(c->conn, a->zone, note_zone, &there, err) < 0)
        return -1;
    return there
               ? 0
               : cs_fail(err, CS_EINPUT, "there is no zone %s: add it first with `countersign zone add %s`", a->zone, a->zone);
}

static int check_entry(const struct addition *a, const char *entry, struct cs_error *err)
{
    if (name_in_zone(entry[0] == '.' ? entry + 1 : entry, a->zone))
        return 0;
    return cs_fail(err, CS_EINPUT, "%s does not lie in the zone %s", entry, a->zone);
}

static int check_names(const struct addition *a, struct cs_error *err)
{
    char *words, *rest, *word;
    int rc = 0;

    if (!a->names.len && !a->cn[0])
        return cs_fail(err, CS_EINPUT, "without --names the CN must be a DNS name, as exactly that may be asked for");
    if (!a->names.len)
        return check_entry(a, a->cn, err);
    rest = words = text_copy(a->row.names);
    while (rc == 0 && (word = strsep(&rest, " ")))
        rc = check_entry(a, word, err);
    free(words);
    return rc;
}

/* Who replaces a row to change its names does not mean to open it to everybody. */
static int note_old(void *arg, const struct cs_subject *old)
{
    struct addition *a = arg;

    a->replaced = true;
    if (!a->sets_access)
        a->row.access = access_of(old);
    if (!a->sets_no_cache)
        a->row.no_cache = no_cache_of(old);
    return 0;
}

static int put(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct addition *a = arg;

    if (find_zone(c, a, err) < 0 || check_names(a, err) < 0 ||
        c->ops->subject_find(c->conn, a->subject, note_old, a, err) < 0)
        return -1;
    if (a->row.access != CS_ACCESS_OPEN && !c->ops->client_put)
        return cs_fail(err, CS_ECONFIG, "this store has no table of clients: its subjects are open");
    return c->ops->subject_put(c->conn, &a->row, err);
}

static int add(const struct command_line *line, int argc, char **argv)
{
    struct addition a = {
        .row = { .size = sizeof a.row, .profile = "", .enabled = true },
        .names = TEXT_MAX(16384),
        .cas = TEXT_MAX(1000),
    };
    int code = read_addition(&a, argc, argv);

    if (code < 0) {
        code = table_work(line, check_cas, CS_STATE_WRITER, put, &a);
        if (code == 0)
            printf("subject %s %s in zone %s: may ask for %s%s%s%s\n", a.subject, a.replaced ? "replaced" : "added", a.zone,
                   a.names.len ? a.row.names : a.cn, a.row.access ? "; it needs a " : "",
                   a.row.access ? access_words[a.row.access] : "", a.row.enabled ? "" : "; it is disabled");
    }
    free(a.subject);
    text_free(&a.names);
    text_free(&a.cas);
    return code;
}

int command_subject(const struct command_line *line)
{
    static const struct table_verb verbs[] = {
        { "add", add }, { "list", list }, { "show", show }, { "remove", remove_subject }, { NULL, NULL },
    };

    return table_run(line, verbs, &usage_subject);
}

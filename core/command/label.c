/*
 * `countersign label add|list|remove`: the labels that clients of a zone may give. Values that could be somebody's are refused
 * here, since they would never be recorded; the rest the table's own rules say.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "base/utf8.h"
#include "command/table.h"
#include "records/label.h"

#define SHOWN_BYTES 60 /* of a label's values, in a table for people */

static const struct usage_option add_options[] = {
    { "pattern", "GLOB", 'p', "values that fit it are kept, too: * stands for any characters, up to 4 times" },
    { "disabled", NULL, 'x', "the label is not recorded" },
    USAGE_END,
};

static const struct usage_form forms[] = {
    { "add", "ZONE NAME VALUE… [--pattern GLOB] [--disabled]", add_options },
    { "add", "ZONE NAME --pattern GLOB [--disabled]", add_options },
    { "list", "[ZONE] [--json]", table_show_options },
    { "remove", "ZONE NAME", NULL },
    { NULL, NULL, NULL },
};

const struct usage usage_label = {
    "label", forms, "The labels that clients of a zone may give. `add` replaces a label that is there.\n", NULL,
};

static int no_labels(struct cs_error *err)
{
    return cs_fail(err, CS_ECONFIG, "this store has no table of labels");
}

/* ---- list and remove --------------------------------------------------------------------------------------------- */

static const char *const names[] = { "zone", "name", "allowed", "pattern", "enabled", NULL };

struct question {
    char zone[NAME_MAX_LEN + 1]; /* "": all */
    const char *name;
    struct table_rows rows;
};

/* For people: a few of the values, and how many more there are. --json has them all, one on a line. */
static char *shorten(const char *allowed)
{
    struct text text = TEXT_MAX(2 * SHOWN_BYTES + 64);
    size_t more = 0;

    while (*allowed) {
        size_t len = strcspn(allowed, "\n");

        if (more || (text.len && text.len + len > SHOWN_BYTES))
            more++;
        else
            text_addf(&text, "%s%.*s", text.len ? ", " : "", (int)len, allowed);
        allowed += len + (allowed[len] == '\n');
    }
    if (more)
        text_addf(&text, " and %zu more", more);
    return text_take(&text);
}

static int on_label(void *arg, const struct cs_label_rule *rule)
{
    struct question *q = arg;
    char *allowed;
    int rc;

    if (q->zone[0] && strcmp(q->zone, rule->zone) != 0)
        return 0;
    allowed = q->rows.json ? text_copy(rule->allowed) : shorten(rule->allowed);
    rc = columns_add(&q->rows.found, allowed ? json_pack("{s:s, s:s, s:s, s:s, s:b}", "zone", rule->zone, "name", rule->name,
                                                         "allowed", allowed, "pattern", rule->pattern, "enabled",
                                                         rule->enabled)
                                             : NULL);
    free(allowed);
    return rc;
}

static int find(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->label_list ? c->ops->label_list(c->conn, on_label, arg, err) : no_labels(err);
}

/* Reads "[--json] WORD…" of at least `least` and at most `most` words, the first a zone. An exit code, or -1 to go on. */
static int read_question(struct question *q, int argc, char **argv, int least, int most)
{
    struct cs_error err = { 0 };
    int code = table_read_json(&usage_label, argc, argv, &q->rows.json), n;

    if (code >= 0)
        return code;
    n = argc - optind;
    if (n < least || n > most)
        return usage_wrong(&usage_label, "%s: %s", argv[0], least ? "name a zone and a label" : "name one zone, or none");
    if (n > 0 && table_name(q->zone, argv[optind], NAME_ONE_LABEL | NAME_UNDERSCORE, "ZONE", &err) < 0)
        return usage_wrong(&usage_label, "%s: %s", argv[0], err.text);
    q->name = n > 1 ? argv[optind + 1] : "";
    return -1;
}

static int list(const struct command_line *line, int argc, char **argv)
{
    struct question q = { .rows.names = names };
    int code = read_question(&q, argc, argv, 0, 1);

    return code < 0 ? table_print(line, find, &q, &q.rows) : code;
}

static int remove_it(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct question *q = arg;

    return c->ops->label_remove ? c->ops->label_remove(c->conn, q->zone, q->name, err) : no_labels(err);
}

static int remove_label(const struct command_line *line, int argc, char **argv)
{
    struct question q = { 0 };
    int code = read_question(&q, argc, argv, 2, 2);

    if (code >= 0)
        return code;
    code = table_work(line, NULL, CS_STATE_WRITER, remove_it, &q);
    if (code == 0)
        printf("label %s of zone %s removed\n", q.name, q.zone);
    return code;
}

/* ---- add --------------------------------------------------------------------------------------------------------- */

struct addition {
    struct cs_label_rule rule;
    char zone[NAME_MAX_LEN + 1];
    struct text allowed;
    size_t n_values;
    bool replaced;
};

static bool is_text(const char *value)
{
    uint32_t code;
    size_t n;

    for (; *value; value += n) {
        n = utf8_read(value, strlen(value), &code);
        if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

/* The value itself is not repeated: it may be what it looks like. */
static int read_value(struct addition *a, const char *value, struct cs_error *err)
{
    a->n_values++;
    if (!*value || strlen(value) > 64 || !is_text(value))
        return cs_fail(err, CS_EINPUT, "value %zu: a value has 1 to 64 bytes of UTF-8 without control characters", a->n_values);
    if (label_looks_personal(value))
        return cs_fail(err, CS_EINPUT,
                       "value %zu looks like somebody's: a mail or IP address, a UUID, a telephone number, or six digits in a "
                       "row. Such values never reach a disk, whoever sends them; this one would always count as \"%s\"",
                       a->n_values, LABEL_OTHER);
    if (strcmp(value, LABEL_OTHER) == 0)
        return cs_fail(err, CS_EINPUT, "value %zu: \"%s\" is what all values become that are not allowed", a->n_values,
                       LABEL_OTHER);
    text_addf(&a->allowed, "%s%s", a->allowed.len ? "\n" : "", value);
    return text_failed(&a->allowed) ? cs_fail(err, CS_EINPUT, "these are too many values: use --pattern for more") : 0;
}

static int read_options(struct addition *a, int argc, char **argv, struct cs_error *err)
{
    int option;

    optind = 0;
    while ((option = usage_next(add_options, argc, argv)) != USAGE_OVER) {
        if (option == 'p')
            a->rule.pattern = optarg;
        else if (option == 'x')
            a->rule.enabled = false;
        else
            return cs_fail(err, CS_EINPUT, "what it takes:");
    }
    return 0;
}

static int read_addition(struct addition *a, int argc, char **argv, struct cs_error *err)
{
    if (read_options(a, argc, argv, err) < 0)
        return -1;
    if (argc - optind < 2)
        return cs_fail(err, CS_EINPUT, "name a zone and a label");
    if (table_name(a->zone, argv[optind], NAME_ONE_LABEL | NAME_UNDERSCORE, "ZONE", err) < 0)
        return -1;
    a->rule.zone = a->zone;
    a->rule.name = argv[optind + 1];
    for (int i = optind + 2; i < argc; i++)
        if (read_value(a, argv[i], err) < 0)
            return -1;
    if (!a->n_values && !*a->rule.pattern)
        return cs_fail(err, CS_EINPUT, "name the allowed values, or a --pattern");
    a->rule.allowed = text_of(&a->allowed);
    return 0;
}

static int note_old(void *arg, const struct cs_label_rule *old)
{
    struct addition *a = arg;

    a->replaced |= strcmp(old->zone, a->zone) == 0 && strcmp(old->name, a->rule.name) == 0;
    return 0;
}

static int put(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct addition *a = arg;

    if (!c->ops->label_list || !c->ops->label_put)
        return no_labels(err);
    if (c->ops->label_list(c->conn, note_old, a, err) < 0)
        return -1;
    return c->ops->label_put(c->conn, &a->rule, err);
}

static void tell_added(const struct addition *a)
{
    const char *pattern = a->rule.pattern;

    printf("label %s of zone %s %s: ", a->rule.name, a->zone, a->replaced ? "replaced" : "added");
    if (a->n_values)
        printf("%zu value%s", a->n_values, a->n_values == 1 ? "" : "s");
    if (*pattern)
        printf("%swhat fits %s", a->n_values ? ", and " : "", pattern);
    printf("%s\n", a->rule.enabled ? "" : "; it is disabled");
    if (*pattern && strspn(pattern, "*") == strlen(pattern))
        fprintf(stderr, "countersign label: the pattern %s fits everything: whatever clients send is kept, up to 1,000 new "
                        "values a day in the zone, unless it looks like somebody's\n", pattern);
}

static int add(const struct command_line *line, int argc, char **argv)
{
    struct addition a = { .rule = { .size = sizeof a.rule, .pattern = "", .enabled = true }, .allowed = TEXT_MAX(80000) };
    struct cs_error err = { 0 };
    int code;

    if (read_addition(&a, argc, argv, &err) < 0) {
        code = usage_wrong(&usage_label, "%s: %s", argv[0], err.text);
    } else {
        code = table_work(line, NULL, CS_STATE_WRITER, put, &a);
        if (code == 0)
            tell_added(&a);
    }
    text_free(&a.allowed);
    return code;
}

int command_label(const struct command_line *line)
{
    static const struct table_verb verbs[] = { { "add", add }, { "list", list }, { "remove", remove_label }, { NULL, NULL } };

    return table_run(line, verbs, &usage_label);
}

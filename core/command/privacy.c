/*
 * `countersign privacy report|erase|export|confirm|forget-keys`: what is stored about people, and the rights that they have.
 * What concerns visits is asked of the server that runs, which has the day's key and the visits that are still open; without
 * one, what needs no key is done here. See docs/privacy.md.
 */
#include "command/privacy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/control_client.h"
#include "command/privacy_report.h"
#include "command/privacy_store.h"
#include "command/table.h"
#include "records/day_key.h"

static int fail(const struct command_line *line, const struct cs_error *err)
{
    fprintf(stderr, "countersign %s: %s\n", line->argv[0], err->text);
    return 1;
}

static void print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
}

static int64_t number_of(const json_t *answer, const char *name)
{
    return json_integer_value(json_object_get(answer, name));
}

static bool is_true(const json_t *answer, const char *name)
{
    return json_is_true(json_object_get(answer, name));
}

/* ---- What is asked --------------------------------------------------------------------------------------------------- */

static json_t *question_of(const struct privacy_options *o)
{
    json_t *question = json_object();

    if (o->address[0])
        json_object_set_new(question, "address", json_string(o->address));
    if (o->has_zone)
        json_object_set_new(question, "zone", json_string(o->zone));
    if (o->label_name[0])
        json_object_set_new(question, "label", json_string(o->label_name));
    if (o->has_value)
        json_object_set_new(question, "value", json_string(o->label_value));
    if (o->before)
        json_object_set_new(question, "before", json_string(o->before));
    return question;
}

/* CS_ENOTFOUND: there is no server to ask. */
static int ask(struct setup *setup, const char *path, const struct privacy_options *o, json_t **answer, struct cs_error *err)
{
    json_t *question;
    int rc;

    setup_process();
    if (setup_drop_privileges(setup, err) < 0)
        return -1;
    question = question_of(o);
    rc = control_ask(setup->settings.runtime, path, question, answer, err);
    json_decref(question);
    return rc;
}

/* ---- erase ----------------------------------------------------------------------------------------------------------- */

static void describe(const struct privacy_options *o, FILE *to)
{
    if (o->spki_typed) {
        fprintf(to, "the jobs and certificates with this public key that are over");
        return;
    }
    if (o->label_name[0])
        fprintf(to, "the label %s%s%s of ", o->label_name, o->has_value ? "=" : "", o->label_value);
    fprintf(to, "all requests");
    if (o->address[0])
        fprintf(to, " of this source");
    if (o->has_zone && o->zone[0])
        fprintf(to, " in %s", o->zone);
    else if (o->has_zone)
        fprintf(to, " of unknown subjects");
    if (o->before)
        fprintf(to, " of the days before %s", o->before);
}

/* On a terminal somebody may have mistyped; a script says what it means. */
static bool is_meant(const struct privacy_options *o)
{
    char line[16] = "";

    if (o->yes || !isatty(STDIN_FILENO))
        return true;
    fprintf(stderr, "Erase ");
    describe(o, stderr);
    fprintf(stderr, ", for good? Type yes: ");
    return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

static void tell_unattributable(void)
{
    printf("Nothing that is stored can be attributed to this address: the keys of those days are destroyed, and nobody can\n"
           "recompute their pseudonyms (GDPR Article 11). There was nothing to erase.\n");
}

/* What the analysts' file holds is erased with its next publication. */
static int tell_unpublished(const struct privacy_options *o, const json_t *answer)
{
    if (o->spki_typed || is_true(answer, "published") || (o->address[0] && !is_true(answer, "attributable")))
        return 0;
    fputs("countersign privacy: analytics.db could not be written anew, so it still has what was erased: the log says why.\n"
          "A server that runs tries again every minute, one that starts does at once; `countersign privacy report` says when\n"
          "it was published\n",
          stderr);
    return PRIVACY_EXIT_LATER;
}

/* The exit code. The server tries again by itself, but of the visits only. */
static int tell_pending(const struct privacy_options *o, const json_t *answer)
{
    const int unpublished = tell_unpublished(o, answer);

    if (!is_true(answer, "pending"))
        return unpublished;
    fprintf(stderr, "countersign privacy: somebody still reads the old data, so bytes of it are still in the files; %s\n",
            o->spki_typed ? "run the same command again when he has finished"
                          : "they are overwritten as soon as he has finished");
    return PRIVACY_EXIT_LATER;
}

static int tell_erased(const struct privacy_options *o, const json_t *answer)
{
    if (o->json) {
        print_json(answer);
    } else if (o->spki_typed) {
        printf("erased: %" PRId64 " jobs and certificates\n", number_of(answer, "rows"));
    } else if (o->address[0] && !is_true(answer, "attributable")) {
        tell_unattributable();
    } else {
        printf("erased: %" PRId64 " requests%s\n", number_of(answer, "requests"),
               o->label_name[0] ? " have lost that label" : "");
        if (o->address[0])
            printf("Requests of the days before cannot be attributed to this address any more (GDPR Article 11).\n");
    }
    return tell_pending(o, answer);
}

static int erase_it(struct setup *setup, const struct privacy_options *o, json_t **answer, struct cs_error *err)
{
    if (o->spki_typed)
        return privacy_erase_spki(setup, o->spki, answer, err);
    if (ask(setup, "/v1/privacy/erase", o, answer, err) == 0)
        return 0;
    return err->code == CS_ENOTFOUND ? privacy_erase_here(setup, o, answer, err) : -1;
}

static int erase(const struct command_line *line, int argc, char **argv)
{
    struct cs_error err = { 0 };
    struct privacy_options o;
    struct setup setup;
    json_t *answer = NULL;
    int code = privacy_options_read(&o, PRIVACY_ERASE, argc, argv);

    if (code >= 0)
        return code;
    if (!is_meant(&o)) {
        fprintf(stderr, "countersign privacy: nothing was erased\n");
        return 1;
    }
    if (setup_read(&setup, line->config_path) < 0)
        return 1;
    code = erase_it(&setup, &o, &answer, &err) == 0 ? tell_erased(&o, answer) : fail(line, &err);
    json_decref(answer);
    setup_free(&setup);
    return code;
}

/* ---- export ---------------------------------------------------------------------------------------------------------- */

static void print_counts(const json_t *answer)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "counts"), i, row) {
        const char *zone = json_string_value(json_object_get(row, "zone"));

        printf("%s  %-30s  %-10s  %" PRId64 "\n", json_string_value(json_object_get(row, "day")),
               zone && *zone ? zone : "(unknown subject)", json_string_value(json_object_get(row, "outcome")),
               number_of(row, "requests"));
    }
}

static void tell_export(const json_t *answer)
{
    if (!is_true(answer, "attributable")) {
        tell_unattributable();
        return;
    }
    if (json_array_size(json_object_get(answer, "counts")) == 0)
        printf("No request of this address is recorded.\n");
    print_counts(answer);
    printf("These are requests of one source: an IPv4 address, or the /64 of an IPv6 address. Many people may share one.\n"
           "Requests of the days before cannot be attributed to an address any more (GDPR Article 11).\n");
}

static int export(const struct command_line *line, int argc, char **argv)
{
    struct cs_error err = { 0 };
    struct privacy_options o;
    struct setup setup;
    json_t *answer = NULL;
    int code = privacy_options_read(&o, PRIVACY_EXPORT, argc, argv);

    if (code >= 0)
        return code;
    if (setup_read(&setup, line->config_path) < 0)
        return 1;
    code = 0;
    if (ask(&setup, "/v1/privacy/export", &o, &answer, &err) < 0 &&
        (err.code != CS_ENOTFOUND || privacy_export_here(&setup, &answer, &err) < 0))
        code = fail(line, &err);
    else if (o.json)
        print_json(answer);
    else
        tell_export(answer);
    json_decref(answer);
    setup_free(&setup);
    return code;
}

/* ---- report ---------------------------------------------------------------------------------------------------------- */

/* What lies aside is told above all when the visits cannot be read: that may be why. */
static int make_report(struct setup *setup, json_t **report, struct cs_error *err)
{
    json_t *status = NULL, *days = NULL, *aside = NULL;
    struct cs_error unlisted = { 0 };
    int rc;

    setup_process();
    if (setup_drop_privileges(setup, err) < 0)
        return -1;
    if (control_ask(setup->settings.runtime, "/v1/privacy/status", NULL, &status, err) < 0 && err->code != CS_ENOTFOUND)
        return -1;
    rc = privacy_days(setup, &days, err);
    if (setup->store && privacy_aside(setup, &aside, &unlisted) < 0 && rc == 0) {
        *err = unlisted;
        rc = -1;
    }
    if (setup->store)
        *report = privacy_report_make(&setup->settings, status, days, aside);
    if (rc == 0 && !*report)
        rc = cs_fail(err, CS_EINTERNAL, "no memory");
    json_decref(status);
    json_decref(days);
    json_decref(aside);
    return rc;
}

static void show_report(const json_t *report, bool as_json)
{
    if (report && as_json)
        print_json(report);
    else if (report)
        privacy_report_print(report, stdout);
}

static int report(const struct command_line *line, int argc, char **argv)
{
    struct cs_error err = { 0 };
    struct privacy_options o;
    struct setup setup;
    json_t *made = NULL;
    int code = privacy_options_read(&o, PRIVACY_REPORT, argc, argv);

    if (code >= 0)
        return code;
    if (setup_read(&setup, line->config_path) < 0)
        return 1;
    code = make_report(&setup, &made, &err) < 0 ? fail(line, &err) : 0;
    show_report(made, o.json);
    json_decref(made);
    setup_free(&setup);
    return code;
}

/* ---- confirm, forget-keys -------------------------------------------------------------------------------------------- */

static int ask_to_confirm(struct setup *setup, struct cs_error *err)
{
    const struct privacy_options nothing = { 0 };
    json_t *answer = NULL;
    int rc = ask(setup, "/v1/privacy/confirm", &nothing, &answer, err);

    json_decref(answer);
    return rc;
}

static int forget(struct setup *setup, struct cs_error *err)
{
    int n = 0;

    setup_process();
    if (setup_drop_privileges(setup, err) < 0 ||
        day_key_forget_stale(setup->settings.runtime, cs_wall_ms(), setup->settings.visits.grace_ms, INT64_MIN, &n, err) < 0)
        return -1;
    printf("key files destroyed: %d\n", n);
    return 0;
}

/* A verb that takes nothing. */
static int run_bare(const struct command_line *line, enum privacy_verb verb, int argc, char **argv,
                    int (*work)(struct setup *setup, struct cs_error *err))
{
    struct cs_error err = { 0 };
    struct privacy_options o;
    struct setup setup;
    int code = privacy_options_read(&o, verb, argc, argv);

    if (code >= 0)
        return code;
    if (setup_read(&setup, line->config_path) < 0)
        return 1;
    code = work(&setup, &err) < 0 ? fail(line, &err) : 0;
    setup_free(&setup);
    return code;
}

static int confirm(const struct command_line *line, int argc, char **argv)
{
    return run_bare(line, PRIVACY_CONFIRM, argc, argv, ask_to_confirm);
}

static int forget_keys(const struct command_line *line, int argc, char **argv)
{
    return run_bare(line, PRIVACY_FORGET_KEYS, argc, argv, forget);
}

int command_privacy(const struct command_line *line)
{
    static const struct table_verb verbs[] = {
        { "report", report }, { "erase", erase }, { "export", export }, { "confirm", confirm }, { "forget-keys", forget_keys },
        { NULL, NULL },
    };

    return table_run(line, verbs, &usage_privacy);
}

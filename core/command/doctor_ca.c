/*
 * The doctor's questions to CAs: their plugins look (ca.h, examine), all at once; here is said what they saw. Called by
 * doctor.c.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "command/doctor.h"

enum { ANSWER_MS = 10000, CLOCK_SLACK_MS = 60000, LATE_MS = 3000 };

static const struct {
    const char *word;
    enum doctor_verdict verdict;
} verdicts[] = { { "ok", DOCTOR_OK }, { "warn", DOCTOR_WARN }, { "fail", DOCTOR_FAIL } };

/* ---- Asking --------------------------------------------------------------------------------------------------------- */

static void on_examined(void *arg, const struct op_result *result)
{
    struct doctor_ca *ca = arg;

    if (result->late)
        return;
    ca->answered = true;
    if (result->err)
        ca->err = *result->err;
    else
        ca->said = json_loadb(result->data ? result->data : "", result->len, 0, NULL);
    if (!result->err && !json_is_object(ca->said))
        cs_fail(&ca->err, CS_EINTERNAL, "the plugin's answer is not a JSON object");
}

static void ask(struct doctor *d, struct doctor_ca *ca)
{
    struct instance *instance = ca->instance;
    const int64_t ms = doctor_left_ms(d) / 2 < ANSWER_MS ? doctor_left_ms(d) / 2 : ANSWER_MS;

    instance->in.keep = d->keep;
    instance->in.only_looks = true;
    ca->answered = true;
    if (!instance->options || !instance->plugin.ca.examine || instance_open(instance, &ca->err) < 0)
        return;
    ca->answered = instance_examine(instance, cs_now_ms() + ms, on_examined, ca, &ca->err) < 0;
}

void doctor_cas_ask(struct doctor *d)
{
    size_t n = 0;

    while (d->setup.instances && instances_at(d->setup.instances, ROLE_CA, n))
        n++;
    d->cas = calloc(n + 1, sizeof *d->cas);
    if (!d->cas || d->not_user.code != CS_OK)
        return;
    for (d->n_cas = 0; d->n_cas < n; d->n_cas++) {
        struct doctor_ca *ca = &d->cas[d->n_cas];

        *ca = (struct doctor_ca){ .instance = instances_at(d->setup.instances, ROLE_CA, d->n_cas) };
        ask(d, ca);
    }
}

/* The instances are closed by now, so nobody answers any more. */
void doctor_cas_free(struct doctor *d)
{
    for (size_t i = 0; i < d->n_cas; i++)
        json_decref(d->cas[i].said);
    free(d->cas);
}

/* ---- Telling -------------------------------------------------------------------------------------------------------- */

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static void tell_finding(struct doctor *d, const char *about, const json_t *finding)
{
    const char *name = member(finding, "check"), *word = member(finding, "verdict"), *todo = member(finding, "do");
    const char *const usual = d->check;

    d->check = *name ? name : usual;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(verdicts[i].word, word) == 0)
            doctor_say(d, verdicts[i].verdict, about, "%s\n%s", member(finding, "saw"), todo);
    d->check = usual;
}

static void tell_clock(struct doctor *d, const char *about, const json_t *ahead)
{
    const int64_t ms = json_integer_value(ahead);
    const char *const usual = d->check;

    if (!json_is_integer(ahead))
        return;
    d->check = "clock";
    if (ms > CLOCK_SLACK_MS || ms < -CLOCK_SLACK_MS)
        doctor_fail(d, about, "our clock is %" PRId64 " s %s the CA's\nset this host's clock, by NTP for example",
                    (ms < 0 ? -ms : ms) / 1000, ms > 0 ? "ahead of" : "behind");
    else
        doctor_ok(d, about, "our clock and the CA's agree to a minute");
    d->check = usual;
}

static void tell(struct doctor *d, const struct doctor_ca *ca)
{
    const struct instance *instance = ca->instance;
    char about[100];
    const json_t *findings = json_object_get(ca->said, "findings");

    snprintf(about, sizeof about, "%.90s", instance->in.who);
    if (!instance->options)
        return; /* the configuration's check has said why */
    if (ca->err.code != CS_OK && !instance->opened)
        doctor_fail(d, about, "%s\nmend its block of the configuration, or the file that is named", ca->err.text);
    else if (ca->err.code != CS_OK)
        doctor_fail(d, about, "%s\nsee that this host reaches it, then ask again", ca->err.text);
    else if (!instance->plugin.ca.examine)
        doctor_ok(d, about, "%s has nothing to be asked", instance->plugin.about.name);
    for (size_t i = 0; i < json_array_size(findings); i++)
        tell_finding(d, about, json_array_get(findings, i));
    tell_clock(d, about, json_object_get(ca->said, "ahead_ms"));
}

void doctor_cas(struct doctor *d)
{
    for (size_t i = 0; i < d->n_cas; i++) {
        const int64_t until_ms = d->deadline_ms + LATE_MS;

        while (!d->cas[i].answered && cs_now_ms() < until_ms)
            loop_run_once(d->setup.loop, 100);
        tell(d, &d->cas[i]);
    }
}

/* ---- For CAA -------------------------------------------------------------------------------------------------------- */

static bool names_ca(const char *cas, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = cas; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == len && strncmp(at, name, len) == 0)
            return true;
    return false;
}

struct doctor_ca *doctor_ca_of(struct doctor *d, const struct doctor_subject *subject, size_t i)
{
    for (size_t at = 0; at < d->n_cas; at++)
        if ((!subject || !subject->cas[0] || names_ca(subject->cas, d->cas[at].instance->in.name)) && i-- == 0)
            return &d->cas[at];
    return NULL;
}

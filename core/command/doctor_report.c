/*
 * The lines of `countersign doctor`; see doctor_report.h.
 */
#include "command/doctor_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { LINE_MOST = 8192 };

static const char *const groups[][2] = {
    [DOCTOR_CONFIGURATION] = { "configuration", "Configuration" },
    [DOCTOR_HOST] = { "host", "Host" },
    [DOCTOR_STORE] = { "store", "Store" },
    [DOCTOR_CA] = { "ca", "CA" },
    [DOCTOR_DNS] = { "dns", "DNS" },
};
static const char *const words[][2] = { [DOCTOR_OK] = { "ok", "ok  " }, [DOCTOR_WARN] = { "warn", "warn" },
                                        [DOCTOR_FAIL] = { "fail", "FAIL" } };

static void add_clean(struct text *to, const char *text, size_t len)
{
    for (size_t i = 0; i < len && text[i]; i++)
        text_add_char(to, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
}

static void print_json(const struct doctor_report *report, enum doctor_group group, const char *check,
                       enum doctor_verdict verdict, const char *about, const char *saw, const char *todo)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "group", groups[group][0], "check", check, "verdict",
                             words[verdict][0], "about", about, "saw", saw, "do", todo);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    fprintf(report->to, "%s\n", text ? text : "{\"group\":\"host\",\"check\":\"memory\",\"verdict\":\"fail\"}");
    free(text);
    json_decref(line);
}

static void print_text(struct doctor_report *report, enum doctor_group group, const char *check, enum doctor_verdict verdict,
                       const char *about, const char *saw, const char *todo)
{
    if (!report->begun || report->group != group)
        fprintf(report->to, "%s%s\n", report->begun ? "\n" : "", groups[group][1]);
    fprintf(report->to, "  %s  %-13s %s%s%s\n", words[verdict][1], check, about, *about ? ": " : "", saw);
    if (*todo)
        fprintf(report->to, "  %20s-> %s\n", "", todo);
    report->begun = true;
    report->group = group;
}

void doctor_report_add(struct doctor_report *report, enum doctor_group group, const char *check, enum doctor_verdict verdict,
                       const char *about, const char *text)
{
    const char *todo_at = strrchr(text, '\n');
    struct text saw = TEXT_MAX(LINE_MOST), todo = TEXT_MAX(LINE_MOST);

    add_clean(&saw, text, todo_at ? (size_t)(todo_at - text) : strlen(text));
    if (todo_at && verdict != DOCTOR_OK)
        add_clean(&todo, todo_at + 1, strlen(todo_at + 1));
    if (report->json)
        print_json(report, group, check, verdict, about, text_of(&saw), text_of(&todo));
    else
        print_text(report, group, check, verdict, about, text_of(&saw), text_of(&todo));
    fflush(report->to);
    report->n[verdict]++;
    text_free(&saw);
    text_free(&todo);
}

static void print_count(FILE *to, size_t n, const char *what)
{
    fprintf(to, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

void doctor_report_end(struct doctor_report *report, int64_t took_ms)
{
    if (report->json)
        return;
    fprintf(report->to, "\n%zu ok, ", report->n[DOCTOR_OK]);
    print_count(report->to, report->n[DOCTOR_WARN], "warning");
    fprintf(report->to, ", ");
    print_count(report->to, report->n[DOCTOR_FAIL], "failure");
    fprintf(report->to, "; %" PRId64 ".%" PRId64 " s\n", took_ms / 1000, took_ms % 1000 / 100);
}

int doctor_report_code(const struct doctor_report *report)
{
    if (report->n[DOCTOR_FAIL])
        return 1;
    return report->n[DOCTOR_WARN] ? 3 : 0;
}

/*
 * Puts the control socket's questions to the visits; see privacy.h. Called by control.c.
 */
#include "http/privacy.h"

#include "base/day.h"

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

json_t *privacy_flags(int64_t flags)
{
    static const struct {
        int64_t flag;
        const char *name;
    } names[] = {
        { CS_DAY_AT_LEAST, "at_least" }, { CS_DAY_TWO_KEYS, "two_keys" }, { CS_DAY_PROXIES, "proxies_changed" },
        { CS_DAY_CLOCK, "clock_set_back" }, { CS_DAY_ERASED, "erased" }, { CS_DAY_CLOSED, "closed" },
    };
    json_t *array = json_array();

    for (size_t i = 0; array && i < sizeof names / sizeof *names; i++)
        if (flags & names[i].flag)
            json_array_append_new(array, json_string(names[i].name));
    return array;
}

json_t *privacy_day(int64_t day)
{
    char text[DAY_TEXT];

    day_text(text, day);
    return json_string(text);
}

json_t *privacy_moment(int64_t wall_ms)
{
    char day[DAY_TEXT];
    int64_t second;

    if (!wall_ms)
        return json_null();
    day_text(day, day_of_ms(wall_ms));
    second = (wall_ms - day_start_ms(day_of_ms(wall_ms))) / 1000;
    return json_sprintf("%sT%02d:%02d:%02dZ", day, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}

static json_t *days_json(const int64_t *days, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, privacy_day(days[i]));
    return array;
}

/* ---- Questions ------------------------------------------------------------------------------------------------------- */

static void status(void *arg, struct control_call *call)
{
    struct visits_status s;
    json_t *json;

    visits_status(arg, &s);
    json = json_pack("{s:o, s:I, s:o, s:b, s:s, s:o, s:I, s:I, s:I, s:I}", "day", privacy_day(s.day), "keys",
                     (json_int_t)s.keys, "key_made", privacy_moment(s.key_made_ms), "key_in_file", s.key_in_file, "key_why_not",
                     s.key_why_not ? s.key_why_not : "", "flags", privacy_flags(s.flags), "received", (json_int_t)s.received,
                     "open", (json_int_t)s.open, "queued", (json_int_t)s.queued, "lost", (json_int_t)s.lost);
    if (json) {
        json_object_set_new(json, "purged", privacy_moment(s.purged_ms));
        json_object_set_new(json, "published", privacy_moment(s.published_ms));
        json_object_set_new(json, "scrubbed", json_boolean(s.scrubbed));
        json_object_set_new(json, "must_confirm", json_boolean(s.must_confirm));
        json_object_set_new(json, "recorded", privacy_moment(s.recorded_ms));
    }
    control_answer(call, json, NULL);
}

static void on_confirmed(void *arg, const struct cs_error *err)
{
    control_answer(arg, err ? NULL : json_object(), err);
}

static void confirm(void *arg, struct control_call *call)
{
    visits_confirm(arg, on_confirmed, call);
}

static void on_erased(void *arg, const struct visits_erased *erased, const struct cs_error *err)
{
    if (err)
        control_answer(arg, NULL, err);
    else
        control_answer(arg,
                       json_pack("{s:I, s:b, s:b, s:b, s:o}", "requests", (json_int_t)erased->requests, "pending",
                                 !erased->scrubbed, "published", erased->published, "attributable", erased->n_days > 0, "days",
                                 days_json(erased->days, erased->n_days)),
                       NULL);
}

static void erase(void *arg, const struct control_what *what, struct control_call *call)
{
    visits_erase(arg,
                 &(struct visits_what){ .has_source = what->source.family != SOURCE_UNKNOWN,
                                        .source = what->source,
                                        .zone = what->erasure.zone,
                                        .label_name = what->erasure.label_name,
                                        .label_value = what->erasure.label_value,
                                        .before_day = what->erasure.before_day },
                 on_erased, call);
}

static json_t *counts_json(const struct visits_count *counts, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_pack("{s:o, s:s, s:s, s:I}", "day", privacy_day(counts[i].day), "zone",
                                               counts[i].zone, "outcome",
                                               counts[i].outcome[0] ? counts[i].outcome : "under way", "requests",
                                               (json_int_t)counts[i].requests));
    return array;
}

static void on_counts(void *arg, const struct visits_count *counts, size_t n, const int64_t *days, size_t n_days,
                      const struct cs_error *err)
{
    if (err)
        control_answer(arg, NULL, err);
    else
        control_answer(arg,
                       json_pack("{s:b, s:o, s:o}", "attributable", n_days > 0, "days", days_json(days, n_days), "counts",
                                 counts_json(counts, n)),
                       NULL);
}

static void export(void *arg, const struct control_what *what, struct control_call *call)
{
    visits_export(arg, &what->source, on_counts, call);
}

const struct control_ops privacy_ops = { .status = status, .confirm = confirm, .erase = erase, .export = export };

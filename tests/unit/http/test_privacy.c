/* http/privacy.c: what the control socket's questions mean for visits, and the JSON of the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/sockets.h"
#include "http/privacy.h"
#include "rig.h"

#define DAY 20778 /* 2026-11-21 */

/* Visits that answer as a test tells them to; the linker puts their functions in the place of the real ones. */
struct visits {
    struct visits_status status;
    struct visits_what asked;
    char zone[20], label[20], value[20];
    struct visits_erased erased;
    const struct visits_count *counts;
    size_t n_counts, n_days;
    struct cs_error err;
    size_t n_confirmed;
};

void __wrap_visits_status(const struct visits *v, struct visits_status *out);
void __wrap_visits_confirm(struct visits *v, cs_done_fn *done, void *arg);
void __wrap_visits_erase(struct visits *v, const struct visits_what *what, visits_erased_fn *done, void *arg);
void __wrap_visits_export(struct visits *v, const struct source *source, visits_counts_fn *done, void *arg);

static struct visits visits;
static struct rig rig;
static char path[108];

void __wrap_visits_status(const struct visits *v, struct visits_status *out)
{
    *out = v->status;
}

void __wrap_visits_confirm(struct visits *v, cs_done_fn *done, void *arg)
{
    v->n_confirmed++;
    done(arg, v->err.code ? &v->err : NULL);
}

void __wrap_visits_erase(struct visits *v, const struct visits_what *what, visits_erased_fn *done, void *arg)
{
    v->asked = *what;
    snprintf(v->zone, sizeof v->zone, "%s", what->zone ? what->zone : "(null)");
    snprintf(v->label, sizeof v->label, "%s", what->label_name ? what->label_name : "(null)");
    snprintf(v->value, sizeof v->value, "%s", what->label_value ? what->label_value : "(null)");
    done(arg, v->err.code ? NULL : &v->erased, v->err.code ? &v->err : NULL);
}

void __wrap_visits_export(struct visits *v, const struct source *source, visits_counts_fn *done, void *arg)
{
    static const int64_t days[] = { DAY, DAY - 1 };

    v->asked = (struct visits_what){ .source = *source };
    done(arg, v->counts, v->n_counts, days, v->n_days, v->err.code ? &v->err : NULL);
}

static int begin(void **state)
{
    struct cs_error err = { 0 };
    int fd;

    (void)state;
    visits = (struct visits){ .status = { .day = DAY, .key_why_not = "" } };
    rig_begin(&rig);
    rig_serve(&rig, NULL);
    snprintf(path, sizeof path, "%s", rig_path(&rig, "control.sock"));
    fd = socket_listen_private(path, &err);
    assert_true(fd >= 0);
    assert_int_equal(http_server_control(rig.server, fd, &(struct control){ &privacy_ops, &visits }, &err), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static void check(const char *line, const char *body, const char *wanted)
{
    struct client c = client_connect_to(&rig, AF_UNIX, path, 0);
    char head[300];

    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", line, strlen(body));
    client_send(&c, head);
    client_send(&c, body);
    assert_true(client_sees(&c, wanted));
    client_close(&c);
}

static void the_status_is_told_in_full(void **state)
{
    (void)state;
    visits.status = (struct visits_status){ .day = DAY,
                                            .keys = 2,
                                            .key_made_ms = INT64_C(1795273138123),
                                            .key_in_file = true,
                                            .key_why_not = "",
                                            .flags = CS_DAY_TWO_KEYS | CS_DAY_CLOCK,
                                            .received = 7,
                                            .open = 1,
                                            .queued = 2,
                                            .lost = 3,
                                            .purged_ms = INT64_C(1795219200000),
                                            .scrubbed = true,
                                            .recorded_ms = INT64_C(1795219200000) };
    check("GET /v1/privacy/status", "",
          "{\"day\":\"2026-11-21\",\"keys\":2,\"key_made\":\"2026-11-21T14:58:58Z\",\"key_in_file\":true,\"key_why_not\":\"\","
          "\"flags\":[\"two_keys\",\"clock_set_back\"],\"received\":7,\"open\":1,\"queued\":2,\"lost\":3,"
          "\"purged\":\"2026-11-21T00:00:00Z\",\"published\":null,\"scrubbed\":true,\"must_confirm\":false,"
          "\"recorded\":\"2026-11-21T00:00:00Z\"}");
}

static void a_status_without_a_key_says_why(void **state)
{
    (void)state;
    visits.status.key_why_not = "there is swap on /dev/sda2";
    visits.status.must_confirm = true;
    check("GET /v1/privacy/status", "",
          "\"key_made\":null,\"key_in_file\":false,\"key_why_not\":\"there is swap on /dev/sda2\"");
    check("GET /v1/privacy/status", "", "\"must_confirm\":true,\"recorded\":null");
}

static void what_is_to_be_erased_is_handed_on(void **state)
{
    (void)state;
    visits.erased = (struct visits_erased){ .requests = 3, .days = { DAY }, .n_days = 1, .scrubbed = true, .published = true };
    check("POST /v1/privacy/erase", "{\"address\":\"192.0.2.7\",\"zone\":\"a.example\"}",
          "{\"requests\":3,\"pending\":false,\"published\":true,\"attributable\":true,\"days\":[\"2026-11-21\"]}");
    assert_true(visits.asked.has_source);
    assert_int_equal(visits.asked.source.family, SOURCE_IPV4);
    assert_string_equal(visits.zone, "a.example");
    assert_string_equal(visits.label, "(null)");
    visits.erased = (struct visits_erased){ .requests = 0, .scrubbed = false };
    check("POST /v1/privacy/erase", "{\"label\":\"campaign\",\"value\":\"x\",\"before\":\"1970-01-04\"}",
          "{\"requests\":0,\"pending\":true,\"published\":false,\"attributable\":false,\"days\":[]}");
    assert_false(visits.asked.has_source);
    assert_string_equal(visits.zone, "(null)");
    assert_string_equal(visits.label, "campaign");
    assert_string_equal(visits.value, "x");
    assert_int_equal(visits.asked.before_day, 3);
}

static void counts_of_a_source_are_told_by_day_zone_and_outcome(void **state)
{
    static const struct visits_count counts[] = {
        { DAY, "a.example", "issued", 1 }, { DAY, "", "refused", 4 }, { DAY, "a.example", "", 1 }
    };

    (void)state;
    visits.counts = counts;
    visits.n_counts = 3;
    visits.n_days = 2;
    check("POST /v1/privacy/export", "{\"address\":\"2001:db8::7\"}",
          "{\"attributable\":true,\"days\":[\"2026-11-21\",\"2026-11-20\"],\"counts\":["
          "{\"day\":\"2026-11-21\",\"zone\":\"a.example\",\"outcome\":\"issued\",\"requests\":1},"
          "{\"day\":\"2026-11-21\",\"zone\":\"\",\"outcome\":\"refused\",\"requests\":4},"
          "{\"day\":\"2026-11-21\",\"zone\":\"a.example\",\"outcome\":\"under way\",\"requests\":1}]}");
    assert_int_equal(visits.asked.source.family, SOURCE_IPV6);
    visits.n_counts = visits.n_days = 0;
    check("POST /v1/privacy/export", "{\"address\":\"2001:db8::7\"}", "{\"attributable\":false,\"days\":[],\"counts\":[]}");
}

static void a_confirmation_is_handed_on(void **state)
{
    (void)state;
    check("POST /v1/privacy/confirm", "{}", "\r\n\r\n{}");
    assert_int_equal(visits.n_confirmed, 1);
}

static void what_fails_is_told(void **state)
{
    (void)state;
    cs_fail(&visits.err, CS_EBUSY, "the visits are locked by somebody");
    check("POST /v1/privacy/confirm", "{}", "the visits are locked by somebody");
    check("POST /v1/privacy/erase", "{\"zone\":\"\"}", "the visits are locked by somebody");
    check("POST /v1/privacy/export", "{\"address\":\"::1\"}", "the visits are locked by somebody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_status_is_told_in_full, begin, end),
        cmocka_unit_test_setup_teardown(a_status_without_a_key_says_why, begin, end),
        cmocka_unit_test_setup_teardown(what_is_to_be_erased_is_handed_on, begin, end),
        cmocka_unit_test_setup_teardown(counts_of_a_source_are_told_by_day_zone_and_outcome, begin, end),
        cmocka_unit_test_setup_teardown(a_confirmation_is_handed_on, begin, end),
        cmocka_unit_test_setup_teardown(what_fails_is_told, begin, end),
    };

    return cmocka_run_group_tests_name("privacy", tests, NULL, NULL);
}

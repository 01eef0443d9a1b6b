/* core/plugin/instance_calls.c: calls into plugins, and that their inputs are copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "instance_test.h"

#define RECORDER "plugin = \"recorder\"; TRACE "
#define BLOCKING "plugin = \"recorder-blocking\"; TRACE "

static struct instance *volatile left_over; /* what one test leaves behind is still reachable, not leaked */

struct seen {
    int times;
    enum cs_code code[3];
    bool late[3];
    char text[512], pem[64], step[32];
};

static void on_done(void *arg, const struct op_result *result)
{
    struct seen *seen = arg;
    int i = seen->times++;

    assert_true(i < 3);
    seen->code[i] = result->err ? result->err->code : CS_OK;
    seen->late[i] = result->late;
    if (result->err)
        snprintf(seen->text, sizeof seen->text, "%s", result->err->text);
    if (result->chain)
        snprintf(seen->pem, sizeof seen->pem, "%.*s", (int)result->chain->len, result->chain->pem);
}

static void on_step(void *arg, const char *step)
{
    struct seen *seen = arg;

    snprintf(seen->step, sizeof seen->step, "%s", step);
}

static void wait_until(struct seen *seen, int times)
{
    for (int i = 0; i < 1000 && seen->times < times; i++)
        loop_run_once(loop, 10);
    assert_int_equal(seen->times, times);
}

/* The caller's strings are gone when this returns. */
static void set_txt(struct seen *seen, int64_t ms)
{
    char *zone = text_copy("example.org."), *owner = text_copy("_acme-challenge.example.org.");
    char *value = text_copy("value-1"), *other = text_copy("value-2"), *gone = text_copy("old");
    const char **want = calloc(2, sizeof *want);

    want[0] = value;
    want[1] = other;
    instance_set_txt(instances_at(all, ROLE_DNS, 0),
                     &(struct cs_txt_change){ .size = sizeof(struct cs_txt_change), .zone = zone, .owner = owner, .want = want,
                                              .n_want = 2, .gone = (const char *const *)&gone, .n_gone = 1, .ttl = 60 },
                     "job1", cs_now_ms() + ms, on_done, seen);
    free(want);
    free(gone);
    free(other);
    free(value);
    free(owner);
    free(zone);
}

static struct cs_op *sign(struct seen *seen, const char *step, const void *data, size_t len)
{
    char *id = text_copy("job7"), *name = text_copy("a.example.org"), *csr = text_copy("DER");
    char *copy = step ? text_copy(step) : NULL;
    const char *names[] = { "b", name };
    struct cs_order order = { .size = sizeof order, .id = id, .csr = (const uint8_t *)csr, .csr_len = 3, .names = names,
                              .n_names = 2, .profile = "short", .replaces = "", .spki_sha256 = { [31] = 0xab } };
    struct cs_op *op;

    op = instance_sign(instances_at(all, ROLE_CA, 0),
                       &(struct sign_call){ .order = &order, .step = copy, .data = data, .data_len = len, .owner = seen,
                                            .deadline_ms = cs_now_ms() + 60000, .on_step = on_step, .done = on_done,
                                            .arg = seen },
                       &err);
    free(id);
    free(name);
    free(csr);
    free(copy);
    return op;
}

static void a_change_reaches_the_plugin_and_ends_later(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    open_instances("dns = { d = { " RECORDER "}; };");
    set_txt(&seen, 60000);
    assert_int_equal(seen.times, 0);
    assert_int_equal(instances_calls(all), 1);
    assert_has(trace(), "d: set_txt example.org. _acme-challenge.example.org. want=2:value-2 gone=1:old ttl=60\n");
    wait_until(&seen, 1);
    assert_int_equal(seen.code[0], CS_OK);
    assert_false(seen.late[0]);
    assert_int_equal(instances_calls(all), 0);
    forget_instances();
}

static void a_plugin_may_end_a_call_later_or_with_an_error(void **state)
{
    struct seen later = { 0 }, failed = { 0 };

    (void)state;
    open_instances("dns = { d = { " RECORDER "mode = \"later\"; }; };");
    set_txt(&later, 60000);
    wait_until(&later, 1);
    assert_int_equal(later.code[0], CS_OK);
    forget_instances();
    open_instances("dns = { d = { " RECORDER "mode = \"fail\"; }; };");
    set_txt(&failed, 60000);
    wait_until(&failed, 1);
    assert_int_equal(failed.code[0], CS_EREFUSED);
    assert_string_equal(failed.text, "refused as it was asked to");
    forget_instances();
}

static void a_blocking_plugin_works_in_threads_of_its_own_on_copies(void **state)
{
    struct seen first = { 0 }, second = { 0 };
    int64_t began;

    (void)state;
    open_instances("dns = { d = { " BLOCKING "pause = \"1s\"; max_parallel = 2; }; };");
    began = cs_now_ms();
    set_txt(&first, 60000);
    set_txt(&second, 60000);
    assert_true(cs_now_ms() - began < 1000);
    assert_int_equal(instances_calls(all), 2);
    wait_until(&first, 1);
    wait_until(&second, 1);
    assert_has(trace(), "want=2:value-2 gone=1:old ttl=60\n");
    assert_has(trace(), "d: in thread dns.d\n");
    forget_instances();
}

static void an_order_ends_in_a_chain(void **state)
{
    struct seen seen = { 0 };
    struct cs_op *op;

    (void)state;
    open_instances("ca = { c = { " RECORDER "}; };");
    op = sign(&seen, NULL, NULL, 0);
    assert_non_null(op);
    assert_ptr_equal(op_owner(op), &seen);
    wait_until(&seen, 1);
    assert_string_equal(seen.pem, "-----BEGIN CERTIFICATE-----\n");
    assert_string_equal(seen.step, "signing");
    assert_has(trace(), "c: sign job7 csr=DER names=2:a.example.org profile=short replaces= spki=ab\n");
    forget_instances();
}

static void a_saved_step_is_resumed_with_its_data(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    open_instances("ca = { c = { " RECORDER "}; };");
    assert_non_null(sign(&seen, "poll-order", "saved", 5));
    wait_until(&seen, 1);
    assert_has(trace(), "c: resume job7 at poll-order with saved\n");
    forget_instances();
}

static void a_plugin_without_resume_starts_anew(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    open_instances("ca = { c = { " BLOCKING "}; };");
    assert_non_null(sign(&seen, "poll-order", "saved", 5));
    assert_int_equal(seen.times, 0);
    wait_until(&seen, 1);
    assert_int_equal(seen.code[0], CS_ERESTART);
    assert_null(strstr(trace(), "sign"));
    forget_instances();
}

static void after_its_deadline_a_call_is_out_until_the_plugin_finishes(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    open_instances("dns = { d = { " BLOCKING "pause = \"200ms\"; }; };");
    set_txt(&seen, 30);
    wait_until(&seen, 1);
    assert_int_equal(seen.code[0], CS_ETIMEDOUT);
    assert_false(seen.late[0]);
    assert_int_equal(instances_calls(all), 1);
    wait_until(&seen, 2);
    assert_int_equal(seen.code[1], CS_OK);
    assert_true(seen.late[1]);
    assert_int_equal(instances_calls(all), 0);
    forget_instances();
}

static void a_stop_cancels_what_is_out_and_refuses_what_is_new(void **state)
{
    struct seen out = { 0 }, new_txt = { 0 }, new_order = { 0 };

    (void)state;
    open_instances("dns = { d = { " RECORDER "mode = \"until-cancel\"; }; }; ca = { c = { " RECORDER "}; };");
    set_txt(&out, 60000);
    instances_stop(all);
    set_txt(&new_txt, 60000);
    assert_non_null(sign(&new_order, NULL, NULL, 0));
    assert_int_equal(instances_calls(all), 3);
    wait_until(&out, 2);
    assert_int_equal(out.code[0], CS_ESHUTDOWN);
    assert_false(out.late[0]);
    assert_true(out.late[1]);
    assert_has(trace(), "d: cancel shutdown\n");
    wait_until(&new_txt, 1);
    assert_int_equal(new_txt.code[0], CS_ESHUTDOWN);
    wait_until(&new_order, 1);
    assert_int_equal(new_order.code[0], CS_ESHUTDOWN);
    assert_null(strstr(trace(), "sign"));
    assert_int_equal(instances_calls(all), 0);
    forget_instances();
    assert_has(trace(), "d: close\n");
}

static void a_plugin_that_never_finishes_is_not_closed_under_its_call(void **state)
{
    struct seen seen = { 0 };
    struct instance *d, *c;

    (void)state;
    open_instances("dns = { d = { " RECORDER "mode = \"never\"; }; }; ca = { c = { " RECORDER "}; };");
    d = instances_at(all, ROLE_DNS, 0);
    c = instances_at(all, ROLE_CA, 0);
    assert_ptr_not_equal(c, d);
    set_txt(&seen, 60000);
    instances_stop(all);
    wait_until(&seen, 1);
    assert_int_equal(d->calls, 1);
    instances_free(all);
    assert_has(trace(), "c: close\n");
    assert_null(strstr(trace(), "d: close\n"));
    assert_true(d->opened); /* it is all there, for the op that may still come */
    loop_free(loop);
    settings_free(&settings);
    config_free(config);
    left_over = d;
}

static void *append_in_thread(void *arg)
{
    struct cs_event events[] = { { .size = sizeof *events, .number = 1, .kind = "issued", .json = "{}", .json_len = 2 },
                                 { .size = sizeof *events, .number = 2, .kind = "failed", .json = "{}", .json_len = 2 } };
    struct cs_error failure = { 0 };

    *(int *)arg = instance_append(instances_at(all, ROLE_AUDIT, 0), events, 2, &failure);
    return NULL;
}

static void a_batch_of_events_is_appended_in_the_callers_thread(void **state)
{
    pthread_t thread;
    int rc = 7;

    (void)state;
    open_instances("audit = { a = { " RECORDER "}; };");
    assert_int_equal(pthread_create(&thread, NULL, append_in_thread, &rc), 0);
    pthread_join(thread, NULL);
    assert_int_equal(rc, 0);
    assert_has(trace(), "a: append 2, the last failed\n");
    forget_instances();
    open_instances("audit = { a = { " RECORDER "mode = \"fail\"; }; };");
    assert_int_equal(pthread_create(&thread, NULL, append_in_thread, &rc), 0);
    pthread_join(thread, NULL);
    assert_int_equal(rc, -1);
    forget_instances();
}

static void *reopen_in_thread(void *arg)
{
    (void)arg;
    instance_audit_reopen(instances_at(all, ROLE_AUDIT, 0));
    return NULL;
}

static void a_sink_is_told_to_open_anew_if_it_wants_to_know(void **state)
{
    static const char *const modes[] = { "", "mode = \"fail\"; " };
    char text[256];
    pthread_t thread;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "audit = { a = { " RECORDER "%s}; };", modes[i]);
        open_instances(text);
        assert_int_equal(pthread_create(&thread, NULL, reopen_in_thread, NULL), 0);
        pthread_join(thread, NULL);
        assert_has(trace(), "a: reopen\n");
        forget_instances();
    }
    open_instances("audit = { a = { " RECORDER "}; };");
    instances_at(all, ROLE_AUDIT, 0)->plugin.audit.reopen = NULL; /* built for ABI 1.0 */
    assert_int_equal(pthread_create(&thread, NULL, reopen_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_null(strstr(trace(), "reopen"));
    forget_instances();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_reaches_the_plugin_and_ends_later),
        cmocka_unit_test(a_plugin_may_end_a_call_later_or_with_an_error),
        cmocka_unit_test(a_blocking_plugin_works_in_threads_of_its_own_on_copies),
        cmocka_unit_test(an_order_ends_in_a_chain),
        cmocka_unit_test(a_saved_step_is_resumed_with_its_data),
        cmocka_unit_test(a_plugin_without_resume_starts_anew),
        cmocka_unit_test(after_its_deadline_a_call_is_out_until_the_plugin_finishes),
        cmocka_unit_test(a_stop_cancels_what_is_out_and_refuses_what_is_new),
        cmocka_unit_test(a_plugin_that_never_finishes_is_not_closed_under_its_call),
        cmocka_unit_test(a_batch_of_events_is_appended_in_the_callers_thread),
        cmocka_unit_test(a_sink_is_told_to_open_anew_if_it_wants_to_know),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

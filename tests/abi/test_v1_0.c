/* A plugin frozen at ABI 1.0 runs on the server of today, and both agree on every field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "../unit/plugin/instance_test.h"

#include "v1_0.h"

struct seen {
    int times;
    struct cs_error err;
    char data[1024], pem[64], url[256], alternate[64], profile[32], step[32];
};

static void on_done(void *arg, const struct op_result *result)
{
    struct seen *seen = arg;

    seen->times++;
    if (result->err)
        seen->err = *result->err;
    if (result->data)
        snprintf(seen->data, sizeof seen->data, "%.*s", (int)result->len, (const char *)result->data);
    if (!result->chain)
        return;
    snprintf(seen->pem, sizeof seen->pem, "%.*s", (int)result->chain->len, result->chain->pem);
    snprintf(seen->url, sizeof seen->url, "%s", result->chain->url);
    snprintf(seen->alternate, sizeof seen->alternate, "%s", result->chain->alternates[result->chain->n_alternates - 1]);
    snprintf(seen->profile, sizeof seen->profile, "%s", result->chain->profile);
}

static void on_step(void *arg, const char *step)
{
    struct seen *seen = arg;

    snprintf(seen->step, sizeof seen->step, "%s", step);
}

static int open_frozen(void **state)
{
    (void)state;
    copy_built("FROZEN", "v1_0", "v1_0");
    make_instances("ca = { old = { plugin = \"v1_0\"; text = \"t\"; secret = \"s\"; number = 9; list = ( \"a\", \"b\" ); }; };"
                   "dns = { old = \"ca.old\"; }; audit = { old = \"ca.old\"; };");
    if (instances_load(all, getuid(), getuid(), &err) < 0)
        fail_msg("%s%s", config_complaints(config), err.text);
    assert_int_equal(instances_open(all, ROLE_CA, &err), 0);
    assert_int_equal(instances_start(all, &err), 0);
    return 0;
}

static int close_frozen(void **state)
{
    (void)state;
    instances_stop(all);
    forget_instances();
    return 0;
}

static void wait_until(struct seen *seen, int times)
{
    for (int i = 0; i < 1000 && seen->times < times; i++)
        loop_run_once(loop, 10);
    assert_int_equal(seen->times, times);
}

static void settings_and_a_dns_change_arrive_whole(void **state)
{
    const char *want[] = { "w1", "w2" }, *gone[] = { "g1" };
    struct seen seen = { 0 };

    (void)state;
    instance_set_txt(instances_at(all, ROLE_DNS, 0),
                     &(struct cs_txt_change){ .size = sizeof(struct cs_txt_change), .zone = "z.", .owner = "o.z.", .want = want,
                                              .n_want = 2, .gone = gone, .n_gone = 1, .ttl = 7, .expires_ms = 99 },
                     "job", cs_now_ms() + 10000, on_done, &seen);
    wait_until(&seen, 1);
    assert_string_equal(seen.data, "old 1|t s https://ca.example 9 250 65536 1 2:b|1 z. o.z. 2:w1 1:g1 7 99");
}

static struct cs_op *call(struct seen *seen, const char *step, const char *data)
{
    const char *names[] = { "a.example", "b.example" };
    const struct cs_order order = { .size = sizeof order, .id = "job7", .csr = (const uint8_t *)"DER", .csr_len = 3,
                                    .names = names, .n_names = 2, .profile = "p", .replaces = "r",
                                    .spki_sha256 = { [31] = 0xcd } };

    return instance_sign(instances_at(all, ROLE_CA, 0),
                         &(struct sign_call){ .order = &order, .step = step, .data = data, .data_len = data ? strlen(data) : 0,
                                              .deadline_ms = cs_now_ms() + 10000, .on_step = on_step, .done = on_done,
                                              .arg = seen },
                         &err);
}

static void an_order_and_its_chain_mean_the_same_on_both_sides(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    assert_non_null(call(&seen, NULL, NULL));
    wait_until(&seen, 1);
    assert_string_equal(seen.pem, "-----BEGIN CERTIFICATE-----\n");
    assert_string_equal(seen.url, "job7/3:DER/2:a.example/p/r/cd");
    assert_string_equal(seen.alternate, "https://ca.example/alternate");
    assert_string_equal(seen.profile, "granted");
    assert_string_equal(seen.step, "frozen-step");
}

static void resume_errors_and_timers_work(void **state)
{
    struct seen later = { 0 }, unknown = { 0 };

    (void)state;
    assert_non_null(call(&later, "later", ""));
    wait_until(&later, 1);
    assert_int_equal(later.err.code, CS_OK);
    assert_non_null(call(&unknown, "odd-step", "saved"));
    wait_until(&unknown, 1);
    assert_int_equal(unknown.err.code, CS_ERESTART);
    assert_string_equal(unknown.err.text, "job7 at odd-step with saved");
}

static void a_cancel_and_its_error_arrive(void **state)
{
    struct seen seen = { 0 };
    struct cs_op *op;

    (void)state;
    op = call(&seen, "wait", "");
    op_cancel(op, CS_SHUTDOWN);
    wait_until(&seen, 2);
    assert_int_equal(seen.err.code, CS_ELIMIT);
    assert_string_equal(seen.err.reason, "frozen-reason");
    assert_int_equal(seen.err.retry_after_ms, 1234);
    assert_string_equal(seen.err.text, "cancelled by shutdown");
}

static void *append(void *arg)
{
    const struct cs_event event = { .size = sizeof event, .number = 3, .time_ms = 4, .kind = "issued", .json = "{}",
                                    .json_len = 2 };

    instance_append(instances_at(all, ROLE_AUDIT, 0), &event, 1, arg);
    return NULL;
}

static void an_audit_event_arrives(void **state)
{
    struct cs_error failure = { 0 };
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, append, &failure), 0);
    pthread_join(thread, NULL);
    assert_int_equal(failure.code, CS_EUPSTREAM);
    assert_string_equal(failure.text, "1: 3 4 issued {}");
}

/* ---- Offsets: what was once published stays where it was; structs may only grow at their end. ---- */

#define FIELD(name, field) \
    { #name "." #field, offsetof(struct v1_##name, field), offsetof(struct cs_##name, field), \
      sizeof(((struct v1_##name *)0)->field), sizeof(((struct cs_##name *)0)->field) }

static const struct {
    const char *name;
    size_t offset_then, offset_now, size_then, size_now;
} fields[] = {
    FIELD(error, code), FIELD(error, reason), FIELD(error, retry_after_ms), FIELD(error, text),
    FIELD(strings, v), FIELD(strings, n),
    FIELD(option, type), FIELD(option, name), FIELD(option, offset), FIELD(option, fallback), FIELD(option, min),
    FIELD(option, max), FIELD(option, help),
    FIELD(txt_change, size), FIELD(txt_change, zone), FIELD(txt_change, owner), FIELD(txt_change, want),
    FIELD(txt_change, n_want), FIELD(txt_change, gone), FIELD(txt_change, n_gone), FIELD(txt_change, ttl),
    FIELD(txt_change, expires_ms),
    FIELD(dns_ops, size), FIELD(dns_ops, blocking), FIELD(dns_ops, set_txt),
    FIELD(order, size), FIELD(order, id), FIELD(order, csr), FIELD(order, csr_len), FIELD(order, names),
    FIELD(order, n_names), FIELD(order, profile), FIELD(order, replaces), FIELD(order, spki_sha256),
    FIELD(chain, size), FIELD(chain, pem), FIELD(chain, len), FIELD(chain, url), FIELD(chain, alternates),
    FIELD(chain, n_alternates), FIELD(chain, profile),
    FIELD(challenge, size), FIELD(challenge, type), FIELD(challenge, name), FIELD(challenge, token),
    FIELD(challenge, value), FIELD(challenge, expires_ms),
    FIELD(ca_ops, size), FIELD(ca_ops, blocking), FIELD(ca_ops, sign), FIELD(ca_ops, resume), FIELD(ca_ops, revoke),
    FIELD(ca_ops, renewal_info), FIELD(ca_ops, status),
    FIELD(event, size), FIELD(event, number), FIELD(event, time_ms), FIELD(event, kind), FIELD(event, json),
    FIELD(event, json_len),
    FIELD(audit_ops, size), FIELD(audit_ops, blocking), FIELD(audit_ops, append),
    FIELD(plugin, abi_major), FIELD(plugin, abi_minor), FIELD(plugin, size), FIELD(plugin, option_size),
    FIELD(plugin, name), FIELD(plugin, version), FIELD(plugin, summary), FIELD(plugin, settings),
    FIELD(plugin, settings_size), FIELD(plugin, open), FIELD(plugin, start), FIELD(plugin, stop), FIELD(plugin, close),
    FIELD(plugin, ca), FIELD(plugin, dns), FIELD(plugin, store), FIELD(plugin, audit),
};

static void no_field_has_moved_or_changed_its_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].offset_then != fields[i].offset_now || fields[i].size_then != fields[i].size_now)
            fail_msg("%s was at %zu with %zu bytes in ABI 1.0, and is at %zu with %zu bytes", fields[i].name,
                     fields[i].offset_then, fields[i].size_then, fields[i].offset_now, fields[i].size_now);
}

/* These are made by one side and read by the other without a size of their own, or stand in arrays. */
static void what_has_no_size_or_stands_in_an_array_has_not_grown(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct v1_error), sizeof(struct cs_error));
    assert_int_equal(sizeof(struct v1_strings), sizeof(struct cs_strings));
    assert_int_equal(sizeof(struct v1_event), sizeof(struct cs_event));
}

static void no_number_has_changed_its_meaning(void **state)
{
    static const int pairs[][2] = {
        { V1_OK, CS_OK }, { V1_EINPUT, CS_EINPUT }, { V1_EDENIED, CS_EDENIED }, { V1_ENOTFOUND, CS_ENOTFOUND },
        { V1_ECONFLICT, CS_ECONFLICT }, { V1_ELIMIT, CS_ELIMIT }, { V1_EBUSY, CS_EBUSY }, { V1_ETIMEDOUT, CS_ETIMEDOUT },
        { V1_ESHUTDOWN, CS_ESHUTDOWN }, { V1_EUPSTREAM, CS_EUPSTREAM }, { V1_EREFUSED, CS_EREFUSED },
        { V1_ECONFIG, CS_ECONFIG }, { V1_EINTERNAL, CS_EINTERNAL }, { V1_ERESTART, CS_ERESTART },
        { V1_OPTION_END, CS_OPTION_END }, { V1_OPTION_STRING, CS_OPTION_STRING }, { V1_OPTION_SECRET, CS_OPTION_SECRET },
        { V1_OPTION_INT, CS_OPTION_INT }, { V1_OPTION_BOOL, CS_OPTION_BOOL }, { V1_OPTION_SECONDS, CS_OPTION_SECONDS },
        { V1_OPTION_SIZE, CS_OPTION_SIZE }, { V1_OPTION_URL, CS_OPTION_URL }, { V1_OPTION_STRINGS, CS_OPTION_STRINGS },
        { V1_DNS_01, CS_DNS_01 },
        { V1_DEADLINE, CS_DEADLINE }, { V1_SHUTDOWN, CS_SHUTDOWN },
        { V1_LOG_ERROR, CS_LOG_ERROR }, { V1_LOG_WARN, CS_LOG_WARN }, { V1_LOG_INFO, CS_LOG_INFO },
        { V1_LOG_DEBUG, CS_LOG_DEBUG },
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(pairs[i][0], pairs[i][1]);
    assert_int_equal(CS_ABI_MAJOR, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_and_a_dns_change_arrive_whole, open_frozen, close_frozen),
        cmocka_unit_test_setup_teardown(an_order_and_its_chain_mean_the_same_on_both_sides, open_frozen, close_frozen),
        cmocka_unit_test_setup_teardown(resume_errors_and_timers_work, open_frozen, close_frozen),
        cmocka_unit_test_setup_teardown(a_cancel_and_its_error_arrive, open_frozen, close_frozen),
        cmocka_unit_test_setup_teardown(an_audit_event_arrives, open_frozen, close_frozen),
        cmocka_unit_test(no_field_has_moved_or_changed_its_size),
        cmocka_unit_test(what_has_no_size_or_stands_in_an_array_has_not_grown),
        cmocka_unit_test(no_number_has_changed_its_meaning),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

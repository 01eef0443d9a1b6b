/* records/keep.c: what plugins want to find again, from the loop and from a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../fakes/store_core.h"
#include "engine/wait.h"
#include "records/keep.h"

static struct store_core s;
static struct keep *keep;
static struct cs_instance ca, dns;

static int set_up(void **state)
{
    (void)state;
    store_core_open(&s, 1000);
    store_core_start(&s, 1);
    keep = keep_new(s.store);
    assert_non_null(keep);
    ca = (struct cs_instance){ .name = "le", .role = "ca", .who = "ca.le", .loop = s.loop, .keep = keep };
    dns = (struct cs_instance){ .name = "le", .role = "dns", .who = "dns.le", .loop = s.loop, .keep = keep };
    return 0;
}

/* The same without a store. */
static int set_up_memory(void **state)
{
    set_up(state);
    keep_free(keep);
    keep = keep_new(NULL);
    assert_non_null(keep);
    ca.keep = dns.keep = keep;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_core_close(&s);
    keep_free(keep);
    return 0;
}

struct got {
    struct answers answers;
    char text[64];
    bool null;
};

static void on_got(void *arg, const void *data, size_t len, const struct cs_error *err)
{
    struct got *got = arg;

    got->null = data == NULL;
    assert_true(len < sizeof got->text);
    memset(got->text, 0, sizeof got->text);
    if (data)
        memcpy(got->text, data, len);
    on_answer(&got->answers, err);
}

static void expect(struct cs_instance *in, const char *key, const char *value)
{
    struct got got = { 0 };

    cs_keep_get(in, key, on_got, &got);
    assert_int_equal(got.answers.n, 0);
    await_answers(&s, &got.answers, 1);
    assert_int_equal(got.answers.failed, 0);
    assert_int_equal(got.null, value == NULL);
    assert_string_equal(got.text, value ? value : "");
}

static void put(struct cs_instance *in, const char *key, const char *value)
{
    struct answers a = { 0 };

    cs_keep_put(in, key, value, value ? strlen(value) : 0, on_answer, &a);
    assert_int_equal(a.n, 0);
    await_answers(&s, &a, 1);
    assert_int_equal(a.failed, 0);
}

static void what_is_put_is_found_until_it_is_forgotten(void **state)
{
    (void)state;
    expect(&ca, "account", NULL);
    put(&ca, "account", "https://ca.example/account/1");
    expect(&ca, "account", "https://ca.example/account/1");
    put(&ca, "account", "");
    expect(&ca, "account", "");
    put(&ca, "account", NULL);
    expect(&ca, "account", NULL);
}

static void it_belongs_to_name_and_role(void **state)
{
    (void)state;
    put(&ca, "k", "the CA's");
    put(&dns, "k", "the DNS plugin's");
    expect(&ca, "k", "the CA's");
    expect(&dns, "k", "the DNS plugin's");
}

static void the_value_is_copied_at_once(void **state)
{
    char value[] = "before";
    struct answers a = { 0 };

    (void)state;
    cs_keep_put(&ca, "k", value, 6, on_answer, &a);
    memcpy(value, "after.", 6);
    await_answers(&s, &a, 1);
    expect(&ca, "k", "before");
}

static void expect_refusal(const char *key, size_t len, enum cs_code code, const char *text)
{
    static char value[70000];
    struct answers a = { 0 };

    cs_keep_put(&ca, key, value, len, on_answer, &a);
    assert_int_equal(a.n, 0);
    await_answers(&s, &a, 1);
    assert_int_equal(a.last.code, code);
    assert_string_equal(a.last.text, text);
}

static void keys_and_values_have_limits(void **state)
{
    char key[129];
    struct got got = { 0 };

    (void)state;
    memset(key, 'k', sizeof key);
    key[127] = '\0';
    put(&ca, key, "127 are well");
    expect(&ca, key, "127 are well");
    key[127] = 'k';
    key[128] = '\0';
    expect_refusal(key, 1, CS_EINTERNAL, "a key of cs_keep_put has 1 to 127 bytes, not 128");
    expect_refusal("", 1, CS_EINTERNAL, "a key of cs_keep_put has 1 to 127 bytes, not 0");
    expect_refusal("k\n", 1, CS_EINTERNAL, "a key of cs_keep_put is printable ASCII");
    expect_refusal("k\xc3\xa4", 1, CS_EINTERNAL, "a key of cs_keep_put is printable ASCII");
    expect_refusal("k", 65537, CS_EINTERNAL, "cs_keep_put keeps at most 65536 bytes under a key, not 65537");
    cs_keep_get(&ca, "", on_got, &got);
    await_answers(&s, &got.answers, 1);
    assert_int_equal(got.answers.last.code, CS_EINTERNAL);
    assert_true(got.null);
}

static void without_a_store_nothing_is_kept(void **state)
{
    (void)state;
    ca.keep = NULL;
    expect_refusal("k", 1, CS_ECONFIG, "ca.le cannot keep anything: no store is open");
}

/* ---- in a worker ---- */

struct worker {
    struct mail done;
    bool over;
    int rc;
    struct cs_error err;
};

static void on_over(struct mail *mail)
{
    ((struct worker *)mail)->over = true;
}

static void *keep_and_look(void *arg)
{
    struct worker *w = arg;
    void *data = w;
    size_t len = 99;
    static char big[65536];

    w->rc = cs_keep_get_wait(&ca, "k", &data, &len, &w->err);
    if (w->rc == 0 && (data || len))
        w->rc = cs_fail(&w->err, CS_EINTERNAL, "a key that is not there was found");
    if (w->rc == 0)
        w->rc = cs_keep_put_wait(&ca, "k", big, sizeof big, &w->err);
    if (w->rc == 0)
        w->rc = cs_keep_get_wait(&ca, "k", &data, &len, &w->err);
    if (w->rc == 0 && (len != sizeof big || memcmp(data, big, len) != 0))
        w->rc = cs_fail(&w->err, CS_EINTERNAL, "something else came back");
    if (w->rc == 0)
        free(data);
    if (w->rc == 0 && cs_keep_put_wait(&ca, "", "", 0, NULL) == 0)
        w->rc = cs_fail(&w->err, CS_EINTERNAL, "a bad key was kept");
    loop_post(s.loop, &w->done);
    return NULL;
}

static void a_worker_waits_for_its_answers(void **state)
{
    struct worker w = { .done.fn = on_over };
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, keep_and_look, &w), 0);
    for (int i = 0; i < 200 && !w.over; i++)
        loop_run_once(s.loop, 50);
    pthread_join(thread, NULL);
    assert_string_equal(w.err.text, "");
    assert_int_equal(w.rc, 0);
}

static void *put_once(void *arg)
{
    struct worker *w = arg;

    w->rc = cs_keep_put_wait(&ca, "k", "v", 1, &w->err);
    return NULL;
}

static void a_worker_does_not_wait_for_a_loop_that_has_ended(void **state)
{
    struct worker w = { 0 };
    struct plug plug;
    pthread_t thread;

    (void)state;
    plug_writer(&s, &plug);
    assert_int_equal(pthread_create(&thread, NULL, put_once, &w), 0);
    loop_run_once(s.loop, 200);
    waits_end(s.loop);
    pthread_join(thread, NULL);
    assert_int_equal(w.rc, -1);
    assert_int_equal(w.err.code, CS_ESHUTDOWN);
    unplug_writer(&plug);
    await_answers(&s, &plug.answer, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_found_until_it_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_belongs_to_name_and_role, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_value_is_copied_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_and_values_have_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_put_is_found_until_it_is_forgotten, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(it_belongs_to_name_and_role, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(the_value_is_copied_at_once, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(keys_and_values_have_limits, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_waits_for_its_answers, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(without_a_store_nothing_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_waits_for_its_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_does_not_wait_for_a_loop_that_has_ended, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

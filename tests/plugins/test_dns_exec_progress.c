/* dns-exec: a change with more values than there is time for is finished all the same, call by call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <countersign/dns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fakes/host.h"

#define RUN_MS  (14 * 1000) /* of the 30 s of a call, which are 27.5 s for its runs: two fit in */
#define CALL_MS (30 * 1000)

extern const struct cs_plugin cs_plugin;

static struct {
    const char *program, *secrets;
    struct cs_strings arguments, environment;
    int64_t timeout;
} conf;
static char folder[64], script[96], heard[96], text[4096];
static void *self;
static long heard_before; /* the call */

static long heard_len(void)
{
    struct stat st;

    return stat(heard, &st) == 0 ? (long)st.st_size : 0;
}

static const char *read_heard(void)
{
    FILE *file = fopen(heard, "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;

    text[n] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* The plugin's clock: it goes on with each run of this call, of which each says one line. */
int64_t __real_cs_now_ms(void);
int64_t __wrap_cs_now_ms(void);

int64_t __wrap_cs_now_ms(void)
{
    int64_t runs = 0;

    for (const char *at = read_heard() + (heard_len() > heard_before ? heard_before : heard_len()); *at; at++)
        runs += *at == '\n';
    return __real_cs_now_ms() + runs * RUN_MS;
}

static int set_up(void **state)
{
    static struct cs_error err;
    FILE *file;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/countersign-exec-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(script, sizeof script, "%s/hook", folder);
    snprintf(heard, sizeof heard, "%s/heard", folder);
    file = fopen(script, "we");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\necho $1 $3 >>%s\n[ $3 != bad ]\n", heard);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0755), 0);
    conf.program = script;
    conf.secrets = "";
    conf.timeout = CALL_MS;
    heard_before = 0;
    host_begin(folder);
    assert_int_equal(cs_plugin.open(host_instance(), &conf, &self, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    const char *left;

    (void)state;
    cs_plugin.close(self);
    left = host_end();
    unlink(script);
    unlink(heard);
    assert_int_equal(rmdir(folder), 0);
    if (left)
        fail_msg("%s", left);
    return 0;
}

static enum cs_code change(const char *const *want, size_t n_want, const char *gone)
{
    const struct cs_txt_change txt = { .size = sizeof txt,
                                       .zone = "trial.example.",
                                       .owner = "_acme-challenge.trial.example.",
                                       .want = want,
                                       .n_want = n_want,
                                       .gone = &gone,
                                       .n_gone = gone != NULL,
                                       .ttl = 10 };
    struct cs_op *op;

    heard_before = heard_len();
    op = host_op(CALL_MS, false);
    cs_plugin.dns->set_txt(self, &txt, op);
    while (host_turn())
        ;
    return host_result(op)->err.code;
}

static void a_change_that_ran_out_of_time_goes_on_where_it_was(void **state)
{
    static const char *const want[] = { "one", "two", "three" };

    (void)state;
    assert_int_equal(change(want, 3, "old"), CS_ETIMEDOUT);
    assert_string_equal(read_heard(), "add one\nadd two\n");
    assert_int_equal(change(want, 3, "old"), CS_OK);
    assert_string_equal(read_heard(), "add one\nadd two\nadd three\nremove old\n");
    assert_int_equal(change(want, 1, NULL), CS_OK); /* that one was finished: all of this one */
    assert_string_equal(read_heard(), "add one\nadd two\nadd three\nremove old\nadd one\n");
}

static void what_was_added_and_is_wanted_no_more_is_taken_away(void **state)
{
    static const char *const want[] = { "one", "two", "three" };

    (void)state;
    assert_int_equal(change(want, 3, NULL), CS_ETIMEDOUT);
    assert_int_equal(change(want + 1, 1, "one"), CS_OK);
    assert_string_equal(read_heard(), "add one\nadd two\nremove one\n");
}

static void what_was_taken_away_and_is_wanted_again_is_added(void **state)
{
    static const char *const want[] = { "one", "two", "three" };

    (void)state;
    assert_int_equal(change(want, 1, "three"), CS_OK);
    assert_int_equal(change(want, 3, "old"), CS_ETIMEDOUT);
    assert_int_equal(change(want + 1, 1, "one"), CS_OK); /* "two" is there, "one" goes */
    assert_int_equal(change(want, 1, NULL), CS_OK);
    assert_string_equal(read_heard(), "add one\nremove three\nadd one\nadd two\nremove one\nadd one\n");
}

/* Of a back end that fails nobody knows what it still has. */
static void after_another_failure_the_change_begins_anew(void **state)
{
    static const char *const want[] = { "one", "bad" };

    (void)state;
    assert_int_equal(change(want, 2, NULL), CS_EUPSTREAM);
    assert_int_equal(change(want, 2, NULL), CS_EUPSTREAM);
    assert_string_equal(read_heard(), "add one\nadd bad\nadd one\nadd bad\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_change_that_ran_out_of_time_goes_on_where_it_was),
        TEST(what_was_added_and_is_wanted_no_more_is_taken_away),
        TEST(what_was_taken_away_and_is_wanted_again_is_added),
        TEST(after_another_failure_the_change_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* store-sqlite: jobs, their challenges and certificates, and orders that are counted, through the plugin's descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../fakes/store_file.h"
#include "../fakes/store_rows.h"

static struct store_file f;
static void *w, *r; /* a writer's connection, a reader's */
static struct cs_error err;
static const struct cs_store_ops *ops;

static int set_up(void **state)
{
    (void)state;
    store_file_open(&f, 1000);
    store_file_migrate(&f);
    ops = f.ops;
    err = (struct cs_error){ 0 };
    assert_int_equal(ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    assert_int_equal(ops->connect(f.self, CS_STATE_READER, &r, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops->disconnect(f.self, r);
    ops->disconnect(f.self, w);
    store_file_close(&f);
    return 0;
}

static struct cs_job a_job(const char *id, uint8_t key)
{
    return (struct cs_job){ .size = sizeof(struct cs_job), .id = id, .key = { [31] = key }, .subject = "CN=a.lab.example",
                            .zone = "lab.example", .ca = "le", .names = "a.lab.example", .profile = "",
                            .csr = (const uint8_t *)"csr", .csr_len = 3, .spki_sha256 = { 7 }, .state = CS_JOB_OPEN,
                            .step = "", .data = NULL, .data_len = 0, .problem = "", .created_ms = 100, .updated_ms = 100,
                            .deadline_ms = 900, .keep_until_ms = 1000 };
}

static struct cs_certificate a_certificate(const char *job, uint8_t key, int64_t issued_ms)
{
    return (struct cs_certificate){ .size = sizeof(struct cs_certificate), .job = job, .key = { [31] = key },
                                    .zone = "lab.example", .subject = "CN=a.lab.example", .names = "a.lab.example", .ca = "le",
                                    .profile = "", .serial = "0a1b", .not_before_ms = 10, .not_after_ms = 2000,
                                    .issued_ms = issued_ms, .pem = "PEM and more", .pem_len = 3, .url = "https://ca/1",
                                    .spki_sha256 = { 7 } };
}

#define ROWS(call, on_row, expected)                    \
    do {                                                \
        struct rows got_ = { 0 };                      \
        assert_int_equal(call(on_row, &got_, &err), 0); \
        assert_string_equal(got_.text, expected);       \
    } while (0)

#define job_one(fn, arg, e) ops->job_find(r, "one", fn, arg, e)
#define challenges(fn, arg, e) ops->challenge_list(r, fn, arg, e)

static void a_job_is_written_only_over_the_version_that_was_read(void **state)
{
    struct cs_job j = a_job("one", 1);

    (void)state;
    assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
    ROWS(job_one, row_of_job, "one|1|v1|CN=a.lab.example|lab.example|le|a.lab.example||csr|1|||0||100 100 900 1000|7\n");
    j.step = "finalize";
    j.data = (const uint8_t *)"url";
    j.data_len = 3;
    j.attempts = 2;
    j.updated_ms = 200;
    assert_int_equal(ops->job_put(w, &j, 1, &err), 0);
    ROWS(job_one, row_of_job,
         "one|1|v2|CN=a.lab.example|lab.example|le|a.lab.example||csr|1|finalize|url|2||100 200 900 1000|7\n");
    assert_int_equal(ops->job_put(w, &j, 1, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    assert_string_equal(err.text, "job one was changed by somebody else meanwhile");
    assert_int_equal(ops->job_put(w, &j, 0, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    j.id = "two";
    j.key[31] = 9;
    assert_int_equal(ops->job_put(w, &j, 1, &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    j.state = (enum cs_job_state)8;
    assert_int_equal(ops->job_put(w, &j, 0, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
}

static off_t log_size(void)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof path, "%s-wal", f.path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void a_step_of_an_open_job_is_one_page(void **state)
{
    const off_t page = 4096 + 24;
    struct cs_job j = a_job("one", 1);
    off_t before;

    (void)state;
    assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
    before = log_size();
    j.step = "finalize";
    j.updated_ms = 200;
    assert_int_equal(ops->job_put(w, &j, 1, &err), 0);
    assert_int_equal(log_size() - before, page);
    j.state = CS_JOB_DONE; /* leaves two indexes and enters one */
    assert_int_equal(ops->job_put(w, &j, 2, &err), 0);
    assert_int_equal(log_size() - before, page + 4 * page);
}

static void every_column_of_an_open_job_may_change(void **state)
{
    struct cs_job j = a_job("one", 1);
    struct rows l = { 0 };

    (void)state;
    assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
    j.subject = "CN=b.b.example";
    j.zone = "b.example";
    j.ca = "backup";
    j.names = "b.b.example";
    j.profile = "short";
    j.csr = (const uint8_t *)"other";
    j.csr_len = 5;
    j.spki_sha256[0] = 8;
    j.problem = "{}";
    j.deadline_ms = 901;
    assert_int_equal(ops->job_put(w, &j, 1, &err), 0);
    ROWS(job_one, row_of_job, "one|1|v2|CN=b.b.example|b.example|backup|b.b.example|short|other|1|||0|{}|100 100 901 1000|8\n");
    j.key[31] = 2;
    j.created_ms = 101;
    j.keep_until_ms = 1001;
    assert_int_equal(ops->job_put(w, &j, 2, &err), 0);
    ROWS(job_one, row_of_job, "one|2|v3|CN=b.b.example|b.example|backup|b.b.example|short|other|1|||0|{}|101 100 901 1001|8\n");
    assert_int_equal(ops->job_find_open(r, j.key, row_of_job, &l, &err), 0);
    assert_int_equal(l.n, 1);
}

static void of_the_failed_jobs_of_a_key_the_newest_is_found(void **state)
{
    struct cs_job jobs[] = { a_job("one", 1), a_job("two", 1), a_job("three", 1), a_job("four", 4) };
    struct rows l = { 0 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ops->job_put(w, &jobs[i], 0, &err), 0);
        jobs[i].state = i == 2 ? CS_JOB_DONE : CS_JOB_FAILED;
        jobs[i].problem = "{}";
        jobs[i].updated_ms = 200 - (int64_t)i;
        assert_int_equal(ops->job_put(w, &jobs[i], 1, &err), 0);
    }
    assert_int_equal(ops->job_find_failed(r, jobs[0].key, row_of_job, &l, &err), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(strncmp(l.text, "one|", 4), 0);
    jobs[0].key[0] ^= 1;
    assert_int_equal(ops->job_find_failed(r, jobs[0].key, row_of_job, &l, &err), 0);
    assert_int_equal(l.n, 1);
}

static void one_job_is_open_for_a_key(void **state)
{
    struct cs_job one = a_job("one", 1), two = a_job("two", 1), three = a_job("three", 3);
    struct rows l = { 0 };

    (void)state;
    one.created_ms = 300;
    assert_int_equal(ops->job_put(w, &one, 0, &err), 0);
    assert_int_equal(ops->job_put(w, &two, 0, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    assert_string_equal(err.text, "an order for the same key, zone, names and profile is open already");
    assert_int_equal(ops->job_put(w, &three, 0, &err), 0);
    assert_int_equal(ops->job_list_open(r, row_of_job, &l, &err), 0);
    assert_int_equal(l.n, 2);
    assert_true(strstr(l.text, "three") < strstr(l.text, "one"));
    one.state = CS_JOB_FAILED;
    one.problem = "{}";
    assert_int_equal(ops->job_put(w, &one, 1, &err), 0);
    assert_int_equal(ops->job_put(w, &two, 0, &err), 0);
    l = (struct rows){ 0 };
    assert_int_equal(ops->job_find_open(r, one.key, row_of_job, &l, &err), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(strncmp(l.text, "two|", 4), 0);
    one.state = CS_JOB_OPEN;
    assert_int_equal(ops->job_put(w, &one, 2, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    one.state = CS_JOB_DONE;
    assert_int_equal(ops->job_put(w, &one, 2, &err), 0);
}

static void challenges_may_be_put_and_removed_twice(void **state)
{
    struct cs_job j = a_job("one", 1);
    struct cs_job_challenge ch = { .size = sizeof ch,
                                   .job = "one",
                                   .name = "a.lab.example",
                                   .dns = "builtin",
                                   .owner = "_acme-challenge.a.lab.example.",
                                   .zone = "lab.example.",
                                   .value = "v1",
                                   .expires_ms = 5 };
    struct cs_job_challenge other = ch;

    (void)state;
    assert_int_equal(ops->challenge_put(w, &ch, &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
    assert_int_equal(ops->challenge_put(w, &ch, &err), 0);
    ch.expires_ms = 6;
    assert_int_equal(ops->challenge_put(w, &ch, &err), 0);
    other.value = "v2";
    assert_int_equal(ops->challenge_put(w, &other, &err), 0);
    ROWS(challenges, row_of_challenge,
         "one|a.lab.example|builtin|_acme-challenge.a.lab.example.|lab.example.|v1|6\n"
         "one|a.lab.example|builtin|_acme-challenge.a.lab.example.|lab.example.|v2|5\n");
    assert_int_equal(ops->challenge_remove(w, &ch, &err), 0);
    assert_int_equal(ops->challenge_remove(w, &ch, &err), 0);
    ROWS(challenges, row_of_challenge, "one|a.lab.example|builtin|_acme-challenge.a.lab.example.|lab.example.|v2|5\n");
}

static void the_newest_certificate_of_a_key_is_found(void **state)
{
    struct cs_certificate one = a_certificate("one", 1, 50), two = a_certificate("two", 1, 60),
                          old = a_certificate("old", 1, 40);
    struct rows l = { 0 };

    (void)state;
    assert_int_equal(ops->certificate_put(w, &one, &err), 0);
    assert_int_equal(ops->certificate_put(w, &two, &err), 0);
    assert_int_equal(ops->certificate_put(w, &old, &err), 0);
    assert_int_equal(ops->certificate_put(w, &old, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    assert_int_equal(ops->certificate_newest(r, one.key, row_of_certificate, &l, &err), 0);
    assert_string_equal(l.text, "two|1|lab.example|CN=a.lab.example|a.lab.example|le||0a1b|10 2000 60|PEM|https://ca/1|7\n");
    l = (struct rows){ 0 };
    assert_int_equal(ops->certificate_find(r, "one", row_of_certificate, &l, &err), 0);
    assert_int_equal(strncmp(l.text, "one|1|", 6), 0);
    one.key[0] = 1;
    assert_int_equal(ops->certificate_newest(r, one.key, row_of_certificate, &l, &err), 0);
    assert_int_equal(ops->certificate_find(r, "none", row_of_certificate, &l, &err), 0);
    assert_int_equal(l.n, 1);
}

static void certificates_are_listed_by_their_end(void **state)
{
    const int64_t ends_ms[] = { 2000, 4000, 1000, 3000 };
    struct rows some = { 0 }, all = { 0 };

    (void)state;
    for (uint8_t i = 0; i < 4; i++) {
        const char id[2] = { (char)('a' + i), '\0' };
        struct cs_certificate c = a_certificate(id, i, 50);

        c.not_after_ms = ends_ms[i];
        assert_int_equal(ops->certificate_put(w, &c, &err), 0);
    }
    assert_int_equal(ops->certificate_list(r, 3, row_of_certificate, &some, &err), 0);
    assert_int_equal(some.n, 3);
    assert_true(some.text[0] == 'b' && strstr(some.text, "\nd|") < strstr(some.text, "\na|") && !strstr(some.text, "\nc|"));
    assert_int_equal(ops->certificate_list(r, 100, row_of_certificate, &all, &err), 0);
    assert_int_equal(all.n, 4);
}

static void purge_forgets_what_is_over_a_few_at_a_time(void **state)
{
    struct cs_job_challenge ch = {
        .size = sizeof ch, .job = "1", .name = "a", .dns = "b", .owner = "o.", .zone = "z.", .value = "v"
    };
    const int64_t month_ms = 30 * 24 * 3600 * INT64_C(1000);
    int64_t n;

    (void)state;
    for (uint8_t i = 0; i < 5; i++) {
        char id[2] = { (char)('0' + i), '\0' };
        struct cs_job j = a_job(id, i);
        struct cs_certificate c = a_certificate(id, i, 50);

        j.state = i == 0 ? CS_JOB_OPEN : CS_JOB_DONE;
        j.keep_until_ms = 1000 + i;
        c.not_after_ms = 1000 + i - month_ms;
        assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
        assert_int_equal(ops->certificate_put(w, &c, &err), 0);
    }
    assert_int_equal(ops->challenge_put(w, &ch, &err), 0);
    assert_int_equal(ops->purge(w, 999, 100, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(ops->purge(w, 1003, 3, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(ops->purge(w, 1003, 100, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM job"), 3); /* open, with a challenge, not over */
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM certificate"), 1);
    assert_int_equal(ops->challenge_remove(w, &ch, &err), 0);
    assert_int_equal(ops->purge(w, 5000, 100, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM job WHERE state = 'open'"), 1);
}

static void assert_newest(enum cs_order_scope scope, const char *name, int64_t expected_ms)
{
    int64_t at_ms = -1;

    assert_int_equal(ops->order_nth(w, scope, name, 1, 0, 1000, &at_ms, &err), 0);
    assert_int_equal(at_ms, expected_ms);
}

/* The same name in another scope is another one. */
static void an_order_counts_in_each_scope_that_has_a_name(void **state)
{
    const struct cs_counted_order all = { .size = sizeof all, .job = "one", .at_ms = 100,
                                          .name = { [CS_ORDERS_OF_SUBJECT] = "a", [CS_ORDERS_OF_CLIENT] = "b",
                                                    [CS_ORDERS_OF_ZONE] = "c", [CS_RENEWALS] = "d" } };
    const struct cs_counted_order renewal = { .size = sizeof renewal, .job = "two", .at_ms = 200,
                                              .name = { [CS_RENEWALS] = "a" } };

    (void)state;
    assert_int_equal(ops->order_count(w, &all, &err), 0);
    assert_int_equal(ops->order_count(w, &renewal, &err), 0);
    for (int scope = 0; scope < CS_ORDER_SCOPES; scope++)
        assert_newest((enum cs_order_scope)scope, all.name[scope], 100);
    assert_newest(CS_RENEWALS, "a", 200);
    assert_newest(CS_ORDERS_OF_ZONE, "a", 0);
    assert_int_equal(ops->order_uncount(w, &all, &err), 0);
    assert_newest(CS_RENEWALS, "d", 0);
    assert_newest(CS_RENEWALS, "a", 200);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM counted_order"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_is_written_only_over_the_version_that_was_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_step_of_an_open_job_is_one_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_column_of_an_open_job_may_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_the_failed_jobs_of_a_key_the_newest_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_job_is_open_for_a_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(challenges_may_be_put_and_removed_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_certificate_of_a_key_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(certificates_are_listed_by_their_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(purge_forgets_what_is_over_a_few_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_counts_in_each_scope_that_has_a_name, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

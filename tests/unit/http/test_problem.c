/* http/problem.c: problem documents, their statuses, and when to try again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/problem.h"

#define JOB "abcdefghijklmnopqrstuvwxyz"

static json_t *document_of(const struct problem *problem)
{
    char *text = problem_text(problem);
    json_t *json;

    assert_non_null(text);
    json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void check_text(const json_t *document, const char *key, const char *value)
{
    const char *found = json_string_value(json_object_get(document, key));

    if (!value)
        assert_null(json_object_get(document, key));
    else
        assert_string_equal(found ? found : "(none)", value);
}

static void an_error_becomes_a_document(void **state)
{
    struct cs_error err;
    struct problem problem;
    json_t *json;

    (void)state;
    cs_fail_as(&err, CS_EINPUT, "weak-key", "The RSA key has 512 bits.");
    problem = problem_of_error(&err, JOB, NULL, false);
    json = document_of(&problem);
    check_text(json, "type", "urn:countersign:error:weak-key");
    check_text(json, "title", "The key is too weak");
    check_text(json, "detail", "The RSA key has 512 bits.");
    check_text(json, "instance", "/v1/requests/" JOB);
    check_text(json, "upstream", NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 400);
    assert_int_equal(json_object_size(json), 5);
    json_decref(json);
}

/* The words are for the operator's log. */
static void what_is_wrong_with_a_disk_is_not_told_to_clients(void **state)
{
    struct cs_error err;
    struct problem problem;
    json_t *json;

    (void)state;
    cs_fail_as(&err, CS_EBUSY, "storage-unavailable", "the disk of /var/lib/countersign/store.main/state.db is full");
    err.retry_after_ms = 5000;
    problem = problem_of_error(&err, "", NULL, false);
    json = document_of(&problem);
    check_text(json, "type", "urn:countersign:error:storage-unavailable");
    assert_null(strstr(json_string_value(json_object_get(json, "detail")), "/var/lib"));
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 503);
    json_decref(json);
}

static void a_reason_nobody_named_has_the_title_of_its_code(void **state)
{
    struct cs_error err;
    struct problem problem;

    (void)state;
    cs_fail_as(&err, CS_EREFUSED, "ca-dislikes-it", "no");
    problem = problem_of_error(&err, "", NULL, false);
    assert_string_equal(problem.slug, "ca-dislikes-it");
    assert_string_equal(problem.title, "The CA or a DNS server refused");
    assert_int_equal(problem.status, 502);
    cs_fail_as(&err, CS_EREFUSED, "Not a slug", "no");
    assert_string_equal(problem_of_error(&err, "", NULL, false).slug, "upstream-refused");
}

static void the_ca_s_own_words_are_kept(void **state)
{
    struct cs_error err;
    struct problem problem;
    json_t *json;

    (void)state;
    cs_fail(&err, CS_EREFUSED, "no");
    problem = problem_of_error(&err, "", "{\"type\":\"urn:ietf:params:acme:error:caa\",\"subproblems\":[{\"x\":1}]}", false);
    json = document_of(&problem);
    check_text(json_object_get(json, "upstream"), "type", "urn:ietf:params:acme:error:caa");
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "upstream"), "subproblems")), 1);
    json_decref(json);
    problem.upstream = "<html>\xff no</html>";
    json = document_of(&problem);
    check_text(json, "upstream", "<html>? no</html>");
    json_decref(json);
}

static void faults_of_the_server_are_not_explained_to_clients(void **state)
{
    static const enum cs_code codes[] = { CS_EINTERNAL, CS_ECONFIG, (enum cs_code)999 };

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct cs_error err;
        struct problem problem;

        cs_fail(&err, codes[i], "the password hunter2 is wrong");
        assert_true(problem_is_internal(&err));
        problem = problem_of_error(&err, "", "{\"account\":\"secret\"}", false);
        assert_null(strstr(problem.detail, "hunter2"));
        assert_null(problem.upstream);
        assert_int_equal(problem.status, 500);
    }
}

static void a_job_that_goes_on_is_a_503(void **state)
{
    struct cs_error err;
    struct problem problem;

    (void)state;
    cs_fail(&err, CS_ETIMEDOUT, "not yet");
    assert_int_equal(problem_of_error(&err, JOB, NULL, false).status, 504);
    problem = problem_of_error(&err, JOB, NULL, true);
    assert_int_equal(problem.status, 503);
    assert_string_equal(problem.slug, "still-running");
}

static void text_of_others_is_always_json(void **state)
{
    struct problem problem = problem_of_http(400, "a\xc3\xa9\x80\xff\xe2\x82 \"\\\n\x01");
    json_t *json = document_of(&problem);

    (void)state;
    check_text(json, "detail", "a\xc3\xa9???? \"\\\n\x01");
    json_decref(json);
}

static void trying_again_is_said_in_whole_seconds(void **state)
{
    struct cs_error err;

    (void)state;
    cs_fail(&err, CS_ELIMIT, "x");
    err.retry_after_ms = 1;
    assert_int_equal(problem_retry_after_s(&err, false), 1);
    err.retry_after_ms = 1000;
    assert_int_equal(problem_retry_after_s(&err, false), 1);
    err.retry_after_ms = 1001;
    assert_int_equal(problem_retry_after_s(&err, false), 2);
    err.retry_after_ms = 0;
    assert_int_equal(problem_retry_after_s(&err, false), 60);
    assert_int_equal(problem_retry_after_s(&err, true), 5);
    err.code = CS_EINPUT;
    assert_int_equal(problem_retry_after_s(&err, false), 0);
    err.code = CS_ESHUTDOWN;
    assert_true(problem_retry_after_s(&err, false) > 0);
}

static void statuses_of_http_have_a_type_each(void **state)
{
    static const int statuses[] = { 400, 404, 405, 408, 413, 414, 415, 417, 431, 501, 505 };

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct problem problem = problem_of_http(statuses[i], "x");

        assert_int_equal(problem.status, statuses[i]);
        assert_true(problem.slug[0] && problem.title[0]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(problem.slug, problem_of_http(statuses[j], "x").slug);
    }
}

static bool is_documented(const char *document, const char *slug)
{
    char row[100];

    snprintf(row, sizeof row, "| `%s` |", slug);
    return strstr(document, row) != NULL;
}

static void every_type_is_in_the_documentation(void **state)
{
    char *document = calloc(1, 100000);
    FILE *file = fopen(getenv("API_DOCUMENT"), "re");
    const char *slug, *title;

    (void)state;
    assert_non_null(file);
    assert_true(fread(document, 1, 99999, file) > 1000);
    fclose(file);
    for (size_t i = 0; problem_title(i, &slug, &title); i++) {
        if (!is_documented(document, slug))
            fprintf(stderr, "# docs/api.md does not list %s\n", slug);
        assert_true(is_documented(document, slug));
        assert_non_null(strstr(document, title));
    }
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_becomes_a_document),
        cmocka_unit_test(what_is_wrong_with_a_disk_is_not_told_to_clients),
        cmocka_unit_test(a_reason_nobody_named_has_the_title_of_its_code),
        cmocka_unit_test(the_ca_s_own_words_are_kept),
        cmocka_unit_test(faults_of_the_server_are_not_explained_to_clients),
        cmocka_unit_test(a_job_that_goes_on_is_a_503),
        cmocka_unit_test(text_of_others_is_always_json),
        cmocka_unit_test(trying_again_is_said_in_whole_seconds),
        cmocka_unit_test(statuses_of_http_have_a_type_each),
        cmocka_unit_test(every_type_is_in_the_documentation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

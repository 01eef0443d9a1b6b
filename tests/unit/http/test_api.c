/* http/api.c: the public API, with a heart that answers as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "rig.h"

#define JOB   "abcdefghijklmnopqrstuvwxyz"
#define CHAIN "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
#define SIGN(fields, length, body) "POST /v1/sign HTTP/1.1\r\nHost: a\r\n" fields "Content-Length: " length "\r\n\r\n" body
#define POST_CSR SIGN("", "3", "CSR")

static struct rig rig;
static const struct answer issued = { .chain = CHAIN, .chain_len = sizeof CHAIN - 1, .job = JOB, .step = "" };
static const struct answer running = { .job = JOB, .step = "poll-authz", .running = true };

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    rig_serve(&rig, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

/* Send a request on a connection of its own; what came is in *c. */
static void ask(struct client *c, const char *request, const struct answer *answer, const char *status)
{
    rig.heart.answer = answer;
    *c = client_connect(&rig, rig.port);
    client_send(c, request);
    assert_true(client_sees(c, status));
    assert_true(client_sees(c, "\r\n\r\n"));
    rig_run(&rig, 5);
    (void)client_sees_nothing(c, 5);
}

static void ask_once(const char *request, const struct answer *answer, const char *status, const char *wanted)
{
    struct client c;

    ask(&c, request, answer, status);
    assert_true(client_sees(&c, wanted));
    client_close(&c);
}

static struct answer failing(struct cs_error *err, enum cs_code code, const char *reason, const char *text)
{
    cs_fail_as(err, code, reason, "%s", text);
    return (struct answer){ .err = err, .job = "", .step = "" };
}

/* ---- POST /v1/sign ----------------------------------------------------------------------------------------------------- */

static void a_csr_goes_in_and_a_chain_comes_out(void **state)
{
    struct client c;

    (void)state;
    ask(&c, SIGN("Content-Type: application/x-www-form-urlencoded\r\n", "3", "CSR"), &issued, "HTTP/1.1 200 OK\r\n");
    assert_true(client_sees(&c, "Content-Type: application/pem-certificate-chain\r\n"));
    assert_true(client_sees(&c, "\r\n\r\n" CHAIN));
    assert_true(client_sees(&c, "Cache-Control: no-store\r\n"));
    assert_true(client_sees(&c, "X-Content-Type-Options: nosniff\r\n"));
    client_close(&c);
    assert_int_equal(rig.heart.n_submitted, 1);
    assert_string_equal(rig.heart.body, "CSR");
    assert_string_equal(rig.heart.front, "http");
    assert_string_equal(rig.heart.content_type, "application/x-www-form-urlencoded");
    assert_false(rig.heart.detach || rig.heart.fresh);
    assert_in_range(rig.heart.deadline_ms - cs_now_ms(), 290000, 300000);
}

static void a_trailing_slash_and_any_query_are_served(void **state)
{
    (void)state;
    ask_once("POST /v1/sign/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nC", &issued, " 200 OK", CHAIN);
    ask_once("POST /v1/sign?x=%zz&[]|= HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nC", &issued, " 200 OK", CHAIN);
    ask_once("POST http://other/v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nC", &issued, " 200 OK", CHAIN);
    ask_once("POST /v1/sign HTTP/1.0\r\nContent-Length: 1\r\n\r\nC", &issued, " 200 OK", CHAIN);
    assert_int_equal(rig.heart.n_submitted, 4);
}

static void a_request_may_be_json(void **state)
{
    struct client c;

    (void)state;
    ask(&c, SIGN("Content-Type: Application/JSON; charset=utf-8\r\nX-Countersign-Label: a=b\r\n", "41",
                 "{\"csr\": \"MA==\", \"labels\": {\"c\": \"d\"}}    "),
        &issued, " 200 OK\r\n");
    client_close(&c);
    assert_string_equal(rig.heart.body, "-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n");
    assert_string_equal(rig.heart.content_type, "");
    ask_once(SIGN("Content-Type: application/json\r\n", "3", "CSR"), &issued, " 400 Bad Request", "error:bad-json\"");
    ask_once(SIGN("Content-Type: application/json\r\n", "2", "{}"), &issued, " 400 Bad Request", "error:no-csr\"");
    assert_int_equal(rig.heart.n_submitted, 1);
}

static void it_is_counted_who_says_where_requests_come_from(void **state)
{
    struct text page = TEXT_MAX(100000);

    (void)state;
    ask_once(SIGN("X-Forwarded-For: 192.0.2.1\r\n", "3", "CSR"), &issued, " 200 OK", CHAIN);
    ask_once(SIGN("Content-Encoding: gzip\r\n", "3", "CSR"), &issued, " 415 ", "content-coding");
    ask_once("GET /v1/requests/" JOB " HTTP/1.1\r\nHost: a\r\n\r\n", &issued, " 200 OK", CHAIN);
    metrics_write(rig.metrics, &page);
    assert_non_null(strstr(text_of(&page), "countersign_http_sources_total{from=\"socket\"} 2\n"));
    assert_null(strstr(text_of(&page), "192.0.2.1"));
    text_free(&page);
}

static void an_unknown_subject_gets_exactly_fifteen_bytes(void **state)
{
    struct cs_error err;
    struct answer answer = failing(&err, CS_EINPUT, "unknown-subject", "nobody knows this subject");
    struct client c;

    (void)state;
    ask(&c, SIGN("Accept: */*\r\n", "3", "CSR"), &answer, "HTTP/1.1 400 Bad Request\r\n");
    assert_true(client_sees(&c, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 15\r\n"));
    assert_string_equal(strstr(text_of(&c.got), "\r\n\r\n"), "\r\n\r\nInvalid subject");
    client_close(&c);
    ask(&c, SIGN("Accept: application/problem+json\r\n", "3", "CSR"), &answer, "HTTP/1.1 400 Bad Request\r\n");
    assert_true(client_sees(&c, "\"type\":\"urn:countersign:error:unknown-subject\""));
    client_close(&c);
}

static void errors_become_problems(void **state)
{
    struct cs_error err;
    struct answer answer = failing(&err, CS_EINPUT, "weak-key", "The RSA key has 512 bits.");
    struct client c;

    (void)state;
    ask(&c, POST_CSR, &answer, "HTTP/1.1 400 Bad Request\r\n");
    assert_true(client_sees(&c, "Content-Type: application/problem+json\r\n"));
    assert_true(client_sees(&c, "\"type\":\"urn:countersign:error:weak-key\""));
    assert_true(client_sees(&c, "\"detail\":\"The RSA key has 512 bits.\""));
    assert_int_equal(client_count(&c, "Retry-After"), 0);
    assert_int_equal(client_count(&c, "Location"), 0);
    client_close(&c);
    answer = failing(&err, CS_ELIMIT, "ca-rate-limited", "too many");
    err.retry_after_ms = 61500;
    answer.job = JOB;
    answer.problem = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}";
    ask(&c, POST_CSR, &answer, "HTTP/1.1 429 Too Many Requests\r\n");
    assert_true(client_sees(&c, "Retry-After: 62\r\n"));
    assert_true(client_sees(&c, "\"instance\":\"/v1/requests/" JOB "\""));
    assert_true(client_sees(&c, "\"upstream\":{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}"));
    client_close(&c);
}

static void faults_of_the_server_stay_in_its_log(void **state)
{
    struct cs_error err;
    struct answer answer = failing(&err, CS_EINTERNAL, "", "hunter2");
    struct client c;

    (void)state;
    ask(&c, POST_CSR, &answer, "HTTP/1.1 500 Internal Server Error\r\n");
    assert_true(client_sees(&c, "urn:countersign:error:internal"));
    assert_int_equal(client_count(&c, "hunter2"), 0);
    client_close(&c);
}

static void a_wait_that_ends_before_the_job_says_where_it_is(void **state)
{
    struct cs_error err;
    struct answer answer = failing(&err, CS_EBUSY, "still-running", "not ready");
    struct client c;

    (void)state;
    answer.running = true;
    answer.job = JOB;
    ask(&c, SIGN("Prefer: wait=20\r\n", "3", "CSR"), &answer, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_true(client_sees(&c, "Location: /v1/requests/" JOB "\r\n"));
    assert_true(client_sees(&c, "Retry-After: 5\r\n"));
    assert_true(client_sees(&c, "Preference-Applied: wait=20\r\n"));
    assert_true(client_sees(&c, "urn:countersign:error:still-running"));
    client_close(&c);
    assert_in_range(rig.heart.deadline_ms - cs_now_ms(), 10000, 20000);
    assert_false(rig.heart.detach);
}

static void a_client_may_ask_not_to_wait(void **state)
{
    struct client c;

    (void)state;
    ask(&c, SIGN("Prefer: respond-async\r\n", "3", "CSR"), &running, "HTTP/1.1 202 Accepted\r\n");
    assert_true(rig.heart.detach);
    assert_true(client_sees(&c, "Location: /v1/requests/" JOB "\r\n"));
    assert_true(client_sees(&c, "Preference-Applied: respond-async\r\n"));
    assert_true(client_sees(&c, "Retry-After: 2\r\n"));
    assert_true(client_sees(&c, "Content-Type: application/json\r\n"));
    assert_true(client_sees(&c, "{\"status\":\"running\",\"request\":\"/v1/requests/" JOB "\",\"step\":\"poll-authz\"}"));
    client_close(&c);
    ask_once(SIGN("Prefer: respond-async\r\n", "3", "CSR"), &issued, " 200 OK", CHAIN);
}

static void a_client_may_wait_a_while_and_then_not(void **state)
{
    struct cs_error err;
    struct answer answer = failing(&err, CS_EBUSY, "still-running", "not ready");
    struct client c;

    (void)state;
    answer.running = true;
    answer.job = JOB;
    answer.step = "publish";
    ask(&c, SIGN("Prefer: respond-async, wait=7\r\n", "3", "CSR"), &answer, "HTTP/1.1 202 Accepted\r\n");
    assert_false(rig.heart.detach);
    assert_true(client_sees(&c, "Preference-Applied: respond-async, wait=7\r\n"));
    assert_true(client_sees(&c, "\"step\":\"publish\""));
    client_close(&c);
}

static void nobody_waits_longer_than_the_server_allows(void **state)
{
    (void)state;
    ask_once(SIGN("Prefer: wait=99999999999\r\n", "3", "CSR"), &issued, " 200 OK", "Preference-Applied: wait=300\r\n");
    assert_in_range(rig.heart.deadline_ms - cs_now_ms(), 290000, 300000);
    ask_once(SIGN("Prefer: wait=0\r\n", "3", "CSR"), &issued, " 200 OK", "Preference-Applied: wait=0\r\n");
    assert_true(rig.heart.deadline_ms <= cs_now_ms());
    assert_false(rig.heart.detach);
}

static void wishes_reach_the_heart(void **state)
{
    (void)state;
    ask_once("POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
             "Content-Type: Application/PKCS10;x=y\r\nCache-Control: no-cache\r\n\r\nC",
             &issued, " 200 OK", CHAIN);
    assert_string_equal(rig.heart.content_type, "application/pkcs10");
    assert_true(rig.heart.fresh);
}

static void bad_labels_and_codings_never_reach_the_heart(void **state)
{
    (void)state;
    ask_once("POST /v1/sign?label.A=b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nC", &issued, " 400 Bad Request",
             "urn:countersign:error:bad-label");
    ask_once(SIGN("Content-Encoding: gzip\r\n", "1", "C"), &issued, " 415 Unsupported Media Type",
             "urn:countersign:error:content-coding");
    assert_int_equal(rig.heart.n_submitted, 0);
}

static void a_body_of_many_bytes_is_one_submission(void **state)
{
    struct text request = TEXT_MAX(40000);
    struct client c;

    (void)state;
    text_add(&request, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 16384\r\n\r\n");
    for (int i = 0; i < 16384; i++)
        text_add_char(&request, "0123456789abcdef"[i % 16]);
    ask(&c, text_of(&request), &issued, " 200 OK");
    assert_int_equal(rig.heart.body_len, 16384);
    assert_string_equal(rig.heart.body, strstr(text_of(&request), "\r\n\r\n") + 4);
    client_close(&c);
    text_free(&request);
}

static void a_heart_without_memory_is_busy(void **state)
{
    (void)state;
    rig.heart.no_memory = true;
    ask_once(POST_CSR, NULL, "HTTP/1.1 503 Service Unavailable\r\n", "urn:countersign:error:busy");
    ask_once("GET /v1/requests/" JOB " HTTP/1.1\r\nHost: a\r\n\r\n", NULL, " 503 ", "Retry-After: 5\r\n");
}

static void what_happens_while_a_request_waits(void **state)
{
    struct client one = client_connect(&rig, rig.port), two = client_connect(&rig, rig.port);

    (void)state;
    client_send(&one, POST_CSR);
    rig_until(&rig, rig.heart.n_waiting == 1);
    client_send(&two, POST_CSR);
    rig_until(&rig, rig.heart.n_waiting == 2);
    client_close(&one); /* hangs up: detached, and the other one is not touched */
    for (int i = 0; i < 3; i++) {
        rig_run(&rig, 10);
        clock_move(rig.loop, 1000);
    }
    rig_until(&rig, rig.heart.n_detached > 0);
    rig_run(&rig, 10);
    assert_int_equal(rig.heart.n_detached, 1);
    assert_int_equal(rig.heart.n_waiting, 1);
    heart_answer(&rig.heart, &issued);
    assert_true(client_sees(&two, CHAIN));
    client_close(&two);
}

static void a_heart_that_forgets_is_detached(void **state)
{
    struct client c = client_connect(&rig, rig.port);

    (void)state;
    client_send(&c, SIGN("Prefer: wait=10\r\n", "3", "CSR"));
    rig_until(&rig, rig.heart.n_waiting == 1);
    clock_move(rig.loop, 14000);
    rig_run(&rig, 10);
    assert_int_equal(rig.heart.n_detached, 0);
    clock_move(rig.loop, 1500);
    assert_true(client_sees(&c, "HTTP/1.1 504 Gateway Timeout\r\n"));
    assert_int_equal(rig.heart.n_detached, 1);
    client_close(&c);
}

/* ---- GET /v1/requests/ID ------------------------------------------------------------------------------------------------ */

static void a_job_can_be_asked_for(void **state)
{
    struct cs_error err;
    struct answer answer = failing(&err, CS_ENOTFOUND, "no-such-request", "there is no such request");
    struct client c;

    (void)state;
    ask_once("GET /v1/requests/" JOB " HTTP/1.1\r\nHost: a\r\n\r\n", &running, " 202 Accepted", "Retry-After: 2\r\n");
    assert_string_equal(rig.heart.looked_for, JOB);
    ask_once("GET /v1/requests/" JOB "?x HTTP/1.1\r\nHost: a\r\n\r\n", &issued, " 200 OK", CHAIN);
    ask_once("GET /v1/requests/" JOB " HTTP/1.1\r\nHost: a\r\n\r\n", &answer, " 404 Not Found",
             "urn:countersign:error:no-such-request");
    answer = failing(&err, CS_EREFUSED, "ca-refused", "CAA forbids it");
    answer.job = JOB;
    ask_once("GET /v1/requests/" JOB " HTTP/1.1\r\nHost: a\r\n\r\n", &answer, " 502 Bad Gateway", "CAA forbids it");
    ask(&c, "HEAD /v1/requests/" JOB " HTTP/1.1\r\nHost: a\r\n\r\n", &issued, " 200 OK");
    assert_int_equal(client_count(&c, "BEGIN"), 0);
    assert_true(client_sees(&c, "Content-Length: 59\r\n"));
    client_close(&c);
    assert_int_equal(rig.heart.n_looked, 5);
}

/* ---- Paths and methods --------------------------------------------------------------------------------------------------- */

static void other_paths_and_methods_are_refused(void **state)
{
    static const struct {
        const char *line, *status, *wanted;
    } cases[] = {
        { "GET /", " 404 Not Found", "urn:countersign:error:not-found" },
        { "POST /", " 404 Not Found", "application/problem+json" },
        { "GET /v1", " 404 ", "not-found" },
        { "POST /v1/sign%00", " 404 ", "not-found" },
        { "POST /v1/%73ign", " 404 ", "not-found" },
        { "POST /V1/sign", " 404 ", "not-found" },
        { "POST //v1/sign", " 404 ", "not-found" },
        { "POST /v1/sign//", " 404 ", "not-found" },
        { "POST /v1/sign/x", " 404 ", "not-found" },
        { "POST /v1/../v1/sign", " 404 ", "not-found" },
        { "GET /healthz", " 404 ", "not-found" },
        { "GET /readyz", " 404 ", "not-found" },
        { "GET /metrics", " 404 ", "not-found" },
        { "GET /v1/requests/", " 404 ", "not-found" },
        { "GET /v1/requests/abc", " 404 ", "not-found" },
        { "GET /v1/requests/" JOB "a", " 404 ", "not-found" },
        { "GET /v1/requests/ABCDEFGHIJKLMNOPQRSTUVWXYZ", " 404 ", "not-found" },
        { "GET /v1/requests/" JOB "/", " 404 ", "not-found" },
        { "GET /v1/sign", " 405 Method Not Allowed", "Allow: POST\r\n" },
        { "PUT /v1/sign", " 405 ", "Allow: POST\r\n" },
        { "DELETE /v1/sign/", " 405 ", "Allow: POST\r\n" },
        { "OPTIONS /v1/sign", " 405 ", "Allow: POST\r\n" },
        { "TRACE /v1/sign", " 405 ", "Allow: POST\r\n" },
        { "PATCH /v1/sign", " 405 ", "urn:countersign:error:method-not-allowed" },
        { "POST /v1/requests/" JOB, " 405 ", "Allow: GET, HEAD\r\n" },
        { "CONNECT a:443", " 405 ", "Allow: GET, HEAD, OPTIONS, POST\r\n" },
        { "OPTIONS *", " 204 No Content", "Allow: GET, HEAD, OPTIONS, POST\r\n" },
        { "BREW /v1/sign", " 501 Not Implemented", "urn:countersign:error:not-implemented" },
        { "post /v1/sign", " 501 ", "not-implemented" },
        { "PROPFIND /", " 501 ", "not-implemented" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text request = TEXT_MAX(1000);

        text_addf(&request, "%s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].line);
        ask_once(text_of(&request), &issued, cases[i].status, cases[i].wanted);
        text_free(&request);
    }
    assert_int_equal(rig.heart.n_submitted + rig.heart.n_looked, 0);
}

static void a_refusal_leaves_the_connection_usable(void **state)
{
    struct client c = client_connect(&rig, rig.port);

    (void)state;
    rig.heart.answer = &issued;
    client_send(&c, "BREW / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /v1/sign HTTP/1.1\r\nHost: a\r\n\r\n" POST_CSR);
    assert_true(client_sees(&c, CHAIN));
    assert_int_equal(client_count(&c, "HTTP/1.1 501 "), 1);
    assert_int_equal(client_count(&c, "HTTP/1.1 405 "), 1);
    client_close(&c);
}

static void what_the_head_decides_is_said_before_the_body(void **state)
{
    static const struct {
        const char *line, *status;
    } cases[] = {
        { "POST /nowhere HTTP/1.1\r\n", " 404 " },
        { "PUT /v1/sign HTTP/1.1\r\n", " 405 " },
        { "BREW /v1/sign HTTP/1.1\r\n", " 501 " },
        { "POST /v1/sign?label.=x HTTP/1.1\r\n", " 400 " },
        { "POST /v1/sign HTTP/1.1\r\nContent-Encoding: br\r\n", " 415 " },
        { "POST /v1/sign HTTP/1.1\r\n", "HTTP/1.1 100 Continue\r\n\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = client_connect(&rig, rig.port);

        client_send(&c, cases[i].line);
        client_send(&c, "Host: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
        assert_true(client_sees(&c, cases[i].status));
        client_close(&c);
    }
    assert_int_equal(rig.heart.n_submitted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_csr_goes_in_and_a_chain_comes_out),
        TEST(a_trailing_slash_and_any_query_are_served),
        TEST(a_request_may_be_json),
        TEST(it_is_counted_who_says_where_requests_come_from),
        TEST(an_unknown_subject_gets_exactly_fifteen_bytes),
        TEST(errors_become_problems),
        TEST(faults_of_the_server_stay_in_its_log),
        TEST(a_wait_that_ends_before_the_job_says_where_it_is),
        TEST(a_client_may_ask_not_to_wait),
        TEST(a_client_may_wait_a_while_and_then_not),
        TEST(nobody_waits_longer_than_the_server_allows),
        TEST(wishes_reach_the_heart),
        TEST(bad_labels_and_codings_never_reach_the_heart),
        TEST(a_body_of_many_bytes_is_one_submission),
        TEST(a_heart_without_memory_is_busy),
        TEST(what_happens_while_a_request_waits),
        TEST(a_heart_that_forgets_is_detached),
        TEST(a_job_can_be_asked_for),
        TEST(other_paths_and_methods_are_refused),
        TEST(a_refusal_leaves_the_connection_usable),
        TEST(what_the_head_decides_is_said_before_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

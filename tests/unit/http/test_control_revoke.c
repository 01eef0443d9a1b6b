/* http/control_revoke.c: what the operator asks on the control socket, and what he is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/sockets.h"
#include "http/revoke.h"
#include "rig.h"

#define REST "AABBCCDDEEFF00112233445566778899aabbccddeeff"
#define HASH "00112233445566778899" REST
#define GOOD "{\"serial\":\"0x3A1F4\",\"reason\":\"superseded\"}"

static struct rig rig;
static struct cs_error err;
static char path[sizeof ((struct sockaddr_un *)0)->sun_path];

static int begin(void **state)
{
    const struct control control = { .heart = (struct heart *)&rig.heart };
    int fd;

    (void)state;
    rig_begin(&rig);
    rig_serve(&rig, NULL);
    snprintf(path, sizeof path, "%s", rig_path(&rig, "control.sock"));
    fd = socket_listen_private(path, &err);
    assert_true(fd >= 0);
    assert_int_equal(http_server_control(rig.server, fd, &control, &err), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct client send_question(const char *json)
{
    struct client c = client_connect_to(&rig, AF_UNIX, path, 0);
    char head[100];

    snprintf(head, sizeof head, "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", strlen(json));
    client_send(&c, head);
    client_send(&c, json);
    return c;
}

/* The heart has the question; it is answered, and that is told. */
static void check(const char *question, const struct revocation_answer *answer, const char *status, const char *wanted)
{
    struct client c = send_question(question);

    rig_until(&rig, rig.heart.asking);
    heart_answer_revocation(&rig.heart, answer);
    assert_true(client_sees(&c, status));
    assert_true(client_sees(&c, wanted));
    client_close(&c);
}

static void check_refused(const char *question, const char *status, const char *wanted)
{
    struct client c = send_question(question);

    assert_true(client_sees(&c, status));
    assert_true(client_sees(&c, wanted));
    assert_null(rig.heart.asking);
    client_close(&c);
}

static const struct revocation_answer revoked = { .serial = "03a1f4", .reason = 4, .revoked_ms = INT64_C(1795273505000) };

static void the_heart_is_asked_for_exactly_what_was_said(void **state)
{
    static const uint8_t hash[4] = { 0x00, 0x11, 0x22, 0x33 }, end_of_hash[4] = { 0xcc, 0xdd, 0xee, 0xff };

    (void)state;
    check(GOOD, &revoked, " 200 OK", "{\"status\":\"revoked\",\"serial\":\"03a1f4\",\"reason\":\"superseded\"");
    assert_string_equal(rig.heart.serial, "03a1f4");
    assert_string_equal(rig.heart.ca, "");
    assert_int_equal(rig.heart.wish.reason, 4);
    assert_null(rig.heart.wish.sha256);
    assert_false(rig.heart.wish.dry_run);
    assert_in_range(rig.heart.deadline_ms - cs_now_ms(), REVOKE_WAIT_MS - 30000, REVOKE_WAIT_MS);
    check("{\"serial\":\"03:a1:f4\",\"sha256\":\"" HASH "\",\"ca\":\"le\",\"reason\":\"keyCompromise\",\"dry_run\":true}",
          &revoked, " 200 OK", "revoked");
    assert_string_equal(rig.heart.ca, "le");
    assert_int_equal(rig.heart.wish.reason, 1);
    assert_non_null(rig.heart.wish.sha256);
    assert_memory_equal(rig.heart.sha256, hash, sizeof hash);
    assert_memory_equal(rig.heart.sha256 + 28, end_of_hash, sizeof end_of_hash);
    assert_true(rig.heart.wish.dry_run);
}

static void what_is_not_understood_never_reaches_the_heart(void **state)
{
    static const struct {
        const char *question, *wanted;
    } odd[] = {
        { "", "serial is not" },
        { "[]", "serial is not" },
        { "{\"reason\":\"superseded\"}", "serial is not" },
        { "{\"serial\":3809780,\"reason\":\"superseded\"}", "serial is not" },
        { "{\"serial\":\"x\",\"reason\":\"superseded\"}", "serial is not" },
        { "{\"serial\":\"1\",\"serial\":\"2\",\"reason\":\"superseded\"}", "serial is not" },
        { "{\"serial\":\"1\",\"sha256\":\"\",\"reason\":\"superseded\"}", "sha256 is not" },
        { "{\"serial\":\"1\",\"sha256\":\"" HASH "0\",\"reason\":\"superseded\"}", "sha256 is not" },
        { "{\"serial\":\"1\",\"sha256\":\"g" HASH "\",\"reason\":\"superseded\"}", "sha256 is not" },
        { "{\"serial\":\"1\",\"sha256\":\"0011223344556677889." REST "\"}", "sha256 is not" },
        { "{\"serial\":\"1\",\"sha256\":\"00112233445566778.99" REST "\"}", "sha256 is not" },
        { "{\"serial\":\"1\"}", "bad-reason" },
        { "{\"serial\":\"1\",\"reason\":4}", "bad-reason" },
        { "{\"serial\":\"1\",\"reason\":\"aACompromise\"}", "unspecified, keyCompromise" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        check_refused(odd[i].question, " 400 ", odd[i].wanted);
}

static void a_heart_that_refuses_at_once_is_heard(void **state)
{
    (void)state;
    cs_fail(&err, CS_ESHUTDOWN, "the server is stopping");
    rig.heart.refusal = &err;
    check_refused(GOOD, " 503 ", "the server is stopping");
}

static void what_goes_on_by_itself_is_no_error(void **state)
{
    (void)state;
    cs_fail_as(&err, CS_EBUSY, "revocation-pending", "the CA has not confirmed it yet");
    check(GOOD, &(struct revocation_answer){ .err = &err }, " 200 OK",
          "{\"status\":\"pending\",\"detail\":\"the CA has not confirmed it yet\"}");
}

static void the_operator_is_told_every_error_as_it_is(void **state)
{
    (void)state;
    cs_fail_as(&err, CS_ENOTFOUND, "not-issued-here", "this server did not issue that certificate");
    check(GOOD, &(struct revocation_answer){ .err = &err }, " 404 ", "this server did not issue that certificate");
    cs_fail(&err, CS_ECONFIG, "the store's plugin keeps no revocations");
    check(GOOD, &(struct revocation_answer){ .err = &err }, " 500 ", "the store's plugin keeps no revocations");
}

static void certificates_are_shown_with_how_their_revocation_stands(void **state)
{
    static const char *const words[] = { "no", "under way", "revoked", "failed" };
    struct revocation_certificate of = { .serial = (char[]){ "0a" }, .ca = (char[]){ "le" }, .zone = (char[]){ "x.example" },
                                         .subject = (char[]){ "CN=a" }, .names = (char[]){ "a b" },
                                         .not_after_ms = INT64_C(1795273505000) };
    struct revocation_certificate other = of;
    char wanted[100];

    (void)state;
    for (int i = 0; i <= CS_REVOCATION_FAILED; i++) {
        of.state = (enum cs_revocation_state)i;
        snprintf(wanted, sizeof wanted, "\"not_after\":\"2026-11-21T15:05:05Z\",\"revocation\":\"%s\"}]}", words[i]);
        check(GOOD, &(struct revocation_answer){ .certificates = &of }, " 200 OK", wanted);
    }
    of.next = &other;
    other.ca = (char[]){ "lab" };
    check(GOOD, &(struct revocation_answer){ .certificates = &of },
          "{\"status\":\"found\",\"certificates\":[{\"serial\":\"0a\",\"ca\":\"le\"",
          "},{\"serial\":\"0a\",\"ca\":\"lab\",\"zone\":\"x.example\",\"subject\":\"CN=a\",\"names\":\"a b\"");
}

static void an_operator_who_left_does_not_stop_it(void **state)
{
    struct client c = send_question(GOOD);

    (void)state;
    rig_until(&rig, rig.heart.asking);
    client_close(&c);
    rig_until(&rig, http_server_connections(rig.server) == 0);
    assert_int_equal(rig.heart.n_detached, 0);
    heart_answer_revocation(&rig.heart, &revoked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_heart_is_asked_for_exactly_what_was_said, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_understood_never_reaches_the_heart, begin, end),
        cmocka_unit_test_setup_teardown(a_heart_that_refuses_at_once_is_heard, begin, end),
        cmocka_unit_test_setup_teardown(what_goes_on_by_itself_is_no_error, begin, end),
        cmocka_unit_test_setup_teardown(the_operator_is_told_every_error_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(certificates_are_shown_with_how_their_revocation_stands, begin, end),
        cmocka_unit_test_setup_teardown(an_operator_who_left_does_not_stop_it, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

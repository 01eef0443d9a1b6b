/* http/control.c: what the commands of `countersign privacy` ask; who may, and what is understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/sockets.h"
#include "rig.h"

/* What was asked for last, and what to answer. */
static struct asked {
    char which[20];
    struct source source;
    char zone[260], label[40], value[80];
    int64_t before, day;
    bool has_src;
    size_t n;
    bool later; /* the call waits in `call` */
    struct control_call *call;
    struct cs_error err; /* to answer with */
} asked;

static struct rig rig;
static char path[sizeof ((struct sockaddr_un *)0)->sun_path];

static void answer(struct control_call *call, const char *which)
{
    snprintf(asked.which, sizeof asked.which, "%s", which);
    asked.n++;
    if (asked.later)
        asked.call = call;
    else if (asked.err.code)
        control_answer(call, NULL, &asked.err);
    else
        control_answer(call, json_pack("{s:s}", "asked", which), NULL);
}

static void note(const struct control_what *what)
{
    const struct cs_visits_erasure *e = &what->erasure;

    asked.source = what->source;
    snprintf(asked.zone, sizeof asked.zone, "%s", e->zone ? e->zone : "(null)");
    snprintf(asked.label, sizeof asked.label, "%s", e->label_name ? e->label_name : "(null)");
    snprintf(asked.value, sizeof asked.value, "%s", e->label_value ? e->label_value : "(null)");
    asked.before = e->before_day;
    asked.day = e->day;
    asked.has_src = e->has_src;
    assert_int_equal(e->size, sizeof *e);
}

static void on_status(void *arg, struct control_call *call)
{
    assert_ptr_equal(arg, &asked);
    answer(call, "status");
}

static void on_confirm(void *arg, struct control_call *call)
{
    (void)arg;
    answer(call, "confirm");
}

static void on_erase(void *arg, const struct control_what *what, struct control_call *call)
{
    (void)arg;
    note(what);
    answer(call, "erase");
}

static void on_export(void *arg, const struct control_what *what, struct control_call *call)
{
    (void)arg;
    note(what);
    answer(call, "export");
}

static const struct control_ops ops = { .status = on_status, .confirm = on_confirm, .erase = on_erase, .export = on_export };

static int begin(void **state)
{
    struct cs_error err = { 0 };
    const struct control control = { .ops = &ops, .arg = &asked };
    int fd;

    (void)state;
    asked = (struct asked){ 0 };
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

static struct client connect_here(void)
{
    return client_connect_to(&rig, AF_UNIX, path, 0);
}

static void send_body(struct client *c, const char *line, const char *body)
{
    char head[300];

    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", line, strlen(body));
    client_send(c, head);
    client_send(c, body);
}

static void check(const char *line, const char *body, const char *status, const char *wanted)
{
    struct client c = connect_here();

    send_body(&c, line, body);
    assert_true(client_sees(&c, status));
    assert_true(client_sees(&c, wanted));
    client_close(&c);
}

/* ---- Questions ------------------------------------------------------------------------------------------------------- */

static void each_question_is_asked_and_its_answer_is_json(void **state)
{
    (void)state;
    check("GET /v1/privacy/status", "", " 200 OK", "{\"asked\":\"status\"}");
    check("POST /v1/privacy/confirm", "{}", "application/json", "{\"asked\":\"confirm\"}");
    check("POST /v1/privacy/erase", "{\"zone\":\"a.example\"}", " 200 OK", "{\"asked\":\"erase\"}");
    check("POST /v1/privacy/export", "{\"address\":\"192.0.2.7\"}", " 200 OK", "{\"asked\":\"export\"}");
    assert_int_equal(asked.n, 4);
}

static void an_erasure_has_what_was_said_and_nothing_else(void **state)
{
    (void)state;
    check("POST /v1/privacy/erase", "{\"address\":\"192.0.2.7\"}", " 200 ", "erase");
    assert_int_equal(asked.source.family, SOURCE_IPV4);
    assert_memory_equal(asked.source.address, "\xc0\x00\x02\x07\0\0\0\0", 8);
    assert_string_equal(asked.zone, "(null)");
    assert_string_equal(asked.label, "(null)");
    assert_string_equal(asked.value, "(null)");
    assert_int_equal(asked.before, 0);
    assert_int_equal(asked.day, -1);
    assert_false(asked.has_src);
    check("POST /v1/privacy/erase", "{\"zone\":\"\",\"label\":\"campaign\",\"value\":\"\",\"before\":\"1970-01-03\"}", " 200 ",
          "erase");
    assert_int_equal(asked.source.family, SOURCE_UNKNOWN);
    assert_string_equal(asked.zone, "");
    assert_string_equal(asked.label, "campaign");
    assert_string_equal(asked.value, "");
    assert_int_equal(asked.before, 2);
}

static void an_ipv6_address_is_its_64_and_a_mapped_one_its_ipv4(void **state)
{
    (void)state;
    check("POST /v1/privacy/export", "{\"address\":\"2001:db8:1:2:3:4:5:6\"}", " 200 ", "export");
    assert_int_equal(asked.source.family, SOURCE_IPV6);
    assert_memory_equal(asked.source.address, "\x20\x01\x0d\xb8\x00\x01\x00\x02", 8);
    check("POST /v1/privacy/export", "{\"address\":\"::ffff:192.0.2.7\"}", " 200 ", "export");
    assert_int_equal(asked.source.family, SOURCE_IPV4);
}

static void what_is_not_understood_is_refused_before_anything_is_erased(void **state)
{
    static const struct {
        const char *body, *wanted;
    } odd[] = {
        { "", "not a JSON object" },
        { "[]", "not a JSON object" },
        { "{\"zone\":\"a\",\"zone\":\"b\"}", "not a JSON object" },
        { "{}", "say what to erase" },
        { "{\"adress\":\"192.0.2.7\"}", "a word that this question does not have" },
        { "{\"address\":\"192.0.2.7\",\"since\":\"2026-01-01\"}", "a word that this question does not have" },
        { "{\"address\":\"192.0.2.777\"}", "address is not an IPv4 or IPv6 address" },
        { "{\"address\":\"192.0.2.7:80\"}", "address is not an IPv4 or IPv6 address" },
        { "{\"address\":7}", "address is not a text" },
        { "{\"zone\":null}", "zone is not a text" },
        { "{\"zone\":\"a\\u0000b\"}", "a JSON object" },
        { "{\"label\":\"\"}", "1 to 32 characters" },
        { "{\"label\":\"123456789012345678901234567890123\"}", "1 to 32 characters" },
        { "{\"value\":\"x\"}", "value needs label" },
        { "{\"before\":\"tomorrow\"}", "before is not a day" },
        { "{\"before\":\"2026-02-30\"}", "before is not a day" },
        { "{\"before\":\"1970-01-01\"}", "before is not a day" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        check("POST /v1/privacy/erase", odd[i].body, " 400 Bad Request", odd[i].wanted);
    check("POST /v1/privacy/export", "{\"zone\":\"a\"}", " 400 ", "does not have");
    check("POST /v1/privacy/export", "{}", " 400 ", "address is missing");
    check("POST /v1/privacy/export", "{\"address\":\"192.0.2.7\",\"label\":\"a\"}", " 400 ", "does not have");
    assert_int_equal(asked.n, 0);
}

static void no_answer_repeats_the_address(void **state)
{
    struct client c = connect_here();

    (void)state;
    send_body(&c, "POST /v1/privacy/erase", "{\"address\":\"198.51.100.23x\"}");
    assert_true(client_sees(&c, " 400 "));
    assert_true(client_sees(&c, "address is not"));
    assert_int_equal(client_count(&c, "198.51"), 0);
    client_close(&c);
}

static void another_path_or_method_is_refused(void **state)
{
    (void)state;
    check("GET /v1/sign", "", " 404 ", "another version than the command");
    check("GET /v1/privacy/erase", "", " 405 ", "Allow: POST\r\n");
    check("POST /v1/privacy/status", "{}", " 405 ", "Allow: GET\r\n");
    check("BREW /v1/privacy/status", "", " 501 ", "not-implemented");
    assert_int_equal(asked.n, 0);
}

static void a_client_that_asks_before_it_sends_is_told_at_once(void **state)
{
    struct client c = connect_here();

    (void)state;
    client_send(&c, "POST /v1/privacy/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_true(client_sees(&c, " 404 "));
    client_close(&c);
    c = connect_here();
    client_send(&c, "POST /v1/privacy/confirm HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_true(client_sees(&c, " 100 Continue"));
    client_send(&c, "{}");
    assert_true(client_sees(&c, "{\"asked\":\"confirm\"}"));
    client_close(&c);
}

/* ---- Answers --------------------------------------------------------------------------------------------------------- */

static void an_error_is_told_as_it_is(void **state)
{
    (void)state;
    cs_fail(&asked.err, CS_EINTERNAL, "the visits database is damaged: see docs/store.md");
    check("POST /v1/privacy/confirm", "{}", " 500 ", "the visits database is damaged: see docs/store.md");
    cs_fail(&asked.err, CS_EBUSY, "somebody holds the database");
    check("POST /v1/privacy/confirm", "{}", " 503 ", "somebody holds the database");
}

static void a_question_whose_asker_left_is_still_answered_once(void **state)
{
    struct client c = connect_here();

    (void)state;
    asked.later = true;
    send_body(&c, "POST /v1/privacy/erase", "{\"zone\":\"a.example\"}");
    rig_until(&rig, asked.call != NULL);
    client_close(&c);
    rig_until(&rig, http_server_connections(rig.server) == 0);
    control_answer(asked.call, json_object(), NULL);
}

static void an_answer_that_takes_too_long_is_a_timeout_and_may_come_later(void **state)
{
    struct client c = connect_here();

    (void)state;
    asked.later = true;
    send_body(&c, "POST /v1/privacy/erase", "{\"zone\":\"a.example\"}");
    rig_until(&rig, asked.call != NULL);
    clock_move(rig.loop, 301000);
    assert_true(client_sees(&c, " 504 "));
    control_answer(asked.call, json_object(), NULL);
    client_close(&c);
}

static void on_drained(void *arg)
{
    (void)arg;
}

static void a_stopping_server_closes_the_control_socket_but_answers_what_it_took(void **state)
{
    struct client idle = connect_here(), busy = connect_here();
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    asked.later = true;
    send_body(&busy, "POST /v1/privacy/erase", "{\"zone\":\"a.example\"}");
    rig_until(&rig, asked.call && http_server_connections(rig.server) == 2);
    http_server_drain(rig.server, cs_now_ms() + 30000, on_drained, NULL);
    assert_true(client_sees_end(&idle));
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    control_answer(asked.call, json_pack("{s:i}", "requests", 3), NULL);
    assert_true(client_sees(&busy, "{\"requests\":3}"));
    close(fd);
    client_close(&idle);
    client_close(&busy);
    rig_until(&rig, http_server_connections(rig.server) == 0);
}

/* ---- Who may --------------------------------------------------------------------------------------------------------- */

static void the_socket_is_its_owners_only(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* A process of its own, as another user when we are root: even when the socket's file lets it in, it is not admitted. */
static pid_t ask_as_nobody(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    pid_t pid = fork();
    char byte;
    int fd;

    if (pid != 0)
        return pid;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        _exit(2);
    if (send(fd, "GET /v1/privacy/status HTTP/1.1\r\nHost: a\r\n\r\n", 44, MSG_NOSIGNAL) < 0)
        _exit(0);
    _exit(read(fd, &byte, 1) <= 0 ? 0 : 3);
}

static void another_user_is_not_admitted(void **state)
{
    struct text text = TEXT_MAX(100000);
    int status = -1;
    pid_t pid;

    (void)state;
    if (geteuid() != 0) { /* then nobody else can be impersonated; root's own case is all that is left to try */
        check("GET /v1/privacy/status", "", " 200 ", "status");
        return;
    }
    assert_int_equal(chmod(rig.folder, 0755), 0);
    assert_int_equal(chmod(path, 0666), 0);
    pid = ask_as_nobody();
    assert_true(pid > 0);
    rig_until(&rig, waitpid(pid, &status, WNOHANG) == pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(asked.n, 0);
    metrics_write(rig.metrics, &text);
    assert_non_null(strstr(text_of(&text), "listener=\"control\",event=\"denied\"} 1\n"));
    text_free(&text);
}

/* SO_PEERCRED of anything else tells uid 0 or -1 without a word: it must not pass for root. */
static void a_socket_that_has_no_peer_admits_nobody(void **state)
{
    uint16_t port;
    int fd = rig_listen(AF_INET, NULL, &port);

    (void)state;
    assert_false(control_admit(-1));
    assert_false(control_admit(fd));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_question_is_asked_and_its_answer_is_json, begin, end),
        cmocka_unit_test_setup_teardown(an_erasure_has_what_was_said_and_nothing_else, begin, end),
        cmocka_unit_test_setup_teardown(an_ipv6_address_is_its_64_and_a_mapped_one_its_ipv4, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_understood_is_refused_before_anything_is_erased, begin, end),
        cmocka_unit_test_setup_teardown(no_answer_repeats_the_address, begin, end),
        cmocka_unit_test_setup_teardown(another_path_or_method_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_asks_before_it_sends_is_told_at_once, begin, end),
        cmocka_unit_test_setup_teardown(an_error_is_told_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(a_question_whose_asker_left_is_still_answered_once, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_that_takes_too_long_is_a_timeout_and_may_come_later, begin, end),
        cmocka_unit_test_setup_teardown(a_stopping_server_closes_the_control_socket_but_answers_what_it_took, begin, end),
        cmocka_unit_test_setup_teardown(the_socket_is_its_owners_only, begin, end),
        cmocka_unit_test_setup_teardown(another_user_is_not_admitted, begin, end),
        cmocka_unit_test_setup_teardown(a_socket_that_has_no_peer_admits_nobody, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* dns-rfc2136 as a whole: answers that are forged or damaged are passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../fakes/updating.h"

enum { QR_HIGH = 0x80, TYPE_A = 1 };

static struct updating u;
static struct updating_op op;

/* ---- Forgeries: what is sent before, or instead of, the true answer ------------------------------------------------- */

static void other_id(struct updating_server *s, struct message *reply)
{
    updating_sign(s, reply);
    change16(reply, 0, read16(reply->at) + 1);
}

static void a_request(struct updating_server *s, struct message *reply)
{
    reply->at[2] &= (uint8_t)~QR_HIGH;
    updating_sign(s, reply);
}

static void other_opcode(struct updating_server *s, struct message *reply)
{
    reply->at[2] = QR_HIGH;
    updating_sign(s, reply);
}

static void other_zone(struct updating_server *s, struct message *reply)
{
    reply->at[13] ^= 1;
    updating_sign(s, reply);
}

static void other_type(struct updating_server *s, struct message *reply)
{
    change16(reply, reply->len - 4, TYPE_A);
    updating_sign(s, reply);
}

static void not_signed(struct updating_server *s, struct message *reply)
{
    (void)s, (void)reply;
}

static void other_secret(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.secret = "another secret of the same bytes";
    updating_sign_as(reply, &maker);
}

static void without_request_mac(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.request_mac = NULL;
    updating_sign_as(reply, &maker);
}

/* A true answer, but to the question for the zone, which came before. */
static void replayed(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.request_mac = s->seen[0].mac;
    updating_sign_as(reply, &maker);
}

static void two_tsigs(struct updating_server *s, struct message *reply)
{
    updating_sign(s, reply);
    updating_sign(s, reply);
}

static void tsig_not_last(struct updating_server *s, struct message *reply)
{
    updating_sign(s, reply);
    put_record(reply, "x.", TYPE_A, 1, 0, "\1\2\3\4", 4);
    change16(reply, 10, 2);
}

/* The last record, but of the authority section. */
static void tsig_elsewhere(struct updating_server *s, struct message *reply)
{
    updating_sign(s, reply);
    change16(reply, 10, 0);
    change16(reply, 8, 1);
}

static void other_algorithm(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.algorithm = "hmac-sha512.";
    maker.digest = "SHA512";
    updating_sign_as(reply, &maker);
}

static void other_key(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.name = "other.example.";
    updating_sign_as(reply, &maker);
}

static void short_mac(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.mac_len = 16;
    updating_sign_as(reply, &maker);
}

static void no_mac(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.no_mac = true;
    updating_sign_as(reply, &maker);
}

static void success_with_an_error(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.error = 17;
    updating_sign_as(reply, &maker);
}

static void success_with_an_unsigned_error(struct updating_server *s, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    maker.error = 17;
    maker.no_mac = true;
    updating_sign_as(reply, &maker);
}

static void bytes_behind(struct updating_server *s, struct message *reply)
{
    updating_sign(s, reply);
    put8(reply, 0);
}

static void two_opts(struct updating_server *s, struct message *reply)
{
    put_opt(reply, 1232, 0, "", 0);
    put_opt(reply, 1232, 0, "", 0);
    change16(reply, 10, 2);
    updating_sign(s, reply);
}

static void cut_short(struct updating_server *s, struct message *reply)
{
    updating_sign(s, reply);
    reply->len -= 7;
}

static void too_short_for_a_header(struct updating_server *s, struct message *reply)
{
    (void)s;
    reply->len = 11;
}

static void two_zones(struct updating_server *s, struct message *reply)
{
    put_question(reply, "lab.example.", 6, 1);
    change16(reply, 4, 2);
    updating_sign(s, reply);
}

static const struct {
    const char *name;
    void (*make)(struct updating_server *s, struct message *reply);
    const char *why;
} forgeries[] = {
    { "another id", other_id, "it belongs to another request" },
    { "no QR", a_request, "it belongs to another request" },
    { "another opcode", other_opcode, "it belongs to another request" },
    { "another zone", other_zone, "it is about something else" },
    { "another type", other_type, "it is about something else" },
    { "two zones", two_zones, "it is about something else" },
    { "not signed", not_signed, "but is not signed" },
    { "another secret", other_secret, "not made with our key" },
    { "a MAC without ours", without_request_mac, "not made with our key" },
    { "a replay", replayed, "not made with our key, or not for this request" },
    { "two TSIGs", two_tsigs, "it is malformed" },
    { "TSIG not last", tsig_not_last, "it is malformed" },
    { "TSIG in another section", tsig_elsewhere, "it is malformed" },
    { "another algorithm", other_algorithm, "not made with our key" },
    { "another key", other_key, "not made with our key" },
    { "a cut MAC", short_mac, "not made with our key" },
    { "no MAC", no_mac, "not made with our key" },
    { "success with BADKEY", success_with_an_error, "that its TSIG failed" },
    { "success with BADKEY, no MAC", success_with_an_unsigned_error, "that its TSIG failed" },
    { "bytes behind the end", bytes_behind, "it is malformed" },
    { "two OPTs", two_opts, "it is malformed" },
    { "cut short", cut_short, "it is malformed" },
    { "eleven bytes", too_short_for_a_header, "it belongs to another request" },
};
static size_t forgery;

static void forge_then_tell_the_truth(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    static struct message forged;

    forged = *reply;
    forgeries[forgery].make(s, &forged);
    updating_send(s, question->port, &forged);
    updating_sign(s, reply);
}

static void forge_only(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)question;
    forgeries[forgery].make(s, reply);
}

static void a_forged_answer_is_passed_over(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = forge_then_tell_the_truth;
    for (forgery = 0; forgery < sizeof forgeries / sizeof *forgeries; forgery++) {
        updating_do(&u, &op);
        if (op.err.code != CS_OK)
            fail_msg("%s: %s", forgeries[forgery].name, op.err.text);
        assert_int_equal(u.servers[0].updates, forgery + 1);
    }
}

static void forged_answers_alone_are_a_failure_that_says_why(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = forge_only;
    for (forgery = 0; forgery < sizeof forgeries / sizeof *forgeries; forgery++) {
        updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
        updating_hurry(&u, &op);
        updating_expect(&op, CS_EUPSTREAM, forgeries[forgery].why);
        assert_null(strstr(op.err.text, UPDATING_BASE64));
    }
}

/* A secondary that forwards an update gives it an id of its own, and the primary signs that. */
static void sign_another_original_id(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    (void)question;
    maker.original_id ^= 1;
    updating_sign_as(reply, &maker);
}

static void a_forwarded_answer_is_good(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = sign_another_original_id;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
}

/* ---- Somebody else's answer ---------------------------------------------------------------------------------------- */

static void answer_from_elsewhere(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(question->port) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    updating_sign(s, reply);
    if (!question->tcp)
        assert_int_equal(sendto(fd, reply->at, reply->len, 0, (struct sockaddr *)&to, sizeof to), reply->len);
    close(fd);
    reply->len = 0;
}

static void an_answer_from_another_address_is_not_heard(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = answer_from_elsewhere;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].updates, 1);
    updating_settle(&u);
    assert_false(op.over);
    updating_hurry(&u, &op);
    updating_expect(&op, CS_ETIMEDOUT, "no answer within 8 s");
}

static int set_up(void **state)
{
    (void)state;
    updating_up(&u, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    updating_down(&u);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_forged_answer_is_passed_over),
        TEST(forged_answers_alone_are_a_failure_that_says_why),
        TEST(a_forwarded_answer_is_good),
        TEST(an_answer_from_another_address_is_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

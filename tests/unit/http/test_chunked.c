/* http/chunked.c: chunked bodies. Each case is read at once, byte by byte, and cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "http/chunked.h"

#define READY 200

/* Returns READY, 0 for more, or the refusal; *left is what was not taken. */
static int read_in_steps(const char *bytes, size_t len, size_t first, size_t step, struct text *body, size_t *left)
{
    struct chunked *c = calloc(1, sizeof *c);
    enum message_state state = MESSAGE_MORE;
    size_t done = 0, end = first < len ? first : len;
    int status;

    while (state == MESSAGE_MORE && done < len) {
        size_t used = 0, n = end - done;
        char *copy = malloc(n ? n : 1);

        memcpy(copy, bytes + done, n);
        state = chunked_read(c, copy, n, &used, body);
        free(copy);
        assert_true(used <= n);
        assert_true(state != MESSAGE_MORE || used == n);
        done += used;
        end = end + step < len ? end + step : len;
    }
    *left = len - done;
    status = state == MESSAGE_MORE ? 0 : state == MESSAGE_READY ? READY : c->status;
    if (state == MESSAGE_BAD)
        assert_true(c->fault && c->fault[0]);
    free(c);
    return status;
}

static void check(const char *bytes, size_t len, int status, const char *decoded, size_t left)
{
    for (size_t cut = 0; cut <= len; cut++) {
        struct text body = TEXT_MAX(MESSAGE_MAX_BODY);
        size_t rest = 0;
        size_t step = cut ? len : 1; /* cut 0: byte by byte */

        assert_int_equal(read_in_steps(bytes, len, cut ? cut : 1, step, &body, &rest), status);
        assert_false(text_failed(&body));
        if (decoded)
            assert_string_equal(text_of(&body), decoded);
        if (status == READY)
            assert_int_equal(rest, left);
        text_free(&body);
    }
}

static void good_bodies_are_put_together(void **state)
{
    static const struct {
        const char *bytes, *decoded;
        size_t left;
    } cases[] = {
        { "0\r\n\r\n", "", 0 },
        { "3\r\nabc\r\n0\r\n\r\n", "abc", 0 },
        { "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /", "abcde", 5 },
        { "0003\r\nabc\r\n000\r\n\r\n", "abc", 0 },
        { "a\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0 },
        { "A\r\n0123\r\n6789\r\n0\r\n\r\n", "0123\r\n6789", 0 },
        { "3;x\r\nabc\r\n0;y=\"z;\"\r\n\r\n", "abc", 0 },
        { "3 ;x=y\r\nabc\r\n0\t; z\r\n\r\n", "abc", 0 },
        { "3\r\nabc\r\n0\r\nX: y\r\nContent-Length: 5\r\n\r\n", "abc", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].bytes, strlen(cases[i].bytes), READY, cases[i].decoded, cases[i].left);
}

static void bad_framing_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        int status;
    } cases[] = {
        { "\r\n", 400 },
        { "x\r\n", 400 },
        { "0x5\r\nabcde\r\n0\r\n\r\n", 400 },
        { "+3\r\nabc\r\n0\r\n\r\n", 400 },
        { "-1\r\n", 400 },
        { " 3\r\nabc\r\n0\r\n\r\n", 400 },
        { "3 \r\nabc\r\n0\r\n\r\n", 400 },
        { "3 4\r\nabc\r\n0\r\n\r\n", 400 },
        { "3,\r\nabc\r\n0\r\n\r\n", 400 },
        { ";x\r\nabc\r\n", 400 },
        { "3\nabc\r\n0\r\n\r\n", 400 },
        { "3\rabc\r\n0\r\n\r\n", 400 },
        { "3\r\r\nabc\r\n0\r\n\r\n", 400 },
        { "3\r\nabcd\r\n0\r\n\r\n", 400 },
        { "3\r\nabc\n0\r\n\r\n", 400 },
        { "3\r\nabc0\r\n\r\n", 400 },
        { "3\r\nabc\r0\r\n\r\n", 400 },
        { "3\r\nabc\r\n\r\n0\r\n\r\n", 400 },
        { "3;\x01\r\nabc\r\n0\r\n\r\n", 400 },
        { "0\r\nX y: z\r\n\r\n", 400 },
        { "0\r\n: z\r\n\r\n", 400 },
        { "0\r\nX: y\r\n z\r\n\r\n", 400 },
        { "0\r\nX: y\n\r\n", 400 },
        { "0\r\nX\r\n\r\n", 400 },
        { "0\r\n\n", 400 },
        { "4001\r\n", 413 },
        { "ffffffff\r\n", 413 },
        { "ffffffffffffffff\r\n", 413 },
        { "7fffffffffffffff\r\n", 413 },
        { "3\r\nabc\r\n3ffe\r\n", 413 },
        { "10000000000000003\r\nabc", 400 },
        { "00000000000000003\r\nabc", 400 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].bytes, strlen(cases[i].bytes), cases[i].status, NULL, 0);
    check("3\r\nabc\r\n0\r\nX: \0\r\n\r\n", 20, 400, NULL, 0);
}

static void unfinished_bodies_ask_for_more(void **state)
{
    static const char *const cases[] = { "3", "3\r", "3\r\n", "3\r\nab", "3\r\nabc", "3\r\nabc\r", "3\r\nabc\r\n",
                                         "0\r\n", "0\r\n\r", "0\r\nX: y\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i], strlen(cases[i]), 0, NULL, 0);
}

static int read_repeated(const char *begin, const char *piece, size_t times, const char *end, size_t *body_len)
{
    struct text t = TEXT_MAX(1 << 20), body = TEXT_MAX(MESSAGE_MAX_BODY);
    size_t left;
    int status;

    text_add(&t, begin);
    for (size_t i = 0; i < times; i++)
        text_add(&t, piece);
    text_add(&t, end);
    status = read_in_steps(text_of(&t), t.len, 4096, 4096, &body, &left);
    *body_len = body.len;
    text_free(&t);
    text_free(&body);
    return status;
}

static void sizes_have_limits_to_the_byte(void **state)
{
    size_t len;

    (void)state;
    assert_int_equal(read_repeated("", "1\r\na\r\n", MESSAGE_MAX_BODY, "0\r\n\r\n", &len), READY);
    assert_int_equal(len, MESSAGE_MAX_BODY);
    assert_int_equal(read_repeated("", "1\r\na\r\n", MESSAGE_MAX_BODY + 1, "0\r\n\r\n", &len), 413);
    assert_int_equal(read_repeated("4000\r\n", "a", MESSAGE_MAX_BODY, "\r\n0\r\n\r\n", &len), READY);
    assert_int_equal(read_repeated("", "000000000000001;x\r\na\r\n", MESSAGE_MAX_BODY, "0\r\n\r\n", &len), 413);
    assert_int_equal(read_repeated("3;", "x", CHUNKED_MAX_LINE - 3, "\r\nabc\r\n0\r\n\r\n", &len), READY);
    assert_int_equal(read_repeated("3;", "x", CHUNKED_MAX_LINE, "\r\nabc\r\n0\r\n\r\n", &len), 400);
    assert_int_equal(read_repeated("0\r\n", "X: yyyy\r\n", 455, "\r\n", &len), READY);
    assert_int_equal(read_repeated("0\r\n", "X: yyyy\r\n", 456, "\r\n", &len), 431);
    assert_int_equal(read_repeated("0\r\nX:", "y", CHUNKED_MAX_LINE, "\r\n\r\n", &len), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_bodies_are_put_together),
        cmocka_unit_test(bad_framing_is_refused),
        cmocka_unit_test(unfinished_bodies_ask_for_more),
        cmocka_unit_test(sizes_have_limits_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base/der.c: a strict walker over DER. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static int next(const uint8_t *at, size_t len)
{
    struct der_span in = { at, len }, content, whole;
    uint8_t tag;

    return der_next(&in, &tag, &content, &whole);
}

static void an_element_is_taken_off(void **state)
{
    const uint8_t der[] = { 0x02, 0x01, 0x05, 0x04, 0x00 };
    struct der_span in = { der, sizeof der }, content, whole;
    uint8_t tag;

    (void)state;
    assert_int_equal(der_next(&in, &tag, &content, &whole), 0);
    assert_int_equal(tag, 0x02);
    assert_ptr_equal(content.at, der + 2);
    assert_int_equal(content.len, 1);
    assert_ptr_equal(whole.at, der);
    assert_int_equal(whole.len, 3);
    assert_int_equal(der_next(&in, &tag, &content, &whole), 0);
    assert_int_equal(tag, 0x04);
    assert_int_equal(content.len, 0);
    assert_int_equal(in.len, 0);
    assert_int_equal(der_next(&in, &tag, &content, &whole), -1);
}

static void a_length_has_one_form_and_fits(void **state)
{
    uint8_t long_one[3 + 0x80] = { 0x04, 0x81, 0x80 };

    (void)state;
    assert_int_equal(next(long_one, sizeof long_one), 0);
    assert_int_equal(next(long_one, sizeof long_one - 1), -1);
    assert_int_equal(next(BYTES(0x04)), -1);
    assert_int_equal(next(BYTES(0x04, 0x01)), -1);
    assert_int_equal(next(BYTES(0x04, 0x81, 0x01, 0x00)), -1);             /* could be shorter */
    assert_int_equal(next(BYTES(0x04, 0x82, 0x00, 0x80, 0x00)), -1);       /* leading zero     */
    assert_int_equal(next(BYTES(0x30, 0x80, 0x00, 0x00)), -1);             /* indefinite       */
    assert_int_equal(next(BYTES(0x04, 0xff)), -1);
    assert_int_equal(next(BYTES(0x04, 0x84, 0xff, 0xff, 0xff, 0xff)), -1); /* longer than all  */
    assert_int_equal(next(BYTES(0x04, 0x85, 0x01, 0, 0, 0, 0, 0)), -1);    /* five bytes       */
    assert_int_equal(next(BYTES(0x1f, 0x01, 0x00)), -1);                   /* a long tag       */
}

static void what_is_der_all_the_way_down_is_strict(void **state)
{
    (void)state;
    assert_true(der_is_strict(BYTES(0x30, 0x00)));
    assert_true(der_is_strict(BYTES(0x05, 0x00)));
    assert_true(der_is_strict(BYTES(0x01, 0x01, 0xff)));
    assert_true(der_is_strict(BYTES(0x02, 0x01, 0x80)));
    assert_true(der_is_strict(BYTES(0x02, 0x02, 0x00, 0x80)));
    assert_true(der_is_strict(BYTES(0x06, 0x03, 0x55, 0x04, 0x03)));
    assert_true(der_is_strict(BYTES(0x03, 0x01, 0x00)));
    assert_true(der_is_strict(BYTES(0x03, 0x02, 0x07, 0x80)));
    assert_true(der_is_strict(BYTES(0x30, 0x05, 0xa0, 0x03, 0x02, 0x01, 0x00)));
    assert_true(der_is_strict(BYTES(0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02)));
    assert_true(der_is_strict(BYTES(0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01)));
    assert_true(der_is_strict(BYTES(0x31, 0x07, 0x02, 0x01, 0x05, 0x02, 0x02, 0x01, 0x00)));
}

static void every_second_form_is_refused(void **state)
{
    (void)state;
    assert_false(der_is_strict(BYTES(0x30, 0x00, 0x00)));                                     /* bytes behind   */
    assert_false(der_is_strict(BYTES(0x01, 0x01, 0x01)));                                     /* BOOLEAN 1      */
    assert_false(der_is_strict(BYTES(0x01, 0x00)));
    assert_false(der_is_strict(BYTES(0x02, 0x00)));
    assert_false(der_is_strict(BYTES(0x02, 0x02, 0x00, 0x7f)));
    assert_false(der_is_strict(BYTES(0x02, 0x02, 0xff, 0x80)));
    assert_false(der_is_strict(BYTES(0x05, 0x01, 0x00)));
    assert_false(der_is_strict(BYTES(0x06, 0x00)));
    assert_false(der_is_strict(BYTES(0x06, 0x02, 0x55, 0x84)));                               /* OID cut off    */
    assert_false(der_is_strict(BYTES(0x06, 0x03, 0x55, 0x80, 0x04)));                         /* OID padded     */
    assert_false(der_is_strict(BYTES(0x03, 0x00)));
    assert_false(der_is_strict(BYTES(0x03, 0x02, 0x08, 0x00)));
    assert_false(der_is_strict(BYTES(0x03, 0x01, 0x01)));
    assert_false(der_is_strict(BYTES(0x03, 0x02, 0x01, 0x01)));                               /* unused bit set */
    assert_false(der_is_strict(BYTES(0x24, 0x03, 0x04, 0x01, 0x00)));                         /* constructed    */
    assert_false(der_is_strict(BYTES(0x10, 0x00)));                                           /* SEQUENCE, flat */
    assert_false(der_is_strict(BYTES(0x30, 0x02, 0x00, 0x00)));                               /* end of contents */
    assert_false(der_is_strict(BYTES(0x31, 0x06, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01)));       /* SET unsorted   */
    assert_false(der_is_strict(BYTES(0x31, 0x07, 0x02, 0x02, 0x01, 0x00, 0x02, 0x01, 0x05)));
    assert_false(der_is_strict(BYTES(0x30, 0x04, 0xa0, 0x03, 0x02, 0x01)));                   /* child too long */
}

static void depth_has_an_end(void **state)
{
    uint8_t der[200];

    (void)state;
    for (size_t i = 0; i < sizeof der; i += 2) {
        der[i] = 0x30;
        der[i + 1] = (uint8_t)(sizeof der - i - 2);
    }
    assert_false(der_is_strict(der + 80, sizeof der - 80));
    assert_true(der_is_strict(der + 140, sizeof der - 140));
}

/* A request with nothing in it but the shape. */
static const uint8_t shape[] = { 0x30, 0x14, 0x30, 0x0d, 0x02, 0x01, 0x00, 0x30, 0x02, 0x31, 0x00,
                                 0x30, 0x02, 0x05, 0x00, 0xa0, 0x00, 0x30, 0x00, 0x03, 0x01, 0x00 };

static void the_subject_of_a_request_is_found(void **state)
{
    struct der_span subject;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(der_csr_subject(shape, sizeof shape, &subject, &err), 0);
    assert_ptr_equal(subject.at, shape + 7);
    assert_int_equal(subject.len, 4);
}

static void any_other_shape_is_not_a_request(void **state)
{
    struct der_span subject;
    struct cs_error err = { 0 };
    const size_t tags[] = { 0, 2, 4, 7, 11, 15, 17, 19 };
    uint8_t changed[sizeof shape + 1] = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        memcpy(changed, shape, sizeof shape);
        changed[tags[i]] ^= 0x08;
        assert_int_equal(der_csr_subject(changed, sizeof shape, &subject, &err), -1);
        assert_string_equal(err.reason, "bad-der");
        assert_int_equal(err.code, CS_EINPUT);
    }
    memcpy(changed, shape, sizeof shape);
    assert_int_equal(der_csr_subject(changed, sizeof changed, &subject, &err), -1); /* one byte behind */
    for (size_t len = 0; len < sizeof shape; len++)
        assert_int_equal(der_csr_subject(shape, len, &subject, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_is_taken_off),
        cmocka_unit_test(a_length_has_one_form_and_fits),
        cmocka_unit_test(what_is_der_all_the_way_down_is_strict),
        cmocka_unit_test(every_second_form_is_refused),
        cmocka_unit_test(depth_has_an_end),
        cmocka_unit_test(the_subject_of_a_request_is_found),
        cmocka_unit_test(any_other_shape_is_not_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

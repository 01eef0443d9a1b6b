/* request/openssl_line.c: the command that makes a given CSR; test_csr_advice.c runs such commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request/openssl_line.h"

static void is_line(const char *subject, const char *const *names, size_t n_names, const char *expected)
{
    struct text out = TEXT_MAX(OPENSSL_LINE_MAX);

    assert_int_equal(openssl_line_add(&out, "my key.pem", "csr.pem", subject, names, n_names, NULL), 0);
    assert_string_equal(text_of(&out), expected);
    text_free(&out);
}

static void every_part_is_quoted_for_the_shell_and_for_openssl(void **state)
{
    static const char *const names[] = { "*.x.y", "a.b" };

    (void)state;
    is_line("CN=a.b", names + 1, 1,
            "openssl req -new -key 'my key.pem' -subj /CN=a.b -addext subjectAltName=DNS:a.b -out csr.pem");
    is_line("CN=a.b,O=it's \\+ 1/2 \\\\,C=IT", names, 2,
            "openssl req -new -key 'my key.pem' -subj '/C=IT/O=it'\\''s \\+ 1\\/2 \\\\/CN=a.b' "
            "-addext 'subjectAltName=DNS:*.x.y,DNS:a.b' -out csr.pem");
    is_line("CN=a.b,O=M\xc3\xbcller", names, 0,
            "openssl req -new -key 'my key.pem' -utf8 -subj '/O=M\xc3\xbcller/CN=a.b' -out csr.pem");
    is_line("", names + 1, 1, "openssl req -new -key 'my key.pem' -subj / -addext subjectAltName=DNS:a.b -out csr.pem");
    is_line("CN=a.b,1.3.6.1.4.1.99999.1=v", names, 0,
            "printf 'oid_section=oids\\n[req]\\ndistinguished_name=dn\\n[dn]\\n[oids]\\noid1=1.3.6.1.4.1.99999.1\\n' | "
            "openssl req -new -config /dev/stdin -key 'my key.pem' -subj /oid1=v/CN=a.b -out csr.pem");
}

static void a_subject_that_cannot_be_read_is_an_error(void **state)
{
    struct text out = TEXT_MAX(OPENSSL_LINE_MAX);
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(openssl_line_add(&out, "k", "c", "nonsense", NULL, 0, &err), -1);
    assert_string_equal(err.reason, "bad-subject");
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_quoted_for_the_shell_and_for_openssl),
        cmocka_unit_test(a_subject_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* request/csr_advice.c: the command in the answer to a CSR without SAN, through a real shell and a real openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "base/text.h"
#include "csr_test.h"

static char folder[] = "/tmp/countersign-advice-XXXXXX";

static int make_folder(void **state)
{
    FILE *key;

    (void)state;
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    key = fopen("KEY.pem", "w");
    if (!key)
        return -1;
    PEM_write_PrivateKey(key, csr_maker_key("p256"), NULL, NULL, 0, NULL, NULL);
    return fclose(key);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink("KEY.pem");
    unlink("CSR.pem");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static size_t read_file(const char *path, char *out, size_t most)
{
    FILE *file = fopen(path, "r");
    size_t len;

    if (!file)
        return 0;
    len = fread(out, 1, most, file);
    fclose(file);
    return len;
}

/* Paste the advice into sh; the CSR that it makes must be accepted, with the same subject, and with SAN. */
static void advice_works_for(const char *subject)
{
    static uint8_t der[CSR_MAX_DER];
    static char pem[CSR_MAX_DER];
    struct csr_maker m;
    struct csr asked, made;
    struct text advice = TEXT_MAX(20000);
    struct cs_error err = { 0 };
    size_t len, der_len;

    csr_maker_start(&m, "p256", subject, NULL);
    asked = accepts(&m);
    assert_true(asked.cn_only);
    csr_cn_only_advice(&asked, &advice);
    assert_false(text_failed(&advice));
    unlink("CSR.pem");
    if (system(text_of(&advice)) != 0)
        fail_msg("does not run: %s", text_of(&advice));
    len = read_file("CSR.pem", pem, sizeof pem);
    assert_int_equal(csr_decode(pem, len, NULL, der, &der_len, &err), 0);
    if (csr_read(&made, der, der_len, &err) != 0)
        fail_msg("%s: %s", text_of(&advice), err.text);
    assert_string_equal(made.subject, asked.subject);
    assert_string_equal(made.names[0], asked.names[0]);
    assert_int_equal(made.n_names, 1);
    assert_false(made.cn_only);
    csr_free(&made);
    csr_free(&asked);
    text_free(&advice);
}

static void the_command_is_the_one_people_know(void **state)
{
    struct csr_maker m;
    struct csr csr;
    struct text advice = TEXT_MAX(20000);

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.getnoc.com,OU=Gufo Thor,O=Gufo Labs,L=Milano,ST=Milano,C=IT", NULL);
    csr = accepts(&m);
    csr_cn_only_advice(&csr, &advice);
    assert_string_equal(text_of(&advice),
                        "openssl req -new -key KEY.pem "
                        "-subj '/C=IT/ST=Milano/L=Milano/O=Gufo Labs/OU=Gufo Thor/CN=go.getnoc.com' "
                        "-addext subjectAltName=DNS:go.getnoc.com -out CSR.pem");
    csr_free(&csr);
    text_free(&advice);
}

static void pasted_into_a_shell_it_makes_a_csr_that_is_accepted(void **state)
{
    (void)state;
    advice_works_for("CN=go.example.com");
    advice_works_for("CN=*.example.com");
    advice_works_for("CN=go.example.com,OU=Gufo Thor,O=Gufo Labs,L=Milano,ST=Milano,C=IT");
    advice_works_for("CN=go.example.com,O=it's \\\"a\\\" $(touch x) `id` \\\\ / \\+ \\, \\; \\< = # & | * ~");
    advice_works_for("CN=go.example.com,O=M\xc3\xbcller \xe2\x82\xac");
    advice_works_for("CN=go.example.com,OU=b+O=a,C=IT");
    advice_works_for("CN=go.example.com,DC=example,DC=com,UID=u,STREET=Via 1");
    advice_works_for("CN=go.example.com,2.5.4.5=77,1.2.840.113549.1.9.1=a@example.com,2.5.4.42=G");
    advice_works_for("CN=go.example.com,1.3.6.1.4.1.99999.1=one,1.3.6.1.4.1.99999.2=it's two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_is_the_one_people_know),
        cmocka_unit_test(pasted_into_a_shell_it_makes_a_csr_that_is_accepted),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

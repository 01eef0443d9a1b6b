/* ca-acme's small parts: url.c, link.c, nonce.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "nonce.h"
#include "url.h"

static struct url_rules rules_for(const char *directory)
{
    static const char *const allowed[] = { "Other.example", "third.example:8443" };
    struct url_rules rules;
    struct cs_error err;

    assert_int_equal(url_rules_make(&rules, directory, (struct cs_strings){ allowed, 2 }, &err), 0);
    return rules;
}

static void urls_stay_at_the_directorys_host_and_port(void **state)
{
    static const char *const good[] = { "https://ca.example/new-order", "https://CA.example:443/x?y=1",
                                        "https://other.example/chain", "https://THIRD.example:8443/" };
    static const char *const bad[] = { "https://ca.example.evil.example/", "https://evil.example/?https://ca.example/",
                                       "https://ca.example@evil.example/", "https://sub.ca.example/",
                                       "https://user:pw@ca.example/", "https://ca.example:14000/x", "https://ca.example:22/",
                                       "https://other.example:8443/", "https://third.example/",
                                       "https://third.example:84430/" };
    struct url_rules rules = rules_for("https://ca.example/directory");
    struct cs_error err;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(url_check(&rules, good[i], "order", &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(url_check(&rules, bad[i], "order", &err), -1);
        assert_string_equal(err.reason, "ca-bad-url");
        assert_int_equal(err.code, CS_EREFUSED);
    }
    url_check(&rules, "https://evil.example/", "order", &err);
    assert_non_null(strstr(err.text, "order URL is at evil.example:443, not at ca.example:443"));
    assert_non_null(strstr(err.text, "allow_hosts"));
    url_rules_free(&rules);
}

static void urls_are_https_unless_the_directory_itself_is_not(void **state)
{
    struct url_rules secure = rules_for("https://ca.example/directory"), plain = rules_for("http://127.0.0.1:4000/directory");

    (void)state;
    assert_int_equal(url_check(&secure, "http://ca.example/order", "order", NULL), -1);
    assert_int_equal(url_check(&secure, "ftp://ca.example/order", "order", NULL), -1);
    assert_int_equal(url_check(&secure, "file:///etc/passwd", "order", NULL), -1);
    assert_int_equal(url_check(&plain, "http://127.0.0.1:4000/order", "order", NULL), 0);
    assert_int_equal(url_check(&plain, "https://127.0.0.1:4001/order", "order", NULL), -1);
    assert_int_equal(url_check(&plain, "http://127.0.0.2:4000/order", "order", NULL), -1);
    url_rules_free(&secure);
    url_rules_free(&plain);
}

static void odd_bytes_and_lengths_are_no_urls(void **state)
{
    static const char *const bad[] = { "", "order/1", "//ca.example/", "https://ca.example/a b", "https://ca.example/\n",
                                       "https://ca.example/\\evil.example", "https://ca.example/#x", "https://ca.ex\x01mple/",
                                       "https://", "https://[::1/" };
    struct url_rules rules = rules_for("https://ca.example/directory");
    char *longest = malloc(4096);

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(url_check(&rules, bad[i], "order", NULL), -1);
    memset(longest, 'a', 4095);
    memcpy(longest, "https://ca.example/", 19);
    longest[4095] = '\0';
    assert_int_equal(url_check(&rules, longest, "order", NULL), -1);
    longest[URL_LONGEST] = '\0';
    assert_int_equal(url_check(&rules, longest, "order", NULL), 0);
    free(longest);
    url_rules_free(&rules);
}

static void references_are_resolved(void **state)
{
    char *url = url_resolve("https://ca.example/cert/1", "/cert/1/alternate");

    (void)state;
    assert_string_equal(url, "https://ca.example/cert/1/alternate");
    free(url);
    url = url_resolve("https://ca.example/cert/1", "https://other.example/2");
    assert_string_equal(url, "https://other.example/2");
    free(url);
    assert_null(url_resolve("https://ca.example/cert/1", "a b"));
}

static void assert_links(const char *header, const char *expected)
{
    char found[200] = "", one[100];
    size_t n = 0;

    while (link_next(&header, "alternate", one, sizeof one))
        n += (size_t)snprintf(found + n, sizeof found - n, "[%s]", one);
    assert_string_equal(found, expected);
}

static void alternate_links_are_found(void **state)
{
    (void)state;
    assert_links("<https://ca/1>;rel=\"alternate\"", "[https://ca/1]");
    assert_links("</1>; rel=alternate, </2>;rel=\"index\", </3> ; title=\"a, <b>; rel=alternate\" ; REL=\"up Alternate\"",
                 "[/1][/3]");
    assert_links("</1>;rel=\"alternates\"", "");
    assert_links("</1>;nonsense;rel=alternate", "[/1]");
    assert_links("</1>;title=\"\\\"\";rel=alternate", "[/1]");
}

static void malformed_links_are_passed_over(void **state)
{
    static const char *const bad[] = { "", "<", "<>", "<>;rel=alternate", "<a", "<a>;rel", "<a>;rel=", "<a>;rel=\"",
                                       "<a>;rel=\"alt", ";;;,,,", "<a>;;;", "<a>;rel=\"\\", "x <a>", "<a>,rel=alternate" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_links(bad[i], "");
    assert_links("<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>;"
                 "rel=alternate,</1>;rel=alternate", "[/1]");
}

static void the_newest_nonce_comes_first(void **state)
{
    struct nonces nonces = { 0 };
    char nonce[NONCE_LONGEST + 1];

    (void)state;
    assert_false(nonce_take(&nonces, nonce, 0));
    nonce_keep(&nonces, "one", 0);
    nonce_keep(&nonces, "two", 1);
    assert_true(nonce_take(&nonces, nonce, 2));
    assert_string_equal(nonce, "two");
    assert_true(nonce_take(&nonces, nonce, 2));
    assert_string_equal(nonce, "one");
    assert_false(nonce_take(&nonces, nonce, 2));
}

static void nonces_are_bounded_in_number_and_age(void **state)
{
    struct nonces nonces = { 0 };
    char nonce[NONCE_LONGEST + 1];
    int taken = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(nonce, sizeof nonce, "n%d", i);
        nonce_keep(&nonces, nonce, i);
    }
    assert_true(nonce_take(&nonces, nonce, 100));
    assert_string_equal(nonce, "n99");
    for (taken = 1; nonce_take(&nonces, nonce, 100); taken++)
        ;
    assert_int_equal(taken, NONCES_MOST);
    assert_string_equal(nonce, "n68");
    nonce_keep(&nonces, "old", 0);
    nonce_keep(&nonces, "young", 10);
    assert_true(nonce_take(&nonces, nonce, NONCE_LIFE_MS + 5));
    assert_string_equal(nonce, "young");
    assert_false(nonce_take(&nonces, nonce, NONCE_LIFE_MS + 5));
}

static void invalid_nonces_are_ignored(void **state)
{
    struct nonces nonces = { 0 };
    char nonce[NONCE_LONGEST + 1], longest[NONCE_LONGEST + 2];

    (void)state;
    nonce_keep(&nonces, "", 0);
    nonce_keep(&nonces, "a b", 0);
    nonce_keep(&nonces, "a=", 0);
    nonce_keep(&nonces, "a\"", 0);
    memset(longest, 'a', sizeof longest);
    longest[NONCE_LONGEST + 1] = '\0';
    nonce_keep(&nonces, longest, 0);
    assert_false(nonce_take(&nonces, nonce, 0));
    longest[NONCE_LONGEST] = '\0';
    nonce_keep(&nonces, longest, 0);
    assert_true(nonce_take(&nonces, nonce, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_stay_at_the_directorys_host_and_port),
        cmocka_unit_test(urls_are_https_unless_the_directory_itself_is_not),
        cmocka_unit_test(odd_bytes_and_lengths_are_no_urls),
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(alternate_links_are_found),
        cmocka_unit_test(malformed_links_are_passed_over),
        cmocka_unit_test(the_newest_nonce_comes_first),
        cmocka_unit_test(nonces_are_bounded_in_number_and_age),
        cmocka_unit_test(invalid_nonces_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* engine/http_url.c: which URLs may be called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "engine/http_parts.h"

static void allowed(const char *url, bool insecure, const char *host, bool loopback)
{
    struct cs_error err = { 0 };
    struct http_url about;

    if (http_url_read(url, insecure, &about, NULL, &err) < 0)
        fail_msg("%s: %s", url, err.text);
    assert_string_equal(about.host, host);
    assert_int_equal(about.loopback, loopback);
    assert_int_equal(http_url_check(url, insecure, &err), 0);
}

static void refused(const char *url, const char *why)
{
    struct cs_error err = { 0 };

    assert_int_equal(http_url_check(url, false, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void https_may_go_anywhere(void **state)
{
    (void)state;
    allowed("https://acme-v02.api.letsencrypt.org/directory", false, "acme-v02.api.letsencrypt.org", false);
    allowed("HTTPS://ca.example:14000/dir?x=1", false, "ca.example:14000", false);
    allowed("https://[2001:db8::1]:1/", false, "[2001:db8::1]:1", false);
    allowed("https://127.0.0.1/", false, "127.0.0.1", true);
}

static void http_stays_on_this_machine(void **state)
{
    (void)state;
    allowed("http://127.0.0.1:8081/api/v1", false, "127.0.0.1:8081", true);
    allowed("http://127.255.0.9/", false, "127.255.0.9", true);
    allowed("http://localhost:80/", false, "localhost:80", true);
    allowed("http://[::1]:8081/", false, "[::1]:8081", true);
    refused("http://ca.example/", "plain http is only for this machine");
    refused("http://128.0.0.1/", "plain http is only for this machine");
    refused("http://[::2]/", "plain http is only for this machine");
    refused("http://localhost.example/", "plain http is only for this machine");
    refused("http://127.0.0.1.example/", "plain http is only for this machine");
    refused("http://0.0.0.0/", "plain http is only for this machine");
}

static void insecure_lets_http_go_anywhere(void **state)
{
    (void)state;
    allowed("http://dns.lan/api", true, "dns.lan", false);
}

static void what_is_no_url_for_us_is_refused(void **state)
{
    static char huge[5000];

    (void)state;
    memset(huge, 'a', sizeof huge - 1);
    memcpy(huge, "https://", 8);
    refused("", "not a URL");
    refused("ca.example", "not a URL");
    refused("https://", "not a URL");
    refused("https:///directory", "not a URL");
    refused("https://a b/", "not a URL");
    refused("https://a/\r\nX: y", "not a URL");
    refused("ftp://ca.example/", "must begin with https://");
    refused("file:///etc/passwd", "must begin with https://");
    refused("https://user:secret@ca.example/", "user name or password");
    refused(huge, "1 to 4096 bytes");
    refused(NULL, "1 to 4096 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https_may_go_anywhere),
        cmocka_unit_test(http_stays_on_this_machine),
        cmocka_unit_test(insecure_lets_http_go_anywhere),
        cmocka_unit_test(what_is_no_url_for_us_is_refused),
    };

    return cmocka_run_group_tests_name("http_url", tests, NULL, NULL);
}

/* command/client.c, client_edit.c: clients, their tokens and certificates, as an operator says them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command_test.h"

#define SPKI "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int set_up(void **state)
{
    (void)state;
    command_test_open();
    expect_part("zone|add|lab.example|--dns|builtin", 0, "added");
    expect_part("subject|add|CN=a.lab.example|--access|token", 0, "may ask for a.lab.example; it needs a token\n");
    expect_part("subject|add|CN=b.lab.example", 0, "may ask for b.lab.example\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    command_test_close();
    return 0;
}

/* The one line of what was said that is a token; it is checked, and copied. */
static void take_token(char token[56])
{
    const char *at = strstr(command_test_run("client|rotate|ci")->text, "countersign_");

    assert_non_null(at);
    assert_int_equal(strspn(at + 12, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_int_equal(at[55], '\n');
    assert_null(strstr(at + 12, "countersign_"));
    memcpy(token, at, 55);
    token[55] = '\0';
}

static void a_token_is_shown_once(void **state)
{
    char first[56], second[56];

    (void)state;
    expect_part("client|add|ci|--subject|CN=a.lab.example|--subject|/CN=b.lab.example", 0,
                "client ci added\nits token is shown this once:\n");
    take_token(first);
    take_token(second);
    assert_string_not_equal(first, second);
    assert_null(strstr(command_test_run("client|show|ci|--json")->text, first));
    assert_null(strstr(command_test_run("client|show|ci|--json")->text, second));
    expect("client|list", 0,
           "CLIENT  KIND   CERTIFICATE  EXPIRES  ENABLED  SUBJECTS\n"
           "ci      token  -            -        yes      CN=a.lab.example; CN=b.lab.example\n");
    expect("client|show|ci", 0,
           "client          ci\n"
           "kind            token\n"
           "old token until -\n"
           "key             -\n"
           "issuer          -\n"
           "name            -\n"
           "expires         -\n"
           "enabled         yes\n"
           "subjects        CN=a.lab.example; CN=b.lab.example\n");
    expect("client|remove|ci", 0, "client ci removed\n");
    expect("client|remove|ci", 1, "countersign client: there is no client ci\n");
}

static void a_rotated_token_may_be_kept_for_a_while(void **state)
{
    (void)state;
    expect_part("client|add|ci", 0, "client ci added; it may ask for no subject yet\n");
    expect_part("client|rotate|ci", 0, "client ci has a new token; the old one is over\n");
    expect_part("client|rotate|ci|--keep|1h", 0, "client ci has a new token; the old one is good until 20");
    expect_part("client|show|ci|--json", 0, "\"old token until\":\"20");
    expect_part("client|rotate|ci", 0, "the old one is over");
    expect_part("client|show|ci|--json", 0, "\"old token until\":\"\"");
    expect_part("client|rotate|ci|--keep|soon", 2, "--keep takes a time such as 30m, 1h or 7d, not `soon`");
    expect_part("client|rotate|nobody", 1, "there is no client nobody; `countersign client list` shows all");
}

static void a_certificate_is_said_in_one_of_three_ways(void **state)
{
    (void)state;
    expect("client|add|robot|--spki|00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00112233445566778899aabbccddeeff", 0,
           "client robot added; it may ask for no subject yet\n");
    expect("client|add|web|--issuer|/O=Lab/CN=Lab CA|--name|DNS:web.lab.example|--expires|2027-01-31|--disabled", 0,
           "client web added; it may ask for no subject yet; it is disabled\n");
    expect("client|list", 0,
           "CLIENT  KIND         CERTIFICATE                             EXPIRES               ENABLED  SUBJECTS\n"
           "robot   certificate  key 0011223344556677…                   -                     yes      -\n"
           "web     certificate  DNS:web.lab.example of CN=Lab CA,O=Lab  2027-01-31T00:00:00Z  no       -\n");
}

static void what_is_typed_wrong_is_explained(void **state)
{
    (void)state;
    expect_part("client", 2, "countersign client: say what to do\nusage: countersign client add");
    expect_part("client|add", 2, "countersign client add: name one client");
    expect_part("client|add|a b", 1, "client must have 1 to 64 of the characters a-z, A-Z, 0-9, dot, _ and -");
    expect_part("client|add|x|--spki|abc", 2, "--spki takes a SHA-256: 64 hexadecimal digits");
    expect_part("client|add|x|--issuer|CN=CA", 2,
                "a certificate is said by --certificate, by --spki, or by --issuer and --name");
    expect_part("client|add|x|--spki|" SPKI "|--name|CN=a", 2, "a certificate is said by");
    expect_part("client|add|x|--issuer|CA|--name|CN=a", 2, "--issuer: ");
    expect_part("client|add|x|--certificate|/nonexistent", 2, "cannot read /nonexistent: No such file or directory");
    expect_part("client|add|x|--certificate|/dev/null", 2, "/dev/null holds no PEM certificate");
    expect_part("client|add|x|--expires|soon", 2, "`soon` is no time: say 90d, 2027-01-31, 2027-01-31T12:00:00Z or never");
    expect_part("client|add|x|--expires|2027-02-30T00:00:00Z", 2, "is no time");
    expect_part("client|add|x|--subject|CN=c.lab.example", 1,
                "CN=c.lab.example: subject must be one of the table subject: add it first");
    expect("client|list|--json", 0, "");
    expect_part("client|add|x", 0, "client x added");
    expect_part("client|add|x", 1,
                "there is a client x: `countersign client change` changes it, `rotate` gives it another token");
    expect_part("client|change|x|--spki|" SPKI, 1, "a client of kind token must have no spki_sha256, issuer or name");
    expect_part("client|change|y", 1, "there is no client y");
    expect_part("client|change|x|--not-subject|CN=a.lab.example", 1, "client x has no subject CN=a.lab.example");
    expect_part("client|show|x|--zone|a", 2, "countersign client show takes --json only");
    expect_part("subject|add|CN=a.lab.example|--access|key", 2, "--access is open, token or certificate, not `key`");
}

static void a_client_is_changed_in_what_is_said_only(void **state)
{
    (void)state;
    expect_part("client|add|robot|--spki|" SPKI "|--subject|CN=a.lab.example|--expires|2027-01-31", 0, "added");
    expect("client|change|robot|--subject|CN=b.lab.example|--not-subject|CN=a.lab.example|--disable", 0,
           "client robot changed; it is disabled\n");
    expect_part("client|show|robot|--json", 0,
                "\"key\":\"" SPKI "\",\"issuer\":\"\",\"name\":\"\",\"expires\":\"2027-01-31T00:00:00Z\",\"enabled\":false,"
                "\"subjects\":[\"CN=b.lab.example\"]}");
    expect("client|change|robot|--enable|--expires|2028-06-30T12:00:00Z", 0, "client robot changed\n");
    expect_part("client|show|robot|--json", 0, "\"expires\":\"2028-06-30T12:00:00Z\",\"enabled\":true");
    expect("client|change|robot|--issuer|CN=CA|--name|URI:spiffe://lab.example/robot|--expires|never", 0,
           "client robot changed\n");
    expect_part("client|show|robot|--json", 0,
                "\"key\":\"\",\"issuer\":\"CN=CA\",\"name\":\"URI:spiffe://lab.example/robot\",\"expires\":\"\"");
    expect_part("client|rotate|robot", 1,
                "client robot has a certificate: `countersign client change robot --certificate FILE`");
}

/* Replacing a row must not open it to everybody. */
static void a_subject_keeps_its_access_when_it_is_replaced(void **state)
{
    (void)state;
    expect_part("subject|add|CN=a.lab.example|--names|.lab.example", 0,
                "replaced in zone lab.example: may ask for .lab.example; "
                                                                         "it needs a token\n");
    expect_part("subject|show|CN=a.lab.example", 0, "access          token\n");
    expect_part("subject|add|CN=a.lab.example|--access|certificate", 0, "; it needs a certificate\n");
    expect_part("subject|add|CN=a.lab.example|--access|open", 0, "may ask for a.lab.example\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_shown_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rotated_token_may_be_kept_for_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_certificate_is_said_in_one_of_three_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_typed_wrong_is_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_is_changed_in_what_is_said_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_subject_keeps_its_access_when_it_is_replaced, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

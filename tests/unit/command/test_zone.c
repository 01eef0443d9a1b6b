/* command/zone.c: what is typed, what is stored, what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "command_test.h"

static int set_up(void **state)
{
    (void)state;
    command_test_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    command_test_close();
    return 0;
}

static void a_zone_is_added_shown_replaced_and_removed(void **state)
{
    (void)state;
    expect("zone|list", 0, "ZONE  DNS  PARALLEL  CHALLENGE ZONE  SERVERS  VISIBLE  ENABLED  KEYS  BIND KEYS\n");
    expect("zone|add|lab.example|--dns|builtin", 0, "zone lab.example added: challenges are answered by dns.builtin\n");
    expect(
        "zone|add|--dns=pdns|A.Example.|--parallel|5|--challenge-zone|Lab.example.|--servers|192.0.2.1, [2001:db8::1]:5353"
        "|--visible|warn|--keys|p256, p384|--bind-keys|--disabled",
        0,
        "zone a.example added: challenges go to zone lab.example, where CNAME records at _acme-challenge lead; "
        "it is disabled\n");
    expect("zone|list", 0,
           "ZONE         DNS      PARALLEL  CHALLENGE ZONE  SERVERS                       VISIBLE  ENABLED  KEYS       "
           "BIND KEYS\n"
           "a.example    pdns     5         lab.example     192.0.2.1 [2001:db8::1]:5353  warn     no       p256 p384  yes\n"
           "lab.example  builtin  1         -               -                             require  yes      -          no\n");
    expect("zone|list|--json", 0,
           "{\"zone\":\"a.example\",\"dns\":\"pdns\",\"parallel\":5,\"challenge_zone\":\"lab.example\","
           "\"servers\":\"192.0.2.1 [2001:db8::1]:5353\",\"visible\":\"warn\",\"enabled\":false,\"keys\":\"p256 p384\","
           "\"bind_keys\":true}\n"
           "{\"zone\":\"lab.example\",\"dns\":\"builtin\",\"parallel\":1,\"challenge_zone\":\"\",\"servers\":\"\","
           "\"visible\":\"require\",\"enabled\":true,\"keys\":\"\",\"bind_keys\":false}\n");
    expect("zone|add|a.example|--dns|builtin", 0, "zone a.example replaced: challenges are answered by dns.builtin\n");
    expect("zone|show|A.example", 0,
           "zone            a.example\n"
           "dns             builtin\n"
           "parallel        1\n"
           "challenge_zone  -\n"
           "servers         -\n"
           "visible         require\n"
           "enabled         yes\n"
           "keys            -\n"
           "bind_keys       no\n");
    expect("zone|remove|a.example", 0, "zone a.example removed\n");
    expect("zone|remove|a.example", 1, "countersign zone: there is no zone a.example\n");
    expect("zone|show|a.example|--json", 1,
           "countersign zone: there is no zone a.example; `countersign zone list` shows all\n");
}

static void what_is_typed_wrong_is_explained(void **state)
{
    (void)state;
    expect_part("zone", 2, "countersign zone: say what to do\nusage: countersign zone add");
    expect_part("zone|ad", 2, "`ad` is not one of these\nusage:");
    expect_part("zone|--help", 0, "usage: countersign zone add");
    expect_part("zone|add", 2, "countersign zone add: name one zone\n");
    expect_part("zone|add|a.example|b.example", 2, "countersign zone add: name one zone\n");
    expect_part("zone|add|a b.example", 2, "countersign zone add: ZONE: the name has a character other than");
    expect_part("zone|add|*.example", 2, "ZONE: a wildcard is not allowed here");
    expect_part("zone|add|a.example|--colour", 2, "countersign zone add: unrecognized option '--colour'");
    expect_part("zone|add|a.example|--dns", 2, "countersign zone add: option '--dns' requires an argument");
    expect_part("zone|add|a.example|--parallel|0", 2, "--parallel takes a number from 1 to 1000, not `0`");
    expect_part("zone|add|a.example|--parallel|5x", 2, "--parallel takes a number from 1 to 1000, not `5x`");
    expect_part("zone|add|a.example|--visible|yes", 2, "--visible takes require, warn or off, not `yes`");
    expect_part("zone|add|a.example|--keys|", 2, "--keys takes types of key");
    expect_part("zone|add|a.example|--dns|builtin|--keys|p521", 1, "keys must be empty (then all types are taken)");
    expect_part("zone|add|a.example|--servers|ns1.example", 2, "--servers: ");
    expect_part("zone|add|a.example|--servers|unix:/x", 2, "--servers takes addresses such as 192.0.2.53");
    expect_part("zone|add|a.example|--challenge-zone|a..b", 2, "--challenge-zone: the name has an empty label");
    expect_part("zone|list|a.example", 2, "countersign zone list: no more is needed");
    expect_part("zone|show", 2, "countersign zone show: name one zone");
    expect_part("zone|show|a.example|--yaml", 2, "countersign zone show takes --json only");
}

static void the_dns_instance_must_be_in_the_configuration(void **state)
{
    (void)state;
    expect("zone|add|lab.example|--dns|bind", 1,
           "countersign zone: the configuration has no dns instance `bind`; it has: builtin, pdns\n");
    expect("zone|add|lab.example", 1, "countersign zone: the configuration has 2 dns instances: say which with --dns\n");
    command_test_config("dns = { builtin = { plugin = \"dns-builtin\"; }; };");
    expect("zone|add|lab.example", 0, "zone lab.example added: challenges are answered by dns.builtin\n");
    command_test_config("");
    expect("zone|add|lab.example", 1, "countersign zone: the configuration has no dns instance: add one under `dns`\n");
}

static void challenges_may_go_to_a_zone_of_the_table(void **state)
{
    (void)state;
    expect("zone|add|a.example|--dns|builtin|--challenge-zone|_acme.b.example", 1,
           "countersign zone: challenge_zone must be empty, the zone itself, or another one of this table: add that one first, "
           "with `countersign zone add`\n");
    expect_part("zone|add|_acme.B.example|--dns|pdns", 0, "zone _acme.b.example added");
    expect("zone|add|a.example|--dns|builtin|--challenge-zone|_acme.b.example", 0,
           "zone a.example added: challenges go to zone _acme.b.example, where CNAME records at _acme-challenge lead\n");
    expect("zone|remove|_acme.b.example", 1,
           "countersign zone: this zone takes challenges: change challenge_zone of those that name it first\n");
    expect("zone|add|a.example|--dns|builtin|--challenge-zone|a.example", 0,
           "zone a.example replaced: challenges are answered by dns.builtin\n");
    expect("zone|remove|_acme.b.example", 0, "zone _acme.b.example removed\n");
    expect("zone|remove|a.example", 0, "zone a.example removed\n");
}

static void a_zone_with_a_subject_is_not_removed(void **state)
{
    (void)state;
    expect_part("zone|add|lab.example|--dns|builtin", 0, "added");
    expect_part("subject|add|CN=a.lab.example", 0, "added");
    expect("zone|remove|lab.example", 1,
           "countersign zone: this zone still has subjects: give them another zone or remove them first\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_zone_is_added_shown_replaced_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_typed_wrong_is_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dns_instance_must_be_in_the_configuration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(challenges_may_go_to_a_zone_of_the_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_with_a_subject_is_not_removed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

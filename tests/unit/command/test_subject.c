/* command/subject.c: what is typed, what is stored, what is said. */
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
    expect_part("zone|add|lab.example|--dns|builtin", 0, "added");
    expect_part("zone|add|deep.lab.example|--dns|pdns", 0, "added");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    command_test_close();
    return 0;
}

static void names_may_follow_from_the_key(void **state)
{
    (void)state;
    expect("subject|add|O=Trial|--zone|lab.example|--names|{key}.Lab.example {key}.b.lab.example", 0,
           "subject O=Trial added in zone lab.example: may ask for {key}.lab.example {key}.b.lab.example\n");
    expect_part("subject|add|O=Trial|--zone|deep.lab.example|--names|{key}.lab.example", 1, "does not lie in the zone");
    expect_part("subject|add|O=Trial|--zone|lab.example|--names|{key}lab.example", 2, "--names");
    expect_part("subject|add|O=Trial|--zone|lab.example|--names|{key}.*.lab.example", 2, "--names");
}

static void a_subject_is_added_shown_replaced_and_removed(void **state)
{
    (void)state;
    expect("subject|add|CN=a.lab.example,O=Lab|--zone|lab.example", 0,
           "subject CN=a.lab.example,O=Lab added in zone lab.example: may ask for a.lab.example\n");
    expect("subject|add|/C=IT/O=Gufo Labs/CN=b.lab.example|--zone|Lab.Example.|--names|B.lab.example, *.lab.example  "
           ".x.lab.example"
           "|--profile|shortlived|--ca|le|--ca=local|--disabled",
           0,
           "subject CN=b.lab.example,O=Gufo Labs,C=IT added in zone lab.example: may ask for b.lab.example *.lab.example "
           ".x.lab.example; it is disabled\n");
    expect("subject|list", 0,
           "SUBJECT                            ZONE         NAMES                                       CAS       PROFILE     "
           "ACCESS  NO CACHE  ENABLED\n"
           "CN=a.lab.example,O=Lab             lab.example  -                                           -         -           "
           "open    aged      yes\n"
           "CN=b.lab.example,O=Gufo Labs,C=IT  lab.example  b.lab.example *.lab.example .x.lab.example  le local  shortlived  "
           "open    aged      no\n");
    expect("subject|list|--json|--zone|lab.example", 0,
           "{\"subject\":\"CN=a.lab.example,O=Lab\",\"zone\":\"lab.example\",\"names\":\"\",\"cas\":\"\",\"profile\":\"\","
           "\"access\":\"open\",\"no_cache\":\"aged\",\"enabled\":true}\n"
           "{\"subject\":\"CN=b.lab.example,O=Gufo Labs,C=IT\",\"zone\":\"lab.example\","
           "\"names\":\"b.lab.example *.lab.example .x.lab.example\",\"cas\":\"le local\",\"profile\":\"shortlived\","
           "\"access\":\"open\",\"no_cache\":\"aged\",\"enabled\":false}\n");
    expect("subject|list|--zone|deep.lab.example|--json", 0, "");
    expect("subject|add|CN=b.lab.example,O=Gufo Labs,C=IT", 0,
           "subject CN=b.lab.example,O=Gufo Labs,C=IT replaced in zone lab.example: may ask for b.lab.example\n");
    expect("subject|show|/C=IT/O=Gufo Labs/CN=b.lab.example", 0,
           "subject         CN=b.lab.example,O=Gufo Labs,C=IT\n"
           "zone            lab.example\n"
           "names           -\n"
           "cas             -\n"
           "profile         -\n"
           "access          open\n"
           "no_cache        aged\n"
           "enabled         yes\n");
    expect("subject|remove|CN=a.lab.example,O=Lab", 0, "subject CN=a.lab.example,O=Lab removed\n");
    expect("subject|remove|CN=a.lab.example,O=Lab", 1, "countersign subject: there is no subject CN=a.lab.example,O=Lab\n");
    expect("subject|show|CN=a.lab.example,O=Lab", 1,
           "countersign subject: there is no subject CN=a.lab.example,O=Lab; `countersign subject list` shows all\n");
}

static void without_a_zone_the_longest_that_fits_is_taken(void **state)
{
    (void)state;
    expect_part("subject|add|CN=A.Deep.lab.example", 0, "added in zone deep.lab.example: may ask for a.deep.lab.example");
    expect_part("subject|add|CN=adeep.lab.example", 0, "added in zone lab.example");
    expect_part("subject|add|CN=*.deep.lab.example", 0, "added in zone deep.lab.example: may ask for *.deep.lab.example");
    expect("subject|add|CN=a.example", 1,
           "countersign subject: a.example lies in no zone of the table: add one with `countersign zone add`\n");
    expect("subject|add|CN=Build server", 1,
           "countersign subject: the CN of this subject is no DNS name: say --zone and --names\n");
    expect("subject|add|CN=Build server|--zone|lab.example", 1,
           "countersign subject: without --names the CN must be a DNS name, as exactly that may be asked for\n");
    expect("subject|add|CN=Build server|--zone|lab.example|--names|.lab.example", 0,
           "subject CN=Build server added in zone lab.example: may ask for .lab.example\n");
}

static void what_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    expect("subject|add|CN=a.lab.example|--zone|other.example", 1,
           "countersign subject: there is no zone other.example: add it first with `countersign zone add other.example`\n");
    expect("subject|add|CN=a.lab.example|--zone|deep.lab.example", 1,
           "countersign subject: a.lab.example does not lie in the zone deep.lab.example\n");
    expect("subject|add|CN=a.lab.example|--names|a.lab.example b.xlab.example", 1,
           "countersign subject: b.xlab.example does not lie in the zone lab.example\n");
    expect("subject|add|CN=a.lab.example|--names|.example", 1,
           "countersign subject: .example does not lie in the zone lab.example\n");
    expect("subject|add|CN=a.lab.example|--ca|buypass", 1,
           "countersign subject: the configuration has no ca instance `buypass`; it has: le, local\n");
    expect("subject|add|CN=a.lab.example|--ca|le|--ca|le", 1,
           "countersign subject: a CA may stand on the list of a subject only once\n");
    expect("subject|add|CN=a.lab.example|--profile|two words", 1,
           "countersign subject: profile must be empty or one word: a profile that the CA offers\n");
    expect("subject|list|--json", 0, "");
}

static void what_is_typed_wrong_is_explained(void **state)
{
    (void)state;
    expect_part("subject", 2, "countersign subject: say what to do\nusage: countersign subject add");
    expect_part("subject|add", 2, "countersign subject add: name one subject, in quotes when it has spaces");
    expect_part("subject|add|CN=a.lab.example,|O=Lab", 2,
                "countersign subject add: name one subject, in quotes when it has spaces");
    expect_part("subject|add|a.lab.example", 2, "countersign subject add: ");
    expect_part("subject|add|", 2, "countersign subject add: the subject must not be empty");
    expect_part("subject|add|CN=a.lab.example|--names|a.*.lab.example", 2, "--names: a.*.lab.example: a \"*\" may only stand");
    expect_part("subject|add|CN=a.lab.example|--ca|le local", 2, "--ca takes one instance; say it again for the next");
    expect_part("subject|add|CN=a.lab.example|--zone|a..b", 2, "--zone: the name has an empty label");
    expect_part("subject|show|CN=a.lab.example|--zone|lab.example", 2, "countersign subject show: what it takes:");
    expect_part("subject|list|CN=a.lab.example", 2, "countersign subject list: no more is needed");
}

static void a_configuration_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    command_test_config("nonsense");
    expect_part("subject|list", 1, "countersign.conf:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_subject_is_added_shown_replaced_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_may_follow_from_the_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_zone_the_longest_that_fits_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_together_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_typed_wrong_is_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_configuration_that_cannot_be_read_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

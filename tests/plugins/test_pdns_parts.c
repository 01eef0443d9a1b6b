/* dns-pdns: TXT data, the reading of replies, and the JSON that is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rrset.h"
#include "txt.h"

#define OWNER "_acme-challenge.x.a.example."
#define KEY   "the-secret-key"

static const char *const record_sets =
    "{\"name\": \"a.example.\", \"rrsets\": [{\"name\": \"_acme-challenge.x.a.example.\", \"type\": \"TXT\", \"ttl\": %s,"
    " \"records\": [%s], \"comments\": [%s]}]}";

static struct reply_rrset read_set(const char *ttl, const char *records, const char *comments)
{
    struct reply_rrset set;
    struct cs_error err = { 0 };
    struct text body = TEXT_MAX(100000);

    text_addf(&body, record_sets, ttl, records, comments);
    assert_int_equal(reply_read_rrset(&set, text_of(&body), body.len, OWNER, &err), 0);
    text_free(&body);
    return set;
}

static void refuse_set(const char *body)
{
    struct reply_rrset set;
    struct cs_error err = { 0 };

    assert_int_equal(reply_read_rrset(&set, body, strlen(body), OWNER, &err), -1);
    assert_int_equal(err.code, CS_EUPSTREAM);
    assert_string_equal(err.reason, "dns-bad-reply");
    reply_release(&set);
}

static struct rrset_goal make_goal(const char *want, const char *gone)
{
    static char *wanted[1], *to_go[1];

    wanted[0] = (char *)want;
    to_go[0] = (char *)gone;
    return (struct rrset_goal){
        .owner = OWNER, .want = wanted, .n_want = want != NULL, .gone = to_go, .n_gone = gone != NULL, .ttl = 10
    };
}

static void expect_replace(const struct reply_rrset *set, const struct rrset_goal *goal, const char *expected)
{
    char *body = rrset_replace(set, goal);

    assert_string_equal(body, expected);
    free(body);
}

static void expect_extend(const struct reply_rrset *set, const struct rrset_goal *goal, const char *expected)
{
    char *body = rrset_extend(set, goal);

    assert_string_equal(body, expected);
    free(body);
}

/* ---- TXT data ---- */

static void expect_quoted(const char *value, const char *expected)
{
    struct text out = TEXT_MAX(100000);

    txt_quote(&out, value);
    assert_string_equal(text_of(&out), expected);
    assert_true(txt_is(text_of(&out), value));
    text_free(&out);
}

static void quotes_what_needs_it(void **state)
{
    (void)state;
    expect_quoted("", "\"\"");
    expect_quoted("abc-_9", "\"abc-_9\"");
    expect_quoted("a b;c", "\"a b;c\"");
    expect_quoted("a\"b\\c", "\"a\\\"b\\\\c\"");
    expect_quoted("\x01\x7f\xc3\xa9", "\"\\001\\127\\195\\169\"");
}

static void splits_long_values_into_character_strings(void **state)
{
    char value[600], expected[620];

    (void)state;
    memset(value, 'v', sizeof value);
    value[599] = '\0';
    snprintf(expected, sizeof expected, "\"%.255s\" \"%.255s\" \"%.89s\"", value, value, value);
    expect_quoted(value, expected);
    value[255] = '\0';
    snprintf(expected, sizeof expected, "\"%.255s\"", value);
    expect_quoted(value, expected);
    value[255] = 'v';
    value[256] = '\0';
    snprintf(expected, sizeof expected, "\"%.255s\" \"v\"", value);
    expect_quoted(value, expected);
}

static void knows_a_value_however_it_is_written(void **state)
{
    (void)state;
    assert_true(txt_is("\"abc\"", "abc"));
    assert_true(txt_is("abc", "abc"));
    assert_true(txt_is(" \"a\\098c\" ", "abc"));
    assert_true(txt_is("\"\\a\\b\\c\"", "abc"));
    assert_true(txt_is("a\\\"b", "a\"b"));
    assert_true(txt_is("\"a b\"", "a b"));
}

static void tells_other_values_apart(void **state)
{
    static const char *const others[] = { "\"ABC\"", "\"ab\"", "\"abcd\"", "\"ab\" \"c\"", "\"abc\" \"\"", "\"abc\" x",
                                          "",        "\"abc",  "abc\\",    "\"abc\\",      "\"ab\\09\"",   "\"ab\\999\"",
                                          "\"\"",    "abc\"",  "a bc" };
    char long_one[300];

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(txt_is(others[i], "abc"));
    memset(long_one, 'v', sizeof long_one);
    long_one[280] = '\0';
    assert_false(txt_is(long_one, long_one)); /* over 255 bytes in one string */
}

/* ---- Reading ---- */

static void reads_the_zone_that_was_asked_for(void **state)
{
    static const char body[] = "[{\"id\": \"a.example.\", \"kind\": \"Native\", \"name\": \"a.example.\", \"url\": \"/x\"}]";
    static const char slave[] = "[{\"id\": \"a=2Fb.example.\", \"kind\": \"Slave\", \"name\": \"A/b.Example.\"}]";
    struct reply_zone zone;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(reply_read_zone(&zone, body, strlen(body), "a.example.", &err), 0);
    assert_true(zone.found && !zone.secondary);
    assert_string_equal(zone.id, "a.example.");
    assert_int_equal(reply_read_zone(&zone, slave, strlen(slave), "a/b.example.", &err), 0);
    assert_true(zone.found && zone.secondary);
    assert_string_equal(zone.id, "a=2Fb.example.");
    assert_int_equal(reply_read_zone(&zone, "[]", 2, "a.example.", &err), 0);
    assert_false(zone.found);
}

static void refuses_zones_that_are_none(void **state)
{
    static const char *const bodies[] = { "",
                                          "{}",
                                          "[1]",
                                          "[{}]",
                                          "<html>",
                                          "[{\"name\":\"b.example.\",\"id\":\"b.example.\"}]",
                                          "[{\"name\":\"a.example.\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"../../config\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"a%2e\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\".\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"..\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"a?x\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":5}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"a/b\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"a\"},{\"name\":\"a.example.\",\"id\":\"a\"}]",
                                          "[{\"name\":\"a.example.\",\"id\":\"a\",\"id\":\"b\"}]" };
    struct reply_zone zone;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct cs_error err = { 0 };

        assert_int_equal(reply_read_zone(&zone, bodies[i], strlen(bodies[i]), "a.example.", &err), -1);
        assert_int_equal(err.code, CS_EUPSTREAM);
        assert_false(zone.found);
    }
}

static void refuses_record_sets_that_are_none(void **state)
{
    static const char *const records[] = { "1",
                                           "{}",
                                           "{\"content\":\"a\"}",
                                           "{\"content\":1,\"disabled\":false}",
                                           "{\"content\":\"a\",\"disabled\":0}",
                                           "{\"content\":\"a\\u0000b\",\"disabled\":false}" };
    char body[1000];

    (void)state;
    refuse_set("");
    refuse_set("[]");
    refuse_set("{}");
    refuse_set("{\"rrsets\": {}}");
    refuse_set("{\"rrsets\": [1]}");
    refuse_set("{\"rrsets\": [{\"name\": \"b.\"}]}");
    refuse_set("{\"rrsets\": []");
    refuse_set("{\"rrsets\": [], \"rrsets\": []}");
    refuse_set("{\"rrsets\": [], \"x\": \"\xff\"}");
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        snprintf(body, sizeof body, record_sets, "5", records[i], "");
        refuse_set(body);
    }
    for (size_t i = 0; i < 6; i++) {
        snprintf(body, sizeof body, record_sets, (const char *const[]){ "-1", "\"5\"", "2147483648", "1e99", "null", "{}" }[i],
                 "", "");
        refuse_set(body);
    }
    snprintf(body, sizeof body, record_sets, "5", "", "{\"content\": \"c\", \"account\": \"\"}");
    refuse_set(body);
    refuse_set("{\"rrsets\": [{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"ttl\":1},{\"name\":\"" OWNER
               "\",\"type\":\"TXT\",\"ttl\":1}]}");
}

static void refuses_depth_and_numbers_of_records(void **state)
{
    struct text deep = TEXT_MAX(100000), many = TEXT_MAX(1000000);

    (void)state;
    text_add(&deep, "{\"rrsets\": [], \"x\": ");
    for (int i = 0; i < 3000; i++)
        text_add(&deep, "[");
    refuse_set(text_of(&deep));
    text_add(&many, "{\"rrsets\": [{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"ttl\":1,\"records\":[");
    for (int i = 0; i <= 10000; i++)
        text_addf(&many, "%s{\"content\":\"\\\"%d\\\"\",\"disabled\":false}", i ? "," : "", i);
    text_add(&many, "]}]}");
    refuse_set(text_of(&many));
    text_free(&deep);
    text_free(&many);
}

static void passes_over_record_sets_of_others(void **state)
{
    static const char body[] = "{\"rrsets\": [{\"name\": \"" OWNER "\", \"type\": \"A\", \"ttl\": 5, \"records\": []},"
                               " {\"name\": \"b.example.\", \"type\": \"TXT\", \"records\": [], \"comments\": [{\"x\": 1}]}],"
                               " \"text\": \"[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" {{{{{\"}";
    struct reply_rrset set;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(reply_read_rrset(&set, body, strlen(body), OWNER, &err), 0);
    assert_int_equal(json_array_size(set.records), 0);
    assert_int_equal(json_array_size(set.comments), 0);
    reply_release(&set);
}

static void adds_only_disabled_records_of_the_same_name_and_zone(void **state)
{
    static const char found[] =
        "[{\"content\":\"\\\"off\\\"\",\"disabled\":true,\"name\":\"" OWNER
        "\",\"ttl\":77,\"type\":\"TXT\",\"zone_id\":\"a.example.\"},"
        "{\"content\":\"\\\"on\\\"\",\"disabled\":false,\"name\":\"" OWNER
        "\",\"ttl\":5,\"type\":\"TXT\",\"zone_id\":\"a.example.\"},"
        "{\"content\":\"\\\"c\\\"\",\"disabled\":true,\"name\":\"y." OWNER
        "\",\"ttl\":5,\"type\":\"TXT\",\"zone_id\":\"a.example.\"},"
        "{\"content\":\"c.\",\"disabled\":true,\"name\":\"" OWNER "\",\"ttl\":5,\"type\":\"NS\",\"zone_id\":\"a.example.\"},"
        "{\"content\":\"\\\"d\\\"\",\"disabled\":true,\"name\":\"" OWNER
        "\",\"ttl\":5,\"type\":\"TXT\",\"zone_id\":\"example.\"}]";
    struct reply_rrset set = read_set("5", "", ""), parked;
    struct rrset_goal goal = make_goal("new", NULL);
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(reply_read_disabled(&parked, found, strlen(found), OWNER, "a.example.", 100, &err), 0);
    assert_int_equal(reply_add_disabled(&set, &parked), 0);
    assert_int_equal(reply_add_disabled(&set, &parked), 0); /* none is there twice */
    reply_release(&parked);
    assert_int_equal(reply_add_disabled(&set, &parked), 0);
    assert_true(rrset_has_disabled(&set));
    assert_int_equal(set.ttl, 77);
    expect_replace(
        &set, &goal,
        "{\"rrsets\":[{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"REPLACE\",\"ttl\":77,"
        "\"records\":[{\"content\":\"\\\"new\\\"\",\"disabled\":false},{\"content\":\"\\\"off\\\"\",\"disabled\":true}]}]}");
    assert_int_equal(reply_read_disabled(&parked, found, strlen(found), OWNER, "a.example.", 5, &err), -1);
    reply_release(&parked);
    assert_int_equal(reply_read_disabled(&parked, "{}", 2, OWNER, "a.example.", 5, &err), -1);
    reply_release(&parked);
    reply_release(&set);
}

static void repeats_what_powerdns_says_but_never_the_key(void **state)
{
    static const char error[] = "{\"error\": \"no\\nway \xc3\xa9\"}";
    char words[REPLY_WORDS];

    (void)state;
    reply_words(words, error, strlen(error), KEY);
    assert_string_equal(words, "no?way ??");
    reply_words(words, "Not Found", 9, KEY);
    assert_string_equal(words, "Not Found");
    reply_words(words, "", 0, KEY);
    assert_string_equal(words, "no reason given");
    reply_words(words, "{\"error\": \"X-API-Key: " KEY "\"}", strlen("{\"error\": \"X-API-Key: " KEY "\"}"), KEY);
    assert_null(strstr(words, KEY));
    assert_non_null(strstr(words, "left out"));
    reply_words(words, "X-API-Key: " KEY, strlen("X-API-Key: " KEY), KEY);
    assert_null(strstr(words, KEY));
}

static void reads_only_proper_versions(void **state)
{
    char version[REPLY_VERSION];
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(reply_read_version(version, "{\"version\": \"4.7.3\"}", 20, &err), 0);
    assert_string_equal(version, "4.7.3");
    assert_int_equal(reply_read_version(version, "{\"version\": \"a b\"}", 18, &err), -1);
    assert_int_equal(reply_read_version(version, "{}", 2, &err), -1);
    assert_string_equal(version, "");
}

/* ---- What is sent ---- */

static void keeps_foreign_records_and_comments_byte_for_byte(void **state)
{
    struct reply_rrset set =
        read_set("300.0",
                 "{\"content\": \"\\\"one\\\" \\\"t\\\\\\\\065\\\"\", \"disabled\": false, \"modified_at\": 5},"
                 "{\"content\": \"\\\"old\\\"\", \"disabled\": false}",
                 "{\"account\": \"me\", \"content\": \"mine\", \"modified_at\": 1700000000}");
    struct rrset_goal goal = make_goal("new", "old");

    (void)state;
    expect_replace(&set, &goal,
                   "{\"rrsets\":[{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"REPLACE\",\"ttl\":300,"
                   "\"records\":[{\"content\":\"\\\"new\\\"\",\"disabled\":false},"
                   "{\"content\":\"\\\"one\\\" \\\"t\\\\\\\\065\\\"\",\"disabled\":false}],"
                   "\"comments\":[{\"account\":\"me\",\"content\":\"mine\",\"modified_at\":1700000000}]}]}");
    reply_release(&set);
}

static void deletes_the_set_when_nothing_is_left(void **state)
{
    struct reply_rrset set = read_set("10", "{\"content\": \"\\\"old\\\"\", \"disabled\": false}", "");
    struct rrset_goal goal = make_goal(NULL, "old");

    (void)state;
    expect_replace(&set, &goal,
                   "{\"rrsets\":[{\"name\":\"" OWNER
                   "\",\"type\":\"TXT\",\"changetype\":\"DELETE\",\"ttl\":10,\"records\":[]}]}");
    reply_release(&set);
}

static void keeps_the_comments_of_a_set_that_becomes_empty(void **state)
{
    struct reply_rrset set = read_set("10", "{\"content\": \"\\\"old\\\"\", \"disabled\": false}",
                                      "{\"account\": \"\", \"content\": \"c\", \"modified_at\": 1}");
    struct rrset_goal goal = make_goal(NULL, "old");

    (void)state;
    expect_replace(&set, &goal,
                   "{\"rrsets\":[{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"REPLACE\",\"ttl\":10,"
                   "\"records\":[],\"comments\":[{\"account\":\"\",\"content\":\"c\",\"modified_at\":1}]}]}");
    expect_extend(&set, &goal,
                  "{\"rrsets\":[{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"PRUNE\",\"ttl\":10,"
                  "\"records\":[{\"content\":\"\\\"old\\\"\",\"disabled\":false}]},"
                  "{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"REPLACE\",\"ttl\":10,"
                  "\"comments\":[{\"account\":\"\",\"content\":\"c\",\"modified_at\":1}]}]}");
    reply_release(&set);
}

static void extends_with_the_ttl_of_the_set_one_record_at_a_time(void **state)
{
    struct reply_rrset set = read_set("300",
                                      "{\"content\": \"\\\"foreign\\\"\", \"disabled\": false},"
                                      "{\"content\": \"old\", \"disabled\": false}",
                                      "");
    struct rrset_goal goal = make_goal("new", "old");

    (void)state;
    expect_extend(&set, &goal,
                  "{\"rrsets\":[{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"EXTEND\",\"ttl\":300,"
                  "\"records\":[{\"content\":\"\\\"new\\\"\",\"disabled\":false}]},"
                  "{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"PRUNE\",\"ttl\":300,"
                  "\"records\":[{\"content\":\"old\",\"disabled\":false}]}]}");
    reply_release(&set);
}

static void sends_no_record_twice(void **state)
{
    struct reply_rrset set =
        read_set("10",
                 "{\"content\": \"\\\"f\\\"\", \"disabled\": true}, {\"content\": \"\\\"f\\\"\", \"disabled\": false},"
                 "{\"content\": \"\\\"f\\\"\", \"disabled\": false}, {\"content\": \"\\\"new\\\"\", \"disabled\": true}",
                 "");
    struct rrset_goal goal = make_goal("new", NULL);

    (void)state;
    assert_false(rrset_reached(&set, &goal)); /* a disabled value is not served */
    expect_replace(
        &set, &goal,
        "{\"rrsets\":[{\"name\":\"" OWNER "\",\"type\":\"TXT\",\"changetype\":\"REPLACE\",\"ttl\":10,"
        "\"records\":[{\"content\":\"\\\"new\\\"\",\"disabled\":false},{\"content\":\"\\\"f\\\"\",\"disabled\":false}]}]}");
    reply_release(&set);
}

static void knows_when_the_goal_is_reached(void **state)
{
    struct reply_rrset set = read_set("10", "{\"content\": \"\\\"a\\\"\", \"disabled\": false}", "");
    struct rrset_goal there = make_goal("a", "b");
    struct rrset_goal missing;

    (void)state;
    assert_true(rrset_reached(&set, &there));
    missing = make_goal("b", NULL);
    assert_false(rrset_reached(&set, &missing));
    missing = make_goal(NULL, "a");
    assert_false(rrset_reached(&set, &missing));
    missing = make_goal("a", "a"); /* wanted wins */
    assert_true(rrset_reached(&set, &missing));
    reply_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_what_needs_it),
        cmocka_unit_test(splits_long_values_into_character_strings),
        cmocka_unit_test(knows_a_value_however_it_is_written),
        cmocka_unit_test(tells_other_values_apart),
        cmocka_unit_test(reads_the_zone_that_was_asked_for),
        cmocka_unit_test(refuses_zones_that_are_none),
        cmocka_unit_test(refuses_record_sets_that_are_none),
        cmocka_unit_test(refuses_depth_and_numbers_of_records),
        cmocka_unit_test(passes_over_record_sets_of_others),
        cmocka_unit_test(adds_only_disabled_records_of_the_same_name_and_zone),
        cmocka_unit_test(repeats_what_powerdns_says_but_never_the_key),
        cmocka_unit_test(reads_only_proper_versions),
        cmocka_unit_test(keeps_foreign_records_and_comments_byte_for_byte),
        cmocka_unit_test(deletes_the_set_when_nothing_is_left),
        cmocka_unit_test(keeps_the_comments_of_a_set_that_becomes_empty),
        cmocka_unit_test(extends_with_the_ttl_of_the_set_one_record_at_a_time),
        cmocka_unit_test(sends_no_record_twice),
        cmocka_unit_test(knows_when_the_goal_is_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* store-sqlite: rows that people write are refused in words they can act on; on the server's connection, and in a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <string.h>

#include "../fakes/store_file.h"

struct fixture {
    struct store_file f;
    void *conn;
    sqlite3 *shell; /* foreign keys off, as in the sqlite3 program */
};

static int set_up(void **state)
{
    static struct fixture x;
    struct cs_error err = { 0 };

    x = (struct fixture){ 0 };
    store_file_open(&x.f, 1000);
    store_file_migrate(&x.f);
    assert_int_equal(x.f.ops->connect(x.f.self, CS_STATE_WRITER, &x.conn, &err), 0);
    assert_int_equal(sqlite3_open(x.f.path, &x.shell), SQLITE_OK);
    *state = &x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;

    sqlite3_close(x->shell);
    x->f.ops->disconnect(x->f.self, x->conn);
    store_file_close(&x->f);
    return 0;
}

/* What the shell says to `sql`; "" when it does it. */
static const char *says(struct fixture *x, const char *sql)
{
    return sqlite3_exec(x->shell, sql, NULL, NULL, NULL) == SQLITE_OK ? "" : sqlite3_errmsg(x->shell);
}

#define ZONE_NAME "zone must be a DNS name in lower case without a trailing dot, such as lab.example"
#define ZONE_DNS "dns must be the name of a DNS instance of the configuration, such as builtin"
#define ZONE_PARALLEL "parallel must be a number from 1 to 1000: how many orders of the zone may run at a time"
#define ZONE_CHALLENGE "challenge_zone must be empty or a DNS name in lower case without a trailing dot"
#define ZONE_CHALLENGE_ROW                                                                                             \
    "challenge_zone must be empty, the zone itself, or another one of this table: add that one first, with "            \
    "`countersign zone add`"
#define ZONE_TAKES "this zone takes challenges: change challenge_zone of those that name it first"
#define ZONE_SERVERS "servers must be empty or addresses separated by spaces, such as 192.0.2.53 [2001:db8::53]:5353"
#define ZONE_VISIBLE "visible must be require, warn or off"
#define ZONE_KEYS                                                                                                      \
    "keys must be empty (then all types are taken) or some of rsa2048 rsa3072 rsa4096 p256 p384, separated by spaces"
#define ZONE_BIND "bind_keys must be 1 or 0"
#define ENABLED "enabled must be 1 or 0"
#define ZONE_USED "this zone still has subjects: give them another zone or remove them first"

#define SUBJECT_EMPTY "subject must not be empty"
#define SUBJECT_FORM                                                                                                  \
    "subject must be in the RFC 4514 form, such as CN=a.lab.example,O=Lab,C=IT; `countersign subject add` converts "    \
    "/C=IT/O=Lab/CN=a.lab.example"
#define SUBJECT_SPACE "subject must have no space beside a comma: CN=a.lab.example,O=Lab"
#define SUBJECT_ZONE "zone must be one of the table zone: add it first, with `countersign zone add`"
#define SUBJECT_KEY "names may have {key} only as the whole first label of a name, such as {key}.x"
#define SUBJECT_NAMES                                                                                                 \
    "names must be empty (then only the CN is allowed) or names in lower case, separated by spaces: a.x, *.x, or .x for " \
    "any name below x"
#define SUBJECT_IN_ZONE "names must all lie in the zone of the subject"
#define SUBJECT_CN "names is empty, so the subject must have a CN that lies in its zone"
#define SUBJECT_PROFILE "profile must be empty or one word: a profile that the CA offers"

#define CA_SUBJECT "subject must be one of the table subject: add it first, with `countersign subject add`"
#define CA_RANK "rank must be a number from 1 to 100: the CA with the lowest is asked first"
#define CA_NAME "ca must be the name of a CA instance of the configuration, such as le"

static void a_zone_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *sql, *answer;
    } cases[] = {
        { "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin')", "" },
        { "INSERT INTO zone (zone, dns) VALUES ('Lab.example', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('lab.example.', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('.lab.example', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('lab..example', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('-lab.example', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('lab.example-', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('*.example', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('a b.example', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('', 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES (NULL, 'builtin')", ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES (substr(replace(hex(zeroblob(150)), '00', 'a.'), 1, 254) || 'a', 'builtin')",
          ZONE_NAME },
        { "INSERT INTO zone (zone, dns) VALUES ('a.example', '')", ZONE_DNS },
        { "INSERT INTO zone (zone, dns) VALUES ('a.example', NULL)", ZONE_DNS },
        { "INSERT INTO zone (zone, dns) VALUES ('a.example', 'two words')", ZONE_DNS },
        { "INSERT INTO zone (zone) VALUES ('a.example')", ZONE_DNS },
        { "UPDATE zone SET parallel = 0", ZONE_PARALLEL },
        { "UPDATE zone SET parallel = 1001", ZONE_PARALLEL },
        { "UPDATE zone SET parallel = NULL", ZONE_PARALLEL },
        { "UPDATE zone SET parallel = 1000", "" },
        { "UPDATE zone SET challenge_zone = 'Acme.example'", ZONE_CHALLENGE },
        { "UPDATE zone SET challenge_zone = 'acme.example.'", ZONE_CHALLENGE },
        { "UPDATE zone SET challenge_zone = NULL", ZONE_CHALLENGE },
        { "UPDATE zone SET challenge_zone = '_acme.example'", ZONE_CHALLENGE_ROW },
        { "UPDATE zone SET challenge_zone = zone", "" },
        { "UPDATE zone SET challenge_zone = ''", "" },
        { "UPDATE zone SET servers = 'ns1.example'", ZONE_SERVERS },
        { "UPDATE zone SET servers = NULL", ZONE_SERVERS },
        { "UPDATE zone SET servers = '192.0.2.53 [2001:db8::53]:5353'", "" },
        { "UPDATE zone SET visible = 'yes'", ZONE_VISIBLE },
        { "UPDATE zone SET visible = NULL", ZONE_VISIBLE },
        { "UPDATE zone SET visible = 'warn'", "" },
        { "UPDATE zone SET bind_keys = 1", "" },
        { "UPDATE zone SET bind_keys = 2", ZONE_BIND },
        { "UPDATE zone SET bind_keys = NULL", ZONE_BIND },
        { "INSERT INTO zone (zone, dns, bind_keys) VALUES ('bound.example', 'builtin', -1)", ZONE_BIND },
        { "UPDATE zone SET keys = 'p256'", "" },
        { "UPDATE zone SET keys = 'rsa2048 rsa3072 rsa4096 p256 p384'", "" },
        { "UPDATE zone SET keys = 'p384 p384  p256'", "" },
        { "UPDATE zone SET keys = ''", "" },
        { "UPDATE zone SET keys = NULL", ZONE_KEYS },
        { "UPDATE zone SET keys = 'p521'", ZONE_KEYS },
        { "UPDATE zone SET keys = 'P256'", ZONE_KEYS },
        { "UPDATE zone SET keys = 'p256,p384'", ZONE_KEYS },
        { "UPDATE zone SET keys = 'p256p384'", ZONE_KEYS },
        { "UPDATE zone SET keys = 'p256 rsa20'", ZONE_KEYS },
        { "INSERT INTO zone (zone, dns, keys) VALUES ('keys.example', 'builtin', 'rsa')", ZONE_KEYS },
        { "UPDATE zone SET enabled = 2", ENABLED },
        { "UPDATE zone SET enabled = NULL", ENABLED },
        { "UPDATE zone SET enabled = 0", "" },
        { "UPDATE zone SET parallel = 'many'", "cannot store TEXT value in INTEGER column zone.parallel" },
        { "UPDATE zone SET zone = 'other.example'", "" },
        { "INSERT INTO zone (zone, dns) VALUES ('other.example', 'builtin')", "UNIQUE constraint failed: zone.zone" },
        { "DELETE FROM zone", "" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(says(*state, cases[i].sql), cases[i].answer);
}

static void a_zone_with_subjects_stays(void **state)
{
    assert_string_equal(says(*state, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'b'), ('b.example', 'b')"), "");
    assert_string_equal(says(*state, "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example', 'lab.example')"), "");
    assert_string_equal(says(*state, "DELETE FROM zone WHERE zone = 'lab.example'"), ZONE_USED);
    assert_string_equal(says(*state, "UPDATE zone SET zone = 'new.example' WHERE zone = 'lab.example'"), ZONE_USED);
    assert_string_equal(says(*state, "UPDATE zone SET dns = 'pdns' WHERE zone = 'lab.example'"), "");
    assert_string_equal(says(*state, "DELETE FROM zone WHERE zone = 'b.example'"), "");
    assert_string_equal(says(*state, "DELETE FROM subject"), "");
    assert_string_equal(says(*state, "DELETE FROM zone"), "");
}

static void a_zone_that_takes_challenges_stays(void **state)
{
    assert_string_equal(says(*state, "INSERT INTO zone (zone, dns) VALUES ('_acme.example', 'b'), ('b.example', 'b')"), "");
    assert_string_equal(says(*state, "UPDATE zone SET challenge_zone = '_acme.example' WHERE zone = 'b.example'"), "");
    assert_string_equal(says(*state, "DELETE FROM zone WHERE zone = '_acme.example'"), ZONE_TAKES);
    assert_string_equal(says(*state, "UPDATE zone SET zone = 'new.example' WHERE zone = '_acme.example'"), ZONE_TAKES);
    assert_string_equal(says(*state, "UPDATE zone SET challenge_zone = zone WHERE zone = 'b.example'"), "");
    assert_string_equal(says(*state, "UPDATE zone SET zone = 'new.example' WHERE zone = 'b.example'"), ZONE_TAKES);
    assert_string_equal(says(*state, "DELETE FROM zone WHERE zone = '_acme.example'"), "");
    assert_string_equal(says(*state, "DELETE FROM zone WHERE zone = 'b.example'"), "");
}

static void a_subject_that_makes_no_sense_is_refused(void **state)
{
#define SUBJECT(subject) "INSERT INTO subject (subject, zone) VALUES ('" subject "', 'lab.example')"
#define NAMES(names) "INSERT OR REPLACE INTO subject (subject, zone, names) VALUES ('CN=x,O=Lab', 'lab.example', '" names "')"
    static const struct {
        const char *sql, *answer;
    } cases[] = {
        { SUBJECT(""), SUBJECT_EMPTY },
        { "INSERT INTO subject (subject, zone) VALUES (NULL, 'lab.example')", SUBJECT_EMPTY },
        { SUBJECT("/C=IT/CN=a.lab.example"), SUBJECT_FORM },
        { SUBJECT("a.lab.example"), SUBJECT_FORM },
        { SUBJECT("=a.lab.example"), SUBJECT_FORM },
        { "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example' || char(10), 'lab.example')", SUBJECT_FORM },
        { "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example' || char(0), 'lab.example')", SUBJECT_FORM },
        { SUBJECT("CN=a.lab.example, O=Lab"), SUBJECT_SPACE },
        { SUBJECT("CN=a.lab.example ,O=Lab"), SUBJECT_SPACE },
        { SUBJECT(" CN=a.lab.example"), SUBJECT_SPACE },
        { SUBJECT("CN=a.lab.example,O=Lab\\, Inc"), "" },
        { SUBJECT("CN=a.lab.example,O=Lab\\ ,C=IT"), "" },
        { SUBJECT("CN=go.lab.example,OU=Gufo Thor,O=Gufo Labs,L=Milano,ST=Milano,C=IT"), "" },
        { SUBJECT("CN=B.Lab.Example"), "" },
        { SUBJECT("O=Lab,CN=c.lab.example"), "" },
        { SUBJECT("UID=7+CN=*.lab.example"), "" },
        { SUBJECT("CN=lab.example"), "" },
        { SUBJECT("CN=xlab.example"), SUBJECT_CN },
        { SUBJECT("CN=a.other.example"), SUBJECT_CN },
        { SUBJECT("O=Lab"), SUBJECT_CN },
        { "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example', 'nowhere.example')", SUBJECT_ZONE },
        { "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example', NULL)", SUBJECT_ZONE },
        { NAMES("a.lab.example *.lab.example .lab.example lab.example *.b.lab.example .c.lab.example"), "" },
        { NAMES("  a.lab.example   b.lab.example "), "" },
        { NAMES("{key}.lab.example"), "" },
        { NAMES("a.lab.example {key}.lab.example {key}.b.lab.example .lab.example"), "" },
        { NAMES("{key}.other.example"), SUBJECT_IN_ZONE },
        { NAMES("{key}.*.lab.example"), SUBJECT_NAMES },
        { NAMES("{key}..lab.example"), SUBJECT_NAMES },
        { NAMES("{key}."), SUBJECT_NAMES },
        { NAMES("{key}"), SUBJECT_KEY },
        { NAMES("a.{key}.lab.example"), SUBJECT_KEY },
        { NAMES(".{key}.lab.example"), SUBJECT_KEY },
        { NAMES("*.{key}.lab.example"), SUBJECT_KEY },
        { NAMES("{key}.{key}.lab.example"), SUBJECT_KEY },
        { NAMES("{key}a.lab.example"), SUBJECT_KEY },
        { NAMES("{KEY}.lab.example"), SUBJECT_KEY },
        { NAMES("{}.lab.example"), SUBJECT_KEY },
        { "UPDATE subject SET names = '{key}.lab.example'", "" },
        { "UPDATE subject SET names = '{key'", SUBJECT_KEY },
        { NAMES("A.lab.example"), SUBJECT_NAMES },
        { NAMES("a.lab.example."), SUBJECT_NAMES },
        { NAMES("a.lab.example,b.lab.example"), SUBJECT_NAMES },
        { NAMES("a.*.lab.example"), SUBJECT_NAMES },
        { NAMES("*lab.example"), SUBJECT_NAMES },
        { NAMES("*"), SUBJECT_NAMES },
        { NAMES("."), SUBJECT_NAMES },
        { NAMES("a..lab.example"), SUBJECT_NAMES },
        { NAMES("a.lab.example b.xlab.example"), SUBJECT_IN_ZONE },
        { NAMES("a.other.example"), SUBJECT_IN_ZONE },
        { NAMES(".example"), SUBJECT_IN_ZONE },
        { NAMES("   "), SUBJECT_CN },
        { "UPDATE subject SET names = NULL", SUBJECT_NAMES },
        { "UPDATE subject SET profile = 'two words'", SUBJECT_PROFILE },
        { "UPDATE subject SET profile = NULL", SUBJECT_PROFILE },
        { "UPDATE subject SET profile = 'shortlived'", "" },
        { "UPDATE subject SET enabled = 7", ENABLED },
        { "UPDATE subject SET enabled = 0", "" },
    };

    assert_string_equal(says(*state, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin')"), "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(says(*state, cases[i].sql), cases[i].answer);
}

static void a_list_of_cas_is_checked_and_follows_its_subject(void **state)
{
    struct fixture *x = *state;

    assert_string_equal(says(x, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin')"), "");
    assert_string_equal(says(x, "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example', 'lab.example')"), "");
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=b.lab.example', 1, 'le')"), CA_SUBJECT);
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 0, 'le')"), CA_RANK);
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 101, 'le')"), CA_RANK);
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 1, '')"), CA_NAME);
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 1, 'a b')"), CA_NAME);
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 1, 'le')"), "");
    assert_string_equal(says(x, "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 2, 'le')"),
                        "UNIQUE constraint failed: subject_ca.subject, subject_ca.ca");
    assert_string_equal(says(x, "UPDATE subject_ca SET rank = 5"), "");
    assert_string_equal(says(x, "UPDATE subject_ca SET subject = 'CN=nobody'"), CA_SUBJECT);
    assert_string_equal(says(x, "UPDATE subject SET subject = 'CN=new.lab.example'"), "");
    assert_int_equal(store_file_number(&x->f, "SELECT rank FROM subject_ca WHERE subject = 'CN=new.lab.example'"), 5);
    assert_string_equal(says(x, "PRAGMA foreign_keys = ON; UPDATE subject SET subject = 'CN=newer.lab.example'"), "");
    assert_int_equal(store_file_number(&x->f, "SELECT count(*) FROM subject_ca WHERE subject = 'CN=newer.lab.example'"), 1);
    assert_string_equal(says(x, "DELETE FROM subject"), "");
    assert_int_equal(store_file_number(&x->f, "SELECT count(*) FROM subject_ca"), 0);
}

static void the_words_reach_the_caller_as_they_are(void **state)
{
    struct fixture *x = *state;
    struct cs_error err = { 0 };
    struct cs_zone zone = { .size = sizeof zone, .zone = "Lab", .dns = "builtin", .parallel = 1, .challenge_zone = "",
                            .servers = "", .visible = CS_VISIBLE_REQUIRE, .enabled = true };
    struct cs_subject subject = { .size = sizeof subject, .subject = "CN=a.lab.example", .zone = "lab.example", .names = "",
                                  .profile = "", .cas = "", .enabled = true };

    assert_int_equal(x->f.ops->zone_put(x->conn, &zone, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, ZONE_NAME);
    assert_int_equal(x->f.ops->subject_put(x->conn, &subject, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, SUBJECT_ZONE);
    zone.zone = "lab.example";
    assert_int_equal(x->f.ops->zone_put(x->conn, &zone, &err), 0);
    subject.cas = "le le";
    assert_int_equal(x->f.ops->subject_put(x->conn, &subject, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, "a CA may stand on the list of a subject only once");
    assert_int_equal(store_file_number(&x->f, "SELECT count(*) FROM subject"), 0);
    zone.visible = (enum cs_visible)9;
    assert_int_equal(x->f.ops->zone_put(x->conn, &zone, &err), -1);
    assert_string_equal(err.text, ZONE_VISIBLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_zone_that_makes_no_sense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_with_subjects_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_that_takes_challenges_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_subject_that_makes_no_sense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_of_cas_is_checked_and_follows_its_subject, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_words_reach_the_caller_as_they_are, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

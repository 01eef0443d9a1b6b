/* store-sqlite: each function on each table, through the plugin's descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/store_file.h"

static struct store_file f;
static void *w, *r; /* a writer's connection, a reader's */
static struct cs_error err;
static const struct cs_store_ops *ops;

static int set_up(void **state)
{
    (void)state;
    store_file_open(&f, 1000);
    store_file_migrate(&f);
    ops = f.ops;
    err = (struct cs_error){ 0 };
    assert_int_equal(ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    assert_int_equal(ops->connect(f.self, CS_STATE_READER, &r, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops->disconnect(f.self, r);
    ops->disconnect(f.self, w);
    store_file_close(&f);
    return 0;
}

/* ---- rows as one line of text, so that a test reads like a table */

struct lines {
    char text[4096];
    int rows, most; /* most 0: all */
};

static int add(struct lines *l, const char *line)
{
    size_t len = strlen(l->text);

    snprintf(l->text + len, sizeof l->text - len, "%s\n", line);
    return ++l->rows == l->most;
}

static int on_zone(void *arg, const struct cs_zone *z)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%s|%d|%s|%s|%d|%d", z->zone, z->dns, (int)z->parallel, z->challenge_zone, z->servers,
             (int)z->visible, z->enabled);
    return add(arg, line);
}

static int on_subject(void *arg, const struct cs_subject *s)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%d", s->subject, s->zone, s->names, s->profile, s->cas, s->enabled);
    return add(arg, line);
}

static int on_job(void *arg, const struct cs_job *j)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%d|v%d|%s|%s|%s|%s|%s|%.*s|%d|%s|%.*s|%d|%s|%d %d %d %d|%d", j->id, j->key[31],
             (int)j->version, j->subject, j->zone, j->ca, j->names, j->profile, (int)j->csr_len, (const char *)j->csr,
             (int)j->state, j->step, (int)j->data_len, (const char *)j->data, (int)j->attempts, j->problem,
             (int)j->created_ms, (int)j->updated_ms, (int)j->deadline_ms, (int)j->keep_until_ms, j->spki_sha256[0]);
    return add(arg, line);
}

static int on_challenge(void *arg, const struct cs_job_challenge *ch)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%s|%d", ch->job, ch->name, ch->dns, ch->owner, ch->zone, ch->value,
             (int)ch->expires_ms);
    return add(arg, line);
}

static int on_certificate(void *arg, const struct cs_certificate *c)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%d|%s|%s|%s|%s|%s|%s|%d %d %d|%.*s|%s|%d", c->job, c->key[31], c->zone, c->subject,
             c->names, c->ca, c->profile, c->serial, (int)c->not_before_ms, (int)c->not_after_ms, (int)c->issued_ms,
             (int)c->pem_len, c->pem, c->url, c->spki_sha256[0]);
    return add(arg, line);
}

static int on_event(void *arg, const struct cs_event *e)
{
    char line[512];

    snprintf(line, sizeof line, "%d|%d|%s|%.*s", (int)e->number, (int)e->time_ms, e->kind, (int)e->json_len, e->json);
    return add(arg, line);
}

static int on_blob(void *arg, const void *data, size_t len)
{
    char line[512];

    snprintf(line, sizeof line, "%zu:%.*s", len, (int)len, (const char *)data);
    return add(arg, line);
}

static struct cs_zone a_zone(const char *name)
{
    return (struct cs_zone){ .size = sizeof(struct cs_zone), .zone = name, .dns = "builtin", .parallel = 1,
                             .challenge_zone = "", .servers = "", .visible = CS_VISIBLE_REQUIRE, .enabled = true };
}

static struct cs_subject a_subject(const char *name, const char *cas)
{
    return (struct cs_subject){ .size = sizeof(struct cs_subject), .subject = name, .zone = "lab.example", .names = "",
                                .profile = "", .cas = cas, .enabled = true };
}

static struct cs_job a_job(const char *id, uint8_t key)
{
    return (struct cs_job){ .size = sizeof(struct cs_job), .id = id, .key = { [31] = key }, .subject = "CN=a.lab.example",
                            .zone = "lab.example", .ca = "le", .names = "a.lab.example", .profile = "",
                            .csr = (const uint8_t *)"csr", .csr_len = 3, .spki_sha256 = { 7 }, .state = CS_JOB_OPEN,
                            .step = "", .data = NULL, .data_len = 0, .problem = "", .created_ms = 100, .updated_ms = 100,
                            .deadline_ms = 900, .keep_until_ms = 1000 };
}

static struct cs_certificate a_certificate(const char *job, uint8_t key, int64_t issued_ms)
{
    return (struct cs_certificate){ .size = sizeof(struct cs_certificate), .job = job, .key = { [31] = key },
                                    .zone = "lab.example", .subject = "CN=a.lab.example", .names = "a.lab.example", .ca = "le",
                                    .profile = "", .serial = "0a1b", .not_before_ms = 10, .not_after_ms = 2000,
                                    .issued_ms = issued_ms, .pem = "PEM and more", .pem_len = 3, .url = "https://ca/1",
                                    .spki_sha256 = { 7 } };
}

#define ROWS(call, on_row, expected)                    \
    do {                                                \
        struct lines got_ = { 0 };                      \
        assert_int_equal(call(on_row, &got_, &err), 0); \
        assert_string_equal(got_.text, expected);       \
    } while (0)

#define zones(fn, arg, e) ops->zone_list(r, fn, arg, e)
#define subjects(fn, arg, e) ops->subject_list(r, fn, arg, e)
#define open_jobs(fn, arg, e) ops->job_list_open(r, fn, arg, e)
#define job_one(fn, arg, e) ops->job_find(r, "one", fn, arg, e)
#define challenges(fn, arg, e) ops->challenge_list(r, fn, arg, e)
#define kept(fn, arg, e) ops->keep_get(r, "ca", "le", "account", fn, arg, e)
#define events_after_1(fn, arg, e) ops->outbox_read(r, 1, 2, fn, arg, e)
#define events(fn, arg, e) ops->outbox_read(r, 0, 100, fn, arg, e)

/* ---- */

static void zones_are_put_replaced_listed_and_removed(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    struct lines l = { .most = 1 };

    (void)state;
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    z = a_zone("a.example");
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    z = (struct cs_zone){ .size = sizeof z, .zone = "lab.example", .dns = "pdns", .parallel = 5, .challenge_zone = "acme.example",
                          .servers = "192.0.2.1", .visible = CS_VISIBLE_OFF, .enabled = false };
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    ROWS(zones, on_zone, "a.example|builtin|1|||1|1\nlab.example|pdns|5|acme.example|192.0.2.1|3|0\n");
    assert_int_equal(ops->zone_list(r, on_zone, &l, &err), 0);
    assert_string_equal(l.text, "a.example|builtin|1|||1|1\n");
    l = (struct lines){ 0 };
    assert_int_equal(ops->zone_find(r, "lab.example", on_zone, &l, &err), 0);
    assert_int_equal(ops->zone_find(r, "x.lab.example", on_zone, &l, &err), 0);
    assert_int_equal(l.rows, 1);
    assert_int_equal(ops->zone_remove(w, "a.example", &err), 0);
    assert_int_equal(ops->zone_remove(w, "a.example", &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_string_equal(err.text, "there is no zone a.example");
}

static void subjects_keep_their_cas_in_order(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    struct cs_subject s = a_subject("CN=b.lab.example", "zz  le local ");
    struct lines l = { 0 };

    (void)state;
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    assert_int_equal(ops->subject_put(w, &s, &err), 0);
    s = a_subject("CN=a.lab.example", "");
    s.names = "a.lab.example *.lab.example";
    s.profile = "shortlived";
    s.enabled = false;
    assert_int_equal(ops->subject_put(w, &s, &err), 0);
    ROWS(subjects, on_subject,
         "CN=a.lab.example|lab.example|a.lab.example *.lab.example|shortlived||0\nCN=b.lab.example|lab.example|||zz le local|1\n");
    store_file_sql(&f, "UPDATE subject_ca SET rank = 9 WHERE ca = 'zz'");
    assert_int_equal(ops->subject_find(r, "CN=b.lab.example", on_subject, &l, &err), 0);
    assert_int_equal(ops->subject_find(r, "cn=b.lab.example", on_subject, &l, &err), 0);
    assert_string_equal(l.text, "CN=b.lab.example|lab.example|||le local zz|1\n");
    s = a_subject("CN=b.lab.example", "local");
    assert_int_equal(ops->subject_put(w, &s, &err), 0);
    assert_int_equal(ops->subject_remove(w, "CN=a.lab.example", &err), 0);
    ROWS(subjects, on_subject, "CN=b.lab.example|lab.example|||local|1\n");
    assert_int_equal(ops->subject_remove(w, "CN=a.lab.example", &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
}

static void a_job_is_written_only_over_the_version_that_was_read(void **state)
{
    struct cs_job j = a_job("one", 1);

    (void)state;
    assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
    ROWS(job_one, on_job, "one|1|v1|CN=a.lab.example|lab.example|le|a.lab.example||csr|1|||0||100 100 900 1000|7\n");
    j.step = "finalize";
    j.data = (const uint8_t *)"url";
    j.data_len = 3;
    j.attempts = 2;
    j.updated_ms = 200;
    assert_int_equal(ops->job_put(w, &j, 1, &err), 0);
    ROWS(job_one, on_job, "one|1|v2|CN=a.lab.example|lab.example|le|a.lab.example||csr|1|finalize|url|2||100 200 900 1000|7\n");
    assert_int_equal(ops->job_put(w, &j, 1, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    assert_string_equal(err.text, "job one was changed by somebody else meanwhile");
    assert_int_equal(ops->job_put(w, &j, 0, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    j.id = "two";
    j.key[31] = 9;
    assert_int_equal(ops->job_put(w, &j, 1, &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    j.state = (enum cs_job_state)8;
    assert_int_equal(ops->job_put(w, &j, 0, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
}

static void one_job_is_open_for_a_key(void **state)
{
    struct cs_job one = a_job("one", 1), two = a_job("two", 1), three = a_job("three", 3);
    struct lines l = { 0 };

    (void)state;
    one.created_ms = 300;
    assert_int_equal(ops->job_put(w, &one, 0, &err), 0);
    assert_int_equal(ops->job_put(w, &two, 0, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    assert_string_equal(err.text, "an order for the same key, zone, names and profile is open already");
    assert_int_equal(ops->job_put(w, &three, 0, &err), 0);
    assert_int_equal(ops->job_list_open(r, on_job, &l, &err), 0);
    assert_int_equal(l.rows, 2);
    assert_true(strstr(l.text, "three") < strstr(l.text, "one"));
    one.state = CS_JOB_FAILED;
    one.problem = "{}";
    assert_int_equal(ops->job_put(w, &one, 1, &err), 0);
    assert_int_equal(ops->job_put(w, &two, 0, &err), 0);
    l = (struct lines){ 0 };
    assert_int_equal(ops->job_find_open(r, one.key, on_job, &l, &err), 0);
    assert_int_equal(l.rows, 1);
    assert_int_equal(strncmp(l.text, "two|", 4), 0);
    one.state = CS_JOB_OPEN;
    assert_int_equal(ops->job_put(w, &one, 2, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    one.state = CS_JOB_DONE;
    assert_int_equal(ops->job_put(w, &one, 2, &err), 0);
}

static void challenges_may_be_put_and_removed_twice(void **state)
{
    struct cs_job j = a_job("one", 1);
    struct cs_job_challenge ch = { .size = sizeof ch, .job = "one", .name = "a.lab.example", .dns = "builtin",
                                   .owner = "_acme-challenge.a.lab.example.", .zone = "lab.example.", .value = "v1", .expires_ms = 5 };
    struct cs_job_challenge other = ch;

    (void)state;
    assert_int_equal(ops->challenge_put(w, &ch, &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
    assert_int_equal(ops->challenge_put(w, &ch, &err), 0);
    ch.expires_ms = 6;
    assert_int_equal(ops->challenge_put(w, &ch, &err), 0);
    other.value = "v2";
    assert_int_equal(ops->challenge_put(w, &other, &err), 0);
    ROWS(challenges, on_challenge,
         "one|a.lab.example|builtin|_acme-challenge.a.lab.example.|lab.example.|v1|6\n"
         "one|a.lab.example|builtin|_acme-challenge.a.lab.example.|lab.example.|v2|5\n");
    assert_int_equal(ops->challenge_remove(w, &ch, &err), 0);
    assert_int_equal(ops->challenge_remove(w, &ch, &err), 0);
    ROWS(challenges, on_challenge, "one|a.lab.example|builtin|_acme-challenge.a.lab.example.|lab.example.|v2|5\n");
}

static void the_newest_certificate_of_a_key_is_found(void **state)
{
    struct cs_certificate one = a_certificate("one", 1, 50), two = a_certificate("two", 1, 60), old = a_certificate("old", 1, 40);
    struct lines l = { 0 };

    (void)state;
    assert_int_equal(ops->certificate_put(w, &one, &err), 0);
    assert_int_equal(ops->certificate_put(w, &two, &err), 0);
    assert_int_equal(ops->certificate_put(w, &old, &err), 0);
    assert_int_equal(ops->certificate_put(w, &old, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    assert_int_equal(ops->certificate_newest(r, one.key, on_certificate, &l, &err), 0);
    assert_string_equal(l.text, "two|1|lab.example|CN=a.lab.example|a.lab.example|le||0a1b|10 2000 60|PEM|https://ca/1|7\n");
    l = (struct lines){ 0 };
    assert_int_equal(ops->certificate_find(r, "one", on_certificate, &l, &err), 0);
    assert_int_equal(strncmp(l.text, "one|1|", 6), 0);
    one.key[0] = 1;
    assert_int_equal(ops->certificate_newest(r, one.key, on_certificate, &l, &err), 0);
    assert_int_equal(ops->certificate_find(r, "none", on_certificate, &l, &err), 0);
    assert_int_equal(l.rows, 1);
}

static void what_is_kept_can_be_empty_replaced_and_forgotten(void **state)
{
    (void)state;
    ROWS(kept, on_blob, "");
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", "", 0, &err), 0);
    ROWS(kept, on_blob, "0:\n");
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", "https", 5, &err), 0);
    assert_int_equal(ops->keep_put(w, "dns", "le", "account", "other", 5, &err), 0);
    ROWS(kept, on_blob, "5:https\n");
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", NULL, 0, &err), 0);
    assert_int_equal(ops->keep_put(w, "ca", "le", "account", NULL, 0, &err), 0);
    ROWS(kept, on_blob, "");
}

static void put_event(const char *json)
{
    struct cs_event e = { .size = sizeof e, .number = 99, .time_ms = 5, .kind = "issued", .json = json, .json_len = strlen(json) };

    assert_int_equal(ops->outbox_put(w, &e, &err), 0);
}

static void event_numbers_rise_by_one_and_are_never_used_again(void **state)
{
    int64_t first, last;

    (void)state;
    assert_int_equal(ops->outbox_range(r, &first, &last, &err), 0);
    assert_int_equal(first, 0);
    assert_int_equal(last, 0);
    put_event("{\"n\":1}");
    assert_int_equal(ops->begin(w, &err), 0);
    put_event("{\"n\":2}");
    ops->rollback(w);
    for (int i = 2; i <= 4; i++)
        put_event("{}");
    ROWS(events_after_1, on_event, "2|5|issued|{}\n3|5|issued|{}\n");
    assert_int_equal(ops->outbox_trim(w, 2, &err), 0);
    assert_int_equal(ops->outbox_range(r, &first, &last, &err), 0);
    assert_int_equal(first, 3);
    assert_int_equal(last, 4);
    assert_int_equal(ops->outbox_trim(w, 100, &err), 0);
    assert_int_equal(ops->outbox_range(r, &first, &last, &err), 0);
    assert_int_equal(first, 0);
    assert_int_equal(last, 4);
    put_event("{}");
    ROWS(events, on_event, "5|5|issued|{}\n");
}

static void cursors_are_kept(void **state)
{
    int64_t number = 7;

    (void)state;
    assert_int_equal(ops->cursor_get(r, "siem", &number, &err), 0);
    assert_int_equal(number, 0);
    assert_int_equal(ops->cursor_put(w, "siem", 12, &err), 0);
    assert_int_equal(ops->cursor_put(w, "siem", 13, &err), 0);
    assert_int_equal(ops->cursor_get(r, "siem", &number, &err), 0);
    assert_int_equal(number, 13);
}

static void purge_forgets_what_is_over_a_few_at_a_time(void **state)
{
    struct cs_job_challenge ch = { .size = sizeof ch, .job = "1", .name = "a", .dns = "b", .owner = "o.", .zone = "z.", .value = "v" };
    int64_t n;

    (void)state;
    for (uint8_t i = 0; i < 5; i++) {
        char id[2] = { (char)('0' + i), '\0' };
        struct cs_job j = a_job(id, i);
        struct cs_certificate c = a_certificate(id, i, 50);

        j.state = i == 0 ? CS_JOB_OPEN : CS_JOB_DONE;
        j.keep_until_ms = 1000 + i;
        c.not_after_ms = 1000 + i;
        assert_int_equal(ops->job_put(w, &j, 0, &err), 0);
        assert_int_equal(ops->certificate_put(w, &c, &err), 0);
    }
    assert_int_equal(ops->challenge_put(w, &ch, &err), 0);
    assert_int_equal(ops->purge(w, 999, 100, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(ops->purge(w, 1003, 3, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(ops->purge(w, 1003, 100, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM job"), 3); /* open, with a challenge, not over */
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM certificate"), 1);
    assert_int_equal(ops->challenge_remove(w, &ch, &err), 0);
    assert_int_equal(ops->purge(w, 5000, 100, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM job WHERE state = 'open'"), 1);
}

static void the_version_changes_with_every_commit_of_anybody(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    int64_t before, after;

    (void)state;
    assert_int_equal(ops->version(r, &before, &err), 0);
    assert_int_equal(ops->version(r, &after, &err), 0);
    assert_int_equal(before, after);
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    assert_int_equal(ops->version(r, &after, &err), 0);
    assert_int_not_equal(before, after);
    before = after;
    store_file_sql(&f, "UPDATE zone SET dns = 'pdns'");
    assert_int_equal(ops->version(r, &after, &err), 0);
    assert_int_not_equal(before, after);
}

static void a_reader_in_a_transaction_sees_one_state(void **state)
{
    struct cs_zone z = a_zone("lab.example");

    (void)state;
    assert_int_equal(ops->begin(r, &err), 0);
    ROWS(zones, on_zone, "");
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    ROWS(zones, on_zone, "");
    assert_int_equal(ops->commit(r, &err), 0);
    ROWS(zones, on_zone, "lab.example|builtin|1|||1|1\n");
}

static void a_savepoint_undoes_its_own_work_only(void **state)
{
    (void)state;
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), -1);
    assert_int_equal(ops->commit(w, &err), -1);
    assert_int_equal(ops->begin(w, &err), 0);
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    put_event("{\"n\":1}");
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_RELEASE, &err), 0);
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    put_event("{\"n\":2}");
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_ROLLBACK, &err), 0);
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    put_event("{\"n\":3}");
    assert_int_equal(ops->savepoint(w, CS_SAVEPOINT_RELEASE, &err), 0);
    ROWS(events, on_event, "");
    assert_int_equal(ops->commit(w, &err), 0);
    ROWS(events, on_event, "1|5|issued|{\"n\":1}\n2|5|issued|{\"n\":3}\n");
    ops->rollback(w);
    ROWS(events, on_event, "1|5|issued|{\"n\":1}\n2|5|issued|{\"n\":3}\n");
}

static int asks_again(void *arg, const struct cs_zone *z)
{
    (void)z;
    *(int *)arg = ops->zone_list(r, asks_again, arg, &err);
    return 0;
}

static void a_question_inside_itself_is_refused(void **state)
{
    struct cs_zone z = a_zone("lab.example");
    int inner = 0;

    (void)state;
    assert_int_equal(ops->zone_put(w, &z, &err), 0);
    assert_int_equal(ops->zone_list(r, asks_again, &inner, &err), 0);
    assert_int_equal(inner, -1);
    assert_int_equal(err.code, CS_EINTERNAL);
    ROWS(zones, on_zone, "lab.example|builtin|1|||1|1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(zones_are_put_replaced_listed_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(subjects_keep_their_cas_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_is_written_only_over_the_version_that_was_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_job_is_open_for_a_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(challenges_may_be_put_and_removed_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_certificate_of_a_key_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_kept_can_be_empty_replaced_and_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(event_numbers_rise_by_one_and_are_never_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursors_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(purge_forgets_what_is_over_a_few_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_version_changes_with_every_commit_of_anybody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_in_a_transaction_sees_one_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_savepoint_undoes_its_own_work_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_question_inside_itself_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

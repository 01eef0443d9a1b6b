/* request/revocation.c, revocation_rows.c: who asks, is it his to ask, and what he hears; who asks again, leaves, or waits too
 * long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "base/day.h"
#include "engine/clock.h"
#include "fakes/revoking.h"

static struct revoking r;

static int set_up(void **state)
{
    (void)state;
    revoking_up(&r);
    revoking_store_usual(&r, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    revoking_down(&r);
    return 0;
}

static void assert_refused(const struct revoking_answer *answer, enum cs_code code, const char *reason, const char *words)
{
    assert_true(answer->came);
    assert_int_equal(answer->code, code);
    assert_string_equal(answer->reason, reason);
    if (!strstr(answer->text, words))
        fail_msg("\"%s\" does not say \"%s\"", answer->text, words);
}

static void assert_revoked(const struct revoking_answer *answer, int why, bool again)
{
    assert_true(answer->came);
    if (answer->code != CS_OK)
        fail_msg("%s", answer->text);
    assert_int_equal(answer->why, why);
    assert_int_equal(answer->again, again);
    assert_true(answer->revoked_ms > 0 && answer->revoked_ms <= cs_wall_ms());
}

/* ---- Whose it is to ask ---- */

static void the_holder_of_the_key_is_believed(void **state)
{
    (void)state;
    revoking_ask(&r, 0, &r.one);
    assert_revoked(&r.one, 1, false);
    assert_string_equal(r.one.serial, "0100");
    assert_true(rig_calls_have(&r.rig, "revoke 1\n"));
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE asker = 'key-holder' AND reason = 1 AND problem = ''"), 1);
    assert_int_equal(rig_count(&r.rig, "revoked_key"), 1);
    assert_int_equal(revoking_keys(&r), 1);
    assert_int_equal(revocations_open(r.rig.heart->revocations), 0);
}

static void who_has_another_key_is_not(void **state)
{
    (void)state;
    revoking_post(&r, 0, &r.stranger, "keyCompromise", &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_refused(&r.one, CS_EDENIED, "revocation-proof", "not signed by the key of the certificate");
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
    assert_int_equal(rig_count(&r.rig, "revoked_key"), 0);
    assert_int_equal(revoking_calls(&r), 0);
}

static void a_message_that_cannot_be_read_is_refused_at_once(void **state)
{
    (void)state;
    assert_null(revoking_post(&r, 0, NULL, "aACompromise", &r.one));
    assert_refused(&r.one, CS_EINPUT, "bad-reason", "");
}

static void a_certificate_of_somebody_else_is_not_known(void **state)
{
    (void)state;
    revoking_ask(&r, 1, &r.one); /* another number */
    assert_refused(&r.one, CS_ENOTFOUND, "not-issued-here", "did not issue that certificate");
    rig_sql(&r.rig, "UPDATE certificate SET serial = '0101'");
    revoking_ask(&r, 1, &r.one); /* that number, but another certificate */
    assert_refused(&r.one, CS_ENOTFOUND, "not-issued-here", "did not issue that certificate");
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
}

static void what_has_ended_cannot_be_revoked_but_was_revoked_for_good(void **state)
{
    (void)state;
    revoking_store(&r, 1, "old", "fake", cs_wall_ms() - 1);
    revoking_ask(&r, 1, &r.one);
    assert_refused(&r.one, CS_EINPUT, "certificate-ended", "ended already");
    revoking_operate(&r, "0101", "", false, &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_refused(&r.one, CS_EINPUT, "certificate-ended", "ended already");
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
    rig_sql(&r.rig, "INSERT INTO revocation VALUES ('old', 5, 'operator', 'done', 1, 2, '')");
    revoking_ask(&r, 1, &r.one);
    assert_revoked(&r.one, 5, true);
    assert_int_equal(r.one.revoked_ms, 2);
    assert_int_equal(revoking_calls(&r), 0);
}

/* ---- The operator ---- */

static void the_operator_needs_no_key(void **state)
{
    (void)state;
    revoking_operate(&r, "0100", "", false, &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_revoked(&r.one, 4, false);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE asker = 'operator' AND reason = 4 AND state = 'done'"), 1);
}

static void a_dry_run_shows_it_and_does_nothing(void **state)
{
    (void)state;
    revoking_operate(&r, "0100", "", true, &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_int_equal(r.one.code, CS_OK);
    assert_int_equal(r.one.n_certificates, 1);
    revoking_store(&r, 1, "old", "fake", cs_wall_ms() - 1);
    revoking_operate(&r, "0101", "", true, &r.one); /* also of one that has ended */
    rig_until(&r.rig, &r.one.came);
    assert_int_equal(r.one.n_certificates, 1);
    revoking_operate(&r, "0100", "nobody", true, &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_refused(&r.one, CS_ENOTFOUND, "not-issued-here", "");
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
    assert_int_equal(revoking_calls(&r), 0);
}

static void of_several_with_that_number_none_is_revoked_before_one_is_named(void **state)
{
    (void)state;
    revoking_store(&r, 0, "twin", "elsewhere", cs_wall_ms() + DAY_MS);
    revoking_operate(&r, "0100", "", false, &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_int_equal(r.one.code, CS_OK);
    assert_int_equal(r.one.n_certificates, 2);
    rig_sql(&r.rig, "UPDATE certificate SET not_after_ms = 1");
    revoking_operate(&r, "0100", "", false, &r.one); /* that they have ended is then not the question */
    rig_until(&r.rig, &r.one.came);
    assert_int_equal(r.one.n_certificates, 2);
    rig_sql(&r.rig, "UPDATE certificate SET not_after_ms = 9999999999999");
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
    revoking_operate(&r, "0100", "fake", false, &r.one);
    rig_until(&r.rig, &r.one.came);
    assert_revoked(&r.one, 4, false);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE job = 'job-0'"), 1);
    assert_int_equal(rig_count(&r.rig, "revocation"), 1);
}

/* ---- Again, and at the same time ---- */

static void who_asks_again_hears_the_first_reason_and_the_ca_nothing(void **state)
{
    int64_t revoked_ms;

    (void)state;
    revoking_ask(&r, 0, &r.one);
    revoked_ms = r.one.revoked_ms;
    clock_move(r.rig.loop, 5000);
    rig_lock(&r.rig); /* nothing needs to be written */
    revoking_operate(&r, "0100", "", false, &r.two);
    rig_until(&r.rig, &r.two.came);
    rig_unlock(&r.rig);
    assert_revoked(&r.two, 1, true);
    assert_int_equal(r.two.revoked_ms, revoked_ms);
    assert_int_equal(revoking_calls(&r), 1);
    assert_int_equal(revoking_rows(&r, "done"), 1);
}

static void two_who_ask_at_once_share_what_is_under_way(void **state)
{
    (void)state;
    revoking_ca(&r, "gate:go+ok");
    revoking_post(&r, 0, NULL, "superseded", &r.one);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1);
    revoking_post(&r, 0, NULL, "keyCompromise", &r.two);
    rig_until_true(&r.rig, r.rig.heart->revocations->n_looking == 0);
    assert_false(r.one.came || r.two.came);
    rig_open_gate(&r.rig, "go");
    rig_until_true(&r.rig, r.one.came && r.two.came);
    assert_revoked(&r.one, 4, false);
    assert_revoked(&r.two, 4, false);
    assert_int_equal(revoking_calls(&r), 1);
}

/* Two processes on one store, or an answer that was read a moment too early: the row that is there counts. */
static int (*real_find)(void *conn, const char *job, cs_revocation_fn *fn, void *arg, struct cs_error *err);
static atomic_bool hidden;

static int find_later(void *conn, const char *job, cs_revocation_fn *fn, void *arg, struct cs_error *err)
{
    return atomic_exchange(&hidden, false) ? 0 : real_find(conn, job, fn, arg, err);
}

static void who_was_overtaken_does_not_revoke_twice(void **state)
{
    struct cs_store_ops *ops = &instances_at(r.rig.instances, ROLE_STORE, 0)->plugin.store;

    (void)state;
    rig_sql(&r.rig, "INSERT INTO revocation VALUES ('job-0', 3, 'operator', 'done', 1, 2, '')");
    real_find = ops->revocation_find;
    ops->revocation_find = find_later;
    hidden = true;
    revoking_ask(&r, 0, &r.one);
    assert_false(hidden);
    assert_revoked(&r.one, 3, true);
    assert_int_equal(r.one.revoked_ms, 2);
    assert_int_equal(revoking_calls(&r), 0);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE asker = 'operator' AND reason = 3"), 1);
    rig_rest(&r.rig);
}

/* ---- Who leaves, and who waits too long ---- */

static int (*real_by_serial)(void *conn, const char *serial, cs_certificate_fn *fn, void *arg, struct cs_error *err);
static sem_t gate;

static int held_by_serial(void *conn, const char *serial, cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    sem_wait(&gate);
    return real_by_serial(conn, serial, fn, arg, err);
}

/* The store does not say which certificate it is before sem_post(&gate). */
static void hold_the_store(void)
{
    struct cs_store_ops *ops = &instances_at(r.rig.instances, ROLE_STORE, 0)->plugin.store;

    sem_init(&gate, 0, 0);
    real_by_serial = ops->certificate_by_serial;
    ops->certificate_by_serial = held_by_serial;
}

static void who_leaves_while_it_is_looked_up_begins_nothing(void **state)
{
    (void)state;
    hold_the_store();
    revocation_detach(revoking_post(&r, 0, NULL, "keyCompromise", &r.one));
    assert_int_equal(revocations_busy(r.rig.heart->revocations), 1);
    sem_post(&gate);
    rig_rest(&r.rig);
    assert_false(r.one.came);
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
}

static void who_leaves_later_stops_nothing(void **state)
{
    struct revocation_ask *ask;

    (void)state;
    revoking_ca(&r, "gate:go+ok");
    ask = revoking_post(&r, 0, NULL, "keyCompromise", &r.one);
    revoking_operate(&r, "0100", "", false, &r.two);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1 && r.rig.heart->revocations->n_looking == 0);
    revocation_detach(ask);
    rig_open_gate(&r.rig, "go");
    rig_until(&r.rig, &r.two.came);
    rig_rest(&r.rig);
    assert_false(r.one.came);
    assert_int_equal(r.two.code, CS_OK);
    assert_int_equal(revoking_rows(&r, "done"), 1);
}

static void a_store_that_does_not_answer_is_told_of_in_time(void **state)
{
    (void)state;
    hold_the_store();
    r.wait_ms = 5000; /* the store itself gives up later */
    revoking_post(&r, 0, NULL, "keyCompromise", &r.one);
    clock_move(r.rig.loop, 5000);
    rig_until(&r.rig, &r.one.came);
    assert_refused(&r.one, CS_EBUSY, "", "did not take the revocation in time");
    assert_int_equal(revocations_busy(r.rig.heart->revocations), 1);
    sem_post(&gate);
    rig_rest(&r.rig); /* and nobody is told again, nor is anything begun */
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
}

static void whose_time_is_over_while_the_ca_is_asked_hears_that_it_goes_on(void **state)
{
    (void)state;
    revoking_ca(&r, "gate:go+ok");
    r.wait_ms = 10000; /* the CA has longer */
    revoking_post(&r, 0, NULL, "keyCompromise", &r.one);
    r.wait_ms = REVOKING_WAIT_MS;
    revoking_operate(&r, "0100", "", false, &r.two);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1 && r.rig.heart->revocations->n_looking == 0);
    clock_move(r.rig.loop, 10000);
    rig_until(&r.rig, &r.one.came);
    assert_false(r.two.came);
    assert_refused(&r.one, CS_EBUSY, "revocation-pending", "the CA has not answered yet");
    assert_true(r.one.retry_after_ms > 0);
    rig_open_gate(&r.rig, "go");
    rig_until(&r.rig, &r.two.came);
    assert_int_equal(r.two.code, CS_OK);
}

/* ---- Not now ---- */

static void no_more_are_looked_up_than_requests_may_wait(void **state)
{
    (void)state;
    hold_the_store();
    r.rig.setup.settings.max_in_flight = 1;
    revoking_post(&r, 0, NULL, "keyCompromise", &r.one);
    assert_null(revoking_post(&r, 0, NULL, "keyCompromise", &r.two));
    assert_refused(&r.two, CS_EBUSY, "", "too many requests");
    assert_null(revoking_operate(&r, "0100", "", false, &r.two));
    assert_refused(&r.two, CS_EBUSY, "", "too many requests");
    sem_post(&gate);
    rig_until(&r.rig, &r.one.came);
    assert_revoked(&r.one, 1, false);
}

static void a_server_that_stops_begins_nothing(void **state)
{
    (void)state;
    hold_the_store();
    revoking_post(&r, 0, NULL, "keyCompromise", &r.one);
    heart_stop(r.rig.heart);
    assert_null(revoking_post(&r, 0, NULL, "keyCompromise", &r.two));
    assert_refused(&r.two, CS_ESHUTDOWN, "", "stopping");
    sem_post(&gate);
    rig_until(&r.rig, &r.one.came);
    assert_refused(&r.one, CS_ESHUTDOWN, "", "stopping");
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
}

static void a_store_that_keeps_no_revocations_says_so(void **state)
{
    (void)state;
    instances_at(r.rig.instances, ROLE_STORE, 0)->plugin.store.revoked_key_put = NULL;
    revoking_ask(&r, 0, &r.one);
    assert_refused(&r.one, CS_ECONFIG, "", "keeps no revocations");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_holder_of_the_key_is_believed),
        TEST(who_has_another_key_is_not),
        TEST(a_message_that_cannot_be_read_is_refused_at_once),
        TEST(a_certificate_of_somebody_else_is_not_known),
        TEST(what_has_ended_cannot_be_revoked_but_was_revoked_for_good),
        TEST(the_operator_needs_no_key),
        TEST(a_dry_run_shows_it_and_does_nothing),
        TEST(of_several_with_that_number_none_is_revoked_before_one_is_named),
        TEST(who_asks_again_hears_the_first_reason_and_the_ca_nothing),
        TEST(two_who_ask_at_once_share_what_is_under_way),
        TEST(who_was_overtaken_does_not_revoke_twice),
        TEST(who_leaves_while_it_is_looked_up_begins_nothing),
        TEST(who_leaves_later_stops_nothing),
        TEST(a_store_that_does_not_answer_is_told_of_in_time),
        TEST(whose_time_is_over_while_the_ca_is_asked_hears_that_it_goes_on),
        TEST(no_more_are_looked_up_than_requests_may_wait),
        TEST(a_server_that_stops_begins_nothing),
        TEST(a_store_that_keeps_no_revocations_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

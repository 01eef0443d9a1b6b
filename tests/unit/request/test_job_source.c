/* request/job_source.c: an order counts for its source from the moment it is made until its end, whoever waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fakes/rig.h"

/* What http/limits.c does, with numbers to look at. */
struct place {
    int kept, orders, most;
    bool has_no_room;
};

static struct rig rig;
static struct rig_answer answers[6];
static struct place one, other;
static char *csr;

static void keep(const struct order_source *source)
{
    ((struct place *)source->place)->kept++;
}

static void release(const struct order_source *source)
{
    ((struct place *)source->place)->kept--;
}

static int take(const struct order_source *source, struct cs_error *err)
{
    struct place *place = source->place;

    if (place->orders >= place->most)
        return cs_fail_as(err, CS_ELIMIT, "too-many-open-orders", "enough");
    place->orders += !place->has_no_room;
    return !place->has_no_room;
}

static void give_back(const struct order_source *source)
{
    ((struct place *)source->place)->orders--;
}

static void from(struct place *place)
{
    static const struct order_source_ops ops = { keep, release, take, give_back };

    rig.source = place ? (struct order_source){ .ops = &ops, .place = place } : (struct order_source){ 0 };
}

static int set_up(void **state)
{
    (void)state;
    one = other = (struct place){ .most = 1 };
    from(&one);
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 100);
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "gate:go+ok");
    rig_subject(&rig, "CN=b.x.example", "x.example", ".x.example", "fail:10");
    csr = rig_csr("a.x.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(csr);
    for (size_t i = 0; i < 6; i++)
        rig_answer_free(&answers[i]);
    rig_down(&rig);
    rig_remove(&rig);
    assert_int_equal(one.kept + one.orders, 0);
    assert_int_equal(other.kept + other.orders, 0);
    return 0;
}

static void begin(struct rig_answer *answer)
{
    const size_t before = rig_at_step(&rig, "gate:go");

    rig_post(&rig, csr, answer);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == before + 1);
}

static void end(struct rig_answer *answer)
{
    rig_open_gate(&rig, "go");
    rig_hurry(&rig, 5, &answer->came);
    assert_int_equal(answer->code, CS_OK);
}

/* Of another key, so it is an order of its own. */
static void assert_refused(const char *name, struct rig_answer *answer)
{
    char *more = rig_csr(name);

    rig_post(&rig, more, answer);
    rig_until(&rig, &answer->came);
    assert_int_equal(answer->code, CS_ELIMIT);
    assert_string_equal(answer->reason, "too-many-open-orders");
    assert_string_equal(answer->job, "");
    free(more);
}

static void an_order_counts_from_its_making_to_its_end(void **state)
{
    struct text page = TEXT_MAX(400000);

    (void)state;
    begin(&answers[0]);
    assert_int_equal(one.orders, 1);
    assert_refused("a.x.example", &answers[1]);
    assert_int_equal(rig_count(&rig, "job"), 1);
    metrics_write(rig.metrics, &page);
    assert_non_null(strstr(text_of(&page), "countersign_limits_refused_total{limit=\"open-orders\"} 1\n"));
    text_free(&page);
    end(&answers[0]);
    rig_rest(&rig);
    assert_int_equal(one.kept + one.orders, 0);
}

static void who_joins_or_gets_a_stored_chain_makes_none(void **state)
{
    (void)state;
    begin(&answers[0]);
    rig_post(&rig, csr, &answers[1]);
    rig_until_true(&rig, rig_waiters(&rig) == 2);
    assert_int_equal(one.orders, 1);
    end(&answers[0]);
    rig_until(&rig, &answers[1].came);
    assert_int_equal(answers[1].code, CS_OK);
    rig_rest(&rig);
    one.most = 0;
    rig_post(&rig, csr, &answers[2]);
    rig_until(&rig, &answers[2].came);
    assert_int_equal(answers[2].code, CS_OK);
    assert_refused("a.x.example", &answers[3]);
}

static void it_counts_on_when_nobody_waits_any_more(void **state)
{
    struct request *request;

    (void)state;
    rig_submit(&rig, csr, 1000, true, false, &answers[0]); /* 202 */
    rig_until(&rig, &answers[0].came);
    assert_true(answers[0].running);
    assert_int_equal(one.orders, 1);
    from(&other);
    free(csr);
    csr = rig_csr("c.x.example");
    rig_subject(&rig, "CN=c.x.example", "x.example", ".x.example", "gate:go+ok");
    request = rig_post(&rig, csr, &answers[1]);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_LOOKING) == 1);
    request_detach(request); /* it hangs up before anything is stored */
    rig_until_true(&rig, other.orders == 1);
    assert_refused("c.x.example", &answers[2]);
    rig_open_gate(&rig, "go");
    rig_hurry_until(&rig, 5, one.orders + other.orders == 0);
}

static void one_that_fails_has_ended_too(void **state)
{
    char *bad = rig_csr("b.x.example");

    (void)state;
    for (int i = 0; i < 3; i++) {
        rig_post(&rig, bad, &answers[0]);
        rig_until(&rig, &answers[0].came);
        assert_int_not_equal(answers[0].code, CS_OK);
        assert_int_not_equal(answers[0].code, CS_ELIMIT);
        rig_rest(&rig);
        assert_int_equal(one.orders, 0);
        rig_answer_free(&answers[0]);
    }
    free(bad);
}

static _Atomic bool is_held; /* the search for a stored chain */
static int (*real_newest)(void *conn, const uint8_t key[32], cs_certificate_fn *fn, void *arg, struct cs_error *err);

static int held_newest(void *conn, const uint8_t key[32], cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    while (is_held)
        usleep(1000);
    return real_newest(conn, key, fn, arg, err);
}

/* Both have joined the job before it is decided whose it is. */
static void post_both(struct rig_answer *first, struct rig_answer *second)
{
    struct cs_store_ops *ops = &instances_at(rig.instances, ROLE_STORE, 0)->plugin.store;

    if (ops->certificate_newest != held_newest)
        real_newest = ops->certificate_newest;
    ops->certificate_newest = held_newest;
    is_held = true;
    from(&one);
    rig_post(&rig, csr, first);
    rig_until_true(&rig, rig_waiters(&rig) == 1);
    from(&other);
    rig_post(&rig, csr, second);
    rig_until_true(&rig, rig_waiters(&rig) == 2);
    is_held = false;
}

/* The one who comes first may have all his orders; that is not the other's fault. */
static void another_who_asks_for_the_same_may_have_it(void **state)
{
    (void)state;
    one.most = 0;
    post_both(&answers[0], &answers[1]);
    end(&answers[1]);
    rig_until(&rig, &answers[0].came);
    assert_int_equal(answers[0].code, CS_OK);
    rig_rest(&rig);
    other.most = 0;
    free(csr);
    csr = rig_csr("a.x.example");
    post_both(&answers[2], &answers[3]);
    rig_until(&rig, &answers[2].came);
    rig_until(&rig, &answers[3].came);
    assert_int_equal(answers[2].code, CS_ELIMIT);
    assert_int_equal(answers[3].code, CS_ELIMIT);
}

/* Its chain was not what was asked for; the same order is asked for again. */
static void one_that_only_asks_for_an_order_that_there_is_counts_when_it_orders_anew(void **state)
{
    char *wish = rig_csr("d.x.example");

    (void)state;
    rig_subject(&rig, "CN=d.x.example", "x.example", ".x.example", "save:finalize+gate:go+fail:9"); /* CS_EUPSTREAM */
    rig_open_gate(&rig, "go");
    rig_post(&rig, wish, &answers[0]);
    rig_until(&rig, &answers[0].came);
    rig_rest(&rig);
    rig_close_gate(&rig, "go");
    one.most = 0;
    rig_post(&rig, wish, &answers[1]);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    assert_int_equal(one.orders, 0);
    rig_open_gate(&rig, "go");
    rig_hurry(&rig, 5, &answers[1].came);
    assert_string_equal(answers[1].reason, "too-many-open-orders");
    rig_rest(&rig);
    rig_assert_calls(&rig, 2);
    one.most = 1;
    rig_post(&rig, wish, &answers[2]);
    rig_hurry(&rig, 5, &answers[2].came);
    assert_int_equal(answers[2].code, CS_EUPSTREAM);
    rig_rest(&rig);
    rig_assert_calls(&rig, 4);
    free(wish);
}

static void without_room_to_count_it_the_order_is_made(void **state)
{
    (void)state;
    one.has_no_room = true;
    begin(&answers[0]);
    assert_int_equal(one.orders, 0);
    end(&answers[0]);
}

/* Where it came from is written down nowhere. */
static void an_order_of_an_earlier_run_has_no_source(void **state)
{
    (void)state;
    rig_submit(&rig, csr, 1000, true, false, &answers[0]);
    rig_until(&rig, &answers[0].came);
    rig_down(&rig);
    assert_int_equal(one.kept + one.orders, 0);
    rig_up(&rig, "");
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    assert_int_equal(one.kept + one.orders, 0);
    rig_post(&rig, csr, &answers[1]);
    end(&answers[1]);
}

/* The zone lets one order work at a time: five of one source, then one of another, each with a gate of its own. */
static void many_orders_of_one_source_do_not_keep_another_waiting(void **state)
{
    static const char turns[] = "051234";
    char name[] = "0.y.example", subject[] = "CN=0.y.example", profile[] = "gate:0+ok", step[] = "gate:0", *wish;

    (void)state;
    one.most = other.most = 10;
    rig_zone(&rig, "y.example", 1);
    for (int i = 0; i < 6; i++) {
        name[0] = subject[3] = profile[5] = (char)('0' + i);
        rig_subject(&rig, subject, "y.example", ".y.example", profile);
        from(i < 5 ? &one : &other);
        wish = rig_csr(name);
        rig_post(&rig, wish, &answers[i]);
        rig_until_true(&rig, one.orders + other.orders == i + 1 && rig_in_phase(&rig, JOB_QUEUED) == (size_t)i);
        free(wish);
    }
    for (size_t i = 0; turns[i]; i++) {
        step[5] = turns[i];
        rig_until_true(&rig, rig_at_step(&rig, step) == 1);
        rig_open_gate(&rig, step + 5);
        rig_hurry(&rig, 5, &answers[turns[i] - '0'].came);
        assert_int_equal(answers[turns[i] - '0'].code, CS_OK);
    }
}

static void a_zone_s_line_has_room_for_so_many(void **state)
{
    struct text page = TEXT_MAX(400000);
    char *more;

    (void)state;
    one.most = 10;
    rig.setup.settings.zone_queue = 2;
    rig_zone(&rig, "y.example", 1);
    rig_subject(&rig, "CN=b.y.example", "y.example", ".y.example", "gate:go+ok");
    for (int i = 0; i < 4; i++) { /* for the same names: they wait for these, too */
        more = rig_csr("b.y.example");
        rig_post(&rig, more, &answers[i]);
        free(more);
        if (i < 3)
            rig_until_true(&rig, one.orders == i + 1 && rig_at_step(&rig, "gate:go") == 1);
    }
    rig_until(&rig, &answers[3].came);
    assert_int_equal(answers[3].code, CS_EBUSY);
    assert_string_equal(answers[3].reason, "zone-queue-full");
    assert_int_equal(answers[3].retry_after_ms, 30000);
    assert_string_equal(answers[3].job, "");
    assert_int_equal(one.orders, 3);
    metrics_write(rig.metrics, &page);
    assert_non_null(strstr(text_of(&page), "countersign_limits_refused_total{limit=\"zone-queue\"} 1\n"));
    text_free(&page);
    begin(&answers[4]); /* another zone has its own */
    rig_open_gate(&rig, "go");
    for (int i = 0; i < 3; i++) {
        rig_hurry(&rig, 5, &answers[i].came);
        assert_int_equal(answers[i].code, CS_OK);
    }
    more = rig_csr("b.y.example");
    rig_post(&rig, more, &answers[5]);
    rig_hurry(&rig, 5, &answers[5].came);
    assert_int_equal(answers[5].code, CS_OK);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_order_counts_from_its_making_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_joins_or_gets_a_stored_chain_makes_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_counts_on_when_nobody_waits_any_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_fails_has_ended_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_who_asks_for_the_same_may_have_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_only_asks_for_an_order_that_there_is_counts_when_it_orders_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_room_to_count_it_the_order_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_of_an_earlier_run_has_no_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_orders_of_one_source_do_not_keep_another_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_s_line_has_room_for_so_many, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

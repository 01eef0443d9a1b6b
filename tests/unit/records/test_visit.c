/* records/visit.c: what is recorded of a visit, from its arrival to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fakes/visits_rig.h"
#include "records/visit_parts.h"

static struct visits_rig rig;

static int set_up(void **state)
{
    (void)state;
    visits_rig_open(&rig);
    visits_rig_start(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_rig_close(&rig);
    return 0;
}

__attribute__((format(printf, 1, 2)))
static void assert_recorded(const char *format, ...)
{
    char want[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(want, sizeof want, format, args);
    va_end(args);
    visits_rig_pass(&rig, 1000);
    assert_string_equal(visit_store_lines("visit "), want);
}

static void a_visit_is_recorded_with_its_day_its_zone_and_its_pseudonym(void **state)
{
    struct visit *visit = visits_rig_begin(&rig, 1);

    (void)state;
    visit_zone(visit, "a.example");
    visit_reached(visit, VISIT_SUBJECT);
    visit_alg(visit, "rsa-2048");
    visit_reached(visit, VISIT_CSR);
    visit_reached(visit, VISIT_CHALLENGE);
    visit_end(visit, VISIT_ISSUED, "");
    assert_recorded("visit day=20778 hour=12 zone=a.example src=%s labels= outcome=issued reached=issued error= alg=rsa-2048 "
                    "client=curl",
                    visits_rig_src(&rig, RIG_DAY, 1, "a.example"));
}

static void one_source_has_another_pseudonym_in_another_zone(void **state)
{
    char want[2][32];

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_whole(&rig, 1, "b.example");
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    snprintf(want[0], sizeof want[0], "src=%s", visits_rig_src(&rig, RIG_DAY, 1, "a.example"));
    snprintf(want[1], sizeof want[1], "src=%s", visits_rig_src(&rig, RIG_DAY, 1, "b.example"));
    assert_string_not_equal(want[0], want[1]);
    for (int i = 0; i < 2; i++)
        assert_non_null(strstr(visit_store_lines("visit day=20778 hour=12 zone="), want[i]));
    assert_int_equal(visit_store_count("visit day=20778 hour=12 zone=a.example"), 2);
    assert_int_equal(visit_store_count("zone zone="), 2);
}

static void without_a_subject_it_counts_for_no_zone(void **state)
{
    struct visit *visit = visits_rig_begin(&rig, 9);

    (void)state;
    visit_end(visit, VISIT_REFUSED, "unknown-subject");
    assert_recorded("visit day=20778 hour=12 zone= src=%s labels= outcome=refused reached=posted error=unknown-subject alg= "
                    "client=curl",
                    visits_rig_src(&rig, RIG_DAY, 9, ""));
}

static void where_it_came_from_may_be_unknown(void **state)
{
    struct visit *visit = visit_begin(rig.visits, &(struct visit_arrival){ .client = "other" });

    (void)state;
    visit_zone(visit, "a.example");
    visit_end(visit, VISIT_STORED, "");
    assert_recorded("visit day=20778 hour=12 zone=a.example src=none labels= outcome=stored reached=issued error= alg= "
                    "client=other");
    assert_int_equal(rig.visits->days->flags, 0); /* nor is there a doubt about all the others */
}

static void the_address_is_gone_as_soon_as_the_zone_is_known(void **state)
{
    static const uint8_t nothing[8];
    struct visit *visit = visits_rig_begin(&rig, 1);
    const struct visit_label given = { "campaign", "undeclared" };

    (void)state;
    visit_labels(visit, &given, 1);
    assert_int_equal(visit->source.address[3], 1);
    assert_int_equal(visit->n_given, 1);
    visit_zone(visit, "a.example");
    assert_memory_equal(visit->source.address, nothing, sizeof nothing);
    assert_int_equal(visit->source.family, 0);
    assert_null(visit->given);
    visit_zone(visit, "b.example"); /* it has one */
    visit_labels(visit, &given, 1); /* too late */
    visit_end(visit, VISIT_LATE, "");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit day=20778 hour=12 zone=a.example"), 1);
}

static void a_step_is_never_taken_back(void **state)
{
    struct visit *visit = visits_rig_begin(&rig, 1);

    (void)state;
    visit_reached(visit, VISIT_CSR);
    visit_reached(visit, VISIT_SUBJECT);
    visit_end(visit, VISIT_LEFT, "");
    visits_rig_pass(&rig, 1000);
    assert_non_null(strstr(visit_store_lines("visit "), "outcome=left reached=csr "));
}

static void somebody_elses_reason_becomes_a_word(void **state)
{
    static const struct {
        const char *given, *word;
    } cases[] = {
        { "rateLimited", "ratelimited" },
        { "two words, \"x\"\n", "two-words---x--" },
        { "\xc3\xa4", "--" },
        { "0123456789012345678901234567890123456789012345678901234567890123456789",
          "0123456789012345678901234567890123456789012345678901234567890123" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[128];

        visit_store_forget();
        visit_end(visits_rig_begin(&rig, 1), VISIT_FAILED, cases[i].given);
        visits_rig_pass(&rig, 1000);
        snprintf(want, sizeof want, "error=%s alg=", cases[i].word);
        assert_non_null(strstr(visit_store_lines("visit "), want));
    }
}

static void nobody_minds_when_no_visits_are_recorded(void **state)
{
    struct visit *visit = visit_begin(NULL, &(struct visit_arrival){ .client = "curl" });

    (void)state;
    assert_null(visit);
    visit_labels(visit, &(struct visit_label){ "a", "b" }, 1);
    visit_zone(visit, "a.example");
    visit_reached(visit, VISIT_CSR);
    visit_alg(visit, "rsa-2048");
    visit_end(visit, VISIT_ISSUED, "");
    visits_latency(NULL, "ca", "le", 1);
}

static void latencies_are_counted_by_instance_and_quarter_octave(void **state)
{
    (void)state;
    visits_latency(rig.visits, "ca", "le", 2);
    visits_latency(rig.visits, "ca", "le", 2);
    visits_latency(rig.visits, "dns", "le", 0);
    visits_rig_pass(&rig, 1000);
    assert_string_equal(visit_store_lines("latency "), "latency role=dns instance=le bucket=0 n=1\n"
                                                       "latency role=ca instance=le bucket=4 n=2");
    visits_rig_pass(&rig, 5000);
    assert_int_equal(visit_store_count("latency "), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_visit_is_recorded_with_its_day_its_zone_and_its_pseudonym, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_source_has_another_pseudonym_in_another_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_subject_it_counts_for_no_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_it_came_from_may_be_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_address_is_gone_as_soon_as_the_zone_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_step_is_never_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(somebody_elses_reason_becomes_a_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_minds_when_no_visits_are_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(latencies_are_counted_by_instance_and_quarter_octave, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

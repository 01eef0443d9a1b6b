/* records/visit_aside.c: the log says when visits that should be forgotten lie where no purge reaches them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fakes/visits_rig.h"
#include "../engine/stderr_text.h"
#include "records/visit_parts.h"

#define WARNING "visits that should be forgotten by now lie aside"

static struct visits_rig rig;
static struct stderr_text seen;
static struct cs_aside files[4]; /* that the store tells of */
static size_t n_files;
static bool fails;

static int list_aside(void *self, cs_aside_fn *fn, void *arg, struct cs_error *err)
{
    assert_ptr_equal(self, rig.store.instance.self);
    for (size_t i = 0; i < n_files && !fn(arg, &files[i]); i++)
        ;
    return fails ? cs_fail(err, CS_EBUSY, "no folder") : 0;
}

static void add(const char *path, bool has_visits, int64_t written_ms)
{
    assert_true(n_files < sizeof files / sizeof *files);
    files[n_files++] = (struct cs_aside){ sizeof *files, path, has_visits, 1, written_ms };
}

static int set_up(void **state)
{
    (void)state;
    n_files = 0;
    fails = false;
    visits_rig_open(&rig);
    rig.store.instance.plugin.store.list_aside = list_aside;
    rig.store.instance.self = &rig;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_rig_close(&rig);
    return 0;
}

/* What the log says while the server starts, or while days pass. */
static const char *start(void)
{
    stderr_watch(&seen);
    visits_rig_start(&rig);
    visits_rig_turn(&rig);
    return stderr_seen(&seen);
}

static const char *pass(int64_t ms)
{
    stderr_watch(&seen);
    visits_rig_pass(&rig, ms);
    visits_rig_pass(&rig, rig.settings.grace_ms);
    visits_rig_pass(&rig, 1000);
    return stderr_seen(&seen);
}

static void old_visits_that_lie_aside_are_told_with_what_to_do(void **state)
{
    (void)state;
    add("/s/state.db.damaged-1", false, 0);
    add("/s/visits.db.damaged-1", true, (RIG_DAY - 8) * DAY_MS + DAY_MS - 1);
    add("/s/visits.db.damaged-2", true, 0);
    add("/s/visits.db.damaged-3", true, (RIG_DAY - 7) * DAY_MS);
    assert_non_null(strstr(start(), WARNING));
    assert_non_null(strstr(seen.text, "remove these files"));
    assert_non_null(strstr(seen.text, "files=2 first=/s/visits.db.damaged-1\n"));
}

static void what_is_within_the_retention_is_told_when_that_is_over_and_each_day_from_then_on(void **state)
{
    (void)state;
    add("/s/visits.db.damaged-1", true, (RIG_DAY - 7) * DAY_MS);
    assert_string_equal(start(), "");
    assert_string_equal(pass(DAY_MS / 4), "");
    assert_non_null(strstr(pass(DAY_MS / 4), "files=1 first=/s/visits.db.damaged-1\n"));
    assert_string_equal(pass(DAY_MS / 2), "");
    assert_non_null(strstr(pass(DAY_MS / 2), WARNING));
}

static void state_that_lies_aside_is_no_matter_of_the_visits(void **state)
{
    (void)state;
    add("/s/state.db.replaced-1", false, 0);
    assert_string_equal(start(), "");
}

static void a_folder_that_cannot_be_read_is_told_and_a_store_without_the_function_is_not_asked(void **state)
{
    (void)state;
    fails = true;
    assert_non_null(strstr(start(), "cannot tell whether old visits lie aside: no folder"));
    visits_rig_stop(&rig);
    rig.store.instance.plugin.store.list_aside = NULL;
    assert_string_equal(start(), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(old_visits_that_lie_aside_are_told_with_what_to_do),
        TEST(what_is_within_the_retention_is_told_when_that_is_over_and_each_day_from_then_on),
        TEST(state_that_lies_aside_is_no_matter_of_the_visits),
        TEST(a_folder_that_cannot_be_read_is_told_and_a_store_without_the_function_is_not_asked),
    };

    return cmocka_run_group_tests_name("visit_aside", tests, NULL, NULL);
}

/* records/sink_set.c: the sinks of a ledger give way to those of a new file: some stay, some go, some come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "records/sink_set.h"

enum { MOST = 8 };

/* ---- The configuration: what instances.c would have ---- */

struct instances {
    struct instance *at[MOST];
    size_t n;
};

struct instance *instances_at(struct instances *all, enum role role, size_t index)
{
    assert_int_equal(role, ROLE_AUDIT);
    return index < all->n ? all->at[index] : NULL;
}

static struct instance made[2 * MOST];
static size_t n_made;

/* The audit block of that name in a file; NULL ends the list. */
static struct instances file_of(const char *const *names, enum ledger_kind ledger)
{
    struct instances all = { 0 };

    for (; *names; names++) {
        struct instance *instance = &made[n_made++];

        assert_true(n_made <= 2 * MOST);
        *instance = (struct instance){ .in.name = *names, .block.ledger = ledger };
        all.at[all.n++] = instance;
    }
    return all;
}
#define FILE_OF(...) file_of((const char *const[]){ __VA_ARGS__ }, LEDGER_VISITS)

/* ---- Sinks that remember what was done to them ---- */

struct sink {
    const struct instance *instance;
    size_t stopped, moved;
    bool is_out;
};

static size_t n_alive, n_fail_at; /* so many are made, and the next one is not; 0: all are */
static int arg_of_make;

static void *make(void *arg, struct instance *instance, struct cs_error *err)
{
    struct sink *sink;

    assert_ptr_equal(arg, &arg_of_make);
    if (n_fail_at && --n_fail_at == 0) {
        cs_fail(err, CS_EBUSY, "no room for %s", instance->in.name);
        return NULL;
    }
    sink = calloc(1, sizeof *sink);
    assert_non_null(sink);
    sink->instance = instance;
    n_alive++;
    return sink;
}

static void free_it(void *sink)
{
    n_alive--;
    free(sink);
}

static void stop(void *arg)
{
    struct sink *sink = arg;

    sink->stopped++;
}

static bool is_out(const void *arg)
{
    const struct sink *sink = arg;

    return sink->is_out;
}

static void move(void *arg, struct instance *instance)
{
    struct sink *sink = arg;

    assert_string_equal(sink->instance->in.name, instance->in.name);
    sink->instance = instance;
    sink->moved++;
}

static const struct instance *instance_of(const void *arg)
{
    const struct sink *sink = arg;

    return sink->instance;
}

static const struct sink_kind kind = { .ledger = LEDGER_VISITS, .make = make, .free = free_it, .stop = stop, .is_out = is_out,
                                       .move = move, .instance = instance_of };

/* ---- A set, and a new file for it ---- */

static struct sink_set set;
static struct cs_error err;

static int set_up(void **state)
{
    (void)state;
    set = (struct sink_set){ .kind = &kind, .arg = &arg_of_make };
    err = (struct cs_error){ 0 };
    n_made = n_alive = n_fail_at = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sink_set_free(&set);
    assert_int_equal(n_alive, 0);
    assert_int_equal(set.n + set.n_leaving, 0);
    assert_ptr_equal(set.kind, &kind); /* it can be filled again */
    assert_ptr_equal(set.arg, &arg_of_make);
    return 0;
}

static void read_file(struct instances *file)
{
    struct sink_change *change = sink_set_prepare(&set, file, &err);

    assert_non_null(change);
    sink_set_switch(&set, change);
}

static struct sink *sink_at(size_t i)
{
    assert_true(i < set.n);
    return set.at[i];
}

static void assert_names(const char *const *names)
{
    size_t n = 0;

    for (; names[n]; n++)
        assert_string_equal(sink_at(n)->instance->in.name, names[n]);
    assert_int_equal(set.n, n);
}
#define ASSERT_NAMES(...) assert_names((const char *const[]){ __VA_ARGS__ })

static void each_block_of_its_ledger_gets_a_sink(void **state)
{
    struct instances file = FILE_OF("siem", "file", NULL);
    struct instances other = file_of((const char *const[]){ "issued", NULL }, LEDGER_ISSUANCE);

    (void)state;
    file.at[file.n++] = other.at[0];
    read_file(&file);
    ASSERT_NAMES("siem", "file", NULL);
    assert_true(sink_set_uses(&set, file.at[0]) && sink_set_uses(&set, file.at[1]));
    assert_false(sink_set_uses(&set, other.at[0]));
}

static void who_stays_goes_on_with_the_instance_of_the_new_file(void **state)
{
    struct instances before = FILE_OF("siem", "file", NULL), after = FILE_OF("new", "file", "siem", NULL);
    struct sink *siem, *file;

    (void)state;
    read_file(&before);
    siem = sink_at(0);
    file = sink_at(1);
    read_file(&after);
    ASSERT_NAMES("file", "siem", "new", NULL);
    assert_ptr_equal(sink_at(0), file);
    assert_ptr_equal(sink_at(1), siem);
    assert_ptr_equal(siem->instance, after.at[2]);
    assert_int_equal(siem->stopped, 0);
    assert_int_equal(n_alive, 3);
    assert_false(sink_set_uses(&set, before.at[0]));
    assert_true(sink_set_uses(&set, after.at[2]));
}

static void who_goes_at_rest_is_stopped_and_freed(void **state)
{
    struct instances before = FILE_OF("siem", "file", NULL), after = FILE_OF("file", NULL);

    (void)state;
    read_file(&before);
    read_file(&after);
    ASSERT_NAMES("file", NULL);
    assert_false(sink_set_is_leaving(&set));
    assert_false(sink_set_uses(&set, before.at[0]));
    assert_int_equal(n_alive, 1);
}

static void who_goes_with_a_call_that_is_out_is_kept_until_it_is_back(void **state)
{
    struct instances before = FILE_OF("siem", NULL), after = FILE_OF(NULL);
    struct sink *siem;

    (void)state;
    read_file(&before);
    siem = sink_at(0);
    siem->is_out = true;
    read_file(&after);
    ASSERT_NAMES(NULL);
    assert_int_equal(siem->stopped, 1);
    assert_true(sink_set_is_leaving(&set));
    assert_true(sink_set_uses(&set, before.at[0]));
    assert_ptr_equal(siem->instance, before.at[0]);
    siem->is_out = false;
    assert_false(sink_set_is_leaving(&set));
    assert_int_equal(n_alive, 1);
    assert_false(sink_set_uses(&set, before.at[0]));
    assert_int_equal(n_alive, 0);
}

static void who_comes_back_meanwhile_is_another_one(void **state)
{
    struct instances first = FILE_OF("siem", NULL), without = FILE_OF(NULL), again = FILE_OF("siem", NULL);
    struct sink *siem;

    (void)state;
    read_file(&first);
    siem = sink_at(0);
    siem->is_out = true;
    read_file(&without);
    read_file(&again);
    ASSERT_NAMES("siem", NULL);
    assert_true(sink_at(0) != siem);
    assert_int_equal(siem->stopped, 1);
    assert_int_equal(siem->moved, 1); /* at its own begin */
    assert_true(sink_set_uses(&set, first.at[0]) && sink_set_uses(&set, again.at[0]));
}

static void several_files_one_after_another_leave_nobody_behind(void **state)
{
    struct instances files[] = { FILE_OF("a", "b", NULL), FILE_OF("c", "b", NULL), FILE_OF("d", NULL), FILE_OF("e", NULL) };
    struct sink *a, *c;

    (void)state;
    read_file(&files[0]);
    a = sink_at(0);
    a->is_out = true;
    read_file(&files[1]);
    c = sink_at(1);
    assert_string_equal(c->instance->in.name, "c");
    c->is_out = true;
    read_file(&files[2]);
    read_file(&files[3]);
    ASSERT_NAMES("e", NULL);
    assert_true(sink_set_uses(&set, files[0].at[0]) && sink_set_uses(&set, files[1].at[0]));
    assert_false(sink_set_uses(&set, files[2].at[0]));
    assert_int_equal(n_alive, 3);
    assert_int_equal(a->stopped + c->stopped, 2);
    a->is_out = false;
    assert_true(sink_set_is_leaving(&set));
    assert_false(sink_set_uses(&set, files[0].at[0]));
    assert_true(sink_set_uses(&set, files[1].at[0]));
    assert_int_equal(n_alive, 2);
}

static void a_name_that_goes_over_to_the_other_ledger_leaves(void **state)
{
    struct instances before = FILE_OF("siem", NULL), after = file_of((const char *const[]){ "siem", NULL }, LEDGER_ISSUANCE);

    (void)state;
    read_file(&before);
    read_file(&after);
    ASSERT_NAMES(NULL);
    assert_false(sink_set_uses(&set, before.at[0]) || sink_set_uses(&set, after.at[0]));
    assert_int_equal(n_alive, 0);
}

static void a_file_that_is_dropped_leaves_all_as_it_was(void **state)
{
    struct instances before = FILE_OF("siem", "file", NULL), after = FILE_OF("file", "new", NULL);
    struct sink_change *change;

    (void)state;
    read_file(&before);
    change = sink_set_prepare(&set, &after, &err);
    assert_non_null(change);
    assert_int_equal(n_alive, 3);
    sink_set_drop(&set, change);
    sink_set_drop(&set, NULL);
    ASSERT_NAMES("siem", "file", NULL);
    assert_int_equal(n_alive, 2);
    assert_int_equal(sink_at(0)->stopped + sink_at(1)->stopped, 0);
    assert_ptr_equal(sink_at(1)->instance, before.at[1]);
}

static void a_sink_that_cannot_be_made_takes_the_new_ones_with_it_and_no_other(void **state)
{
    struct instances before = FILE_OF("siem", NULL), after = FILE_OF("one", "siem", "two", "three", NULL);

    (void)state;
    read_file(&before);
    n_fail_at = 3;
    assert_null(sink_set_prepare(&set, &after, &err));
    assert_string_equal(err.text, "no room for three");
    ASSERT_NAMES("siem", NULL);
    assert_int_equal(n_alive, 1);
    assert_int_equal(sink_at(0)->stopped, 0);
    assert_ptr_equal(sink_at(0)->instance, before.at[0]);
    read_file(&after); /* and it can be tried again */
    ASSERT_NAMES("siem", "one", "two", "three", NULL);
}

static void those_that_leave_are_freed_with_the_set(void **state)
{
    struct instances before = FILE_OF("siem", "file", NULL), after = FILE_OF("file", NULL);

    (void)state;
    read_file(&before);
    sink_at(0)->is_out = true;
    read_file(&after);
    assert_int_equal(n_alive, 2); /* tear_down() sees that none is left */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_block_of_its_ledger_gets_a_sink),
        TEST(who_stays_goes_on_with_the_instance_of_the_new_file),
        TEST(who_goes_at_rest_is_stopped_and_freed),
        TEST(who_goes_with_a_call_that_is_out_is_kept_until_it_is_back),
        TEST(who_comes_back_meanwhile_is_another_one),
        TEST(several_files_one_after_another_leave_nobody_behind),
        TEST(a_name_that_goes_over_to_the_other_ledger_leaves),
        TEST(a_file_that_is_dropped_leaves_all_as_it_was),
        TEST(a_sink_that_cannot_be_made_takes_the_new_ones_with_it_and_no_other),
        TEST(those_that_leave_are_freed_with_the_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

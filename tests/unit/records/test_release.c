/* records/release.c and release_audit.c: what of a release is hidden, and what can be found out about it all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "records/release.h"
#include "records/release_audit.h"

struct figure {
    const char *value;
    int64_t requests, sources;
};

static void add(struct release *release, enum release_kind kind, const char *label, const struct figure *figures, size_t n)
{
    struct release_table *table = release_add_table(release, kind, label);

    assert_non_null(table);
    for (size_t i = 0; i < n; i++) {
        struct release_cell *cell = release_add_cell(table, figures[i].value);

        assert_non_null(cell);
        cell->requests = figures[i].requests;
        cell->sources = figures[i].sources;
    }
}

static struct release week(int64_t requests, int64_t sources)
{
    return (struct release){ .k = 10, .total = { .requests = requests, .sources = sources } };
}

static bool hides(const struct release *release, size_t table, const char *value)
{
    for (size_t i = 0; i < release->tables[table].n_cells; i++)
        if (strcmp(release->tables[table].cells[i].value, value) == 0)
            return release->tables[table].cells[i].hidden;
    fail();
    return false;
}

static const struct figure busy_days[] = {
    { "mon", 210, 90 }, { "tue", 250, 101 }, { "wed", 190, 77 }, { "thu", 205, 84 },
    { "fri", 140, 61 }, { "sat", 44, 21 },   { "sun", 61, 33 },
};

static void shows_what_many_have_in_common(void **state)
{
    static const struct figure outcomes[] = { { "issued", 900, 95 }, { "refused", 200, 31 } };
    struct release r = week(1100, 101);

    (void)state;
    add(&r, RELEASE_BY_DAY, NULL, busy_days, 7);
    add(&r, RELEASE_BY_OUTCOME, NULL, outcomes, 2);
    release_hide(&r);
    assert_false(r.total.hidden);
    for (size_t i = 0; i < 7; i++)
        assert_false(r.tables[0].cells[i].hidden);
    assert_false(hides(&r, 1, "issued") || hides(&r, 1, "refused"));
    release_free(&r);
}

static void hides_a_small_cell_and_the_next_smallest(void **state)
{
    static const struct figure outcomes[] = {
        { "failed", 12, 9 }, { "issued", 800, 95 }, { "refused", 200, 31 }, { "late", 88, 17 },
    };
    struct release r = week(1100, 101);

    (void)state;
    add(&r, RELEASE_BY_DAY, NULL, busy_days, 7);
    add(&r, RELEASE_BY_OUTCOME, NULL, outcomes, 4);
    release_hide(&r);
    assert_true(hides(&r, 1, "failed"));
    assert_true(hides(&r, 1, "late"));
    assert_false(hides(&r, 1, "issued") || hides(&r, 1, "refused"));
    assert_true(r.tables[1].cells[0].few);
    assert_false(r.tables[1].cells[3].few);
    release_free(&r);
}

static void hides_all_when_few_came(void **state)
{
    static const struct figure days[] = { { "mon", 20, 9 }, { "tue", 5, 5 } };
    struct release r = week(25, 9);

    (void)state;
    add(&r, RELEASE_BY_DAY, NULL, days, 2);
    release_hide(&r);
    assert_true(r.total.hidden);
    assert_true(hides(&r, 0, "mon") && hides(&r, 0, "tue"));
    release_free(&r);
}

/* All roundings lean to one side: who knows that c has 10 sources or more sees that d has one request at most. */
static void hides_more_where_rounding_leaves_too_little_open(void **state)
{
    static const struct figure values[] = { { "a", 1003, 203 }, { "b", 1003, 203 }, { "c", 10, 10 }, { "d", 1, 1 } };
    struct release r = week(2017, 412);

    (void)state;
    add(&r, RELEASE_BY_LABEL, "campaign", values, 4);
    r.tables[0].cells[2].hidden = r.tables[0].cells[3].hidden = r.tables[0].cells[3].few = true;
    assert_ptr_equal(release_audit(&r), &r.tables[0]);
    r.tables[0].cells[2].hidden = r.tables[0].cells[3].hidden = r.tables[0].cells[3].few = false;
    release_hide(&r);
    assert_true(hides(&r, 0, "a") || hides(&r, 0, "b"));
    assert_null(release_audit(&r));
    release_free(&r);
}

/* The mistake that this all is about: one cell hidden, and the rest of its table shown. */
static void sees_that_one_hidden_cell_alone_is_found_out(void **state)
{
    static const struct figure values[] = { { "a", 1003, 203 }, { "b", 998, 203 }, { "c", 1, 1 } };
    struct release r = week(2002, 204);

    (void)state;
    add(&r, RELEASE_BY_LABEL, "campaign", values, 3);
    r.tables[0].cells[2].hidden = r.tables[0].cells[2].few = true;
    assert_ptr_equal(release_audit(&r), &r.tables[0]);
    release_free(&r);
}

/* As many as clients can make up within the bounds of a zone and a week. */
static void does_not_take_long_over_thousands_of_values(void **state)
{
    struct release r = week(4500 + 3 * 7000, 700);
    struct release_table *table;

    (void)state;
    table = release_add_table(&r, RELEASE_BY_LABEL, "campaign");
    assert_non_null(table);
    for (int i = 0; i < 7000; i++) {
        struct release_cell *cell = release_add_cell(table, "any");

        assert_non_null(cell);
        cell->requests = 3;
        cell->sources = 2;
    }
    for (int i = 0; i < 3; i++) {
        struct release_cell *cell = release_add_cell(table, "many");

        assert_non_null(cell);
        cell->requests = 1400 + i * 100;
        cell->sources = 600;
    }
    release_hide(&r);
    assert_true(hides(&r, 0, "any") && hides(&r, 0, "many"));
    assert_false(r.tables[0].cells[7002].hidden);
    release_free(&r);
}

static void rounds_to_the_nearest_five(void **state)
{
    static const int64_t numbers[][2] = {
        { 0, 0 }, { 2, 0 }, { 3, 5 }, { 7, 5 }, { 8, 10 }, { 12, 10 }, { 13, 15 }, { 99, 100 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(release_rounded(numbers[i][0]), numbers[i][1]);
}

/* ---- a reader who knows this program ------------------------------------------------------------------------------ */

/*
 * He runs release_hide() on every week that could have been, keeps those whose release looks as the one that he read, and looks
 * at which numbers a hidden cell has in them. So he learns from the choice of what is hidden, too. Here he knows even more:
 * that each source asked once. Weeks are all of `cells` cells with up to `most` requests together; what looks as if there were
 * more is left out.
 */
enum { CELLS_MOST = 4, NUMBERS_MOST = 100 };

struct seen {
    int64_t look[CELLS_MOST + 1]; /* rounded, -1: hidden; the total's comes last */
    int64_t numbers[CELLS_MOST];
};

struct weeks {
    size_t cells;
    int64_t most;
    bool careful; /* release_hide() decides; otherwise each cell for itself */
    struct seen *all;
    size_t n, cap;
};

static void look_at(struct weeks *weeks, struct seen *seen)
{
    static const char *const names[CELLS_MOST] = { "a", "b", "c", "d" };
    struct figure figures[CELLS_MOST] = { { 0 } };
    struct release r;
    int64_t sum = 0;

    for (size_t i = 0; i < weeks->cells; i++) {
        figures[i] = (struct figure){ names[i], seen->numbers[i], seen->numbers[i] };
        sum += seen->numbers[i];
    }
    r = week(sum, sum);
    add(&r, RELEASE_BY_LABEL, "label", figures, weeks->cells);
    if (weeks->careful)
        release_hide(&r);
    for (size_t i = 0; i < weeks->cells; i++)
        seen->look[i] = (weeks->careful ? r.tables[0].cells[i].hidden : seen->numbers[i] < r.k)
                            ? -1
                            : release_rounded(seen->numbers[i]);
    seen->look[CELLS_MOST] = r.total.hidden ? -1 : release_rounded(sum);
    release_free(&r);
}

static void make_weeks(struct weeks *weeks, struct seen *seen, size_t cell, int64_t rest)
{
    if (cell == weeks->cells) {
        if (weeks->n == weeks->cap) {
            weeks->cap = weeks->cap ? weeks->cap * 2 : 1024;
            weeks->all = realloc(weeks->all, weeks->cap * sizeof *weeks->all);
            assert_non_null(weeks->all);
        }
        look_at(weeks, seen);
        weeks->all[weeks->n++] = *seen;
        return;
    }
    for (int64_t number = 0; number <= rest; number++) {
        seen->numbers[cell] = number;
        make_weeks(weeks, seen, cell + 1, rest - number);
    }
}

static int by_look(const void *a, const void *b)
{
    return memcmp(((const struct seen *)a)->look, ((const struct seen *)b)->look, sizeof((struct seen *)0)->look);
}

/* The fewest different numbers of a hidden cell among weeks that look the same. */
static int fewest_possible(const struct weeks *weeks, const struct seen *same, size_t n)
{
    int fewest = NUMBERS_MOST;

    for (size_t cell = 0; cell < weeks->cells; cell++) {
        bool possible[NUMBERS_MOST] = { false };
        int count = 0;

        if (same[0].look[cell] >= 0)
            continue;
        for (size_t i = 0; i < n; i++) {
            count += !possible[same[i].numbers[cell]];
            possible[same[i].numbers[cell]] = true;
        }
        fewest = count < fewest ? count : fewest;
    }
    return fewest;
}

static int fewest_of_all(size_t cells, int64_t most, bool careful)
{
    struct weeks weeks = { .cells = cells, .most = most, .careful = careful };
    struct seen seen = { { 0 }, { 0 } };
    size_t first = 0;
    int fewest = NUMBERS_MOST;

    make_weeks(&weeks, &seen, 0, most);
    qsort(weeks.all, weeks.n, sizeof *weeks.all, by_look);
    for (size_t i = 1; i <= weeks.n; i++)
        if (i == weeks.n || by_look(&weeks.all[i], &weeks.all[first]) != 0) {
            int here = fewest_possible(&weeks, weeks.all + first, i - first);

            if (weeks.all[first].look[CELLS_MOST] + RELEASE_ROUND / 2 <= most)
                fewest = here < fewest ? here : fewest;
            first = i;
        }
    free(weeks.all);
    return fewest;
}

static void leaves_five_possible_numbers_to_who_knows_the_program(void **state)
{
    (void)state;
    assert_true(fewest_of_all(2, 97, true) >= RELEASE_POSSIBLE);
#ifndef WITH_SANITIZER /* the same code, a million times */
    assert_true(fewest_of_all(3, 92, true) >= RELEASE_POSSIBLE);
    assert_true(fewest_of_all(4, 52, true) >= RELEASE_POSSIBLE);
#endif
}

static void and_that_test_finds_the_number_of_a_cell_hidden_alone(void **state)
{
    (void)state;
    assert_true(fewest_of_all(3, 62, false) < RELEASE_POSSIBLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_many_have_in_common),
        cmocka_unit_test(hides_a_small_cell_and_the_next_smallest),
        cmocka_unit_test(hides_all_when_few_came),
        cmocka_unit_test(hides_more_where_rounding_leaves_too_little_open),
        cmocka_unit_test(sees_that_one_hidden_cell_alone_is_found_out),
        cmocka_unit_test(does_not_take_long_over_thousands_of_values),
        cmocka_unit_test(rounds_to_the_nearest_five),
        cmocka_unit_test(leaves_five_possible_numbers_to_who_knows_the_program),
        cmocka_unit_test(and_that_test_finds_the_number_of_a_cell_hidden_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What a reader can find out about hidden cells; see release_audit.h. Called by release.c.
 *
 * The reader knows, of the total and of each cell, the ranges that rounding leaves, and:
 *   1. the requests of a table's cells add up to the total;
 *   2. a cell has at most as many sources as the total, and as it has requests;
 *   3. together, cells have at least as many sources as the total; of the days, one has exactly as many;
 *   4. requests beyond a source's first on a day are as many in all tables: the total less the sources of all days. A cell has
 *      no source on more than 7 days.
 * A number is possible when all tables can be filled in around it. For a total that is given, each table can be looked at alone
 * and a cell's sources are best as many as they may be; so requests are handed out to the cells, first where they allow more
 * sources (3), then where they are no repeats (4), then where they are.
 */
#include "records/release_audit.h"

#define NO_END (INT64_C(1) << 50)

struct range {
    int64_t low, high;
};

struct bounds {
    struct range requests, sources;
};

/* A number that is looked at: the reader asks whether this cell may have it. */
struct guess {
    const struct release_cell *cell; /* NULL: none */
    bool of_sources;
    int64_t number;
    bool knows_few; /* he was told which cells are hidden for few sources, and which for the sake of those */
};

struct total {
    int64_t requests, sources;
    int64_t repeats; /* at most */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- what is known of a cell ------------------------------------------------------------------------------------- */

static struct range around(int64_t number)
{
    int64_t rounded = release_rounded(number);

    return (struct range){ larger(0, rounded - RELEASE_ROUND / 2), rounded + (RELEASE_ROUND - 1) / 2 };
}

/* Hidden for the sake of others is the smallest: it has no more sources than any cell that is shown. */
static int64_t most_hidden_sources(const struct release_table *table)
{
    int64_t most = NO_END;

    for (size_t i = 0; i < table->n_cells; i++)
        if (!table->cells[i].hidden && table->cells[i].value)
            most = smaller(most, around(table->cells[i].sources).high);
    return most;
}

static struct range known_sources(const struct release *release, const struct release_table *table,
                                  const struct release_cell *cell, const struct guess *guess)
{
    struct range sources = { 0, NO_END };

    if (!cell->hidden && cell->value)
        sources = around(cell->sources);
    if (cell->hidden && cell->value)
        sources.high = guess->knows_few && cell->few ? release->k - 1 : most_hidden_sources(table);
    if (!cell->hidden || (guess->knows_few && !cell->few))
        sources.low = larger(sources.low, release->k);
    return sources;
}

static struct bounds known(const struct release *release, const struct release_table *table, const struct release_cell *cell,
                           const struct guess *guess)
{
    struct bounds b = { .requests = { 0, NO_END }, .sources = known_sources(release, table, cell, guess) };

    if (!cell->hidden)
        b.requests = around(cell->requests);
    if (guess->cell == cell && guess->of_sources)
        b.sources = (struct range){ larger(b.sources.low, guess->number), smaller(b.sources.high, guess->number) };
    if (guess->cell == cell && !guess->of_sources)
        b.requests = (struct range){ guess->number, guess->number };
    b.requests.low = larger(b.requests.low, b.sources.low);
    return b;
}

static bool is_empty(const struct bounds *b)
{
    return b->requests.low > b->requests.high || b->sources.low > b->sources.high;
}

/* ---- the table of days ------------------------------------------------------------------------------------------- */

/* With `best` as the day that has all sources of the total. The most repeats that this allows, or -1: it is not possible. */
static int64_t repeats_with_best(const struct release *release, const struct release_table *days, size_t best,
                                 const struct guess *guess, const struct total *total)
{
    int64_t low = 0, high = 0, sources = 0;

    for (size_t i = 0; i < days->n_cells; i++) {
        struct bounds b = known(release, days, &days->cells[i], guess);

        b.sources.high = smaller(b.sources.high, total->sources);
        if (i == best)
            b.sources.low = larger(b.sources.low, total->sources);
        b.requests.low = larger(b.requests.low, b.sources.low);
        if (is_empty(&b))
            return -1;
        low += b.requests.low;
        high += b.requests.high;
        sources += b.sources.low;
    }
    return low <= total->requests && total->requests <= high ? total->requests - sources : -1;
}

static int64_t most_repeats(const struct release *release, const struct guess *guess, const struct total *total)
{
    const struct release_table *days = NULL;
    int64_t most = -1;

    for (size_t i = 0; i < release->n_tables; i++)
        if (release->tables[i].kind == RELEASE_BY_DAY)
            days = &release->tables[i];
    if (!days)
        return total->requests;
    for (size_t i = 0; i < days->n_cells; i++)
        most = larger(most, repeats_with_best(release, days, i, guess, total));
    return most;
}

/* ---- the other tables -------------------------------------------------------------------------------------------- */

/* How many requests there is room for until a cell has all its sources, until repeats begin, and beyond. */
struct room {
    int64_t requests, sources, repeats; /* with each cell at its least */
    int64_t for_sources, for_days, for_repeats;
};

static void add_room(struct room *room, const struct bounds *b, bool counts_days)
{
    int64_t low = b->requests.low, high = b->requests.high;
    int64_t all_sources = b->sources.high;
    int64_t all_days = counts_days ? smaller(NO_END, all_sources * RELEASE_DAYS) : NO_END;

    room->requests += low;
    room->sources += smaller(low, all_sources);
    room->repeats += larger(0, low - all_days);
    room->for_sources += larger(0, smaller(high, all_sources) - low);
    room->for_days += larger(0, smaller(high, all_days) - larger(low, all_sources));
    room->for_repeats += larger(0, high - larger(low, all_days));
}

static bool table_fits(const struct release *release, const struct release_table *table, const struct guess *guess,
                       const struct total *total)
{
    struct room room = { 0 };
    int64_t rest, taken;

    for (size_t i = 0; i < table->n_cells; i++) {
        struct bounds b = known(release, table, &table->cells[i], guess);

        b.sources.high = smaller(b.sources.high, total->sources);
        if (is_empty(&b))
            return false;
        add_room(&room, &b, table->cells[i].value);
    }
    rest = total->requests - room.requests;
    if (rest < 0 || rest > room.for_sources + room.for_days + room.for_repeats)
        return false;
    taken = smaller(rest, room.for_sources);
    if (room.sources + taken < total->sources)
        return false;
    rest -= taken + smaller(rest - taken, room.for_days);
    return room.repeats + rest <= total->repeats;
}

/* ---- the question ------------------------------------------------------------------------------------------------ */

static bool fits(const struct release *release, const struct guess *guess, struct total total)
{
    total.repeats = most_repeats(release, guess, &total);
    if (total.repeats < 0)
        return false;
    for (size_t i = 0; i < release->n_tables; i++)
        if (release->tables[i].kind != RELEASE_BY_DAY && !table_fits(release, &release->tables[i], guess, &total))
            return false;
    return true;
}

static bool is_possible(const struct release *release, const struct guess *guess)
{
    struct range requests = around(release->total.requests), sources = around(release->total.sources);
    struct total total = { 0 };

    sources.low = larger(sources.low, release->k);
    for (total.requests = requests.low; total.requests <= requests.high; total.requests++)
        for (total.sources = sources.low; total.sources <= sources.high; total.sources++)
            if (fits(release, guess, total))
                return true;
    return false;
}

/* Numbers that are possible lie side by side, and what is true is one of them: so it is enough to look next to it. */
static bool is_hidden_well(const struct release *release, struct guess guess)
{
    int64_t truth = guess.of_sources ? guess.cell->sources : guess.cell->requests;
    int possible = 1;

    for (guess.number = truth - 1; guess.number >= 0 && possible < RELEASE_POSSIBLE; guess.number--, possible++)
        if (!is_possible(release, &guess))
            break;
    for (guess.number = truth + 1; possible < RELEASE_POSSIBLE; guess.number++, possible++)
        if (!is_possible(release, &guess))
            return false;
    return true;
}

/* Cells of few sources must stay hidden even from him who was told which they are. */
static bool cell_is_hidden_well(const struct release *release, const struct release_cell *cell)
{
    struct guess guess = { .cell = cell, .knows_few = cell->few };

    if (!is_hidden_well(release, guess))
        return false;
    guess.of_sources = true;
    return !cell->value || is_hidden_well(release, guess);
}

struct release_table *release_audit(const struct release *release)
{
    for (size_t i = 0; i < release->n_tables; i++) {
        const struct release_table *table = &release->tables[i];

        for (size_t j = 0; j < table->n_cells; j++)
            if (table->cells[j].hidden && !cell_is_hidden_well(release, &table->cells[j]))
                return &release->tables[i];
    }
    return NULL;
}

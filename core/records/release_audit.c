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
 *
 * A table of labels may have thousands of cells: what its other cells need is summed up once, not for each number.
 */
#include "records/release_audit.h"

#define NO_END (INT64_C(1) << 40) /* thousands of them add up */

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
};

/* How many requests there is room for until cells have all their sources, until repeats begin, and beyond. */
struct room {
    int64_t requests, sources, repeats; /* with each cell at its least */
    int64_t for_sources, for_days, for_repeats;
    int64_t impossible; /* cells that no number fits */
};

/* A table, as a reader sees it who was told, or not, which hidden cells are few and which are hidden for the sake of those. */
struct view {
    const struct release *release;
    const struct release_table *table;
    bool knows_few;
    int64_t most_hidden; /* sources of a hidden cell */
};

/* What other tables say, for each total that is possible: [requests][sources], from the lowest on. */
struct others {
    struct range requests, sources;
    int64_t allowed[RELEASE_ROUND][RELEASE_ROUND]; /* repeats at most; -1: it is not possible */
    int64_t needed[RELEASE_ROUND][RELEASE_ROUND];  /* repeats at least; NO_END: it is not possible */
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
static struct view look_at(const struct release *release, const struct release_table *table, bool knows_few)
{
    struct view view = { .release = release, .table = table, .knows_few = knows_few, .most_hidden = NO_END };

    for (size_t i = 0; i < table->n_cells; i++)
        if (!table->cells[i].hidden && table->cells[i].value)
            view.most_hidden = smaller(view.most_hidden, around(table->cells[i].sources).high);
    return view;
}

static struct range known_sources(const struct view *view, const struct release_cell *cell)
{
    const int64_t k = view->release->k;
    struct range sources = { 0, NO_END };

    if (!cell->hidden && cell->value)
        sources = around(cell->sources);
    if (cell->hidden && cell->value)
        sources.high = view->knows_few && cell->few ? k - 1 : view->most_hidden;
    if (!cell->hidden || (view->knows_few && !cell->few))
        sources.low = larger(sources.low, k);
    return sources;
}

static struct bounds known(const struct view *view, const struct release_cell *cell, const struct guess *guess, int64_t sources)
{
    struct bounds b = { .requests = { 0, NO_END }, .sources = known_sources(view, cell) };

    if (!cell->hidden)
        b.requests = around(cell->requests);
    if (guess->cell == cell && guess->of_sources)
        b.sources = (struct range){ larger(b.sources.low, guess->number), smaller(b.sources.high, guess->number) };
    if (guess->cell == cell && !guess->of_sources)
        b.requests = (struct range){ guess->number, guess->number };
    b.sources.high = smaller(b.sources.high, sources);
    b.requests.low = larger(b.requests.low, b.sources.low);
    return b;
}

static bool is_empty(const struct bounds *b)
{
    return b->requests.low > b->requests.high || b->sources.low > b->sources.high;
}

/* ---- the table of days ------------------------------------------------------------------------------------------- */

/* With `best` as the day that has all sources of the total. The most repeats that this allows, or -1: it is not possible. */
static int64_t repeats_with_best(const struct view *days, size_t best, const struct guess *guess, int64_t requests,
                                 int64_t sources)
{
    int64_t low = 0, high = 0, first = 0;

    for (size_t i = 0; i < days->table->n_cells; i++) {
        struct bounds b = known(days, &days->table->cells[i], guess, sources);

        if (i == best)
            b.sources.low = larger(b.sources.low, sources);
        b.requests.low = larger(b.requests.low, b.sources.low);
        if (is_empty(&b))
            return -1;
        low += b.requests.low;
        high += b.requests.high;
        first += b.sources.low;
    }
    return low <= requests && requests <= high ? requests - first : -1;
}

static int64_t most_repeats(const struct view *days, const struct guess *guess, int64_t requests, int64_t sources)
{
    int64_t most = -1;

    for (size_t i = 0; i < days->table->n_cells; i++)
        most = larger(most, repeats_with_best(days, i, guess, requests, sources));
    return most;
}

/* ---- the other tables -------------------------------------------------------------------------------------------- */

/* `times` 1: with this cell; -1: without it again. */
static void add_room(struct room *room, const struct bounds *b, bool counts_days, int64_t times)
{
    int64_t low = b->requests.low, high = b->requests.high;
    int64_t all_sources = b->sources.high;
    int64_t all_days = counts_days ? smaller(NO_END, all_sources * RELEASE_DAYS) : NO_END;

    if (is_empty(b)) {
        room->impossible += times;
        return;
    }
    room->requests += times * low;
    room->sources += times * smaller(low, all_sources);
    room->repeats += times * larger(0, low - all_days);
    room->for_sources += times * larger(0, smaller(high, all_sources) - low);
    room->for_days += times * larger(0, smaller(high, all_days) - larger(low, all_sources));
    room->for_repeats += times * larger(0, high - larger(low, all_days));
}

static struct room room_of(const struct view *view, int64_t sources)
{
    struct room room = { 0 };

    for (size_t i = 0; i < view->table->n_cells; i++) {
        const struct release_cell *cell = &view->table->cells[i];
        struct bounds b = known(view, cell, &(struct guess){ 0 }, sources);

        add_room(&room, &b, cell->value, 1);
    }
    return room;
}

/* The fewest repeats with which the requests can be handed out. */
static int64_t fewest_repeats(const struct room *room, int64_t requests, int64_t sources)
{
    int64_t rest = requests - room->requests, taken;

    if (room->impossible || rest < 0 || rest > room->for_sources + room->for_days + room->for_repeats)
        return NO_END;
    taken = smaller(rest, room->for_sources);
    if (room->sources + taken < sources)
        return NO_END;
    rest -= taken + smaller(rest - taken, room->for_days);
    return room->repeats + rest;
}

/* ---- what other tables say --------------------------------------------------------------------------------------- */

static void add_table(struct others *others, const struct view *view)
{
    struct room room;

    for (int64_t j = 0; j <= others->sources.high - others->sources.low; j++) {
        int64_t sources = others->sources.low + j;

        room = room_of(view, sources);
        for (int64_t i = 0; i <= others->requests.high - others->requests.low; i++) {
            int64_t requests = others->requests.low + i;

            if (view->table->kind == RELEASE_BY_DAY)
                others->allowed[i][j] = most_repeats(view, &(struct guess){ 0 }, requests, sources);
            else
                others->needed[i][j] = larger(others->needed[i][j], fewest_repeats(&room, requests, sources));
        }
    }
}

static struct others ask_others(const struct view *asked)
{
    const struct release *release = asked->release;
    struct others others = { .requests = around(release->total.requests), .sources = around(release->total.sources) };

    others.sources.low = larger(others.sources.low, release->k);
    for (size_t i = 0; i < RELEASE_ROUND; i++)
        for (size_t j = 0; j < RELEASE_ROUND; j++)
            others.allowed[i][j] = NO_END - 1;
    for (size_t i = 0; i < release->n_tables; i++) {
        struct view view = look_at(release, &release->tables[i], asked->knows_few);

        if (view.table != asked->table)
            add_table(&others, &view);
    }
    return others;
}

/* ---- the question ------------------------------------------------------------------------------------------------ */

/* A table whose hidden cells are asked about. */
struct question {
    struct view view;
    struct others others;
    struct room rooms[RELEASE_ROUND]; /* of its cells, without a guess, for each of the total's sources */
};

static bool fits(const struct question *q, const struct guess *guess, int64_t i, int64_t j)
{
    int64_t requests = q->others.requests.low + i, sources = q->others.sources.low + j;
    int64_t allowed = q->others.allowed[i][j], needed = q->others.needed[i][j];
    struct room room = q->rooms[j];
    struct bounds b;

    if (q->view.table->kind == RELEASE_BY_DAY) {
        allowed = most_repeats(&q->view, guess, requests, sources);
    } else {
        b = known(&q->view, guess->cell, &(struct guess){ 0 }, sources);
        add_room(&room, &b, guess->cell->value, -1);
        b = known(&q->view, guess->cell, guess, sources);
        add_room(&room, &b, guess->cell->value, 1);
        needed = larger(needed, fewest_repeats(&room, requests, sources));
    }
    return needed <= allowed;
}

static bool is_possible(const struct question *q, const struct guess *guess)
{
    for (int64_t i = 0; i <= q->others.requests.high - q->others.requests.low; i++)
        for (int64_t j = 0; j <= q->others.sources.high - q->others.sources.low; j++)
            if (fits(q, guess, i, j))
                return true;
    return false;
}

/* Numbers that are possible lie side by side, and what is true is one of them: so it is enough to look next to it. */
static bool is_hidden_well(const struct question *q, struct guess guess)
{
    int64_t truth = guess.of_sources ? guess.cell->sources : guess.cell->requests;
    int possible = 1;

    for (guess.number = truth - 1; guess.number >= 0 && possible < RELEASE_POSSIBLE; guess.number--, possible++)
        if (!is_possible(q, &guess))
            break;
    for (guess.number = truth + 1; possible < RELEASE_POSSIBLE; guess.number++, possible++)
        if (!is_possible(q, &guess))
            return false;
    return true;
}

/* Cells of few sources must stay hidden even from him who was told which they are. */
static bool table_is_hidden_well(const struct release *release, const struct release_table *table, bool few)
{
    struct question q = { .view = look_at(release, table, few) };

    q.others = ask_others(&q.view);
    for (int64_t j = 0; j <= q.others.sources.high - q.others.sources.low; j++)
        q.rooms[j] = room_of(&q.view, q.others.sources.low + j);
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct release_cell *cell = &table->cells[i];

        if (!cell->hidden || cell->few != few)
            continue;
        if (!is_hidden_well(&q, (struct guess){ .cell = cell }) ||
            (cell->value && !is_hidden_well(&q, (struct guess){ .cell = cell, .of_sources = true })))
            return false;
    }
    return true;
}

struct release_table *release_audit(const struct release *release)
{
    for (size_t i = 0; i < release->n_tables; i++)
        for (int few = 0; few < 2; few++)
            if (!table_is_hidden_well(release, &release->tables[i], few))
                return &release->tables[i];
    return NULL;
}

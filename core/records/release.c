/*
 * What of a release is hidden; see release.h. Called by command/release_*.c.
 */
#include "records/release.h"

#include <stdlib.h>
#include <string.h>

#include "records/release_audit.h"

int64_t release_rounded(int64_t number)
{
    return (number + RELEASE_ROUND / 2) / RELEASE_ROUND * RELEASE_ROUND;
}

/* ---- hiding ------------------------------------------------------------------------------------------------------ */

/* Returns whether there was any. */
static bool hide_few(struct release_table *table, int64_t k)
{
    bool any = false;

    for (size_t i = 0; i < table->n_cells; i++) {
        struct release_cell *cell = &table->cells[i];

        cell->few = cell->sources < k;
        cell->hidden = cell->few;
        any |= cell->hidden;
    }
    return any;
}

static bool is_smaller(const struct release_cell *a, const struct release_cell *b)
{
    return a->sources != b->sources ? a->sources < b->sources : a->requests < b->requests;
}

/* Returns false when all are hidden. */
static bool hide_smallest(struct release_table *table)
{
    struct release_cell *smallest = NULL;

    for (size_t i = 0; i < table->n_cells; i++)
        if (!table->cells[i].hidden && (!smallest || is_smaller(&table->cells[i], smallest)))
            smallest = &table->cells[i];
    if (smallest)
        smallest->hidden = true;
    return smallest;
}

static void hide_all(struct release *release)
{
    release->total.hidden = true;
    for (size_t i = 0; i < release->n_tables; i++)
        while (hide_smallest(&release->tables[i]))
            ;
}

void release_hide(struct release *release)
{
    struct release_table *weak;

    release->total.few = release->total.sources < release->k;
    for (size_t i = 0; i < release->n_tables; i++)
        if (hide_few(&release->tables[i], release->k))
            hide_smallest(&release->tables[i]);
    if (release->total.few) {
        hide_all(release);
        return;
    }
    while ((weak = release_audit(release)))
        if (!hide_smallest(weak)) {
            hide_all(release);
            return;
        }
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* strdup(), for which NULL stays NULL. */
static bool copy_name(char **copy, const char *name)
{
    *copy = name ? strdup(name) : NULL;
    return *copy || !name;
}

struct release_table *release_add_table(struct release *release, enum release_kind kind, const char *label)
{
    struct release_table *tables = realloc(release->tables, (release->n_tables + 1) * sizeof *tables);

    if (!tables)
        return NULL;
    release->tables = tables;
    tables += release->n_tables;
    *tables = (struct release_table){ .kind = kind };
    if (!copy_name(&tables->label, label))
        return NULL;
    release->n_tables++;
    return tables;
}

struct release_cell *release_add_cell(struct release_table *table, const char *value)
{
    struct release_cell *cells = realloc(table->cells, (table->n_cells + 1) * sizeof *cells);

    if (!cells)
        return NULL;
    table->cells = cells;
    cells += table->n_cells;
    *cells = (struct release_cell){ 0 };
    if (!copy_name(&cells->value, value))
        return NULL;
    table->n_cells++;
    return cells;
}

void release_free(struct release *release)
{
    for (size_t i = 0; i < release->n_tables; i++) {
        struct release_table *table = &release->tables[i];

        for (size_t j = 0; j < table->n_cells; j++)
            free(table->cells[j].value);
        free(table->cells);
        free(table->label);
    }
    free(release->tables);
    *release = (struct release){ 0 };
}

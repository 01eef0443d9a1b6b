/*
 * Rows for people and for programs: aligned columns under a heading, or one JSON object a line (--json). Used by table.c and
 * privacy_report.c.
 */
#ifndef COMMAND_COLUMNS_H
#define COMMAND_COLUMNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct columns {
    const char *const *names; /* lower case, as in the table and as JSON keys */
    size_t n_names;
    json_t *rows;
};

/* NULL-terminated `names` live as long as the columns. */
void columns_open(struct columns *columns, const char *const *names);
/* Takes over `row`, an object with a text, number, boolean or list of texts for each name. Returns 0; 1 without memory, as a
 * row function. */
int columns_add(struct columns *columns, json_t *row);

void columns_print(const struct columns *columns, bool json, FILE *to);
/* One row as "name: value" lines. */
void columns_print_row(const struct columns *columns, size_t row, bool json, FILE *to);
void columns_close(struct columns *columns);

#endif

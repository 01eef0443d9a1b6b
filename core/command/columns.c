/*
 * Rows in aligned columns or as JSON lines, see columns.h.
 */
#include "command/columns.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum { CELL_MOST = 65536 };

void columns_open(struct columns *columns, const char *const *names)
{
    *columns = (struct columns){ .names = names, .rows = json_array() };
    while (names[columns->n_names])
        columns->n_names++;
}

void columns_close(struct columns *columns)
{
    json_decref(columns->rows);
    columns->rows = NULL;
}

int columns_add(struct columns *columns, json_t *row)
{
    return row && json_array_append_new(columns->rows, row) == 0 ? 0 : 1;
}

/* What cannot be shown on a terminal becomes "?". */
static void add_text(const char *s, struct text *out)
{
    for (; s && *s; s++)
        text_add_char(out, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

/* An empty text becomes "-"; a list its texts. */
static void cell_text(const json_t *value, struct text *out)
{
    const json_t *part;
    size_t i;
    const char *s = json_string_value(value);

    if (json_is_integer(value))
        text_addf(out, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_boolean(value))
        text_add(out, json_is_true(value) ? "yes" : "no");
    json_array_foreach(value, i, part) {
        text_add(out, i ? "; " : "");
        add_text(json_string_value(part), out);
    }
    add_text(s, out);
    if (!out->len)
        text_add_char(out, '-');
}

/* Characters, not bytes: a subject may be in any language. */
static size_t width_of(const char *s)
{
    size_t width = 0;

    for (; *s; s++)
        width += ((unsigned char)*s & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct columns *columns, const char *name)
{
    size_t width = width_of(name), i;
    const json_t *row;

    json_array_foreach(columns->rows, i, row) {
        struct text cell = TEXT_MAX(CELL_MOST);
        size_t own;

        cell_text(json_object_get(row, name), &cell);
        own = width_of(text_of(&cell));
        width = own > width ? own : width;
        text_free(&cell);
    }
    return width;
}

static void print_cell(const char *s, size_t width, bool last, FILE *to)
{
    fputs(s, to);
    if (last)
        fputc('\n', to);
    for (size_t i = width_of(s); !last && i < width + 2; i++)
        fputc(' ', to);
}

static void print_column_heads(const struct columns *columns, const size_t *widths, FILE *to)
{
    for (size_t i = 0; i < columns->n_names; i++) {
        char head[64] = { 0 };

        for (size_t j = 0; columns->names[i][j] && j < sizeof head - 1; j++)
            head[j] = columns->names[i][j] >= 'a' && columns->names[i][j] <= 'z' ? (char)(columns->names[i][j] - 32) : ' ';
        print_cell(head, widths[i], i + 1 == columns->n_names, to);
    }
}

static void print_line(const struct columns *columns, const size_t *widths, const json_t *row, FILE *to)
{
    for (size_t i = 0; i < columns->n_names; i++) {
        struct text cell = TEXT_MAX(CELL_MOST);

        cell_text(json_object_get(row, columns->names[i]), &cell);
        print_cell(text_of(&cell), widths[i], i + 1 == columns->n_names, to);
        text_free(&cell);
    }
}

static void print_json(const json_t *row, FILE *to)
{
    json_dumpf(row, to, JSON_COMPACT);
    fputc('\n', to);
}

void columns_print(const struct columns *columns, bool json, FILE *to)
{
    size_t widths[16], i;
    const json_t *row;

    if (!json) {
        for (i = 0; i < columns->n_names; i++)
            widths[i] = column_width(columns, columns->names[i]);
        print_column_heads(columns, widths, to);
    }
    json_array_foreach(columns->rows, i, row) {
        if (json)
            print_json(row, to);
        else
            print_line(columns, widths, row, to);
    }
}

void columns_print_row(const struct columns *columns, size_t row, bool json, FILE *to)
{
    const json_t *values = json_array_get(columns->rows, row);

    if (json) {
        print_json(values, to);
        return;
    }
    for (size_t i = 0; i < columns->n_names; i++) {
        struct text cell = TEXT_MAX(CELL_MOST);

        cell_text(json_object_get(values, columns->names[i]), &cell);
        fprintf(to, "%-15s %s\n", columns->names[i], text_of(&cell));
        text_free(&cell);
    }
}

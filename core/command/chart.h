/*
 * Charts for a report's page: SVG inside HTML, without scripts, in the page's own colours, with a title and a description for
 * those who cannot see them. Called by report_charts.c. Pure: every text is escaped here.
 */
#ifndef COMMAND_CHART_H
#define COMMAND_CHART_H

#include "base/text.h"

enum { CHART_PARTS_MOST = 4 };

/* A bar, made of parts that add up. */
struct chart_bar {
    const char *name; /* below or beside it */
    int64_t parts[CHART_PARTS_MOST];
    const char *note; /* behind the number of a lying bar, in the place of a standing one that is nothing; NULL: none */
};

struct chart {
    const char *title, *about;
    const char *const *parts; /* their names, for the legend; one: no legend */
    size_t n_parts;
    const struct chart_bar *bars;
    size_t n_bars;
};

/* Standing bars side by side, for days. */
void chart_columns(struct text *out, const struct chart *chart);
/* Lying bars below each other, for steps and labels. */
void chart_rows(struct text *out, const struct chart *chart);

#endif

/*
 * Charts as SVG; see chart.h. Called by report_charts.c.
 */
#include "command/chart.h"

#include <inttypes.h>
#include <string.h>

#include "base/glyph.h"
#include "base/html.h"

/* Measures in the units of the view box. A page shows it as wide as there is room. */
enum {
    WIDTH = 720,
    RIGHT = 18,   /* of standing bars: half of the last day's name */
    LEFT = 52,    /* beside standing bars: the scale */
    HEIGHT = 190, /* of the tallest bar */
    TOP = 12,
    BELOW = 30,
    NAME = 200, /* beside lying bars */
    NUMBER = 150,
    STEP = 30,
    BAR = 18,
    NAMES_MOST = 12, /* below standing bars */
    LETTERS_MOST = 23
};

static int64_t sum_of(const struct chart *chart, const struct chart_bar *bar)
{
    int64_t sum = 0;

    for (size_t i = 0; i < chart->n_parts; i++)
        sum += bar->parts[i];
    return sum;
}

static int64_t largest(const struct chart *chart)
{
    int64_t most = 1, sum;

    for (size_t i = 0; i < chart->n_bars; i++) {
        sum = sum_of(chart, &chart->bars[i]);
        most = sum > most ? sum : most;
    }
    return most;
}

/* The step of a scale with 2 to 5 lines: 1, 2 or 5 times a power of ten. */
static int64_t scale_step(int64_t most)
{
    int64_t step = 1;

    while (most / step > 50)
        step *= 10;
    return most / step > 20 ? step * 10 : most / step > 10 ? step * 5 : most / step > 4 ? step * 2 : step;
}

/* ---- what all charts have ---------------------------------------------------------------------------------------- */

static void add_legend(struct text *out, const struct chart *chart)
{
    if (chart->n_parts < 2)
        return;
    text_add(out, "<ul class=\"legend\">");
    for (size_t i = 0; i < chart->n_parts; i++) {
        text_addf(out, "<li><span class=\"key p%zu\"></span>", i);
        html_add(out, chart->parts[i]);
        text_add(out, "</li>");
    }
    text_add(out, "</ul>\n");
}

static void begin(struct text *out, const struct chart *chart, int64_t height)
{
    text_add(out, "<figure>\n<figcaption>");
    html_add(out, chart->title);
    text_add(out, "</figcaption>\n");
    add_legend(out, chart);
    text_addf(out, "<svg viewBox=\"0 0 %d %" PRId64 "\" role=\"img\">\n<title>", WIDTH, height);
    html_add(out, chart->title);
    text_add(out, "</title>\n<desc>");
    html_add(out, chart->about);
    text_add(out, "</desc>\n");
}

static void end(struct text *out)
{
    text_add(out, "</svg>\n</figure>\n");
}

/* What a mouse that rests on it is told. */
static void add_hint(struct text *out, const struct chart *chart, const struct chart_bar *bar)
{
    text_add(out, "<title>");
    html_add(out, bar->name);
    for (size_t i = 0; i < chart->n_parts; i++) {
        text_add(out, i ? ", " : ": ");
        html_add(out, chart->parts[i]);
        text_addf(out, " %" PRId64, bar->parts[i]);
    }
    text_add(out, "</title>");
}

/* ---- standing bars ----------------------------------------------------------------------------------------------- */

static void add_scale(struct text *out, int64_t top, int64_t step)
{
    for (int64_t line = 0; line <= top; line += step) {
        int64_t y = TOP + HEIGHT - line * HEIGHT / top;

        text_addf(out, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%" PRId64 ".5\" y2=\"%" PRId64 ".5\"/>",
                  line ? "grid" : "axis", LEFT, WIDTH, y, y);
        text_addf(out, "<text class=\"end\" x=\"%d\" y=\"%" PRId64 "\">%" PRId64 "</text>\n", LEFT - 8, y + 4, line);
    }
}

static void add_column(struct text *out, const struct chart *chart, size_t i, int64_t top)
{
    const struct chart_bar *bar = &chart->bars[i];
    const double slot = (double)(WIDTH - LEFT - RIGHT) / (double)chart->n_bars;
    const double width = slot * 0.72 > 56 ? 56 : slot * 0.72;
    const double middle = LEFT + slot * ((double)i + 0.5);
    const size_t every = (chart->n_bars + NAMES_MOST - 1) / NAMES_MOST;
    double foot = TOP + HEIGHT, height;

    text_add(out, "<g>");
    add_hint(out, chart, bar);
    text_addf(out, "<rect class=\"feel\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", middle - slot / 2, TOP, slot,
              HEIGHT);
    for (size_t part = 0; part < chart->n_parts; part++) {
        height = (double)bar->parts[part] * HEIGHT / (double)top;
        foot -= height;
        if (bar->parts[part] > 0)
            text_addf(out, "<rect class=\"p%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", part,
                      middle - width / 2, foot, width, height < 1 ? 1 : height);
    }
    if (foot >= TOP + HEIGHT && bar->note) {
        text_addf(out, "<text class=\"middle\" x=\"%.1f\" y=\"%d\">", middle, TOP + HEIGHT - 8);
        html_add(out, bar->note);
        text_add(out, "</text>");
    }
    if (i % every == 0) {
        text_addf(out, "<text class=\"middle\" x=\"%.1f\" y=\"%d\">", middle, TOP + HEIGHT + 20);
        html_add(out, bar->name);
        text_add(out, "</text>");
    }
    text_add(out, "</g>\n");
}

void chart_columns(struct text *out, const struct chart *chart)
{
    int64_t most = largest(chart), step = scale_step(most);
    int64_t top = (most + step - 1) / step * step;

    begin(out, chart, TOP + HEIGHT + BELOW);
    add_scale(out, top, step);
    for (size_t i = 0; i < chart->n_bars; i++)
        add_column(out, chart, i, top);
    end(out);
}

/* ---- lying bars -------------------------------------------------------------------------------------------------- */

/* A name that is too long ends in an ellipsis; the hint has all of it. */
static void add_short(struct text *out, const char *name)
{
    struct text cut = TEXT_MAX(4096);
    const char *rest = name;
    unsigned width = 0;
    uint32_t character;

    while (*rest && width < LETTERS_MOST) {
        rest += glyph_next(rest, &character);
        width += glyph_width(character);
    }
    text_add_n(&cut, name, (size_t)(rest - name));
    html_add(out, text_of(&cut));
    text_add(out, *rest ? "…" : "");
    text_free(&cut);
}

static void add_row(struct text *out, const struct chart *chart, size_t i, int64_t most)
{
    const struct chart_bar *bar = &chart->bars[i];
    const int64_t y = (int64_t)i * STEP + (STEP - BAR) / 2;
    double x = NAME, width;

    text_add(out, "<g>");
    add_hint(out, chart, bar);
    text_addf(out, "<text class=\"end\" x=\"%d\" y=\"%" PRId64 "\">", NAME - 10, y + 14);
    add_short(out, bar->name);
    text_add(out, "</text>");
    for (size_t part = 0; part < chart->n_parts; part++) {
        width = (double)bar->parts[part] * (WIDTH - NAME - NUMBER) / (double)most;
        if (bar->parts[part] > 0)
            text_addf(out, "<rect class=\"p%zu\" x=\"%.1f\" y=\"%" PRId64 "\" width=\"%.1f\" height=\"%d\"/>", part, x, y,
                      width < 1 ? 1 : width, BAR);
        x += width;
    }
    text_addf(out, "<text class=\"value\" x=\"%.1f\" y=\"%" PRId64 "\">%" PRId64, x + 8, y + 14, sum_of(chart, bar));
    if (bar->note) {
        text_add(out, " <tspan class=\"soft\">");
        html_add(out, bar->note);
        text_add(out, "</tspan>");
    }
    text_add(out, "</text></g>\n");
}

void chart_rows(struct text *out, const struct chart *chart)
{
    int64_t most = largest(chart);

    begin(out, chart, (int64_t)chart->n_bars * STEP + 2);
    for (size_t i = 0; i < chart->n_bars; i++)
        add_row(out, chart, i, most);
    end(out);
}

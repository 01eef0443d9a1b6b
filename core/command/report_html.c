/*
 * A report as one HTML file that needs nothing else: no script, nothing from the network; light or dark as the reader's system
 * is. See report.h. Called by report.c.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/html.h"
#include "command/report.h"
#include "command/report_charts.h"

/* Open tables with up to so many rows; longer ones wait for a click. */
enum { ROWS_OPEN = 40 };

static const char style[] =
    ":root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--ink:#16202b;--soft:#55606e;--line:#dde2e8;"
    "--p0:#1f6fc4;--p1:#d9822b;--p2:#b3261e;--p3:#8b96a3;--mark:#fff3d6;--mark-ink:#6b4a00}"
    "@media(prefers-color-scheme:dark){:root{--back:#11161c;--card:#1a2129;--ink:#e6eaef;--soft:#9aa6b3;--line:#2e3843;"
    "--p0:#5aa4ee;--p1:#f0a656;--p2:#f2766d;--p3:#74808e;--mark:#3b2f12;--mark-ink:#ffdf9a}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:960px;margin:0 auto;padding:32px 20px 64px}"
    "h1{font-size:26px;line-height:1.2;margin:0 0 12px}h2{font-size:19px;margin:0 0 12px;overflow-wrap:anywhere}"
    "h3{font-size:16px;margin:0}"
    ".notice{display:inline-block;margin:0 0 16px;padding:4px "
    "12px;border-radius:4px;background:var(--mark);color:var(--mark-ink);"
    "font-weight:600}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0 0 24px}dt{color:var(--soft)}"
    "dd{margin:0;overflow-wrap:anywhere}"
    "section,details{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:20px;margin:0 0 20px}"
    ".soft{color:var(--soft)}.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 8px}"
    ".tile{flex:1 1 180px;border:1px solid var(--line);border-radius:6px;padding:10px 14px;display:flex;flex-direction:column}"
    ".tile .name{color:var(--soft)}.tile "
    ".number{font-size:26px;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}"
    ".tile .soft{font-size:13px}"
    "figure{margin:24px 0 0;overflow-x:auto}figcaption{font-weight:600;margin:0 0 6px}"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 "
    "8px;padding:0;font-size:13px;color:var(--soft)}"
    ".key{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:6px}"
    "span.p0{background:var(--p0)}span.p1{background:var(--p1)}span.p2{background:var(--p2)}span.p3{background:var(--p3)}"
    "svg{display:block;width:100%;min-width:520px;height:auto}"
    "svg text{font-size:12.5px;fill:var(--soft);font-variant-numeric:tabular-nums}"
    "svg .value{fill:var(--ink)}svg .soft{fill:var(--soft)}svg .end{text-anchor:end}svg .middle{text-anchor:middle}"
    "rect.p0{fill:var(--p0)}rect.p1{fill:var(--p1)}rect.p2{fill:var(--p2)}rect.p3{fill:var(--p3)}rect.feel{fill:transparent}"
    "g:hover rect.feel{fill:var(--line);fill-opacity:.4}line{stroke:var(--line)}line.axis{stroke:var(--soft)}"
    "details>p{margin:6px 0 12px}summary{cursor:pointer}summary h3{display:inline}.wide{overflow-x:auto}"
    "table{border-collapse:collapse;font-size:14px;min-width:100%}"
    "th,td{padding:4px 14px 4px 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;unicode-bidi:isolate}"
    "th{color:var(--soft);font-weight:600;white-space:nowrap}td{max-width:360px;overflow-wrap:anywhere}"
    "th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "@media print{body{background:none}details,section{break-inside:avoid}}";

/* The page's own style is all that it may use (CSP level 3, 2.3.1): whatever got into it could neither run nor call home. */
static int add_policy(struct text *out)
{
    unsigned char digest[32], encoded[48];
    size_t len = sizeof digest;

    if (!EVP_Q_digest(NULL, "SHA256", NULL, style, sizeof style - 1, digest, &len))
        return -1;
    EVP_EncodeBlock(encoded, digest, sizeof digest);
    text_addf(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'\">\n",
              (const char *)encoded);
    return 0;
}

static int add_head(struct text *out, const struct report *report)
{
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    if (add_policy(out) < 0)
        return -1;
    text_add(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n<title>");
    html_add(out, report->title);
    text_addf(out, "</title>\n<style>%s</style>\n</head>\n", style);
    return 0;
}

static void add_facts(struct text *out, const struct report *report)
{
    text_add(out, "<h1>");
    html_add(out, report->title);
    text_add(out, "</h1>\n<p class=\"notice\">");
    html_add(out, report->notice);
    text_add(out, "</p>\n<dl>\n");
    for (size_t i = 0; i < report->n_facts; i++) {
        text_add(out, "<dt>");
        html_add(out, report->facts[i].name);
        text_add(out, "</dt><dd>");
        html_add(out, report->facts[i].value);
        text_add(out, "</dd>\n");
    }
    text_add(out, "</dl>\n");
    for (const char *const *remark = report->remarks; remark && *remark; remark++) {
        text_add(out, "<p>");
        html_add(out, *remark);
        text_add(out, "</p>\n");
    }
}

static void add_cell(struct text *out, const char *element, const struct grid_column *column, const char *text)
{
    text_addf(out, "<%s%s%s>", element, strcmp(element, "th") == 0 ? " scope=\"col\"" : "",
              column->number ? " class=\"n\"" : "");
    html_add(out, text && *text ? text : "–");
    text_addf(out, "</%s>", element);
}

static void add_table(struct text *out, const struct grid *grid)
{
    text_addf(out, "<details%s>\n<summary><h3>", grid->n_rows <= ROWS_OPEN ? " open" : "");
    html_add(out, grid->title);
    text_addf(out, "</h3> <span class=\"soft\">%s, %zu row%s</span></summary>\n<p class=\"soft\">", grid->name, grid->n_rows,
              grid->n_rows == 1 ? "" : "s");
    html_add(out, grid->about);
    text_add(out, "</p>\n<div class=\"wide\"><table>\n<thead><tr>");
    for (size_t i = 0; i < grid->n_columns; i++)
        add_cell(out, "th", &grid->columns[i], grid->columns[i].name);
    text_add(out, "</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < grid->n_rows; row++) {
        text_add(out, "<tr>");
        for (size_t i = 0; i < grid->n_columns; i++)
            add_cell(out, "td", &grid->columns[i], grid_text(grid, row, i));
        text_add(out, "</tr>\n");
    }
    text_add(out, "</tbody></table></div>\n</details>\n");
}

int report_html(const struct report *report, struct text *out)
{
    if (add_head(out, report) < 0)
        return -1;
    text_add(out, "<body>\n<main>\n");
    add_facts(out, report);
    if (report->flagged.n_rows > 0)
        add_table(out, &report->flagged);
    if (report_charts(report, out) < 0)
        return -1;
    for (size_t i = 0; i < report->n_grids; i++)
        add_table(out, &report->grids[i]);
    text_add(out, "</main>\n</body>\n</html>\n");
    return text_failed(out) ? -1 : 0;
}

/*
 * The charts of a report's page, from its tables. Called by report_html.c. Pure.
 */
#ifndef COMMAND_REPORT_CHARTS_H
#define COMMAND_REPORT_CHARTS_H

#include "command/report.h"

/* For each zone, the busiest first: requests by day, the funnel, the labels that most came with. For a release: its tables. */
int report_charts(const struct report *report, struct text *out);

#endif

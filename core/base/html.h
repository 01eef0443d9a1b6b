/*
 * Text of anybody's making inside an HTML document. Used by command/report_html.c and its charts. Pure.
 */
#ifndef BASE_HTML_H
#define BASE_HTML_H

#include "base/text.h"

/* As text of an element or as an attribute's value between double quotes (HTML 13.1.2.3, 13.1.4): never a tag, a quote or a
 * character reference of its own. What glyph_is_shown() refuses, and bytes that are not UTF-8, are U+FFFD. */
void html_add(struct text *out, const char *s);

#endif

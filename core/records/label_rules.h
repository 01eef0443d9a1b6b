/*
 * The table of declared labels, read from the store in one go. Made in a reader's thread, then the loop's. Used by label.c.
 */
#ifndef RECORDS_LABEL_RULES_H
#define RECORDS_LABEL_RULES_H

#include "records/store.h"

struct label_rules;

struct label_rule {
    char *zone, *name;
    char *pattern;       /* "": none */
    char **values;       /* in order, so that they are found by halves */
    size_t n_values;
    char *text;          /* that the values point into */
};

/* Those that are enabled. -1 and *err; *out is then NULL. */
int label_rules_read(const struct store_conn *c, struct label_rules **out, struct cs_error *err);
void label_rules_free(struct label_rules *rules); /* NULL is allowed */

/* NULL: the zone does not declare it. */
const struct label_rule *label_rules_find(const struct label_rules *rules, const char *zone, const char *name);

bool label_rule_names(const struct label_rule *rule, const char *value); /* is it one of the values? */
bool label_rule_fits(const struct label_rule *rule, const char *value);  /* does it fit the pattern? */

#endif

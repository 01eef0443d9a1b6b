/*
 * The values that came in for patterns, of today and of the day beside it: how many each zone may still have. In memory only.
 * Used by label.c.
 */
#ifndef RECORDS_LABEL_VALUES_H
#define RECORDS_LABEL_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABEL_VALUES_MOST 1000 /* of a zone and a day */

struct label_values;
struct label_values *label_values_new(void); /* NULL: no memory */
void label_values_free(struct label_values *values); /* NULL is allowed */

/* True: the value came before on that day, or there was room for one more. A day that is over for long has no room. */
bool label_values_admit(struct label_values *values, int64_t day, const char *zone, const char *name, const char *value);

#endif

/*
 * Names as keys: labels in lower case, each with its length before it, from the root down, without the root's own. So a name's
 * key begins with the keys of all its ancestors, and sorted keys have a name's descendants right behind it.
 */
#ifndef DNS_BUILTIN_KEY_H
#define DNS_BUILTIN_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_MOST = 254 };

struct key {
    size_t len;
    uint8_t at[KEY_MOST];
};

/* `wire`: a name that dns_check_query(), dns_name_to_wire() or ldns has approved, with the root label. */
void key_from_wire(struct key *key, const uint8_t *wire);

/* Like memcmp(); an ancestor comes before its descendants. */
int key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* Is the first name equal to the second, or below it? */
bool key_is_in(const uint8_t *key, size_t len, const uint8_t *ancestor, size_t ancestor_len);

#endif

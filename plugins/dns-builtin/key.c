/*
 * Names as keys; see key.h. Used by zones.c, table.c and answer.c. Pure.
 */
#include "key.h"

#include <string.h>

void key_from_wire(struct key *key, const uint8_t *wire)
{
    size_t to = 0;

    for (const uint8_t *label = wire; *label; label += *label + 1)
        to += (size_t)*label + 1;
    key->len = to;
    for (const uint8_t *label = wire; *label; label += *label + 1) {
        to -= (size_t)*label + 1;
        key->at[to] = *label;
        for (size_t i = 1; i <= *label; i++)
            key->at[to + i] = label[i] >= 'A' && label[i] <= 'Z' ? (uint8_t)(label[i] + 32) : label[i];
    }
}

int key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

bool key_is_in(const uint8_t *key, size_t len, const uint8_t *ancestor, size_t ancestor_len)
{
    return len >= ancestor_len && memcmp(key, ancestor, ancestor_len) == 0;
}

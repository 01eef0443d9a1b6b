/*
 * From an entry and a key to a name; see key_name.h.
 */
#include "request/key_name.h"

#include <string.h>

#include "base/base64url.h"

#define MARK_LEN (sizeof KEY_NAME_MARK - 1)

bool key_name_is_entry(const char *entry)
{
    return strncmp(entry, KEY_NAME_MARK, MARK_LEN) == 0;
}

bool key_name_make(char out[NAME_MAX_LEN + 1], const char *entry, const uint8_t spki_sha256[32])
{
    const char *parent = entry + MARK_LEN - 1; /* with its dot */

    if (KEY_NAME_LABEL + strlen(parent) > NAME_MAX_LEN)
        return false;
    base32_encode(out, spki_sha256, 32);
    memcpy(out + KEY_NAME_LABEL, parent, strlen(parent) + 1);
    return true;
}

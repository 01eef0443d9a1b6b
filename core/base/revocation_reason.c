/*
 * The table of reasons; see revocation_reason.h.
 */
#include "base/revocation_reason.h"

#include <string.h>

static const struct {
    const char *word;
    int code;
} reasons[] = {
    { "unspecified", REVOCATION_UNSPECIFIED },
    { "keyCompromise", 1 },
    { "affiliationChanged", 3 },
    { "superseded", 4 },
    { "cessationOfOperation", 5 },
};

int revocation_reason_code(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strlen(reasons[i].word) == len && memcmp(reasons[i].word, word, len) == 0)
            return reasons[i].code;
    return -1;
}

const char *revocation_reason_word(int code)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].code == code)
            return reasons[i].word;
    return NULL;
}

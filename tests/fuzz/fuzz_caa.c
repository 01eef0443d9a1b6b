/*
 * Fuzzes the reading of CAA records: the input is a few of them, each behind a byte with its length; the first byte says who
 * asks. Whatever the bytes, the sentence for the operator is printable, and what forbids all CAs forbids each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/caa.h"

enum { MOST = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *why)
{
    const char *end = strstr(why, "…");

    for (const char *c = why; *c && c != end; c++)
        if (*c < ' ' || *c > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const identities[] = { "a.example", "b.example" };
    struct caa_ask ask = { .identities = identities, .account = "https://ca/1", .method = "dns-01" };
    struct caa_record records[MOST];
    enum caa_verdict known, unknown;
    char why[CAA_WHY];
    size_t n = 0;

    if (len < 1)
        return 0;
    ask.wildcard = data[0] & 1;
    ask.account = data[0] & 2 ? "" : ask.account;
    for (size_t at = 1; at < len && n < MOST; at += 1 + records[n++].len)
        records[n] = (struct caa_record){ data + at + 1, data[at] < len - at - 1 ? data[at] : len - at - 1 };
    unknown = caa_judge(records, n, &ask, why);
    check_text(why);
    ask.n_identities = 2;
    known = caa_judge(records, n, &ask, why);
    check_text(why);
    if (unknown == CAA_FORBIDS && known != CAA_FORBIDS)
        abort();
    return 0;
}

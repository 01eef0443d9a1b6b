/*
 * Fuzzes revocation_statement_read() with a body of POST /v1/revoke, and revocation_statement_prove() with what was read, by a
 * certificate that nobody has the key of. The clock is that of the corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "base/revocation_reason.h"
#include "request/revocation_statement.h"

#define NOW_MS INT64_C(1795273200000) /* 2026-11-21T15:00:00Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool it_holds)
{
    if (!it_holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct revocation_statement statement;
    struct cs_error err = { 0 };

    if (revocation_statement_read(&statement, data, len, NOW_MS, &err) < 0) {
        must(!statement.cms && err.code != CS_OK && err.reason[0]);
        return 0;
    }
    must(statement.cms && statement.serial[0] && strlen(statement.serial) <= REVOCATION_SERIAL_MOST);
    must(revocation_reason_word(statement.reason) != NULL);
    must(statement.time_ms >= NOW_MS - REVOCATION_CLOCK_MS && statement.time_ms <= NOW_MS + REVOCATION_CLOCK_MS);
    must(revocation_statement_prove(&statement, data, len, &err) < 0); /* a CMS message is no certificate */
    must(strcmp(err.reason, "revocation-proof") == 0);
    revocation_statement_free(&statement);
    return 0;
}

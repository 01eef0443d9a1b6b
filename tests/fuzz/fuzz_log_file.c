/* plugins/store-sqlite/log_file.c: whatever lies where a write-ahead log should be. */
#include <assert.h>

#include "../../plugins/store-sqlite/log_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t frame;
    const enum log_verdict verdict = log_file_judge(data, len, &frame);

    assert(verdict == LOG_WHOLE || verdict == LOG_BAD_HEADER || verdict == LOG_BAD_IN_MIDDLE);
    assert(verdict != LOG_BAD_IN_MIDDLE || frame * (24 + 512) < len);
    return 0;
}

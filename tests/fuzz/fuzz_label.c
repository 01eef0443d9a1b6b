/*
 * What the screening of label values must never miss: whatever stands around it, a mail address, an IP address, a UUID or six
 * digits are seen. The input is what stands around; its first byte says where it is split, and which of them comes between.
 */
#include <stdlib.h>
#include <string.h>

#include "records/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const personal[] = {
    "a@b", "\"192.0.2.1\"", " 2001:db8::1 ", "c0ffee00-dead-beef-cafe-0123456789ab", "123456", "x\xef\xbc\xa0y",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char value[600];
    size_t split, n, len = 0;
    const char *between;

    if (size < 2 || size > 300 || memchr(data, 0, size))
        return 0;
    between = personal[data[0] % (sizeof personal / sizeof *personal)];
    n = strlen(between);
    split = 2 + data[1] % (size - 1);
    memcpy(value, data + 2, split - 2);
    len = split - 2;
    memcpy(value + len, between, n);
    len += n;
    memcpy(value + len, data + split, size - split);
    value[len + size - split] = '\0';
    if (!label_looks_personal(value))
        abort();
    memcpy(value, data + 1, size - 1);
    value[size - 1] = '\0';
    label_looks_personal(value);
    return 0;
}

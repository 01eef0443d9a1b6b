/* base/elf.c: any file, as a shared object. The seed was made by
 * cc -shared -fPIC -Os -nostdlib -Wl,-z,noseparate-code,-z,norelro,--build-id=none of a table and a function. */
#include <string.h>

#include "base/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Looks at each byte of a name, so that one outside of the file is seen. */
static void look(void *arg, enum elf_kind kind, const char *name, bool weak)
{
    *(size_t *)arg += strlen(name) + (size_t)kind + weak;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_error err;
    size_t sum = 0;

    elf_read(data, size, look, &sum, &err);
    return 0;
}

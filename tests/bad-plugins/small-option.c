/* Its settings are smaller than those of ABI 1.0. */
#include "bad.h"

extern CS_EXPORT const struct cs_plugin cs_plugin;
CS_EXPORT const struct cs_plugin cs_plugin = {
    .abi_major = CS_ABI_MAJOR,
    .abi_minor = CS_ABI_MINOR,
    .size = sizeof(struct cs_plugin),
    .option_size = sizeof(struct cs_option) - 8,
    .name = "small-option",
    .version = "1.0",
    .summary = "is broken",
    .open = bad_open,
    .close = bad_close,
    .dns = &bad_dns,
};

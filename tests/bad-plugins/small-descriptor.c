/* Its descriptor ends before the functions. */
#include "bad.h"

extern CS_EXPORT const struct cs_plugin cs_plugin;
CS_EXPORT const struct cs_plugin cs_plugin = {
    .abi_major = CS_ABI_MAJOR,
    .abi_minor = CS_ABI_MINOR,
    .size = offsetof(struct cs_plugin, open),
    .option_size = sizeof(struct cs_option),
    .name = "small-descriptor",
    .version = "1.0",
    .summary = "is broken",
    .open = bad_open,
    .close = bad_close,
    .dns = &bad_dns,
};

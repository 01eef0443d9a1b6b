/*
 * May the key of a day be written into a folder? Only where it cannot reach a disk: the folder is in memory (tmpfs, ramfs), and
 * whatever swap there is, is encrypted or itself in memory. Called by visit_day.c.
 */
#ifndef RECORDS_DAY_KEY_PLACE_H
#define RECORDS_DAY_KEY_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* False: `why` says what stands against it, in words for an operator. */
bool day_key_place_is_safe(const char *folder, char *why, size_t room);

/* The part of it that looks at swap: `swaps` has the lines of /proc/swaps, `sys` is "/sys" but in tests. A swap counts as
 * encrypted when it, or everything that it lies on, is a dm-crypt device; as memory when it is a zram device without a disk
 * behind it. */
bool day_key_swaps_are_safe(const char *swaps, const char *sys, char *why, size_t room);

/* Does systemd decide what becomes of the folder when the service stops? `runtime_directory` is $RUNTIME_DIRECTORY, which a
 * unit with RuntimeDirectory= gets: absolute paths with colons between them, or NULL. With RuntimeDirectoryPreserve=restart it
 * removes the folder at a stop and leaves it alone at a restart, which is just what a key needs, and nobody else knows which it
 * is. */
bool day_key_place_is_kept(const char *folder, const char *runtime_directory);

#endif

/*
 * The manifest of a backup: what is in it, with the size and SHA-256 of each file, and when and by what it was made. Written by
 * backup.c as the last thing; restore.c believes nothing that it does not say.
 */
#ifndef COMMAND_BACKUP_MANIFEST_H
#define COMMAND_BACKUP_MANIFEST_H

#include <jansson.h>

#include <countersign/plugin.h>

#define BACKUP_STORE "store" /* folder of the store's files */
#define BACKUP_STATE "state" /* folder of instances' folders, and of `self` */

/* Reads the file `path` of the backup in `folder` and adds it to "files", with its `schema` when that is not 0. */
int manifest_add(json_t *manifest, const char *folder, const char *path, int64_t schema, struct cs_error *err);

/* Writes and syncs FOLDER/manifest.json. */
int manifest_write(const json_t *manifest, const char *folder, struct cs_error *err);

/* NULL and CS_EINPUT: there is none, it is not one, or of a form that this version does not know. Every path in it is known to
 * stay inside of the backup, below store/ or state/. */
json_t *manifest_read(const char *folder, struct cs_error *err);

/* Is each of its files there, as it was written, and nothing else? The first that is not, or that is too much, is named. */
int manifest_verify(const json_t *manifest, const char *folder, struct cs_error *err);

/* Is the file `path`, or what a link of that name leads to, of that entry ("files" of the manifest)? False also when it is not
 * there. */
bool manifest_is_same(const json_t *entry, const char *path);

/* NULL: it has no such file. */
const json_t *manifest_find(const json_t *manifest, const char *path);

/* Makes `to`, which is not there, of that entry's file in `folder`: 0600, synced, and compared with the entry by what was
 * copied, whatever was read before. Where it fails there is no `to`. */
int manifest_copy(const json_t *entry, const char *folder, const char *to, struct cs_error *err);

const char *manifest_text(const json_t *manifest, const char *key); /* "" when there is none */

#endif

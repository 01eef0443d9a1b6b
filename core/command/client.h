/*
 * What the files of `countersign client` share: client.c (list, show, remove) and client_edit.c (add, change, rotate).
 */
#ifndef COMMAND_CLIENT_H
#define COMMAND_CLIENT_H

#include "command/table.h"

/* Bytes that secret scanners find a token by; 32 random ones follow, in base64url. */
#define CLIENT_TOKEN_PREFIX "countersign_"
#define CLIENT_TOKEN_SIZE   (sizeof CLIENT_TOKEN_PREFIX + 43)

/* The verbs of client_edit.c; exit codes. */
int client_add(const struct command_line *line, int argc, char **argv);
int client_change(const struct command_line *line, int argc, char **argv);
int client_rotate(const struct command_line *line, int argc, char **argv);

extern const struct usage_option client_add_options[], client_change_options[], client_rotate_options[];

/* CS_ECONFIG for a store that knows no clients. */
int client_check_store(const struct store_conn *c, struct cs_error *err);

/* When something ends, as people say it: "90d" from now, "2027-01-31" (as that day begins), "2027-01-31T12:00:00Z", "never". */
int client_time_parse(const char *text, int64_t *ms, struct cs_error *err);
#define CLIENT_TIME_TEXT sizeof "2027-01-31T12:00:00Z"
void client_time_text(char out[CLIENT_TIME_TEXT], int64_t ms); /* "" for never */

#endif

/*
 * Asks the server that runs, over its control socket (http/control.h). Used by privacy*.c.
 */
#ifndef COMMAND_CONTROL_CLIENT_H
#define COMMAND_CONTROL_CLIENT_H

#include <countersign/plugin.h>
#include <jansson.h>

#define CONTROL_SOCKET "control.sock" /* in the runtime folder */

/* POST `question` (NULL: GET) to a path of the server with this runtime folder. Waits at most 330 s. *answer is a JSON object
 * and the caller's. CS_ENOTFOUND: no server listens there; CS_EDENIED: it is another user's; otherwise what the server said. */
int control_ask(const char *runtime, const char *path, const json_t *question, json_t **answer, struct cs_error *err);

#endif

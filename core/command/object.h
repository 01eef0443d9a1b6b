/*
 * What `countersign plugin check` sees in a plugin's file: names that it shows, names that it asks for, variables.
 */
#ifndef COMMAND_OBJECT_H
#define COMMAND_OBJECT_H

#include "command/verdict.h"

struct object;

/* Reads the file; none of its code runs. NULL: a verdict says why. */
struct object *object_read(const char *path, struct verdicts *verdicts);
/* Verdicts on what it shows, and on its variables. */
void object_judge(const struct object *object, struct verdicts *verdicts);
/* Once it is loaded, in a process of its own: has it linked what it uses, or is that there only because the server has? */
void object_judge_needs(const struct object *object, struct verdicts *verdicts);
void object_free(struct object *object); /* NULL is allowed */

#endif

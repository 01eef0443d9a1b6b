/*
 * What instance.c and instance_calls.c share: the end of all calls of an instance.
 */
#ifndef PLUGIN_INSTANCE_CALLS_H
#define PLUGIN_INSTANCE_CALLS_H

#include "plugin/instance.h"

/* Cancel every op of the instance that is out, with CS_SHUTDOWN. Their `done` runs later. */
void instance_cancel_calls(struct instance *instance);

#endif

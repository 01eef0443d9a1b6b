/*
 * SIGHUP: tells an audit plugin to open its files anew, in the thread that appends. Called by sink.c and visit_sink.c.
 */
#ifndef RECORDS_SINK_REOPEN_H
#define RECORDS_SINK_REOPEN_H

#include "engine/workers.h"
#include "plugin/instance.h"

/* The instance counts as used until it is done. */
void sink_reopening(struct loop *loop, struct workers *workers, struct instance *instance);

#endif

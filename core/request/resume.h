/*
 * After a start: the open jobs and challenge values of earlier runs. Called by heart.c alone.
 */
#ifndef REQUEST_RESUME_H
#define REQUEST_RESUME_H

#include "request/heart.h"

/* Reads them, revives what can go on, writes down what cannot as failed; then `done`, on the loop, once. */
void resume_all(struct heart *heart, cs_done_fn *done, void *arg);

#endif

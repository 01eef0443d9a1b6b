/*
 * The kind of program that a request comes from: one of a few static words. What the client calls itself in full is never kept.
 * Called by arrival.c. Pure.
 */
#ifndef HTTP_USER_AGENT_H
#define HTTP_USER_AGENT_H

#include "http/message.h"

/* "countersign", "curl", "wget", "python", "java", "go", "powershell", "browser", "other", or "none" without a User-Agent. */
const char *user_agent_class(const struct message *m);

#endif

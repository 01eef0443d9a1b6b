/* What the files of the fake core share: host.c, host_event.c (the clock), host_http.c, host_record.c. */
#ifndef FAKES_HOST_EVENT_H
#define FAKES_HOST_EVENT_H

#include "host.h"

/* The test itself or the plugin does what must not be: says so and aborts. */
void host_misuse(const char *format, ...) CS_PRINTF(1, 2) __attribute__((noreturn));

void host_event_begin(void);
const char *host_event_end(void); /* NULL, or what was left */
/* Call `fn` in `ms`; `owner` may drop it. */
void *host_event(void *owner, int64_t ms, cs_timer_fn *fn, void *arg);
void host_event_drop(void *owner);
bool host_event_running(void); /* inside a callback, that is on the loop */

void host_must_be_open(const struct cs_op *op, const char *what);

void host_record_begin(void);
void host_record_end(void);
void host_http_begin(void);
const char *host_http_end(void);

#endif

/*
 * Outgoing HTTP: one curl multi on the loop. Behind cs_http_send(); see <countersign/http.h>.
 */
#ifndef ENGINE_HTTP_CLIENT_H
#define ENGINE_HTTP_CLIENT_H

#include <countersign/http.h>

#include "engine/loop.h"

struct http_client;
/* curl_global_init() was called. `user_agent` is copied. At most `most` transfers at a time, the others wait their turn. */
struct http_client *http_client_new(struct loop *loop, const char *user_agent, size_t most, struct cs_error *err);
/* Ends all transfers: their callbacks run with CS_ESHUTDOWN. */
void http_client_free(struct http_client *client);

/* The rule for every URL of a CA or an API (DESIGN: https, or http to a loopback address, or `insecure`). -1 and CS_ECONFIG. */
int http_url_check(const char *url, bool insecure, struct cs_error *err);

#endif

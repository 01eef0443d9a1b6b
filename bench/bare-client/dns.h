/*
 * A DNS server that knows TXT values and nothing else: the bare client's way to prove a name. For order.c and main.c.
 */
#ifndef BARE_CLIENT_DNS_H
#define BARE_CLIENT_DNS_H

#include <stdint.h>

struct dns;

/* UDP on 127.0.0.1 in a thread of its own, for as long as the process lives. NULL and errno: it cannot be opened. */
struct dns *dns_open(uint16_t port);

/* `value` is what `slot` (one for each client) serves at `owner`, and nothing else; from any thread. */
void dns_set(struct dns *dns, unsigned slot, const char *owner, const char *value);

#endif

/*
 * Addresses as they stand in the configuration, to and fro. Used by engine/sockets.c, command/ and plugins with servers to ask.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <sys/socket.h>

#include <countersign/plugin.h>

/* "0.0.0.0:53", "[::1]:53", "127.0.0.1" (with default_port), "unix:/path". -1 and CS_ECONFIG. */
int address_parse(const char *text, uint16_t default_port, struct sockaddr_storage *out, socklen_t *out_len,
                  struct cs_error *err);
/* The same back, for the log. `out` has 128 bytes. */
void address_text(char out[128], const struct sockaddr *address, socklen_t len);

#endif

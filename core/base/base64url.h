/*
 * Base 64, base 32 and hexadecimal (RFC 4648): strict decoding (no white space, right padding or none, zero trailing bits) and
 * encoding. Used by the PEM scanner, by ca-acme, by API keys and by all who read or print a hash. Ours, because OpenSSL's
 * decoder accepts too much and pads with NUL.
 */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include <countersign/plugin.h>

#define BASE64_ENCODED_MAX(len) (((len) + 2) / 3 * 4 + 1) /* with the NUL */
#define BASE64_DECODED_MAX(len) (((len) + 3) / 4 * 3)

/* base64url without padding (RFC 7515 2). `out` has BASE64_ENCODED_MAX(len) bytes. Returns the length without the NUL. */
size_t base64url_encode(char *out, const void *data, size_t len);
/* Returns 0 and *out_len, or -1. `out` has BASE64_DECODED_MAX(len) bytes. */
int base64url_decode(uint8_t *out, size_t *out_len, const char *text, size_t len);

/* The standard alphabet with padding (RFC 4648 4). */
size_t base64_encode(char *out, const void *data, size_t len);
int base64_decode(uint8_t *out, size_t *out_len, const char *text, size_t len);

/* Lower-case base32 without padding (RFC 4648 6): 16 bytes make 26 characters. `out` has (len * 8 + 4) / 5 + 1 bytes. */
size_t base32_encode(char *out, const void *data, size_t len);

/* Lower-case hexadecimal; `out` has 2 * len + 1 bytes. */
void hex_encode(char *out, const void *data, size_t len);
/* Either case. False unless `text` is 2 * out_len digits, and nothing else; `out` is then not to be used. */
bool hex_decode(uint8_t *out, size_t out_len, const char *text, size_t len);
/* The value of a digit of either case; -1: it is none. */
int hex_digit(char c);

#endif

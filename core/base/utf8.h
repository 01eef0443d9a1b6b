/*
 * UTF-8 as RFC 3629 has it. Used by http/ for what clients send, and by records/ for labels. Pure.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the character at the front of `available` bytes, *code set; 0: none is there, or it is not UTF-8
 * (overlong, surrogate, cut, over U+10FFFF). */
size_t utf8_read(const char *at, size_t available, uint32_t *code);

#endif

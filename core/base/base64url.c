/*
 * Base 64, base 32 and hexadecimal; see base64url.h. Used by base/pem.c, ca-acme, the API and everything that prints a hash.
 */
#include "base/base64url.h"

static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char standard_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(char *out, const uint8_t *in, size_t len, const char *alphabet, bool padded)
{
    char *at = out;

    for (; len >= 3; in += 3, len -= 3) {
        *at++ = alphabet[in[0] >> 2];
        *at++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        *at++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        *at++ = alphabet[in[2] & 63];
    }
    if (len) {
        uint8_t second = len > 1 ? in[1] : 0;

        *at++ = alphabet[in[0] >> 2];
        *at++ = alphabet[(in[0] & 3) << 4 | second >> 4];
        if (len > 1)
            *at++ = alphabet[(second & 15) << 2];
        for (size_t i = len; padded && i < 3; i++)
            *at++ = '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}

static int value_of(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == alphabet[62])
        return 62;
    return c == alphabet[63] ? 63 : -1;
}

/* The length without padding; -1 when there is padding that does not fill the last group exactly, or a lone character. */
static int strip_padding(const char *text, size_t *len)
{
    size_t n = *len;

    while (n && *len - n < 2 && text[n - 1] == '=')
        n--;
    if ((n != *len && *len % 4 != 0) || n % 4 == 1)
        return -1;
    *len = n;
    return 0;
}

static int decode(uint8_t *out, size_t *out_len, const char *text, size_t len, const char *alphabet)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    if (strip_padding(text, &len) != 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i], alphabet);

        if (value < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    if (bits & ((1u << n_bits) - 1))
        return -1;
    *out_len = n;
    return 0;
}

size_t base64url_encode(char *out, const void *data, size_t len)
{
    return encode(out, data, len, url_alphabet, false);
}

int base64url_decode(uint8_t *out, size_t *out_len, const char *text, size_t len)
{
    return decode(out, out_len, text, len, url_alphabet);
}

size_t base64_encode(char *out, const void *data, size_t len)
{
    return encode(out, data, len, standard_alphabet, true);
}

int base64_decode(uint8_t *out, size_t *out_len, const char *text, size_t len)
{
    return decode(out, out_len, text, len, standard_alphabet);
}

size_t base32_encode(char *out, const void *data, size_t len)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    const uint8_t *in = data;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | in[i]) & 0xffff;
        for (n_bits += 8; n_bits >= 5; n_bits -= 5)
            out[n++] = alphabet[bits >> (n_bits - 5) & 31];
    }
    if (n_bits)
        out[n++] = alphabet[bits << (5 - n_bits) & 31];
    out[n] = '\0';
    return n;
}

void hex_encode(char *out, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(uint8_t *out, size_t out_len, const char *text, size_t len)
{
    if (len != 2 * out_len)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

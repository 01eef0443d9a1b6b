/*
 * HMAC over libcrypto's SHA-256, with every place that held the key, or anything from which it follows, in our hands:
 * libcrypto's own HMAC keeps a copy of the key in its heap. The digest's context is cleansed when it is freed; what the
 * compression function left on the stack is overwritten.
 */
#include "records/pseudonym.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum { BLOCK_LEN = 64, TAG_SOURCE = 1, STACK_DEPTH = 8 * 1024 };

/* Called from where the digest was called, so that its frame lies where the digest's frames were. */
__attribute__((noinline)) static void cleanse_stack_below(void)
{
    unsigned char stack[STACK_DEPTH];

    OPENSSL_cleanse(stack, sizeof stack);
}

/* SHA-256 of (key padded with zeros, each byte xor `pad`) || data. */
__attribute__((noinline)) static int digest_padded(const uint8_t *key, size_t key_len, uint8_t pad, const void *data,
                                                   size_t len, uint8_t out[PSEUDONYM_MAC_LEN])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t block[BLOCK_LEN] = { 0 };
    int ok;

    memcpy(block, key, key_len);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= pad;
    ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(md, block, sizeof block) == 1 &&
         EVP_DigestUpdate(md, data, len) == 1 && EVP_DigestFinal_ex(md, out, NULL) == 1;
    EVP_MD_CTX_free(md);
    OPENSSL_cleanse(block, sizeof block);
    return ok ? 0 : -1;
}

int pseudonym_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[PSEUDONYM_MAC_LEN])
{
    uint8_t inner[PSEUDONYM_MAC_LEN] = { 0 };
    int rc;

    assert(key_len <= PSEUDONYM_KEY_MOST);
    rc = digest_padded(key, key_len, 0x36, data, len, inner);
    if (rc == 0)
        rc = digest_padded(key, key_len, 0x5c, inner, sizeof inner, out);
    cleanse_stack_below();
    OPENSSL_cleanse(inner, sizeof inner);
    return rc;
}

static void put_big_endian(uint8_t *at, uint64_t number)
{
    for (int i = 7; i >= 0; i--) {
        at[i] = (uint8_t)number;
        number >>= 8;
    }
}

int pseudonym_of(const uint8_t key[PSEUDONYM_KEY_LEN], uint64_t zone_id, const struct source *source, uint64_t *out)
{
    uint8_t message[1 + 8 + 1 + sizeof source->address], mac[PSEUDONYM_MAC_LEN];
    int rc;

    assert(source->family == SOURCE_IPV4 || source->family == SOURCE_IPV6);
    message[0] = TAG_SOURCE;
    put_big_endian(message + 1, zone_id);
    message[9] = source->family;
    memcpy(message + 10, source->address, sizeof source->address);
    rc = pseudonym_hmac(key, PSEUDONYM_KEY_LEN, message, sizeof message, mac);
    *out = 0;
    for (int i = 0; rc == 0 && i < 8; i++)
        *out = *out << 8 | mac[i];
    OPENSSL_cleanse(message, sizeof message);
    OPENSSL_cleanse(mac, sizeof mac);
    return rc;
}

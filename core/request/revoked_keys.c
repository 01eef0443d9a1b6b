/*
 * A sorted array of hashes, searched by halves; see revoked_keys.h. Few are ever added, and many are looked for.
 */
#include "request/revoked_keys.h"

#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 32
#define FIRST_ROOM 64

struct revoked_keys {
    uint8_t (*hashes)[HASH_BYTES];
    size_t n, room;
};

struct revoked_keys *revoked_keys_new(void)
{
    return calloc(1, sizeof(struct revoked_keys));
}

void revoked_keys_free(struct revoked_keys *keys)
{
    if (!keys)
        return;
    free(keys->hashes);
    free(keys);
}

/* Where it is, or where it would have to be. */
static size_t place_of(const struct revoked_keys *keys, const uint8_t hash[HASH_BYTES])
{
    size_t low = 0, high = keys->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (memcmp(keys->hashes[middle], hash, HASH_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct revoked_keys *keys, size_t place, const uint8_t hash[HASH_BYTES])
{
    return place < keys->n && memcmp(keys->hashes[place], hash, HASH_BYTES) == 0;
}

int revoked_keys_add(struct revoked_keys *keys, const uint8_t spki_sha256[32])
{
    const size_t place = place_of(keys, spki_sha256);

    if (is_at(keys, place, spki_sha256))
        return 0;
    if (keys->n == keys->room) {
        const size_t room = keys->room ? 2 * keys->room : FIRST_ROOM;
        void *more = realloc(keys->hashes, room * sizeof *keys->hashes);

        if (!more)
            return -1;
        keys->hashes = more;
        keys->room = room;
    }
    memmove(keys->hashes + place + 1, keys->hashes + place, (keys->n - place) * sizeof *keys->hashes);
    memcpy(keys->hashes[place], spki_sha256, HASH_BYTES);
    keys->n++;
    return 0;
}

bool revoked_keys_have(const struct revoked_keys *keys, const uint8_t spki_sha256[32])
{
    return is_at(keys, place_of(keys, spki_sha256), spki_sha256);
}

size_t revoked_keys_count(const struct revoked_keys *keys)
{
    return keys->n;
}

int revoked_keys_check(const struct revoked_keys *keys, const uint8_t spki_sha256[32], struct cs_error *err)
{
    if (!revoked_keys_have(keys, spki_sha256))
        return 0;
    return cs_fail_as(err, CS_EINPUT, "revoked-key",
                      "a certificate with this key was revoked through this server, which takes the key no more: make a new "
                      "one with openssl genpkey");
}

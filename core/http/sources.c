/*
 * The table of sources; see sources.h.
 *
 * Entries lie in one array and hang in chains by hash. The hash is SipHash with a key of this run: nobody outside can tell
 * which sources share a chain, or find an address for a tag by trying. A full table looks at some entries, one after another
 * round the array, and forgets the one whose buckets would be full first: what it had used up is given back, and that is the
 * least of them. So to be forgotten with an empty bucket, all that stand around must have one, too.
 */
#include "http/sources.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define LOOKED_AT 16 /* when the table is full */
#define NONE      UINT32_MAX

struct sources {
    EVP_MAC_CTX *mac;
    struct source_entry *entries;
    uint32_t *heads;      /* of the chains */
    uint32_t most, mask;  /* entries; chains less one, a power of two */
    uint32_t touched;     /* entries behind this one were never used: their memory does not exist yet */
    uint32_t free;        /* first of the chain of forgotten ones */
    uint32_t hand, swept; /* where to look next, for one to be forgotten early and for those whose time is over */
    size_t n;
    int64_t evicted;
};

static int start_mac(struct sources *s)
{
    unsigned char key[16];
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    size_t size = sizeof((struct source_entry *)NULL)->tag;
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end() };
    int ok = 0;

    s->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    if (s->mac && RAND_bytes(key, sizeof key) == 1)
        ok = EVP_MAC_init(s->mac, key, sizeof key, params);
    OPENSSL_cleanse(key, sizeof key);
    EVP_MAC_free(mac);
    return ok ? 0 : -1;
}

struct sources *sources_new(size_t most, struct cs_error *err)
{
    struct sources *s = calloc(1, sizeof *s);
    uint32_t chains = 1;

    assert(most > 0 && most < NONE / 2);
    while (chains < most)
        chains *= 2;
    if (s) {
        s->most = (uint32_t)most;
        s->mask = chains - 1;
        s->free = NONE;
        s->entries = calloc(most, sizeof *s->entries);
        s->heads = malloc(chains * sizeof *s->heads);
    }
    if (!s || !s->entries || !s->heads || start_mac(s) < 0) {
        sources_free(s);
        cs_fail(err, CS_EBUSY, "cannot make the table of sources: no memory, or OpenSSL has no SipHash");
        return NULL;
    }
    memset(s->heads, 0xff, chains * sizeof *s->heads);
    return s;
}

void sources_free(struct sources *s)
{
    if (!s)
        return;
    EVP_MAC_CTX_free(s->mac);
    free(s->entries);
    free(s->heads);
    free(s);
}

/* ---- The chains ---- */

static int tag_of(struct sources *s, const struct source *source, uint8_t tag[16])
{
    unsigned char bytes[1 + sizeof source->address];
    size_t len;

    bytes[0] = source->family;
    memcpy(bytes + 1, source->address, sizeof source->address);
    return EVP_MAC_init(s->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(s->mac, bytes, sizeof bytes) == 1 &&
                   EVP_MAC_final(s->mac, tag, &len, 16) == 1 && len == 16
               ? 0
               : -1;
}

static uint32_t *chain_of(struct sources *s, const uint8_t tag[16])
{
    uint32_t number;

    memcpy(&number, tag, sizeof number);
    return &s->heads[number & s->mask];
}

static void forget(struct sources *s, uint32_t place)
{
    struct source_entry *entry = &s->entries[place];
    uint32_t *at = chain_of(s, entry->tag);

    while (*at != place)
        at = &s->entries[*at].next;
    *at = entry->next;
    *entry = (struct source_entry){ .next = s->free };
    s->free = place;
    s->n--;
}

/* ---- Which one is forgotten ---- */

/* A place without a source has the empty tag, which no source has: one in 2^128. */
static bool is_taken(const struct source_entry *entry)
{
    static const uint8_t none[16];

    return memcmp(entry->tag, none, sizeof none) != 0;
}

static int64_t full_at(const struct source_entry *entry)
{
    int64_t latest = 0;

    for (int i = 0; i < SOURCE_BUCKETS; i++)
        if (entry->full_ns[i] > latest)
            latest = entry->full_ns[i];
    return latest;
}

static bool is_in_use(const struct source_entry *entry)
{
    uint32_t any = 0;

    for (int i = 0; i < SOURCE_USES; i++)
        any |= entry->used[i];
    return any != 0;
}

/* Those with something under way are passed over, at most all of them once. */
static bool evict(struct sources *s, int64_t now_ns)
{
    uint32_t best = NONE;

    for (uint32_t i = 0, looked_at = 0; i < s->most && looked_at < LOOKED_AT; i++) {
        const uint32_t place = s->hand;

        s->hand = place + 1 < s->most ? place + 1 : 0;
        if (is_in_use(&s->entries[place]))
            continue;
        looked_at++;
        if (best == NONE || full_at(&s->entries[place]) < full_at(&s->entries[best]))
            best = place;
    }
    if (best == NONE)
        return false;
    s->evicted += full_at(&s->entries[best]) > now_ns;
    forget(s, best);
    return true;
}

static uint32_t take_place(struct sources *s, int64_t now_ns)
{
    uint32_t place;

    if (s->free == NONE && s->touched < s->most)
        return s->touched++;
    if (s->free == NONE && !evict(s, now_ns))
        return NONE;
    place = s->free;
    s->free = s->entries[place].next;
    return place;
}

struct source_entry *sources_get(struct sources *s, const struct source *source, int64_t now_ns)
{
    uint8_t tag[16];
    uint32_t *chain, place;

    if (tag_of(s, source, tag) < 0)
        return NULL;
    chain = chain_of(s, tag);
    for (place = *chain; place != NONE; place = s->entries[place].next)
        if (memcmp(s->entries[place].tag, tag, sizeof tag) == 0)
            return &s->entries[place];
    place = take_place(s, now_ns);
    if (place == NONE)
        return NULL;
    s->entries[place] = (struct source_entry){ .next = *chain };
    memcpy(s->entries[place].tag, tag, sizeof tag);
    *chain = place;
    s->n++;
    return &s->entries[place];
}

void sources_sweep(struct sources *s, size_t n, int64_t now_ns)
{
    for (size_t i = 0; i < n && i < s->touched; i++) {
        const uint32_t place = s->swept < s->touched ? s->swept : 0;
        const struct source_entry *entry = &s->entries[place];

        s->swept = place + 1;
        if (is_taken(entry) && !is_in_use(entry) && full_at(entry) <= now_ns)
            forget(s, place);
    }
}

size_t sources_count(const struct sources *s)
{
    return s->n;
}

size_t sources_room(const struct sources *s)
{
    return s->most;
}

int64_t sources_evicted(const struct sources *s)
{
    return s->evicted;
}

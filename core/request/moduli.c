/*
 * RSA moduli and the primes that they share; see moduli.h.
 */
#include "request/moduli.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#define FIRST_ROOM 64

struct modulus {
    BIGNUM *n;
    char owner[MODULI_OWNER_SIZE];
    size_t holders; /* orders under way */
    bool is_kept;
    uint64_t seen; /* with is_kept: in which look last */
    bool was_told;
};

struct moduli {
    void *by_number;
    struct modulus **all; /* the oldest first */
    size_t n, room, bits, most_bits;
    BN_CTX *ctx;
};

struct moduli *moduli_new(size_t most_bits)
{
    struct moduli *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->most_bits = most_bits;
    m->ctx = BN_CTX_new();
    if (m->ctx)
        return m;
    free(m);
    return NULL;
}

/* ---- Which ones there are ---- */

static int compare(const void *a, const void *b)
{
    return BN_cmp(((const struct modulus *)a)->n, ((const struct modulus *)b)->n);
}

static struct modulus *find(const struct moduli *m, BIGNUM *n)
{
    const struct modulus probe = { .n = n };
    struct modulus **found = tfind(&probe, &m->by_number, compare);

    return found ? *found : NULL;
}

static struct modulus *find_bytes(const struct moduli *m, const uint8_t *bytes, size_t len)
{
    BIGNUM *n = BN_bin2bn(bytes, (int)len, NULL);
    struct modulus *found = n ? find(m, n) : NULL;

    BN_free(n);
    return found;
}

static void free_modulus(struct modulus *one)
{
    BN_free(one->n);
    free(one);
}

static void take_out(struct moduli *m, size_t at)
{
    struct modulus *one = m->all[at];

    tdelete(one, &m->by_number, compare);
    m->bits -= (size_t)BN_num_bits(one->n);
    memmove(m->all + at, m->all + at + 1, (--m->n - at) * sizeof(*m->all));
    free_modulus(one);
}

static size_t place_of(const struct moduli *m, const struct modulus *one)
{
    size_t at = 0;

    while (m->all[at] != one)
        at++;
    return at;
}

static bool has_room(struct moduli *m)
{
    const size_t room = m->room ? 2 * m->room : FIRST_ROOM;
    struct modulus **more;

    if (m->n < m->room)
        return true;
    more = realloc(m->all, room * sizeof(*more));
    if (!more)
        return false;
    m->all = more;
    m->room = room;
    return true;
}

static struct modulus *add(struct moduli *m, const uint8_t *bytes, size_t len)
{
    struct modulus *one = calloc(1, sizeof *one);

    if (one)
        one->n = BN_bin2bn(bytes, (int)len, NULL);
    if (!one || !one->n || !has_room(m) || !tsearch(one, &m->by_number, compare)) {
        if (one)
            free_modulus(one);
        return NULL;
    }
    m->all[m->n++] = one;
    m->bits += (size_t)BN_num_bits(one->n);
    while (m->bits > m->most_bits && m->n > 1)
        take_out(m, 0);
    return one;
}

static struct modulus *find_or_add(struct moduli *m, const uint8_t *bytes, size_t len)
{
    struct modulus *one = find_bytes(m, bytes, len);

    return one ? one : add(m, bytes, len);
}

static void name_owner(struct modulus *one, const char *owner)
{
    memset(one->owner, 0, sizeof one->owner);
    memcpy(one->owner, owner, strnlen(owner, sizeof one->owner - 1));
}

/* ---- Who needs them ---- */

int moduli_hold(struct moduli *m, const uint8_t *modulus, size_t len, const char *owner)
{
    struct modulus *one = find_or_add(m, modulus, len);

    if (!one)
        return -1;
    if (!one->is_kept)
        name_owner(one, owner);
    one->holders++;
    return 0;
}

void moduli_release(struct moduli *m, const uint8_t *modulus, size_t len)
{
    struct modulus *one = find_bytes(m, modulus, len);

    if (!one)
        return;
    one->holders -= one->holders > 0;
    if (!one->holders && !one->is_kept)
        take_out(m, place_of(m, one));
}

int moduli_keep(struct moduli *m, const uint8_t *modulus, size_t len, const char *owner, uint64_t seen)
{
    struct modulus *one = find_or_add(m, modulus, len);

    if (!one)
        return -1;
    name_owner(one, owner);
    one->is_kept = true;
    one->seen = seen;
    return 0;
}

void moduli_forget(struct moduli *m, uint64_t seen)
{
    for (size_t i = m->n; i-- > 0;) {
        struct modulus *one = m->all[i];

        if (!one->is_kept || one->seen >= seen)
            continue;
        one->is_kept = false;
        if (!one->holders)
            take_out(m, i);
    }
}

/* ---- What is shared ---- */

/* What is looked for, and numbers to work with. A factor that has no divisor in common with n changes nothing of the answer: so
 * each multiplication may leave the one of Montgomery's form behind. Its results are below n when one factor is, and below a
 * power of two of as many words when what is reduced has twice as many: that is all that is needed here. */
struct question {
    BIGNUM *n, *all, *pack, *fit;
    BN_MONT_CTX *mont;
    const struct modulus *same; /* n, if it is known; it is left out */
};

/* q->all times q->pack, which is 1 then. Fast for a factor of as many words as n. */
static bool take_pack(struct moduli *m, struct question *q)
{
    const int bits = BN_num_bits(q->n), pack_bits = BN_num_bits(q->pack);
    const BIGNUM *factor = q->pack;
    bool ok = true;

    if (BN_is_one(q->pack))
        return true;
    if (pack_bits > bits) {
        ok = BN_from_montgomery(q->fit, q->pack, q->mont, m->ctx);
        factor = q->fit;
    } else if (pack_bits <= bits - BN_BITS2) {
        ok = BN_add(q->fit, q->pack, q->n);
        factor = q->fit;
    }
    return ok && BN_mod_mul_montgomery(q->all, q->all, factor, q->mont, m->ctx) && BN_one(q->pack);
}

/* Short ones share a pack. */
static bool take_along(struct moduli *m, struct question *q, const BIGNUM *number)
{
    if (BN_num_bits(q->pack) + BN_num_bits(number) > BN_num_bits(q->n) && !take_pack(m, q))
        return false;
    return BN_is_one(q->pack) ? BN_copy(q->pack, number) != NULL : BN_mul(q->pack, q->pack, number, m->ctx);
}

/* Has q->all a divisor in common with n? Then it has no inverse. OpenSSL's own greatest common divisor takes the same time for
 * all numbers, a long one. 1, 0, or -1 for no memory. */
static int has_divisor(struct moduli *m, struct question *q)
{
    bool is_prime_to_it;
    unsigned long why;

    ERR_set_mark();
    is_prime_to_it = BN_mod_inverse(q->fit, q->all, q->n, m->ctx) != NULL;
    why = ERR_peek_last_error();
    ERR_pop_to_mark();
    if (is_prime_to_it)
        return 0;
    return ERR_GET_LIB(why) == ERR_LIB_BN && ERR_GET_REASON(why) == BN_R_NO_INVERSE ? 1 : -1;
}

/* Is a prime shared with one of those from `first` on, up to `end`? 1, 0, or -1 for no memory. */
static int shares_with_any(struct moduli *m, struct question *q, size_t first, size_t end)
{
    bool ok = BN_one(q->all) && BN_one(q->pack);

    for (size_t i = first; ok && i < end; i++)
        ok = m->all[i] == q->same || take_along(m, q, m->all[i]->n);
    return ok && take_pack(m, q) ? has_divisor(m, q) : -1;
}

/* By halves: once more as long as to learn that there is one. */
static int find_which(struct moduli *m, struct question *q, struct modulus **found)
{
    size_t first = 0, end = m->n;

    while (end - first > 1) {
        const size_t middle = first + (end - first) / 2;
        const int shares = shares_with_any(m, q, first, middle);

        if (shares < 0)
            return -1;
        if (shares)
            end = middle;
        else
            first = middle;
    }
    *found = m->all[first];
    return 1;
}

static int look(struct moduli *m, struct question *q, const uint8_t *modulus, size_t len, struct modulus **found)
{
    int shares;

    if (!q->mont || !q->fit || !BN_bin2bn(modulus, (int)len, q->n) || !BN_MONT_CTX_set(q->mont, q->n, m->ctx))
        return -1;
    q->same = find(m, q->n);
    shares = shares_with_any(m, q, 0, m->n);
    return shares > 0 ? find_which(m, q, found) : shares;
}

int moduli_find_shared(struct moduli *m, const uint8_t *modulus, size_t len, struct moduli_other *out)
{
    struct question q = { .mont = BN_MONT_CTX_new() };
    struct modulus *found = NULL;
    int shares;

    BN_CTX_start(m->ctx);
    q.n = BN_CTX_get(m->ctx);
    q.all = BN_CTX_get(m->ctx);
    q.pack = BN_CTX_get(m->ctx);
    q.fit = BN_CTX_get(m->ctx);
    shares = look(m, &q, modulus, len, &found);
    BN_CTX_end(m->ctx);
    BN_MONT_CTX_free(q.mont);
    if (shares > 0) {
        *out = (struct moduli_other){ .is_kept = found->is_kept, .is_news = !found->was_told };
        memcpy(out->owner, found->owner, sizeof out->owner);
        found->was_told = true;
    }
    return shares;
}

/* ---- All of them ---- */

size_t moduli_count(const struct moduli *m)
{
    return m->n;
}

size_t moduli_bits(const struct moduli *m)
{
    return m->bits;
}

static void keep_node(void *node)
{
    (void)node; /* the list has it, too */
}

void moduli_free(struct moduli *m)
{
    if (!m)
        return;
    tdestroy(m->by_number, keep_node);
    for (size_t i = 0; i < m->n; i++)
        free_modulus(m->all[i]);
    free(m->all);
    BN_CTX_free(m->ctx);
    free(m);
}

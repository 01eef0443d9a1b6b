/*
 * Is a secret anywhere in this process's memory? The secret that is looked for is kept masked, so that the search does not find
 * itself; so are its halves, the same xor 0x36 and 0x5c (HMAC's blocks), and all of these with the bytes of each 32-bit word
 * turned round, as SHA-256 loads them.
 */
#ifndef MEMORY_SEARCH_H
#define MEMORY_SEARCH_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NEEDLE_LEN = 32, HALF_LEN = 16, NEEDLE_MASK = 0xa5 };

/* Looking at each byte in turn has nothing for the sanitizers to find, and costs them minutes. */
#define UNSANITIZED __attribute__((no_sanitize("address", "thread", "undefined")))

struct needle {
    unsigned char masked[NEEDLE_LEN];
};

static inline void needle_take(struct needle *needle, const volatile unsigned char *secret)
{
    for (int i = 0; i < NEEDLE_LEN; i++)
        needle->masked[i] = (unsigned char)(secret[i] ^ NEEDLE_MASK);
}

UNSANITIZED static inline bool is_half(const unsigned char *at, const struct needle *needle, int half, unsigned char pad,
                                       int turn)
{
    const unsigned char mask = (unsigned char)(NEEDLE_MASK ^ pad);

    for (int i = 0; i < HALF_LEN; i++)
        if ((unsigned char)(at[i ^ turn] ^ mask) != needle->masked[half * HALF_LEN + i])
            return false;
    return true;
}

/* Which bytes a half may begin with, as it is and turned round: most places are passed over after a look at two bytes. */
struct beginnings {
    bool is[256];
};

static inline void note_beginnings(struct beginnings *b, const struct needle *needle)
{
    static const unsigned char pads[] = { 0, 0x36, 0x5c };

    memset(b, 0, sizeof *b);
    for (size_t p = 0; p < sizeof pads; p++)
        for (int half = 0; half < 2; half++) {
            const unsigned char byte = (unsigned char)(needle->masked[half * HALF_LEN] ^ NEEDLE_MASK ^ pads[p]);

            b->is[byte] = true;
        }
}

static inline size_t count_here(const unsigned char *at, const struct needle *needle)
{
    static const unsigned char pads[] = { 0, 0x36, 0x5c };
    size_t n = 0;

    for (size_t p = 0; p < sizeof pads; p++)
        for (int turn = 0; turn <= 3; turn += 3)
            for (int half = 0; half < 2; half++)
                n += is_half(at, needle, half, pads[p], turn);
    return n;
}

UNSANITIZED static inline size_t count_in(const unsigned char *at, size_t len, const struct needle *needle,
                                          const struct beginnings *b)
{
    size_t n = 0;

    for (size_t i = 0; i + HALF_LEN <= len; i++)
        if (b->is[at[i]] || b->is[at[i + 3]])
            n += count_here(at + i, needle);
    return n;
}

static inline size_t count_between(int mem, unsigned long from, unsigned long to, const struct needle *needle)
{
    static unsigned char chunk[64 * 1024]; /* empty whenever it is read itself */
    struct beginnings b;
    size_t found = 0;

    note_beginnings(&b, needle);
    while (from < to) {
        const size_t want = to - from < sizeof chunk ? to - from : sizeof chunk;
        const ssize_t n = pread(mem, chunk, want, (off_t)from);

        if (n <= 0)
            break;
        found += count_in(chunk, (size_t)n, needle, &b);
        explicit_bzero(chunk, sizeof chunk);
        from += (size_t)n > HALF_LEN && (size_t)n == sizeof chunk ? (size_t)n - HALF_LEN + 1 : (size_t)n;
    }
    return found;
}

/* How often it is found in memory that can be read. */
static inline size_t memory_search(const struct needle *needle)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    const int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    unsigned long from, to;
    char line[512], access[5];
    size_t found = 0;

    while (maps && mem >= 0 && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3 || access[0] != 'r' || strstr(line, "[v"))
            continue;
        if (to - from <= 64u << 20) /* more is a sanitizer's shadow */
            found += count_between(mem, from, to, needle);
    }
    if (maps)
        fclose(maps);
    if (mem >= 0)
        close(mem);
    return found;
}

#endif

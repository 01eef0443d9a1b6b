/*
 * Counts how often each of many byte strings stands in files: the search of tests/peers/test_privacy_canary.py.
 *
 *     find_bytes PATTERNS FILE…
 *
 * PATTERNS: one after another, each with its length in front, two bytes in the machine's order; 4 to 512 bytes long. Prints a
 * line "INDEX COUNT FILE" for each pattern that stands in a file, and at the end "searched BYTES". Each pattern is looked for
 * by four of its bytes, those that fewest of the others have; so a byte of a file costs one look at a bit map, hardly more.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST    4
#define MOST     512
#define HASH_BITS 22

struct bytes {
    const uint8_t *at;
    size_t len;
};

struct pattern {
    struct bytes is;
    size_t anchor; /* where those four bytes stand in it */
    uint64_t found;
    int64_t next; /* of the same hash; -1: none */
};

struct search {
    struct pattern *patterns;
    size_t n;
    int64_t *first;   /* by hash; -1: none */
    uint32_t *chains; /* by hash: how many patterns */
    uint8_t *may;     /* a bit for each hash that is there: this stays in the cache */
};

static void give_up(const char *what)
{
    fprintf(stderr, "find_bytes: %s: %s\n", what, strerror(errno));
    exit(2);
}

static struct bytes map(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct bytes file = { 0 };
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        give_up(path);
    file.len = (size_t)st.st_size;
    if (file.len) {
        void *at = mmap(NULL, file.len, PROT_READ, MAP_PRIVATE, fd, 0);

        if (at == MAP_FAILED)
            give_up(path);
        file.at = at;
    }
    close(fd);
    return file;
}

static void unmap(struct bytes file)
{
    if (file.len)
        munmap((void *)(uintptr_t)file.at, file.len);
}

static uint32_t hash_of(const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
    return (word * 2654435761U) >> (32 - HASH_BITS);
}

static size_t anchor_of(const struct search *search, struct bytes is)
{
    size_t best = 0;

    for (size_t i = 0; i + LEAST <= is.len; i++)
        if (search->chains[hash_of(is.at + i)] < search->chains[hash_of(is.at + best)])
            best = i;
    return best;
}

static void add(struct search *search, struct bytes is)
{
    struct pattern *more = realloc(search->patterns, (search->n + 1) * sizeof *more);
    size_t anchor = anchor_of(search, is);
    uint32_t hash = hash_of(is.at + anchor);

    if (!more)
        give_up("memory");
    search->patterns = more;
    more[search->n] = (struct pattern){ .is = is, .anchor = anchor, .next = search->first[hash] };
    search->first[hash] = (int64_t)search->n++;
    search->chains[hash]++;
    search->may[hash / 8] |= (uint8_t)(1U << hash % 8);
}

static void read_patterns(struct search *search, struct bytes file)
{
    const uint8_t *at = file.at, *end = file.at + file.len;
    uint16_t len;

    search->first = malloc(sizeof *search->first << HASH_BITS);
    search->chains = calloc(1U << HASH_BITS, sizeof *search->chains);
    search->may = calloc(1, 1U << (HASH_BITS - 3));
    if (!search->first || !search->chains || !search->may)
        give_up("memory");
    memset(search->first, 0xff, sizeof *search->first << HASH_BITS);
    while (end - at >= (ptrdiff_t)sizeof len) {
        memcpy(&len, at, sizeof len);
        at += sizeof len;
        if (len < LEAST || len > MOST || len > end - at) {
            errno = EINVAL;
            give_up("a pattern's length");
        }
        add(search, (struct bytes){ at, len });
        at += len;
    }
}

static void look_in(struct search *search, struct bytes file)
{
    for (size_t i = 0; i + LEAST <= file.len; i++) {
        uint32_t hash = hash_of(file.at + i);

        if (!(search->may[hash / 8] & 1U << hash % 8))
            continue;
        for (int64_t p = search->first[hash]; p >= 0; p = search->patterns[p].next) {
            struct pattern *pattern = &search->patterns[p];
            const size_t before = pattern->anchor, len = pattern->is.len;

            if (before <= i && len - before <= file.len - i && memcmp(pattern->is.at, file.at + i - before, len) == 0)
                pattern->found++;
        }
    }
}

static void tell(struct search *search, const char *path)
{
    for (size_t p = 0; p < search->n; p++) {
        if (search->patterns[p].found)
            printf("%zu %" PRIu64 " %s\n", p, search->patterns[p].found, path);
        search->patterns[p].found = 0;
    }
}

int main(int argc, char **argv)
{
    struct search search = { 0 };
    struct bytes patterns;
    uint64_t searched = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: find_bytes PATTERNS FILE...\n");
        return 2;
    }
    patterns = map(argv[1]);
    read_patterns(&search, patterns);
    for (int i = 2; i < argc; i++) {
        struct bytes file = map(argv[i]);

        look_in(&search, file);
        tell(&search, argv[i]);
        searched += file.len;
        unmap(file);
    }
    printf("searched %" PRIu64 "\n", searched);
    free(search.patterns);
    free(search.first);
    free(search.chains);
    free(search.may);
    unmap(patterns);
    return 0;
}

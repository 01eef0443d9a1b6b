/*
 * Tries to undo pseudonyms, as somebody would who has the files of a server: the attacks of tests/peers/test_privacy_key.py.
 *
 *     find_key sources PSEUDONYMS ZONE-ID PREFIX KEY       with the key: all addresses of an IPv4 /16
 *     find_key windows PSEUDONYMS ZONE-ID ADDRESS FILE…    without: each 32 bytes of the files as the key of one known address
 *
 * PSEUDONYMS: a file of them, 8 bytes each, big endian. ZONE-ID: 16 hexadecimal digits. PREFIX and ADDRESS: four bytes as 8
 * digits. KEY: 64 digits. Prints "tried N found M": how many keys or addresses were tried, how many pseudonyms they explain.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/pseudonym.h"

#define TABLE_BITS 18

struct known {
    uint64_t *table; /* open addressing; 0 is empty, and no pseudonym that is looked for */
    uint64_t zone_id, found, tried;
};

static void give_up(const char *what)
{
    fprintf(stderr, "find_key: %s\n", what);
    exit(2);
}

static size_t place_of(const struct known *known, uint64_t pseudonym)
{
    size_t at = pseudonym >> (64 - TABLE_BITS);

    while (known->table[at] && known->table[at] != pseudonym)
        at = (at + 1) % ((size_t)1 << TABLE_BITS);
    return at;
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = NULL;
    size_t n, size = 1 << 20;

    if (!file)
        give_up(path);
    *len = 0;
    do {
        bytes = realloc(bytes, *len + size);
        if (!bytes)
            give_up("no memory");
        n = fread(bytes + *len, 1, size, file);
        *len += n;
    } while (n);
    fclose(file);
    return bytes;
}

static void read_known(struct known *known, const char *path)
{
    size_t len;
    uint8_t *bytes = read_file(path, &len);

    known->table = calloc((size_t)1 << TABLE_BITS, sizeof *known->table);
    if (!known->table || len / 8 > (size_t)1 << (TABLE_BITS - 1))
        give_up("too many pseudonyms");
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t pseudonym = 0;

        for (size_t j = 0; j < 8; j++)
            pseudonym = pseudonym << 8 | bytes[i + j];
        known->table[place_of(known, pseudonym)] = pseudonym;
    }
    free(bytes);
}

static void read_hex(const char *text, uint8_t *out, size_t len)
{
    if (strlen(text) != 2 * len)
        give_up("a number has the wrong length");
    for (size_t i = 0; i < len; i++) {
        char digits[3] = { text[2 * i], text[2 * i + 1], '\0' }, *end;

        out[i] = (uint8_t)strtoul(digits, &end, 16);
        if (end != digits + 2)
            give_up("a number has an odd digit");
    }
}

static void try(struct known *known, const uint8_t *key, const struct source *source)
{
    uint64_t pseudonym;

    if (pseudonym_of(key, known->zone_id, source, &pseudonym) < 0)
        give_up("libcrypto failed");
    known->tried++;
    known->found += pseudonym && known->table[place_of(known, pseudonym)] == pseudonym;
}

static void try_sources(struct known *known, const char *prefix, const char *hex_key)
{
    struct source source = { .family = SOURCE_IPV4 };
    uint8_t key[PSEUDONYM_KEY_LEN];

    read_hex(prefix, source.address, 4);
    read_hex(hex_key, key, sizeof key);
    for (unsigned low = 0; low < 65536; low++) {
        source.address[2] = (uint8_t)(low >> 8);
        source.address[3] = (uint8_t)low;
        try(known, key, &source);
    }
}

static void try_windows(struct known *known, const char *address, const char *path)
{
    struct source source = { .family = SOURCE_IPV4 };
    size_t len;
    uint8_t *bytes = read_file(path, &len);

    read_hex(address, source.address, 4);
    for (size_t i = 0; i + PSEUDONYM_KEY_LEN <= len; i++)
        try(known, bytes + i, &source);
    free(bytes);
}

int main(int argc, char **argv)
{
    struct known known = { 0 };
    uint8_t zone_id[8];

    if (argc < 6)
        give_up("usage: find_key sources|windows PSEUDONYMS ZONE-ID PREFIX|ADDRESS KEY|FILE...");
    read_known(&known, argv[2]);
    read_hex(argv[3], zone_id, sizeof zone_id);
    for (size_t i = 0; i < sizeof zone_id; i++)
        known.zone_id = known.zone_id << 8 | zone_id[i];
    if (strcmp(argv[1], "sources") == 0)
        try_sources(&known, argv[4], argv[5]);
    else
        for (int i = 5; i < argc; i++)
            try_windows(&known, argv[4], argv[i]);
    printf("tried %" PRIu64 " found %" PRIu64 "\n", known.tried, known.found);
    free(known.table);
    return 0;
}

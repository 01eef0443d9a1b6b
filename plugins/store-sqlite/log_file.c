/* The judgement of a write-ahead log; see log_file.h. */
#include "log_file.h"

#include <string.h>

enum { HEADER = 32, FRAME_HEADER = 24, PAGE_LEAST = 512, PAGE_MOST = 65536 };

#define MAGIC   UINT32_C(0x377f0682) /* the lowest bit: checksums are of big-endian words */
#define VERSION UINT32_C(3007000)

struct sums {
    uint32_t a, b;
};

struct log {
    const uint8_t *data;
    size_t n, page; /* frames; bytes of a page */
    bool big_endian;
};

static uint32_t big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Section 4.2; `len` is a multiple of 8. */
static struct sums add(struct sums s, const uint8_t *p, size_t len, bool big_endian)
{
    for (const uint8_t *end = p + len; p < end; p += 8) {
        s.a += (big_endian ? big(p) : little(p)) + s.b;
        s.b += (big_endian ? big(p + 4) : little(p + 4)) + s.a;
    }
    return s;
}

static struct sums stored(const uint8_t *p)
{
    return (struct sums){ big(p), big(p + 4) };
}

static bool same(struct sums x, struct sums y)
{
    return x.a == y.a && x.b == y.b;
}

static bool read_header(struct log *log, size_t len)
{
    const uint8_t *h = log->data;
    const uint32_t page = big(h + 8);

    if ((big(h) & ~UINT32_C(1)) != MAGIC || big(h + 4) != VERSION)
        return false;
    if (page < PAGE_LEAST || page > PAGE_MOST || (page & (page - 1)))
        return false;
    log->big_endian = big(h) & 1;
    log->page = page;
    log->n = (len - HEADER) / (FRAME_HEADER + log->page);
    return same(add((struct sums){ 0 }, h, 24, log->big_endian), stored(h + 24));
}

static const uint8_t *frame_at(const struct log *log, size_t i)
{
    return log->data + HEADER + i * (FRAME_HEADER + log->page);
}

/* Of this turn of the log, not left from an earlier one. */
static bool is_of_now(const struct log *log, size_t i)
{
    return memcmp(frame_at(log, i) + 8, log->data + 16, 8) == 0;
}

static bool is_commit(const struct log *log, size_t i)
{
    return big(frame_at(log, i) + 4) != 0;
}

static struct sums sums_of(const struct log *log, size_t i)
{
    return i ? stored(frame_at(log, i - 1) + 16) : stored(log->data + 24);
}

/* Does it follow on the one before it, as that says of itself? */
static bool follows(const struct log *log, size_t i)
{
    const uint8_t *frame = frame_at(log, i);
    struct sums s = add(sums_of(log, i), frame, 8, log->big_endian);

    return is_of_now(log, i) && same(add(s, frame + FRAME_HEADER, log->page, log->big_endian), stored(frame + 16));
}

/* Commits that failed and were begun anew leave pieces, too, but each of them follows on no other: one commit in a row. */
static bool has_two_commits_in_a_row(const struct log *log, size_t from)
{
    size_t commits = 0;

    for (size_t i = from; i < log->n; i++) {
        if (i == from || !follows(log, i))
            commits = 0;
        if (is_of_now(log, i) && i > from && is_commit(log, i) && ++commits == 2)
            return true;
    }
    return false;
}

enum log_verdict log_file_judge(const uint8_t *data, size_t len, size_t *frame)
{
    static const uint8_t nothing[HEADER];
    struct log log = { .data = data };
    size_t i = 0;

    *frame = 0;
    if (len < HEADER || memcmp(data, nothing, HEADER) == 0)
        return LOG_WHOLE;
    if (!read_header(&log, len))
        return LOG_BAD_HEADER;
    while (i < log.n && follows(&log, i))
        i++;
    *frame = i;
    return i < log.n && has_two_commits_in_a_row(&log, i) ? LOG_BAD_IN_MIDDLE : LOG_WHOLE;
}

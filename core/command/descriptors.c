/*
 * What the server itself may have open at the same time, added up; see descriptors.h.
 */
#include "command/descriptors.h"

#include <inttypes.h>
#include <sys/resource.h>

enum {
    LOOP = 32,       /* epoll, alarms, locks, the log; key files and folders while they are read */
    STORE = 64,      /* two databases for a writer and two readers each, their logs, temporary files, the analysts' file */
    QUESTIONS = 128, /* to DNS servers, by UDP and TCP */
    ADMIN = 64 + 16, /* connections of the admin listener and of the control socket */
    INSTANCE = 32,   /* pipes to programs, connections of its own, files */
    DNS_SERVER = 256 /* TCP clients of a built-in DNS server */
};
enum { FEWEST_CLIENTS = 16 };

static int64_t own_need(const struct settings *settings)
{
    int64_t n = LOOP + STORE + QUESTIONS + ADMIN + DESCRIPTORS_TRANSFERS + (int64_t)settings->n_listen + 1;

    for (size_t i = 0; i < settings->n_blocks; i++) {
        const struct block_settings *block = &settings->blocks[i];

        n += INSTANCE + 2 * (int64_t)block->n_listen;
        if (block->role == ROLE_DNS && block->n_listen)
            n += DNS_SERVER;
    }
    return n;
}

int descriptors_share(const struct settings *settings, int64_t limit, int64_t *clients, struct cs_error *err)
{
    const int64_t need = own_need(settings), left = limit - need;

    if (left < FEWEST_CLIENTS)
        return cs_fail(err, CS_ECONFIG,
                       "only %" PRId64 " files may be open, but the server itself needs up to %" PRId64
                       ", and clients one each: allow %" PRId64 " or more (`LimitNOFILE=` of a systemd unit, `ulimit -Hn`)",
                       limit, need, need + FEWEST_CLIENTS);
    *clients = left < settings->max_connections ? left : settings->max_connections;
    return 0;
}

int64_t descriptors_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT64_MAX)
        return INT64_MAX;
    return (int64_t)limit.rlim_cur;
}

/*
 * Looks hosts up in glibc's background thread and waits for it; see lookup.h.
 */
#include "lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <countersign/plugin.h>

struct lookup {
    struct gaicb request;
    struct addrinfo hints;
    char host[256], port[8];
};

static int is_address(const char *host, const char *port, int type, struct addrinfo **found)
{
    const struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };

    return getaddrinfo(host, port, &hints, found) == 0;
}

static struct lookup *begin(const char *host, const char *port, int type)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);

    if (!lookup)
        return NULL;
    memcpy(lookup->host, host, strnlen(host, sizeof lookup->host - 1));
    memcpy(lookup->port, port, strnlen(port, sizeof lookup->port - 1));
    lookup->hints = (struct addrinfo){ .ai_socktype = type };
    lookup->request =
        (struct gaicb){ .ar_name = lookup->host, .ar_service = lookup->port, .ar_request = &lookup->hints };
    if (getaddrinfo_a(GAI_NOWAIT, (struct gaicb *[]){ &lookup->request }, 1, NULL) == 0)
        return lookup;
    free(lookup);
    return NULL;
}

/* What became of it; EAI_INPROGRESS after the deadline. */
static int wait_for(struct lookup *lookup, int64_t deadline_ms)
{
    const struct gaicb *const requests[] = { &lookup->request };

    for (;;) {
        const int64_t left_ms = deadline_ms - cs_now_ms();
        const struct timespec left = { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 };
        const int rc = gai_error(&lookup->request);

        if (rc != EAI_INPROGRESS || left_ms <= 0)
            return rc;
        gai_suspend(requests, 1, &left);
    }
}

int lookup_host(struct lookup **under_way, const char *host, const char *port, int type, int64_t deadline_ms,
                struct addrinfo **found, const char **why)
{
    int rc;

    if (is_address(host, port, type, found))
        return 0;
    if (!*under_way)
        *under_way = begin(host, port, type);
    rc = *under_way ? wait_for(*under_way, deadline_ms) : EAI_MEMORY;
    if (rc == EAI_INPROGRESS) {
        *why = "the resolvers of /etc/resolv.conf do not answer";
        return -1;
    }
    *found = rc == 0 ? (*under_way)->request.ar_result : NULL;
    *why = rc == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(rc);
    free(*under_way);
    *under_way = NULL;
    return rc == 0 ? 0 : -1;
}

/* One that the resolver is busy with is left to it: it still writes there. */
void lookup_free(struct lookup *lookup)
{
    if (!lookup || gai_cancel(&lookup->request) == EAI_NOTCANCELED)
        return;
    if (lookup->request.ar_result)
        freeaddrinfo(lookup->request.ar_result);
    free(lookup);
}

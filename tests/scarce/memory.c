/*
 * Memory that runs out on command: an object to preload (LD_PRELOAD) into the server under test. The n-th allocation from the
 * moment it is armed fails, once, if it was asked for by one of the chosen callers: the program and its plugins, or a library.
 * Who asked is told by the return address; what the C library asks for (strdup(), tsearch()) counts as its caller's.
 * tools/lab/scarce.py has the other end of the file that both map. Never installed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EARLY_ROOM 16384
#define DEPTH      64

/* Shared with the test; numbers in the machine's own order. */
struct control {
    _Atomic int64_t left;   /* 1: the next one that counts fails */
    _Atomic int64_t run;    /* so many fail from there on, at least one */
    _Atomic int64_t live;   /* allocations of the whole process that were not freed yet */
    _Atomic int64_t failed; /* how many have failed since it was armed */
    _Atomic int64_t who;    /* a bit for each entry of `callers` that counts; 0: none */
    _Atomic int64_t seen;   /* allocations so far, whoever asked */
};

static const char *const callers[] = { "countersign", "libc.so", "libcrypto.so", "libssl.so", "libsqlite3.so", "libjansson.so",
                                       "libevent", "libcurl", "libnghttp2.so", "libldns.so", "libconfig.so", "libidn2.so",
                                       "libunistring.so" };

static struct control nobody;
static struct control *control = &nobody;
static int trace = -1;
static _Thread_local int inside __attribute__((tls_model("initial-exec")));

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned)(size_t, size_t);
static int (*real_posix)(void **, size_t, size_t);
static void (*real_free)(void *);

/* What dlsym() itself asks for, before there is anything to ask. */
static _Alignas(max_align_t) char early[EARLY_ROOM];
static size_t early_used;

static void *take_early(size_t size)
{
    void *at = early + early_used;

    size = (size + 15) & ~(size_t)15;
    if (early_used + size > sizeof early)
        abort();
    early_used += size;
    return at;
}

static bool is_early(const void *at)
{
    return (const char *)at >= early && (const char *)at < early + sizeof early;
}

static void find_real(void)
{
    static _Atomic bool looking;

    if (atomic_exchange(&looking, true))
        return;
    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_aligned = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&real_posix = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&real_free = dlsym(RTLD_NEXT, "free");
    *(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
}

__attribute__((constructor)) static void open_control(void)
{
    const char *path = getenv("COUNTERSIGN_SCARCE"), *log = getenv("COUNTERSIGN_SCARCE_TRACE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *frames[2], *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at == MAP_FAILED) {
        perror(path ? path : "COUNTERSIGN_SCARCE");
        abort();
    }
    close(fd);
    unsetenv("LD_PRELOAD"); /* not for programs that the server starts */
    backtrace(frames, 2);   /* loads what it needs now */
    if (log)
        trace = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    atomic_store(&((struct control *)at)->live, 0);
    control = at;
}

enum { LIBC = 1 << 1 };

/* The program's own name in the list of loaded objects is empty; its plugins lie in a folder that is called as it is. */
static int64_t bit_of(void *caller)
{
    struct dl_find_object object;
    const char *path, *name;

    if (_dl_find_object(caller, &object) < 0 || !object.dlfo_link_map)
        return 0;
    path = object.dlfo_link_map->l_name;
    if (!*path || strstr(path, "/countersign/"))
        return 1;
    name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    for (size_t i = 1; i < sizeof callers / sizeof *callers; i++)
        if (strncmp(name, callers[i], strlen(callers[i])) == 0)
            return INT64_C(1) << i;
    return 0;
}

/* Behind the C library's own functions. */
static int64_t bit_behind(int64_t bit)
{
    void *frames[DEPTH];
    int n = bit == LIBC ? backtrace(frames, DEPTH) : 0;

    for (int i = 3; i < n && bit == LIBC; i++)
        bit = bit_of(frames[i]);
    return bit;
}

static void write_trace(void)
{
    void *frames[DEPTH];
    int n;

    if (trace < 0)
        return;
    n = backtrace(frames, DEPTH);
    backtrace_symbols_fd(frames, n, trace);
    if (write(trace, "--\n", 3) < 0)
        trace = -1;
}

static bool fails(void *caller)
{
    bool now = false;

    atomic_fetch_add_explicit(&control->seen, 1, memory_order_relaxed);
    if (inside || atomic_load_explicit(&control->left, memory_order_relaxed) <= -atomic_load(&control->run) ||
        !atomic_load(&control->who))
        return false;
    inside++;
    if (bit_behind(bit_of(caller)) & atomic_load(&control->who))
        now = atomic_fetch_sub(&control->left, 1) <= 1;
    if (now && atomic_fetch_add(&control->failed, 1) == 0)
        write_trace();
    inside--;
    if (now)
        errno = ENOMEM;
    return now;
}

static void *counted(void *at)
{
    if (at)
        atomic_fetch_add_explicit(&control->live, 1, memory_order_relaxed);
    return at;
}

void *malloc(size_t size)
{
    if (!real_malloc)
        find_real();
    if (!real_malloc)
        return take_early(size);
    return fails(__builtin_return_address(0)) ? NULL : counted(real_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    if (!real_malloc)
        find_real();
    if (!real_malloc)
        return take_early(n * size);
    return fails(__builtin_return_address(0)) ? NULL : counted(real_calloc(n, size));
}

/* What was there before the C library's own functions were found is copied, as much as may be behind it. */
static void *move_early(const void *old, size_t size)
{
    size_t room = (size_t)(early + sizeof early - (const char *)old);
    void *at = real_malloc ? counted(real_malloc(size)) : take_early(size);

    return at ? memcpy(at, old, size < room ? size : room) : NULL;
}

static void *again(void *old, size_t size, void *caller)
{
    void *at;

    if (!real_malloc)
        find_real();
    if (old && is_early(old))
        return move_early(old, size);
    if (!real_malloc)
        return take_early(size);
    if (size > 0 && fails(caller))
        return NULL;
    at = real_realloc(old, size);
    if (!old)
        counted(at);
    else if (size == 0)
        atomic_fetch_sub_explicit(&control->live, 1, memory_order_relaxed);
    return at;
}

void *realloc(void *old, size_t size)
{
    return again(old, size, __builtin_return_address(0));
}

void *reallocarray(void *old, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return again(old, n * size, __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!real_malloc)
        find_real();
    return fails(__builtin_return_address(0)) ? NULL : counted(real_aligned(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    int rc;

    if (!real_malloc)
        find_real();
    if (fails(__builtin_return_address(0)))
        return ENOMEM;
    rc = real_posix(out, alignment, size);
    if (rc == 0)
        counted(*out);
    return rc;
}

void free(void *at)
{
    if (!at || is_early(at))
        return;
    atomic_fetch_sub_explicit(&control->live, 1, memory_order_relaxed);
    real_free(at);
}

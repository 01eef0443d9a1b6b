/*
 * A disk that breaks on command, for a whole server: preloaded, it makes calls on files fail as the file that $BAD_DISK names
 * says, read anew when it changes. A line there: OPERATION ERRNO PATH-PATTERN, such as "sync 5 *-wal"; operations are read,
 * write, sync, open, allocate. Built by tests/peers/test_disk.py.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

enum { PATH_MOST = 4096 };

static bool is_line_for(const char *line, const char *operation, const char *path, int *number)
{
    char what[16], pattern[PATH_MOST];

    return sscanf(line, "%15s %d %4095s", what, number, pattern) == 3 && strcmp(what, operation) == 0 &&
           fnmatch(pattern, path, 0) == 0;
}

/* No stdio on our own hooks: the control file is read by system calls that are not hooked. */
static bool path_fails(const char *operation, const char *path)
{
    static int (*real_open)(const char *, int, ...);
    static ssize_t (*real_read)(int, void *, size_t);
    const char *control = getenv("BAD_DISK");
    char text[PATH_MOST];
    ssize_t n;
    int fd, number, saved = errno;

    if (!real_open) {
        real_read = REAL(ssize_t(*)(int, void *, size_t), "read");
        real_open = REAL(int (*)(const char *, int, ...), "open");
    }
    fd = control ? real_open(control, O_RDONLY | O_CLOEXEC) : -1;
    n = fd < 0 ? -1 : real_read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (is_line_for(line, operation, path, &number)) {
            errno = number;
            return true;
        }
    errno = saved;
    return false;
}

static bool fails(const char *operation, int fd)
{
    char link[32], path[PATH_MOST];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0 || path[0] != '/')
        return false;
    path[n] = '\0';
    return path_fails(operation, path);
}

ssize_t pread64(int fd, void *to, size_t len, off64_t at)
{
    return fails("read", fd) ? -1 : REAL(ssize_t(*)(int, void *, size_t, off64_t), "pread64")(fd, to, len, at);
}

ssize_t pread(int fd, void *to, size_t len, off_t at)
{
    return pread64(fd, to, len, at);
}

ssize_t read(int fd, void *to, size_t len)
{
    return fails("read", fd) ? -1 : REAL(ssize_t(*)(int, void *, size_t), "read")(fd, to, len);
}

/* What read() is where the compiler knows the buffer's size. */
ssize_t __read_chk(int fd, void *to, size_t len, size_t room)
{
    return len > room ? -1 : read(fd, to, len);
}

ssize_t pwrite64(int fd, const void *from, size_t len, off64_t at)
{
    return fails("write", fd) ? -1 : REAL(ssize_t(*)(int, const void *, size_t, off64_t), "pwrite64")(fd, from, len, at);
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t at)
{
    return pwrite64(fd, from, len, at);
}

ssize_t write(int fd, const void *from, size_t len)
{
    return fails("write", fd) ? -1 : REAL(ssize_t(*)(int, const void *, size_t), "write")(fd, from, len);
}

int fsync(int fd)
{
    return fails("sync", fd) ? -1 : REAL(int (*)(int), "fsync")(fd);
}

int fdatasync(int fd)
{
    return fails("sync", fd) ? -1 : REAL(int (*)(int), "fdatasync")(fd);
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
    return fails("allocate", fd) ? -1 : REAL(int (*)(int, int, off64_t, off64_t), "fallocate64")(fd, mode, at, len);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    return fallocate64(fd, mode, at, len);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return path_fails("open", path) ? -1 : REAL(int (*)(const char *, int, ...), "open64")(path, flags, mode);
}

/*
 * An object to preload (LD_PRELOAD) into a unit test: notes that it started a thread, so that tools/test runs those tests alone
 * under ThreadSanitizer. The note is an empty file; THREADS_NOTE, which tests/threads/note sets, is its path. Never installed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);

static void write_note(void)
{
    const char *path = getenv("THREADS_NOTE");
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (fd >= 0)
        close(fd);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*fn)(void *), void *restrict arg)
{
    create_fn *create;

    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    write_note();
    return create ? create(thread, attr, fn, arg) : ENOSYS;
}

/* Sound to look at; its set_txt tries what the server's sandbox is there to refuse, and its error says what went through. */
#include "bad.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct escapes_settings {
    const char *secret, *place;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct escapes_settings, secret, NULL, "a file's path without its first /, which it tries to read"),
    CS_SETTING(STRING, struct escapes_settings, place, NULL, "a file's path without its first /, which it tries to make"),
    CS_SETTINGS_END,
};

static bool opens(const char *name, int flags)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof path, "/%s", name);
    fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* In a child that was forked, so that a program which starts ends nobody. */
static bool runs_a_program(void)
{
    char *const arguments[] = { (char[]){ "true" }, NULL };
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        execv("/bin/true", arguments);
        _exit(1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Its own, which the kernel lets everybody read by that call. */
static bool reads_memory_of_a_process(void)
{
    char from = 1, to = 0;
    const struct iovec remote = { &from, 1 }, local = { &to, 1 };

    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 && to;
}

static bool has_a_packet_socket(void)
{
    const int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void escapes_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    const struct escapes_settings *conf = self;
    struct cs_error err = { 0 };

    (void)change;
    cs_fail(&err, CS_EREFUSED, "went through: read=%d write=%d program=%d memory=%d packet=%d unshare=%d",
            opens(conf->secret, O_RDONLY), opens(conf->place, O_WRONLY | O_CREAT), runs_a_program(),
            reads_memory_of_a_process(), has_a_packet_socket(), unshare(0) == 0);
    cs_op_err(op, &err);
}

static int escapes_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct escapes_settings *copy = malloc(sizeof *copy);

    (void)in;
    if (!copy)
        return cs_fail(err, CS_EBUSY, "no memory");
    *copy = *(const struct escapes_settings *)conf;
    *self = copy;
    return 0;
}

static void escapes_close(void *self)
{
    free(self);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = escapes_set_txt };

CS_PLUGIN("escapes", "1.0", "tries to get out", .settings = settings, .settings_size = sizeof(struct escapes_settings),
          .open = escapes_open, .close = escapes_close, .dns = &dns);

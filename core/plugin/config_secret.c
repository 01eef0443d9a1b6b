/*
 * Secrets of the configuration: a value, "@FILE" or "$ENV"; config_secret() of config.h. No complaint repeats a secret.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/config.h"
#include "plugin/credential.h"

enum { SECRET_MOST = 64 << 10 };

static int take(struct config *config, const struct config_node *at, const char *value, char **out)
{
    *out = text_copy(value);
    return *out ? CONFIG_FOUND : config_complain(config, at, "no memory");
}

static int check_file(struct config *config, const struct config_node *at, const char *path, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return config_complain(config, at, "`%s`: %s is not a regular file", config_name(at), path);
    if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
        return config_complain(config, at,
                               "`%s`: %s holds a secret, but its mode is %03o: chmod 0600 it (0640 to let its group read)",
                               config_name(at), path, (unsigned)st.st_mode & 0777);
    if (st.st_size > SECRET_MOST)
        return config_complain(config, at, "`%s`: %s is larger than 64 KiB", config_name(at), path);
    return 0;
}

static int read_file(struct config *config, const struct config_node *at, const char *path, int fd, char **out)
{
    char *value = malloc(SECRET_MOST + 1);
    size_t len = 0;
    ssize_t n = 0;
    int rc;

    if (!value)
        return config_complain(config, at, "no memory");
    while (len < SECRET_MOST && (n = read(fd, value + len, SECRET_MOST - len)) > 0)
        len += (size_t)n;
    if (len && value[len - 1] == '\n')
        len--;
    if (len && value[len - 1] == '\r')
        len--;
    value[len] = '\0';
    if (n < 0)
        rc = config_complain(config, at, "`%s`: %s cannot be read: %s", config_name(at), path, strerror(errno));
    else if (!len)
        rc = config_complain(config, at, "`%s`: %s is empty", config_name(at), path);
    else if (memchr(value, '\0', len))
        rc = config_complain(config, at, "`%s`: %s contains a NUL byte", config_name(at), path);
    else
        rc = take(config, at, value, out);
    explicit_bzero(value, SECRET_MOST + 1);
    free(value);
    return rc;
}

static int from_file(struct config *config, const struct config_node *at, const char *path, char **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc;

    if (fd < 0 && errno == EACCES)
        return config_complain(config, at,
                               "`%s`: %s cannot be read: Permission denied: the server reads it as its `user`: give file and "
                               "folder the group of that user, and the file mode 0640",
                               config_name(at), path);
    if (fd < 0)
        return config_complain(config, at, "`%s`: %s cannot be read: %s%s", config_name(at), path, strerror(errno),
                               credential_advice(path));
    rc = check_file(config, at, path, fd);
    if (rc == 0)
        rc = read_file(config, at, path, fd, out);
    close(fd);
    return rc;
}

static int from_environment(struct config *config, const struct config_node *at, const char *name, char **out)
{
    const char *value;

    for (const char *p = name; *p || p == name; p++)
        if (!isalpha((unsigned char)*p) && *p != '_' && (p == name || !isdigit((unsigned char)*p)))
            return config_complain(config, at,
                                   "`%s` begins with $ but names no environment variable: to give a secret that begins so, "
                                   "put it into a file and write \"@FILE\"", config_name(at));
    value = getenv(name);
    if (!value || !*value)
        return config_complain(config, at, "`%s`: the environment variable %s is not set", config_name(at), name);
    return take(config, at, value, out);
}

int config_secret(struct config *config, const struct config_node *in, const char *key, char **out)
{
    const struct config_node *at = config_find(config, in, key);
    const char *value;

    if (!at)
        return CONFIG_MISSING;
    value = config_text(at);
    if (!value)
        return config_complain(config, at, "`%s` must be a string: the secret, \"@FILE\" or \"$ENV\"", key);
    if (value[0] == '@')
        return from_file(config, at, value + 1, out);
    if (value[0] == '$')
        return from_environment(config, at, value + 1, out);
    return take(config, at, value, out);
}

/*
 * Whose socket is it? See port_holder.h.
 */
#include "command/port_holder.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int port_holder_is(const char *pid, unsigned long inode)
{
    char path[64], wanted[64], link[64];
    struct dirent *entry;
    DIR *fds;
    int has = 0;

    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    fds = opendir(path);
    while (fds && !has && (entry = readdir(fds))) {
        const ssize_t n = readlinkat(dirfd(fds), entry->d_name, link, sizeof link - 1);

        link[n > 0 ? n : 0] = '\0';
        has = strcmp(link, wanted) == 0;
    }
    if (!fds)
        return -1;
    closedir(fds);
    return has;
}

static void describe(struct port_holder *out, const char *pid)
{
    char path[64], name[32] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    file = fopen(path, "re");
    if (file && fgets(name, sizeof name, file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
    snprintf(out->name, sizeof out->name, "process %.20s (%.31s)", pid, name);
    out->is_systemd = strcmp(name, "systemd") == 0;
}

bool port_holder_find(struct port_holder *out, unsigned long inode)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    bool found = false;

    while (proc && !found && (entry = readdir(proc))) {
        found = strspn(entry->d_name, "0123456789") == strlen(entry->d_name) && port_holder_is(entry->d_name, inode) == 1;
        if (found)
            describe(out, entry->d_name);
    }
    if (proc)
        closedir(proc);
    return found;
}

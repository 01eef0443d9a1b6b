/*
 * Where the key of a day may be written; see day_key_place.h. What cannot be found out counts as unsafe.
 */
#include "records/day_key_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SWAPS_MOST = 64 * 1024, LAYERS_MOST = 8, PATH_ROOM = 512 };

static bool read_small(const char *path, char *out, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n >= 0 && (size_t)n < room - 1;
}

/* ---- a block device ---------------------------------------------------------------------------------------------- */

static bool begins(const char *device, const char *file, const char *word)
{
    char path[PATH_ROOM + 32], text[64];

    snprintf(path, sizeof path, "%s/%s", device, file);
    return read_small(path, text, sizeof text) && strncmp(text, word, strlen(word)) == 0;
}

static bool is_zram(const char *device)
{
    char real[PATH_ROOM];
    const ssize_t n = readlink(device, real, sizeof real - 1);
    const char *name;

    real[n > 0 ? n : 0] = '\0';
    name = strrchr(real, '/');
    if (strncmp(name ? name + 1 : real, "zram", 4) != 0)
        return false;
    return !access(device, X_OK) && (begins(device, "backing_dev", "none") || !begins(device, "backing_dev", ""));
}

static bool is_safe_device(const char *device, int layers);

/* A logical volume, say: as safe as the devices that it lies on. */
static bool are_slaves_safe(const char *device, int layers)
{
    char path[PATH_ROOM];
    const struct dirent *entry;
    DIR *slaves = NULL;
    size_t n = 0;
    bool safe = true;

    if ((size_t)snprintf(path, sizeof path, "%s/slaves", device) < sizeof path)
        slaves = opendir(path);
    while (slaves && safe && (entry = readdir(slaves))) {
        char slave[PATH_ROOM];

        if (entry->d_name[0] == '.')
            continue;
        n++;
        safe = (size_t)snprintf(slave, sizeof slave, "%s/%s", path, entry->d_name) < sizeof slave &&
               is_safe_device(slave, layers - 1);
    }
    if (slaves)
        closedir(slaves);
    return safe && n;
}

static bool is_safe_device(const char *device, int layers)
{
    if (begins(device, "dm/uuid", "CRYPT-") || is_zram(device))
        return true;
    return layers > 0 && are_slaves_safe(device, layers);
}

/* ---- the list of swaps ------------------------------------------------------------------------------------------- */

/* The kernel writes a space as "\040". */
static void unescape(char *path)
{
    char *to = path;

    for (const char *from = path; *from; to++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* A device whose node is not in this /dev, as under PrivateDevices=: the kernel has it by its name, with '!' for '/'. */
static bool is_safe_name(const char *path, const char *sys)
{
    char device[PATH_ROOM];

    if (strncmp(path, "/dev/", 5) != 0 ||
        (size_t)snprintf(device, sizeof device, "%s/class/block/%s", sys, path + 5) >= sizeof device)
        return false;
    for (char *at = device + strlen(device) - strlen(path + 5); (at = strchr(at, '/'));)
        *at = '!';
    return is_safe_device(device, LAYERS_MOST);
}

/* A partition's own number, or that of the device which holds the file. */
static bool is_safe_swap(const char *path, const char *sys)
{
    char device[PATH_ROOM];
    struct stat st;
    dev_t number;

    if (stat(path, &st) < 0)
        return is_safe_name(path, sys);
    number = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    if ((size_t)snprintf(device, sizeof device, "%s/dev/block/%u:%u", sys, major(number), minor(number)) >= sizeof device)
        return false;
    return is_safe_device(device, LAYERS_MOST);
}

bool day_key_swaps_are_safe(const char *swaps, const char *sys, char *why, size_t room)
{
    const char *line = strchr(swaps, '\n'); /* behind the heading */

    for (; line && line[1]; line = strchr(line + 1, '\n')) {
        const size_t len = strcspn(line + 1, " \t\n");
        char path[PATH_ROOM] = "";

        if (len < sizeof path)
            memcpy(path, line + 1, len);
        unescape(path);
        if (!is_safe_swap(path, sys)) {
            snprintf(why, room, "the swap %.100s is not encrypted, and could take it to a disk", path);
            return false;
        }
    }
    return true;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

bool day_key_place_is_safe(const char *folder, char *why, size_t room)
{
    char swaps[SWAPS_MOST];
    struct statfs fs;

    if (statfs(folder, &fs) < 0) {
        snprintf(why, room, "%.100s cannot be looked at", folder);
        return false;
    }
    if ((unsigned long)fs.f_type == RAMFS_MAGIC)
        return true;
    if ((unsigned long)fs.f_type != TMPFS_MAGIC) {
        snprintf(why, room, "%.100s lies on a disk; a folder in memory (tmpfs), as below /run, would do", folder);
        return false;
    }
    if (!read_small("/proc/swaps", swaps, sizeof swaps)) {
        snprintf(why, room, "/proc/swaps cannot be read");
        return false;
    }
    return day_key_swaps_are_safe(swaps, "/sys", why, room);
}

/* ---- after a stop ------------------------------------------------------------------------------------------------ */

bool day_key_place_is_kept(const char *folder, const char *runtime_directory)
{
    const size_t len = strlen(folder);

    for (const char *at = runtime_directory; at && *at; at += strcspn(at, ":") + (at[strcspn(at, ":")] == ':'))
        if (strcspn(at, ":") == len && strncmp(at, folder, len) == 0)
            return true;
    return false;
}

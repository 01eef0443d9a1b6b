/*
 * The doctor's checks of the host: user, folders, ports, files that may be open, room, memory. As the server's user, but for
 * the ports. Called by doctor.c.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command/check_configuration.h"
#include "command/descriptors.h"
#include "command/doctor.h"
#include "records/day_key_place.h"

enum { MEBI = 1024 * 1024, LEAST_ROOM_MIB = 20, GOOD_ROOM_MIB = 200, LEAST_INODES = 200 };

/* ---- Configuration -------------------------------------------------------------------------------------------------- */

void doctor_complaints(struct doctor *d, size_t from)
{
    const char *line = config_complaints(d->setup.config) + from;

    for (; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n'))
        doctor_fail(d, "", "%.*s\nmend that line; `countersign check` looks at the file alone", (int)strcspn(line, "\n"), line);
}

void doctor_configuration(struct doctor *d)
{
    struct setup *setup = &d->setup;

    check_settings(setup);
    if (d->not_user.code == CS_OK)
        check_plugins(setup, setup->loop, d->client, &setup->instances);
    doctor_cas_ask(d);
    doctor_complaints(d, 0);
    if (config_complaint_count(setup->config) == 0)
        doctor_ok(d, "", "%zu listener%s, %zu plugin%s, no fault", setup->settings.n_listen,
                  setup->settings.n_listen == 1 ? "" : "s", setup->settings.n_blocks, setup->settings.n_blocks == 1 ? "" : "s");
}

/* ---- User and folders ----------------------------------------------------------------------------------------------- */

void doctor_user(struct doctor *d)
{
    const struct setup *setup = &d->setup;
    const char *name = setup->settings.user ? setup->settings.user : "";

    if (d->not_user.code != CS_OK)
        doctor_fail(d, name, "%s; files, plugins and records were not looked at\nrun this as root or as the server's user",
                    d->not_user.text);
    else if (setup->user == 0)
        doctor_warn(d, name, "the server runs as root\nmake a user, `useradd --system countersign`, and set user = "
                    "\"countersign\"");
    else
        doctor_ok(d, name, "uid %u, gid %u", (unsigned)setup->user, (unsigned)setup->group);
    if (*d->holder)
        doctor_ok(d, "server", "one runs on %s (process %s)", setup->settings.state, d->holder);
    else
        doctor_ok(d, "server", "none runs on %s", setup->settings.state);
}

static void check_folder(struct doctor *d, const char *what, const char *path)
{
    const uid_t user = d->setup.user;
    struct stat st;

    if (lstat(path, &st) < 0 && errno == ENOENT) {
        doctor_ok(d, what, "%s is not there yet: the first start makes it", path);
    } else if (lstat(path, &st) < 0) {
        doctor_fail(d, what, "%s: %s\nlet the user enter the folders above it, `chmod a+x`", path, strerror(errno));
    } else if (!S_ISDIR(st.st_mode)) {
        doctor_fail(d, what, "%s is not a folder\nmove it away, or change `%s`", path, what);
    } else if (st.st_uid != user) {
        doctor_fail(d, what, "%s belongs to uid %u, the server runs as uid %u\nchown %u %s", path, (unsigned)st.st_uid,
                    (unsigned)user, (unsigned)user, path);
    } else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        doctor_fail(d, what, "%s can be written by others (mode %03o)\nchmod go-w %s", path, (unsigned)st.st_mode & 0777, path);
    } else if (d->not_user.code == CS_OK && access(path, R_OK | W_OK | X_OK) < 0) {
        doctor_fail(d, what, "%s cannot be written by the server's user: %s\n%s", path, strerror(errno),
                    errno == EROFS ? "mount it for writing, `mount -o remount,rw`" : "chmod u+rwx it");
    } else {
        doctor_ok(d, what, "%s, mode %03o", path, (unsigned)st.st_mode & 0777);
    }
}

void doctor_folders(struct doctor *d)
{
    check_folder(d, "state", d->setup.settings.state);
    check_folder(d, "runtime", d->setup.settings.runtime);
}

/* ---- Ports ---------------------------------------------------------------------------------------------------------- */

void doctor_ports(struct doctor *d)
{
    for (size_t i = 0; i < d->ports.n; i++) {
        const struct port *port = &d->ports.v[i];

        switch (port->state) {
        case PORT_FREE:
            if (*d->holder)
                doctor_fail(d, port->name, "nobody has it, although a server runs (process %s)\nrestart that server: it was "
                            "started with another configuration", d->holder);
            else
                doctor_ok(d, port->name, "%s", port->saw);
            break;
        case PORT_OURS:
            doctor_ok(d, port->name, "%s", port->saw);
            break;
        case PORT_OTHERWISE:
        case PORT_TAKEN:
        case PORT_IMPOSSIBLE:
            doctor_fail(d, port->name, "%s\n%s", port->saw, port->todo);
            break;
        case PORT_UNIT:
        case PORT_UNKNOWN:
            doctor_warn(d, port->name, "%s\n%s", port->saw, port->todo);
            break;
        }
    }
}

/* ---- Open files ----------------------------------------------------------------------------------------------------- */

/* A line of /proc/PID/limits; "unlimited" is all that there can be. */
static bool read_limit(const char *line, int64_t *limit)
{
    static const char begin[] = "Max open files";
    char *end;

    if (strncmp(line, begin, strlen(begin)) != 0)
        return false;
    errno = 0;
    *limit = strtoll(line + strlen(begin), &end, 10);
    if (end == line + strlen(begin))
        *limit = INT64_MAX;
    return errno == 0;
}

/* Of the server that runs: its unit's limit is another one than this shell's. False: it cannot be read. */
static bool limit_of(const char *pid, int64_t *limit)
{
    char path[64], line[256];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%.20s/limits", pid);
    file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = read_limit(line, limit);
    if (file)
        fclose(file);
    return found;
}

void doctor_files(struct doctor *d)
{
    const int64_t most = d->setup.settings.max_connections;
    int64_t limit = descriptors_limit(), clients = 0;
    const char *whose = "of this shell; a unit has its own";
    struct cs_error err = { 0 };

    if (*d->holder && limit_of(d->holder, &limit))
        whose = "of the running server";
    if (descriptors_share(&d->setup.settings, limit, &clients, &err) < 0)
        doctor_fail(d, "NOFILE", "%s\nraise LimitNOFILE= of the unit, or `ulimit -n`", err.text);
    else if (clients < most)
        doctor_warn(d, "NOFILE", "the limit of %" PRId64 " files (%s) leaves room for %" PRId64 " clients, max_connections is "
                    "%" PRId64 "\nraise LimitNOFILE= of the unit, or lower max_connections", limit, whose, clients, most);
    else
        doctor_ok(d, "NOFILE", "enough for %" PRId64 " clients (%s)", clients, whose);
}

/* ---- Room ----------------------------------------------------------------------------------------------------------- */

/* `path`, or what is there of it, from the end on. */
static int stat_nearest(const char *path, struct statvfs *fs)
{
    char *copy = text_copy(path), *slash;
    int rc = copy ? statvfs(copy, fs) : -1;

    while (copy && rc < 0 && errno == ENOENT && (slash = strrchr(copy, '/')) && slash != copy) {
        *slash = '\0';
        rc = statvfs(copy, fs);
    }
    free(copy);
    return rc;
}

void doctor_disk(struct doctor *d)
{
    const char *path = d->setup.settings.state;
    struct statvfs fs;
    uint64_t mib;

    if (stat_nearest(path, &fs) < 0) {
        doctor_warn(d, path, "its file system cannot be looked at: %s\nlet the user enter the folders above it",
                    strerror(errno));
        return;
    }
    mib = (uint64_t)fs.f_bavail * fs.f_frsize / MEBI;
    if (fs.f_flag & ST_RDONLY)
        doctor_fail(d, path, "the file system is mounted for reading only\nmount -o remount,rw it");
    else if (mib < LEAST_ROOM_MIB || (fs.f_files && fs.f_favail < LEAST_INODES))
        doctor_fail(d, path, "%" PRIu64 " MiB and %" PRIu64 " files are left\nmake room there: without it no order can be "
                    "written down", mib, (uint64_t)fs.f_favail);
    else if (mib < GOOD_ROOM_MIB)
        doctor_warn(d, path, "%" PRIu64 " MiB are left\nmake room there, or purge visits (docs/privacy.md)", mib);
    else
        doctor_ok(d, path, "%" PRIu64 " MiB are left", mib);
}

/* ---- Memory --------------------------------------------------------------------------------------------------------- */

void doctor_runtime(struct doctor *d)
{
    const struct settings *settings = &d->setup.settings;
    char why[300];
    struct stat st;

    if (!settings->visits.enabled)
        doctor_ok(d, settings->runtime, "visits are off: no key of a day has to be kept from disks");
    else if (stat(settings->runtime, &st) < 0)
        doctor_ok(d, settings->runtime, "is not there yet");
    else if (day_key_place_is_safe(settings->runtime, why, sizeof why))
        doctor_ok(d, settings->runtime, "in memory, and no swap could take the key of the day to a disk");
    else
        doctor_warn(d, settings->runtime, "%s\nput `runtime` below /run and encrypt the swap or turn it off; until then a "
                    "restart counts the day's sources anew (docs/privacy.md)", why);
}

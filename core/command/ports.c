/*
 * Who has the ports that the server wants; see ports.h.
 */
#include "command/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command/listen_address.h"
#include "command/port_holder.h"

enum { TCP_LISTEN = 0x0a, UDP_UNCONNECTED = 0x07 };

struct wanted {
    struct sockaddr_storage at;
    socklen_t len;
    int type;
};

/* ---- /proc/net ------------------------------------------------------------------------------------------------------ */

/* The kernel prints the words of an address as the machine has them in memory. */
static void put_address(struct sockaddr_storage *at, int family, const uint32_t words[4], unsigned port)
{
    memset(at, 0, sizeof *at);
    at->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        ((struct sockaddr_in *)at)->sin_port = htons((uint16_t)port);
        memcpy(&((struct sockaddr_in *)at)->sin_addr, words, 4);
    } else {
        ((struct sockaddr_in6 *)at)->sin6_port = htons((uint16_t)port);
        memcpy(&((struct sockaddr_in6 *)at)->sin6_addr, words, 16);
    }
}

/* The words of a line, from the first on that is behind the socket's number. */
enum { WORD_LOCAL, WORD_REMOTE, WORD_STATE, WORD_QUEUES, WORD_TIMER, WORD_AGAIN, WORD_UID, WORD_TIMEOUT, WORD_INODE, WORDS };

/* A number and nothing else. */
static bool read_number(const char *text, size_t len, int base, unsigned long *out)
{
    char word[24], *end;

    if (len == 0 || len >= sizeof word)
        return false;
    memcpy(word, text, len);
    word[len] = '\0';
    errno = 0;
    *out = strtoul(word, &end, base);
    return errno == 0 && *end == '\0';
}

static bool read_local(struct sockaddr_storage *at, const char *word, int family)
{
    const size_t n_words = family == AF_INET ? 1 : 4;
    uint32_t words[4] = { 0 };
    unsigned long number;

    if (strspn(word, "0123456789ABCDEF") != 8 * n_words || word[8 * n_words] != ':')
        return false;
    for (size_t i = 0; i < n_words; i++) {
        if (!read_number(word + 8 * i, 8, 16, &number))
            return false;
        words[i] = (uint32_t)number;
    }
    if (!read_number(word + 8 * n_words + 1, strlen(word + 8 * n_words + 1), 16, &number) || number > UINT16_MAX)
        return false;
    put_address(at, family, words, (unsigned)number);
    return true;
}

bool port_line_read(struct port_line *out, const char *line, int family)
{
    const char *colon = strchr(line, ':');
    char copy[512], *rest = copy, *word, *words[WORDS] = { NULL };
    unsigned long state, uid;
    size_t n = 0;

    *out = (struct port_line){ 0 };
    if (!colon)
        return false;
    snprintf(copy, sizeof copy, "%s", colon + 1);
    while (n < WORDS && (word = strsep(&rest, " \n")))
        if (*word)
            words[n++] = word;
    if (n < WORDS || !read_local(&out->at, words[WORD_LOCAL], family) ||
        !read_number(words[WORD_STATE], strlen(words[WORD_STATE]), 16, &state) ||
        !read_number(words[WORD_UID], strlen(words[WORD_UID]), 10, &uid) ||
        !read_number(words[WORD_INODE], strlen(words[WORD_INODE]), 10, &out->inode))
        return false;
    out->state = (unsigned)state;
    out->uid = (unsigned)uid;
    return true;
}

static bool excludes(const struct port_line *line, const struct wanted *wanted)
{
    const unsigned state = wanted->type == SOCK_STREAM ? TCP_LISTEN : UDP_UNCONNECTED;

    return line->state == state && listen_address_excludes(&line->at, &wanted->at);
}

/* 1: found; 0: nobody; -1: the kernel's list cannot be read. */
static int find_in(const char *path, int family, const struct wanted *wanted, struct port_line *found)
{
    FILE *file = fopen(path, "re");
    char text[512];
    int rc = file ? 0 : -1;

    while (rc == 0 && fgets(text, sizeof text, file))
        if (port_line_read(found, text, family) && excludes(found, wanted))
            rc = 1;
    if (file)
        fclose(file);
    return rc;
}

static int find_user(const struct wanted *wanted, struct port_line *found)
{
    static const char *const paths[2][2] = { { "/proc/net/tcp", "/proc/net/udp" }, { "/proc/net/tcp6", "/proc/net/udp6" } };

    const int family = wanted->at.ss_family;

    return find_in(paths[family == AF_INET6][wanted->type == SOCK_DGRAM], family, wanted, found);
}

/* A socket of IPv6 for any address may take IPv4's as well, and the list does not say whether it does: then it is tried. */
static int find_dual_user(const struct wanted *wanted, struct port_line *found)
{
    struct wanted any = { .at.ss_family = AF_INET6, .len = sizeof(struct sockaddr_in6), .type = wanted->type };
    int fd, taken;

    if (wanted->at.ss_family != AF_INET)
        return 0;
    ((struct sockaddr_in6 *)&any.at)->sin6_port = htons(listen_address_port(&wanted->at));
    if (find_user(&any, found) != 1 || !listen_address_is_any(&found->at))
        return 0;
    fd = socket(AF_INET, wanted->type | SOCK_CLOEXEC, 0);
    taken = fd >= 0 && bind(fd, (const struct sockaddr *)&wanted->at, wanted->len) < 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    return taken;
}

/* ---- Whose socket it is --------------------------------------------------------------------------------------------- */

/* As the kernel lists it. */
struct held {
    unsigned long inode;
    unsigned uid;
    char as[160]; /* its address; "": the one that is wanted */
};

static void judge_ours(struct port *port, const struct held *held, const char *holder)
{
    port->state = held->as[0] ? PORT_OTHERWISE : PORT_OURS;
    if (held->as[0]) {
        snprintf(port->saw, sizeof port->saw, "our running server has %.120s (process %.20s)", held->as, holder);
        snprintf(port->todo, sizeof port->todo, "restart it: a reload cannot change that, and would be refused");
    } else {
        snprintf(port->saw, sizeof port->saw, "our running server has it (process %.20s)", holder);
    }
}

/* A socket unit's belongs to root, and only root can see that systemd has it. */
static void judge_unseen(struct port *port, const struct held *held)
{
    const bool may_be_systemds = geteuid() != 0 && held->uid == 0;

    port->state = may_be_systemds ? PORT_UNKNOWN : PORT_TAKEN;
    snprintf(port->saw, sizeof port->saw, "a process of uid %u has it%s", held->uid,
             may_be_systemds ? ", and only root can see which" : ", which is not our server");
    if (may_be_systemds)
        snprintf(port->todo, sizeof port->todo, "run this as root");
    else
        snprintf(port->todo, sizeof port->todo, "stop that one, or give %.79s another address or port", port->what);
}

static void judge_others(struct port *port, const struct held *held)
{
    struct port_holder who;

    if (!port_holder_find(&who, held->inode)) {
        judge_unseen(port, held);
    } else if (who.is_systemd) {
        port->state = PORT_UNIT;
        snprintf(port->saw, sizeof port->saw, "systemd holds it, for a socket unit");
        snprintf(port->todo, sizeof port->todo, "see that the unit is countersign's: systemctl list-sockets");
    } else {
        port->state = PORT_TAKEN;
        snprintf(port->saw, sizeof port->saw, "%.79s has it, which is not our server", who.name);
        snprintf(port->todo, sizeof port->todo, "stop that one, or give %.79s another address or port", port->what);
    }
}

static void judge_held(struct port *port, const struct held *held, const char *holder)
{
    const int ours = *holder ? port_holder_is(holder, held->inode) : 0;

    if (ours == 1) {
        judge_ours(port, held, holder);
    } else if (ours < 0) {
        port->state = PORT_OURS;
        snprintf(port->saw, sizeof port->saw,
                 "in use, presumably by our running server (process %.20s): only root can see whose it is", holder);
    } else {
        judge_others(port, held);
    }
}

/* ---- Nobody has it: could we? --------------------------------------------------------------------------------------- */

static unsigned first_free_port(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    unsigned long first = 1024;
    char line[32];

    if (!file || !fgets(line, sizeof line, file) || !read_number(line, strcspn(line, "\n"), 10, &first))
        first = 1024;
    if (file)
        fclose(file);
    return (unsigned)first;
}

/* Port 0 of that address: whether the address is there, without a port that somebody may want. */
static int try_address(const struct wanted *wanted)
{
    struct sockaddr_storage at = wanted->at;
    const int fd = socket(at.ss_family, wanted->type | SOCK_CLOEXEC, 0);
    int error = 0;

    if (at.ss_family == AF_INET)
        ((struct sockaddr_in *)&at)->sin_port = 0;
    else
        ((struct sockaddr_in6 *)&at)->sin6_port = 0;
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, wanted->len) < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error;
}

static void judge_free(struct port *port, const struct wanted *wanted)
{
    const int error = try_address(wanted);

    port->state = PORT_FREE;
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT) {
        port->state = PORT_IMPOSSIBLE;
        snprintf(port->saw, sizeof port->saw, "it is not an address of this machine");
        snprintf(port->todo, sizeof port->todo, "change `listen`, or give the machine that address");
    } else if (geteuid() != 0 && listen_address_port(&wanted->at) < first_free_port()) {
        snprintf(port->saw, sizeof port->saw, "free; it takes root, CAP_NET_BIND_SERVICE or a socket of systemd to have it");
    } else {
        snprintf(port->saw, sizeof port->saw, "free");
    }
}

/* ---- Unix sockets --------------------------------------------------------------------------------------------------- */

/* A line of /proc/net/unix: number, references, protocol, flags, type, state, inode, path. */
static bool is_listening_at(const char *line, const char *path, unsigned long *inode)
{
    enum { FLAGS = 3, INODE = 6, PATH = 7, ACCEPTS = 0x10000 };
    char copy[512], *rest = copy, *word, *words[PATH + 1] = { NULL };
    unsigned long flags;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", line);
    while (n < PATH && (word = strsep(&rest, " \n")))
        if (*word)
            words[n++] = word;
    if (n < PATH || !rest || !read_number(words[FLAGS], strlen(words[FLAGS]), 16, &flags) || !(flags & ACCEPTS))
        return false;
    rest[strcspn(rest, "\n")] = '\0';
    return strcmp(rest, path) == 0 && read_number(words[INODE], strlen(words[INODE]), 10, inode);
}

static bool find_listener(const char *path, struct held *held)
{
    FILE *file = fopen("/proc/net/unix", "re");
    bool found = false;
    char line[512];

    *held = (struct held){ 0 };
    while (file && !found && fgets(line, sizeof line, file))
        found = is_listening_at(line, path, &held->inode);
    if (file)
        fclose(file);
    return found;
}

/* Of whom the list does not have, since it is in another network namespace. */
static void judge_unlisted(struct port *port, const struct wanted *wanted, const char *holder)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&wanted->at, wanted->len);
    const int error = errno;

    if (fd >= 0)
        close(fd);
    if (rc < 0 && error == ECONNREFUSED)
        return; /* left over: the start replaces it */
    port->state = *holder ? PORT_OURS : PORT_TAKEN;
    if (*holder) {
        snprintf(port->saw, sizeof port->saw, "in use, presumably by our running server (process %.20s)", holder);
    } else {
        snprintf(port->saw, sizeof port->saw, "somebody listens there, and no server of ours runs");
        snprintf(port->todo, sizeof port->todo, "stop that one, or change the address of %.79s", port->what);
    }
}

/* Not connected to where that can be helped: a connection would start what a socket unit is for. */
static void judge_unix(struct port *port, const struct wanted *wanted, const char *holder)
{
    const char *path = ((const struct sockaddr_un *)(const void *)&wanted->at)->sun_path;
    struct held held;
    struct stat st;

    port->state = PORT_FREE;
    snprintf(port->saw, sizeof port->saw, "free");
    if (lstat(path, &st) < 0)
        return;
    if (!S_ISSOCK(st.st_mode)) {
        port->state = PORT_TAKEN;
        snprintf(port->saw, sizeof port->saw, "there is a file of that name, which is not a socket");
        snprintf(port->todo, sizeof port->todo, "remove it, or change the address of %.79s", port->what);
    } else if (find_listener(path, &held)) {
        judge_held(port, &held, holder);
    } else {
        judge_unlisted(port, wanted, holder);
    }
}

/* ---- All of them ---------------------------------------------------------------------------------------------------- */

static void judge_ip(struct port *port, const struct wanted *wanted, const char *holder)
{
    struct port_line line;
    int found = find_user(wanted, &line);

    if (found == 0)
        found = find_dual_user(wanted, &line);
    if (found == 1) {
        struct held held = { .inode = line.inode, .uid = line.uid };

        if (!listen_address_is_same(&line.at, &wanted->at))
            listen_address_name(held.as, &line.at, sizeof line.at, wanted->type);
        judge_held(port, &held, holder);
    } else if (found == 0) {
        judge_free(port, wanted);
    } else {
        port->state = PORT_UNKNOWN;
        snprintf(port->saw, sizeof port->saw, "whether it is free cannot be seen: /proc/net cannot be read");
        snprintf(port->todo, sizeof port->todo, "mount /proc");
    }
}

struct looking {
    struct ports *ports;
    const char *holder;
};

static int look_at(void *arg, const struct listen_address *address)
{
    const struct looking *looking = arg;
    const struct wanted wanted = { .at = address->at, .len = address->len, .type = address->type };
    struct ports *ports = looking->ports;
    struct port *more = realloc(ports->v, (ports->n + 1) * sizeof *more), *port;

    if (!more)
        return -1;
    ports->v = more;
    port = &ports->v[ports->n++];
    *port = (struct port){ .at = address->node };
    snprintf(port->what, sizeof port->what, "%s", address->setting);
    listen_address_name(port->name, &wanted.at, wanted.len, wanted.type);
    if (wanted.at.ss_family == AF_UNIX)
        judge_unix(port, &wanted, looking->holder);
    else
        judge_ip(port, &wanted, looking->holder);
    return 0;
}

int ports_look(struct ports *ports, const struct settings *settings, const char *holder)
{
    struct looking looking = { .ports = ports, .holder = holder };

    *ports = (struct ports){ 0 };
    return listen_address_each(settings, look_at, &looking);
}

void ports_free(struct ports *ports)
{
    free(ports->v);
    *ports = (struct ports){ 0 };
}

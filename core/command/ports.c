/*
 * Who has the ports that the server wants; see ports.h.
 */
#include "command/ports.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"

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

static uint16_t port_of(const struct sockaddr_storage *at)
{
    return ntohs(at->ss_family == AF_INET ? ((const struct sockaddr_in *)at)->sin_port
                                          : ((const struct sockaddr_in6 *)at)->sin6_port);
}

static bool is_any(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ((const struct sockaddr_in *)at)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)at)->sin6_addr);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr);
}

static bool excludes(const struct port_line *line, const struct wanted *wanted)
{
    const unsigned state = wanted->type == SOCK_STREAM ? TCP_LISTEN : UDP_UNCONNECTED;

    if (line->state != state || port_of(&line->at) != port_of(&wanted->at))
        return false;
    return is_any(&line->at) || is_any(&wanted->at) || same_host(&line->at, &wanted->at);
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
    ((struct sockaddr_in6 *)&any.at)->sin6_port = htons(port_of(&wanted->at));
    if (find_user(&any, found) != 1 || !is_any(&found->at))
        return 0;
    fd = socket(AF_INET, wanted->type | SOCK_CLOEXEC, 0);
    taken = fd >= 0 && bind(fd, (const struct sockaddr *)&wanted->at, wanted->len) < 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    return taken;
}

/* ---- Whose socket it is --------------------------------------------------------------------------------------------- */

/* 1: it has that socket; 0: no; -1: we may not look. */
static int process_has(const char *pid, unsigned long inode)
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

static bool find_process(unsigned long inode, char out[80])
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    bool found = false;

    while (proc && !found && (entry = readdir(proc))) {
        char path[64], name[32] = "";
        FILE *file;

        if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) || process_has(entry->d_name, inode) != 1)
            continue;
        snprintf(path, sizeof path, "/proc/%.20s/comm", entry->d_name);
        file = fopen(path, "re");
        if (file && fgets(name, sizeof name, file))
            name[strcspn(name, "\n")] = '\0';
        if (file)
            fclose(file);
        snprintf(out, 80, "process %.20s (%.31s)", entry->d_name, name);
        found = true;
    }
    if (proc)
        closedir(proc);
    return found;
}

static void judge_user(struct port *port, const struct port_line *line, const char *holder)
{
    const int ours = *holder ? process_has(holder, line->inode) : 0;
    char who[80];

    if (ours == 1) {
        port->state = PORT_OURS;
        snprintf(port->saw, sizeof port->saw, "our running server has it (process %.20s)", holder);
    } else if (ours < 0) {
        port->state = PORT_OURS;
        snprintf(port->saw, sizeof port->saw,
                 "in use, presumably by our running server (process %.20s): only root can see whose it is", holder);
    } else {
        if (!find_process(line->inode, who))
            snprintf(who, sizeof who, "a process of uid %u", line->uid);
        port->state = PORT_TAKEN;
        snprintf(port->saw, sizeof port->saw, "%.79s has it, which is not our server", who);
        snprintf(port->todo, sizeof port->todo, "stop that one, or give %.79s another address or port", port->what);
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
    } else if (geteuid() != 0 && port_of(&wanted->at) < first_free_port()) {
        snprintf(port->saw, sizeof port->saw, "free; it takes root, CAP_NET_BIND_SERVICE or a socket of systemd to have it");
    } else {
        snprintf(port->saw, sizeof port->saw, "free");
    }
}

/* ---- Unix sockets --------------------------------------------------------------------------------------------------- */

static void judge_unix(struct port *port, const struct wanted *wanted, const char *holder)
{
    const char *path = ((const struct sockaddr_un *)(const void *)&wanted->at)->sun_path;
    struct stat st;
    int fd, rc;

    port->state = PORT_FREE;
    snprintf(port->saw, sizeof port->saw, "free");
    if (lstat(path, &st) < 0)
        return;
    if (!S_ISSOCK(st.st_mode)) {
        port->state = PORT_TAKEN;
        snprintf(port->saw, sizeof port->saw, "there is a file of that name, which is not a socket");
        snprintf(port->todo, sizeof port->todo, "remove it, or change the address of %.79s", port->what);
        return;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&wanted->at, wanted->len);
    if (fd >= 0)
        close(fd);
    if (rc < 0 && errno == ECONNREFUSED)
        return; /* left over: the start replaces it */
    port->state = *holder ? PORT_OURS : PORT_TAKEN;
    if (*holder) {
        snprintf(port->saw, sizeof port->saw, "in use, presumably by our running server (process %.20s)", holder);
    } else {
        snprintf(port->saw, sizeof port->saw, "somebody listens there, and no server of ours runs");
        snprintf(port->todo, sizeof port->todo, "stop that one, or change the address of %.79s", port->what);
    }
}

/* ---- All of them ---------------------------------------------------------------------------------------------------- */

static int look_at(struct ports *ports, const struct config_node *at, const char *what, const struct wanted *wanted,
                   const char *holder)
{
    struct port *more = realloc(ports->v, (ports->n + 1) * sizeof *more), *port;
    struct port_line line;
    char text[128];
    int found;

    if (!more)
        return -1;
    ports->v = more;
    port = &ports->v[ports->n++];
    *port = (struct port){ .at = at };
    snprintf(port->what, sizeof port->what, "%s", what);
    address_text(text, (const struct sockaddr *)&wanted->at, wanted->len);
    snprintf(port->name, sizeof port->name, "%s%s",
             wanted->at.ss_family == AF_UNIX ? "" : wanted->type == SOCK_STREAM ? "TCP " : "UDP ", text);
    if (wanted->at.ss_family == AF_UNIX) {
        judge_unix(port, wanted, holder);
        return 0;
    }
    found = find_user(wanted, &line);
    if (found == 0)
        found = find_dual_user(wanted, &line);
    if (found == 1) {
        judge_user(port, &line, holder);
    } else if (found == 0) {
        judge_free(port, wanted);
    } else {
        port->state = PORT_UNKNOWN;
        snprintf(port->saw, sizeof port->saw, "whether it is free cannot be seen: /proc/net cannot be read");
    }
    return 0;
}

static int look_text(struct ports *ports, const struct config_node *at, const char *what, const char *text, uint16_t port,
                     bool udp, const char *holder)
{
    struct wanted wanted = { .type = SOCK_STREAM };

    if (!text || address_parse(text, port, &wanted.at, &wanted.len, NULL) < 0)
        return 0; /* the configuration's own checks complain of that */
    if (look_at(ports, at, what, &wanted, holder) < 0)
        return -1;
    wanted.type = SOCK_DGRAM;
    return udp && wanted.at.ss_family != AF_UNIX ? look_at(ports, at, what, &wanted, holder) : 0;
}

static int look_listener(struct ports *ports, const struct listen_settings *listen, const char *what, const char *holder)
{
    return look_text(ports, listen->at, what, listen->address, (uint16_t)listen->port, false, holder);
}

static int look_block(struct ports *ports, const struct block_settings *block, const char *holder)
{
    const bool dns = block->role == ROLE_DNS;
    char what[80];

    snprintf(what, sizeof what, "%s.%.60s", role_name(block->role), block->name);
    for (size_t i = 0; i < block->n_listen; i++)
        if (look_text(ports, block->at, what, block->listen[i], dns ? 53 : 0, dns, holder) < 0)
            return -1;
    return 0;
}

int ports_look(struct ports *ports, const struct settings *settings, const char *holder)
{
    *ports = (struct ports){ 0 };
    for (size_t i = 0; i < settings->n_listen; i++)
        if (look_listener(ports, &settings->listen[i], "`listen`", holder) < 0)
            return -1;
    if (look_listener(ports, &settings->admin, "`admin`", holder) < 0)
        return -1;
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (look_block(ports, &settings->blocks[i], holder) < 0)
            return -1;
    return 0;
}

void ports_free(struct ports *ports)
{
    free(ports->v);
    *ports = (struct ports){ 0 };
}

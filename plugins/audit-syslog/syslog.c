/*
 * audit-syslog: a ledger as syslog messages, RFC 5424, to the local daemon or over the network. How the files hang together:
 *
 *   syslog.c   settings, batches       message.c  an event as a message
 *   server.c   where it goes           link.c     the socket, frames, deadlines; tls.c with TLS
 */
#include <countersign/audit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "link.h"
#include "message.h"
#include "tls.h"

/* RFC 5424 6: the longest words of the header. */
enum { HOSTNAME_MOST = 255, APP_NAME_MOST = 48 };
/* Datagrams that go without a pause: a receiver's buffer holds some hundred. */
enum { BURST = 50, BURST_PAUSE_MS = 10 };
#define EXAMPLE_ENTERPRISE "32473" /* RFC 5612: for examples; put your own there */

struct settings {
    const char *server, *facility, *app_name, *hostname;
    int64_t timeout, max_size, enterprise;
    const char *ca_file, *certificate, *key, *server_name;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct settings, server, "unix:/dev/log",
               "\"unix:PATH\", or \"udp:\", \"tcp:\" or \"tls:\" and HOST:PORT; an IPv6 address in brackets"),
    CS_SETTING(STRING, struct settings, facility, "daemon", "kern, user, daemon, authpriv, audit, local0 to local7, …"),
    CS_SETTING(STRING, struct settings, app_name, "countersign", "APP-NAME of the messages"),
    CS_SETTING(STRING, struct settings, hostname, "", "HOSTNAME of the messages; default: this host's"),
    CS_SETTING_RANGE(SECONDS, struct settings, timeout, "5s", 100, 60000, "for a batch of messages, connecting included"),
    CS_SETTING_RANGE(SIZE, struct settings, max_size, "8K", MESSAGE_SMALLEST, MESSAGE_LARGEST,
                     "longest message; a longer one goes without its text"),
    CS_SETTING_RANGE(INT, struct settings, enterprise, EXAMPLE_ENTERPRISE, 1, 4294967295,
                     "your IANA enterprise number, in the name of the structured data"),
    CS_SETTING(STRING, struct settings, ca_file, "", "tls: CA certificates (PEM) that are trusted; default: the system's"),
    CS_SETTING(STRING, struct settings, certificate, "", "tls: a certificate (PEM) to show to the server"),
    CS_SETTING(STRING, struct settings, key, "", "tls: the file with its key (PEM)"),
    CS_SETTING(STRING, struct settings, server_name, "", "tls: the name in the server's certificate; default: HOST"),
    CS_SETTINGS_END,
};

struct sink {
    struct server server;
    struct message_style style;
    char hostname[HOSTNAME_MOST + 1];
    int64_t timeout_ms;
    struct link link;
    struct text message;
};

/* ---- A batch ----------------------------------------------------------------------------------------------------------- */

static int send_events(struct sink *sink, const struct cs_event *events, size_t n, int64_t deadline_ms, struct cs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        text_clear(&sink->message);
        if (message_write(&sink->message, &sink->style, &events[i], err) < 0 ||
            link_send(&sink->link, sink->message.at, sink->message.len, deadline_ms, err) < 0)
            return -1;
        if (sink->server.kind == SERVER_UDP && i % BURST == BURST - 1)
            nanosleep(&(struct timespec){ .tv_nsec = BURST_PAUSE_MS * 1000000 }, NULL);
    }
    return link_settle(&sink->link, deadline_ms, err);
}

/* A connection that had gone stale unnoticed is given a second chance at once: the server was perhaps restarted. */
static int syslog_append(void *self, const struct cs_event *events, size_t n, struct cs_error *err)
{
    struct sink *sink = self;
    const int64_t deadline_ms = cs_now_ms() + sink->timeout_ms;
    bool fresh = false;

    while (!fresh) {
        if (link_open(&sink->link, deadline_ms, &fresh, err) < 0)
            return -1;
        if (send_events(sink, events, n, deadline_ms, err) == 0)
            return 0;
        link_close(&sink->link);
    }
    return -1;
}

static int syslog_reopen(void *self, struct cs_error *err)
{
    struct sink *sink = self;

    (void)err;
    link_close(&sink->link);
    return 0;
}

/* ---- From open to close ------------------------------------------------------------------------------------------------ */

static int read_settings(const struct settings *s, struct server *server, struct cs_error *err)
{
    if (server_parse(server, s->server, err) < 0)
        return -1;
    if (message_facility(s->facility) < 0)
        return cs_fail(err, CS_ECONFIG, "facility = \"%.40s\" is none of RFC 5424's: write \"daemon\", \"local0\" or the like",
                       s->facility);
    if (!message_is_word(s->app_name, APP_NAME_MOST))
        return cs_fail(err, CS_ECONFIG, "app_name must be 1 to %d printable characters without a space", APP_NAME_MOST);
    if (*s->hostname && !message_is_word(s->hostname, HOSTNAME_MOST))
        return cs_fail(err, CS_ECONFIG, "hostname must be 1 to %d printable characters without a space", HOSTNAME_MOST);
    if (server->kind != SERVER_TLS && (*s->ca_file || *s->certificate || *s->key || *s->server_name))
        return cs_fail(err, CS_ECONFIG, "ca_file, certificate, key and server_name are for server = \"tls:HOST:PORT\" only");
    return 0;
}

static SSL_CTX *context_of(const struct settings *s, struct cs_error *err)
{
    return tls_context(&(struct tls_settings){ s->ca_file, s->certificate, s->key }, err);
}

static int syslog_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    struct server server;
    SSL_CTX *context;

    (void)listen;
    if (read_settings(conf, &server, err) < 0)
        return -1;
    if (server.kind != SERVER_TLS)
        return 0;
    context = context_of(conf, err);
    SSL_CTX_free(context);
    return context ? 0 : -1;
}

static void take_hostname(struct sink *sink, const char *hostname)
{
    if (*hostname)
        snprintf(sink->hostname, sizeof sink->hostname, "%s", hostname);
    else if (gethostname(sink->hostname, sizeof sink->hostname - 1) < 0 || !message_is_word(sink->hostname, HOSTNAME_MOST))
        snprintf(sink->hostname, sizeof sink->hostname, "-");
}

static void syslog_close(void *self)
{
    struct sink *sink = self;

    link_close(&sink->link);
    lookup_free(sink->link.lookup);
    SSL_CTX_free(sink->link.tls);
    text_free(&sink->link.frame);
    text_free(&sink->message);
    free(sink);
}

/* The server need not be there yet: events wait for it. */
static int syslog_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    const struct settings *s = conf;
    struct sink *sink = calloc(1, sizeof *sink);

    (void)in;
    if (!sink)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    sink->link = (struct link){ .server = &sink->server, .fd = -1, .frame = TEXT_MAX(MESSAGE_LARGEST + 32) };
    sink->message = TEXT_MAX(1 << 20);
    sink->timeout_ms = s->timeout;
    if (read_settings(s, &sink->server, err) < 0 ||
        (sink->server.kind == SERVER_TLS && !(sink->link.tls = context_of(s, err)))) {
        syslog_close(sink);
        return -1;
    }
    take_hostname(sink, s->hostname);
    sink->link.name = *s->server_name ? s->server_name : sink->server.host;
    sink->style = (struct message_style){ message_facility(s->facility), sink->hostname, s->app_name, (long)getpid(),
                                          s->enterprise, (size_t)s->max_size };
    *self = sink;
    return 0;
}

static const struct cs_audit_ops audit = { .size = sizeof audit, .blocking = true, .append = syslog_append,
                                           .reopen = syslog_reopen };

CS_PLUGIN("audit-syslog", "0.1.0", "sends a ledger as syslog messages (RFC 5424) over unix, UDP, TCP or TLS",
          .settings = settings, .settings_size = sizeof(struct settings), .open = syslog_open, .close = syslog_close,
          .audit = &audit, .check = syslog_check);

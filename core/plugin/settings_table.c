/*
 * The server's own settings; see settings_table.h. A new one begins with its row here.
 */
#include "plugin/settings_table.h"

#include <assert.h>
#include <string.h>

#include "plugin/settings.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY (24 * (int64_t)HOUR)

#define NUMBER(field, fallback, least, most) NULL, .number = (fallback), .min = (least), .max = (most), \
                                             .offset = offsetof(struct settings, field)
#define RANGE(fallback, least, most) NULL, .number = (fallback), .min = (least), .max = (most)

/* clang-format off */
const struct setting settings_table[] = {
    { "", "user", SETTING_STRING, "who started it",
      .help = "Started as root, the server binds its ports and then becomes this user, before any plugin is loaded." },
    { "", "state", SETTING_PATH, "/var/lib/countersign",
      .help = "The folder of what must survive: databases, keys. Made at the first start, mode 0700." },
    { "", "runtime", SETTING_PATH, "/run/countersign",
      .help = "The folder of what need not survive: the control socket, the key of the day. It should be a tmpfs." },
    { "", "plugin_dir", SETTING_PATH, CS_PLUGIN_DIR, .help = "Where plugins are that are named without a path." },
    { "", "log_level", SETTING_STRING, "info", .help = "error, warn, info or debug." },
    { "", "sandbox", SETTING_STRING, "on",
      .help = "on: files and system calls that are not needed are given up; log: the kernel says what would be; off." },
    { "", "listen", SETTING_BLOCK, "mandatory", .help = "Where clients post their requests: one block or a list of them." },
    { "", "admin", SETTING_BLOCK, "none", .help = "The listener of /healthz, /readyz and /metrics. Never for clients." },
    { "", "proxies", SETTING_STRINGS, "none",
      .help = "Networks of reverse proxies, or \"unix\", whose Forwarded and X-Forwarded-For are believed." },
    { "", "blocked_keys", SETTING_STRINGS, "none",
      .help = "Files of hashes of public keys that are refused. Read at the start and on SIGHUP." },
    { "", "resolvers", SETTING_STRINGS, "those of /etc/resolv.conf",
      .help = "Recursive resolvers that are asked where a zone's name servers are." },
    { "", "wait", SETTING_SECONDS, NUMBER(wait_ms, 300 * SECOND, SECOND, HOUR),
      .help = "The longest that a client may wait for its chain. The order goes on behind its back." },
    { "", "job_deadline", SETTING_SECONDS, NUMBER(job_deadline_ms, 15 * MINUTE, 10 * SECOND, 24 * HOUR),
      .help = "An order that has not ended by then has failed." },
    { "", "stop", SETTING_SECONDS, NUMBER(stop_ms, 30 * SECOND, 0, HOUR),
      .help = "At SIGTERM: how long requests under way may take to finish." },
    { "", "visible", SETTING_SECONDS, NUMBER(visible_ms, 120 * SECOND, SECOND, HOUR),
      .help = "How long a challenge value may take to be seen at the zone's own name servers." },
    { "", "max_in_flight", SETTING_COUNT, NUMBER(max_in_flight, 5000, 1, 1000000),
      .help = "Requests that wait at the same time; more are answered with 503 and Retry-After." },
    { "", "max_connections", SETTING_COUNT, NUMBER(max_connections, 10000, 1, 1000000),
      .help = "Connections of clients at the same time. Lowered at the start when not so many files may be open." },
    { "", "outage_queue", SETTING_COUNT, NUMBER(outage_queue, 1000, 0, 1000000),
      .help = "Orders that wait while their CA is out, for each CA; more are answered with 503 and Retry-After." },
    { "", "outage_wait", SETTING_SECONDS, NUMBER(outage_wait_ms, 24 * HOUR, MINUTE, 168 * HOUR),
      .help = "How long an order waits for a CA that is out." },
    { "", "zone_queue", SETTING_COUNT, NUMBER(zone_queue, 5000, 1, 1000000),
      .help = "Orders that wait for their turn, in each zone; more are answered with 503 and Retry-After." },
    { "", "outbox_max", SETTING_COUNT, NUMBER(outbox_max, 100000, 1, 100000000),
      .help = "Events that are kept for audit sinks that are down; beyond it the oldest go, counted and logged." },
    { "", "limits", SETTING_BLOCK, "the defaults below",
      .help = "How much one source, one subject, one client and one zone may ask for." },
    { "", "visits", SETTING_BLOCK, "the defaults below",
      .help = "What is recorded about requests, pseudonymously, and for how long." },
    { "", "ca", SETTING_BLOCK, "mandatory", .help = "Instances of plugins that sign, each a named block." },
    { "", "dns", SETTING_BLOCK, "none", .help = "Instances of plugins that answer dns-01 challenges." },
    { "", "store", SETTING_BLOCK, "mandatory", .help = "The one instance of a plugin that keeps the records." },
    { "", "audit", SETTING_BLOCK, "none", .help = "Instances of plugins that are told what happens." },

    { "listen", "address", SETTING_STRING, "mandatory", .help = "An IPv4 or IPv6 address, or \"unix:/path\"." },
    { "listen", "port", SETTING_COUNT, RANGE(8443, 1, 65535), .help = "The TCP port." },
    { "listen", "certificate", SETTING_STRING, "none: plain HTTP",
      .help = "A PEM file with the chain, leaf first; or \"self:NAME\": the server gets one for that name by itself." },
    { "listen", "key", SETTING_STRING, "none: plain HTTP", .help = "A PEM file with the private key." },
    { "listen", "ca", SETTING_STRING, "the only one", .help = "Of \"self:NAME\": the CA that is asked." },
    { "listen", "client_ca", SETTING_STRING, "none",
      .help = "A PEM file with the CAs, up to their roots, whose client certificates say who asks." },
    { "listen", "client_crl", SETTING_STRING, "none",
      .help = "A PEM file with a CRL of each of them, root included: what they have revoked is refused." },
    { "listen", "client_certificate", SETTING_STRING, "optional",
      .help = "\"required\": who shows no certificate of client_ca is not served; \"proxy\": what listed proxies say in "
              "Client-Cert is believed, if client_ca verifies it; not with proxy_protocol." },
    { "listen", "proxy_protocol", SETTING_BOOL, "false",
      .help = "Every connection begins with a PROXY header, version 2: whoever reaches this listener is believed." },
    { "listen", "group", SETTING_STRING, "that of who starts it",
      .help = "The group of a unix socket's file, whose members may connect, such as the proxy's; others may not." },

    { "admin", "address", SETTING_STRING, "mandatory", .help = "An IPv4 or IPv6 address, or \"unix:/path\"." },
    { "admin", "port", SETTING_COUNT, RANGE(9180, 1, 65535), .help = "The TCP port." },
    { "admin", "certificate", SETTING_STRING, "none: plain HTTP",
      .help = "A PEM file with the chain, leaf first; or \"self:NAME\": the server gets one for that name by itself." },
    { "admin", "key", SETTING_STRING, "none: plain HTTP", .help = "A PEM file with the private key." },
    { "admin", "ca", SETTING_STRING, "the only one", .help = "Of \"self:NAME\": the CA that is asked." },
    { "admin", "group", SETTING_STRING, "that of who starts it",
      .help = "The group of a unix socket's file, whose members may connect; others may not." },

    { "limits", "posts", SETTING_RATE, "10/s burst 100", .help = "Requests to sign, from one source." },
    { "limits", "failed_posts", SETTING_RATE, "1/s burst 60", .help = "Of these, such as were refused for what they are." },
    { "limits", "polls", SETTING_RATE, "20/s burst 200", .help = "All other requests, from one source." },
    { "limits", "connections", SETTING_RATE, "20/s burst 200", .help = "New connections, from one source." },
    { "limits", "unfinished", SETTING_COUNT, RANGE(100, 0, 1000000),
      .help = "Connections of one source that have not sent a whole request. 0: no limit." },
    { "limits", "waiting", SETTING_COUNT, "a tenth of `max_in_flight`", .max = 1000000,
      .help = "Posts of one source that wait for an answer. 0: no limit." },
    { "limits", "open_orders", SETTING_COUNT, RANGE(500, 0, 1000000),
      .help = "Orders of one source that are under way or wait, whether it waits for them or not. 0: no limit." },
    { "limits", "sources", SETTING_COUNT, RANGE(65536, 1024, 1000000), .help = "How many sources are remembered." },
    { "limits", "unlimited", SETTING_STRINGS, "127.0.0.0/8, ::1, unix",
      .help = "Networks, or \"unix\", without limits by source." },
    { "limits", "orders", SETTING_BLOCK, "none", .help = "How many orders there may be in 24 hours and in 7 days." },

    { "limits.orders", "subject_day", SETTING_COUNT, RANGE(0, 0, 1000000), .help = "Of one subject. 0: no limit." },
    { "limits.orders", "subject_week", SETTING_COUNT, RANGE(0, 0, 1000000), .help = "The same in 7 days." },
    { "limits.orders", "client_day", SETTING_COUNT, RANGE(0, 0, 1000000),
      .help = "Of one client, by its credential. 0: no limit." },
    { "limits.orders", "client_week", SETTING_COUNT, RANGE(0, 0, 1000000), .help = "The same in 7 days." },
    { "limits.orders", "zone_day", SETTING_COUNT, RANGE(0, 0, 1000000),
      .help = "Of one zone; renewals that are due do not count. 0: no limit." },
    { "limits.orders", "zone_week", SETTING_COUNT, RANGE(0, 0, 1000000), .help = "The same in 7 days." },

    { "visits", "enabled", SETTING_BOOL, "true", .help = "false records nothing, and forgets what there is in its time." },
    { "visits", "keep", SETTING_SECONDS, RANGE(7 * DAY, 0, 30 * DAY), .help = "A day's visits, after the day was closed." },
    { "visits", "labels", SETTING_SECONDS, RANGE(30 * DAY, 0, 366 * DAY),
      .help = "Until labels with fewer than k sources become \"other\"." },
    { "visits", "totals", SETTING_COUNT, RANGE(25, 1, 1200), .help = "Months that all figures are kept." },
    { "visits", "k", SETTING_COUNT, RANGE(10, 2, 1000), .help = "Fewer sources than this are few." },
    { "visits", "grace", SETTING_SECONDS, RANGE(5 * MINUTE, 0, HOUR),
      .help = "From midnight UTC until the key of the day is destroyed." },
    { "visits", "publish", SETTING_SECONDS, RANGE(HOUR, 15 * MINUTE, 24 * HOUR),
      .help = "From one writing of the analysts' file to the next." },

#define OF_EACH_BLOCK(role) \
    { role, "plugin", SETTING_STRING, "mandatory", .help = "The plugin's name, or the absolute path of its file." }, \
    { role, "listen", SETTING_STRINGS, "none", .help = "Addresses that the server binds for it." }, \
    { role, "max_parallel", SETTING_COUNT, RANGE(4, 1, 256), .help = "Threads of a plugin whose calls wait." }
    OF_EACH_BLOCK("ca"),
    { "ca", "cn_only", SETTING_BOOL, "false", .help = "It takes requests whose only name is the CN." },
    OF_EACH_BLOCK("dns"),
    OF_EACH_BLOCK("store"),
    OF_EACH_BLOCK("audit"),
    { "audit", "ledger", SETTING_STRING, "issuance",
      .help = "issuance (certificates, exactly) or visits (requests, by day only)." },
};
/* clang-format on */

const size_t settings_table_size = sizeof settings_table / sizeof *settings_table;

size_t settings_keys(const char *block, const char *keys[SETTINGS_KEYS_MOST])
{
    size_t n = 0;

    for (size_t i = 0; i < settings_table_size; i++)
        if (strcmp(settings_table[i].block, block) == 0) {
            assert(n < SETTINGS_KEYS_MOST);
            keys[n++] = settings_table[i].key;
        }
    return n;
}

const char *setting_type_name(enum setting_type type)
{
    static const char *const names[] = {
        [SETTING_STRING] = "string", [SETTING_PATH] = "path",       [SETTING_STRINGS] = "strings", [SETTING_BOOL] = "bool",
        [SETTING_COUNT] = "number",  [SETTING_SECONDS] = "seconds", [SETTING_BLOCK] = "block",
        [SETTING_RATE] = "rate",
    };

    return names[type];
}

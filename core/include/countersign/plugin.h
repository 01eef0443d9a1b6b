/*
 * What every Countersign plugin includes: errors, settings, the descriptor, and the services of the core.
 * The role headers (ca.h, dns.h, store.h, audit.h) include this one; http.h adds outgoing HTTP.
 *
 * Threads: `open`, `start`, `stop`, `close`, every callback and every timer run on the loop thread and must not wait.
 * Role functions run there too, unless the role says `blocking`: then they run in a worker thread and may wait. A service
 * may be called on the loop thread only, unless its comment says otherwise; the `_wait` forms in workers only.
 *
 * ABI: within one major version fields are only added at the end of structs and functions are only added. A struct that
 * begins with `size` is filled with the caller's sizeof; the reader looks at no more than that many bytes.
 */
#ifndef COUNTERSIGN_PLUGIN_H
#define COUNTERSIGN_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CS_ABI_MAJOR 1
#define CS_ABI_MINOR 1

#if defined(__GNUC__)
#define CS_EXPORT __attribute__((visibility("default")))
#define CS_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CS_EXPORT
#define CS_PRINTF(text, first)
#endif

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

/* What went wrong, in the sense of "who must act". One table (core/base/error.c) maps each to an HTTP status. */
enum cs_code {
    CS_OK = 0,
    CS_EINPUT,    /* the client's request is wrong: it must change it                          400 */
    CS_EDENIED,   /* well formed, but not allowed                                              403 */
    CS_ENOTFOUND, /* there is no such thing                                                    404 */
    CS_ECONFLICT, /* exists already, or somebody changed it meanwhile                          409 */
    CS_ELIMIT,    /* too many; retry_after_ms says when it will work                           429 */
    CS_EBUSY,     /* overloaded, no memory, or a resource is held by somebody else: try again  503 */
    CS_ETIMEDOUT, /* a deadline passed: try again                                              504 */
    CS_ESHUTDOWN, /* the server is stopping: try again                                         503 */
    CS_EUPSTREAM, /* a CA or DNS server failed or could not be reached: try again              502 */
    CS_EREFUSED,  /* a CA or DNS server understood and said no: trying again will not help     502 */
    CS_ECONFIG,   /* the configuration or the set-up of a server is wrong: the operator acts   500 */
    CS_EINTERNAL, /* a bug                                                                      500 */
    CS_ERESTART,  /* `resume` does not know this step: the core starts the order anew              */
    CS_ECREDENTIAL /* who asks must show a token or a certificate, or another one               401 */
};

/* Frozen for a major version. Lives in the caller's frame; nothing to free. Start with {0}. */
struct cs_error {
    enum cs_code code;
    char reason[40];        /* stable slug of the problem type, such as "name-not-allowed"; empty: the code's own slug */
    int64_t retry_after_ms; /* 0: nothing known                                                                         */
    char text[512];         /* one sentence for a person; never a secret, an address or bytes of a CSR                   */
};

/* Fill `err` (may be NULL) and return -1, so that failing is one line. Text over the size is cut. Any thread. */
CS_EXPORT int cs_fail(struct cs_error *err, enum cs_code code, const char *format, ...) CS_PRINTF(3, 4);

/* The same with a problem type of its own. `reason`: lower case letters, digits, hyphens. Any thread. */
CS_EXPORT int cs_fail_as(struct cs_error *err, enum cs_code code, const char *reason, const char *format, ...)
    CS_PRINTF(4, 5);

/* Put "CONTEXT: " before the text of an error and return -1. Any thread. */
CS_EXPORT int cs_fail_in(struct cs_error *err, const char *format, ...) CS_PRINTF(2, 3);

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

enum cs_option_type {
    CS_OPTION_END = 0,
    CS_OPTION_STRING,  /* const char *                                                                         */
    CS_OPTION_SECRET,  /* const char *; a value, "@FILE" or "$ENV"; shown as ***                               */
    CS_OPTION_INT,     /* int64_t, between min and max                                                         */
    CS_OPTION_BOOL,    /* bool                                                                                 */
    CS_OPTION_SECONDS, /* int64_t milliseconds; written as seconds (a number) or "250ms", "30s", "5m", "1h", "7d" */
    CS_OPTION_SIZE,    /* int64_t bytes; written as bytes or "64K", "1M"                                       */
    CS_OPTION_URL,     /* const char *; https, or http to a loopback address or beside `insecure = true`       */
    CS_OPTION_STRINGS  /* struct cs_strings; written as one string or a list of them                           */
};

struct cs_strings {
    const char *const *v;
    size_t n;
};

struct cs_option {
    enum cs_option_type type;
    const char *name;     /* the key in the configuration                                                */
    size_t offset;        /* of the field in the settings struct                                         */
    const char *fallback; /* as it would be written in the file; NULL: the setting is mandatory;
                             "": a string is then empty, never NULL, and a list has no entries           */
    int64_t min, max;     /* INT, SECONDS (ms), SIZE: both 0 means 0 to INT64_MAX                        */
    const char *help;     /* one line, for `countersign plugin help`                                     */
};

/* The type of the field is checked at compile time (not in C++). */
#if defined(__cplusplus)
#define CS_FIELD_(type, s, f) offsetof(s, f)
#else
#define CS_FIELD_(type, s, f) _Generic(&((s *)0)->f, type *: offsetof(s, f))
#endif
#define CS_FIELD_STRING(s, f)  CS_FIELD_(const char *, s, f)
#define CS_FIELD_SECRET(s, f)  CS_FIELD_(const char *, s, f)
#define CS_FIELD_URL(s, f)     CS_FIELD_(const char *, s, f)
#define CS_FIELD_INT(s, f)     CS_FIELD_(int64_t, s, f)
#define CS_FIELD_SECONDS(s, f) CS_FIELD_(int64_t, s, f)
#define CS_FIELD_SIZE(s, f)    CS_FIELD_(int64_t, s, f)
#define CS_FIELD_BOOL(s, f)    CS_FIELD_(bool, s, f)
#define CS_FIELD_STRINGS(s, f) CS_FIELD_(struct cs_strings, s, f)

/* CS_SETTING(STRING, struct settings, server, "127.0.0.1:53", "address and port of the primary") */
#define CS_SETTING(kind, s, field, fallback_, help_) CS_SETTING_RANGE(kind, s, field, fallback_, 0, 0, help_)
#define CS_SETTING_RANGE(kind, s, field, fallback_, min_, max_, help_) \
    { CS_OPTION_##kind, #field, CS_FIELD_##kind(s, field), fallback_, min_, max_, help_ }
#define CS_SETTINGS_END { CS_OPTION_END, NULL, 0, NULL, 0, 0, NULL }

/* ---- The descriptor ---------------------------------------------------------------------------------------------- */

struct cs_instance; /* one block of the configuration that names the plugin; owned by the core       */
struct cs_op;       /* one pending call; owned by the core, valid for the plugin until it finishes it */

struct cs_ca_ops;
struct cs_dns_ops;
struct cs_store_ops;
struct cs_audit_ops;

/* What a plugin exports, as one const object named cs_plugin. No file-level variables: several instances are normal. */
struct cs_plugin {
    uint16_t abi_major, abi_minor;     /* major must be equal; minor no newer than the server's            */
    uint32_t size, option_size;        /* sizeof where the plugin was built; copied by the smaller of both */
    const char *name;                  /* equal to the file's name without ".so"                           */
    const char *version;
    const char *summary;               /* one line, for `countersign plugin list`                          */
    const struct cs_option *settings;  /* ends with CS_SETTINGS_END                                        */
    size_t settings_size;              /* sizeof the settings struct                                       */

    /* `settings` was filled by the core and stays valid until after `close`. Needs: nothing. Fails: -1 and *err. */
    int (*open)(struct cs_instance *in, const void *settings, void **self, struct cs_error *err);
    int (*start)(void *self, struct cs_error *err); /* optional: the loop is about to run                      */
    void (*stop)(void *self);                       /* optional: no new calls after this; pending ops continue */
    void (*close)(void *self);                      /* every op is finished: free everything                   */

    const struct cs_ca_ops *ca; /* NULL: does not play that role */
    const struct cs_dns_ops *dns;
    const struct cs_store_ops *store;
    const struct cs_audit_ops *audit;

    /* optional: would `open` take these settings? Called by `countersign check` in place of `open`: it may read files, but
     * makes no connection, binds and writes nothing. `listen`: the block's addresses as written. Fails: -1 and *err. */
    int (*check)(const void *settings, const struct cs_strings *listen, struct cs_error *err);

    /* It runs other programs, or does what the server's sandbox does not allow (docs/plugin-guide.md): a server that loads it
     * runs without. */
    bool unconfined;
};

/* CS_PLUGIN("dns-example", "1.0", "what it does", .settings = …, .open = …, .close = …, .dns = &dns); */
#define CS_PLUGIN(name_, version_, summary_, ...)                                                             \
    extern CS_EXPORT const struct cs_plugin cs_plugin;                                                        \
    CS_EXPORT const struct cs_plugin cs_plugin = { .abi_major = CS_ABI_MAJOR, .abi_minor = CS_ABI_MINOR,      \
                                                   .size = sizeof(struct cs_plugin),                         \
                                                   .option_size = sizeof(struct cs_option), .name = name_,    \
                                                   .version = version_, .summary = summary_, __VA_ARGS__ }

/* ---- Pending calls ----------------------------------------------------------------------------------------------- */

/* Finish a pending call: exactly once, now or later, from any thread. The core continues later, on the loop, never inside
 * these. Everything passed is copied. A second finish aborts the program with the plugin's name. After its deadline an op
 * must still be finished; a chain that comes late is kept. */
CS_EXPORT void cs_op_ok(struct cs_op *op);
CS_EXPORT void cs_op_ok_data(struct cs_op *op, const void *data, size_t len);
CS_EXPORT void cs_op_err(struct cs_op *op, const struct cs_error *err);

typedef void cs_timer_fn(void *arg);
typedef void cs_done_fn(void *arg, const struct cs_error *err); /* err NULL: it worked */

/* Call `fn` on the loop in `ms` milliseconds, unless the op is finished before. Several may be pending. One at a time needs no
 * memory; without memory for a further one the op is cancelled. */
CS_EXPORT void cs_op_after(struct cs_op *op, int64_t ms, cs_timer_fn *fn, void *arg);

enum cs_cancel { CS_DEADLINE = 1, CS_SHUTDOWN };

/* `fn` is called at most once, on the loop, when the op's deadline passed or the server stops; the plugin then ends its work
 * and finishes the op soon. At shutdown any finish but a chain leaves the job open at its saved step. */
CS_EXPORT void cs_op_on_cancel(struct cs_op *op, void (*fn)(void *arg, enum cs_cancel why), void *arg);

/* When the op's deadline is, on the clock of cs_now_ms(). Any thread. */
CS_EXPORT int64_t cs_op_deadline_ms(const struct cs_op *op);

/* Say where the work is, for the client that waits and for the log. `name` is copied; at most 31 bytes. Any thread. */
CS_EXPORT void cs_op_step(struct cs_op *op, const char *name);

/* Make a step durable: `done` runs on the loop when step and data are committed, or with the reason why not; never within this
 * call. Without memory even for that the op is cancelled instead. Needs an op of `sign` or `resume`. Copies. An irreversible
 * step waits for it. At most 31 bytes of name and 64 KiB of data. A later save replaces an earlier one.
 * `done` NULL: nobody waits. It costs no commit of its own but is committed together with the next thing that is waited for (a
 * save with a `done`, a challenge put), or within half a second. What comes next never becomes durable without it while the
 * store is only busy or full; where the store refuses the job's row itself (it was edited meanwhile), that is logged, and the
 * next save with a `done` fails. A crash before the commit loses it. */
CS_EXPORT void cs_op_save(struct cs_op *op, const char *step, const void *data, size_t len, cs_done_fn *done, void *arg);
CS_EXPORT int cs_op_save_wait(struct cs_op *op, const char *step, const void *data, size_t len, struct cs_error *err);

/* Keep the CA's own words (an RFC 7807 problem document, JSON) with the job, for the client and the operator. Copied; over
 * 16 KiB it is dropped. Any thread. */
CS_EXPORT void cs_op_problem(struct cs_op *op, const char *json, size_t len);

/* ---- Small durable state of an instance -------------------------------------------------------------------------- */

/* `data` is valid inside the callback only; NULL with len 0 when the key is not there. Keys: at most 127 bytes of printable
 * ASCII. Values: at most 64 KiB. They belong to the instance's name and role. */
typedef void cs_keep_fn(void *arg, const void *data, size_t len, const struct cs_error *err);
CS_EXPORT void cs_keep_get(struct cs_instance *in, const char *key, cs_keep_fn *done, void *arg);
CS_EXPORT void cs_keep_put(struct cs_instance *in, const char *key, const void *data, size_t len, cs_done_fn *done,
                           void *arg); /* data NULL: forget it */

/* *data is the caller's, to be released with free(); NULL when the key is not there. */
CS_EXPORT int cs_keep_get_wait(struct cs_instance *in, const char *key, void **data, size_t *len, struct cs_error *err);
CS_EXPORT int cs_keep_put_wait(struct cs_instance *in, const char *key, const void *data, size_t len, struct cs_error *err);

/* ---- Sockets, timers, time, log ---------------------------------------------------------------------------------- */

struct cs_watch;
enum { CS_READ = 1, CS_WRITE = 2 };
typedef void cs_watch_fn(void *arg, int fd, int events);

/* Call `fn` on the loop whenever `fd` (non-blocking, the caller's) is ready, until cs_watch_end(). NULL: no memory. */
CS_EXPORT struct cs_watch *cs_watch_fd(struct cs_instance *in, int fd, int events, cs_watch_fn *fn, void *arg);
CS_EXPORT void cs_watch_end(struct cs_watch *watch); /* NULL is allowed; the fd stays open */

/* The socket bound for entry `index` (from 0) of the block's `listen`, of `type` SOCK_DGRAM or SOCK_STREAM (listening),
 * non-blocking. The core's: never close it. -1 when there is no such entry. */
CS_EXPORT int cs_listen(struct cs_instance *in, size_t index, int type);

struct cs_timer;
/* Call `fn` once on the loop in `ms`. The handle is dead once `fn` was called or it was stopped. NULL: no memory. */
CS_EXPORT struct cs_timer *cs_timer_start(struct cs_instance *in, int64_t ms, cs_timer_fn *fn, void *arg);
CS_EXPORT void cs_timer_stop(struct cs_timer *timer); /* NULL is allowed */

CS_EXPORT int64_t cs_now_ms(void);  /* monotonic, for deadlines. Any thread.       */
CS_EXPORT int64_t cs_wall_ms(void); /* since 1970, UTC, for records. Any thread.   */

enum cs_log_level { CS_LOG_ERROR = 1, CS_LOG_WARN, CS_LOG_INFO, CS_LOG_DEBUG };

/* One line, one fact: a sentence, then key=value. The core adds time and instance (and for an op: the job). Any thread. */
CS_EXPORT void cs_log(struct cs_instance *in, enum cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);
CS_EXPORT void cs_op_log(struct cs_op *op, enum cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);

/* The instance's name in the configuration ("le", "builtin"). Valid as long as the instance. Any thread. */
CS_EXPORT const char *cs_instance_name(const struct cs_instance *in);

/* The state folder of this instance, made on first call, mode 0700. NULL and *err when that fails. Valid as long as the
 * instance. In `open`. */
CS_EXPORT const char *cs_state_dir(struct cs_instance *in, struct cs_error *err);

/* Since ABI 1.1. True: the instance is opened to look around (`countersign doctor`), perhaps beside a running server: `open`
 * makes and changes no file, the state folder may not be there, and nothing is changed at a peer. In `open` and later. */
CS_EXPORT bool cs_only_looks(const struct cs_instance *in);

/* Since ABI 1.1. Tell the core of a key that the instance holds: an account's, a CA's. `spki`: the public half as
 * SubjectPublicKeyInfo in DER (RFC 5280 4.1.2.7), what i2d_PUBKEY() makes. While the instance is open, a CSR with that key is
 * refused ("own-key"). Only its hash is kept; at most 8 keys, a second time does no harm. Loop thread, from `open` on. */
CS_EXPORT int cs_own_key(struct cs_instance *in, const void *spki, size_t len, struct cs_error *err);

#ifdef __cplusplus
}
#endif
#endif

/*
 * The plugin ABI as version 1.0 declared it, under names of its own: what a plugin that was built then has inside. This file
 * never changes as long as the major version is 1; a server of any 1.x must load v1_0.c and agree with every offset here.
 */
#ifndef TESTS_ABI_V1_0_H
#define TESTS_ABI_V1_0_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum v1_code {
    V1_OK = 0, V1_EINPUT = 1, V1_EDENIED = 2, V1_ENOTFOUND = 3, V1_ECONFLICT = 4, V1_ELIMIT = 5, V1_EBUSY = 6, V1_ETIMEDOUT = 7,
    V1_ESHUTDOWN = 8, V1_EUPSTREAM = 9, V1_EREFUSED = 10, V1_ECONFIG = 11, V1_EINTERNAL = 12, V1_ERESTART = 13
};

struct v1_error {
    enum v1_code code;
    char reason[40];
    int64_t retry_after_ms;
    char text[512];
};

enum v1_option_type {
    V1_OPTION_END = 0, V1_OPTION_STRING = 1, V1_OPTION_SECRET = 2, V1_OPTION_INT = 3, V1_OPTION_BOOL = 4, V1_OPTION_SECONDS = 5,
    V1_OPTION_SIZE = 6, V1_OPTION_URL = 7, V1_OPTION_STRINGS = 8
};

struct v1_strings {
    const char *const *v;
    size_t n;
};

struct v1_option {
    enum v1_option_type type;
    const char *name;
    size_t offset;
    const char *fallback;
    int64_t min, max;
    const char *help;
};

struct v1_txt_change {
    uint32_t size;
    const char *zone, *owner;
    const char *const *want;
    size_t n_want;
    const char *const *gone;
    size_t n_gone;
    uint32_t ttl;
    int64_t expires_ms;
};

struct v1_dns_ops {
    uint32_t size;
    bool blocking;
    void (*set_txt)(void *self, const struct v1_txt_change *change, void *op);
};

struct v1_order {
    uint32_t size;
    const char *id;
    const uint8_t *csr;
    size_t csr_len;
    const char *const *names;
    size_t n_names;
    const char *profile;
    const char *replaces;
    uint8_t spki_sha256[32];
};

struct v1_chain {
    uint32_t size;
    const char *pem;
    size_t len;
    const char *url;
    const char *const *alternates;
    size_t n_alternates;
    const char *profile;
};

enum v1_challenge_type { V1_DNS_01 = 1 };

struct v1_challenge {
    uint32_t size;
    enum v1_challenge_type type;
    const char *name, *token, *value;
    int64_t expires_ms;
};

struct v1_ca_ops {
    uint32_t size;
    bool blocking;
    void (*sign)(void *self, const struct v1_order *order, void *op);
    void (*resume)(void *self, const struct v1_order *order, const char *step, const void *data, size_t len, void *op);
    void (*revoke)(void *self, const char *pem, size_t len, int reason, void *op);
    void (*renewal_info)(void *self, const char *pem, size_t len, void *op);
    void (*status)(void *self, void *op);
};

struct v1_event {
    uint32_t size;
    int64_t number, time_ms;
    const char *kind, *json;
    size_t json_len;
};

struct v1_audit_ops {
    uint32_t size;
    bool blocking;
    int (*append)(void *self, const struct v1_event *events, size_t n, struct v1_error *err);
};

struct v1_plugin {
    uint16_t abi_major, abi_minor;
    uint32_t size, option_size;
    const char *name, *version, *summary;
    const struct v1_option *settings;
    size_t settings_size;
    int (*open)(void *in, const void *settings, void **self, struct v1_error *err);
    int (*start)(void *self, struct v1_error *err);
    void (*stop)(void *self);
    void (*close)(void *self);
    const struct v1_ca_ops *ca;
    const struct v1_dns_ops *dns;
    const void *store;
    const struct v1_audit_ops *audit;
};

enum v1_cancel { V1_DEADLINE = 1, V1_SHUTDOWN = 2 };
enum v1_log_level { V1_LOG_ERROR = 1, V1_LOG_WARN = 2, V1_LOG_INFO = 3, V1_LOG_DEBUG = 4 };

#endif

/*
 * What the core's services need to know of the plugin instance that calls them. plugin/instance.c makes and owns it; the
 * services in engine/ and records/ read it.
 */
#ifndef ENGINE_HOST_H
#define ENGINE_HOST_H

#include <countersign/http.h>

/* Who sees each exchange of an instance over HTTP, and may hold it back (request/ca_gate.c). */
struct http_guard {
    /* -1: it is not sent, and ends with *err. `*mark` is handed back at its end. */
    int (*admit)(void *arg, uint64_t *mark, struct cs_error *err);
    /* Once for each that was admitted, before its caller hears; as cs_http_fn. Both NULL: it was given up, or never sent. */
    void (*ended)(void *arg, uint64_t mark, const struct cs_http_reply *reply, const struct cs_error *err);
    void *arg;
};

struct http_client;
struct loop;
struct listens;

#define OWN_KEYS_MOST 8
#define OWN_KEY_HASH  32 /* bytes of SHA-256 */

struct cs_instance {
    const char *name;   /* in the configuration: "le" */
    const char *role;   /* the section it stands in: "ca", "dns", "store", "audit" */
    const char *who;    /* for the log: "ca.le" */
    struct loop *loop;
    struct http_client *http;
    const struct http_guard *guard; /* NULL: none */
    void *keep;              /* struct keep of records/, NULL while there is no store */
    struct listens *listens; /* sockets bound for this block, or NULL */
    const char *state_root;  /* the state folder */
    bool only_looks;         /* see cs_only_looks() */
    char *state_dir;         /* made by cs_state_dir(); who made the instance frees it */
    uint8_t own_keys[OWN_KEYS_MOST][OWN_KEY_HASH]; /* of cs_own_key(); own_key.c has them */
    size_t n_own_keys;
    size_t pending;          /* exchanges and kept values that will call it back; the loop's */
};

#endif

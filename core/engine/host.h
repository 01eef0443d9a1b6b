/*
 * What the core's services need to know of the plugin instance that calls them. plugin/instance.c makes and owns it; the
 * services in engine/ and records/ read it.
 */
#ifndef ENGINE_HOST_H
#define ENGINE_HOST_H

#include <countersign/plugin.h>

struct http_client;
struct loop;
struct listens;

struct cs_instance {
    const char *name;   /* in the configuration: "le" */
    const char *role;   /* the section it stands in: "ca", "dns", "store", "audit" */
    const char *who;    /* for the log: "ca.le" */
    struct loop *loop;
    struct http_client *http;
    void *keep;              /* struct keep of records/, NULL while there is no store */
    struct listens *listens; /* sockets bound for this block, or NULL */
    const char *state_root;  /* the state folder */
    char *state_dir;         /* made by cs_state_dir(); who made the instance frees it */
};

#endif

/* What the faked services of store_host.c are told and give. */
#ifndef FAKES_STORE_HOST_H
#define FAKES_STORE_HOST_H

#include <countersign/plugin.h>

extern struct store_host {
    const char *folder;      /* of cs_state_dir(); NULL: it fails */
    enum cs_log_level level; /* of the last line */
    char lines[4096];        /* of cs_log() since a test emptied it */
} store_host;

#endif

/*
 * What a behaviour of the conformance suite works with: changes through the plugin, looks at the server. Every value that was
 * asked for is noted, so that all can be taken away afterwards. Used by conformance.c and conformance_behaviours.c.
 */
#ifndef COMMAND_TRIAL_H
#define COMMAND_TRIAL_H

#include "command/conformance.h"

enum {
    TRIAL_VALUE = 43, /* a SHA-256 hash in base64url, as every value of dns-01 is */
    TRIAL_LIST = 16
};

/* An owner that the behaviour under way changes. */
struct owner_tried {
    struct owner_tried *next;
    char name[256]; /* absolute */
    char **values;  /* every one that it ever asked for */
    size_t n_values;
};

struct trial {
    struct lone *lone;
    const struct conformance_plan *plan;
    char zone[256];             /* absolute */
    char mark[16];              /* in each name, so that no two runs meet */
    struct owner_tried *owners; /* of the behaviour under way */
    bool interrupted;
    size_t changes; /* so many did it make */
    int64_t set_at_us, slowest_us, visible_us;
};

int trial_begin(struct trial *t, struct lone *lone, const struct conformance_plan *plan, struct cs_error *err);

/* Take away every value that the behaviour asked for, and see that it is gone. Forgets the owners, whatever happens. */
int trial_clean(struct trial *t, struct cs_error *err);

/* "_acme-challenge.WORD-MARK.ZONE." NULL and *err: no memory. Lives until trial_clean(). */
struct owner_tried *trial_owner(struct trial *t, const char *word, struct cs_error *err);
/* The longest name that the zone allows, of the longest labels. */
struct owner_tried *trial_long_owner(struct trial *t, struct cs_error *err);

/* A new random value for that owner; it lives as long. NULL and *err: no memory. */
const char *trial_value(struct owner_tried *owner, struct cs_error *err);

/* A few values for a change or a look. */
struct few {
    const char *v[TRIAL_LIST];
    size_t n;
};
#define FEW(...) (&(const struct few){ { __VA_ARGS__ }, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *) })
#define NONE     (&(const struct few){ { NULL }, 0 })

/* A change by the plugin. -1 and *err: it failed. */
int trial_set(struct trial *t, const struct owner_tried *owner, const struct few *want, const struct few *gone,
              struct cs_error *err);

/* The same for a zone of the table that has the owner, too, and lies in the one that is played in. */
int trial_set_below(struct trial *t, const struct owner_tried *owner, const struct few *want, const struct few *gone,
                    struct cs_error *err);

/* Does the server have each value of `served` exactly once, and none of `absent`, by UDP and by TCP, soon enough? */
int trial_see(struct trial *t, const struct owner_tried *owner, const struct few *served, const struct few *absent,
              struct cs_error *err);

/* At every owner at once: serve all of its values, or none. */
int trial_set_all(struct trial *t, bool gone, struct cs_error *err);
int trial_see_all(struct trial *t, bool gone, struct cs_error *err);

#endif

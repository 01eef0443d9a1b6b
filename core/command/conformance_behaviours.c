/*
 * What every DNS plugin has to show, a function for each; see <countersign/dns.h> for the contract. Each makes changes through
 * the plugin and looks at the server after them. To add one: its function, its line in the table at the end.
 */
#include "command/conformance_behaviours.h"

#include <stdio.h>

enum { OWNERS = 100, VALUES = 100, BIG_SET = 12 /* 56 bytes each: more than the 512 of RFC 1035 4.2.1 */ };

/* An owner and one to three values, as most behaviours begin. */
struct scene {
    struct owner_tried *owner;
    const char *a, *b, *c;
};

static int set_scene(struct scene *scene, struct trial *t, const char *word, struct cs_error *err)
{
    scene->owner = trial_owner(t, word, err);
    if (!scene->owner)
        return -1;
    scene->a = trial_value(scene->owner, err);
    scene->b = scene->a ? trial_value(scene->owner, err) : NULL;
    scene->c = scene->b ? trial_value(scene->owner, err) : NULL;
    return scene->c ? 0 : -1;
}

/* ---- Adding ---- */

static int add(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "add", err) < 0 || trial_set(t, s.owner, FEW(s.a), NONE, err) < 0)
        return -1;
    return trial_see(t, s.owner, FEW(s.a), FEW(s.b, s.c), err);
}

static int add_twice(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "twice", err) < 0 || trial_set(t, s.owner, FEW(s.a), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.a), NONE, err) < 0)
        return -1;
    return trial_see(t, s.owner, FEW(s.a), NONE, err);
}

static int two_values(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "two", err) < 0 || trial_set(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 ||
        trial_see(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 || trial_set(t, s.owner, FEW(s.a), FEW(s.b), err) < 0)
        return -1;
    return trial_see(t, s.owner, FEW(s.a), FEW(s.b), err);
}

static int exchange(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "exchange", err) < 0 || trial_set(t, s.owner, FEW(s.a), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.b), FEW(s.a), err) < 0)
        return -1;
    return trial_see(t, s.owner, FEW(s.b), FEW(s.a), err);
}

/* A value that no later change names is somebody else's: neither a change nor the last removal of ours touches it. */
static int foreign_value(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "foreign", err) < 0 || trial_set(t, s.owner, FEW(s.c), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.a), NONE, err) < 0 || trial_see(t, s.owner, FEW(s.c, s.a), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.b), FEW(s.a), err) < 0 || trial_see(t, s.owner, FEW(s.c, s.b), FEW(s.a), err) < 0 ||
        trial_set(t, s.owner, NONE, FEW(s.b), err) < 0)
        return -1;
    return trial_see(t, s.owner, FEW(s.c), FEW(s.a, s.b), err);
}

/* ---- Removing ---- */

static int remove_value(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "remove", err) < 0 || trial_set(t, s.owner, FEW(s.a), NONE, err) < 0 ||
        trial_see(t, s.owner, FEW(s.a), NONE, err) < 0 || trial_set(t, s.owner, NONE, FEW(s.a), err) < 0)
        return -1;
    return trial_see(t, s.owner, NONE, FEW(s.a), err);
}

/* At a name that does not exist, and beside a value that does. */
static int remove_missing(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "missing", err) < 0 || trial_set(t, s.owner, NONE, FEW(s.a), err) < 0 ||
        trial_see(t, s.owner, NONE, FEW(s.a), err) < 0 || trial_set(t, s.owner, FEW(s.b), FEW(s.a), err) < 0 ||
        trial_set(t, s.owner, FEW(s.b), FEW(s.a), err) < 0)
        return -1;
    return trial_see(t, s.owner, FEW(s.b), FEW(s.a), err);
}

/* ---- Many ---- */

static int many_owners(struct trial *t, struct cs_error *err)
{
    for (int i = 0; i < OWNERS; i++) {
        struct owner_tried *owner;
        char word[16];

        snprintf(word, sizeof word, "n%d", i);
        owner = trial_owner(t, word, err);
        if (!owner || !trial_value(owner, err))
            return -1;
    }
    if (trial_set_all(t, false, err) < 0 || trial_see_all(t, false, err) < 0 || trial_set_all(t, true, err) < 0)
        return -1;
    return trial_see_all(t, true, err);
}

/* Each comes as the one before goes, as orders for one name follow each other. */
static int many_values(struct trial *t, struct cs_error *err)
{
    struct owner_tried *owner = trial_owner(t, "values", err);
    const char *before = NULL;

    if (!owner)
        return -1;
    for (int i = 0; i < VALUES; i++) {
        const char *value = trial_value(owner, err);

        if (!value || trial_set(t, owner, FEW(value), before ? FEW(before) : NONE, err) < 0 ||
            trial_see(t, owner, FEW(value), before ? FEW(before) : NONE, err) < 0)
            return -1;
        before = value;
    }
    if (trial_set(t, owner, NONE, FEW(before), err) < 0)
        return -1;
    return trial_see_all(t, true, err);
}

static int big_set(struct trial *t, struct cs_error *err)
{
    struct owner_tried *owner = trial_owner(t, "big", err);

    for (int i = 0; i < BIG_SET; i++)
        if (!owner || !trial_value(owner, err))
            return -1;
    if (trial_set_all(t, false, err) < 0)
        return -1;
    return trial_see_all(t, false, err);
}

/* ---- Names ---- */

static int long_names(struct trial *t, struct cs_error *err)
{
    struct owner_tried *owner = trial_long_owner(t, err);
    const char *a = owner ? trial_value(owner, err) : NULL, *b = a ? trial_value(owner, err) : NULL;

    if (!b || trial_set(t, owner, FEW(a, b), NONE, err) < 0 || trial_see(t, owner, FEW(a, b), NONE, err) < 0 ||
        trial_set(t, owner, FEW(a), FEW(b), err) < 0)
        return -1;
    return trial_see(t, owner, FEW(a), FEW(b), err);
}

/* RFC 8555 8.4: *.x and x have their values at one owner, each of its own authorization, and each leaves on its own. */
static int wildcard(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "wildcard", err) < 0 || trial_set(t, s.owner, FEW(s.a), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 || trial_see(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.b), FEW(s.a), err) < 0 || trial_see(t, s.owner, FEW(s.b), FEW(s.a), err) < 0 ||
        trial_set(t, s.owner, NONE, FEW(s.b), err) < 0)
        return -1;
    return trial_see(t, s.owner, NONE, FEW(s.a, s.b), err);
}

/* Two zones of the table have the owner, as example.com and www.example.com have that of www.example.com: a change for one of
 * them does not name what is there for the other, and one may set what the other has just taken away. */
static int overlapping_zones(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "zones", err) < 0 || trial_set(t, s.owner, FEW(s.a), NONE, err) < 0 ||
        trial_set_below(t, s.owner, FEW(s.b), NONE, err) < 0 || trial_see(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 ||
        trial_set(t, s.owner, FEW(s.c), FEW(s.a), err) < 0 || trial_see(t, s.owner, FEW(s.b, s.c), FEW(s.a), err) < 0 ||
        trial_set_below(t, s.owner, FEW(s.a), FEW(s.b), err) < 0 ||
        trial_see(t, s.owner, FEW(s.c, s.a), FEW(s.b), err) < 0 || trial_set(t, s.owner, NONE, FEW(s.c), err) < 0 ||
        trial_see(t, s.owner, FEW(s.a), FEW(s.b, s.c), err) < 0 || trial_set_below(t, s.owner, NONE, FEW(s.a), err) < 0)
        return -1;
    return trial_see(t, s.owner, NONE, FEW(s.a, s.b, s.c), err);
}

/* ---- Restarts ---- */

/* The server repeats what should be served after a start; what is over then may be taken away by the next run only. */
static int repeat_after_reopen(struct trial *t, struct cs_error *err)
{
    struct scene s;

    if (set_scene(&s, t, "reopen", err) < 0 || trial_set(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 ||
        trial_see(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 || lone_reopen(t->lone, err) < 0 ||
        trial_set(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 || trial_see(t, s.owner, FEW(s.a, s.b), NONE, err) < 0 ||
        lone_reopen(t->lone, err) < 0 || trial_set(t, s.owner, FEW(s.b), FEW(s.a), err) < 0 ||
        trial_see(t, s.owner, FEW(s.b), FEW(s.a), err) < 0 || lone_reopen(t->lone, err) < 0 ||
        trial_set(t, s.owner, NONE, FEW(s.b), err) < 0)
        return -1;
    return trial_see(t, s.owner, NONE, FEW(s.a, s.b), err);
}

const struct behaviour conformance_behaviours[] = {
    { "add",                 add,                 "a value is served, and nothing else" },
    { "add-twice",           add_twice,           "the same change again does no harm: the value is served once" },
    { "two-values",          two_values,          "two values at one owner; one goes, the other stays" },
    { "exchange",            exchange,            "one value comes and another goes in one change" },
    { "foreign-value",       foreign_value,       "a value of another writer at the same owner survives changes and removals" },
    { "remove",              remove_value,        "a value that was served is gone" },
    { "remove-missing",      remove_missing,      "removing what is not there is no error and touches nothing else" },
    { "100-owners",          many_owners,         "100 owners changed at once, and back" },
    { "100-values",          many_values,         "100 values at one owner one after another; none is left behind" },
    { "big-set",             big_set,             "12 values at one owner: more than fits into a UDP answer of 512 bytes" },
    { "long-names",          long_names,          "labels of 63 characters, a name of 253" },
    { "wildcard",            wildcard,            "*.x and x at once: two values, which leave one by one" },
    { "overlapping-zones",   overlapping_zones,   "two zones of the table have the owner; each changes its own values only" },
    { "repeat-after-reopen", repeat_after_reopen, "after a restart values can be repeated, and those of earlier runs removed" },
    { NULL, NULL, NULL },
};

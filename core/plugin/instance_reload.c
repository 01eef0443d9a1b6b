/*
 * How the instances of one file give way to those of the next, without a call that fails; see the part on reloading in
 * instance.h. Called by command/serve_reload.c.
 */
#include "plugin/instance_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/log.h"

/* A DNS server begins to answer at the latest then, whatever its predecessor or a value waits for. */
enum { HAND_OVER_MS = 60 * 1000 };

/* The one that a block of that role and name brought to life. */
static struct instance *namesake(const struct instances *all, const struct instance *of)
{
    for (size_t i = 0; i < all->settings->n_blocks; i++)
        if (instances_own(all, i) && all->of_block[i]->block.role == of->block.role &&
            strcmp(all->of_block[i]->in.name, of->in.name) == 0)
            return all->of_block[i];
    return NULL;
}

/* Does it play every role of the other? */
static bool can_replace(const struct instance *heir, const struct instance *instance)
{
    const struct cs_plugin *old = &instance->plugin.about, *new = &heir->plugin.about;

    return (!old->ca || new->ca) && (!old->dns || new->dns) && (!old->audit || new->audit);
}

struct instance *instances_heir(const struct instances *all, struct instance *before)
{
    struct instance *heir = namesake(all, before);

    return heir && can_replace(heir, before) ? heir : NULL;
}

/* ---- Prepare ---- */

static bool same_listen(const struct block_settings *a, const struct block_settings *b)
{
    size_t i = 0;

    while (i < a->n_listen && i < b->n_listen && strcmp(a->listen[i], b->listen[i]) == 0)
        i++;
    return i == a->n_listen && i == b->n_listen;
}

static bool says_the_same(const struct instance *a, const struct instance *b)
{
    return strcmp(a->plugin.path, b->plugin.path) == 0 && options_are_equal(a->options, b->options) &&
           same_listen(&a->block, &b->block) && a->block.max_parallel == b->block.max_parallel &&
           a->block.cn_only == b->block.cn_only && a->block.ledger == b->block.ledger;
}

void instances_keep(struct instances *fresh, struct instances *now)
{
    const struct settings *settings = fresh->settings;

    for (size_t i = 0; i < settings->n_blocks; i++) {
        struct instance *there = instances_own(fresh, i) ? namesake(now, fresh->of_block[i]) : NULL;

        if (!there || !says_the_same(there, fresh->of_block[i]))
            continue;
        instance_free(fresh->of_block[i]);
        fresh->of_block[i] = there;
        there->is_kept = true;
    }
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (!instances_own(fresh, i))
            fresh->of_block[i] = fresh->of_block[settings->blocks[i].same - settings->blocks];
}

static void name_in(struct text *list, const struct instance *instance)
{
    text_addf(list, "%s%s", list->len ? " " : "", instance->in.who);
}

void instances_compare(const struct instances *fresh, const struct instances *now, struct text *added, struct text *changed,
                       struct text *removed)
{
    for (size_t i = 0; i < fresh->settings->n_blocks; i++)
        if (instances_own(fresh, i) && !fresh->of_block[i]->is_kept)
            name_in(namesake(now, fresh->of_block[i]) ? changed : added, fresh->of_block[i]);
    for (size_t i = 0; i < now->settings->n_blocks; i++)
        if (instances_own(now, i) && !namesake(fresh, now->of_block[i]))
            name_in(removed, now->of_block[i]);
}

static int begin_one(struct instance *instance, const struct instance *before, void *keep, struct cs_error *err)
{
    instance->in.keep = keep;
    return instance_bind(instance, before, err) < 0 || instance_open(instance, err) < 0 ? -1 : instance_start(instance, err);
}

int instances_begin(struct instances *fresh, struct instances *now, struct cs_error *err)
{
    const struct instance *store = instances_at(now, ROLE_STORE, 0);

    for (size_t i = 0; i < fresh->settings->n_blocks; i++) {
        struct instance *instance = fresh->of_block[i];

        if (instances_own(fresh, i) && !instance->is_kept &&
            begin_one(instance, namesake(now, instance), store ? store->in.keep : NULL, err) < 0)
            return -1;
    }
    return 0;
}

void instances_drop(struct instances *fresh)
{
    for (size_t i = 0; fresh && i < fresh->settings->n_blocks; i++) {
        struct instance *instance = fresh->of_block[i];

        if (!instances_own(fresh, i))
            continue;
        if (!instance->is_kept) {
            instance_end(instance);
            instance_free(instance);
        } else {
            instance->is_kept = false;
        }
    }
    if (fresh)
        free(fresh->of_block);
    free(fresh);
}

/* ---- Switch ---- */

/* Its words were those of a file that is gone. */
static void leave(struct instances *all, struct instance *instance)
{
    struct instance *heir = instances_heir(all, instance);

    instance->block.plugin = NULL;
    instance->block.listen = NULL;
    instance->block.n_listen = 0;
    instance->block.at = NULL;
    instance->is_replaced = heir != NULL;
    instance->heir = heir && heir->plugin.dns.caught_up ? heir : NULL;
    instance->hands_over_by_ms = cs_now_ms() + HAND_OVER_MS;
    instance->next = all->leaving;
    all->leaving = instance;
}

void instances_switch(struct instances *now, struct instances *fresh)
{
    struct instance **before = now->of_block;
    struct config *config = now->config;

    now->of_block = fresh->of_block;
    now->config = fresh->config;
    fresh->of_block = before;
    fresh->config = config;
    for (size_t i = 0; i < now->settings->n_blocks; i++)
        if (instances_own(now, i) && !namesake(fresh, now->of_block[i]))
            instance_catch_up(now->of_block[i]); /* without a predecessor it knows all there is to know */
    for (size_t i = 0; i < fresh->settings->n_blocks; i++)
        if (instances_own(fresh, i) && !fresh->of_block[i]->is_kept)
            leave(now, fresh->of_block[i]);
    for (size_t i = 0; i < now->settings->n_blocks; i++)
        if (instances_own(now, i)) {
            now->of_block[i]->is_kept = false;
            now->of_block[i]->block = now->settings->blocks[i];
        }
    free(fresh->of_block);
    free(fresh);
}

/* ---- Those that leave ---- */

static bool may_go(const struct instance *instance, const struct instances_watch *watch)
{
    if (!instance_is_quiet(instance))
        return false;
    if (instance->heir)
        return watch->is_told(watch->arg, instance->heir);
    return instance->is_replaced || !watch->is_used(watch->arg, instance);
}

static void go(struct instance *instance, const struct instances_watch *watch)
{
    watch->is_going(watch->arg, instance);
    if (instance->heir)
        instance_catch_up(instance->heir);
    instance_end(instance);
    log_line(CS_LOG_INFO, instance->in.who, "", "%s",
             instance->is_replaced ? "closed: the instance with the new settings does it all now"
                                   : "closed: it is not in the configuration any more, and nothing needs it");
    instance_free(instance);
}

static bool is_overdue(const struct instance *instance)
{
    return instance->heir && cs_now_ms() >= instance->hands_over_by_ms;
}

bool instances_settle(struct instances *all, const struct instances_watch *watch)
{
    struct instance **at = &all->leaving, *instance;
    bool hand_over = false;

    while ((instance = *at)) {
        if (may_go(instance, watch)) {
            *at = instance->next;
            go(instance, watch);
            continue;
        }
        if (is_overdue(instance)) {
            log_line(CS_LOG_WARN, instance->in.who, "", "the new instance answers before it was told everything");
            instance_catch_up(instance->heir);
            instance->heir = NULL;
        }
        hand_over = hand_over || instance->heir;
        at = &instance->next;
    }
    return hand_over;
}

size_t instances_leaving(const struct instances *all)
{
    size_t n = 0;

    for (const struct instance *instance = all->leaving; instance; instance = instance->next)
        n++;
    return n;
}

void instances_free_leaving(struct instances *all)
{
    struct instance *instance;

    while ((instance = all->leaving)) {
        all->leaving = instance->next;
        instance_end(instance);
        instance_free(instance);
    }
}

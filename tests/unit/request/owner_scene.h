/*
 * One owner name, what is wanted and told there, and a back end that may fail or leave: for the tests of owner.c. Include after
 * cmocka.h.
 */
#ifndef TESTS_OWNER_SCENE_H
#define TESTS_OWNER_SCENE_H

#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"
#include "request/owner.h"

#define OWNER "_acme-challenge.a.x.example."

static struct rig rig;
struct told {
    int served, failed, gone;
    char last_error[512];
};

static struct owners *owners;
static struct told told;

static void on_told(void *arg, struct value *value, const struct cs_error *err)
{
    (void)arg;
    if (value->state == VALUE_GONE) {
        told.gone++;
        owners_forget_value(value);
    } else if (err) {
        told.failed++;
        memcpy(told.last_error, err->text, sizeof told.last_error);
    } else {
        told.served++;
    }
}

/* Stands in for the instance of a new file. */
struct instance *__wrap_instances_heir(const struct instances *all, struct instance *before);
static struct instance *heir;
static bool has_left;

struct instance *__wrap_instances_heir(const struct instances *all, struct instance *before)
{
    (void)all;
    return has_left ? NULL : heir ? heir : before;
}

static void begin(const char *dns_words)
{
    rig_up(&rig, dns_words);
    told = (struct told){ 0 };
    owners = owners_new(rig.heart, on_told, NULL);
    assert_non_null(owners);
}

static int set_up(void **state)
{
    (void)state;
    heir = NULL;
    has_left = false;
    begin("");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_hurry_until(&rig, 20 * 1000, owners_busy(owners) == 0);
    owners_free(owners);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static void anew(const char *dns_words)
{
    owners_free(owners);
    rig_down(&rig);
    begin(dns_words);
}

static struct value *want_as(const char *dns, const char *job, const char *text, int64_t lives_ms)
{
    struct value *value = owners_value(owners, instances_find(rig.instances, ROLE_DNS, dns), "x.example.", OWNER, job,
                                       "a.x.example", text, cs_wall_ms() + lives_ms);

    value->state = VALUE_WANTED;
    owner_push(value->owner);
    return value;
}

static struct value *want(const char *job, const char *text)
{
    return want_as("fake", job, text, 3600 * 1000);
}

static void drop(struct value *value)
{
    value->state = VALUE_GONE;
    owner_push(value->owner);
}

static void assert_served(const char *lines)
{
    char *served = rig_served(&rig, OWNER);

    if (lines)
        assert_string_equal(served, lines);
    else
        assert_null(served);
    free(served);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif

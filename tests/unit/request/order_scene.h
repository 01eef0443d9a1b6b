/*
 * One zone with one subject, who asks for its names, and what he hears: for the tests of an order's life. Include after
 * cmocka.h.
 */
#ifndef TESTS_ORDER_SCENE_H
#define TESTS_ORDER_SCENE_H

#include "fakes/rig.h"

#define SUBJECT "CN=a.x.example"
#define OWNER   "_acme-challenge.a.x.example."
#define VALUE   "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0" /* what fake-ca wants to see there */

static struct rig rig;
static struct rig_answer one, two;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_answer_free(&one);
    rig_answer_free(&two);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

/* The subject's orders do what `profile` says (fake_ca.c). */
static void subject(const char *profile)
{
    rig_subject(&rig, SUBJECT, "x.example", ".x.example a.x.example", profile);
}

#endif

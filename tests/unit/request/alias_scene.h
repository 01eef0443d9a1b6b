/*
 * The scene of the tests about aliases of challenges: a rig with zones x.example (DNS instance "fake") and b.example ("other"),
 * and a DNS server of both that knows aliases. Included by the test files themselves, once each.
 */
#ifndef TESTS_ALIAS_SCENE_H
#define TESTS_ALIAS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/dns_server.h"
#include "fakes/rig.h"

#define OWNER "_acme-challenge.a.x.example."
#define LINE  "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0\n"
enum { T_CNAME = 5, T_TXT = 16, F_AA = 0x0400, F_TC = 0x0200, RECORDS = 24 };

/* A server of x.example and b.example that knows aliases, and has the value at every other name. */
static struct record {
    const char *name, *target;
} records[RECORDS];
static size_t n_records;
static enum { GOOD, SILENT, SERVFAIL, NXDOMAIN, TRUNCATED, GARBAGE, BOTH, TWO_ALIASES } mood;
static struct fake_server server;
static size_t cname_questions, tcp_questions;
static char asked[2000]; /* names of CNAME questions */

static struct rig rig;
static struct rig_answer one, two;
static char *csr;

static const char *target_of(const char *name)
{
    for (size_t i = 0; i < n_records; i++) {
        const char *pattern = records[i].name;

        if (strcmp(pattern, name) == 0 || (pattern[0] == '*' && strlen(name) > strlen(pattern) &&
                                           strcmp(name + strlen(name) - strlen(pattern) + 1, pattern + 1) == 0))
            return records[i].target;
    }
    return NULL;
}

static void answer_alias(const struct fake_question *q, struct message *reply, const char *target)
{
    if (mood == GARBAGE) {
        fake_reply(reply, q, F_AA, 2, 0);
        put_record(reply, q->name, T_CNAME, 1, 5, "\x3f" "abc", 4); /* a label that ends beyond the record */
        put_bytes(reply, "\xff\xff\xff", 3);
        return;
    }
    fake_reply(reply, q, F_AA, mood == BOTH || mood == TWO_ALIASES ? 2 : 1, 0);
    if (mood == BOTH)
        fake_txt(reply, q->name, "something else");
    if (mood == TWO_ALIASES)
        fake_name(reply, q->name, T_CNAME, "another.b.example.");
    fake_name(reply, q->name, T_CNAME, target);
}

static void answer(void *arg, struct fake_server *from, const struct fake_question *q, struct message *reply)
{
    const char *target = target_of(q->name);

    (void)arg, (void)from;
    cname_questions += q->type == T_CNAME;
    tcp_questions += q->tcp;
    if (q->type == T_CNAME)
        snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%s ", q->name);
    if (mood == SILENT && q->type == T_CNAME)
        return;
    if (mood == SERVFAIL && q->type == T_CNAME)
        fake_reply(reply, q, 2, 0, 0);
    else if (mood == TRUNCATED && !q->tcp)
        fake_reply(reply, q, F_AA | F_TC, 0, 0);
    else if (target)
        answer_alias(q, reply, target);
    else if (q->type == T_CNAME)
        fake_reply(reply, q, F_AA | (mood == NXDOMAIN ? 3 : 0), 0, 0);
    else {
        fake_reply(reply, q, F_AA, 1, 0);
        fake_txt(reply, q->name, "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0");
    }
}

static void record(const char *name, const char *target)
{
    assert_true(n_records < RECORDS);
    records[n_records++] = (struct record){ name, target };
}

static void row(const char *zone, const char *dns, const char *more)
{
    char sql[1200];

    assert_true(snprintf(sql, sizeof sql, "INSERT INTO zone (zone, dns, servers) VALUES ('%s', '%s', '%s')", zone, dns,
                         server.address) < (int)sizeof sql);
    rig_sql(&rig, sql);
    if (!more[0])
        return;
    assert_true(snprintf(sql, sizeof sql, "UPDATE zone SET %s WHERE zone = '%s'", more, zone) < (int)sizeof sql);
    rig_sql(&rig, sql);
}

static int set_up(void **state)
{
    (void)state;
    n_records = cname_questions = tcp_questions = 0;
    asked[0] = '\0';
    mood = GOOD;
    rig_up(&rig, "");
    fake_server_start(&server, rig.loop, "127.0.0.1", 0, answer, NULL);
    row("x.example", "fake", "");
    row("b.example", "other", "");
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "put+gate:go+ok");
    csr = rig_csr("a.x.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(csr);
    rig_answer_free(&one);
    rig_answer_free(&two);
    fake_server_stop(&server);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static void post(void)
{
    rig_post(&rig, csr, &one);
}

static void post_for(const char *san)
{
    free(csr);
    csr = rig_csr_for("a.x.example", san);
    post();
}

/* Until the value is there and seen; then the CA holds the order. */
static void post_until_published(void)
{
    post();
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1 || one.came);
    if (one.came)
        fail_msg("the order ended: %s", one.text);
}

static bool other_serves(const char *owner, const char *lines)
{
    char *served = rig_served_other(&rig, owner);
    const bool same = served && lines ? strcmp(served, lines) == 0 : !served && !lines;

    free(served);
    return same;
}

/* The first order ends, and its value goes. */
static void finish_one(void)
{
    const size_t before = rig_challenges(&rig);

    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_until_true(&rig, rig_challenges(&rig) == before - 1);
}

static void finish(void)
{
    finish_one();
    rig_rest(&rig);
    assert_int_equal(rig_challenges(&rig), 0);
}

static void expect_in_b(const char *owner)
{
    post_until_published();
    assert_true(other_serves(owner, LINE));
    assert_true(rig_serves(&rig, OWNER, NULL));
    assert_int_equal(rig_count(&rig, "job_challenge WHERE dns = 'other' AND zone = 'b.example.'"), 1);
    finish();
    assert_true(other_serves(owner, NULL));
}

static void expect_in_own_zone(const char *owner)
{
    post_until_published();
    assert_true(rig_serves(&rig, owner, LINE));
    assert_int_equal(rig_count(&rig, "job_challenge WHERE dns = 'fake' AND zone = 'x.example.'"), 1);
    finish();
    assert_true(rig_serves(&rig, owner, NULL));
}

static void expect_refused(const char *reason, const char *text)
{
    post();
    rig_until(&rig, &one.came);
    assert_null(one.chain);
    assert_string_equal(one.reason, reason);
    if (!strstr(one.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, one.text);
    rig_rest(&rig);
    assert_int_equal(rig_dns_calls(&rig), 0);
    assert_int_equal(rig_challenges(&rig), 0);
}

#endif

/* engine/loop.c: the mailbox, stopping, and the watchdog. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "engine/log.h"
#include "engine/loop.h"
#include "engine/timer.h"
#include "stderr_text.h"

#define SENDERS 4
#define LETTERS 5000

struct letter {
    struct mail mail;
    struct box *box;
    size_t sender, number;
};

struct box {
    struct loop *loop;
    size_t arrived, next[SENDERS];
    bool out_of_order;
    struct letter reply;
};

static int begin(void **state)
{
    *state = loop_new(NULL);
    return *state ? 0 : -1;
}

static int end(void **state)
{
    loop_free(*state);
    return 0;
}

static void on_letter(struct mail *mail)
{
    struct letter *letter = (struct letter *)mail;
    struct box *box = letter->box;

    if (letter->number != box->next[letter->sender]++)
        box->out_of_order = true;
    if (++box->arrived == SENDERS * LETTERS)
        loop_stop(box->loop);
}

struct sender {
    struct box *box;
    size_t index;
    struct letter *letters;
};

static void *send_all(void *arg)
{
    struct sender *sender = arg;

    for (size_t i = 0; i < LETTERS; i++) {
        sender->letters[i] = (struct letter){ .mail.fn = on_letter, .box = sender->box, .sender = sender->index, .number = i };
        loop_post(sender->box->loop, &sender->letters[i].mail);
    }
    return NULL;
}

static void mail_of_many_threads_arrives_once_and_in_order(void **state)
{
    struct box box = { .loop = *state };
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    for (size_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ &box, i, calloc(LETTERS, sizeof(struct letter)) };
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    loop_run(box.loop);
    for (size_t i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        free(senders[i].letters);
    }
    assert_int_equal(box.arrived, SENDERS * LETTERS);
    assert_false(box.out_of_order);
}

#define ROUNDS 2000

struct pen_pal {
    struct loop *loop;
    struct letter letter;
    sem_t answered;
    size_t rounds;
};

static void on_round(struct mail *mail)
{
    struct pen_pal *pal = (struct pen_pal *)((char *)mail - offsetof(struct pen_pal, letter.mail));

    if (++pal->rounds == ROUNDS)
        loop_stop(pal->loop);
    sem_post(&pal->answered);
}

static void *write_and_wait(void *arg)
{
    struct pen_pal *pal = arg;

    for (size_t i = 0; i < ROUNDS; i++) {
        pal->letter.mail.fn = on_round;
        loop_post(pal->loop, &pal->letter.mail);
        sem_wait(&pal->answered);
    }
    return NULL;
}

static void each_letter_wakes_the_loop_up(void **state)
{
    struct pen_pal pal = { .loop = *state };
    pthread_t thread;

    sem_init(&pal.answered, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, write_and_wait, &pal), 0);
    loop_run(pal.loop);
    pthread_join(thread, NULL);
    assert_int_equal(pal.rounds, ROUNDS);
    sem_destroy(&pal.answered);
}

struct chatter {
    struct mail mail;
    struct loop *loop;
    struct timer timer;
    bool readable, rang;
};

static void on_chatter(struct mail *mail)
{
    struct chatter *chatter = (struct chatter *)mail;

    loop_post(chatter->loop, &chatter->mail);
}

static void on_readable(int fd, short events, void *arg)
{
    (void)fd, (void)events;
    ((struct chatter *)arg)->readable = true;
}

static void on_rang(void *arg)
{
    ((struct chatter *)arg)->rang = true;
}

static void mail_without_end_holds_up_neither_descriptors_nor_timers(void **state)
{
    struct chatter chatter = { .mail.fn = on_chatter, .loop = *state };
    struct event *event;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    event = event_new(loop_base(*state), ends[0], EV_READ, on_readable, &chatter);
    assert_int_equal(event_add(event, NULL), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_post(chatter.loop, &chatter.mail);
    timer_set_in(chatter.loop, &chatter.timer, 0, on_rang, &chatter);
    for (int i = 0; i < 10; i++)
        loop_run_once(*state, 1000);
    assert_true(chatter.readable && chatter.rang);
    event_free(event);
    close(ends[0]);
    close(ends[1]);
}

static void on_answered(struct mail *mail)
{
    struct letter *letter = (struct letter *)mail;

    letter->box->arrived++;
}

static void on_asked(struct mail *mail)
{
    struct box *box = ((struct letter *)mail)->box;

    box->reply = (struct letter){ .mail.fn = on_answered, .box = box };
    loop_post(box->loop, &box->reply.mail);
    assert_int_equal(box->arrived, 0);
}

static void mail_never_runs_inside_the_post(void **state)
{
    struct box box = { .loop = *state };
    struct letter letter = { .mail.fn = on_asked, .box = &box };

    loop_post(box.loop, &letter.mail);
    assert_int_equal(box.arrived, 0);
    loop_run_once(box.loop, 1000);
    assert_int_equal(box.arrived, 0);
    loop_run_once(box.loop, 1000);
    assert_int_equal(box.arrived, 1);
}

struct self_writer {
    struct box box;
    struct letter letter;
    struct timer timer;
    bool rang;
};

static void on_byte_write_to_self(int fd, short events, void *arg)
{
    struct self_writer *writer = arg;
    char byte;

    (void)events;
    assert_int_equal(read(fd, &byte, 1), 1);
    loop_post(writer->box.loop, &writer->letter.mail);
}

static void on_self_writer_rang(void *arg)
{
    ((struct self_writer *)arg)->rang = true;
}

/* Otherwise the second turn would end at once, because of a bell that nobody needed. */
static void what_the_loop_posts_to_itself_is_delivered_and_wakes_nobody_up(void **state)
{
    struct self_writer writer = { .box.loop = *state, .letter.mail.fn = on_answered };
    struct event *event;
    int ends[2];

    writer.letter.box = &writer.box;
    assert_int_equal(pipe(ends), 0);
    event = event_new(loop_base(*state), ends[0], EV_READ, on_byte_write_to_self, &writer);
    assert_int_equal(event_add(event, NULL), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_run_once(*state, 1000);
    assert_int_equal(writer.box.arrived, 1);
    timer_set_in(*state, &writer.timer, 20, on_self_writer_rang, &writer);
    loop_run_once(*state, 10000);
    assert_true(writer.rang);
    event_free(event);
    close(ends[0]);
    close(ends[1]);
}

static void a_stop_before_the_run_ends_the_run(void **state)
{
    loop_stop(*state);
    loop_run(*state);
    loop_stop(*state);
    loop_run(*state);
}

static void running_once_waits_no_longer_than_said(void **state)
{
    int64_t fastest_ms = INT64_MAX;

    for (int i = 0; i < 10; i++) { /* a busy machine may stretch some of them */
        const int64_t before_ms = cs_now_ms();
        int64_t took_ms;

        loop_run_once(*state, 0);
        loop_run_once(*state, 20);
        took_ms = cs_now_ms() - before_ms;
        assert_true(took_ms >= 19);
        if (took_ms < fastest_ms)
            fastest_ms = took_ms;
    }
    assert_true(fastest_ms < 2000);
}

static void it_waits_that_long_although_an_earlier_timer_was_cleared(void **state)
{
    struct chatter chatter = { .loop = *state };
    int64_t before_ms;

    timer_set_in(*state, &chatter.timer, 30, on_rang, &chatter);
    loop_run_once(*state, 1);
    timer_clear(&chatter.timer);
    before_ms = cs_now_ms();
    loop_run_once(*state, 60);
    assert_true(cs_now_ms() - before_ms >= 59);
    assert_false(chatter.rang);
}

static void *ask_where(void *arg)
{
    *(bool *)arg = on_loop_thread();
    return NULL;
}

static void only_its_own_thread_is_the_loop_thread(void **state)
{
    bool elsewhere = true;
    pthread_t thread;

    (void)state;
    assert_true(on_loop_thread());
    pthread_create(&thread, NULL, ask_where, &elsewhere);
    pthread_join(thread, NULL);
    assert_false(elsewhere);
}

static void without_a_loop_no_thread_is_the_loop_thread(void **state)
{
    (void)state;
    assert_false(on_loop_thread());
}

static void on_lazy(struct mail *mail)
{
    (void)mail;
    loop_blame("dns.slow");
    nanosleep(&(struct timespec){ .tv_nsec = 60 * 1000 * 1000 }, NULL);
}

static void who_holds_up_the_loop_is_named_in_the_log(void **state)
{
    struct mail mail = { .fn = on_lazy };
    static struct stderr_text seen;
    const char *text;

    loop_post(*state, &mail);
    stderr_watch(&seen);
    loop_run_once(*state, 1000);
    text = stderr_seen(&seen);
    assert_true(strstr(text, "warn  dns.slow: a message callback held up the loop took_ms="));
}

static void unread_mail_is_dropped_with_the_loop(void **state)
{
    struct mail mail = { .fn = on_lazy };
    struct loop *loop = loop_new(NULL);

    (void)state;
    assert_true(loop != NULL);
    loop_post(loop, &mail);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mail_of_many_threads_arrives_once_and_in_order, begin, end),
        cmocka_unit_test_setup_teardown(each_letter_wakes_the_loop_up, begin, end),
        cmocka_unit_test_setup_teardown(mail_without_end_holds_up_neither_descriptors_nor_timers, begin, end),
        cmocka_unit_test_setup_teardown(mail_never_runs_inside_the_post, begin, end),
        cmocka_unit_test_setup_teardown(what_the_loop_posts_to_itself_is_delivered_and_wakes_nobody_up, begin, end),
        cmocka_unit_test_setup_teardown(a_stop_before_the_run_ends_the_run, begin, end),
        cmocka_unit_test_setup_teardown(running_once_waits_no_longer_than_said, begin, end),
        cmocka_unit_test_setup_teardown(it_waits_that_long_although_an_earlier_timer_was_cleared, begin, end),
        cmocka_unit_test_setup_teardown(only_its_own_thread_is_the_loop_thread, begin, end),
        cmocka_unit_test(without_a_loop_no_thread_is_the_loop_thread),
        cmocka_unit_test_setup_teardown(who_holds_up_the_loop_is_named_in_the_log, begin, end),
        cmocka_unit_test(unread_mail_is_dropped_with_the_loop),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

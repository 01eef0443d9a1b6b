/* engine/workers.c: pools of threads that run what may block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "engine/workers.h"

static atomic_int done, inside, most_inside;
static sem_t gate;

static void add_one(void *arg)
{
    done += *(int *)arg;
}

static void everything_queued_is_done_before_the_end(void **state)
{
    struct workers *workers = workers_new("test", 3, NULL);
    int one = 1;

    (void)state;
    done = 0;
    assert_true(workers != NULL);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(workers_run(workers, add_one, &one, NULL), 0);
    workers_free(workers);
    assert_int_equal(done, 1000);
}

static void stay(void *arg)
{
    int now = ++inside, most = most_inside;

    (void)arg;
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        continue;
    sem_wait(&gate);
    inside--;
}

static void wait_until(const atomic_int *value, int wanted)
{
    for (int i = 0; i < 20000 && *value < wanted; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void no_more_run_at_once_than_there_are_threads(void **state)
{
    struct workers *workers = workers_new("test", 4, NULL);

    (void)state;
    sem_init(&gate, 0, 0);
    inside = most_inside = 0;
    for (int i = 0; i < 20; i++)
        assert_int_equal(workers_run(workers, stay, NULL, NULL), 0);
    wait_until(&inside, 4);
    assert_int_equal(inside, 4);
    for (int i = 0; i < 20; i++)
        sem_post(&gate);
    workers_free(workers);
    assert_int_equal(most_inside, 4);
    assert_int_equal(inside, 0);
    sem_destroy(&gate);
}

static void note_thread(void *arg)
{
    *(pid_t *)arg = gettid();
    done++;
}

/* The kernel says that it sleeps: with nothing to do, that is for more work. */
static bool sleeps(pid_t thread)
{
    char path[64], state = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    f = fopen(path, "r");
    assert_true(f != NULL);
    assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
    fclose(f);
    return state == 'S';
}

static void wait_until_idle(pid_t thread)
{
    for (int i = 0; i < 20000 && !sleeps(thread); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    assert_true(sleeps(thread));
}

static void an_idle_thread_is_used_before_a_new_one_starts(void **state)
{
    struct workers *workers = workers_new("test", 8, NULL);
    pid_t threads[5];

    (void)state;
    done = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(workers_run(workers, note_thread, &threads[i], NULL), 0);
        wait_until(&done, i + 1);
        assert_int_equal(done, i + 1);
        wait_until_idle(threads[i]);
    }
    for (int i = 1; i < 5; i++)
        assert_int_equal(threads[0], threads[i]);
    workers_free(workers);
}

static void note_name(void *arg)
{
    pthread_getname_np(pthread_self(), arg, 16);
}

static void a_thread_has_the_pools_name(void **state)
{
    struct workers *workers = workers_new("dns.main-with-a-long-name", 1, NULL);
    char name[16] = "";

    (void)state;
    assert_int_equal(workers_run(workers, note_name, name, NULL), 0);
    workers_free(workers);
    assert_string_equal(name, "dns.main-with-a");
}

static void note_signals(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
}

static void signals_stay_with_the_loop_thread(void **state)
{
    struct workers *workers = workers_new("test", 1, NULL);
    sigset_t in_worker, here;

    (void)state;
    assert_int_equal(workers_run(workers, note_signals, &in_worker, NULL), 0);
    workers_free(workers);
    assert_true(sigismember(&in_worker, SIGTERM));
    assert_true(sigismember(&in_worker, SIGCHLD));
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    assert_false(sigismember(&here, SIGTERM));
}

static void freeing_nothing_is_harmless(void **state)
{
    (void)state;
    workers_free(NULL);
    workers_free(workers_new("never used", 2, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_queued_is_done_before_the_end),
        cmocka_unit_test(no_more_run_at_once_than_there_are_threads),
        cmocka_unit_test(an_idle_thread_is_used_before_a_new_one_starts),
        cmocka_unit_test(a_thread_has_the_pools_name),
        cmocka_unit_test(signals_stay_with_the_loop_thread),
        cmocka_unit_test(freeing_nothing_is_harmless),
    };

    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}

/*
 * Ends `countersign-moved` as kill -9 does, at a step of an order that tools/soak names. Never installed.
 *
 * COUNTERSIGN_KILL=STEP WHEN N MS: when the step comes for the Nth time. WHEN is `at` for a step that is told: the program dies
 * before it goes on. Of a step that is written down `before` is inside its transaction, `after` between the commit and whoever
 * waits for it. With MS above 0 a thread does it so many milliseconds later, wherever the program has come to then.
 * COUNTERSIGN_KILL=list prints the core's table of steps instead: name, told or written, what it is.
 *
 * COUNTERSIGN_STEPS=FILE: every step that comes is a line of that file.
 *
 * The linker leads the core's calls here (--wrap, see meson.build).
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/step.h"
#include "records/batch.h"

enum { NAME_MOST = 40 };

void __real_step_reached(enum step_id id, const char *about);
void __real_step_written(enum step_id id, const char *about);
void __real_step_named(const char *who, const char *about, const char *name);
void __real_step_saved(const char *about, const char *name);
enum batch_end __real_batch_write(const struct store_conn *c, struct piece *first, struct cs_error *err);
void __wrap_step_reached(enum step_id id, const char *about);
void __wrap_step_written(enum step_id id, const char *about);
void __wrap_step_named(const char *who, const char *about, const char *name);
void __wrap_step_saved(const char *about, const char *name);
enum batch_end __wrap_batch_write(const struct store_conn *c, struct piece *first, struct cs_error *err);

static struct {
    char step[NAME_MOST], when[NAME_MOST];
    int ms;
    atomic_int left; /* until its turn; 0: never */
} wanted;
static int steps_fd = -1;
static _Thread_local bool is_in_transaction; /* the step whose commit shall come first */

static void list_steps(void)
{
    for (int i = 0; i < STEP_IDS; i++)
        printf("%s %s %s\n", step_table[i].name, step_table[i].written ? "written" : "told", step_table[i].what);
    exit(fflush(stdout) ? 1 : 0);
}

__attribute__((constructor)) static void read_wish(void)
{
    const char *wish = getenv("COUNTERSIGN_KILL"), *steps = getenv("COUNTERSIGN_STEPS");
    int n = 0;

    if (wish && strcmp(wish, "list") == 0)
        list_steps();
    if (wish && (sscanf(wish, "%39s %39s %d %d", wanted.step, wanted.when, &n, &wanted.ms) != 4 || n < 1)) {
        fprintf(stderr, "COUNTERSIGN_KILL is STEP WHEN N MS, not \"%s\"\n", wish);
        abort();
    }
    atomic_store(&wanted.left, n);
    if (steps)
        steps_fd = open(steps, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (steps && steps_fd < 0) {
        perror(steps);
        abort();
    }
}

static void *die_later(void *arg)
{
    const struct timespec nap = { .tv_sec = wanted.ms / 1000, .tv_nsec = wanted.ms % 1000 * 1000000L };

    nanosleep(&nap, NULL);
    kill(getpid(), SIGKILL);
    return arg;
}

static void die(void)
{
    pthread_t thread;

    if (wanted.ms == 0 || pthread_create(&thread, NULL, die_later, NULL) != 0)
        kill(getpid(), SIGKILL);
}

static void note(const char *name)
{
    char line[NAME_MOST + 2];
    int len = snprintf(line, sizeof line, "%s\n", name);

    if (steps_fd >= 0 && write(steps_fd, line, (size_t)len) != len)
        abort();
}

static bool is_its_turn(const char *name)
{
    return wanted.step[0] && strcmp(name, wanted.step) == 0 && atomic_fetch_sub(&wanted.left, 1) == 1;
}

static void told(const char *name)
{
    note(name);
    if (is_its_turn(name))
        die();
}

static void written(const char *name)
{
    note(name);
    if (!is_its_turn(name))
        return;
    if (strcmp(wanted.when, "before") == 0)
        die();
    else
        is_in_transaction = true;
}

void __wrap_step_reached(enum step_id id, const char *about)
{
    __real_step_reached(id, about);
    told(step_table[id].name);
}

void __wrap_step_named(const char *who, const char *about, const char *name)
{
    __real_step_named(who, about, name);
    told(name);
}

void __wrap_step_written(enum step_id id, const char *about)
{
    __real_step_written(id, about);
    written(step_table[id].name);
}

void __wrap_step_saved(const char *about, const char *name)
{
    char saved[NAME_MOST];

    __real_step_saved(about, name);
    snprintf(saved, sizeof saved, "saved-%.31s", name);
    written(saved);
}

enum batch_end __wrap_batch_write(const struct store_conn *c, struct piece *first, struct cs_error *err)
{
    enum batch_end end = __real_batch_write(c, first, err);

    if (is_in_transaction)
        die();
    return end;
}

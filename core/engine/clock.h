/*
 * cs_now_ms() and cs_wall_ms() (declared in <countersign/plugin.h>) are defined in clock.c, or, in tests only, in
 * clock_moved.c: the real clocks plus what the test has moved them by. Which file is linked is meson's choice.
 */
#ifndef ENGINE_CLOCK_H
#define ENGINE_CLOCK_H

#include "engine/loop.h"

/* Tests only (clock_moved.c): both clocks go forward by `ms`, and due timers fire at the next turn of the loop. */
void clock_move(struct loop *loop, int64_t ms);
/* Tests only: from now on, or until `frozen` is false, the clocks go only where the test moves them. */
void clock_freeze(bool frozen);
/* Tests only: the wall clock alone steps, forward or back. */
void clock_step_wall(int64_t ms);

#endif

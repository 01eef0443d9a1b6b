/*
 * One DNS instance without a server around it; see lone.h.
 */
#include "command/lone.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "command/table.h"
#include "engine/log.h"
#include "request/owner.h"

enum { TRANSFERS = 32, LATE_MS = 3000 /* for a plugin to finish after its deadline, or when told to stop */ };

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Open and close ---- */

static int make_parts(struct lone *lone, const char *name, struct cs_error *err)
{
    struct setup *setup = &lone->setup;

    if (table_check_instance(&setup->settings, ROLE_DNS, name, err) < 0)
        return -1;
    setup_only(setup, settings_block(&setup->settings, ROLE_DNS, name));
    setup->loop = loop_new(err);
    if (!setup->loop)
        return -1;
    lone->client = http_client_new(setup->loop, "countersign/" CS_VERSION, TRANSFERS, err);
    if (!lone->client)
        return -1;
    setup->instances = instances_new(setup->loop, lone->client, &setup->only, setup->config, err);
    return setup->instances ? instances_bind(setup->instances, err) : -1;
}

/* An instance that plays another role as well is opened once, for whichever comes first. */
static int open_roles(struct lone *lone, struct cs_error *err)
{
    for (size_t i = 0; i < lone->setup.only.n_blocks; i++)
        if (instances_open(lone->setup.instances, lone->setup.only.blocks[i].role, err) < 0)
            return -1;
    if (instances_start(lone->setup.instances, err) < 0)
        return -1;
    instances_caught_up(lone->setup.instances);
    return 0;
}

static int load(struct lone *lone, struct cs_error *err)
{
    struct setup *setup = &lone->setup;

    if (instances_load(setup->instances, setup->user, setup->starter, err) < 0) {
        fputs(config_complaints(setup->config), stderr);
        return -1;
    }
    lone->instance = instances_at(setup->instances, ROLE_DNS, 0);
    lone->keep = keep_new(NULL);
    if (!lone->keep)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    lone->instance->in.keep = lone->keep;
    return open_roles(lone, err);
}

int lone_open(struct lone *lone, const char *config_path, const char *name, struct cs_error *err)
{
    struct setup *setup = &lone->setup;

    *lone = (struct lone){ .setup.state_lock = -1, .deadline_ms = OWNER_CALL_MS };
    if (setup_read(setup, config_path) < 0)
        return -1;
    log_setup(setup->settings.log_level);
    setup_process();
    if (make_parts(lone, name, err) < 0 || setup_make_folder(setup, setup->settings.state, err) < 0 ||
        setup_drop_privileges(setup, err) < 0)
        return -1;
    return load(lone, err);
}

int lone_reopen(struct lone *lone, struct cs_error *err)
{
    if (lone->instance->calls)
        return cs_fail(err, CS_EBUSY, "the plugin has not finished an earlier call");
    if (instance_reopen(lone->instance, err) == 0)
        return 0;
    lone->stuck = true;
    return cs_fail_in(err, "opened again");
}

bool lone_close(struct lone *lone)
{
    if (!setup_rest(&lone->setup, cs_now_ms() + (lone->stuck ? 0 : LATE_MS)))
        return false;
    http_client_free(lone->client);
    setup_free(&lone->setup);
    keep_free(lone->keep);
    *lone = (struct lone){ .setup.state_lock = -1 };
    return true;
}

/* ---- Calls ---- */

struct lone_call {
    bool ended, out; /* out: its deadline has passed, but the plugin has not finished */
    struct lone_result result;
    int64_t began_us;
};

static void on_set(void *arg, const struct op_result *result)
{
    struct lone_call *call = arg;

    call->out = result->cancelled;
    if (result->late)
        return;
    call->result = (struct lone_result){ .failed = result->err != NULL, .us = now_us() - call->began_us };
    if (result->err)
        call->result.err = *result->err;
    call->ended = true;
}

struct lone_call *lone_begin(struct lone *lone, const struct cs_txt_change *change)
{
    struct lone_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->began_us = now_us();
    if (lone->stuck) {
        call->ended = call->result.failed = true;
        cs_fail(&call->result.err, CS_EBUSY,
                "the plugin was not asked: it has not finished an earlier call, or was not opened again");
    } else {
        instance_set_txt(lone->instance, change, "", cs_now_ms() + lone->deadline_ms, on_set, call);
    }
    return call;
}

/* A call that is still out is the plugin's: it stays, even when nobody waits for it any more. */
void lone_end(struct lone *lone, struct lone_call *call, struct lone_result *result)
{
    int64_t until_ms;

    while (!call->ended)
        loop_run_once(lone->setup.loop, 1000);
    until_ms = cs_now_ms() + LATE_MS;
    while (call->out && !lone->stuck && cs_now_ms() < until_ms)
        loop_run_once(lone->setup.loop, 50);
    *result = call->result;
    if (!call->out) {
        free(call);
        return;
    }
    lone->stuck = true;
    cs_fail(&result->err, CS_ETIMEDOUT, "the plugin did not finish the call, not even after its deadline of %d ms",
            (int)lone->deadline_ms);
}

void lone_set_txt(struct lone *lone, const struct cs_txt_change *change, struct lone_result *result)
{
    struct lone_call *call = lone_begin(lone, change);

    if (call) {
        lone_end(lone, call, result);
        return;
    }
    *result = (struct lone_result){ .failed = true };
    cs_fail(&result->err, CS_EINTERNAL, "out of memory");
}

/*
 * The command line of `countersign plugin test`; see plugin_test.h. What it tries stands in conformance.c and steps.c.
 */
#include "command/plugin_test.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/name.h"
#include "command/steps.h"
#include "command/table.h"
#include "plugin/duration.h"

static const char usage[] =
    "usage: countersign [-c FILE] plugin test INSTANCE --zone ZONE --steps -\n"
    "\n"
    "Opens one dns instance of the configuration and makes changes in ZONE, as the server would.\n"
    "\n"
    "  --zone ZONE           the zone that is changed\n"
    "  --steps -             changes from standard input, one JSON object a line:\n"
    "                        {\"owner\": \"_acme-challenge.x.ZONE.\", \"want\": [\"…\"], \"gone\": [\"…\"], \"ttl\": 10}\n"
    "  --deadline DURATION   of each change; default 30s\n";

struct plan {
    const char *instance;
    char zone[NAME_MAX_LEN + 1];
    const char *steps;
    int64_t deadline_ms; /* 0: the server's own */
};

static int read_duration(int64_t *out, const char *value, const char *what, struct cs_error *err)
{
    if (duration_parse(value, out) == 0 && *out > 0)
        return 0;
    return cs_fail(err, CS_EINPUT, "%s takes a time such as 500ms or 30s, not `%.40s`", what, value);
}

static int read_option(struct plan *plan, int option, const char *value, struct cs_error *err)
{
    switch (option) {
    case 'z':
        return table_name(plan->zone, value, NAME_ONE_LABEL | NAME_UNDERSCORE, "--zone", err);
    case 's':
        plan->steps = value;
        return strcmp(value, "-") == 0 ? 0 : cs_fail(err, CS_EINPUT, "--steps reads standard input only: say --steps -");
    case 'd':
        return read_duration(&plan->deadline_ms, value, "--deadline", err);
    default:
        return cs_fail(err, CS_EINPUT, "what it takes:");
    }
}

/* Returns an exit code, or -1 to go on. */
static int read_plan(struct plan *plan, const struct command_line *line)
{
    static const struct option options[] = {
        { "zone", required_argument, NULL, 'z' },     { "steps", required_argument, NULL, 's' },
        { "deadline", required_argument, NULL, 'd' }, { NULL, 0, NULL, 0 },
    };
    static char name[] = "countersign plugin test";
    struct cs_error err = { 0 };
    int option;

    line->argv[1] = name;
    optind = 0;
    while ((option = getopt_long(line->argc - 1, line->argv + 1, "", options, NULL)) != -1)
        if (read_option(plan, option, optarg, &err) < 0)
            return table_wrong_use(usage, "plugin test: %s", err.text);
    if (line->argc - 1 - optind != 1)
        return table_wrong_use(usage, "plugin test: name one dns instance of the configuration");
    plan->instance = line->argv[1 + optind];
    if (!plan->zone[0])
        return table_wrong_use(usage, "plugin test: --zone is missing");
    if (!plan->steps)
        return table_wrong_use(usage, "plugin test: --steps is missing");
    return -1;
}

static int run(const struct plan *plan, struct lone *lone, const char *config_path, struct cs_error *err)
{
    if (lone_open(lone, config_path, plan->instance, err) < 0)
        return -1;
    if (plan->deadline_ms)
        lone->deadline_ms = plan->deadline_ms;
    return steps_run(lone, plan->zone, STDIN_FILENO, err);
}

int plugin_test(const struct command_line *line)
{
    struct plan plan = { 0 };
    struct cs_error err = { 0 };
    struct lone lone;
    int code;

    if (line->argc == 3 && command_is_help(line->argv[2])) {
        fputs(usage, stdout);
        return 0;
    }
    code = read_plan(&plan, line);
    if (code >= 0)
        return code;
    code = run(&plan, &lone, line->config_path, &err);
    if (code < 0 && err.text[0])
        fprintf(stderr, "countersign plugin test: %s\n", err.text);
    fflush(stdout);
    if (!lone_close(&lone)) {
        fprintf(stderr, "countersign plugin test: the plugin has not finished its calls and was not closed\n");
        _exit(1);
    }
    return code == 0 ? 0 : 1;
}

/*
 * The command line of `countersign plugin test`; see plugin_test.h. What it tries stands in conformance.c and steps.c.
 */
#include "command/plugin_test.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/name.h"
#include "command/conformance.h"
#include "command/steps.h"
#include "command/table.h"
#include "plugin/duration.h"

enum { DNS_PORT = 53, VISIBLE_MS = 30 * 1000 };

const struct usage_option plugin_test_options[] = {
    { "zone", "ZONE", 'z', "the zone that is changed" },
    { "server", "ADDRESS", 'a',
      "the authoritative server that is asked: \"192.0.2.1\", \"192.0.2.1:5300\", \"[2001:db8::1]:53\"" },
    { "only", "NAME[,NAME…]", 'o', "these behaviours only" },
    { "list", NULL, 'l', "the behaviours, a line each" },
    { "deadline", "DURATION", 'd', "of each change; default 30s" },
    { "visible", "DURATION", 'v', "how long a change may take to be seen at the server; default 30s" },
    { "steps", "-", 's',
      "instead: changes from standard input, one JSON object a line, and an answer for each:\n"
      "{\"owner\": \"_acme-challenge.x.ZONE.\", \"want\": [\"…\"], \"gone\": [\"…\"], \"ttl\": 10}" },
    USAGE_END,
};

struct choice {
    const char *instance;
    char zone[NAME_MAX_LEN + 1];
    bool list;
    const char *steps;
    int64_t deadline_ms; /* 0: the server's own */
    bool has_server;
    struct conformance_plan plan;
};

static int read_duration(int64_t *out, const char *value, const char *what, struct cs_error *err)
{
    if (duration_parse(value, out) == 0 && *out > 0)
        return 0;
    return cs_fail(err, CS_EINPUT, "%s takes a time such as 500ms or 30s, not `%.40s`", what, value);
}

static int read_server(struct choice *choice, const char *value, struct cs_error *err)
{
    choice->has_server = true;
    if (address_parse(value, DNS_PORT, &choice->plan.server, &choice->plan.server_len, err) < 0)
        return cs_fail_in(err, "--server");
    if (choice->plan.server.ss_family != AF_INET && choice->plan.server.ss_family != AF_INET6)
        return cs_fail(err, CS_EINPUT, "--server takes an address and perhaps a port, not `%.60s`", value);
    return 0;
}

static int read_option(struct choice *choice, int option, const char *value, struct cs_error *err)
{
    switch (option) {
    case 'z':
        return table_name(choice->zone, value, NAME_ONE_LABEL | NAME_UNDERSCORE, "--zone", err);
    case 'a':
        return read_server(choice, value, err);
    case 'o':
        choice->plan.only = value;
        return conformance_check_names(value, err);
    case 'l':
        choice->list = true;
        return 0;
    case 'd':
        return read_duration(&choice->deadline_ms, value, "--deadline", err);
    case 'v':
        return read_duration(&choice->plan.visible_ms, value, "--visible", err);
    case 's':
        choice->steps = value;
        return strcmp(value, "-") == 0 ? 0 : cs_fail(err, CS_EINPUT, "--steps reads standard input only: say --steps -");
    default:
        return cs_fail(err, CS_EINPUT, "what it takes:");
    }
}

static int check_choice(const struct choice *choice, int n_names, struct cs_error *err)
{
    if (choice->list)
        return n_names ? cs_fail(err, CS_EINPUT, "--list takes no instance") : 0;
    if (n_names != 1)
        return cs_fail(err, CS_EINPUT, "name one dns instance of the configuration");
    if (!choice->zone[0])
        return cs_fail(err, CS_EINPUT, "--zone is missing");
    if (choice->steps && (choice->has_server || choice->plan.only))
        return cs_fail(err, CS_EINPUT, "--steps looks at no server and runs no behaviour: leave --server and --only out");
    if (!choice->steps && !choice->has_server)
        return cs_fail(err, CS_EINPUT, "--server is missing: who serves the zone, so that the changes can be seen?");
    return 0;
}

/* Returns an exit code, or -1 to go on. */
static int read_choice(struct choice *choice, const struct command_line *line)
{
    static char name[] = "countersign plugin test";
    struct cs_error err = { 0 };
    int option;

    line->argv[1] = name;
    optind = 0;
    while ((option = usage_next(plugin_test_options, line->argc - 1, line->argv + 1)) != USAGE_OVER)
        if (read_option(choice, option, optarg, &err) < 0)
            return usage_wrong(&usage_plugin, "plugin test: %s", err.text);
    if (check_choice(choice, line->argc - 1 - optind, &err) < 0)
        return usage_wrong(&usage_plugin, "plugin test: %s", err.text);
    choice->instance = line->argv[1 + optind];
    choice->plan.zone = choice->zone;
    return -1;
}

/* How many failed; -1: nothing could be tried. */
static int run(const struct choice *choice, struct lone *lone, const char *config_path, struct cs_error *err)
{
    if (lone_open(lone, config_path, choice->instance, err) < 0)
        return -1;
    if (choice->deadline_ms)
        lone->deadline_ms = choice->deadline_ms;
    if (choice->steps)
        return steps_run(lone, choice->zone, STDIN_FILENO, err);
    return conformance_run(lone, &choice->plan, err);
}

int plugin_test(const struct command_line *line)
{
    struct choice choice = { .plan.visible_ms = VISIBLE_MS };
    struct cs_error err = { 0 };
    struct lone lone;
    int code;

    if (line->argc == 3 && command_is_help(line->argv[2])) {
        usage_help(&usage_plugin, stdout);
        return 0;
    }
    code = read_choice(&choice, line);
    if (code >= 0)
        return code;
    if (choice.list) {
        conformance_list(stdout);
        return 0;
    }
    code = run(&choice, &lone, line->config_path, &err);
    if (code < 0 && err.text[0])
        fprintf(stderr, "countersign plugin test: %s\n", err.text);
    fflush(stdout);
    if (!lone_close(&lone)) {
        fprintf(stderr, "countersign plugin test: the plugin has not finished its calls and was not closed\n");
        _exit(1);
    }
    return code == 0 ? 0 : 1;
}
